"""AWS's config and credentials files that do not parse, or that are not as they look."""

import os
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.errors import HelperError
from tests.world import in_process
from tests.world.field_reports.aws_files import lines
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

# The bytes of a credentials file -> the line that the error names, the reason and the cure.
BROKEN: dict[str, tuple[Callable[[str], bytes], int, str, str]] = {
    "UTF-8 with a byte order mark": (
        lambda keys: f"\ufeff[default]\n{keys}".encode(),
        1,
        "the file begins with a byte order mark (BOM)",
        "save it as UTF-8 without BOM",
    ),
    "UTF-16 of PowerShell": (
        lambda keys: f"[default]\n{keys}".encode("utf-16"),
        1,
        "the file is encoded as UTF-16",
        "save the text as UTF-8",
    ),
    "UTF-16 without a mark": (
        lambda keys: f"[default]\n{keys}".encode("utf-16-be"),
        1,
        "the file is encoded as UTF-16",
        "save the text as UTF-8",
    ),
    "Latin-1": (
        lambda keys: f"[default]\n{keys}# M\xfcller\n".encode("latin-1"),
        4,
        "a character is not encoded as UTF-8",
        "save the text as UTF-8",
    ),
    "a section twice": (
        lambda keys: f"[default]\n{keys}[dev]\n{keys}\n[dev]\n".encode(),
        8,
        "the section [dev] is there twice",
        "merge it into the one in line 4",
    ),
    "a key twice": (
        lambda keys: f"[default]\n{keys}region = a\nregion = b\n".encode(),
        5,
        "region is there twice in [default]",
        "remove one of the two",
    ),
    "text before a section": (
        lambda keys: f"# mine\n{keys}[default]\n".encode(),
        2,
        "there is text before the first section",
        "write the section above that line",
    ),
    "no bracket at the end of the first section": (
        lambda keys: f"[default\n{keys}".encode(),
        1,
        "the section has no closing bracket",
        "write the ] at the end of that line",
    ),
    "no bracket at the end of another section": (
        lambda keys: f"[default]\n{keys}[dev\n".encode(),
        4,
        "the section has no closing bracket",
        "write the ] at the end of that line",
    ),
    "a key without a value": (
        lambda keys: f"[default]\n{keys}region\n".encode(),
        4,
        "the line is neither a section nor a key with a value",
        "write it as key = value",
    ),
    "JSON": (
        lambda _: b'{"Credentials": {}}\n',
        1,
        "the file is JSON, as an AWS command prints it",
        "write [default] and its three keys",
    ),
    "the file of a new key": (
        lambda _: b"Access key ID,Secret access key\nAKIA,x\n",
        1,
        "the file is the CSV file of a new key",
        "import it with: aws configure import --csv",
    ),
    "a merge conflict": (
        lambda keys: f"[default]\n{keys}<<<<<<< HEAD\nregion = x\n".encode(),
        4,
        "a merge conflict is not resolved",
        "remove its marks",
    ),
    "a token in two lines": (
        lambda keys: f"[default]\n{keys}aws_session_token = {'a' * 40}\n{'b' * 40}\n".encode(),
        5,
        "the line seems to be the rest of aws_session_token in the line before",
        "write it on one line",
    ),
    "a value in the next line": (
        lambda keys: f"[default]\n{keys}region =\n  us-east-1\n".encode(),
        5,
        "the line is neither a section nor a key with a value",
        "write it as key = value",
    ),
}


def explain(machine: Machine) -> HelperError:
    """Return the error of a `get` in this process."""
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    return found.value


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_does_not_parse(machine: Machine, how: str) -> None:
    """The error has the file in full, the line, the reason and the cure, and no value."""
    write, line, reason, cure = BROKEN[how]
    keys = machine.aws.user()
    path = machine.config("", "credentials")
    path.write_bytes(write(lines(keys)))

    error = explain(machine)

    assert error.message == f"the AWS settings are wrong: {path}:{line}: {reason}"
    assert str(error.hint).startswith(cure)
    assert error.refused
    assert keys.secret_key not in str(error)


@pytest.mark.parametrize("end", ["\r\n", "\n\n", " \n"])
def test_line_ends_that_do_no_harm(machine: Machine, end: str) -> None:
    """Windows line ends, empty lines and blanks at the end of a line work."""
    text = f"[default]\n{lines(machine.aws.user())}".replace("\n", end)
    machine.config("", "credentials").write_bytes(text.encode())

    assert in_process.get(machine.environ)


def test_carriage_returns_alone(machine: Machine) -> None:
    """A file of them has one line, and so no profile."""
    text = f"[default]\n{lines(machine.aws.user())}".replace("\n", "\r")
    path = machine.config("", "credentials")
    path.write_bytes(text.encode())

    assert explain(machine).message.startswith(f"the lines of {path} end in carriage returns")


def test_a_variable_that_names_an_empty_file(machine: Machine) -> None:
    """CI systems write such a file for a secret that is not set; the null device is on purpose."""
    path = machine.file("empty", "\n")
    machine.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(path)
    error = explain(machine)
    assert error.message == f"{path}, which AWS_SHARED_CREDENTIALS_FILE names, is empty"
    assert error.command == "unset AWS_SHARED_CREDENTIALS_FILE"

    machine.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    assert explain(machine).message.startswith("no AWS credentials found")
