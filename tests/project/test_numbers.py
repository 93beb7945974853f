"""Facts about the numbers in the documentation: each limit and default is the program's own."""

import re

import pytest

from docker_credential_ecrpy.doctor import network, run
from docker_credential_ecrpy.files import log_file
from docker_credential_ecrpy.files.user import backup
from docker_credential_ecrpy.helper.timeout import DEFAULT_TIMEOUT, MAX_TIMEOUT
from docker_credential_ecrpy.hot import cache, protocol
from docker_credential_ecrpy.settings import loader
from docker_credential_ecrpy.settings.rules import Role
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.recent import FORGET_AFTER, LISTED, MOST_READ
from docker_credential_ecrpy.tokens.store import MOST_ENTRIES, MOST_SURPLUS
from tests.world.documents import find_page
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
KIB, MIB, DAY = 1024, 1024 * 1024, 24 * 3600
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SECONDS = f"{DEFAULT_TIMEOUT:.0f}"
HOURS = TOKEN_LIFE // cache.SECOND // 3600
INPUT = f"{protocol.MAX_INPUT // KIB} KiB"

# Page -> the sentences in it that have numbers, written with the program's constants.
SENTENCES = {
    "docs/reference.md": [
        f"seconds that one `get` may take; default {SECONDS}, at most {MAX_TIMEOUT:.0f}",
        f"with mode 0600; at {log_file._MAX_BYTES // MIB} MiB it is renamed to `<file>.1`",
        f"`$AWS_ECR_CONFIG`, at most {loader.MAX_SIZE // KIB} KiB",
        f"the {LISTED} hosts that got a token last, in the last {FORGET_AFTER // DAY} days",
        f"of more than {MOST_READ} hosts, {LISTED} of the first {MOST_READ} in the directory",
        f"tokens: the {MOST_ENTRIES:,} most recent stay until they expire",
        f"each call of AWS removes up to {MOST_SURPLUS} older ones",
        f"the {LISTED} most recent stay for {FORGET_AFTER // DAY} days",
        f"Input is read to its end, at most {INPUT}",
        f"at most {WORDS[backup.BACKUPS_KEPT]} for each file",
    ],
    "docs/accounts.md": [f"shown by CloudTrail; default {Role('').session_name}"],
    "docs/comparison.md": [f"| upper time limit of a `get` | about {SECONDS} seconds |"],
    "docs/configure.md": [f"At most {WORDS[backup.BACKUPS_KEPT]} backups are kept for each file"],
    "docs/doctor.md": [
        f"looks in up to {WORDS[network._OTHER_REGIONS]} other regions",
        f"`AWS_ECR_TIMEOUT` ({SECONDS} seconds)",
        f"at most {WORDS[run._MOST]}.",
    ],
    "docs/index.md": [
        f"A `get` ends after about {SECONDS} seconds",
        f"An ECR token lives for {HOURS} hours.",
    ],
    "README.md": [f"An ECR token lives for {HOURS} hours."],
    "SECURITY.md": [
        f"ECR authorization tokens, valid for at most {HOURS} hours",
        f"input of more than {INPUT}",
        f"a time limit of {SECONDS} seconds in total",
        f"at most {WORDS[backup.BACKUPS_KEPT]} for each file",
    ],
}


@pytest.mark.parametrize(
    ("page", "sentence"),
    [(page, sentence) for page, sentences in SENTENCES.items() for sentence in sentences],
)
def test_a_number_is_the_programs(page: str, sentence: str) -> None:
    """The page has the sentence with the number that the code has."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")

    assert sentence in " ".join(text.split())


def test_every_number_of_a_variable_is_compared() -> None:
    """A limit or default in the table of this program's variables is in a sentence above."""
    rows = find_page("reference").table("## Environment variables")
    numbered = [meaning for _, meaning in rows if re.search(r"\d", re.sub("`[^`]*`", "", meaning))]

    assert len(numbered) == 2
    for meaning in numbered:
        assert any(sentence in meaning for sentence in SENTENCES["docs/reference.md"]), meaning
