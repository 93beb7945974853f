"""Compiles the rules of checked settings into a `rule_table`, and stores it in the cache."""

from docker_credential_ecrpy.helper import rule_table
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import AUTO, Rule
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MORE = 0x10000  # from here on, characters for more sets than there are capitals
_FIXED = "abcdefghijklmnopqrstuvwxyz0123456789-."
_ANY = Registry("", account="", region="", service="", suffix="")  # no choice depends on it


def write(directory: str, settings: str, loaded: Settings, now: int) -> None:
    """Store the table of loaded settings, as far as an entry has room for it.

    The other arguments are those of `rule_table.read`. Raises OSError.
    """
    path, subject = rule_table.place(directory, settings)
    end = now + TOKEN_LIFE
    for with_choices in (True, False):
        table = compile_rules(loaded, with_choices=with_choices)
        entry = cache.Entry(now, end, end, table.encode())
        if len(entry_file.pack(subject, entry)) <= cache.MAX_ENTRY:
            entry_file.write(path, subject, entry)
            return


def compile_rules(loaded: Settings, *, with_choices: bool = True) -> str:
    """Return the table of settings. with_choices: whether a shorter one would do."""
    letters: dict[frozenset[str], str] = {}
    lengths: dict[int, None] = {}
    rows = []
    for rule in loaded.rules:
        start, rest = _compile_pattern(rule, letters)
        lengths[len(start)] = None
        name = rule.registry.host if rule.registry else ""
        choice = _compile_choice(rule) if with_choices else rule_table.UNKNOWN
        rows.append(f"{start}\t{rest}\t{name}\t{rule.region}\t{choice}\n")
    fallback = rule_table.FALLBACK if loaded.fallback else rule_table.NO_FALLBACK
    sets = " ".join(f"{letter}={''.join(sorted(one))}" for one, letter in letters.items())
    return "\n".join((fallback, " ".join(map(str, lengths)), sets, "".join(rows)))


def _compile_pattern(rule: Rule, letters: dict[frozenset[str], str]) -> tuple[str, str]:
    pattern = "".join(
        next(iter(step)) if len(step) == 1 else letters.setdefault(step, _name(len(letters)))
        for step in rule.pattern.steps
    )
    rest = pattern.lstrip(_FIXED)
    return pattern[: len(pattern) - len(rest)], rest


def _name(number: int) -> str:
    return _CAPITALS[number] if number < len(_CAPITALS) else chr(_MORE + number)


def _compile_choice(rule: Rule) -> str:
    return rule_table.UNKNOWN if rule.profile == AUTO else rule.choose(_ANY).identity("")
