"""Facts about docs/kubernetes.md: paths, flags and messages are those of the program."""

import re

import pytest
import yaml

from docker_credential_ecrpy.kubernetes.node.flavors import BIN_DIR_FLAG, CONFIG_FLAG, FLAVORS
from docker_credential_ecrpy.kubernetes.node.placed_file import SUFFIX
from docker_credential_ecrpy.kubernetes.node.record import RECORD
from docker_credential_ecrpy.kubernetes.node.trial import SECONDS
from docker_credential_ecrpy.kubernetes.options import REQUIRE_ROLE, ROLE_ANNOTATIONS
from tests.world.documents import find_page
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
PAGE = find_page("kubernetes")
MANIFESTS = REPOSITORY / "deploy" / "kubernetes" / "kubelet"
SOURCES = "\n".join(
    path.read_text()
    for path in sorted((REPOSITORY / "docker_credential_ecrpy" / "kubernetes").rglob("*.py"))
)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_page_has_each_flavor(flavor: str) -> None:
    """How to install it, and how to restart its kubelet."""
    assert f"--flavor {flavor}" in PAGE.text
    command = FLAVORS[flavor].restart.partition(",")[0]
    assert command in PAGE.text or command.removeprefix("systemctl restart ") in PAGE.text


@pytest.mark.parametrize("flavor", ["k3s", "kubeadm", "microk8s"])
def test_the_page_has_the_paths_to_edit(flavor: str) -> None:
    """Those of the files, or of the flags that are not set by default."""
    usual = FLAVORS[flavor]
    if usual.by_default:
        wanted = [usual.config, usual.bin_dir]
    else:
        wanted = [usual.flags_at.rpartition(" ")[2]]
    if flavor == "kubeadm":
        wanted += [f"--{CONFIG_FLAG}={usual.config}", f"--{BIN_DIR_FLAG}={usual.bin_dir}"]
    for path in wanted:
        assert path in PAGE.text


def test_the_page_names_what_is_left_on_the_node() -> None:
    """The suffixes of the previous files and of the record."""
    assert f"`{SUFFIX}`" in PAGE.text
    assert f"`{RECORD}`" in PAGE.text


def test_the_page_has_the_role_of_the_manifest() -> None:
    """The RBAC that it shows is that which it applies."""
    shown = [yaml.safe_load(block.text) for block in PAGE.blocks("yaml")]
    role, _ = yaml.safe_load_all((MANIFESTS / "service-account-tokens.yaml").read_text())
    assert role in shown
    account = next(each for each in shown if each["kind"] == "ServiceAccount")
    assert set(account["metadata"]["annotations"]) <= set(ROLE_ANNOTATIONS)
    for word in (*ROLE_ANNOTATIONS, f"--arg=--{REQUIRE_ROLE}", f"{SECONDS:.0f} seconds"):
        assert word in PAGE.text


def test_the_page_has_messages_of_the_program() -> None:
    """The left column of the last table, without the names in them."""
    table = PAGE.text.partition("| it says | cause |")[2]
    said = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(said) == 8
    for text in said:
        for part in re.split("ecr-credential-provider|(?<=: )(?=the running)", text):
            assert part.strip() in SOURCES, part


def test_the_page_names_the_files_of_the_manifests() -> None:
    """Each of its paths in the repository is there."""
    named = re.findall(r"deploy/kubernetes/kubelet/?([\w./-]*)", PAGE.text)
    assert named
    for name in named:
        assert (MANIFESTS / name.rstrip(".")).exists(), name
