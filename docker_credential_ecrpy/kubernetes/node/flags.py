"""The kubelet's flags for credential providers: those it runs with, and those of its start-up."""

import glob
import os
import re
from collections.abc import Iterator

from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.flavors import BIN_DIR_FLAG, CONFIG_FLAG, place

# A flag on a command line, and as k3s and RKE2 have it: a key with a value, or an item of a list.
_FLAG = re.compile(
    rf"""({CONFIG_FLAG}|{BIN_DIR_FLAG})["']?\s*[=:\s]\s*["']?([^\s"',\\]+)""", re.ASCII
)
# The kubelet's program -> the file that has its flags, or "" if they are arguments.
_PROGRAMS = {"kubelet": "", "kubelite": "/var/snap/microk8s/current/args/kubelet"}
_FILES = (
    "/var/lib/kubelet/kubeadm-flags.env",
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/systemd/system/kubelet.service",
    "/etc/systemd/system/kubelet.service.d/*.conf",
    "/usr/lib/systemd/system/kubelet.service",
    "/usr/lib/systemd/system/kubelet.service.d/*.conf",
    "/lib/systemd/system/kubelet.service",
    "/etc/eks/kubelet/environment",
    "/var/snap/microk8s/current/args/kubelet",
    "/etc/rancher/k3s/config.yaml",
    "/etc/rancher/k3s/config.yaml.d/*.yaml",
    "/etc/rancher/rke2/config.yaml",
    "/etc/rancher/rke2/config.yaml.d/*.yaml",
)
_MOST = 256 * 1024  # bytes of one of these files


@dataclass(frozen=True)
class KubeletFlags:
    """Flags, and where they are set. config, bin_dir: their values, or "". pid: 0 for a file."""

    source: str
    config: str
    bin_dir: str
    pid: int = 0


def find_flags(root: str = "/") -> list[KubeletFlags]:
    """Return the flags of a running kubelet, and then those of the files that start it."""
    return [*_list_running(root), *_list_configured(root)]


def read_environ(pid: int, root: str = "/") -> dict[str, str] | None:
    """Return the environment of a process; None where it cannot be read."""
    try:
        data = bounded.read(place(root, f"/proc/{pid}/environ"), _MOST)
    except OSError:
        return None
    pairs = (each.partition("=") for each in data.decode(errors="surrogateescape").split("\0"))
    return {name: value for name, _, value in pairs if name}


def read_start(pid: int, root: str = "/") -> float | None:
    """Return when a process started, in seconds since the epoch; None where it is unknown."""
    try:
        stat = bounded.read(place(root, f"/proc/{pid}/stat"), _MOST).decode(errors="replace")
        whole = bounded.read(place(root, "/proc/stat"), _MOST).decode(errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])  # the 22nd field: proc(5)
        booted = next(line for line in whole.splitlines() if line.startswith("btime "))
        return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _list_running(root: str) -> Iterator[KubeletFlags]:
    for directory in sorted(glob.glob(place(root, "/proc/[0-9]*"))):
        try:
            data = bounded.read(f"{directory}/cmdline", _MOST)
        except OSError:
            continue  # it has ended
        words = data.decode(errors="surrogateescape").split("\0")
        name = os.path.basename(words[0])
        if name in _PROGRAMS:
            pid = int(os.path.basename(directory))
            file = _PROGRAMS[name]
            text = _read_text(place(root, file)) if file else " ".join(words)
            yield _parse(text, f"the running kubelet (process {pid})", pid)


def _list_configured(root: str) -> Iterator[KubeletFlags]:
    for pattern in _FILES:
        for file in sorted(glob.glob(place(root, pattern))):
            found = _parse(_read_text(file), file)
            if found.config or found.bin_dir:
                yield found


def _read_text(file: str) -> str:
    """Return the lines of a file that are no comments; "" where it cannot be read."""
    try:
        text = bounded.read(file, _MOST).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _parse(text: str, source: str, pid: int = 0) -> KubeletFlags:
    found = dict(_FLAG.findall(text))
    return KubeletFlags(source, found.get(CONFIG_FLAG, ""), found.get(BIN_DIR_FLAG, ""), pid)
