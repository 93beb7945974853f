"""The manual page docker-credential-ecrpy-config(5), from the format of config.toml."""

from collections.abc import Iterator, Sequence

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from tools import config_file
from tools.config_file import Key
from tools.roff import link, roff, start, term

DESCRIPTION = f"""\
The file says which AWS identity and endpoint a registry's token is requested with, and which \
credential helper serves the other registries. It is optional: without it, the identity is the \
one that the AWS CLI uses.

It is a TOML file in UTF-8 of at most {config_file.LIMIT_KIB} KiB. It is checked as a whole before \
any of it is used: one mistake stops every action, with an error that names the file, the line and \
the fix. An edit takes effect at the next get.

"docker-credential-ecrpy configure" writes rules, and "docker-credential-ecrpy explain <image>" \
shows which rule applies to an image."""

PRECEDENCE = (
    "AWS_ECR_PROFILE_<account> and AWS_ECR_ROLE_ARN_<account>",
    "the first rule in the file whose match applies to the host",
    "the identity that the AWS CLI uses: environment variables, AWS_PROFILE, and so on",
)

EDITORS = """\
Editors with a TOML language server check the file as you type if this is its first line, as in a \
file that configure creates:"""

HIDDEN = """\
A rule that can match no ECR registry is an error, and so is a rule that is never reached because \
one rule above it takes all of its hosts. Put the narrow rule first. Rules that lead to the same \
identity and region share one token."""


def page() -> str:
    """Return the page: man(7)."""
    lines = [
        *start(config_file.NAME, 5, "File Formats", "the AWS identity to use for each registry"),
        ".SH SYNOPSIS",
        f".I {roff('~/.ecr/config.toml')}",
        ".SH DESCRIPTION",
        *_write_paragraphs(DESCRIPTION),
        ".SH TOP-LEVEL KEYS",
        *_write_keys(config_file.TOP_KEYS),
        ".SH KEYS OF A RULE",
        roff("Each rule is a [[registry]] table:"),
        *_write_keys(config_file.RULE_KEYS),
        ".SH MATCH",
        "Host names are compared in lower case.",
    ]
    for form, meaning in config_file.MATCH_FORMS:
        lines += [*term(form), roff(meaning)]
    lines += [".SH PRECEDENCE", "The first of these that applies decides the AWS identity:"]
    for number, source in enumerate(PRECEDENCE, 1):
        lines += [f".IP {number}. 4", roff(source)]
    lines += [".PP", roff(HIDDEN), ".SH ENVIRONMENT"]
    for name, meaning in config_file.VARIABLES.items():
        lines += [*term(name), roff(meaning)]
    lines += [".SH EXAMPLES", *_write_recipes(), *_write_end()]
    return "\n".join(lines) + "\n"


def _write_paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        yield from ([".PP"] if number else [])
        yield roff(paragraph)


def _write_keys(keys: Sequence[Key]) -> Iterator[str]:
    for key in keys:
        yield from (".TP", f'.BR {roff(key.name)} " ({key.type})"')
        yield roff(key.meaning)
        if key.needs:
            yield roff(f"Only with {key.needs}.")
        if key.default:
            yield roff(f"Default: {key.default}.")
        if key.examples:
            yield from (".br", roff(f"Example: {key.name} = {key.examples[0]}"))


def _write_recipes() -> Iterator[str]:
    for number, (purpose, text) in enumerate(config_file.RECIPES):
        yield from ([".PP"] if number else [])
        yield from (roff(purpose), ".PP", ".nf", ".RS")
        yield from map(roff, text.splitlines())
        yield from (".RE", ".fi")


def _write_end() -> Iterator[str]:
    schema = roff(f"#:schema {config_file.SCHEMA_URL}")
    yield from (".SH EDITORS", roff(EDITORS), ".PP", ".nf", schema, ".fi")
    yield ".SH FILES"
    yield from (".TP", f".I {roff('~/.ecr/config.toml')}")
    yield "the file itself; only its owner should be able to write it"
    yield from (".TP", f".I {roff('~/.aws/config')}")
    yield "the profiles that rules name"
    yield from (".SH SEE ALSO", f".BR {roff(PACKAGE)} (1)")
    yield from (".PP", "Documentation:", link(HOMEPAGE))
