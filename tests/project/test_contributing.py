"""Facts about CONTRIBUTING.md and the templates: what they name exists."""

import re
from typing import Any

import pytest

from docker_credential_ecrpy import HOMEPAGE
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
TEMPLATES = REPOSITORY / ".github" / "ISSUE_TEMPLATE"
ROOT = "(?:docker_credential_ecrpy|tests|tools|benchmarks|dist|docs|\\.github|\\.ci)/"


def test_every_file_that_it_names_exists() -> None:
    """Except what a step creates, and what is built; docs/ may come in a later commit."""
    named = set(re.findall(rf"`({ROOT}[\w./-]+)`", TEXT))
    made = {name for name in named if name.startswith(("dist/", "docs/"))}

    assert len(named - made) > 15
    assert [name for name in named - made if not (REPOSITORY / name).exists()] == []


def test_every_name_that_it_places_in_a_file_is_defined_there() -> None:
    """A step that says to change `NAME` in `file.py` leads to that definition."""
    placed = re.findall(rf"`(\w+)` in\s+`({ROOT}[\w./-]+\.py)`", TEXT)
    missing = [
        (name, file)
        for name, file in placed
        if not re.search(rf"(?m)^(?:def |class )?{name}\b", (REPOSITORY / file).read_text("utf-8"))
    ]

    assert len(placed) > 3
    assert missing == []


def test_every_module_that_it_names_is_a_room_of_the_package() -> None:
    """The tables of rooms, here and in the architecture, leave none out, and have each once."""
    package = REPOSITORY / "docker_credential_ecrpy"
    rooms = sorted(path.parent.name for path in package.glob("*/__init__.py"))
    for text in (TEXT, (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")):
        table = text.partition("| room |")[2].partition("\n\n")[0]
        first = "\n".join(row.split(" | ")[0] for row in table.splitlines())

        assert sorted(re.findall(r"`(\w+)/`", first)) == rooms


def test_the_order_of_rooms_is_that_of_the_import_contract() -> None:
    """From the left to the right what pyproject.toml has from the bottom to the top."""
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    listed = project.partition("layers = [")[2].partition("]")[0]
    layers = re.findall(r'^  "([\w |]+)",$', listed, re.MULTILINE)
    (line,) = re.findall(r"^`(errors, .*)`$", TEXT, re.MULTILINE)
    found = [sorted(room.split(", ")) for room in line.split(" < ")]

    assert found == [sorted(layer.split(" | ")) for layer in reversed(layers)]


def test_every_url_is_the_projects() -> None:
    """In the guide, the templates and the workflows: one repository, without a placeholder."""
    pages = [*TEMPLATES.glob("*.yml"), *(REPOSITORY / ".github" / "workflows").glob("*.yml")]
    pages += [REPOSITORY / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    slug = HOMEPAGE.partition("github.com/")[2]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "OWNER/REPOSITORY" not in text, page
        ours = re.findall(r"https://github\.com/(docker-credential[\w-]*/[\w-]+)", text)
        ours += re.findall(r"--repo (\S+?/[\w-]+)", text)
        assert set(ours) <= {slug}, page


def _read_template(name: str) -> dict[str, Any]:
    """Return the top-level keys of a template with the text below each."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    parts = re.split(r"^(\w+):", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_a_template_has_the_parts_that_github_needs(name: str) -> None:
    """Name, description and body; each field has an id of its own and a label."""
    template = _read_template(name)
    fields = re.findall(r"^  - type: (?:input|textarea)$", template["body"], re.MULTILINE)
    ids = re.findall(r"^    id: (\w+)$", template["body"], re.MULTILINE)

    assert {"name", "description", "body"} <= set(template)
    assert len(fields) == len(set(ids)) == template["body"].count("      label: ") > 0


def test_a_bug_report_asks_for_what_is_needed_and_for_no_secret() -> None:
    """Version, client and doctor's output; and it warns not to paste tokens."""
    body = _read_template("bug.yml")["body"]

    assert {"version", "client", "doctor"} <= set(
        re.findall(r"^    id: (\w+)$", body, re.MULTILINE)
    )
    assert "doctor --json" in body
    assert "Never paste tokens" in body


def test_vulnerabilities_have_a_private_address() -> None:
    """The issue chooser and SECURITY.md give the same one."""
    address = f"{HOMEPAGE}/security/advisories/new"

    assert address in _read_template("config.yml")["contact_links"]
    assert address in (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
