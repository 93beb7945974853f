"""`configure` on a terminal: widths, colours, questions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.world.configure import AUTH, DESKTOP, OTHER, WHERE, configure, read, write
from tests.world.machine import HOST, Machine
from tests.world.terminal import run_on_terminal

tree = pytest.mark.tree


def on_terminal(machine: Machine, *arguments: str, **options: Any) -> tuple[int, str]:
    """Run a command on a terminal; return exit code and what it shows, with a file's line ends."""
    code, shown = run_on_terminal(machine, *arguments, **options)
    return code, shown.replace("\r\n", "\n")


@tree
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_prose_fits_the_terminal(machine: Machine, docker: Path, columns: int) -> None:
    """Each line with a blank is wrapped to the width of the terminal; the diff is not."""
    write(docker, {"auths": {HOST: {"auth": AUTH}, OTHER: {"auth": AUTH}}})
    diff = configure(machine, HOST, OTHER, "--dry-run").stdout.decode().splitlines()
    code, shown = on_terminal(machine, "configure", HOST, OTHER, columns=columns)
    lines = re.sub(r"\033\[[\d;]*m", "", shown).splitlines()

    assert code == 0
    assert "warning: " in shown
    for line in lines:
        fits = len(line) <= columns or " " not in line.strip()
        assert fits or line in diff or line[0] in "+-@", line


@tree
@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_colours(machine: Machine, docker: Path, environ: dict[str, str], coloured: bool) -> None:
    """Colours are used on a terminal, unless NO_COLOR or TERM=dumb is set."""
    _, shown = on_terminal(machine, "configure", WHERE, "--dry-run", environ=environ)

    assert ("\033[32m+{\033[0m" in shown) is coloured
    assert ("\033" in shown) is coloured


def test_there_are_no_colours_in_a_file(machine: Machine, docker: Path) -> None:
    """A pipe gets no colours."""
    assert b"\033" not in configure(machine, WHERE, "--dry-run", TERM="xterm").stdout


@tree
@pytest.mark.parametrize(
    ("typed", "fallback"), [(b"\n", "desktop"), (b"y\n", "desktop"), (b"n\n", "")]
)
def test_the_store_is_asked_about(
    machine: Machine, docker: Path, typed: bytes, fallback: str
) -> None:
    """A terminal is asked whether the present store becomes the fallback."""
    write(docker, DESKTOP)
    code, shown = on_terminal(machine, "configure", "--creds-store", typed=typed, columns=60)
    settings = machine.cache / "config.toml"

    assert code == 0, shown
    assert "keep it for registries that are not ECR? [Y/n]:" in shown
    assert read(docker)["credsStore"] == "ecr-login"
    assert settings.exists() is bool(fallback)
    if fallback:
        assert settings.read_text().endswith(f'\n\nfallback = "{fallback}"\n')


@tree
def test_a_question_that_is_not_answered(machine: Machine, docker: Path) -> None:
    """At end of input a line says that nothing was written; the exit code is 130."""
    before = write(docker, DESKTOP)
    code, shown = on_terminal(machine, "configure", "--creds-store", typed=b"\x04")

    assert code == 130
    assert shown.endswith("\nnothing was written\n")
    assert docker.read_bytes() == before


@tree
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_what_is_next_can_be_copied(machine: Machine, docker: Path, columns: int) -> None:
    """Each command to type has lines of its own where one line is too long."""
    machine.login()
    _, shown = on_terminal(machine, "configure", WHERE, columns=columns)

    pull, doctor = f"docker pull {HOST}/<repository>:<tag>", f"{machine.name} doctor <image>"
    if columns == 60:
        pull = pull.replace("pull ", "pull \\\n    ")
    end = f"next:\n  {pull}\nif it fails:\n  {doctor}\n"
    if columns == 140:
        end = f"next: {pull}; if it fails: {doctor}\n"
    assert shown.endswith(end)


@tree
@pytest.mark.parametrize("columns", [60, 80])
def test_help_fits(machine: Machine, columns: int) -> None:
    """The help begins with examples, and fits the width."""
    done = configure(machine, "--help", COLUMNS=str(columns))
    lines = done.stdout.decode().splitlines()

    assert max(map(len, lines)) <= columns
    assert "Examples:" in lines
    assert "--dry-run" in done.stdout.decode()


@tree
@pytest.mark.parametrize("columns", [60, 80])
def test_a_file_in_one_line_is_shown_indented(machine: Machine, docker: Path, columns: int) -> None:
    """A file of one line is shown indented where the terminal is narrower."""
    made = {"auths": {}, "credsStore": "desktop", "currentContext": "default", "x": {}}
    write(docker, json.dumps(made))
    _, shown = on_terminal(machine, "configure", WHERE, "--dry-run", columns=columns)

    assert f'+    "{HOST}": "ecr-login"' in shown
