"""The name that was probably meant in the place of an unknown one."""

from collections.abc import Collection, Iterable

from docker_credential_ecrpy.text.expression import expression

DANGEROUS = ("--remove", "--undo", "--creds-store", "--fix", "clear", "erase")
"""What changes or removes much: suggested only for a slip of one letter."""

_CUTOFF = 0.66  # of difflib's ratio, from 0 to 1
_SLIP = 0.85  # one letter of six or more
_SHORTEST = 3  # letters that can stand for a longer name
_WORDS = expression(r"[^\W_]+")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the one of the known names that was probably meant, or "".

    Next to a slip of one letter, whole words, such as `role` in `role_arn`, count more than similar
    letters.
    """
    wrong = _words(name)
    ranked = [(_rank(wrong, _words(each), each in DANGEROUS), each) for each in known]
    best = max(ranked, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] else ""


def _words(name: str) -> str:
    # Without the dashes of options, which all of them share.
    return " ".join(_WORDS.findall(name.lower()))


def _rank(wrong: str, right: str, is_dangerous: bool) -> float:  # noqa: FBT001 - private
    """Return how near two names are, or 0 where the second is not to be suggested."""
    import difflib  # takes longer to load than all of this module

    ratio = difflib.SequenceMatcher(None, wrong, right).ratio()
    if ratio >= _SLIP:
        return 2 + ratio
    if is_dangerous:
        return 0
    if _contains(right.split(), wrong.split()) or _contains(wrong.split(), right.split()):
        return 1 + ratio
    if len(wrong) >= _SHORTEST and right.startswith(wrong):
        return 1 + ratio
    return ratio if ratio >= _CUTOFF else 0


def _contains(words: list[str], others: Collection[str]) -> bool:
    return bool(others) and all(len(each) >= _SHORTEST and each in words for each in others)
