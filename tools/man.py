"""Write the manual pages of both programs from the help text: man.py DIRECTORY."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy import __version__, cli

PROGRAMS = ("docker-credential-ecr-login", "docker-credential-ecrpy")
REST = """\
.SH FILES
.TP
.I ~/.ecr
tokens and logins, one file each, readable by their owner alone
.TP
.I ~/.ecr/config.toml
whom to be for which registry, and the credential helper for others
.TP
.I ~/.docker/config.json
where Docker is told to run this program
.TP
.IR ~/.aws/config ", " ~/.aws/credentials
profiles, as for the AWS CLI
.SH EXIT STATUS
0, or 1 after a line that says what is wrong and what to do.
.SH SEE ALSO
.BR docker (1),
.BR podman (1),
.BR aws (1)
"""


def roff(text: str) -> str:
    """Return text with what roff would take as its own written so that it is printed."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return escaped.replace("~", "\\(ti").replace("^", "\\(ha")


def page(program: str) -> str:
    """Return the manual page of one of the programs: man(7). It has no date, only a version.

    The help's first lines are the synopsis; a line at the margin that ends in a colon, with
    indented pairs of term and meaning below, is a section; other indented lines are examples.
    """
    text = cli.HELP.format(name=program, usage=cli.USAGE.format(name=program))
    usage, _, body = text.partition("\n\n")
    ways = [line.partition(program)[2].strip() for line in usage.splitlines()]
    lines = [
        f'.TH {program.upper()} 1 "" "{cli.PACKAGE} {__version__}" "User Commands"',
        ".SH NAME",
        f"{roff(program)} \\- Docker credential helper for Amazon ECR",
        ".SH SYNOPSIS",
        "\n.br\n".join(f".B {roff(program)}\n{roff(way)}" for way in ways),
        ".SH DESCRIPTION",
    ]
    in_section = False
    for line in body.splitlines():
        heading = re.fullmatch(r"(\w+)( \(.*\))?:", line)
        pair = re.fullmatch(r"  (\S.*?)  +(\S.*)", line)
        if heading:
            in_section = True
            lines += [f".SH {heading[1].upper()}"]
        elif in_section and pair:
            lines += [".TP", f".B {roff(pair[1])}", roff(pair[2])]
        elif line.startswith("  "):
            lines += [".nf", ".RS", roff(line.strip()), ".RE", ".fi"]
        else:
            lines.append(roff(line) if line else ".PP")
    text = "\n".join(lines)
    # A paragraph has a text: none before a section, and none twice.
    return re.sub(r"(\.PP\n)+(?=\.(SH|PP))", "", f"{text}\n") + REST


def main() -> None:
    """Write a page for each program."""
    directory = Path(sys.argv[1])
    for program in PROGRAMS:
        (directory / f"{program}.1").write_text(page(program), encoding="ascii")


if __name__ == "__main__":
    main()
