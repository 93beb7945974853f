"""Facts about the commands that set up a node: kubelet config, install and check."""

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from tests.world import play_kubelet, schemas
from tests.world.kubelet_configs import EKS, WITH_COMMENTS
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kubelet of a node is on Linux")
IMAGE = f"{HOST}/team/app:1"
TARGET = f"{HOST}/team/app"
EKS_DIRECTORY = "etc/eks/image-credential-provider"


@pytest.fixture(name="node")
def _node(machine: Machine) -> Path:
    """A node of EKS, with its own plugin."""
    directory = machine.root / "node" / EKS_DIRECTORY
    directory.mkdir(parents=True)
    (directory / "config.json").write_bytes(EKS)
    (directory / "ecr-credential-provider").write_text("#!/bin/sh\nexit 1\n")
    (directory / "ecr-credential-provider").chmod(0o755)
    return machine.root / "node"


@pytest.fixture(name="program")
def _program(machine: Machine) -> Path:
    """The program under test as one file."""
    command = shlex.join(machine.program)
    tree = shlex.quote(os.environ.get("TESTED_TREE", ""))
    return machine.file("program", f'#!/bin/sh\nPYTHONPATH={tree} exec {command} "$@"\n', 0o755)


def aws_options(machine: Machine) -> list[str]:
    """Return the options with which the plugin reaches the loopback AWS, by a profile's file."""
    lines = [f"{k.lower()} = {v}" for k, v in machine.aws.user("node").environ.items()]
    file = machine.config("[node]\n" + "\n".join(lines) + "\n", "credentials")
    names = ("AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED", "HTTPS_PROXY", "NO_PROXY")
    values = {name: machine.environ[name] for name in names}
    values |= {"AWS_PROFILE": "node", "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    values["AWS_ECR_CACHE_DIR"] = str(machine.root / "plugin-cache")
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]


def seen(node: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in node.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in files}


def test_an_installed_plugin_gives_the_kubelet_credentials(
    machine: Machine, node: Path, program: Path
) -> None:
    """Over an existing node of EKS: check says so, and a kubelet gets a token that AWS issued."""
    before = seen(node)
    given = ["--root", str(node), "--program", str(program), *aws_options(machine)]
    done = machine.run("kubelet", "install", *given)
    assert (done.code, done.stderr) == (0, b"")
    printed = done.stdout.decode()
    config = node / EKS_DIRECTORY / "config.json"
    assert (
        f"written: {config}; the previous file: {config}.ecr-credential-provider.before-ecrpy"
        in printed
    )
    assert "kubelet flags: eks sets them if both paths exist when it starts" in printed
    assert printed.endswith("when it starts: systemctl restart kubelet\n")

    checked = machine.run("kubelet", "check", "--root", str(node), IMAGE)
    assert (checked.code, checked.stderr) == (0, b"")
    lines = checked.stdout.decode().splitlines()
    assert lines[:3] == [
        f"config    {config}: valid, 1 provider",
        f"match     {TARGET} by *.dkr.ecr.*.amazonaws.com",
        f"plugin    {config.parent}/ecr-credential-provider",
    ]
    assert lines[3].startswith("answer    credentials of AWS, cached for ")
    assert lines[4] == "run with  PATH alone, as systemd's"

    kubelet = play_kubelet.PlayKubelet(config.read_text(), config.parent, {"PATH": "/usr/bin:/bin"})
    ((user, password),) = kubelet.logins(TARGET)
    assert user == "AWS"
    assert machine.aws.issued[password].arn.endswith("user/node")
    assert password.encode() not in checked.stdout

    again = machine.run("kubelet", "install", *given)
    assert again.stdout.decode().startswith(f"already installed: {config.parent}")
    removed = machine.run("kubelet", "install", "--root", str(node), "--remove")
    assert (removed.code, removed.stderr) == (0, b"")
    assert seen(node) == before


def test_a_dry_run_writes_nothing(machine: Machine, node: Path, program: Path) -> None:
    """It shows the same diff."""
    before = seen(node)
    given = ["--root", str(node), "--program", str(program), "--env", "AWS_PROFILE=prod"]
    done = machine.run("kubelet", "install", *given, "--dry-run")
    printed = done.stdout.decode()
    assert '+          "name": "AWS_PROFILE",' in printed
    assert "nothing was written (--dry-run)" in printed
    assert seen(node) == before


FLAVORS = {
    "k3s": ("k3s sets them if both paths exist when it starts", "systemctl restart k3s, or"),
    "rke2": ("rke2 sets them if both paths exist when it starts", "systemctl restart rke2-server"),
    "kubeadm": (
        "not set; add to KUBELET_KUBEADM_ARGS in /var/lib/kubelet/kubeadm-flags.env:",
        "systemctl restart kubelet",
    ),
    "microk8s": (
        "not set; add to /var/snap/microk8s/current/args/kubelet:",
        "snap restart microk8s.daemon-kubelite",
    ),
}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_each_flavor_is_installed_and_removed(machine: Machine, program: Path, flavor: str) -> None:
    """The flags that it needs are printed with its paths, and no file is left after a removal."""
    node = machine.root / "new"
    node.mkdir()
    given = ["--root", str(node), "--flavor", flavor]
    done = machine.run("kubelet", "install", *given, "--program", str(program))
    assert (done.code, done.stderr) == (0, b"")
    printed = done.stdout.decode()
    flags, restart = FLAVORS[flavor]
    assert f"kubelet flags: {flags}" in printed
    assert restart in printed.splitlines()[-1]
    (config,) = node.rglob("config.yaml")
    (binary,) = node.rglob("docker-credential-ecrpy")
    if "not set" in flags:
        wanted = f"  --image-credential-provider-config={str(config).removeprefix(str(node))}"
        wanted += (
            f" --image-credential-provider-bin-dir={str(binary.parent).removeprefix(str(node))}"
        )
        assert wanted in printed.splitlines()
    play_kubelet.load_config(json.dumps(yaml.safe_load(config.read_text())))
    assert machine.run("kubelet", "install", *given, "--remove").code == 0
    assert list(node.iterdir()) == []


def test_the_paths_of_the_kubelet_come_first(machine: Machine, program: Path) -> None:
    """A kubelet reads one configuration: the provider is added to that which its flags name."""
    node = machine.root / "new"
    config, bin_dir = node / "srv/creds.yaml", node / "srv/bin"
    bin_dir.mkdir(parents=True)
    config.write_bytes(WITH_COMMENTS)
    machine.file(
        "new/var/lib/kubelet/kubeadm-flags.env",
        'KUBELET_KUBEADM_ARGS="--image-credential-provider-config=/srv/creds.yaml '
        '--image-credential-provider-bin-dir=/srv/bin"\n',
    )
    done = machine.run("kubelet", "install", "--root", str(node), "--program", str(program))
    printed = done.stdout.decode()
    assert f"kubelet flags: set by {node}/var/lib/kubelet/kubeadm-flags.env" in printed
    assert "program of another provider" not in printed
    assert f"{bin_dir}/gcr-credential-provider of another provider is missing" in (
        done.stderr.decode()
    )
    assert config.read_bytes().startswith(WITH_COMMENTS.split(b"  # The end.")[0])
    assert (bin_dir / "docker-credential-ecrpy").exists()
    other = ["--config", "/other.yaml", "--bin-dir", "/other"]
    given = ["--root", str(node), "--program", str(program), *other, "--dry-run"]
    warned = machine.run("kubelet", "install", *given)
    assert "sets other paths; the kubelet needs --image-credential-provider-config=/other.yaml" in (
        warned.stderr.decode()
    )


def test_a_configuration_in_a_directory_gets_a_file(machine: Machine, program: Path) -> None:
    """Of its own; a second run, and a removal, find the file that has the provider."""
    node = machine.root / "new"
    directory = node / "etc/creds"
    directory.mkdir(parents=True)
    (node / "bin").mkdir()
    (directory / "gcr.yaml").write_bytes(WITH_COMMENTS)
    given = ["--root", str(node), "--config", "/etc/creds", "--bin-dir", "/bin"]
    for said in ("written: ", "already installed: "):
        done = machine.run("kubelet", "install", *given, "--program", str(program))
        assert f"{said}" in done.stdout.decode()
    assert (directory / "docker-credential-ecrpy.yaml").exists()
    assert (directory / "gcr.yaml").read_bytes() == WITH_COMMENTS
    assert machine.run("kubelet", "install", *given, "--remove").code == 0
    assert [path.name for path in directory.iterdir()] == ["gcr.yaml"]


def test_a_removal_warns_of_flags_that_stay(machine: Machine, program: Path) -> None:
    """A kubelet whose flag names a missing file does not start."""
    node = machine.root / "new"
    node.mkdir()
    given = ["--root", str(node), "--flavor", "kubeadm"]
    machine.run("kubelet", "install", *given, "--program", str(program))
    config = "/etc/kubernetes/image-credential-provider"
    flags = machine.file(
        "new/etc/default/kubelet",
        f"KUBELET_EXTRA_ARGS=--image-credential-provider-config={config}/config.yaml "
        f"--image-credential-provider-bin-dir={config}/bin\n",
    )
    done = machine.run("kubelet", "install", *given, "--remove")
    assert "warning: the kubelet does not start with --image-credential-provider-config" in (
        done.stderr.decode()
    )
    assert str(flags) in done.stderr.decode()


def test_a_configuration_is_printed(machine: Machine) -> None:
    """All options end in the fields of the kubelet's own names."""
    given = ["--name", "ecr", "--match-image", "images.example.com", "--api-version"]
    given += ["credentialprovider.kubelet.k8s.io/v1", "--default-cache-duration", "1h"]
    given += [
        "--env",
        "AWS_PROFILE=prod",
        "--arg=--require-role",
        "--audience",
        "sts.amazonaws.com",
    ]
    given += ["--cache-type", "Token", "--required-annotation", "example.com/role"]
    done = machine.run("kubelet", "config", *given)
    assert (done.code, done.stderr) == (0, b"")
    (provider,) = play_kubelet.load_config(json.dumps(yaml.safe_load(done.stdout)))
    assert provider.pop("matchImages")[-1] == "images.example.com"
    assert provider == {
        "name": "ecr",
        "defaultCacheDuration": "1h",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "args": ["kubelet", "--require-role"],
        "env": [{"name": "AWS_PROFILE", "value": "prod"}],
        "tokenAttributes": {
            "serviceAccountTokenAudience": "sts.amazonaws.com",
            "cacheType": "Token",
            "requireServiceAccount": True,
            "requiredServiceAccountAnnotationKeys": ["example.com/role"],
        },
    }


def test_tokens_are_sent_with_the_annotations_of_the_role(machine: Machine) -> None:
    """An audience is enough: static pods still get the node's identity."""
    done = machine.run("kubelet", "config", "--flavor", "eks", "--audience", "sts.amazonaws.com")
    (provider,) = play_kubelet.load_config(done.stdout.decode())
    assert provider["name"] == "ecr-credential-provider"
    assert provider["tokenAttributes"] == {
        "serviceAccountTokenAudience": "sts.amazonaws.com",
        "cacheType": "ServiceAccount",
        "requireServiceAccount": False,
        "optionalServiceAccountAnnotationKeys": [
            "eks.amazonaws.com/ecr-role-arn",
            "eks.amazonaws.com/role-arn",
        ],
    }


def test_the_annotation_that_the_plugin_reads_is_sent(machine: Machine) -> None:
    """An option of the plugin that names another one changes what the kubelet sends."""
    given = ["--audience", "sts.amazonaws.com", "--arg=--role-annotation=example.com/role"]
    done = machine.run("kubelet", "config", "--flavor", "eks", *given)
    (provider,) = play_kubelet.load_config(done.stdout.decode())
    assert provider["args"] == ["kubelet", "--role-annotation=example.com/role"]
    keys = provider["tokenAttributes"]["optionalServiceAccountAnnotationKeys"]
    assert keys == ["example.com/role"]


def test_a_file_is_edited_with_a_backup(machine: Machine) -> None:
    """Once; a second run finds nothing to do."""
    file = machine.root / "config.yaml"
    file.write_bytes(WITH_COMMENTS)
    dry = machine.run("kubelet", "config", str(file), "--dry-run")
    assert dry.stdout.decode().endswith("nothing was written (--dry-run)\n")
    assert file.read_bytes() == WITH_COMMENTS
    done = machine.run("kubelet", "config", str(file))
    assert (done.code, done.stderr) == (0, b"")
    (backup,) = machine.root.glob("config.yaml*.bak")
    assert backup.read_bytes() == WITH_COMMENTS
    assert f"written: {file}; the previous content: {backup}" in done.stdout.decode()
    again = machine.run("kubelet", "config", str(file))
    assert again.stdout.decode() == f"already configured: {file}\n"


def test_a_directory_is_no_file_to_edit(machine: Machine) -> None:
    """The hint is to name a file; nothing is written."""
    directory = machine.root / "creds"
    directory.mkdir()
    done = machine.run("kubelet", "config", str(directory))
    assert done.code == 1
    assert b"it is not a regular file; name a regular file\n" in done.stderr
    assert list(directory.iterdir()) == []


def test_a_diff_shows_no_secret(machine: Machine) -> None:
    """Another provider may have keys in its variables, next to the lines that change."""
    file = machine.root / "config.yaml"
    keys = b"    - {name: AWS_SECRET_ACCESS_KEY, value: a-secret/of+another}\n    args:"
    file.write_bytes(WITH_COMMENTS.replace(b"    args:", keys))
    done = machine.run("kubelet", "config", str(file), "--name", "gcr-credential-provider")
    printed = done.stdout.decode()
    assert done.code == 0
    assert "gcr.io" in printed
    given = ["--name", "gcr-credential-provider", "--env", "A=b"]
    printed += machine.run("kubelet", "config", str(file), *given).stdout.decode()
    assert '"name": "AWS_SECRET_ACCESS_KEY"' in printed
    assert "a-secret" not in printed


def test_a_new_file_can_be_read_by_the_kubelet(machine: Machine) -> None:
    """Its mode is 0644, as of the file that EKS writes."""
    file = machine.root / "config.yaml"
    assert machine.run("kubelet", "config", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o644


USAGES = {
    "a secret": (
        ["config", "--env", "AWS_SECRET_ACCESS_KEY=x"],
        "all users can read AWS_SECRET_ACCESS_KEY in the configuration",
    ),
    "no variable": (["config", "--env", "prod"], "'prod' is not NAME=VALUE"),
    "no option of the plugin": (
        ["config", "--arg=--role-anotation=x"],
        "unknown option of kubelet: --role-anotation=x",
    ),
    "no audience": (["config", "--cache-type", "Token"], "options of service accounts need --aud"),
    "a dry run of nothing": (["config", "--dry-run"], "--dry-run needs a file"),
    "an unknown node": (["install", "--root", "."], "the paths are unknown; add --flavor eks|k3s"),
    "no root": (["install", "--root", "missing"], "missing is not a directory"),
    "a relative path": (
        ["check", "--config", "a.yaml", "--bin-dir", "/b", IMAGE],
        "the kubelet needs absolute paths",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), USAGES.values(), ids=USAGES)
def test_a_mistake_is_explained(machine: Machine, arguments: list[str], said: str) -> None:
    """What is wrong, and what to type."""
    done = machine.run("kubelet", *arguments)
    assert done.code != 0
    assert said in " ".join(done.stderr.decode().split())


def configure(machine: Machine, config: str, script: str = "exit 1") -> list[str]:
    """Write a configuration and a plugin; return the options that name them."""
    machine.file("etc/config.json", config)
    machine.file("bin/ecr-credential-provider", f"#!/bin/sh\n{script}\n", 0o755)
    return [
        "--config",
        str(machine.root / "etc/config.json"),
        "--bin-dir",
        str(machine.root / "bin"),
    ]


TROUBLES = {
    "an unknown field": (
        EKS.decode().replace('"apiVersion": "cred', '"version": "cred'),
        "exit 1",
        "unknown field providers[0].version; fix it by hand: the kubelet does not start with it",
    ),
    "no pattern": (
        EKS.decode().replace("*.dkr.ecr.*.amazonaws.com", "*.example.com"),
        "exit 1",
        f"the plugin is not invoked: no pattern matches {TARGET}",
    ),
    "a failure": (
        EKS.decode(),
        "echo 'token expired; run aws sso login' >&2; exit 1",
        "failed with exit code 1: token expired; run aws sso login",
    ),
    "another version": (
        EKS.decode(),
        """echo '{"kind":"CredentialProviderResponse","apiVersion":"v1"}'""",
        "the kubelet refuses the plugin's answer: its apiVersion is not credentialprovider",
    ),
    "no credentials": (
        EKS.decode(),
        """echo '{"kind":"CredentialProviderResponse","cacheKeyType":"Registry",'
        echo '"apiVersion":"credentialprovider.kubelet.k8s.io/v1"}'""",
        f"the plugin has no credentials for {TARGET}",
    ),
}


@pytest.mark.parametrize(("config", "script", "said"), TROUBLES.values(), ids=TROUBLES)
def test_check_says_in_one_line_what_is_wrong(
    machine: Machine, config: str, script: str, said: str
) -> None:
    """On standard error, with exit code 1; the JSON document has the same."""
    options = configure(machine, config, script)
    done = machine.run("kubelet", "check", *options, IMAGE)
    assert done.code == 1
    assert done.stderr.count(b"\n") == 1
    assert said in done.stderr.decode()
    as_json = machine.run("kubelet", "check", "--json", *options, IMAGE)
    assert (as_json.code, as_json.stderr) == (1, b"")
    document = json.loads(as_json.stdout)
    schemas.check(document, "kubelet-check")
    assert document["status"] == "failed"
    line = "; ".join(filter(None, (document["problem"], document["fix"])))
    assert said in line


def test_check_is_content_with_an_anonymous_pull(machine: Machine) -> None:
    """ECR Public needs no credentials."""
    script = """echo '{"kind":"CredentialProviderResponse","cacheKeyType":"Registry",'
    echo '"apiVersion":"credentialprovider.kubelet.k8s.io/v1"}'"""
    options = configure(machine, EKS.decode(), script)
    done = machine.run("kubelet", "check", *options, "public.ecr.aws/docker/library/alpine:3")
    assert (done.code, done.stderr) == (0, b"")
    assert "answer    no credentials: the kubelet pulls anonymously\n" in done.stdout.decode()


def test_check_does_not_run_a_plugin_that_needs_a_pod(machine: Machine) -> None:
    """Only a pod has the service account's token; the patterns are checked all the same."""
    config = json.loads(EKS)
    config["providers"][0]["tokenAttributes"] = {
        "serviceAccountTokenAudience": "sts.amazonaws.com",
        "cacheType": "Token",
        "requireServiceAccount": True,
    }
    options = configure(machine, json.dumps(config))
    done = machine.run("kubelet", "check", "--json", *options, IMAGE)
    document = json.loads(done.stdout)
    schemas.check(document, "kubelet-check")
    assert (done.code, document["status"]) == (0, "ok")
    assert document["providers"][0]["username"] is None
    text = machine.run("kubelet", "check", *options, IMAGE).stdout.decode()
    assert "answer    not run: it needs the token of a pod's service account" in text
