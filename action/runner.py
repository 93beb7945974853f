"""What a step tells the runner: log lines, masks, variables, PATH and outputs.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_TITLE = "docker-credential-ecrpy"


class ActionError(Exception):
    """What ends the step: one sentence of what is wrong and what to do. It holds no secret."""


def say(text: str) -> None:
    """Write a line to the log, before anything that a child writes next."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_error(message: str) -> None:
    """Show an error in the summary of the run."""
    say(f"::error title={_TITLE}::{_escape(message)}")


def warn(message: str) -> None:
    """Show a warning in the summary of the run."""
    say(f"::warning title={_TITLE}::{_escape(message)}")


def mask(secret: str) -> None:
    """Hide a value in every log of this job from here on."""
    say(f"::add-mask::{_escape(secret)}")


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold the lines that are written meanwhile."""
    say(f"::group::{title}")
    try:
        yield
    finally:
        say("::endgroup::")


def say_verbatim(text: str) -> None:
    """Write what a program printed; no line of it is a command to the runner."""
    if not text.strip():
        return
    end = secrets.token_hex(16)
    line_end = "" if text.endswith("\n") else "\n"
    say(f"::stop-commands::{end}\n{text}{line_end}::{end}::")


def set_variable(environ: Mapping[str, str], name: str, value: str) -> None:
    """Set a variable of all later steps. environ: the step's. Raises OSError."""
    _append(environ["GITHUB_ENV"], _assign(name, value))


def set_output(environ: Mapping[str, str], name: str, value: str) -> None:
    """Set an output of this step. Raises OSError."""
    _append(environ["GITHUB_OUTPUT"], _assign(name, value))


def add_path(environ: Mapping[str, str], directory: str) -> None:
    """Put a directory first on the PATH of all later steps. Raises OSError."""
    _append(environ["GITHUB_PATH"], f"{directory}\n")


def _assign(name: str, value: str) -> str:
    end = f"end-{secrets.token_hex(16)}"  # random, so that no value can end itself
    return f"{name}<<{end}\n{value}\n{end}\n"


def _append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
