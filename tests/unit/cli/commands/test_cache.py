"""Facts about `cache`: what it lists, that it shows no token, and what it removes."""

import json
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_credential_ecrpy.cli.commands.cache import summarize_identity
from docker_credential_ecrpy.hot import cache, identity
from docker_credential_ecrpy.hot.registry import parse
from docker_credential_ecrpy.settings.rules import Choice, Role
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import inventory
from tests.world import schemas
from tests.world.accounts import EU, US, A, B, profile, rule
from tests.world.entries import make_folder
from tests.world.machine import HOST, Machine, Result

ENDPOINT = "ecr@us-east-1.amazonaws.com"
LOGIN = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "a-login-password"}).encode()
OTHER = EU.format(B)


def said(machine: Machine, *arguments: str, **environ: str) -> str:
    """Return its standard output; standard error has to be empty."""
    done = machine.run("cache", *arguments, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    return done.stdout.decode()


def listed(machine: Machine, **environ: str) -> list[dict[str, Any]]:
    """Return the entries of the JSON document, which has to be of the documented form."""
    found = json.loads(said(machine, "list", "--json", **environ))
    schemas.check(found, "cache-list")
    entries: list[dict[str, Any]] = found["entries"]
    return entries


def fill(machine: Machine) -> str:
    """Cache two registries' tokens and a login, and return what must not be shown."""
    machine.login()
    machine.get()
    machine.get(OTHER)
    machine.run("store", stdin=LOGIN)
    return "|".join([*machine.aws.issued, "a-login-password"])


class TestList:
    """cache list."""

    def test_each_file_is_a_block(self, machine: Machine) -> None:
        """Registry, identity, file and lifetime; never a token."""
        secrets = fill(machine)
        text = said(machine, "list")
        blocks = text.split("\n\n")

        assert [block.partition("\n")[0] for block in blocks] == [
            f"registry   {HOST}",
            f"registry   {OTHER}",
            "endpoint   ecr@eu-west-1.amazonaws.com: for all registries that it serves",
            f"endpoint   {ENDPOINT}: for all registries that it serves",
            f"registry   {HOST}",
        ]
        at = r"\S+Z \((in |)\d+ (s|min|h)( \d+ min)?( ago|)\)"
        assert re.fullmatch(
            rf"registry   {HOST}\nidentity   (.*)\n"
            rf"token      {machine.cache}/tokens/{HOST}~\w+\n"
            rf"           stored at {at}\n           refresh from {at}\n"
            rf"           expires at {at}",
            blocks[0],
        )
        key = machine.environ["AWS_ACCESS_KEY_ID"]
        assert f"\nidentity   access key {key}\n" in blocks[0]
        assert f"\nlogin      {machine.cache}/logins/" in blocks[4]
        assert "refresh" not in blocks[4]
        assert not re.search(secrets, text)

    def test_as_json(self, machine: Machine) -> None:
        """Each entry has the same members: times twice, the whole identity, and no token."""
        secrets = fill(machine)
        before = machine.aws.count()
        found = listed(machine)

        assert len(found) == 5
        assert len({tuple(fields) for fields in found}) == 1
        first = found[0]
        assert first.pop("path").startswith(f"{machine.cache}/tokens/{HOST}~")
        who = first.pop("identity")
        key = machine.environ["AWS_ACCESS_KEY_ID"]
        assert who["summary"] == f"access key {key}"
        assert who["line"].startswith(f"AWS_ACCESS_KEY_ID='{key}'")
        assert f"{str(machine.home / '.aws' / 'config')!a}:-" in who["line"]
        times = [first.pop(name) for name in ("written", "refresh", "expires")]
        seconds = [first.pop(f"{name}_seconds") for name in ("written", "refresh", "expires")]
        assert times == [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in seconds]
        assert seconds[2] - seconds[0] in range(12 * 3600 - 60, 12 * 3600 + 1)
        assert first == {"kind": "token", "registry": HOST, "endpoint": None, "problem": None}
        assert (found[3]["registry"], found[3]["endpoint"]) == (None, ENDPOINT)
        assert (found[4]["kind"], found[4]["identity"]) == ("login", None)
        assert not re.search(secrets, json.dumps(found))
        assert machine.aws.count() == before

    def test_what_a_rule_chose(self, machine: Machine) -> None:
        """Profile and role are shown; an external id is not."""
        role = machine.aws.role("puller", B, external_id="x-1")
        machine.config(profile("base", machine.aws.user("base")))
        machine.settings(rule(A, profile="base", role_arn=role.arn, external_id="x-1"))
        machine.get()
        lines = said(machine, "list").splitlines()

        assert f"identity   role {role.arn} from profile base" in lines
        assert "x-1" not in "".join(lines)

    def test_a_name_that_is_nobodys(self, machine: Machine) -> None:
        """The block says that it is not ECR."""
        machine.settings(rule("images.example.com", registry=HOST))
        machine.get("ghcr.io")
        text = said(machine, "list")

        assert text.startswith("registry   ghcr.io: not ECR, and without a fallback\n")
        assert f"\nnote       {machine.cache}/elsewhere/ghcr.io~" in text
        assert listed(machine)[0]["kind"] == "not-ecr"

    @pytest.mark.parametrize(
        ("harm", "problem"),
        [
            (lambda path: path.write_bytes(b"x"), "it is damaged"),
            (lambda path: path.chmod(0o644), "another user owns it, or others may read it"),
            (lambda path: (path.unlink(), path.mkdir()), "it is not a regular file"),
            (lambda path: (path.unlink(), path.symlink_to("x")), "it cannot be opened: "),
        ],
        ids=["damaged", "readable", "directory", "link"],
    )
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes and links")
    def test_a_file_that_is_not_used(self, machine: Machine, harm: Any, problem: str) -> None:
        """The reason is shown, and other entries are listed as usual."""
        machine.login()
        machine.get()
        path = next(path for path in machine.entries() if path.name.startswith(HOST))
        harm(path)
        text = said(machine, "list")

        assert f"\ntoken      {path}\n           not used: {problem}" in text
        assert "expires at" in text
        found = listed(machine)[0]
        assert found["problem"].startswith(problem)
        assert (found["written"], found["expires_seconds"], found["identity"]) == (None, None, None)

    @pytest.mark.parametrize(
        ("written", "expires", "problem"),
        [(-2, -1, "it has expired"), (1, 2, "it was written in the future")],
    )
    def test_a_time_that_is_past_or_to_come(
        self, machine: Machine, written: int, expires: int, problem: str
    ) -> None:
        """The block says that it is not used, and shows its times."""
        now, hour = time.time_ns(), 3600 * cache.SECOND
        end = now + expires * hour
        entry = cache.Entry(now + written * hour, end, end, b"x", booted=0)  # it restarted since
        entry_file.write(*cache.token_place(str(machine.cache), HOST, "me"), entry)
        text = said(machine, "list")

        assert f"not used: {problem}" in text
        assert ("expired at" if expires < 0 else "expires at") in text

    def test_nothing_is_kept(self, machine: Machine) -> None:
        """It names the directory; for a program, that is an empty list."""
        assert said(machine, "list") == f"the cache is empty: {machine.cache}\n"
        assert listed(machine) == []

    def test_no_cache(self, machine: Machine) -> None:
        """The reason is shown, and entries from before are listed."""
        disabled = {"AWS_ECR_DISABLE_CACHE": "1"}
        assert (
            said(machine, "list", **disabled) == "the cache is off: AWS_ECR_DISABLE_CACHE is set\n"
        )
        machine.login()
        machine.get()
        text = said(machine, "list", **disabled)
        assert text.startswith(
            "the cache is off: AWS_ECR_DISABLE_CACHE is set; entries from before:\n\nregistry   "
        )
        assert len(listed(machine, **disabled)) == 2

        gone = str(machine.root / "gone")
        assert said(machine, "list", HOME=gone, USERPROFILE=gone) == (
            f"the cache is off: the home directory {gone} does not exist\n"
        )
        assert said(machine, "list", HOME="", USERPROFILE="") == (
            "the cache is off: there is no home directory\n"
        )
        assert listed(machine, HOME="", USERPROFILE="") == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows makes no such links")
    def test_a_directory_that_cannot_be_read(self, machine: Machine) -> None:
        """It is an error, not an empty cache."""
        machine.login()
        machine.get()
        tokens = machine.cache / "tokens"
        tokens.rename(machine.cache / "elsewhere")
        tokens.symlink_to(tokens)  # which root cannot read, either
        done = machine.run("cache", "list")

        assert (done.code, done.stdout) == (1, b"")
        assert b"cannot be read: " in done.stderr


@pytest.mark.tree
class TestClear:
    """cache clear."""

    @pytest.mark.parametrize("text", [HOST, f"https://{HOST}/v2/", f"{HOST}/team/app:1"])
    def test_one_registry(self, machine: Machine, text: str) -> None:
        """Its tokens, its endpoint's, its logins and its place in the list are removed."""
        fill(machine)
        calls = machine.aws.count()["ecr"]

        assert said(machine, "clear", text) == f"removed for {HOST}: 3 entries\n"
        assert {path.name.partition("~")[0] for path in machine.entries()} == {
            OTHER,
            "ecr@eu-west-1.amazonaws.com",
        }
        assert machine.entries("logins") == []
        assert json.loads(machine.run("list").stdout) == {f"https://{OTHER}": "AWS"}
        assert machine.get().secret in machine.aws.issued
        assert machine.aws.count()["ecr"] == calls + 1

    def test_all(self, machine: Machine) -> None:
        """Tokens, logins and known hosts are removed, lock files and settings are not."""
        settings = machine.settings("# mine\n")
        fill(machine)
        locks = machine.entries("locks")

        assert said(machine, "clear") == (
            f"removed from {machine.cache}: 4 tokens, 1 login, 2 known hosts\n"
        )
        assert [machine.entries(name) for name in ("tokens", "logins", "registries")] == [
            [],
            [],
            [],
        ]
        assert machine.entries("locks") == locks != []
        assert settings.read_text() == "# mine\n"
        assert said(machine, "clear") == f"the cache is empty: {machine.cache}\n"
        assert machine.get().secret in machine.aws.issued

    @pytest.mark.parametrize("arguments", [(), (HOST,)], ids=["all", "one"])
    @pytest.mark.parametrize("name", ["AWS_ECR_DISABLE_CACHE", "AWS_ECR_IGNORE_CREDS_STORAGE"])
    def test_whatever_the_environment_says(
        self, machine: Machine, name: str, arguments: tuple[str, ...]
    ) -> None:
        """The cache is cleared even where the environment disables it."""
        machine.login()
        machine.get()

        assert said(machine, "clear", *arguments, **{name: "true"}).startswith("removed ")
        assert machine.entries() == []

    @pytest.mark.parametrize("arguments", [(), (HOST,)], ids=["all", "one"])
    def test_damaged_files_go_too(self, machine: Machine, arguments: tuple[str, ...]) -> None:
        """Damaged files, and those that others can read, are removed too."""
        machine.login()
        machine.get()
        for path in machine.entries():
            path.write_bytes(b"ecrpy-3 \xff")
            path.chmod(0o644)

        assert re.search("2 (tokens|entries)", said(machine, "clear", *arguments))
        assert machine.entries() == []

    @pytest.mark.parametrize("arguments", [(), (HOST,)], ids=["all", "one"])
    @pytest.mark.parametrize("kind", ["document", "symlink", "hard link"])
    def test_files_of_others_stay(
        self, machine: Machine, arguments: tuple[str, ...], kind: str
    ) -> None:
        """A file that only has the name of an entry stays, and the error names it."""
        machine.login()
        machine.get()
        end = machine.file("elsewhere", "ecrpy-3 mine")
        path = machine.cache / "tokens" / f"{HOST}~{0:032x}"
        if kind == "document":
            path.write_text("ecrpy is mine")
        elif kind == "symlink":
            path.symlink_to(end)
        else:
            path.hardlink_to(end)
        done = machine.run("cache", "clear", *arguments)

        assert done.code == 1
        assert str(path).encode() in done.stderr
        assert machine.entries() == [path]
        assert end.read_text() == "ecrpy-3 mine"

    def test_broken_settings_are_no_hindrance(self, machine: Machine) -> None:
        """Clearing the whole cache does not read the settings."""
        machine.login()
        machine.get()
        machine.settings("x")

        assert said(machine, "clear").startswith("removed from ")

    def test_what_was_being_written_goes_uncounted(self, machine: Machine) -> None:
        """A temporary file of a killed process may hold a token, and is removed."""
        machine.login()
        machine.get()
        (machine.cache / "tokens" / ".new-1-2").write_text("ecrpy-3 half a token")

        assert "2 tokens, 0 logins, 1 known host\n" in said(machine, "clear")
        assert machine.entries() == []

    def test_what_cannot_be_removed_is_told(self, machine: Machine) -> None:
        """The error comes after all other entries are removed."""
        machine.login()
        machine.get()
        obstacle = machine.cache / "tokens" / "0~0"
        obstacle.mkdir()
        done = machine.run("cache", "clear")

        assert done.code == 1
        assert done.stdout.endswith(b": 2 tokens, 0 logins, 1 known host\n")
        assert f"some entries cannot be removed: {obstacle}: ".encode() in done.stderr
        assert machine.entries() == [obstacle]

    def test_a_folder_that_is_a_link_is_not_entered(self, machine: Machine) -> None:
        """A symlink is not followed: its target's files stay."""
        machine.cache.mkdir()
        other = machine.file("other/0~0", "mine")
        (machine.cache / "tokens").symlink_to(other.parent, target_is_directory=True)
        done = machine.run("cache", "clear")

        assert done.code == 1
        assert b"tokens is a symlink" in done.stderr
        assert other.read_text() == "mine"

    def test_thousands(self, tmp_path: Path) -> None:
        """Thousands of entries are removed in one call."""
        folder = make_folder(tmp_path / "tokens")
        for number in range(5000):
            (folder / f"{HOST}~{number:032x}").write_text("ecrpy-")

        assert inventory.clear_cache(str(tmp_path)) == inventory.Cleared(5000, 0, 0, ())

    @pytest.mark.parametrize("text", [OTHER, "ghcr.io", "alpine", "images.example.com"])
    def test_a_registry_that_has_nothing_kept(self, machine: Machine, text: str) -> None:
        """The command says so, and exits with 0."""
        machine.login()
        machine.get()

        assert said(machine, "clear", text).startswith("nothing is cached for ")
        assert len(machine.entries()) == 2

    def test_a_registry_that_is_only_listed(self, machine: Machine) -> None:
        """Its place in the list is removed."""
        machine.login()
        machine.get()
        for path in machine.entries():
            path.unlink()

        assert "from the known hosts" in said(machine, "clear", HOST)
        assert machine.run("list").stdout == b"{}\n"

    def test_a_name_that_was_nobodys(self, machine: Machine) -> None:
        """Its note is removed."""
        machine.settings(rule("images.example.com", registry=HOST))
        machine.get("ghcr.io")

        assert said(machine, "clear", "ghcr.io/org/app") == "removed for ghcr.io: 1 entry\n"

    def test_a_directory_that_is_not_there(self, machine: Machine) -> None:
        """The cache is empty, with and without a home directory."""
        assert said(machine, "clear") == f"the cache is empty: {machine.cache}\n"
        assert said(machine, "clear", HOST) == f"nothing is cached for {HOST}\n"
        assert said(machine, "clear", HOME="", USERPROFILE="") == (
            "there is no cache: there is no home directory\n"
        )
        assert said(machine, "clear", HOST, HOME="", USERPROFILE="").startswith(
            "nothing is cached for"
        )
        assert not machine.cache.exists()

    def test_another_directory(self, machine: Machine) -> None:
        """Only the directory of AWS_ECR_CACHE_DIR is cleared."""
        machine.login()
        machine.get()
        elsewhere = str(machine.root / "elsewhere")
        machine.get(AWS_ECR_CACHE_DIR=elsewhere)

        assert f"removed from {elsewhere}: 2 " in said(
            machine, "clear", AWS_ECR_CACHE_DIR=elsewhere
        )
        assert len(machine.entries()) == 2


@pytest.mark.tree
@pytest.mark.parametrize(
    "arguments",
    [(), ("clean",), ("list", HOST), ("clear", "a b.c/d"), ("clear", ""), ("clear", HOST, OTHER)],
)
def test_wrong_arguments(machine: Machine, arguments: tuple[str, ...]) -> None:
    """The usage is on standard error, the exit code is 2, and nothing is removed."""
    machine.login()
    machine.get()
    done = machine.run("cache", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Usage: docker-credential-")
    assert len(machine.entries()) == 2


@pytest.mark.parametrize("arguments", [("--help",), ("list", "--help"), ("clear", "--help")])
def test_its_help(machine: Machine, arguments: tuple[str, ...]) -> None:
    """It is on standard output, with exit code 0."""
    done = machine.run("cache", *arguments)

    assert (done.code, done.stderr) == (0, b"")
    assert done != Result(0, b"", b"")


TEXT = st.text(max_size=20)


@given(
    st.dictionaries(st.sampled_from(identity.DECIDING_VARIABLES), TEXT, max_size=6),
    TEXT,
    st.text(min_size=1, max_size=20),
)
@example({}, "", "\r")  # of blanks alone, nothing is shown
@example({}, "p", "\x1b[0m")
def test_any_identity_is_one_line(environ: dict[str, str], profile: str, role: str) -> None:
    """It names the role and what that is assumed from, whatever the variables hold."""
    found = parse(HOST)
    assert found is not None
    choice = Choice(found, profile=profile, role=Role(role, session_name="a 'b' c=d"))
    ambient = identity.line({**environ, "HOME": "/nowhere"}, "1.2.3.4")
    shown = summarize_identity(choice.identity(ambient))

    assert shown.startswith(one_line(f"role {one_line(role)} from") + " ")
    assert not profile or shown.endswith(one_line(f"from profile {profile}"))
    assert "session name" not in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("environ", "profile", "summary"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_PROFILE": "p"}, "", "access key AKIA1"),
        ({"AWS_ACCESS_KEY_ID": "AKIA1"}, "prod", "profile prod"),
        ({"AWS_PROFILE": "p"}, "", "profile p"),
        ({"AWS_PROFILE": "p", "AWS_DEFAULT_PROFILE": "d"}, "", "profile d"),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"},
            "",
            "web identity role arn:aws:iam::1:role/r",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, "", "the container's role"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, "", "the container's role"),
        ({}, "", f"the default profile, or the role of machine {platform.node()}"),
    ],
)
def test_an_identity_in_words(environ: dict[str, str], profile: str, summary: str) -> None:
    """It is the profile, the key or the role that botocore takes first."""
    found = parse(HOST)
    assert found is not None
    line = Choice(found, profile=profile).identity(identity.line({"HOME": "/x", **environ}, "-"))

    assert summarize_identity(line) == summary
    assert US.format(A) == HOST


class TestChosenIdentity:
    """The identity of a host's token is the one that a rule or a variable chose for it."""

    @pytest.fixture(autouse=True)
    def _profile(self, machine: Machine) -> None:
        machine.login()
        keys = [
            machine.environ.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        ]
        text = "[prod]\naws_access_key_id = {}\naws_secret_access_key = {}\n".format(*keys)
        machine.file("home/.aws/credentials", text)

    @staticmethod
    def _list(machine: Machine) -> dict[str, str]:
        entries = json.loads(machine.run("cache", "list", "--json").stdout)["entries"]
        shown = machine.run("cache", "list").stdout.decode()
        for entry in entries:
            assert f"identity   {entry['identity']['summary']}\n" in shown
        return {one["registry"] or one["endpoint"]: one["identity"]["summary"] for one in entries}

    @pytest.mark.parametrize("by", ["rule", "variable"])
    @pytest.mark.parametrize("has_endpoint", [True, False])
    def test_it_is_named(self, machine: Machine, by: str, *, has_endpoint: bool) -> None:
        """By the endpoint's entry, or without that, by the settings that still choose it."""
        if by == "rule":
            machine.run("configure", HOST, "--profile", "prod")
        else:
            machine.environ["AWS_ECR_PROFILE_123456789012"] = "prod"
        assert machine.get().code == 0
        if not has_endpoint:
            for path in (machine.cache / "tokens").glob("ecr@*"):
                path.unlink()
        found = self._list(machine)

        assert found.pop(HOST) == "profile prod"
        assert list(found.values()) == ["profile prod"] * has_endpoint
        problem = {each["registry"]: each["problem"] for each in listed(machine)}[HOST]
        assert problem == (None if has_endpoint else "its token was removed")

    def test_it_is_not_guessed(self, machine: Machine) -> None:
        """After a change of the settings, an entry without its endpoint's is not known."""
        machine.run("configure", HOST, "--profile", "prod")
        assert machine.get().code == 0
        for path in (machine.cache / "tokens").glob("ecr@*"):
            path.unlink()
        machine.run("configure", "--undo")

        assert self._list(machine) == {
            HOST: "not known: the settings or the environment have changed since"
        }
