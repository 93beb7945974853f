"""Facts about `pull-secrets manifests`: what it prints is what `pull-secrets` runs with."""

from pathlib import Path
from typing import Any

import click
import pytest

from docker_credential_ecrpy.cli.commands.kubernetes import pull_secrets, pull_secrets_manifests
from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.kubernetes.manifests.options import NAME
from tests.world.hosts import HOST
from tests.world.kube import manifests
from tests.world.kube.manifests import Object
from tests.world.machine import Machine

IMAGE = "registry.example.com/ecrpy:1"
ACCOUNT = "123456789012@us-east-1"
NOT_FOR_A_POD = {
    *("remove", "dry_run", "cache", "kubeconfig", "kube_context", "listen", "verbose"),
}
"""The parameters of `pull-secrets` that the manifests do not pass on."""


def made(machine: Machine, *arguments: str) -> list[Object]:
    """Return the objects that it prints; each is valid, and its pods have few rights."""
    done = machine.run("pull-secrets", "manifests", "--image", IMAGE, *arguments)
    assert (done.code, done.stderr) == (0, b""), done
    objects = manifests.parse(done.stdout.decode())
    manifests.validate(objects)
    for pod in manifests.pods(objects):
        manifests.check_privileges(pod)
    return objects


def refused(machine: Machine, *arguments: str) -> str:
    done = machine.run("pull-secrets", "manifests", *arguments)
    assert (done.code, done.stdout) == (2, b""), done
    return done.stderr.decode()


def kinds(objects: list[Object]) -> list[tuple[str, str]]:
    return [(each["kind"], each["metadata"].get("namespace", "")) for each in objects]


def container(objects: list[Object]) -> Any:
    (pod,) = manifests.pods(objects)
    return pod["containers"][0]


# The arguments, and what the pods get: the same ones, but for the namespace that is their own.
PASSED = {
    "least": (["--name", "ecr", ACCOUNT], ["--name=ecr", ACCOUNT]),
    "own namespace": (["--name", "ecr", "--namespace", "shop", HOST], ["--name=ecr", HOST]),
    "everything": (
        [
            *("--once", "--name", "1e3", "--namespace", "a", "--namespace", "b-*"),
            *("--exclude", "b-x", "--label", "env=a=b", "--opt-in", "--service-account", "*"),
            *("--form", "argocd", "--repository", "charts/app", "public.ecr.aws"),
        ],
        [
            *("--once", "--name=1e3", "--form=argocd", "--repository=charts/app"),
            *("--service-account=*", "--exclude=b-x", "--label=env=a=b", "--opt-in"),
            *("--namespace=a", "--namespace=b-*", "public.ecr.aws"),
        ],
    ),
    "resources": (["--resources"], ["--resources"]),
    "resources of one": (["--resources", "--namespace", "shop"], ["--resources"]),
    "resources from elsewhere": (
        ["--resources", "--namespace", "shop", "--pod-namespace", "infra"],
        ["--resources", "--namespace=shop"],
    ),
}


@pytest.mark.parametrize(("arguments", "passed"), PASSED.values(), ids=PASSED)
def test_the_pod_gets_the_arguments(
    machine: Machine, arguments: list[str], passed: list[str]
) -> None:
    """And `pull-secrets` understands them."""
    found = container(made(machine, *arguments))

    assert found["image"] == IMAGE
    assert found["args"] == ["pull-secrets", *passed]
    command = program.commands["pull-secrets"]
    command.make_parser(click.Context(command)).parse_args(list(passed))


def test_each_parameter_is_passed_on_or_not() -> None:
    """A new option of `pull-secrets` must be added to one of the two."""
    names = {param.name for param in pull_secrets.command.params}
    shared = set(pull_secrets_manifests.SHARED)

    assert shared <= names
    assert names - shared <= NOT_FOR_A_POD
    own = [param.name for param in pull_secrets_manifests.command.params]
    assert len(own) == len(set(own))


def test_a_role_in_each_namespace(machine: Machine) -> None:
    """For names; the pods live in a namespace of their own, unless one is given."""
    several = ("--name", "ecr", "--namespace", "a", "--namespace", "b", ACCOUNT)
    roles = [(kind, name) for name in ("a", "b") for kind in ("Role", "RoleBinding")]

    assert kinds(made(machine, *several)) == [
        ("Namespace", ""),
        ("ServiceAccount", NAME),
        *roles,
        ("Deployment", NAME),
    ]
    given = made(machine, "--pod-namespace", "infra", *several)
    assert kinds(given) == [("ServiceAccount", "infra"), *roles, ("Deployment", "infra")]
    for each in given:
        if each["kind"] == "RoleBinding":
            assert [subject["namespace"] for subject in each["subjects"]] == ["infra"]


def rules(objects: list[Object]) -> dict[str, tuple[list[str], list[str]]]:
    """Return verbs and names by resource; of secrets, those without create."""
    (role,) = {
        str(each["rules"]): each for each in objects if each["kind"].endswith("Role")
    }.values()
    return {
        resource: (rule["verbs"], rule.get("resourceNames", []))
        for rule in role["rules"]
        for resource in rule["resources"]
        if rule["verbs"] != ["create"]
    }


def test_no_more_rights_than_the_options_need(machine: Machine) -> None:
    """The Secret by name; service accounts, namespaces and watches only if they are asked for."""
    follow = ["get", "list", "watch", "patch"]
    base = ("--name", "ecr", ACCOUNT)

    assert rules(made(machine, *base)) == {"secrets": (follow, ["ecr"])}
    assert rules(made(machine, "--once", *base)) == {"secrets": (["get", "patch"], ["ecr"])}
    one = rules(made(machine, "--service-account", "default", *base))
    assert one["serviceaccounts"] == (follow, ["default"])
    glob = rules(made(machine, "--once", "--service-account", "*", *base))
    assert glob["serviceaccounts"] == (["get", "list", "patch"], [])
    selected = rules(made(machine, "--opt-in", *base))
    assert selected["namespaces"] == (["list", "watch"], [])
    assert selected["secrets"] == ([*follow, "delete"], ["ecr"])
    assert rules(made(machine, "--once", "--label", "a=b", *base))["namespaces"] == (["list"], [])
    of_one = made(machine, "--resources", "--namespace", "shop")
    assert not {"ClusterRole", "Namespace"} & {kind for kind, _ in kinds(of_one)}
    assert "clusterecrpullsecrets" not in rules(of_one)


def test_the_identities(machine: Machine, tmp_path: Path) -> None:
    """A role, an association or a file; the node's identity never takes their place."""
    base = ("--name", "ecr", ACCOUNT)
    role = "arn:aws:iam::123456789012:role/x"
    given = made(machine, "--role-arn", role, *base)
    (account,) = [each for each in given if each["kind"] == "ServiceAccount"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
    hidden = {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"}
    for words in (("--role-arn", role), ("--pod-identity",), ("--credentials-secret", "1e3")):
        assert hidden in container(made(machine, *words, *base))["env"]
    assert "env" not in container(made(machine, *base))
    text = refused(machine, "--image", IMAGE, "--role-arn", role, "--pod-identity", *base)
    assert "exclude each other" in text


def test_rules_become_a_config_map(machine: Machine, tmp_path: Path) -> None:
    """Byte by byte; the registries are those of these rules, and not of this machine's."""
    file = tmp_path / "rules.toml"
    text = f'# "\'é: \t{{}}\r\n[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n\n'
    file.write_bytes(text.encode())
    words = ("--name", "ecr", "--config", str(file), "images.example.com")
    objects = made(machine, *words)
    (found,) = [each for each in objects if each["kind"] == "ConfigMap"]
    (pod,) = manifests.pods(objects)

    assert found["data"] == {"config.toml": text}
    (volume,), (mount,) = pod["volumes"], pod["containers"][0]["volumeMounts"]
    assert volume == {"name": mount["name"], "configMap": {"name": NAME}}
    path = f"{mount['mountPath']}/config.toml"
    assert pod["containers"][0]["env"] == [{"name": "AWS_ECR_CONFIG", "value": path}]
    machine.environ["AWS_ECR_CONFIG"] = str(file)
    wanted = ("--image", IMAGE, "--name", "ecr", "images.example.com")
    assert "is not an ECR registry" in refused(machine, *wanted)


def test_a_file_of_rules_is_limited_in_bytes(machine: Machine, tmp_path: Path) -> None:
    """The API counts these, too, and not characters."""
    file = tmp_path / "rules.toml"
    file.write_bytes("#é".encode() * 200_000)
    words = ("--image", IMAGE, "--name", "ecr", "--config", str(file), HOST)

    assert "is longer than 512 KiB" in refused(machine, *words)


def test_files_of_rules(machine: Machine, tmp_path: Path) -> None:
    """They become keys of the ConfigMap, beside the config.toml; `--rules` names their folder."""
    config = tmp_path / "config.toml"
    config.write_text("# own\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.main.toml").write_text("# shop\n")
    (tmp_path / "rules" / "README").write_text("no rules")
    objects = made(
        machine, "--resources", "--rules", str(tmp_path / "rules"), "--config", str(config)
    )
    (found,) = [each for each in objects if each["kind"] == "ConfigMap"]

    assert found["data"] == {"config.toml": "# own\n", "shop.main.toml": "# shop\n"}
    (mount,) = container(objects)["volumeMounts"]
    assert container(objects)["args"][1:] == ["--resources", f"--rules={mount['mountPath']}"]
    wrong = ("--image", IMAGE, "--rules", str(tmp_path))
    assert "which is for --config" in refused(machine, *wrong, "--resources")
    alone = ("--image", IMAGE, "--rules", str(tmp_path / "rules"), "--name", "ecr", ACCOUNT)
    assert "--rules needs --resources" in refused(machine, *alone)


WRONG = {
    "no image": (["--name", "ecr", ACCOUNT], "--image"),
    "no registry": (["--image", IMAGE, "--name", "ecr"], "name the registries"),
    "no name": (["--image", IMAGE, ACCOUNT], "name the registries"),
    "a line in the image": (["--image", "a\nb", "--name", "ecr", ACCOUNT], "control characters"),
    "a namespace": (["--image", IMAGE, "--pod-namespace", "A", "--resources"], "no name"),
    "no file": (["--image", IMAGE, "--config", "/no/file", "--resources"], "No such file"),
    "resources and names": (["--image", IMAGE, "--resources", ACCOUNT], "leave it out"),
    "resources by glob": (
        ["--image", IMAGE, "--resources", "--namespace", "a*"],
        "one namespace by name",
    ),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused(machine: Machine, arguments: list[str], text: str) -> None:
    """Nothing is printed then."""
    assert text in refused(machine, *arguments)
