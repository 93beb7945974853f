"""The fallback credential helper: it runs as Docker would run it, and its output is unchanged."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from tests.world.machine import HOST, NOT_FOUND, Machine

LOGIN = b'{"ServerURL":"https://index.docker.io/v1/","Username":"me","Secret":"hunter2"}\n'
ECHO = """
import os, sys
sys.stderr.write("told by " + os.path.basename(sys.argv[0]) + "\\n")
sys.stdout.write(repr((sys.argv[1:], sys.stdin.read(), sys.flags.isolated)))
sys.exit(7)
"""
STORE = """
import json, os, sys
path = os.environ["HOME"] + "/stored.json"
stored = json.load(open(path)) if os.path.exists(path) else {}
action, text = sys.argv[1], sys.stdin.read()
if action == "store":
    login = json.loads(text)
    stored[login["ServerURL"]] = login
elif action == "erase":
    stored.pop(text, None)
elif action == "get":
    if text not in stored:
        sys.exit(print("credentials not found in native keychain") or 1)
    print(json.dumps(stored[text]))
else:
    assert text == "unused"
    print(json.dumps({url: login["Username"] for url, login in stored.items()}))
json.dump(stored, open(path, "w"))
"""


def helper(machine: Machine, code: str, name: str = "other") -> Path:
    """Put a credential helper on PATH, and make it the fallback."""
    path = machine.file(
        f"bin/docker-credential-{name}", f"#!{sys.executable} -I\n{code}", mode=0o700
    )
    machine.environ["PATH"] = f"{path.parent}{os.pathsep}{machine.environ['PATH']}"
    machine.settings(f'\nfallback = "{name}"\n')
    return path


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts are not executable there")


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("get", b"https://index.docker.io/v1/"),
        ("get", b"[::1]:5000"),
        ("get", "bücher.example".encode()),
        ("erase", b"ghcr.io"),
        ("store", LOGIN.strip()),
    ],
)
def test_its_output_is_passed_on_unchanged(machine: Machine, action: str, request_: bytes) -> None:
    """Both streams and the exit code are passed on, without an added line break."""
    helper(machine, ECHO)
    done = machine.run(action, stdin=request_)

    assert done.code == 7
    assert done.stdout.decode() == repr(([action], request_.decode(), 1))
    assert done.stderr == b"told by docker-credential-other\n"


def test_a_failing_list_is_passed_on_unchanged(machine: Machine) -> None:
    """A failing `list` is passed on like the other actions."""
    helper(machine, ECHO)
    done = machine.run("list")

    assert (done.code, done.stdout.decode()) == (7, repr((["list"], "unused", 1)))


@pytest.mark.parametrize("ignore", ["", "true"])
def test_a_login_elsewhere_from_end_to_end(machine: Machine, ignore: str) -> None:
    """Another registry's login is stored, listed, returned and erased; ECR's stays this helper's.

    AWS_ECR_IGNORE_CREDS_STORAGE does not apply to other registries.
    """
    helper(machine, STORE)
    machine.environ["AWS_ECR_IGNORE_CREDS_STORAGE"] = ignore
    machine.login()
    url = "https://index.docker.io/v1/"
    machine.run("store", stdin=LOGIN)
    secret = machine.get().secret
    listed = json.loads(machine.run("list").stdout)
    had = json.loads(machine.get(url).stdout)

    assert listed == {url: "me", f"https://{HOST}": "AWS"}
    assert had == json.loads(LOGIN)
    assert secret in machine.aws.issued
    assert machine.run("erase", stdin=url.encode()).code == 0
    assert machine.get(url).stdout == NOT_FOUND
    assert list(json.loads(machine.run("list").stdout)) == [f"https://{HOST}"]


def test_its_answers_are_not_cached(machine: Machine) -> None:
    """The fallback's answers are not cached, so a login shows at once."""
    helper(machine, STORE)

    assert machine.get("ghcr.io").stdout == NOT_FOUND
    login = json.loads(LOGIN) | {"ServerURL": "ghcr.io"}
    machine.run("store", stdin=json.dumps(login).encode())
    assert json.loads(machine.get("ghcr.io").stdout) == login


def test_no_secret_is_in_its_arguments_or_environment(machine: Machine) -> None:
    """A login is passed through standard input alone."""
    helper(machine, "import os, sys; print(sys.argv, os.environ)")
    machine.environ["AWS_ECR_DEBUG"] = "1"
    done = machine.run("store", stdin=LOGIN)

    assert b"store" in done.stdout
    assert b"hunter2" not in done.stdout + done.stderr


def test_megabytes_of_output_are_passed_on(machine: Machine) -> None:
    """Megabytes of output are passed on, also if the fallback ignores its input."""
    helper(machine, "import sys; sys.stdout.write('x' * 3_000_000)")

    assert machine.run("store", stdin=LOGIN).stdout == b"x" * 3_000_000


@pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
def test_a_missing_one_is_an_error(machine: Machine, action: str) -> None:
    """A missing fallback is an error that names its line in config.toml."""
    helper(machine, ECHO).unlink()
    error = machine.run(action, stdin=LOGIN if action == "store" else b"ghcr.io").error

    assert "docker-credential-other is not on PATH" in error
    assert f"fix the fallback in {machine.home}/.ecr/config.toml:2" in error


def test_the_current_directory_is_not_searched(machine: Machine) -> None:
    """The current directory may be an untrusted checkout; Docker does not search it, either."""
    machine.file("docker-credential-other", f"#!{sys.executable} -I\n{ECHO}", mode=0o700)
    machine.settings('fallback = "other"')
    machine.environ["PATH"] = f".{os.pathsep}{os.pathsep}{machine.environ['PATH']}"

    assert "is not on PATH" in machine.get("ghcr.io").error


def test_one_that_cannot_be_run_is_an_error(machine: Machine) -> None:
    """A script whose interpreter is missing is an error."""
    helper(machine, ECHO).write_text("#!/nonexistent\n")

    assert "cannot be run: No such file" in machine.get("ghcr.io").error


@pytest.mark.parametrize(
    ("action", "first"),
    [
        *((action, "") for action in ("get", "store", "erase", "list")),
        ("get", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"),
    ],
    ids=["get", "store", "erase", "list", "SIGTERM ignored"],
)
def test_one_that_hangs_is_ended_with_all_that_it_started(
    machine: Machine, action: str, first: str
) -> None:
    """At the deadline the fallback and its children are killed, also if they hold the output."""
    helper(
        machine,
        f"{first}import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print(os.getpid(), child.pid, file=open(os.environ['HOME'] + '/pids', 'w'), flush=True)\n"
        "time.sleep(99)\n",
    )
    machine.environ["AWS_ECR_TIMEOUT"] = "4"
    began = time.monotonic()
    error = machine.run(action, stdin=LOGIN if action == "store" else b"ghcr.io").error

    assert (
        f"no answer from the fallback credential helper docker-credential-other {action}" in error
    )
    assert "AWS_ECR_TIMEOUT" in error
    assert time.monotonic() - began < 20
    for pid in (machine.home / "pids").read_text().split():
        end = time.monotonic() + 5
        while _runs(pid):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("number", [9, 35])
def test_one_that_is_killed_is_an_error(machine: Machine, number: int) -> None:
    """Death by a signal is an error, since it is no exit code to pass on."""
    helper(machine, f"import os; os.kill(os.getpid(), {number})")

    assert f"was killed by a signal ({number}: " in machine.get("ghcr.io").error


@pytest.mark.parametrize("output", ["", "[]", '{"a": 1}', "nonsense", "[" * 100_000])
def test_an_invalid_list_is_an_error(machine: Machine, output: str) -> None:
    """An invalid `list` is an error, since merging with it would lose entries."""
    helper(machine, f"print({output!r})")

    assert "docker-credential-other list printed invalid output" in machine.run("list").error


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", "printed invalid output"),
        ("nonsense", "printed invalid output"),
        ("[]", "printed invalid output"),
        ('"a secret"', "printed invalid output"),
        ('{"Username": "me", "Secret": 1}', "printed invalid output"),
        ('{"Username": "me", "Secret": null}', "printed invalid output"),
        ("[" * 100_000, "printed invalid output"),
        ('{"Username": "me", "Secret": ""}', "printed a login without a secret"),
        ('{"username": "me"}', "printed a login without a secret"),
    ],
)
def test_a_get_that_is_no_login_is_an_error(machine: Machine, output: str, said: str) -> None:
    """A client's own error for it does not name the fallback."""
    helper(machine, f"print({output!r})")
    error = machine.get("ghcr.io").error

    assert error.startswith(f"the fallback credential helper docker-credential-other get {said};")
    assert "a secret" not in error.replace("without a secret", "")


@pytest.mark.parametrize(
    "output", ["{}", "null", '{"ServerURL": "x", "Username": "", "Secret": ""}']
)
def test_a_get_of_nothing_is_passed_on(machine: Machine, output: str) -> None:
    """With neither user name nor secret, clients go on anonymously."""
    helper(machine, f"print({output!r})")

    assert machine.get("ghcr.io").stdout == f"{output}\n".encode()


def test_with_a_terminal_it_may_prompt(machine: Machine) -> None:
    """The fallback may prompt for a passphrase on the terminal, as when Docker runs it."""
    helper(
        machine,
        "import json\ntty = open('/dev/tty', 'r+b', buffering=0)\n"
        "tty.write(b'passphrase: ')\n"
        "typed = tty.readline().decode().strip()\n"
        "print(json.dumps({'Secret': 'opened with ' + typed}))\n",
    )
    script = f"printf ghcr.io | {shlex.join(machine.program)} get >answer"
    code = "import pty, sys; sys.exit(pty.spawn(['sh', '-c', sys.argv[1]]) >> 8)"
    done = machine.run(command=[sys.executable, "-c", code, script], stdin=b"sesame\n")

    assert b"passphrase: " in done.stdout
    assert (machine.root / "answer").read_text() == '{"Secret": "opened with sesame"}\n'


@pytest.mark.parametrize("output", ["null", "{}", "{} and so on"])
def test_a_list_of_nothing(machine: Machine, output: str) -> None:
    """As in Docker's client, null is an empty list, and text after the object is not read."""
    machine.login()
    machine.get()
    helper(machine, f"print({output!r})")

    assert json.loads(machine.run("list").stdout) == {f"https://{HOST}": "AWS"}


def test_what_it_leaves_running_may_hold_on_to_its_output(machine: Machine) -> None:
    """Its answer is passed on once it has ended, without waiting for its children."""
    path = machine.home / "pid"
    helper(
        machine,
        "import subprocess, sys\n"
        "code = 'import time; time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stderr=subprocess.DEVNULL)\n"
        f"print(child.pid, file=open({str(path)!r}, 'w'))\n"
        'print(\'{"Secret": "the answer"}\', flush=True)\n',
    )
    began = time.monotonic()
    done = machine.get("ghcr.io")
    os.kill(int(path.read_text()), 9)

    assert (done.code, done.stdout) == (0, b'{"Secret": "the answer"}\n')
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("count", [1, 300])
def test_sigterm_ends_it_too(machine: Machine, count: int) -> None:
    """SIGTERM, as when a service is stopped, ends the fallback too; more of them print nothing."""
    helper(
        machine,
        "import os, time\n"
        "print(os.getpid(), file=open(os.environ['HOME'] + '/pids', 'w'), flush=True)\n"
        "time.sleep(99)\n",
    )
    child = machine.start_get("ghcr.io")
    pids = machine.home / "pids"
    limit = time.monotonic() + 30
    while time.monotonic() < limit and not (pids.exists() and pids.read_text()):
        time.sleep(0.05)
    for _ in range(count):
        child.terminate()
    out, err = child.communicate(timeout=30)

    assert (child.returncode, out, err) == (143, b"", b"")
    end = time.monotonic() + 5
    while _runs(pids.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_input_that_is_too_long_is_refused(machine: Machine) -> None:
    """Too long an input is refused and not truncated."""
    helper(machine, ECHO)

    assert "longer than 64 KiB" in machine.get("x" * 70_000).error


def test_all_of_the_input_arrives(machine: Machine) -> None:
    """All input arrives, also if it is read late and exceeds a pipe's buffer."""
    helper(machine, "import sys, time; time.sleep(1.5); print(len(sys.stdin.read()))")
    login = json.dumps({"ServerURL": "ghcr.io", "Username": "me", "Secret": "x" * 65_000})
    done = machine.run("store", stdin=login.encode())

    assert (done.code, done.stdout.strip()) == (0, str(len(login)).encode())


class TestOurselves:
    """A fallback that loops back to this program."""

    @pytest.mark.parametrize("name", ["ecr-login", "ecrpy", "mine"])
    @pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
    def test_it_is_an_error_and_there_is_no_loop(
        self, machine: Machine, scripts: Path, name: str, action: str
    ) -> None:
        """A loop by this program's name, a symlink or a script is an error."""
        program = scripts / "docker-credential-ecr-login"
        if name == "mine":
            (machine.root / "bin").mkdir()
            (machine.root / "bin" / "docker-credential-mine").symlink_to(program)
            machine.environ["PATH"] = f"{machine.root}/bin:{machine.environ['PATH']}"
        else:
            machine.environ["PATH"] = f"{scripts}:{machine.environ['PATH']}"
        path = machine.settings(f'fallback = "{name}"')
        login = LOGIN if action == "store" else b"ghcr.io"
        done = machine.run(action, stdin=login, command=[str(program)])

        assert done.code == 1
        said = f'fallback = "{name}" in {path}:1 loops back to this program'
        assert done.stdout.decode().startswith(said)
        assert said in done.stderr.decode()

    def test_a_script_around_it_is_an_error(self, machine: Machine, scripts: Path) -> None:
        """A wrapper script is detected by the mark in the environment."""
        program = scripts / "docker-credential-ecr-login"
        path = machine.file(
            "bin/docker-credential-wrapped", f'#!/bin/sh\nexec "{program}" "$@"\n', mode=0o700
        )
        machine.environ["PATH"] = f"{path.parent}:{machine.environ['PATH']}"
        machine.settings('fallback = "wrapped"')

        assert "loops back to this program" in machine.run("get", stdin=b"ghcr.io").error

    @pytest.mark.parametrize("names", ["one", "one two"])
    def test_the_mark_is_passed_on(self, machine: Machine, scripts: Path, names: str) -> None:
        """A loop through scripts with different fallbacks is detected."""
        program = scripts / "docker-credential-ecr-login"
        first, *others = names.split()
        for name, after in zip(names.split(), [*others, first], strict=True):
            settings = machine.file(f"{after}.toml", f'fallback = "{after}"\n')
            machine.file(
                f"bin/docker-credential-{name}",
                f'#!/bin/sh\nAWS_ECR_CONFIG="{settings}" "{program}" "$@"\n',
                mode=0o700,
            )
        machine.environ["PATH"] = f"{machine.root}/bin:{machine.environ['PATH']}"
        machine.settings(f'fallback = "{first}"')

        said = f'fallback = "{first}" in {machine.root}/{first}.toml:1 loops back to this program'
        assert machine.run("get", stdin=b"ghcr.io").stdout.decode().startswith(said)

    @pytest.mark.parametrize("exec_", ["", "exec "], ids=["a child", "in its place"])
    def test_a_script_that_hides_it_is_ended(
        self, machine: Machine, scripts: Path, exec_: str
    ) -> None:
        """A script that drops the mark loops until the first deadline, and then all are killed."""
        program = scripts / "docker-credential-ecr-login"
        kept = f'PATH="$PATH" HOME="$HOME" PYTHONPATH="{machine.environ["PYTHONPATH"]}"'
        path = machine.file(
            "bin/docker-credential-hiding",
            f'#!/bin/sh\necho $$ >>"$HOME/pids"\n{exec_}env -i {kept} "{program}" "$@"\n',
            mode=0o700,
        )
        machine.environ["PATH"] = f"{path.parent}:{machine.environ['PATH']}"
        machine.environ["AWS_ECR_TIMEOUT"] = "3"
        machine.settings('fallback = "hiding"')
        error = machine.run("get", stdin=b"ghcr.io").error
        pids = machine.home / "pids"
        end = time.monotonic() + 10
        while any(_runs(pid) for pid in pids.read_text().split()):
            assert time.monotonic() < end
            time.sleep(0.05)
        count = len(pids.read_text().split())
        time.sleep(1)

        assert "no answer from the fallback credential helper docker-credential-hiding" in error
        assert len(pids.read_text().split()) == count > 1

    def test_with_a_terminal_a_script_that_hides_it_is_ended(
        self, machine: Machine, scripts: Path
    ) -> None:
        """In the session of a terminal, which is not ended whole, the chain is ended, too."""
        program = scripts / "docker-credential-ecr-login"
        kept = f'PATH="$PATH" HOME="$HOME" PYTHONPATH="{machine.environ["PYTHONPATH"]}"'
        path = machine.file(
            "bin/docker-credential-hiding",
            f'#!/bin/sh\necho $$ >>"$HOME/pids"\nenv -i {kept} "{program}" "$@"\n',
            mode=0o700,
        )
        machine.environ["PATH"] = f"{path.parent}:{machine.environ['PATH']}"
        machine.environ["AWS_ECR_TIMEOUT"] = "3"
        machine.settings('fallback = "hiding"')
        script = f"printf ghcr.io | {program} get >answer"
        code = "import pty, sys; pty.spawn(['sh', '-c', sys.argv[1] + '; sleep 3'])"
        machine.run(command=[sys.executable, "-c", code, script])
        pids = machine.home / "pids"
        end = time.monotonic() + 10
        while any(_runs(pid) for pid in pids.read_text().split()):
            assert time.monotonic() < end
            time.sleep(0.05)
        count = len(pids.read_text().split())
        time.sleep(2)

        assert b"no answer from the fallback" in (machine.root / "answer").read_bytes()
        assert len(pids.read_text().split()) == count > 1

    @pytest.mark.parametrize("left", ["1", "1700000000.000 other", "nan other", "other"])
    def test_a_stale_mark_is_no_loop(self, machine: Machine, left: str) -> None:
        """A stale or invalid mark is not a loop; nor are concurrent calls."""
        helper(machine, "import time; time.sleep(1); print('{}')")
        machine.environ["AWS_ECR_FALLBACK_OF"] = left
        results = machine.get_many(["ghcr.io"] * 8)

        assert {(done.code, done.stdout, done.stderr) for done in results} == {(0, b"{}\n", b"")}
        assert not list(machine.home.rglob("locks/*"))

    def test_a_fallback_that_calls_this_program_for_ecr_is_no_loop(
        self, machine: Machine, scripts: Path
    ) -> None:
        """A fallback that calls this program for an ECR host is not a loop."""
        program = scripts / "docker-credential-ecr-login"
        code = (
            "import subprocess, sys\n"
            f"sys.exit(subprocess.run([{str(program)!r}, 'get'], input=b'{HOST}').returncode)"
        )
        helper(machine, code)
        machine.login()

        assert machine.get("ghcr.io").secret == machine.get().secret


def _runs(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
