"""The protocol, exactly: each row is a transcript, run through every entry point.

The rows are docker-credential-helpers' contract, as README's "Protocol" states it.
"""

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import docker_credential_ecrpy
from docker_credential_ecrpy import __main__ as door
from docker_credential_ecrpy.cli import main
from docker_credential_ecrpy.hot import watchdog
from tests.world.hosts import HOSTS, NOT_ECR
from tests.world.machine import HOST, MODULE, NOT_FOUND, Machine, Result

pytestmark = pytest.mark.usefixtures("same_descriptors")

Run = Callable[..., Result]
PUBLIC = "public.ecr.aws"


def _run_in_code(arguments: Sequence[str], stdin: bytes, environ: dict[str, str]) -> Result:
    """Call `main` in this process, with streams and environment replaced."""
    kept_environ, kept_argv = dict(os.environ), sys.argv
    kept = [os.dup(descriptor) for descriptor in range(3)]
    files = [tempfile.TemporaryFile() for _ in range(3)]
    files[0].write(stdin)
    files[0].seek(0)
    for descriptor, file in enumerate(files):
        os.dup2(file.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["docker-credential-ecr-login", *arguments]
    try:
        code = door.main()
    finally:
        watchdog.stop()  # it ends a process that lives on
        sys.argv = kept_argv
        os.environ.clear()
        os.environ.update(kept_environ)
        for descriptor, copy in enumerate(kept):
            os.dup2(copy, descriptor)
            os.close(copy)
    outputs = []
    for file in files[1:]:
        file.seek(0)
        outputs.append(file.read())
    for file in files:
        file.close()
    return Result(code, *outputs)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run" in metafunc.fixturenames:
        in_tree = [] if metafunc.config.getoption("program") else ["code", "module"]
        metafunc.parametrize("run", [*in_tree, "ecr-login", "ecrpy"], indirect=True)


@pytest.fixture
def run(request: pytest.FixtureRequest, machine: Machine) -> Run:
    """Run the helper through one of its entry points, with arguments and standard input."""
    if request.param == "code":
        return lambda *arguments, stdin=b"", **environ: _run_in_code(
            arguments, stdin, {**machine.environ, **environ}
        )
    if request.param == "module":
        command = MODULE
    else:
        scripts: Path = request.getfixturevalue("scripts")
        command = [str(scripts / f"docker-credential-{request.param}")]
    return lambda *arguments, stdin=b"", **environ: machine.run(
        *arguments, stdin=stdin, command=command, environ=environ
    )


def _login(password: str, host: str = HOST, username: str = "AWS") -> bytes:
    fields = {"ServerURL": host, "Username": username, "Secret": password}
    return json.dumps(fields).encode() + b"\n"


class TestGet:
    """Rows of `get`."""

    def test_an_ecr_host_gets_its_token(self, run: Run, machine: Machine) -> None:
        """The reply is one JSON object of three strings and a newline; standard error is empty."""
        machine.login()
        for _ in range(2):  # the reply from AWS and the one from the cache are equal
            result = run("get", stdin=HOST.encode())

            assert result.secret in machine.aws.issued
            assert json.loads(result.stdout)["ServerURL"] == HOST
            assert result.stdout.endswith(b"}\n")
            assert result.stdout.count(b"\n") == 1
        assert machine.aws.count() == {"ecr": 1}

    @pytest.mark.parametrize(
        "written",
        [
            f"https://{HOST}",
            f"https://{HOST}:443/v2/team/app?x=1",
            HOST.upper(),
            HOST + ".",
            f"https://AWS@{HOST}/",
        ],
    )
    def test_the_server_url_is_echoed_as_given(
        self, run: Run, machine: Machine, written: str
    ) -> None:
        """The address is echoed unchanged, from AWS and from the cache."""
        machine.login()
        for _ in range(2):
            assert json.loads(run("get", stdin=written.encode()).stdout)["ServerURL"] == written

    @pytest.mark.parametrize("end", ["\n", "\r\n", " \r\n", "  ", "\t\n"])
    def test_blanks_around_it_are_trimmed(self, run: Run, machine: Machine, end: str) -> None:
        """CR, LF and blanks are removed, as shells on Unix and Windows add them."""
        machine.login()
        result = run("get", stdin=f" {HOST}{end}".encode())

        assert json.loads(result.stdout)["ServerURL"] == HOST

    @pytest.mark.parametrize(
        "server_url", ["https://index.docker.io/v1/", "ghcr.io", "x\0y", "\xff"]
    )
    def test_any_other_registry_is_not_found(
        self, run: Run, machine: Machine, server_url: str
    ) -> None:
        """The reply is Docker's exact text, and standard error is empty."""
        assert run("get", stdin=server_url.encode()) == Result(1, NOT_FOUND, b"")
        assert machine.aws.count() == {}

    def test_ecr_public_without_credentials_is_not_found(self, run: Run, machine: Machine) -> None:
        """Anonymous pulls work."""
        assert run("get", stdin=PUBLIC.encode()) == Result(1, NOT_FOUND, b"")

    def test_ecr_public_with_another_partitions_credentials_is_not_found(
        self, run: Run, machine: Machine
    ) -> None:
        """Credentials of China or GovCloud are unknown to ECR Public's partition."""
        machine.login()
        machine.aws.keys.clear()

        assert run("get", stdin=PUBLIC.encode()) == Result(1, NOT_FOUND, b"")
        assert machine.aws.count() == {"ecr-public": 1}

    def test_a_failure_is_one_line_on_both_streams(self, run: Run, machine: Machine) -> None:
        """Standard error has the same line after the program's name: the problem and what to do."""
        result = run("get", stdin=HOST.encode())

        assert result.error.startswith("no AWS credentials found in the environment")
        assert "; run 'aws configure sso'" in result.error

    @pytest.mark.parametrize("stdin", [b"", b"\n", b" \r\n"])
    def test_an_empty_input_has_its_own_text(self, run: Run, stdin: bytes) -> None:
        """The reply is Docker's exact text, and standard error is empty."""
        assert run("get", stdin=stdin) == Result(1, b"no credentials server URL\n", b"")
        assert run("erase", stdin=stdin) == Result(1, b"no credentials server URL\n", b"")

    def test_an_address_has_at_most_64_kib(self, run: Run, machine: Machine) -> None:
        """An address of 64 KiB is read whole; a longer one is refused instead of cut."""
        machine.login()
        longest = HOST + "/" + "a" * (64 * 1024 - len(HOST) - 1)

        assert json.loads(run("get", stdin=longest.encode()).stdout)["ServerURL"] == longest
        assert run("get", stdin=longest.encode() + b"a") == Result(1, NOT_FOUND, b"")


class TestStoreAndErase:
    """Rows of `store` and `erase`."""

    def test_a_login_is_returned_until_it_expires(self, run: Run, machine: Machine) -> None:
        """A login wins over the cache until it expires; then fresh tokens are used."""
        machine.login()
        fetched = run("get", stdin=HOST.encode()).secret
        password = machine.aws.password("arn:aws:iam::1:role/other", "us-east-1", life=3)

        assert run("store", stdin=_login(password)) == Result(0, b"", b"")
        assert run("get", stdin=f"https://{HOST}".encode()).secret == password
        time.sleep(3.1)
        assert run("get", stdin=HOST.encode()).secret == fetched

    def test_an_expired_login_is_never_used(self, run: Run, machine: Machine) -> None:
        """Storing an expired token succeeds and changes nothing, so it causes no 403 again."""
        machine.login()
        password = machine.aws.password("arn:aws:iam::1:role/other", "us-east-1", life=-3600)

        assert run("store", stdin=_login(password)) == Result(0, b"", b"")
        assert run("get", stdin=HOST.encode()).secret != password

    def test_a_login_needs_no_aws_credentials(self, run: Run, machine: Machine) -> None:
        """`store` and `get` of a login work without AWS credentials."""
        assert run("store", stdin=_login("a password")) == Result(0, b"", b"")
        assert run("get", stdin=HOST.encode()).secret == "a password"
        assert machine.aws.count() == {}

    def test_an_erased_host_is_forgotten(self, run: Run, machine: Machine) -> None:
        """The login and the cached token are removed from disk, and the host from the list."""
        machine.login()
        first = run("get", stdin=HOST.encode()).secret
        run("store", stdin=_login("a password"))

        for written in (HOST, f"https://{HOST}", f"http://{HOST}"):
            assert run("erase", stdin=written.encode()) == Result(0, b"", b"")
        assert machine.entries("tokens") == machine.entries("logins") == []
        assert run("list") == Result(0, b"{}\n", b"")
        assert run("get", stdin=HOST.encode()).secret not in (first, "a password")

    def test_erasing_works_with_the_cache_disabled(self, run: Run, machine: Machine) -> None:
        """A token from before is erased too, or it would return with the cache."""
        run("store", stdin=_login("a password"))
        run("erase", stdin=HOST.encode(), AWS_ECR_DISABLE_CACHE="1")

        assert machine.entries("logins") == []

    def test_erasing_one_host_leaves_the_others(self, run: Run, machine: Machine) -> None:
        """Another account's login, another region's token, and the other hosts of `list` stay."""
        machine.login()
        account, region = "2" + HOST[1:], HOST.replace("us-east-1", "eu-west-1")
        token = run("get", stdin=region.encode()).secret
        run("store", stdin=_login("its password", host=account))
        run("store", stdin=_login("a password"))
        run("erase", stdin=HOST.encode())

        assert run("get", stdin=region.encode()).secret == token
        assert run("get", stdin=account.encode()).secret == "its password"
        assert set(json.loads(run("list").stdout)) == {f"https://{account}", f"https://{region}"}

    def test_an_erased_token_is_erased_for_the_hosts_that_share_it(
        self, run: Run, machine: Machine
    ) -> None:
        """Registries of one endpoint share a token: none of them answers with it again."""
        machine.login()
        other = "2" + HOST[1:]
        token = run("get", stdin=HOST.encode()).secret
        assert run("get", stdin=other.encode()).secret == token
        run("erase", stdin=HOST.encode())

        assert run("get", stdin=other.encode()).secret != token

    @pytest.mark.parametrize("host", [HOST, "ghcr.io"])
    def test_erasing_an_unknown_host_succeeds(self, run: Run, host: str) -> None:
        """`erase` succeeds for a host without an entry, and leaves none."""
        assert run("erase", stdin=host.encode()) == Result(0, b"", b"")

    @pytest.mark.parametrize(
        ("login", "text"),
        [
            (_login("x", host=""), b"no credentials server URL\n"),
            (_login("x", host=" \n"), b"no credentials server URL\n"),
            (b"{}", b"no credentials server URL\n"),
            (_login("x", username=""), b"no credentials username\n"),
            (_login("x", host="ghcr.io", username=""), b"no credentials username\n"),
        ],
    )
    def test_a_missing_field_has_its_own_text(self, run: Run, login: bytes, text: bytes) -> None:
        """The reply is Docker's exact text, and standard error is empty."""
        assert run("store", stdin=login) == Result(1, text, b"")

    def test_a_login_elsewhere_is_refused(self, run: Run, machine: Machine) -> None:
        """A silent success would lose the password; the text names the two ways to keep it."""
        error = run("store", stdin=_login("hunter2", host="https://user:pw@ghcr.io/")).error

        assert error.startswith("ghcr.io is not an ECR registry")
        assert "credHelpers" in error
        assert "fallback" in error
        assert "hunter2" not in error
        assert "pw" not in error

    @pytest.mark.parametrize(
        "login",
        [
            b"",
            b"not JSON",
            b"[]",
            b"null",
            b'{"ServerURL": 5, "Username": "AWS", "Secret": "x"}',
            b'{"ServerURL": "h", "Username": null, "Secret": "x"}',
            _login(""),
            b"[" * 60000,
            b'{"ServerURL": "' + b"a" * 70000,
            b"\xff\xfe",
            _login("\ud800"),
            _login("x", username="AWS\udfff"),
            _login("x", host=f"{HOST}/\ud800"),
        ],
        ids=range(13),
    )
    def test_an_invalid_login_is_refused(self, run: Run, machine: Machine, login: bytes) -> None:
        """The error is one line that says what is valid, and nothing is stored."""
        assert '{"ServerURL": "...", ' in run("store", stdin=login).error
        assert not machine.cache.exists()

    @pytest.mark.parametrize("yes", ["true", "TRUE", "1", "yes", " Yes\n"])
    def test_storage_can_be_ignored(self, run: Run, machine: Machine, yes: str) -> None:
        """With the variable set, `store` and `erase` do nothing and succeed for any host."""
        machine.login()
        token = run("get", stdin=HOST.encode()).secret
        for host in (HOST, "ghcr.io"):
            login = _login("x", host=host)
            ignored = {"AWS_ECR_IGNORE_CREDS_STORAGE": yes}
            assert run("store", stdin=login, **ignored) == Result(0, b"", b"")
            assert run("erase", stdin=host.encode(), **ignored) == Result(0, b"", b"")
        assert run("get", stdin=HOST.encode()).secret == token

    @pytest.mark.parametrize(
        "no", ["false", "0", "no", "", "on", "y", "t", "2", "enabled", "true!", "'true'"]
    )
    def test_ignoring_can_be_disabled(self, run: Run, no: str) -> None:
        """Any other word leaves storage enabled: it would lose a login without a word."""
        run("store", stdin=_login("x"), AWS_ECR_IGNORE_CREDS_STORAGE=no)

        assert run("get", stdin=HOST.encode()).secret == "x"

    @pytest.mark.parametrize(
        ("environ", "cure"),
        [
            ({"AWS_ECR_DISABLE_CACHE": "1"}, "unset AWS_ECR_DISABLE_CACHE"),
            ({"HOME": "", "USERPROFILE": ""}, "set HOME or AWS_ECR_CACHE_DIR"),
            ({"AWS_ECR_CACHE_DIR": "/dev/null/x"}, "set AWS_ECR_CACHE_DIR"),
        ],
        ids=["disabled", "no home", "no directory"],
    )
    def test_a_login_that_cannot_be_stored_is_an_error(
        self, run: Run, environ: dict[str, str], cure: str
    ) -> None:
        """Success would lose the login; the line says how to store it, or to do without."""
        assert cure in run("store", stdin=_login("x"), **environ).error


class TestList:
    """Rows of `list`."""

    def test_nothing_known_is_an_empty_object(self, run: Run) -> None:
        """The reply is an empty object, also with Docker's literal input `unused`."""
        assert run("list", stdin=b"unused") == Result(0, b"{}\n", b"")

    def test_known_hosts_are_listed_without_the_network(self, run: Run, machine: Machine) -> None:
        """Each host is listed with https and the user name AWS; no AWS or region is needed."""
        machine.login()
        hosts = [HOST, "210987654321.dkr.ecr.eu-west-1.amazonaws.com"]
        for host in reversed(hosts):
            run("get", stdin=host.encode())
        asked = machine.aws.count()

        listed = run("list", stdin=b"unused", AWS_PROFILE="nobody", AWS_ACCESS_KEY_ID="")

        assert (listed.code, listed.stderr) == (0, b"")
        assert json.loads(listed.stdout) == {f"https://{host}": "AWS" for host in hosts}
        assert machine.aws.count() == asked

    @pytest.mark.parametrize(
        "environ", [{"AWS_ECR_DISABLE_CACHE": "1"}, {"HOME": "", "USERPROFILE": ""}]
    )
    def test_without_a_cache_nothing_is_known(self, run: Run, environ: dict[str, str]) -> None:
        """The reply is an empty object, never an error."""
        assert run("list", stdin=b"unused", **environ) == Result(0, b"{}\n", b"")

    def test_its_input_is_not_waited_for(self, machine: Machine) -> None:
        """`list` does not wait for input, since some clients leave a terminal there."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [*machine.program, "list"],
            stdin=pipe,
            stdout=pipe,
            env=machine.environ,
            cwd=machine.root,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.read() == b"{}\n"
            assert child.wait(10) == 0


class TestTheRest:
    """Rows of the version, help and invalid arguments."""

    @pytest.mark.parametrize("argument", ["version", "-v", "--version"])
    def test_the_version_names_program_package_and_number(self, run: Run, argument: str) -> None:
        """On standard output, with exit code 0."""
        result = run(argument)

        assert (result.code, result.stderr) == (0, b"")
        name, package, number = result.stdout.decode().split()
        assert name.startswith("docker-credential-ecr")
        assert (package, number) == (
            "(docker-credential-ecrpy)",
            docker_credential_ecrpy.__version__,
        )

    @pytest.mark.parametrize("argument", ["help", "-h", "--help"])
    def test_help_explains_the_actions(self, run: Run, argument: str) -> None:
        """Help shows the usage, where to put the program, and the actions and variables."""
        result = run(argument)

        assert (result.code, result.stderr) == (0, b"")
        for part in (b"Usage: ", b"credHelpers", b"erase", b"AWS_ECR_TIMEOUT"):
            assert part in result.stdout

    @pytest.mark.parametrize(
        "arguments", [(), ("fly",), ("get", "it"), ("",), ("--get",), ("a\nb",)]
    )
    def test_a_wrong_argument_gives_the_usage(self, run: Run, arguments: tuple[str, ...]) -> None:
        """On standard output, with exit code 1."""
        result = run(*arguments, stdin=HOST.encode())

        assert (result.code, result.stderr) == (1, b"")
        assert b"Usage: docker-credential-ecr" in result.stdout
        assert b"<get|store|erase|list|version>" in result.stdout

    @pytest.mark.parametrize(
        ("typed", "meant"), [("explian", "explain"), ("doctr", "doctor"), ("verson", "version")]
    )
    def test_a_misspelt_command_gets_a_suggestion(self, run: Run, typed: str, meant: str) -> None:
        """The near miss is suggested, whatever arguments follow."""
        result = run(typed, "--check", HOST)

        assert f"unknown command: {typed}; did you mean {meant}?".encode() in result.stdout


_NO_FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def _changed(host: str, more: bytes, at: int) -> bytes:
    return host.encode()[:at] + more + host.encode()[at:]


@_NO_FIXTURE
@given(
    data=st.binary(max_size=300)
    | st.sampled_from(sorted(NOT_ECR.values())).map(str.encode)
    | st.builds(_changed, st.sampled_from(sorted(HOSTS)), st.binary(max_size=3), st.integers(0, 70))
)
@example(data=b"\0")
@example(data=b"\xff" * 300)
@example(data=b"\x0b")
@example(data=b"{")
@example(data=b"\xef\xbb\xbf{}")
@example(data=HOST.encode())
def test_any_input_gives_a_reply_or_a_text_of_dockers(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes give a reply for an ECR host, or one of Docker's texts.

    An object is a request of Bazel, which gets its errors on standard error alone.
    """
    result = _run_in_code(["get"], data, _logged_in(tmp_path_factory))
    trimmed = data.strip(b" \t\r\n")

    if trimmed.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{"):
        assert (result.code, result.stdout) == (1, b"")
        assert result.stderr.count(b"\n") == 1
        assert b"; send {" in result.stderr
    elif result.code == 0:
        reply = {"ServerURL": trimmed.decode(), "Username": "AWS", "Secret": "pass"}
        assert json.loads(result.stdout) == reply
        assert result.stderr == b""
    elif result.stderr:
        # An ECR host without a login, such as one in a region of that name.
        assert b"no AWS credentials" in result.stdout
    else:
        expected = NOT_FOUND if trimmed else b"no credentials server URL\n"
        assert result == Result(1, expected, b"")


def _logged_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a home in which every known host has a login."""
    home = tmp_path_factory.getbasetemp() / "logged-in"
    environ = {"HOME": str(home), "USERPROFILE": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
    if not home.exists():
        home.mkdir()
        for one in HOSTS:
            _run_in_code(["store"], _login("pass", one), environ)
    return environ


@_NO_FIXTURE
@given(
    host=st.sampled_from(sorted(HOSTS)),
    rest=st.text(st.sampled_from("abc/:@?#[]%~!$&'()*+,;=_-."), max_size=40),
    scheme=st.sampled_from(["", "https://", "oci://"]),
)
def test_every_ecr_address_gives_json(
    host: str, rest: str, scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever path, query or port follows, the reply is JSON that echoes the address."""
    written = scheme + host + "/" + rest
    result = _run_in_code(["get"], written.encode(), _logged_in(tmp_path_factory))

    assert json.loads(result.stdout) == {"ServerURL": written, "Username": "AWS", "Secret": "pass"}


@_NO_FIXTURE
@given(data=st.binary(max_size=200))
def test_any_bytes_end_store_and_erase_cleanly(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The exit code is 0 or 1, with no traceback, and no answer when one is not due."""
    environ = {"HOME": str(tmp_path_factory.getbasetemp() / "nobody")}
    for action in ("store", "erase"):
        result = _run_in_code([action], data, environ)

        assert result.code in (0, 1)
        assert b"Traceback" not in result.stdout + result.stderr
        assert (result.stdout == b"") == (result.code == 0)


@pytest.mark.parametrize("place", [(door, "quick_answer"), (main, "run_cli")], ids=["hit", "miss"])
@pytest.mark.parametrize(
    ("exc", "says"),
    [
        (MemoryError(), b"there is not enough memory; give this process more\n"),
        (OSError(errno.ENOMEM, "x"), b"there is not enough memory; give this process more\n"),
        (OSError(errno.EPIPE, "x"), b""),  # the reader closed the pipe
        (
            SystemError("error return without exception set"),  # Python's own, without memory
            b"there is not enough memory; give this process more\n",
        ),
        (
            ImportError("no\nsegment"),
            b"the program cannot be loaded: 'no\\nsegment'; give it more memory, or reinstall it\n",
        ),
    ],
    ids=["memory", "ENOMEM", "EPIPE", "system", "import"],
)
@pytest.mark.ends_process
def test_too_little_memory_is_reported(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[object, str],
    exc: Exception,
    says: bytes,
) -> None:
    """The error is one line on both streams, for each way in which Python reports it."""

    def fail(*_: object) -> int:
        raise exc

    monkeypatch.setattr(*place, fail)

    stderr = b"docker-credential-ecr-login: " + says if says else b""
    assert _run_in_code(["get"], HOST.encode(), machine.environ) == Result(1, says, stderr)


@pytest.mark.parametrize("place", ["run_cli", "_run_action"])
@pytest.mark.parametrize("is_hidden", [False, True], ids=["plain", "hidden"])
@pytest.mark.ends_process
def test_an_interrupt_is_silent(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, place: str, *, is_hidden: bool
) -> None:
    """Exit code 130 and no text, also where Python hides the interrupt behind a RuntimeError."""

    def interrupt(*_: object) -> int:
        if is_hidden:  # as Python 3.10 and 3.11 do within __set_name__
            raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()
        raise KeyboardInterrupt

    monkeypatch.setattr(main, place, interrupt)

    assert _run_in_code(["get"], HOST.encode(), machine.environ) == Result(130, b"", b"")


@pytest.mark.ends_process
def test_another_runtime_error_is_reported(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RuntimeError that hides no interrupt is an unexpected error."""

    def fail(*_: object) -> int:
        raise RuntimeError("no interrupt")

    monkeypatch.setattr(main, "_run_action", fail)
    result = _run_in_code(["get"], HOST.encode(), machine.environ)

    assert result.code == 1
    assert result.stdout.startswith(b"unexpected error: no interrupt; ")
