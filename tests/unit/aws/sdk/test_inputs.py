"""The inputs that a call to AWS notes: which files, in which state."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.utils import FileWebIdentityTokenLoader, JSONFileCache

from docker_credential_ecrpy.aws.sdk import inputs
from docker_credential_ecrpy.aws.sdk.inputs import Inputs
from docker_credential_ecrpy.aws.sdk.patches import patch_process
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import identity
from docker_credential_ecrpy.hot.identity import DIRECTORY, FILE, LINK, PROGRAM


@pytest.fixture(name="noted")
def _noted() -> Iterator[Inputs]:
    patch_process()
    noted = Inputs()
    with inputs.recording(noted):
        yield noted


def _names(noted: Inputs) -> list[tuple[str, str]]:
    return [(kind, name) for kind, _, name in noted]


def _changed(noted: Inputs) -> str:
    return identity.find_changed(noted, os.environ)


class TestCaches:
    """The caches of SSO and `aws login`, which botocore reads and writes."""

    @pytest.fixture(name="cache")
    def _cache(self, tmp_path: Path) -> JSONFileCache:
        (tmp_path / "home").mkdir()
        os.environ["HOME"] = str(tmp_path / "home")
        return JSONFileCache(str(tmp_path))

    def test_are_noted_as_they_were_read(
        self, cache: JSONFileCache, tmp_path: Path, noted: Inputs
    ) -> None:
        """Another process's login after that shows."""
        path = tmp_path / "session.json"
        path.write_text('{"accessToken": "a"}')
        assert cache["session"] == {"accessToken": "a"}

        assert _names(noted) == [(FILE, str(path))]
        assert _changed(noted) == ""
        path.write_text('{"accessToken": "b"}')
        assert _changed(noted) == str(path)

    def test_are_noted_as_they_were_written(
        self, cache: JSONFileCache, tmp_path: Path, noted: Inputs
    ) -> None:
        """The SDK's own refresh of a session does not show; another process's does."""
        path = tmp_path / "session.json"
        path.write_text('{"accessToken": "old", "expiresAt": "2035-01-01T00:00:00Z"}')
        assert "session" in cache
        cache["session"] = {"accessToken": "new"}

        assert _changed(noted) == ""
        assert cache["session"] == {"accessToken": "new"}
        assert _changed(noted) == ""
        path.write_text(json.dumps({"accessToken": "old"}))
        assert _changed(noted) == str(path)

    def test_that_are_missing_are_noted(
        self, cache: JSONFileCache, tmp_path: Path, noted: Inputs
    ) -> None:
        """A session that is begun later shows."""
        with pytest.raises(KeyError):
            cache["session"]

        assert _changed(noted) == ""
        (tmp_path / "session.json").write_text("{}")
        assert _changed(noted) == str(tmp_path / "session.json")

    def test_that_change_during_the_call_always_show(
        self, cache: JSONFileCache, tmp_path: Path, noted: Inputs
    ) -> None:
        """It is not known which of two states was used, so the token serves one call only."""
        path = tmp_path / "session.json"
        for text in ("{}", "[]", "{}"):
            path.write_text(text)
            assert cache["session"] == json.loads(text)

        assert _changed(noted) == str(path)


class TestWebIdentities:
    """The file of a web identity token."""

    def test_are_noted(self, tmp_path: Path, noted: Inputs) -> None:
        """The text is that of the file, and a renewed token shows."""
        path = tmp_path / "token"
        path.write_text("t\xf6ken\n", encoding="utf-8")
        assert FileWebIdentityTokenLoader(str(path))() == path.read_text()

        assert _changed(noted) == ""
        path.write_text("other")
        assert _changed(noted) == str(path)

    @pytest.mark.parametrize("text", ["", " \n"])
    def test_without_a_token_are_an_error(self, text: str, tmp_path: Path, noted: Inputs) -> None:
        """An empty file is named, and a token in hand is not used any more."""
        path = tmp_path / "token"
        path.write_text(text)
        with pytest.raises(HelperError, match=r"token is empty; check") as caught:
            FileWebIdentityTokenLoader(str(path))()

        assert caught.value.refused
        assert _names(noted) == [(FILE, str(path))]

    def test_without_a_file_are_an_error(self, tmp_path: Path, noted: Inputs) -> None:
        """The error names the file, which is noted as missing."""
        path = tmp_path / "token"
        with pytest.raises(FileNotFoundError) as caught:
            FileWebIdentityTokenLoader(str(path))()

        assert caught.value.filename == str(path)
        assert list(noted) == [(FILE, identity.MISSING, str(path))]

    @pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="a file without an end")
    def test_without_an_end_are_an_error(self, noted: Inputs) -> None:
        """A file that does not end is read up to a limit."""
        with pytest.raises(OSError, match="/dev/zero"):
            FileWebIdentityTokenLoader("/dev/zero")()


class TestCommands:
    """The command of a credential_process."""

    @pytest.fixture(name="program")
    def _program(self, tmp_path: Path) -> Path:
        path = tmp_path / "bin" / "keys"
        path.parent.mkdir()
        path.write_text("#!/bin/sh\n")
        path.chmod(0o700)
        (tmp_path / "a b=c").touch()
        return path

    @pytest.fixture(autouse=True)
    def _path(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))

    def test_name_files(self, program: Path, tmp_path: Path) -> None:
        """The program and the files that its arguments name are noted, in several notations."""
        noted, other = Inputs(), tmp_path / "a b=c"
        plain = tmp_path / "plain"
        plain.touch()
        arguments = [f"--file={other}", str(other), f"cat '{plain}'|x", "--no=/such/file", "-"]
        noted.note_command([str(program), *arguments, str(tmp_path)], os.environ)

        assert _names(noted) == [(FILE, str(path)) for path in (program, other, plain)]

    def test_in_the_home_directory(
        self, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The text of a shell may abbreviate the home directory."""
        noted = Inputs()
        monkeypatch.setenv("HOME", str(tmp_path))
        noted.note_command([str(program), "-c", ". ~/bin/keys; cat $HOME/bin/keys"], os.environ)

        assert _names(noted) == [(FILE, str(program))]

    def test_that_path_finds(self, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A program without a directory depends on PATH, too."""
        noted = Inputs()
        monkeypatch.setenv("PATH", str(program.parent))
        noted.note_command(["keys", "--json"], os.environ)

        assert _names(noted) == [(PROGRAM, "keys"), (FILE, str(program))]

    @pytest.mark.parametrize(
        "command",
        [
            ["env", "X=1", "keys"],
            ["timeout", "5", "keys", "--json"],
            ["sh", "-c", "keys"],
            ["sh", "-c", "exec keys --x"],
            ["sh", "-c", "true;keys|cat"],
            ["sh", "-c", "'keys' --x"],
            ["sh", "-c", "sh -c 'exec \"keys\"'"],
            ["sh", "-c", "x=$(keys) && echo `keys`"],
            ["sh", "-c", "it's keys"],
            ["run", "--tool=keys"],
        ],
        ids=" ".join,
    )
    def test_start_other_programs(
        self, command: list[str], program: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program that an argument starts is noted as the first one is."""
        noted = Inputs()
        monkeypatch.setenv("PATH", str(program.parent))
        noted.note_command(command, os.environ)

        assert set(_names(noted)) == {
            (PROGRAM, command[0]),
            (PROGRAM, "keys"),
            (FILE, str(program)),
        }

    @pytest.mark.skipif(sys.platform == "win32", reason="quotes of a shell")
    @pytest.mark.parametrize(
        "text",
        [
            "cat 'FILE'",
            "cat FILE",
            'cat "FILE"|x',
            "sh -c 'cat \"FILE\"'",
            "--keys=FILE",
            "-cFILE",
            "--config:FILE",
            "/nope:FILE",
            "X=/nope:FILE,1",
            "file://FILE",
            "cat <FILE 2>&1 >>/dev/null",
            "{ cat FILE;}",
            "it's FILE",
        ],
    )
    def test_name_files_in_each_notation(self, text: str, program: Path, tmp_path: Path) -> None:
        """Quotes, separators, attached options and redirected input name files."""
        noted = Inputs()
        quoted = "'" in text.replace("it's", "") or '"' in text
        path = tmp_path / ("a b=c" if quoted else "plain")
        path.touch()
        noted.note_command([str(program), text.replace("FILE", str(path))], os.environ)

        names = {os.path.normpath("/" + name.lstrip("/")) for _, name in _names(noted)}
        assert names == {str(program), str(path)}

    @pytest.mark.parametrize("text", ["x >LOG", "x >> LOG", "x 2>LOG", "x&>LOG", "x >|'LOG'"])
    def test_write_files(self, text: str, program: Path, tmp_path: Path) -> None:
        """A log that the command writes is no input: it would change with each call."""
        noted, log = Inputs(), tmp_path / "log"
        log.touch()
        for shell in (text, f'sh -c "{text}"'):
            noted.note_command([str(program), "-c", shell.replace("LOG", str(log))], os.environ)

        assert _names(noted) == [(FILE, str(program))]

    def test_name_files_that_do_not_exist_yet(self, program: Path, tmp_path: Path) -> None:
        """A missing file shows once it is created, if its directory exists."""
        noted, new = Inputs(), tmp_path / "new"
        passwords = ["/a/b", "/c", "x/y", "-p/d/e", f"{program} --password x"]
        noted.note_command([str(program), f"--keys={new}", *passwords], os.environ)

        assert _names(noted) == [(FILE, str(program)), (FILE, str(new))]
        assert _changed(noted) == ""
        new.touch()
        assert _changed(noted) == str(new)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
    def test_behind_a_link(self, program: Path, tmp_path: Path) -> None:
        """A link that leads to another program of the same content shows."""
        noted, link, other = Inputs(), tmp_path / "link", tmp_path / "other"
        link.symlink_to(program)
        noted.note_command([str(link)], os.environ)
        other.write_text(program.read_text())
        other.chmod(0o700)

        assert _changed(noted) == ""
        link.unlink()
        link.symlink_to(other)
        assert _changed(noted) == str(link)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
    def test_behind_links_of_directories(self, program: Path, tmp_path: Path) -> None:
        """Each link on the way is noted, also those that another link leads to."""
        noted, current, latest = Inputs(), tmp_path / "current", tmp_path / "latest"
        latest.symlink_to("bin")
        current.symlink_to("./bin/../latest")
        (program.parent / "alias").symlink_to("keys")
        noted.note_command([str(current / "alias")], os.environ)

        links = {os.path.basename(name) for kind, name in _names(noted) if kind == LINK}
        assert links == {"current", "latest", "alias"}
        assert _changed(noted) == ""
        latest.unlink()
        latest.symlink_to("other")
        assert _changed(noted)

    def test_that_nothing_finds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A program that does not exist is noted as such: it may be installed later."""
        noted = Inputs()
        noted.note_command(["no-such-program"], os.environ)

        assert _names(noted) == [(PROGRAM, "no-such-program")]

    def test_that_depend_on_the_directory(
        self, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Relative paths mean other files in another directory."""
        noted = Inputs()
        monkeypatch.chdir(tmp_path)
        noted.note_command([str(program), "a b=c"], os.environ)

        assert _names(noted) == [(FILE, str(program)), (FILE, "a b=c"), (DIRECTORY, "")]


def test_a_users_own_models_are_noted(tmp_path: Path) -> None:
    """A model of a service in use that is added, edited or removed shows."""
    own = tmp_path / "models"
    (own / "ecr" / "2015-09-21").mkdir(parents=True)
    (own / "s3").mkdir()
    model = own / "ecr" / "2015-09-21" / "service-2.json"
    model.touch()
    noted = Inputs()
    noted.note_models([str(own), str(tmp_path / "none")], ["ecr"])

    assert _changed(noted) == ""
    (own / "s3" / "x").touch()
    assert _changed(noted) == ""
    (tmp_path / "none").mkdir()
    assert _changed(noted)
    (tmp_path / "none").rmdir()
    model.write_text("{}")
    assert _changed(noted) == str(model)


def test_outside_of_a_call_nothing_is_noted(tmp_path: Path) -> None:
    """Other uses of the SDK in this process leave the inputs of a call alone."""
    path = tmp_path / "file"
    path.write_text("data")
    noted = Inputs()
    with inputs.recording(noted):
        pass

    assert inputs.read(str(path)) == b"data"
    assert list(noted) == []
