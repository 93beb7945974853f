"""Facts about the report of `doctor`: its last lines, its counts, and its JSON document."""

import re
import sys
import time

import pytest

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, CheckId
from tests.world import schemas
from tests.world.accounts import B, profile
from tests.world.aws import delay
from tests.world.credential_sources import sso_login, sso_session
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST
from tests.world.terminal import on_terminal, run_on_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
OTHER = f"{B}.dkr.ecr.us-east-1.amazonaws.com"


def said(docker_host: DockerHost, *arguments: str) -> str:
    """Return what it prints, without a word on standard error."""
    done = docker_host.machine.run("doctor", *arguments)
    assert done.stderr == b""
    return done.stdout.decode()


def use_profile(docker_host: DockerHost) -> None:
    """Take the keys out of the environment, so that a profile decides."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    docker_host.machine.environ["AWS_PROFILE"] = "work"


@pytest.mark.tree
class TestText:
    """The report as text."""

    def test_its_last_lines(self, docker_host: DockerHost) -> None:
        """The cause, the fix in words, and then the command alone."""
        docker_host.configure(auths=docker_host.old_login())
        *_, cause, fix, command = said(docker_host, IMAGE).splitlines()

        assert cause.startswith(
            f"cause: docker sends the old login for {HOST} in {docker_host.config}"
        )
        assert fix == "fix: configure docker to run this program, and remove the old login"
        assert command == f"  docker-credential-ecrpy configure {HOST}"

    def test_a_command_that_ends_the_fix_is_not_said_twice(self, docker_host: DockerHost) -> None:
        """It has a line of its own, to be copied."""
        use_profile(docker_host)
        sso_session(docker_host.machine)
        sso_login(docker_host.machine, "corp", time.time() - 60)
        *_, fix, command = said(docker_host, HOST).splitlines()

        assert fix == "fix: run:"
        assert command == "  aws sso login --profile work"

    def test_problems_of_several_registries_are_counted(self, docker_host: DockerHost) -> None:
        """And --fix is named, which fixes more than one; it does."""
        docker_host.configure(auths=docker_host.old_login() | docker_host.old_login(OTHER))
        text = said(docker_host)
        problems = text.count("\nFAIL  ")

        assert problems == 4
        assert (
            "\nfix all of them: configure docker to run this program, and remove the old login\n"
            "  docker-credential-ecrpy doctor --fix\n"
        ) in text
        assert "\n4 problems in 2 registries\n\ncause: " in text
        assert "ecrpy configure" not in text
        assert said(docker_host, "--fix").endswith("\nno problem found\n")

    def test_problems_of_one_registry_are_counted(self, docker_host: DockerHost) -> None:
        """--fix is not named where the fix of the cause is the same."""
        docker_host.configure(auths=docker_host.old_login())
        docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))
        text = said(docker_host, HOST)

        assert "\n3 problems\n\ncause: " in text
        assert "--fix" not in text

    def test_warnings_are_counted_beside_problems(self, docker_host: DockerHost) -> None:
        """--fix is named for a warning too, with the registry that it needs."""
        docker_host.configure(auths=docker_host.old_login(), credHelpers={HOST: "ecr-login"})
        docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))

        assert (
            "\n1 problem and 1 warning; after the fix below, this fixes 1 of them:\n"
            f"  docker-credential-ecrpy doctor --fix {HOST}\n\ncause: "
        ) in said(docker_host, HOST)

    def test_both_are_counted_over_several_registries(self, docker_host: DockerHost) -> None:
        """The registries of warnings are counted too, and one error is one problem."""
        auths = docker_host.old_login() | docker_host.old_login(OTHER)
        docker_host.configure(auths=auths, credHelpers={HOST: "ecr-login", OTHER: "ecr-login"})
        docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:GetAuthorizationToken"))

        text = " ".join(said(docker_host).split())
        assert (
            "1 problem and 2 warnings in 2 registries; after the fix below, this fixes 2 of them:"
        ) in text

    def test_one_problem_is_not_counted(self, docker_host: DockerHost) -> None:
        """The cause says it all, and --fix would do no more than the command."""
        docker_host.configure()
        text = said(docker_host, HOST)

        assert text.count("FAIL  ") == 1
        assert not re.search(r"\d problem", text)
        assert "--fix" not in text

    def test_warnings_are_counted_where_nothing_fails(self, docker_host: DockerHost) -> None:
        """A warning is no cause of a failure, and is not called so."""
        auths = docker_host.old_login() | docker_host.old_login(OTHER)
        docker_host.configure(auths=auths, credHelpers={HOST: "ecr-login", OTHER: "ecr-login"})
        text = said(docker_host)

        assert (
            "\nfix all of them: configure docker to run this program, and remove the old login\n"
            "  docker-credential-ecrpy doctor --fix\n"
        ) in text
        assert "\n2 warnings in 2 registries\n\nwarning: " in text

    def test_quiet(self, docker_host: DockerHost) -> None:
        """It prints problems and the cause; nothing where there is none; with the same code."""
        assert said(docker_host, "-q", HOST) == ""
        docker_host.configure(auths=docker_host.old_login())
        text = said(docker_host, "--quiet", HOST)

        assert text.splitlines()[0].startswith("FAIL  old login: ")
        assert "\npass  " not in text
        assert "\ncause: " in text
        assert docker_host.machine.run("doctor", "-q", HOST).code == 1

    def test_progress_on_a_terminal(self, docker_host: DockerHost) -> None:
        """It names the registry that is being checked, and is gone in the end."""
        docker_host.configure(credHelpers={HOST: "ecr-login", OTHER: "ecr-login"})
        docker_host.machine.aws.faults["ecr"] = delay(2)
        _, raw = run_on_terminal(docker_host.machine, "doctor", columns=80)

        assert re.search(rf"\r. checking {HOST} \(1 of 2\) ...", raw)
        docker_host.machine.aws.faults.clear()
        assert "checking" not in on_terminal(docker_host.machine, 80, "doctor")

    @pytest.mark.parametrize(
        "environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"}], ids=str
    )
    def test_it_is_plain_in_a_pipe(self, docker_host: DockerHost, environ: dict[str, str]) -> None:
        """One line for each check, in ASCII, without colours."""
        docker_host.configure(auths=docker_host.old_login())
        done = docker_host.machine.run("doctor", HOST, environ=environ)

        assert done.stdout.isascii()
        assert b"\033" not in done.stdout + done.stderr
        assert done.stderr == b""

    def test_a_dumb_terminal_has_no_colours(self, docker_host: DockerHost) -> None:
        """Nor progress, which would have to go back in the line."""
        shown = on_terminal(docker_host.machine, 80, "doctor", HOST, raw=True, TERM="dumb")

        assert "\033" not in shown
        assert "\r" not in shown.replace("\r\n", "\n")


class TestJson:
    """The report as JSON."""

    def test_the_ids_are_those_of_the_schema(self) -> None:
        """Each that the program has is documented, and no other; an id is never a sentence."""
        ids = schemas.load("doctor")["$defs"]["finding"]["properties"]["id"]["enum"]

        assert ids == [check.value for check in CheckId]
        assert all(re.fullmatch("[a-z]+(-[a-z]+)*", name) for name in ids)

    def test_the_statuses_are_those_of_the_schema(self) -> None:
        """There are four."""
        finding = schemas.load("doctor")["$defs"]["finding"]["properties"]

        assert set(finding["status"]["enum"]) == {PASS, WARN, FAIL, SKIP}

    @pytest.mark.tree
    def test_its_members(self, docker_host: DockerHost) -> None:
        """Version of the form, command, version of the program, and counts come first."""
        docker_host.configure(auths=docker_host.old_login())
        found = docker_host.doctor(HOST).found

        assert list(found.items())[:6] == [
            ("schema_version", 1),
            ("command", "doctor"),
            ("version", __version__),
            ("ok", False),
            ("problems", 2),
            ("warnings", 0),
        ]
        assert found["cause"] == next(one for one in found["checks"] if one["status"] == "fail")
        assert found["written"] == []

    @pytest.mark.tree
    def test_quiet(self, docker_host: DockerHost) -> None:
        """It leaves out the checks that pass."""
        docker_host.configure(auths=docker_host.old_login())
        found = docker_host.doctor(HOST, "-q").found

        assert [one["status"] for one in found["checks"]] == ["fail", "fail"]
        assert found["problems"] == 2

    @pytest.mark.tree
    def test_what_fix_wrote(self, docker_host: DockerHost) -> None:
        """The file, and the one with its previous content; nothing where nothing is wrong."""
        docker_host.configure(auths=docker_host.old_login())
        before = docker_host.config.read_bytes()
        (written,) = docker_host.doctor(HOST, "--fix").found["written"]

        assert written["file"] == str(docker_host.config)
        with open(written["backup"], "rb") as backup:
            assert backup.read() == before
        assert docker_host.doctor(HOST, "--fix").found["written"] == []

    @pytest.mark.tree
    def test_a_file_that_fix_made(self, docker_host: DockerHost) -> None:
        """It has no previous content."""
        docker_host.config.unlink()

        assert docker_host.doctor(HOST, "--fix").found["written"] == [
            {"file": str(docker_host.config), "backup": None}
        ]

    @pytest.mark.tree
    def test_the_command_for_an_sso_session(self, docker_host: DockerHost) -> None:
        """It signs in, by the profile that has the session."""
        use_profile(docker_host)
        sso_session(docker_host.machine)
        sso_login(docker_host.machine, "corp", time.time() - 60)

        assert docker_host.doctor(HOST).failed["command"] == "aws sso login --profile work"

    @pytest.mark.tree
    def test_the_command_for_an_mfa_code(self, docker_host: DockerHost) -> None:
        """The AWS CLI asks for the code, and caches the session."""
        use_profile(docker_host)
        role = docker_host.machine.aws.role("puller")
        docker_host.machine.config(
            profile("base", docker_host.user)
            + f"[profile work]\nrole_arn = {role.arn}\nsource_profile = base\n"
            + "mfa_serial = arn:aws:iam::123456789012:mfa/me\n"
        )
        failed = docker_host.doctor(HOST).failed

        assert "needs an MFA code" in failed["seen"]
        assert failed["command"] == "aws sts get-caller-identity --profile work"

    @pytest.mark.tree
    def test_the_command_for_a_profile_where_there_is_none(self, docker_host: DockerHost) -> None:
        """It unsets the variable."""
        failed = docker_host.doctor(HOST, AWS_PROFILE="prod").failed

        assert failed["id"] == "credentials"
        assert failed["command"] == failed["fix"] == "unset AWS_PROFILE"
