"""Facts about `pull-secrets --once`, on the loopback API and the loopback AWS."""

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.kubernetes.pull_secrets import names
from tests.world.accounts import EU, US, A, B, rule
from tests.world.aws import refuse
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine, Result
from tests.world.pull_secrets import FOREIGN, auths, docker_secret, values

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
SECRETS = Resource("secrets", "Secret")
USER = "system:serviceaccount:shop:ecr"


class Cluster:
    """The loopback API, and the command against it."""

    def __init__(self, api: KubeApi, machine: Machine, root: Path) -> None:
        self.api, self.machine, self.root = api, machine, root
        self.file = api.kubeconfig(root / "kubeconfig")

    def run(self, *arguments: str, registries: tuple[str, ...] = (HOST,)) -> Result:
        words = ("--kubeconfig", str(self.file), "--name", "ecr", *arguments)
        return self.machine.run("pull-secrets", *words, *registries)

    def once(self, *arguments: str, **more: Any) -> str:
        """Return what `--once` prints; fails for an error."""
        done = self.run("--once", "--namespace", "shop", *arguments, **more)
        assert (done.code, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def failure(self, *arguments: str, **more: Any) -> str:
        """Return its standard error."""
        done = self.run("--once", "--namespace", "shop", *arguments, **more)
        assert done.code == 1, done
        return done.stderr.decode()

    def secret(self, namespace: str = "shop") -> dict[str, Any]:
        found = self.api.store.get("secrets", namespace, "ecr")
        assert found
        return found

    def put(self, secret: dict[str, Any]) -> dict[str, Any]:
        metadata = {k: v for k, v in secret["metadata"].items() if k in ("name", "annotations")}
        return self.api.store.create(SECRETS, "shop", secret | {"metadata": metadata})

    def limit(self, *rules: Rule) -> None:
        """Run the command with these rights alone."""
        token = self.api.access.add_user(USER, *rules)
        self.file = self.api.kubeconfig(self.root / "limited", token)

    @property
    def writes(self) -> int:
        """How often the Secret was written."""
        return self.api.store.writes["secrets", "shop", "ecr"]


@pytest.fixture(name="cluster")
def _cluster(
    open_api: Callable[..., KubeApi], machine: Machine, tmp_path: Path
) -> Iterator[Cluster]:
    machine.login()
    machine.environ["AWS_ECR_DISABLE_CACHE"] = "1"  # as in a pod
    with open_api() as api:
        api.store.add_namespace("shop")
        yield Cluster(api, machine, tmp_path)


def test_the_first_round_creates_and_the_next_writes_nothing(cluster: Cluster) -> None:
    """A fresh secret needs neither a write nor a call to AWS."""
    assert cluster.once().startswith("secret shop/ecr is created; it expires at 2")
    assert auths(cluster.secret())[HOST]["password"] in cluster.machine.aws.issued
    assert cluster.once().startswith("secret shop/ecr is up to date; it expires at 2")
    assert cluster.writes == 1
    assert cluster.machine.aws.count() == {"ecr": 1}


def test_a_login_of_others_survives_and_the_uid_stays(cluster: Cluster) -> None:
    """Through a refresh, an outside edit and a removal."""
    uid = cluster.put(docker_secret({"auths": FOREIGN}))["metadata"]["uid"]
    assert "shop/ecr is refreshed" in cluster.once()
    edit = {"data": {".dockerconfigjson": base64.b64encode(b'{"auths":{"a":{}}}').decode()}}
    cluster.api.store.patch(SECRETS, ("shop", "ecr"), edit, "application/merge-patch+json")
    assert "shop/ecr is refreshed" in cluster.once()
    assert set(auths(cluster.secret())) == {"a", HOST}
    assert cluster.secret()["metadata"]["uid"] == uid
    done = cluster.run("--remove", "--namespace", "shop")

    assert done.stdout == b"secret shop/ecr is removed\n"
    assert auths(cluster.secret()) == {"a": {}}


def test_what_others_have_on_the_secret_stays(cluster: Cluster) -> None:
    """Keys, labels, annotations, owner references, finalizers: through writes and the removal."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"}
    theirs: dict[str, Any] = {
        "labels": {"team": "a"},
        "annotations": {"example.com/a": "b"},
        "ownerReferences": [owner],
        "finalizers": ["example.com/keep"],
    }
    there = docker_secret({"auths": FOREIGN, "credsStore": "x"}) | {"metadata": {"name": "ecr"}}
    there["metadata"] |= theirs
    there["data"] |= {"extra": "YQ=="}
    uid = cluster.api.store.create(SECRETS, "shop", there)["metadata"]["uid"]

    def check() -> None:
        found, metadata = cluster.secret(), cluster.secret()["metadata"]
        assert metadata["uid"] == uid
        assert metadata["annotations"].items() >= theirs["annotations"].items()
        assert {key: metadata[key] for key in theirs} | {"annotations": 0} == theirs | {
            "annotations": 0
        }
        assert found["data"]["extra"] == "YQ=="
        assert auths(found).items() >= FOREIGN.items()
        assert b'"credsStore": "x"' in values(found)[".dockerconfigjson"]

    for arguments in (("--once",), ("--remove",)):
        assert cluster.run(*arguments, "--namespace", "shop").code == 0
        check()
    assert set(auths(cluster.secret())) == set(FOREIGN)


def test_an_old_token_is_refreshed(cluster: Cluster) -> None:
    """A token past half its life is due."""
    cluster.machine.aws.token_life = 2
    cluster.once()
    first = auths(cluster.secret())[HOST]["password"]
    for _ in range(2):
        done = cluster.run("--once", "--namespace", "shop")
        if b"is refreshed" in done.stdout:
            break

    assert auths(cluster.secret())[HOST]["password"] != first


def test_accounts_and_regions_in_one_secret(cluster: Cluster) -> None:
    """By the rules of the settings, and with one call for the registries of a region."""
    cluster.machine.settings(rule("images.example.com", registry=US.format(B)))
    hosts = (US.format(A), US.format(B), EU.format(A), "images.example.com:8443")
    cluster.once(registries=hosts)

    assert set(auths(cluster.secret())) == set(hosts)
    assert cluster.machine.aws.count() == {"ecr": 2}


def test_one_registry_that_fails_leaves_the_others(cluster: Cluster) -> None:
    """The exit code says so, and the old login of the one that failed stays."""
    cluster.once(registries=(US.format(A), US.format(B)))
    before = auths(cluster.secret())
    cluster.machine.settings(rule(B, profile="absent"))
    error = cluster.failure(registries=(US.format(A), US.format(B)))

    assert "absent" in error
    assert US.format(B) in error
    after = auths(cluster.secret())
    assert after[US.format(B)] == before[US.format(B)]
    assert after[US.format(A)] != before[US.format(A)]


def test_a_failed_fetch_changes_nothing(cluster: Cluster) -> None:
    """AWS is down: the data are the same bytes, and the exit code says so."""
    cluster.machine.aws.token_life = 1
    cluster.once()
    before = cluster.secret()
    cluster.machine.environ |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    error = cluster.failure()

    assert "shop/ecr: " in error
    assert cluster.secret() == before


@pytest.mark.parametrize("times", [1, 3])
def test_a_conflict_is_retried_with_a_fresh_read(cluster: Cluster, times: int) -> None:
    """The write that is refused with 409 is planned again."""
    cluster.put(docker_secret({"auths": FOREIGN}))
    cluster.api.fail(409, verb="patch", resource="secrets", times=times, reason="Conflict")
    cluster.once()

    assert set(auths(cluster.secret())) == {"docker.io", HOST}
    assert len(cluster.api.seen("get", "secrets")) == times + 1
    assert cluster.machine.aws.count() == {"ecr": 1}


def test_a_creation_that_loses_a_race_is_a_patch(cluster: Cluster) -> None:
    """Another writer has created it between the read and the write."""
    cluster.api.fail(409, verb="create", resource="secrets", reason="AlreadyExists")
    cluster.once()

    assert HOST in auths(cluster.secret())


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "immutable": (docker_secret({"auths": FOREIGN}, immutable=True), "is immutable"),
    "type": ({"metadata": {"name": "ecr"}, "type": "Opaque"}, "has the type Opaque"),
    "malformed": (docker_secret({"auths": []}), "malformed"),
    "null": (docker_secret(None), "malformed"),
}


@pytest.mark.parametrize(("there", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_reported_and_left(cluster: Cluster, there: dict[str, Any], says: str) -> None:
    """Never a repair by deletion."""
    before = cluster.put(there)
    error = cluster.failure()

    assert says in error
    assert cluster.secret() == before
    assert not cluster.api.seen("delete")


def test_a_line_of_the_log_cannot_be_forged(cluster: Cluster) -> None:
    """Whoever may edit the Secret chooses what its annotation says of its owner."""
    times = dict.fromkeys(("refreshedAt", "refreshAt", "expiresAt"), "2099-01-01T00:00:00Z")
    note = {HOST: {"owner": "x\nsecret shop/ecr is refreshed\x1b[2J", "digest": "", **times}}
    cluster.put(docker_secret({}, metadata={"annotations": {names.LOGINS: json.dumps(note)}}))
    said = cluster.failure()

    assert said.count("\n") == 1
    assert "is kept fresh by x secret shop/ecr is refreshed?[2J" in said


def test_a_namespace_that_ends_is_no_failure(cluster: Cluster) -> None:
    """It is skipped quietly."""
    cluster.api.store.delete(Resource("namespaces", "Namespace"), ("", "shop"), {})

    assert cluster.once() == ""


def test_namespaces_by_glob_label_and_exclusion(cluster: Cluster) -> None:
    """All of them must fit."""
    for name in ("team-a", "team-b", "team-c", "other"):
        cluster.api.store.add_namespace(name, labels={"env": "prod" if name != "team-c" else "x"})
    done = cluster.run(
        *("--once", "--namespace", "team-*", "--exclude", "team-b", "--label", "env=prod")
    )

    assert done.stdout.startswith(b"secret team-a/ecr is created")
    assert done.stdout.count(b"\n") == 1
    assert cluster.machine.aws.count() == {"ecr": 1}


def test_several_namespaces_by_name_share_a_token(cluster: Cluster) -> None:
    """AWS is asked once for all of them; so is what it refuses, which is said once."""
    homes = [word for name in ("a", "b", "c") for word in ("--namespace", name)]
    for name in ("a", "b", "c"):
        cluster.api.store.add_namespace(name)
    aws_refuses(cluster)
    cluster.machine.environ["AWS_MAX_ATTEMPTS"] = "1"
    done = cluster.run("--once", *homes)
    assert (done.code, done.stderr.count(b"\n")) == (1, 1), done
    assert cluster.machine.aws.count() == {"ecr": 1}
    cluster.machine.aws.faults.clear()
    done = cluster.run("--once", *homes)

    assert done.stdout.count(b"/ecr is created") == 3
    assert cluster.machine.aws.count() == {"ecr": 2}


def test_a_namespace_that_is_no_longer_selected(cluster: Cluster) -> None:
    """The next round takes the login out, and a dry run says so; another's Secret stays."""
    for name in ("team-a", "team-b"):
        cluster.api.store.add_namespace(name, labels={"env": "prod"})
    cluster.once()
    cluster.run("--once", "--label", "env=prod")
    patch = {"metadata": {"labels": {"env": None}}}
    place = ("", "team-b")
    namespaces = Resource("namespaces", "Namespace", namespaced=False)
    cluster.api.store.patch(namespaces, place, patch, "application/merge-patch+json")
    done = cluster.run("--dry-run", "--label", "env=prod")
    assert b"would change: secret team-b/ecr is removed\n" in done.stdout
    assert cluster.api.store.get("secrets", "team-b", "ecr")
    done = cluster.run("--once", "--label", "env=prod")

    assert b"secret team-b/ecr is removed\n" in done.stdout
    assert cluster.api.store.get("secrets", "team-b", "ecr") is None
    assert cluster.api.store.get("secrets", "team-a", "ecr")
    assert HOST in auths(cluster.secret())


def test_an_account_in_a_namespace_that_is_no_longer_selected(cluster: Cluster) -> None:
    """It no longer names the Secret, and the output says so."""
    cluster.api.store.add_namespace("team-a", labels={"env": "prod"})
    words = ("--once", "--label", "env=prod", "--service-account", "default")
    assert b"service account team-a/default names ecr\n" in cluster.run(*words).stdout
    patch = {"metadata": {"labels": {"env": None}}}
    namespaces = Resource("namespaces", "Namespace", namespaced=False)
    cluster.api.store.patch(namespaces, ("", "team-a"), patch, "application/merge-patch+json")

    assert b"service account team-a/default no longer names ecr\n" in cluster.run(*words).stdout


def test_a_namespace_opts_in(cluster: Cluster) -> None:
    """By an annotation."""
    cluster.api.store.add_namespace("in", annotations={names.WANTED: "true"})
    done = cluster.run("--once", "--opt-in")

    assert done.stdout.startswith(b"secret in/ecr is created")
    assert done.stdout.count(b"\n") == 1


def test_service_accounts(cluster: Cluster) -> None:
    """They name the secret beside others, and no longer after the removal."""
    accounts = Resource("serviceaccounts", "ServiceAccount")
    theirs = {"imagePullSecrets": [{"name": "theirs"}]}
    cluster.api.store.create(accounts, "shop", {"metadata": {"name": "build-1"}} | theirs)
    shown = cluster.once("--service-account", "default", "--service-account", "build-*")
    again = cluster.once("--service-account", "default", "--service-account", "build-*")

    def named(account: str) -> list[str]:
        found = cluster.api.store.get("serviceaccounts", "shop", account)
        assert found
        return [each["name"] for each in found.get("imagePullSecrets") or ()]

    assert "service account shop/default names ecr\n" in shown
    assert "service account" not in again
    assert (named("default"), named("build-1")) == (["ecr"], ["theirs", "ecr"])
    done = cluster.run("--remove", "--namespace", "shop", "--service-account", "*")
    assert done.code == 0
    assert b"service account shop/build-1 no longer names ecr\n" in done.stdout
    assert (named("default"), named("build-1")) == ([], ["theirs"])
    assert cluster.api.store.get("secrets", "shop", "ecr") is None


def test_a_dry_run_changes_nothing_and_fetches_nothing(cluster: Cluster) -> None:
    """It prints what would change, also what would be refused."""
    done = cluster.run("--dry-run", "--namespace", "shop", "--service-account", "default")
    assert done.stdout == (
        b"would change: secret shop/ecr is created\n"
        b"would change: service account shop/default names ecr\n"
    )
    cluster.put(docker_secret({"auths": FOREIGN}, immutable=True))
    refused = cluster.run("--dry-run", "--namespace", "shop")

    assert (refused.code, b"is immutable" in refused.stderr) == (1, True)
    assert {call.verb for call in cluster.api.calls} <= {"get", "list"}
    assert b"Zm9vOmJhcg" not in refused.stdout + refused.stderr
    assert cluster.machine.aws.count() == {}


def test_the_least_rights(cluster: Cluster) -> None:
    """One name in one namespace: get and patch, and create without a name, or not at all."""
    cluster.limit(Rule(["get", "patch"], ["secrets"], "shop", ["ecr"]))
    cluster.put(docker_secret({"auths": {}}))
    assert "is refreshed" in cluster.once()
    cluster.api.store.delete(SECRETS, ("shop", "ecr"), {})
    error = cluster.failure()

    assert f'User "{USER}" cannot create resource "secrets"' in error
    assert "give the service account the right that is named" in error


def test_the_rights_of_a_removal(cluster: Cluster) -> None:
    """To delete what this program has created; the error names that right, and nothing is lost."""
    cluster.once()
    cluster.limit(Rule(["get", "patch"], ["secrets"], "shop", ["ecr"]))
    denied = cluster.run("--remove", "--namespace", "shop")
    assert denied.code == 1
    assert b"delete secrets in the namespace shop" in denied.stderr
    assert HOST in auths(cluster.secret())
    cluster.limit(Rule(["get", "patch", "delete"], ["secrets"], "shop", ["ecr"]))

    assert cluster.run("--remove", "--namespace", "shop").code == 0
    assert cluster.api.store.get("secrets", "shop", "ecr") is None


def test_an_api_that_fails_is_reported(cluster: Cluster) -> None:
    """With its message, and without a traceback."""
    cluster.api.fail(500, verb="get", resource="secrets", times=20)

    error = cluster.failure()
    assert "shop/ecr: the Kubernetes API: a fault of the test" in error
    assert "Traceback" not in error


def aws_refuses(cluster: Cluster) -> None:
    cluster.machine.aws.faults["ecr"] = refuse("AccessDeniedException", "no", 400)


def aws_has_no_credentials(cluster: Cluster) -> None:
    cluster.machine.environ |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


def aws_gives_a_dead_token(cluster: Cluster) -> None:
    cluster.machine.aws.token_life = -60


def api_breaks(cluster: Cluster) -> None:
    cluster.api.fail(0, resource="secrets", times=40)


def api_denies(cluster: Cluster) -> None:
    cluster.limit(Rule(["list"], ["namespaces"]))


def one_namespace_denies(cluster: Cluster) -> None:
    cluster.api.store.add_namespace("store")
    rule = Rule(["get", "create"], ["secrets"], "shop")
    cluster.limit(rule, Rule(["list"], ["namespaces"]))


def secret_is_of_another_type(cluster: Cluster) -> None:
    cluster.put({"metadata": {"name": "ecr"}, "type": "Opaque"})


FAILURES = {
    aws_refuses: "allow ecr:GetAuthorizationToken",
    aws_has_no_credentials: "no AWS credentials",
    aws_gives_a_dead_token: "check this machine's clock",
    api_breaks: "check the network",
    api_denies: "the right that is named",
    one_namespace_denies: "get secrets in the namespace store",
    secret_is_of_another_type: "delete it, or name another one",
}


@pytest.mark.parametrize(
    ("fail", "cure"), FAILURES.items(), ids=[each.__name__ for each in FAILURES]
)
def test_the_exit_code_of_a_failure(
    cluster: Cluster, fail: Callable[[Cluster], None], cure: str
) -> None:
    """It is 1 for each kind, with a line that has the Secret and the cure; AWS's is in it once."""
    fail(cluster)
    done = cluster.run("--once", "--namespace", "s*")
    lines = done.stderr.decode().splitlines()

    assert done.code == 1
    assert len(lines) == 1, lines
    assert "/ecr: " in lines[0]
    assert cure in lines[0]


def test_an_expired_token_is_never_written(cluster: Cluster) -> None:
    """Nor an empty one: the old login stays byte for byte, and a new Secret is not made."""
    aws_gives_a_dead_token(cluster)
    cluster.failure()
    assert cluster.api.store.get("secrets", "shop", "ecr") is None
    before = cluster.put(docker_secret({"auths": FOREIGN | {HOST: {"auth": "eDp5"}}}))
    cluster.failure()

    assert cluster.secret() == before


def test_a_signal_ends_a_round(cluster: Cluster) -> None:
    """As any program: by the signal, with the exit code 143 in a shell."""
    cluster.api.latency = lambda _: 30
    words = ("pull-secrets", "--kubeconfig", str(cluster.file), "--name", "ecr", "--once", HOST)
    process = subprocess.Popen([*cluster.machine.program, *words], env=cluster.machine.environ)
    while not cluster.api.calls:
        time.sleep(0.05)
    began = time.monotonic()
    process.terminate()

    assert process.wait(10) == -signal.SIGTERM
    assert time.monotonic() - began < 1


def test_no_secret_is_shown(cluster: Cluster) -> None:
    """Neither a token of ECR nor the bearer token is in the output or in the log."""
    done = cluster.run("-v", "--once", "--namespace", "shop")
    token = auths(cluster.secret())[HOST]["password"]

    assert done.code == 0
    assert token.encode() not in done.stdout + done.stderr
    assert cluster.api.admin.encode() not in done.stdout + done.stderr
    assert b"canary-bearer" not in done.stdout + done.stderr


def test_the_other_forms(cluster: Cluster) -> None:
    """A repository of Argo CD, with its label."""
    cluster.once("--form", "argocd", "--repository", "charts/app")

    assert values(cluster.secret())["url"] == f"{HOST}/charts/app".encode()
    assert "argocd.argoproj.io/secret-type" in cluster.secret()["metadata"]["labels"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_user_name_and_a_password(cluster: Cluster, is_there: bool) -> None:
    """In a Secret of this program, or beside the values of others."""
    if is_there:
        there = {"metadata": {"name": "ecr"}, "type": "Opaque", "stringData": {"other": "x"}}
        cluster.put(there)
    cluster.once("--form", "username-password")

    assert values(cluster.secret())["username"] == b"AWS"
    assert values(cluster.secret())["password"].decode() in cluster.machine.aws.issued


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--once", "--namespace", "A*"), b"neither a name nor a glob"),
        (("--once", "--label", "x"), b"is no label"),
        (("--once", "--repository", "a"), b"repository needs the form argocd"),
    ],
)
def test_errors_of_usage(cluster: Cluster, arguments: tuple[str, ...], says: bytes) -> None:
    """Nothing is asked of the API."""
    done = cluster.run(*arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert says in done.stderr
    assert not cluster.api.calls


@pytest.mark.parametrize(
    "arguments",
    [
        ("--namespace", "team-*"),
        ("--namespace", "a", "--namespace", "b"),
        ("--label", "env=prod"),
        ("--service-account", "default"),
        ("--form", "argocd"),
        ("--repository", "a"),
        ("--once",),
        (HOST,),
    ],
    ids=str,
)
def test_resources_take_no_options_of_a_secret(
    machine: Machine, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """None is ignored silently; and a kubeconfig is not even read."""
    absent = ("--kubeconfig", str(tmp_path / "absent"))
    done = machine.run("pull-secrets", "--resources", *absent, *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert b"--resources" in done.stderr


def test_without_a_cluster_the_error_says_what_to_name(machine: Machine, tmp_path: Path) -> None:
    """Neither a pod nor a kubeconfig."""
    machine.login()
    absent = str(tmp_path / "absent")
    done = machine.run("pull-secrets", "--name", "a", "--once", "--kubeconfig", absent, HOST)

    assert done.code == 1
    assert b"there is no way to the Kubernetes API" in done.stderr
    assert json.dumps(absent).encode() not in done.stdout


def test_without_the_extra_the_error_says_what_to_install(machine: Machine, tmp_path: Path) -> None:
    """As in a wheel without it; the other commands work."""
    (tmp_path / "kubernetes.py").write_text(
        "raise ModuleNotFoundError('absent', name='kubernetes')\n"
    )
    words = ["-m", "docker_credential_ecrpy", "pull-secrets", "--name", "a", "--once", HOST]
    code = f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = {words[2:]!r}"
    code += "; runpy.run_module('docker_credential_ecrpy', run_name='__main__')"
    done = machine.run(command=[sys.executable, "-c", code])

    assert done.code == 1
    assert b"run: pip install 'docker-credential-ecrpy[kubernetes]'" in done.stderr
