"""Facts about `cache`: what it lists, that it shows no token, and what it forgets."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.cli.commands.cache import _readable
from docker_credential_ecrpy.hot import cache, identity
from docker_credential_ecrpy.settings.rules import Choice, Role
from docker_credential_ecrpy.tokens import inventory, store
from tests.stage import HOST, Result, Stage
from tests.test_accounts import EU, US, A, B, profile, rule

ENDPOINT = "ecr@us-east-1.amazonaws.com"
LOGIN = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "a-login-password"}).encode()
OTHER = EU.format(B)


def said(stage: Stage, *arguments: str, **environ: str) -> str:
    """Return what it prints, without a word on standard error."""
    done = stage.run("cache", *arguments, environ=environ)
    assert (done.code, done.stderr) == (0, b""), done
    return done.stdout.decode()


def listed(stage: Stage, **environ: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said(stage, "list", "--json", **environ))
    return found


def fill(stage: Stage) -> str:
    """Have two registries' tokens and a login kept, and return what must not be shown."""
    stage.login()
    stage.get()
    stage.get(OTHER)
    stage.run("store", stdin=LOGIN)
    return "|".join([*stage.aws.issued, "a-login-password"])


class TestList:
    """cache list."""

    def test_each_file_is_a_block(self, stage: Stage) -> None:
        """Whose it is, for what, where, since when and until when; never a token."""
        secrets = fill(stage)
        text = said(stage, "list")
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
            rf"token      {stage.cache}/tokens/{HOST}~\w+\n"
            rf"           kept since {at}\n           to be renewed from {at}\n"
            rf"           expires at {at}",
            blocks[0],
        )
        assert f"AWS_ACCESS_KEY_ID='{stage.environ['AWS_ACCESS_KEY_ID']}'" in blocks[0]
        assert ".aws/config" not in blocks[0]  # nor the stamps of files
        assert f"\nlogin      {stage.cache}/logins/" in blocks[4]
        assert "renewed" not in blocks[4]
        assert not re.search(secrets, text)

    def test_as_json(self, stage: Stage) -> None:
        """The same keys in each, times twice, all of the identity, and no token."""
        secrets = fill(stage)
        before = stage.aws.count()
        found = listed(stage)

        assert len(found) == 5
        assert len({tuple(fields) for fields in found}) == 1
        first = found[0]
        assert first.pop("path").startswith(f"{stage.cache}/tokens/{HOST}~")
        who = first.pop("identity")
        assert who.startswith(f"AWS_ACCESS_KEY_ID='{stage.environ['AWS_ACCESS_KEY_ID']}'")
        assert f"{str(stage.home / '.aws' / 'config')!a}:-" in who
        times = [first.pop(name) for name in ("written", "refresh", "expires")]
        seconds = [first.pop(f"{name}_seconds") for name in ("written", "refresh", "expires")]
        assert times == [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in seconds]
        assert seconds[2] - seconds[0] in range(12 * 3600 - 60, 12 * 3600 + 1)
        assert first == {"kind": "token", "registry": HOST, "endpoint": None, "problem": None}
        assert (found[3]["registry"], found[3]["endpoint"]) == (None, ENDPOINT)
        assert (found[4]["kind"], found[4]["identity"]) == ("login", None)
        assert not re.search(secrets, json.dumps(found))
        assert stage.aws.count() == before

    def test_what_a_rule_chose(self, stage: Stage) -> None:
        """Profile, role and endpoint are shown; an external id's digest and defaults are not."""
        role = stage.aws.role("puller", B, external_id="x-1")
        stage.config(profile("base", stage.aws.user("base")))
        stage.settings(rule(A, profile="base", role_arn=role.arn, external_id="x-1"))
        stage.get()
        (line,) = (line for line in said(stage, "list").splitlines() if "role=" in line)

        assert line.endswith(f", profile='base', role='{role.arn}'")

    def test_a_name_that_is_nobodys(self, stage: Stage) -> None:
        """It holds no token, and that is said."""
        stage.settings(rule("images.example.com", registry=HOST))
        stage.get("ghcr.io")
        text = said(stage, "list")

        assert text.startswith("registry   ghcr.io: nobody's, neither ECR's nor the fallback's\n")
        assert f"\nkept       {stage.cache}/tokens/ghcr.io~" in text
        assert listed(stage)[0]["kind"] == "nobody"

    @pytest.mark.parametrize(
        ("harm", "problem"),
        [
            (lambda path: path.write_bytes(b"x"), "it is damaged"),
            (lambda path: path.write_bytes(b""), "it is damaged"),
            (lambda path: path.chmod(0o644), "it is another user's, or others may read it"),
            (lambda path: (path.unlink(), path.mkdir()), "it is not a regular file"),
            (lambda path: (path.unlink(), path.symlink_to("x")), "it cannot be opened: "),
        ],
        ids=["damaged", "empty", "readable", "directory", "link"],
    )
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes and links")
    def test_a_file_that_is_not_used(self, stage: Stage, harm: Any, problem: str) -> None:
        """Why it is not; the others are listed all the same."""
        stage.login()
        stage.get()
        path = next(path for path in stage.entries() if path.name.startswith(HOST))
        harm(path)
        text = said(stage, "list")

        assert f"\ntoken      {path}\n           not used: {problem}" in text
        assert "expires at" in text
        found = listed(stage)[0]
        assert found["problem"].startswith(problem)
        assert (found["written"], found["expires_seconds"], found["identity"]) == (None, None, None)

    @pytest.mark.parametrize(
        ("written", "expires", "problem"),
        [(-2, -1, "it has expired"), (1, 2, "it was written in the future")],
    )
    def test_a_time_that_is_past_or_to_come(
        self, stage: Stage, written: int, expires: int, problem: str
    ) -> None:
        """That it is not used, and its times."""
        now, hour = time.time_ns(), 3600 * cache.SECOND
        end = now + expires * hour
        entry = cache.Entry(now + written * hour, end, end, b"x", booted=0)  # it started anew since
        store.write(*cache.token_place(str(stage.cache), HOST, "me"), entry)
        text = said(stage, "list")

        assert f"not used: {problem}" in text
        assert ("expired at" if expires < 0 else "expires at") in text

    def test_nothing_is_kept(self, stage: Stage) -> None:
        """It says where nothing is; for a program, that is an empty list."""
        assert said(stage, "list") == f"nothing is kept in {stage.cache}\n"
        assert listed(stage) == []

    def test_no_cache(self, stage: Stage) -> None:
        """Why there is none, and what is still there from before."""
        disabled = {"AWS_ECR_DISABLE_CACHE": "1"}
        assert said(stage, "list", **disabled) == "none is kept: AWS_ECR_DISABLE_CACHE is set\n"
        stage.login()
        stage.get()
        text = said(stage, "list", **disabled)
        assert text.startswith(
            "none is kept: AWS_ECR_DISABLE_CACHE is set; this was, before that:\n\nregistry   "
        )
        assert len(listed(stage, **disabled)) == 2

        gone = str(stage.root / "gone")
        assert said(stage, "list", HOME=gone, USERPROFILE=gone) == (
            f"none is kept: the home directory {gone} is not there\n"
        )
        assert said(stage, "list", HOME="", USERPROFILE="") == (
            "none is kept: there is no home directory\n"
        )
        assert listed(stage, HOME="", USERPROFILE="") == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows makes no such links")
    def test_a_directory_that_cannot_be_read(self, stage: Stage) -> None:
        """That is no empty one."""
        stage.login()
        stage.get()
        tokens = stage.cache / "tokens"
        tokens.rename(stage.cache / "elsewhere")
        tokens.symlink_to(tokens)  # which root cannot read, either
        done = stage.run("cache", "list")

        assert (done.code, done.stdout) == (1, b"")
        assert b"cannot be read: " in done.stderr


@pytest.mark.tree
class TestClear:
    """cache clear."""

    @pytest.mark.parametrize("text", [HOST, f"https://{HOST}/v2/", f"{HOST}/team/app:1"])
    def test_one_registry(self, stage: Stage, text: str) -> None:
        """Tokens, its endpoint's, logins, its place in the list; others' stay."""
        fill(stage)
        calls = stage.aws.count()["ecr"]

        assert said(stage, "clear", text) == f"forgotten for {HOST}: 3 entries\n"
        assert {path.name.partition("~")[0] for path in stage.entries()} == {
            OTHER,
            "ecr@eu-west-1.amazonaws.com",
        }
        assert stage.entries("logins") == []
        assert json.loads(stage.run("list").stdout) == {f"https://{OTHER}": "AWS"}
        assert stage.get().secret in stage.aws.issued
        assert stage.aws.count()["ecr"] == calls + 1

    def test_all(self, stage: Stage) -> None:
        """Tokens, logins and known hosts, but no lock file and no settings."""
        settings = stage.settings("# mine\n")
        fill(stage)
        locks = stage.entries("locks")

        assert said(stage, "clear") == (
            f"forgotten in {stage.cache}: 4 tokens, 1 login, 2 known hosts\n"
        )
        assert [stage.entries(name) for name in ("tokens", "logins", "registries")] == [[], [], []]
        assert stage.entries("locks") == locks != []
        assert settings.read_text() == "# mine\n"
        assert said(stage, "clear") == f"nothing is kept in {stage.cache}\n"
        assert stage.get().secret in stage.aws.issued

    @pytest.mark.parametrize("arguments", [(), (HOST,)], ids=["all", "one"])
    @pytest.mark.parametrize("name", ["AWS_ECR_DISABLE_CACHE", "AWS_ECR_IGNORE_CREDS_STORAGE"])
    def test_whatever_the_environment_says(
        self, stage: Stage, name: str, arguments: tuple[str, ...]
    ) -> None:
        """A person who asks for it means it."""
        stage.login()
        stage.get()

        assert said(stage, "clear", *arguments, **{name: "true"}).startswith("forgotten ")
        assert stage.entries() == []

    @pytest.mark.parametrize("arguments", [(), (HOST,)], ids=["all", "one"])
    def test_damaged_files_go_too(self, stage: Stage, arguments: tuple[str, ...]) -> None:
        """Also what can be read by others, and links, whose ends stay."""
        stage.login()
        stage.get()
        for path in stage.entries():
            path.write_bytes(b"\xff")
            path.chmod(0o644)
        end = stage.file("elsewhere", "mine")
        (stage.cache / "tokens" / f"{HOST}~0").symlink_to(end)

        assert re.search("3 (tokens|entries)", said(stage, "clear", *arguments))
        assert stage.entries() == []
        assert end.read_text() == "mine"

    def test_broken_settings_are_no_hindrance(self, stage: Stage) -> None:
        """To forget everything, nobody has to know what a host stands for."""
        stage.login()
        stage.get()
        stage.settings("x")

        assert said(stage, "clear").startswith("forgotten in ")

    def test_what_was_being_written_goes_uncounted(self, stage: Stage) -> None:
        """It may hold a token, of a process that was killed."""
        stage.login()
        stage.get()
        (stage.cache / "tokens" / ".new-1-2").write_text("half a token")

        assert "2 tokens, 0 logins, 1 known host\n" in said(stage, "clear")
        assert stage.entries() == []

    def test_what_cannot_be_removed_is_told(self, stage: Stage) -> None:
        """After all the rest has gone."""
        stage.login()
        stage.get()
        obstacle = stage.cache / "tokens" / "0~0"
        obstacle.mkdir()
        done = stage.run("cache", "clear")

        assert done.code == 1
        assert done.stdout.endswith(b": 2 tokens, 0 logins, 1 known host\n")
        assert f"not all of it can be removed: {obstacle}: ".encode() in done.stderr
        assert stage.entries() == [obstacle]

    def test_a_folder_that_is_a_link_is_not_entered(self, stage: Stage) -> None:
        """Nothing is kept behind one, so what is there is somebody else's."""
        stage.cache.mkdir()
        other = stage.file("other/0~0", "mine")
        (stage.cache / "tokens").symlink_to(other.parent, target_is_directory=True)
        done = stage.run("cache", "clear")

        assert done.code == 1
        assert b"tokens: it is a link" in done.stderr
        assert other.read_text() == "mine"

    def test_thousands(self, tmp_path: Path) -> None:
        """Of whichever registries."""
        (tmp_path / "tokens").mkdir()
        for number in range(5000):
            (tmp_path / "tokens" / f"{number:012}~0").touch()

        assert inventory.clear_cache(str(tmp_path)) == inventory.Cleared(5000, 0, 0, ())

    @pytest.mark.parametrize("text", [OTHER, "ghcr.io", "alpine", "images.example.com"])
    def test_a_registry_that_has_nothing_kept(self, stage: Stage, text: str) -> None:
        """That is said, and is no failure."""
        stage.login()
        stage.get()

        assert said(stage, "clear", text).startswith("nothing is kept for ")
        assert len(stage.entries()) == 2

    def test_a_registry_that_is_only_listed(self, stage: Stage) -> None:
        """Its place in the list goes."""
        stage.login()
        stage.get()
        for path in stage.entries():
            path.unlink()

        assert "that it was asked for" in said(stage, "clear", HOST)
        assert stage.run("list").stdout == b"{}\n"

    def test_a_name_that_was_nobodys(self, stage: Stage) -> None:
        """It is asked for anew."""
        stage.settings(rule("images.example.com", registry=HOST))
        stage.get("ghcr.io")

        assert said(stage, "clear", "ghcr.io/org/app") == "forgotten for ghcr.io: 1 entry\n"

    def test_a_directory_that_is_not_there(self, stage: Stage) -> None:
        """There is nothing to forget, with or without a home."""
        assert said(stage, "clear") == f"nothing is kept in {stage.cache}\n"
        assert said(stage, "clear", HOST) == f"nothing is kept for {HOST}\n"
        assert said(stage, "clear", HOME="", USERPROFILE="") == (
            "nothing is kept: there is no home directory\n"
        )
        assert said(stage, "clear", HOST, HOME="", USERPROFILE="").startswith("nothing is kept for")
        assert not stage.cache.exists()

    def test_another_directory(self, stage: Stage) -> None:
        """That of AWS_ECR_CACHE_DIR, and no other."""
        stage.login()
        stage.get()
        elsewhere = str(stage.root / "elsewhere")
        stage.get(AWS_ECR_CACHE_DIR=elsewhere)

        assert f"forgotten in {elsewhere}: 2 " in said(stage, "clear", AWS_ECR_CACHE_DIR=elsewhere)
        assert len(stage.entries()) == 2


@pytest.mark.tree
@pytest.mark.parametrize(
    "arguments",
    [(), ("clean",), ("list", HOST), ("clear", "a b.c/d"), ("clear", ""), ("clear", HOST, OTHER)],
)
def test_wrong_arguments(stage: Stage, arguments: tuple[str, ...]) -> None:
    """Usage, on standard error, and exit code 2; nothing is forgotten."""
    stage.login()
    stage.get()
    done = stage.run("cache", *arguments)

    assert (done.code, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Usage: docker-credential-")
    assert len(stage.entries()) == 2


@pytest.mark.parametrize("arguments", [("--help",), ("list", "--help"), ("clear", "--help")])
def test_its_help(stage: Stage, arguments: tuple[str, ...]) -> None:
    """On standard output, with exit code 0."""
    done = stage.run("cache", *arguments)

    assert (done.code, done.stderr) == (0, b"")
    assert done != Result(0, b"", b"")


TEXT = st.text(max_size=20)


@given(
    st.dictionaries(st.sampled_from(identity.DECIDING_VARIABLES), TEXT, max_size=6),
    TEXT,
    st.text(min_size=1, max_size=20),
)
def test_any_identity_can_be_read(environ: dict[str, str], profile: str, role: str) -> None:
    """Each variable that is set is shown once, on one line, and no file's stamp is."""
    from docker_credential_ecrpy.hot.registry import parse

    found = parse(HOST)
    assert found is not None
    choice = Choice(found, profile=profile, role=Role(role, session_name="a 'b' c=d"))
    ambient = identity.line({**environ, "HOME": "/nowhere"}, "1.2.3.4")
    shown = _readable(choice.identity(ambient))

    plain = [name for name in environ if "@" not in environ[name]]
    for name in plain:
        assert shown.count(f"{name}={environ[name]!a}") == 1
    assert shown.endswith(f"role={role!a}")
    assert "1.2.3.4" not in shown
    assert "session name" not in shown
    assert len(shown.splitlines()) == 1
    assert US.format(A) == HOST
