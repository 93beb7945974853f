"""The README and docs/, read as Markdown: blocks, commands, links, headings and tables."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from docker_credential_ecrpy import HOMEPAGE
from tests.world.tree import REPOSITORY

FILES = f"{HOMEPAGE}/blob/main/"
"""What the URL of each file of the repository begins with."""
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
# A call of this program, but not its name as the argument of an installer, and its arguments.
_OUR_PROGRAM = re.compile(
    r"(?<!install )(?<!inject )docker-credential-ecr(?:py|-login)(?![\w./-])"
    r"((?: +[^\s|;&)>\"#`]+)*)"
)
_COMMENT = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True)
class Block:
    """A fenced block. language: what stands behind the fence, or ""."""

    language: str
    text: str


@dataclass(frozen=True)
class Transcript:
    """A command as it is typed, and the output that the page shows below it."""

    command: str
    output: str


@dataclass(frozen=True)
class Document:
    """A Markdown file of the repository."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the repository's root."""
        return self.path.relative_to(REPOSITORY).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def fences(self) -> list[Block]:
        """Its blocks in order, without the indent of a list."""
        return [
            Block(name, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
            for indent, name, text in _FENCE.findall(self.text)
        ]

    def blocks(self, language: str) -> list[Block]:
        """Return the blocks of a language."""
        return [block for block in self.fences if block.language == language]

    @property
    def transcripts(self) -> list[Transcript]:
        """The commands of its console blocks, each with its output."""
        return [found for block in self.blocks("console") for found in _split(block.text)]

    @property
    def our_commands(self) -> list[str]:
        """The arguments of each call of this program, in blocks and in code within the text."""
        lines = [found.command for found in self.transcripts]
        lines += re.findall(r"`([^`\n]*)`", self.prose)
        return [
            arguments.strip()
            for line in lines
            for arguments in _OUR_PROGRAM.findall(_COMMENT.sub("", line))
        ]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """The anchors of its headings, which GitHub and mkdocs agree on."""
        return {_slug(heading) for heading in _HEADING.findall(self.prose)}

    def resolve(self, link: str) -> tuple[Path, str] | None:
        """Return the file and the anchor that a link leads to; None for another site."""
        target, _, anchor = link.partition("#")
        if target.startswith(FILES):
            return REPOSITORY / target.removeprefix(FILES), anchor
        if "://" in target:
            return None
        return (self.path.parent / target).resolve() if target else self.path, anchor

    def table(self, heading: str, number: int = 0) -> list[list[str]]:
        """Return the cells of the rows of a table below a heading, without the table's own head.

        number: which of the tables before the next heading of that level.
        """
        _, found, rest = self.text.partition(f"\n{heading}\n")
        assert found, (self.name, heading)
        level = heading.partition(" ")[0]
        lines = takewhile(lambda line: not line.startswith(f"{level} "), rest.splitlines())
        tables: list[list[str]] = [[]]
        for line in lines:
            if line.startswith("|"):
                tables[-1].append(line)
            elif tables[-1]:
                tables.append([])
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in tables[number][2:]]
        return [[cell.strip() for cell in row] for row in rows]


README = Document(REPOSITORY / "README.md")
PAGES = [Document(path) for path in sorted((REPOSITORY / "docs").glob("**/*.md"))]
DOCUMENTS = [README, *PAGES]


def find_page(name: str) -> Document:
    """Return the page docs/<name>.md."""
    (found,) = [page for page in PAGES if page.name == f"docs/{name}.md"]
    return found


def quoted(cell: str) -> list[str]:
    """Return the texts in backquotes of a table's cell."""
    return re.findall(r"`([^`]+)`", cell)


def _split(text: str) -> Iterator[Transcript]:
    """Yield the commands of a console block: those after "$", with their further lines."""
    command: list[str] = []
    output: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if goes_on:
            command.append(line)
        elif line.startswith("$ "):
            if command:
                yield Transcript("\n".join(command), "\n".join(output))
            command, output = [line.removeprefix("$ ")], []
        else:
            output.append(line)
            continue
        goes_on = line.endswith(("\\", "|"))
    if command:
        yield Transcript("\n".join(command), "\n".join(output))


def split_arguments(text: str) -> list[str]:
    """Return the arguments of a command line; placeholders such as <host> are words."""
    return shlex.split(text.replace("\\\n", " "))


def _slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w -]", "", plain.lower()).replace(" ", "-")
