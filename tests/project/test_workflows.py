"""Facts about the workflow files and the lock: repeated values agree, and downloads have hashes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.world.release import PLATFORMS
from tests.world.tree import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORKFLOWS = REPOSITORY / ".github" / "workflows"
LOCK = REPOSITORY / "binary" / "requirements.txt"
PINNED = re.compile(r"uses: ([\w/.-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")


def _lines(name: str = "*.yml") -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob(name))]
    assert texts
    return "".join(texts).splitlines()


def _project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_action_is_pinned_and_the_same_everywhere() -> None:
    """Each has a commit's hash and its version; only our own files have neither."""
    uses = [line.strip() for line in _lines() if "uses: " in line]
    pins = [PINNED.search(line) for line in uses if "uses: ./" not in line]
    found = {pin.groups() for pin in pins if pin}

    assert None not in pins
    assert len({action for action, _, _ in found}) == len(found) >= 5


def test_the_matrix_has_the_pythons_that_the_package_names() -> None:
    """Its versions are exactly the classifiers'."""
    (row,) = [line for line in _lines("ci.yml") if re.match(r" +python: \[", line)]
    classifiers = "\n".join(_project()["project"]["classifiers"])

    assert re.findall(r'"(3\.\d+)"', row) == re.findall(r"Python :: (3\.\d+)", classifiers)


def test_what_is_built_is_what_is_attested() -> None:
    """Both files name the same platforms."""
    built = [line.rpartition(" ")[2] for line in _lines("build.yml") if "- platform: " in line]
    (row,) = [line for line in _lines("release.yml") if re.match(r" +platform: \[", line)]

    assert built == re.findall(r"\w+-\w+", row) == [*PLATFORMS]


def _steps(name: str, action: str) -> list[dict[str, Any]]:
    """Return the settings of each use of an action in a workflow file."""
    jobs = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job.get("steps", ())]
    return [step["with"] for step in steps if step.get("uses", "").startswith(f"actions/{action}@")]


def test_every_wheel_is_published_and_attested() -> None:
    """Those of the static programs are artifacts whose names begin like the other packages'."""
    uploads = {step["name"]: step["path"] for step in _steps("build.yml", "upload-artifact")}
    assert uploads["packages-${{ matrix.platform }}"] == "dist/release/*-manylinux*.whl"
    assert uploads["packages"] == "dist/packages/*"
    downloads = [
        step
        for step in _steps("release.yml", "download-artifact")
        if step.get("pattern", "").startswith("packages")
    ]

    assert downloads == [
        {"pattern": "packages*", "path": path, "merge-multiple": True}
        for path in ("release", "dist")
    ]


@pytest.mark.parametrize("name", ["build.yml", "release.yml"])
def test_every_package_of_a_release_has_a_hash(name: str) -> None:
    """Neither pip nor another installer does so."""
    text = "\n".join(_lines(name)).replace("\\\n", "")
    commands = re.findall(r"\b(?:pip|pipx|uv|npm|npx|apt-get|brew|choco)\b .*", text)

    for command in commands:
        assert re.match(r"pip install --require-hashes --only-binary :all: +--req", command)


def test_the_lock_has_all_that_the_build_needs() -> None:
    """Runtime packages, build tools and wheel builder are in it, each with hashes."""
    project = _project()
    lines = [*project["project"]["dependencies"], *project["dependency-groups"]["binary"]]
    lines += project["build-system"]["requires"]
    entries = re.split(r"\n(?=\w)", LOCK.read_text(encoding="utf-8"))[1:]
    locked = {}
    for entry in entries:
        requirement, _, hashes = entry.partition(" \\\n")
        name, _, version = requirement.partition(" ")[0].partition("==")
        locked[name] = version
        assert re.fullmatch(r"(\s+--hash=sha256:[0-9a-f]{64}( \\)?)+\s*", hashes), requirement

    for line in lines:
        needed = Requirement(line)
        assert locked[needed.name] in needed.specifier


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a Unix shell")
@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"GITHUB_ACTIONS": "true"}, 1)])
def test_actionlint_is_not_left_out_in_github_actions(
    tmp_path: Path, variables: dict[str, str], code: int
) -> None:
    """Elsewhere, without it and without npm, the other linters have to do."""
    for name in ("zizmor", "check-jsonschema"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    for name in ("sh", "awk", "dirname", "mkdir", "mktemp", "rm"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        ["sh", str(REPOSITORY / "tools" / "lint-workflows.sh"), str(tmp_path)],
        env={"PATH": str(tmp_path), **variables},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == code, done
    assert done.stderr.startswith("actionlint is not available")
