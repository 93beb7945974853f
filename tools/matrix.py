"""Run the tests on every Python found, with the oldest and the newest dependencies.

    matrix.py [--only 3.10]... [--with oldest]... [--workers 3] [TESTS ...]

The Pythons are those in pyproject.toml. "oldest" means exactly the lower bounds of the package's
dependencies, "newest" what pip installs today; the tests' own dependencies are the newest in both.
Each pair gets a new environment in .matrix/, which is kept to repeat what failed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TREE = Path(__file__).parent.parent
PLACE = TREE / ".matrix"
WINDOWS = sys.platform == "win32"
OLDEST, NEWEST = "oldest", "newest"
SHOWN = ("boto3", "botocore", "click")
COLUMNS = ("Python", "bounds", *SHOWN, "passed", "failed", "skipped", "seconds", "")

# The interpreter's version and path; a shim that leads nowhere prints nothing.
WHO = "import sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable, sep='\\n')"
VERSIONS = (
    "import json, platform, importlib.metadata as m;"
    f"print(json.dumps([platform.python_version(), *map(m.version, {SHOWN!r})]))"
)


@dataclass(frozen=True)
class Row:
    """The result of one environment: versions, numbers of tests, and seconds."""

    bounds: str
    versions: tuple[str, ...]
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    code: int = 0

    def __str__(self) -> str:
        python, *packages = self.versions
        numbers = (self.passed, self.failed, self.skipped, f"{self.seconds:.0f}")
        return line(python, self.bounds, *packages, *numbers, "ok" if self.code == 0 else "FAILED")


def line(*cells: object) -> str:
    """Return a line of the table."""
    return " ".join(f"{cell!s:<9}" for cell in cells).rstrip()


def project() -> tuple[list[str], list[str]]:
    """Return the Python versions and dependencies in pyproject.toml."""
    table = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classifiers = "\n".join(table["classifiers"])
    pythons = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    return pythons, table["dependencies"]


def at_the_bound(dependency: str) -> str:
    """Return a dependency such as "click>=8.1" at its exact lower bound, "click==8.1"."""
    if dependency.count(">=") != 1:
        msg = f"{dependency} has no lower bound, or several"
        raise SystemExit(msg)
    return dependency.replace(">=", "==")


def candidates(python: str) -> Iterator[list[str]]:
    """Yield commands that may start a version of Python, "3.10": from PATH, pyenv and uv."""
    yield from ([name] for name in (f"python{python}", "python3", "python", sys.executable))
    if WINDOWS:
        yield ["py", f"-{python}"]
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    exact = re.compile(re.escape(python) + r"\.\d+")  # neither 3.1 for 3.10 nor a 3.13.0t
    for home in sorted(root.glob("versions/*")):
        if exact.fullmatch(home.name):
            yield [str(home / "bin" / "python")]
    if uv := shutil.which("uv"):
        options = ["python", "find", "--no-python-downloads", "--no-project", "--system", python]
        yield [said(uv, *options).strip()]


def said(*command: str) -> str:
    """Return a command's output, or "" if it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout


def find(python: str) -> str | None:
    """Return the interpreter of a version, or None if there is none."""
    for command in candidates(python):
        version, _, path = said(*command, "-c", WHO).strip().partition("\n")
        if version == python:
            return path
    return None


def make(venv: Path, interpreter: str, constraints: list[str]) -> str:
    """Create an environment with the package, editable, and the tests' tools; return its Python."""
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", "--without-pip", venv], check=True)
    python = str(venv / ("Scripts/python.exe" if WINDOWS else "bin/python"))
    file = venv / "constraints.txt"
    file.write_text("".join(f"{constraint}\n" for constraint in constraints), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    wanted = ["--group", "tests", "--editable", ".", "--constraint", str(file)]
    subprocess.run([*pip, "install", "--quiet", *wanted], check=True, cwd=TREE)
    return python


def run(python: str, bounds: str, options: list[str]) -> Row:
    """Run the tests with visible output, and return the result."""
    report = Path(python).parent.parent / "tests.xml"
    command = [python, "-m", "pytest", "-q", f"--junit-xml={report}", *options]
    versions = tuple(json.loads(said(python, "-c", VERSIONS)))
    before = time.monotonic()
    code = subprocess.run(command, check=False, cwd=TREE).returncode
    seconds = time.monotonic() - before
    if not report.exists():
        return Row(bounds, versions, seconds=seconds, code=code or 1)
    suite = ET.parse(report).getroot()[0].attrib  # noqa: S314 - written by the command above
    total, skipped = int(suite["tests"]), int(suite["skipped"])
    failed = int(suite["failures"]) + int(suite["errors"])
    return Row(bounds, versions, total - failed - skipped, failed, skipped, seconds, code)


def say(*words: object) -> None:
    """Print at once, in order with the output of child processes."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run all pairs, print the results, and return 1 if one failed or none ran."""
    pythons, dependencies = project()
    parser = argparse.ArgumentParser(prog="matrix.py")
    parser.add_argument("--only", action="append", choices=pythons)
    parser.add_argument("--with", action="append", choices=(OLDEST, NEWEST), dest="bounds")
    parser.add_argument("--workers", default="3")
    parser.add_argument("tests", nargs="*", default=["tests"])
    given = parser.parse_args()
    constraints = {OLDEST: [at_the_bound(one) for one in dependencies], NEWEST: []}
    options = ["-n", given.workers, "--dist", "worksteal", *given.tests]
    rows, missing = [], []
    for version in given.only or pythons:
        interpreter = find(version)
        if interpreter is None:
            missing.append(version)
            continue
        for bounds in given.bounds or (OLDEST, NEWEST):
            say(f"== Python {version} ({interpreter}), {bounds}")
            try:
                python = make(PLACE / f"{version}-{bounds}", interpreter, constraints[bounds])
            except subprocess.CalledProcessError as exc:  # the command has printed the reason
                rows.append(Row(bounds, (version, *(".." for _ in SHOWN)), code=exc.returncode))
                continue
            rows.append(run(python, bounds, options))
    say(f"\n{line(*COLUMNS)}")
    for row in rows:
        say(row)
    if missing:
        say("not found here:", ", ".join(missing))
    return int(not rows or any(row.code for row in rows) or bool(given.only and missing))


if __name__ == "__main__":
    sys.exit(main())
