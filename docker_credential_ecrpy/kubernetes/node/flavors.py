"""Where the Kubernetes distributions have the kubelet's credential provider, and its flags."""

import os

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot.values import dataclass

CONFIG_FLAG = "image-credential-provider-config"
BIN_DIR_FLAG = "image-credential-provider-bin-dir"
_RANCHER = "/var/lib/rancher/credentialprovider"
_KUBEADM = "/etc/kubernetes/image-credential-provider"
_SNAP = "/var/snap/microk8s/common/credentialprovider"


@dataclass(frozen=True)
class Flavor:
    """A distribution. config: the file; bin_dir: the directory of the plugins; name: the provider.

    marker: what shows that a node has this distribution. by_default: whether its kubelet has the
    flags without configuration. flags_at: where to write them. restart: the command.
    """

    config: str
    bin_dir: str
    name: str
    marker: str
    by_default: bool
    flags_at: str
    restart: str


FLAVORS = {
    "eks": Flavor(
        config="/etc/eks/image-credential-provider/config.json",
        bin_dir="/etc/eks/image-credential-provider",
        name="ecr-credential-provider",
        marker="/etc/eks",
        by_default=True,
        flags_at="the kubelet's flags in the node's user data",
        restart="systemctl restart kubelet",
    ),
    "k3s": Flavor(
        config=f"{_RANCHER}/config.yaml",
        bin_dir=f"{_RANCHER}/bin",
        name=PACKAGE,
        marker="/var/lib/rancher/k3s",
        by_default=True,
        flags_at="/etc/rancher/k3s/config.yaml",
        restart="systemctl restart k3s, or k3s-agent on an agent",
    ),
    "rke2": Flavor(
        config=f"{_RANCHER}/config.yaml",
        bin_dir=f"{_RANCHER}/bin",
        name=PACKAGE,
        marker="/var/lib/rancher/rke2",
        by_default=True,
        flags_at="/etc/rancher/rke2/config.yaml",
        restart="systemctl restart rke2-server, or rke2-agent on an agent",
    ),
    "kubeadm": Flavor(
        config=f"{_KUBEADM}/config.yaml",
        bin_dir=f"{_KUBEADM}/bin",
        name=PACKAGE,
        marker="/var/lib/kubelet/kubeadm-flags.env",
        by_default=False,
        flags_at="KUBELET_KUBEADM_ARGS in /var/lib/kubelet/kubeadm-flags.env",
        restart="systemctl restart kubelet",
    ),
    "microk8s": Flavor(
        config=f"{_SNAP}/config.yaml",
        bin_dir=f"{_SNAP}/bin",
        name=PACKAGE,
        marker="/var/snap/microk8s",
        by_default=False,
        flags_at="/var/snap/microk8s/current/args/kubelet",
        restart="snap restart microk8s.daemon-kubelite",
    ),
}
"""Name -> distribution."""


def detect_flavor(root: str) -> str:
    """Return the distribution of the node whose file system is at `root`, or "" if unknown."""
    for name, flavor in FLAVORS.items():
        if os.path.exists(place(root, flavor.marker)):
            return name
    return ""


def place(root: str, path: str) -> str:
    """Return where a node's path is, for a node whose file system is at `root`."""
    return os.path.join(root, path.lstrip("/")) if root not in ("", "/") else path
