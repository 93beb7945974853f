"""Facts about finding the kubelet's flags, where each distribution has them."""

import os
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.kubernetes.node.flags import (
    KubeletFlags,
    find_flags,
    read_environ,
    read_start,
)
from docker_credential_ecrpy.kubernetes.node.flavors import FLAVORS, detect_flavor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kubelet of a node is on Linux")
CONFIG, BIN_DIR = "/etc/k/config.yaml", "/etc/k/bin"
FLAGS = f"--image-credential-provider-config={CONFIG} --image-credential-provider-bin-dir={BIN_DIR}"
FILES = {
    "kubeadm": ("var/lib/kubelet/kubeadm-flags.env", f'KUBELET_KUBEADM_ARGS="--v=2 {FLAGS}"\n'),
    "default": ("etc/default/kubelet", f"KUBELET_EXTRA_ARGS={FLAGS}\n"),
    "drop-in": (
        "etc/systemd/system/kubelet.service.d/20-ecr.conf",
        f"[Service]\nEnvironment='KUBELET_EXTRA_ARGS={FLAGS}'\n",
    ),
    "unit with continued lines": (
        "usr/lib/systemd/system/kubelet.service",
        (
            "[Service]\nExecStart=/usr/bin/kubelet \\\n"
            f"  --image-credential-provider-bin-dir {BIN_DIR} \\\n"
            f"  --image-credential-provider-config {CONFIG} \\\n  --v=2\n"
        ),
    ),
    "microk8s": ("var/snap/microk8s/current/args/kubelet", FLAGS.replace(" ", "\n") + "\n"),
    "k3s": (
        "etc/rancher/k3s/config.yaml",
        (
            f"kubelet-arg:\n  - image-credential-provider-config={CONFIG}\n"
            f'  - "image-credential-provider-bin-dir={BIN_DIR}"\n'
        ),
    ),
    "rke2, its own options": (
        "etc/rancher/rke2/config.yaml.d/ecr.yaml",
        (
            f"image-credential-provider-config: {CONFIG}\n"
            f'image-credential-provider-bin-dir: "{BIN_DIR}"\n'
        ),
    ),
}


def write(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(("name", "text"), FILES.values(), ids=FILES)
def test_flags_are_found_in_each_start_up(tmp_path: Path, name: str, text: str) -> None:
    """Both flags and the file's path, for the user to compare and edit."""
    file = write(tmp_path, name, text)
    assert find_flags(str(tmp_path)) == [KubeletFlags(str(file), CONFIG, BIN_DIR)]


def test_a_running_kubelet_comes_first(tmp_path: Path) -> None:
    """What it runs with counts; the file may be newer than its start."""
    write(tmp_path, *FILES["default"])
    write(tmp_path, "proc/12/cmdline", "/usr/bin/kubelet\0" + FLAGS.replace(" ", "\0") + "\0")
    write(tmp_path, "proc/12/environ", "PATH=/bin\0AWS_REGION=us-east-1\0")
    write(tmp_path, "proc/9/cmdline", "/usr/bin/kubelet-exporter\0" + FLAGS)
    running, configured = find_flags(str(tmp_path))
    expected = KubeletFlags("the running kubelet (process 12)", CONFIG, BIN_DIR, 12)
    assert running == expected
    assert configured.pid == 0
    assert read_environ(12, str(tmp_path)) == {"PATH": "/bin", "AWS_REGION": "us-east-1"}
    assert read_environ(9, str(tmp_path)) is None


def test_the_kubelet_of_microk8s_has_its_flags_in_a_file(tmp_path: Path) -> None:
    """Its process has several programs, and only the name of that file."""
    write(tmp_path, *FILES["microk8s"])
    write(tmp_path, "proc/7/cmdline", "/snap/microk8s/1/kubelite\0--kubelet-args-file=x\0")
    running = find_flags(str(tmp_path))[0]
    assert running == KubeletFlags("the running kubelet (process 7)", CONFIG, BIN_DIR, 7)


def test_the_start_of_a_process_is_read() -> None:
    """This one started a moment ago, or some minutes."""
    start = read_start(os.getpid())
    assert start is not None
    assert time.time() - 3600 < start < time.time() + 2
    assert read_start(1 << 30) is None


def test_a_comment_sets_nothing(tmp_path: Path) -> None:
    """A line that is commented out is not a flag."""
    write(tmp_path, "etc/default/kubelet", f"# KUBELET_EXTRA_ARGS={FLAGS}\n")
    assert find_flags(str(tmp_path)) == []


@pytest.mark.parametrize("name", FLAVORS)
def test_a_node_shows_its_distribution(tmp_path: Path, name: str) -> None:
    """By a path that only this distribution has."""
    assert detect_flavor(str(tmp_path)) == ""
    write(tmp_path, FLAVORS[name].marker.lstrip("/") + "/x", "")
    assert detect_flavor(str(tmp_path)) == name
