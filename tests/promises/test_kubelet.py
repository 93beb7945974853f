"""The kubelet's plugin: the protocol, which hosts get a login, and for how long."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.token import jitter
from tests.world import aws as world
from tests.world import play_kubelet
from tests.world.documents import find_page
from tests.world.machine import HOST, Machine
from tests.world.play_kubelet import EKS_PATTERNS, VERSIONS, PlayKubelet, Run, make_config, request

IMAGE = f"{HOST}/team/app"
PUBLIC = "public.ecr.aws/nginx/nginx"
EARLIEST = 6 * 3600 * 9 // 10 - 30
"""Seconds to the refresh of a fresh token: at half its life, a tenth earlier on some machines."""


def plugin(
    machine: Machine,
    data: bytes,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Run:
    command = [*machine.program, *arguments]
    return play_kubelet.run(command, data, {**machine.environ, **(environ or {})}, seconds)


def ask(machine: Machine, image: str = IMAGE, *arguments: str, **environ: str) -> Run:
    return plugin(machine, request(image), "kubelet", *arguments, environ=environ)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_answered_in_itself(machine: Machine, version: str) -> None:
    """The answer has the request's version, the image's host, and a token that AWS issued."""
    machine.login()

    answer = plugin(machine, request(IMAGE, api_version=version), "kubelet").answer(version)

    assert answer.cache_key_type == "Registry"
    ((key, (username, password)),) = answer.auth.items()
    assert (key, username) == (HOST, "AWS")
    assert password in machine.aws.issued


def test_the_example_of_the_page(machine: Machine) -> None:
    """docs/kubelet-plugin.md shows a request and its answer, but for the password."""
    machine.login()
    (block,) = [each for each in find_page("kubelet-plugin").blocks("console") if "$" in each.text]
    command, answered = block.text.strip().split("\n")
    asked = command.removeprefix("$ echo '").removesuffix("' | docker-credential-ecrpy kubelet")

    run = plugin(machine, asked.encode(), "kubelet")
    printed = re.sub(r'("password": )"[^"]+"', r'\1"..."', run.stdout.decode())
    seconds = int(re.findall(r'"(\d+)s"', printed)[0])
    printed = printed.replace(f'"{seconds}s"', '"21600s"')

    assert EARLIEST <= seconds <= 6 * 3600
    assert printed == f"{answered}\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("get-credentials",), ("--v=4",), ("-v", "4"), ("--logtostderr", "--v", "2")],
    ids=" ".join,
)
def test_a_request_shows_the_plugin(machine: Machine, arguments: tuple[str, ...]) -> None:
    """Without the word kubelet, and with another plugin's arguments, a request is answered."""
    machine.login()

    assert plugin(machine, request(IMAGE), *arguments).answer().auth.keys() == {HOST}


@pytest.mark.parametrize("more", [{}, {"AWS_ECR_LOG": "log"}, {"AWS_ECR_CONFIG": "rules"}])
@pytest.mark.parametrize("version", VERSIONS)
def test_get_is_the_plugin_for_the_kubelets_request(
    machine: Machine, version: str, more: dict[str, str]
) -> None:
    """Nodes name Docker's helper as a plugin, too, with its action: the input shows who asks."""
    machine.login()
    machine.file("rules", "")
    environ = {name: str(machine.root / text) for name, text in more.items()}

    for _ in range(2):
        run = plugin(machine, request(IMAGE, api_version=version), "get", environ=environ)
        assert run.answer(version).auth.keys() == {HOST}
    assert machine.aws.count() == Counter({"ecr": 1})


def test_a_request_with_a_uri_is_bazels(machine: Machine) -> None:
    """Its protocol ignores all other fields, whatever they say."""
    machine.login()
    data = json.dumps({"kind": "CredentialProviderRequest", "uri": f"https://{HOST}/"}).encode()

    run = plugin(machine, data, "get")

    assert (run.code, run.stderr) == (0, b"")
    assert json.loads(run.stdout).keys() == {"headers", "expires"}


def test_an_error_of_get_for_the_kubelet(machine: Machine) -> None:
    """It is the plugin's: on standard error alone, and at most 1 KiB."""
    assert "no AWS credentials" in plugin(machine, request(IMAGE), "get").error
    machine.aws.faults["ecr"] = world.delay(30)
    machine.login()
    assert (
        "AWS_ECR_TIMEOUT"
        in plugin(machine, request(IMAGE), "get", environ={"AWS_ECR_TIMEOUT": "1"}).error
    )


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
@pytest.mark.parametrize("name", ["ecr-credential-provider", "any-other"])
def test_any_name_is_the_plugin(machine: Machine, scripts: Path, tmp_path: Path, name: str) -> None:
    """A symlink in the kubelet's directory of plugins works, and names itself in errors."""
    bins = tmp_path / "bin"
    bins.mkdir()
    (bins / name).symlink_to(scripts / "docker-credential-ecrpy")
    kubelet = PlayKubelet(make_config(name), bins, machine.environ)

    assert kubelet.logins(IMAGE) == []
    machine.login()
    ((username, password),) = PlayKubelet(make_config(name), bins, machine.environ).logins(IMAGE)

    (failed,) = kubelet.runs
    assert failed.error.startswith(f"{name}: ")
    assert (username, machine.aws.issued[password].region) == ("AWS", "us-east-1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"a line",
        b"{\n",
        HOST.encode(),
        b'{"kind":"CredentialProviderResponse"}',
        b'{"uri":"https://example.com"}',
        b"[" * 5000,
        b'{"kind":' * 5000,
        b'{"kind":"CredentialProviderRequest","x":"' + b"x" * (1 << 20) + b'"}',
    ],
    ids=lambda data: repr(data[:20]),
)
@pytest.mark.parametrize("arguments", [(), ("gett",), ("get", "x")], ids=" ".join)
def test_any_other_input_gets_the_usage(
    machine: Machine, arguments: tuple[str, ...], data: bytes
) -> None:
    """Without a request on standard input, wrong arguments are the usage error that they were."""
    result = machine.run(*arguments, stdin=data)

    assert result.code == 1
    assert b"Usage: " in result.stdout
    assert result.stderr == b""


def test_a_silent_input_gets_the_usage(machine: Machine) -> None:
    """A pipe to which nothing is written delays the usage error by a few seconds at most."""
    read, write = os.pipe()
    try:
        done = subprocess.run(
            [*machine.program, "gett"],
            stdin=read,
            capture_output=True,
            env=machine.environ,
            timeout=30,
            check=False,
        )
    finally:
        os.close(read)
        os.close(write)

    assert done.returncode == 1
    assert b"did you mean get?" in done.stdout


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no request on standard input"),
        (b"not JSON", "not a JSON object"),
        (b"\xff\xfe{}", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "not a JSON object"),
        (b'{"kind":"CredentialProviderRequest"', "not a JSON object"),
        (b'{"x":"' + b"x" * (1 << 20) + b'"}', "longer than 1024 KiB"),
        (b'{"kind":"Pod","apiVersion":"v1"}', "the kind on standard input is 'Pod'"),
        (b'{"image":"x"}', "the kind on standard input is missing"),
        (request(IMAGE, api_version="credentialprovider.kubelet.k8s.io/v9"), "/v9'"),
        (request(IMAGE, api_version=""), "apiVersion"),
        (request(""), "names no image"),
        (request(" "), "names no image"),
        (request(IMAGE).replace(b'"image":"', b'"image":["').replace(b'"}', b'"]}'), "image of"),
        (request(IMAGE)[:-2] + b',"serviceAccountToken":5}', "serviceAccountToken of"),
        (request(IMAGE)[:-2] + b',"serviceAccountAnnotations":["x"]}', "Annotations of"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_input_is_one_clear_line(machine: Machine, data: bytes, text: str) -> None:
    """A request that cannot be read is an error on standard error alone."""
    machine.login()

    assert text in plugin(machine, data, "kubelet").error
    assert machine.aws.count() == Counter()


def test_unknown_fields_are_ignored(machine: Machine) -> None:
    """A later release of the kubelet may send more."""
    machine.login()
    data = json.dumps({**json.loads(request(IMAGE)), "podUID": {"a": [1]}, "image2": 7}).encode()

    assert plugin(machine, data, "kubelet").answer().auth.keys() == {HOST}


@pytest.mark.parametrize("port", ["", ":443", ":5000"])
def test_the_key_is_the_host_as_given(machine: Machine, port: str) -> None:
    """With its port: the kubelet would not find the login under another key."""
    machine.login()
    image = f"{HOST}{port}/team/app"

    answer = ask(machine, image).answer()

    assert answer.auth.keys() == {f"{HOST}{port}"}
    assert play_kubelet.matches(f"{HOST}{port}", image)


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/library/nginx",
        "ghcr.io/a/b",
        "nginx",
        "localhost:5000/x",
        f"{HOST}.evil.org/app",
        f"evil.org@{HOST}/app",
        f"{HOST}@evil.org/app",
        f"{HOST}#.evil.org/app",
        f"{HOST}?.evil.org/app",
        f"{HOST}:x/app",
        "evil.org/" + HOST,
        "https://" + IMAGE,
        "not an image \u20ac \ud800",
        "[::1]:5000/x",
    ],
)
def test_another_registry_gets_no_login(machine: Machine, image: str) -> None:
    """Nor does the kubelet cache that: the settings may name it in a minute."""
    machine.login()

    answer = ask(machine, image).answer()

    assert (answer.auth, answer.seconds, answer.cache_key_type) == ({}, 0, "Registry")
    assert machine.aws.count() == Counter()


def test_the_fallback_is_not_asked(machine: Machine) -> None:
    """The kubelet has providers for other registries; a fallback could leave processes behind."""
    machine.login()
    machine.settings('fallback = "other"\n')
    bins = machine.root / "bin"
    machine.file("bin/docker-credential-other", "#!/bin/sh\ntouch ran\n", 0o700)

    answer = ask(machine, "ghcr.io/a/b", PATH=f"{bins}{os.pathsep}{machine.environ['PATH']}")

    assert answer.answer().auth == {}
    assert not list(machine.root.rglob("ran"))


def test_a_rule_maps_a_private_name(machine: Machine) -> None:
    """The token is the mapped registry's, the key the name that the image has."""
    machine.login()
    other = HOST.replace("us-east-1", "eu-west-1")
    machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{other}"\n')

    answer = ask(machine, "images.example.com:8443/app").answer()

    ((key, (_, password)),) = answer.auth.items()
    assert key == "images.example.com:8443"
    assert machine.aws.issued[password].region == "eu-west-1"


def test_ecr_public_works_without_credentials(machine: Machine) -> None:
    """The pull goes on without a login, and the kubelet asks again for the next image."""
    answer = ask(machine, PUBLIC).answer()

    assert (answer.auth, answer.seconds) == ({}, 0)


def test_ecr_public_with_credentials(machine: Machine) -> None:
    """A login raises the limit of pulls."""
    machine.login()

    assert ask(machine, PUBLIC).answer().auth.keys() == {"public.ecr.aws"}


def test_the_kubelet_asks_again_at_our_refresh(machine: Machine) -> None:
    """A fresh token is due at half its life; a cached one at the same moment."""
    machine.login()
    began = time.time()
    first = ask(machine).answer().seconds
    again = ask(machine).answer().seconds
    assert first is not None
    assert again is not None

    assert EARLIEST <= first <= 6 * 3600
    assert again <= first
    assert first - again <= time.time() - began + 1
    assert machine.aws.count() == Counter({"ecr": 1})


def test_a_token_ends_with_the_role_that_fetched_it(machine: Machine) -> None:
    """The kubelet asks again when the AWS credentials have expired."""
    machine.login()
    machine.aws.session_life = 900
    role = machine.aws.role()
    machine.settings(f'[[registry]]\nmatch = "123456789012"\nrole_arn = "{role.arn}"\n')

    seconds = ask(machine).answer().seconds

    assert seconds is not None
    early = 900 / 10 * jitter(cache.find_origin())  # this machine's
    assert 850 <= seconds + early <= 900


def test_a_failed_refresh_is_asked_for_within_a_minute(machine: Machine) -> None:
    """An older token serves while AWS cannot be reached, for a minute at a time."""
    machine.login()
    machine.aws.token_life = 240
    kept = ask(machine).answer().auth
    machine.aws.faults["ecr"] = world.refuse("InternalFailure", status=500)
    time.sleep(0.1)
    environ = machine.environ
    _age(machine, 130)
    machine.environ = environ

    for _ in range(2):
        answer = ask(machine).answer()
        assert answer.auth == kept
        assert answer.seconds is not None
        assert 0 < answer.seconds <= 60


def _age(machine: Machine, seconds: int) -> None:
    """Make the cached tokens older."""
    from docker_credential_ecrpy.hot import cache
    from docker_credential_ecrpy.tokens import entry as entry_file

    for path in machine.entries():
        data = path.read_bytes()
        entry, subject = cache.parse(data)
        back = seconds * cache.SECOND
        older = cache.Entry(
            entry.written - back,
            entry.refresh - back,
            entry.expires - back,
            entry.reply,
            inputs=entry.inputs,
        )
        entry_file.write(str(path), subject, older)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (None, "no AWS credentials"),
        ("AccessDeniedException", "may not call ecr:GetAuthorizationToken"),
        ("InternalFailure", "ECR failed with HTTP"),
    ],
)
def test_a_failure_is_one_line(machine: Machine, kind: str | None, text: str) -> None:
    """It says the cause and the cure, and standard output has nothing."""
    if kind:
        machine.login()
        status = 500 if kind == "InternalFailure" else 400
        machine.aws.faults["ecr"] = world.refuse(kind, "x" * 5000, status=status)

    error = ask(machine).error

    assert text in error
    assert "; " in error


def test_a_hanging_aws_ends_in_time(machine: Machine) -> None:
    """AWS_ECR_TIMEOUT is the limit, as for get."""
    machine.login()
    machine.aws.faults["ecr"] = world.delay(30)
    began = time.monotonic()

    error = ask(machine, AWS_ECR_TIMEOUT="2").error

    assert time.monotonic() - began < 6
    assert re.search(r"no answer from ECR at \S+ within (2|1\.\d+) s; ", error)


def test_an_input_that_does_not_end(machine: Machine) -> None:
    """The time limit holds for a request that never ends, too."""
    with subprocess.Popen(
        [*machine.program, "kubelet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**machine.environ, "AWS_ECR_TIMEOUT": "1"},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(b'{"kind":')
        child.stdin.flush()
        code = child.wait(20)
        said = child.stderr.read()
        assert child.stdout.read() == b""

    assert code == 1
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [("kubelet",), ()], ids=str)
def test_a_pipe_that_stays_open(machine: Machine, arguments: tuple[str, ...]) -> None:
    """A whole request is answered, also if its client does not close the pipe."""
    machine.login()
    with subprocess.Popen(
        [*machine.program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**machine.environ, "AWS_ECR_TIMEOUT": "15"},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(request(IMAGE))
        child.stdin.flush()
        code = child.wait(20)
        run = Run(code, child.stdout.read(), child.stderr.read())

    assert run.answer().auth.keys() == {HOST}


@pytest.mark.parametrize(
    "arguments", [("kubelet", "--frobnicate"), ("kubelet", "--require-role=x")]
)
def test_wrong_options_are_one_line(machine: Machine, arguments: tuple[str, ...]) -> None:
    """Also for an option that another plugin has: a typing error must not weaken a rule."""
    error = plugin(machine, request(IMAGE), *arguments).error

    assert "kubelet" in error or "--require-role" in error


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
def test_the_kubelet_caches_until_the_token_is_due(
    machine: Machine, scripts: Path, tmp_path: Path
) -> None:
    """One run for all images of a registry, and the next one when it asks again."""
    machine.login()
    now = [0.0]
    (tmp_path / "ecr").symlink_to(scripts / "docker-credential-ecrpy")
    kubelet = PlayKubelet(
        make_config("ecr", [*EKS_PATTERNS, "ghcr.io"]), tmp_path, machine.environ, lambda: now[0]
    )

    first = kubelet.logins(IMAGE)
    assert kubelet.logins(f"{HOST}/other") == first
    assert len(kubelet.runs) == 1
    now[0] = 6 * 3600
    assert kubelet.logins(IMAGE) == first
    assert len(kubelet.runs) == 2
    for _ in range(2):  # not cached
        assert kubelet.logins("ghcr.io/a/b") == []
    assert len(kubelet.runs) == 4
    assert machine.aws.count() == Counter({"ecr": 1})
