"""The static program as the DaemonSet of deploy/kubernetes/kubelet runs it."""

import subprocess
from pathlib import Path

from tests.world.kubelet_configs import EKS
from tests.world.machine import Machine

DIRECTORY = "etc/eks/image-credential-provider"
# chroot, which stands for the container runtime, needs one capability; the pod has none.
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all,+sys_chroot", "--inh-caps=-all")


def seen(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in directory.iterdir()}


def test_the_daemonset_installs_the_plugin(empty_root: Machine, own_mounts: None) -> None:
    """In an image from scratch that is read-only, as root without capabilities, and removes it."""
    root, plugin = empty_root.root / "root", empty_root.root / "plugin"
    mounted = root / "node" / DIRECTORY
    mounted.mkdir(parents=True)
    plugin.mkdir()
    (plugin / "config.json").write_bytes(EKS)
    (plugin / "ecr-credential-provider").write_text("theirs")
    before = seen(plugin)
    subprocess.run(["mount", "--bind", root, root], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
    subprocess.run(["mount", "--bind", plugin, mounted], check=True)
    command = [*WITHOUT_CAPABILITIES, "--no-new-privs", *empty_root.program]
    given = ["kubelet", "install", "--root=/node", "--flavor=eks"]
    try:
        for said in ("written: ", "already installed: "):
            done = empty_root.run(*given, command=command)
            assert (done.code, done.stderr) == (0, b"")
            assert said in done.stdout.decode()
        program = plugin / "ecr-credential-provider"
        assert program.read_bytes() == (root / Path(empty_root.program[-1]).name).read_bytes()
        assert program.stat().st_mode & 0o777 == 0o755
        assert empty_root.run(*given, "--remove", command=command).code == 0
    finally:
        subprocess.run(["umount", mounted], check=True)
        subprocess.run(["umount", root], check=True)
    assert seen(plugin) == before
