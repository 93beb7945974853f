"""Patterns: the hosts that a rule's `match` covers."""

import fnmatch
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import patterns

ACCOUNT = "123456789012"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
HOSTS = [
    HOST,
    "210987654321.dkr.ecr.eu-west-1.amazonaws.com",
    f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws",
    f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn",
    "public.ecr.aws",
    "ecr-public.aws.com",
]
GLOBS = st.text("01a-.*?[]!", min_size=1, max_size=9)
# Few letters, so that globs often match hosts.
SMALL = ["".join(host) for size in range(1, 5) for host in itertools.product("01a.-", repeat=size)]


def _glob(text: str) -> patterns.Pattern | None:
    pattern = patterns.parse(text)
    try:
        patterns.check(pattern)
    except patterns.BadPattern:
        return None
    return pattern


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (ACCOUNT, {0, 2, 3, 4}),
        (HOST, {0}),
        (HOST.upper(), {0}),
        ("*", set(range(7))),
        ("*.dkr.ecr.eu-*.amazonaws.com", {1}),
        ("*.eu-*", {1, 3}),
        (f"{ACCOUNT[:-1]}?.dkr*", {0, 2, 3, 4}),
        ("[0-9]*.cn", {4}),
        ("[!1]*.amazonaws.com", {1}),
        ("public.ecr.aws", {5}),
        ("*.aws*.com", {6}),
    ],
)
def test_the_hosts_that_a_pattern_covers(text: str, meant: set[int]) -> None:
    """An account, a host or a glob covers its hosts, in any letter case."""
    pattern = patterns.parse(text)

    assert {number for number, host in enumerate(HOSTS) if pattern.matches(host)} == meant


def test_an_account_is_not_a_part_of_a_host() -> None:
    """An account's twelve digits must be the whole first label."""
    pattern = patterns.parse(ACCOUNT)

    assert pattern.is_account
    assert not any(pattern.matches(host) for host in (ACCOUNT, f"9{HOST}", f"x.{HOST}"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("12345678901", "12 digits, and this one has 11"),
        ("1234567890123", "12 digits, and this one has 13"),
        (f"https://{HOST}", f'alone, without scheme, port and path: "{HOST}"'),
        (f"{HOST}:443", f'"{HOST}"'),
        (f"{HOST}/team/app", f'"{HOST}"'),
        ("https://*.amazonaws.com", "no host name has ':'"),
        ("*.amazonaws.com/*", "no host name has '/'"),
        ("[0-9", "no closing ]"),
        ("two words", "neither an account id"),
        ("bücher.example", "neither an account id"),
        ("", "neither an account id"),
        ("*" * 1025, "more than 1,024 characters"),
    ],
)
def test_invalid_patterns(text: str, says: str) -> None:
    """The error for an invalid pattern says how to write it."""
    with pytest.raises(patterns.BadPattern) as caught:
        patterns.check(patterns.parse(text))

    assert says in str(caught.value)


@given(GLOBS.filter(lambda text: any(c in text for c in "*?[")), st.sampled_from(SMALL))
def test_a_glob_matches_as_in_fnmatch(text: str, host: str) -> None:
    """Globs match as the standard library's `fnmatch` does, over the characters of host names."""
    pattern = _glob(text)
    if pattern is not None:
        assert pattern.matches(host) == fnmatch.fnmatchcase(host, text)


@pytest.mark.parametrize(
    "host", [f"{ACCOUNT}{rest}" for rest in ("." + "a" * 60_000, "1" * 60_000)]
)
def test_stars_do_not_cost_more_than_the_host_is_long(host: str) -> None:
    """Seven stars match a name of 60 KB at once, since there is no backtracking."""
    assert not patterns.parse("*1*2*3*4*5*6*b").matches(host)


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("*", True),
        ("*.dkr.ecr.*.amazonaws.com", True),
        ("*.dkr-ecr*.on.aws", True),
        ("*-fips*", True),
        ("public.*", True),
        ("????????????.dkr.*", True),
        ("1234*", True),
        ("*.dkr.ecr.mars-*.csp.hci.ic.gov", True),
        ("*.dkr.ecr.*.amazonaws.co", False),
        ("*.dkr.ecr.*.on.aws", False),
        ("*.dkr-ecr.*.amazonaws.com", False),
        ("?????????????.dkr.*", False),
        ("[a-z]*.dkr.ecr.*", False),
        ("*.gcr.io", False),
        ("*.dkr.ecr.us-east-1.us-east-2.amazonaws.com", False),
        ("*.dkr.ecr..amazonaws.com", False),
        ("*.dkr.ecr.[a-z]*-.amazonaws.com", False),
        ("*.dkr.ecr.??.amazonaws.com", True),
        ("*_*", False),
    ],
)
def test_whether_a_glob_can_match_a_registry(text: str, possible: bool) -> None:
    """Whether a glob covers any ECR host follows from the host forms, in any region."""
    pattern = _glob(text)

    assert bool(pattern and pattern.can_match_ecr()) == possible


@given(st.sampled_from(HOSTS), st.data())
def test_a_glob_made_from_a_registry_can_match_one(host: str, data: st.DataObject) -> None:
    """Any part of an ECR host may become a star or question mark."""
    start = data.draw(st.integers(0, len(host)))
    end = data.draw(st.integers(start, len(host)))
    marks = data.draw(st.sampled_from(["*", "?" * (end - start), f"*{host[start:end]}*"]))
    pattern = _glob(host[:start] + marks + host[end:])

    assert pattern is not None
    assert pattern.matches(host)
    assert pattern.is_glob == (set(marks) & set("*?") != set())
    assert pattern.can_match_ecr()


def _takes_all(earlier: patterns.Pattern, pattern: patterns.Pattern) -> bool:
    return all(map(earlier.matches, pattern.examples))


@given(GLOBS, GLOBS)
def test_what_an_earlier_pattern_leaves(text: str, earlier: str) -> None:
    """A pattern is never said to cover all hosts of another while a host is left."""
    pattern, other = _glob(text), _glob(earlier)
    if pattern is None or other is None or len(text) > 6 or not _takes_all(other, pattern):
        return
    longer = (a + "9z9z9z" + b for a in SMALL[:155] for b in SMALL[:155])

    assert all(other.matches(host) for host in (*SMALL, *longer) if pattern.matches(host))


@pytest.mark.parametrize(
    ("text", "earlier", "taken"),
    [
        (ACCOUNT, "*", True),
        (ACCOUNT, ACCOUNT, True),
        (HOST, ACCOUNT, True),
        (ACCOUNT, HOST, False),
        (ACCOUNT, "1*", True),
        (ACCOUNT, f"{ACCOUNT[:-1]}?.*", True),
        (ACCOUNT, "*.dkr*", True),
        (ACCOUNT, "*.dkr*.*.*", True),
        (ACCOUNT, "*.dkr*.*a*", False),
        (ACCOUNT, "*.dkr.ecr.*", False),
        (ACCOUNT, "*.dkr.ecr*", False),
        (ACCOUNT, "*.dkr*.amazon*", False),
        (ACCOUNT, "*.dkr*-*", False),
        (ACCOUNT, "*.dkr*.??-*", False),
        (ACCOUNT, "*-1.*", False),
        (HOST, "*-1.*", True),
        ("*.dkr.ecr.eu-west-1.*", "*.dkr.ecr.eu-*", True),
        ("*.dkr.ecr.eu-*", "*.dkr.ecr.eu-west-1.*", False),
        ("[ab]*.on.aws", "*b*", False),
        ("[a]*.on.aws", "a*", True),
        ("1?*", "1*", True),
        ("1*", "1?*", False),
        ("1*[a-z]", "1*?", False),
        ("*", "*", True),
    ],
)
def test_whether_an_earlier_rule_takes_all(text: str, earlier: str, taken: bool) -> None:
    """A rule counts as covered only where that is certain, in any region."""
    assert _takes_all(patterns.parse(earlier), patterns.parse(text)) == taken


def test_the_examples_of_an_account_are_of_every_form() -> None:
    """Examples cover each suffix of each host form, with and without FIPS, in any region."""
    examples = patterns.parse(ACCOUNT).examples
    found = [registry.parse(host.replace("*", "us-east-1")) for host in examples]
    forms = {(each.suffix, each.fips, each.dual_stack) for each in found if each}
    suffixes = {(suffix, False) for suffix in registry.SUFFIXES}
    suffixes |= {(suffix, True) for suffix in registry.DUAL_STACK_SUFFIXES}

    assert forms == {(name, fips, dual) for name, dual in suffixes for fips in (False, True)}
    assert len(forms) == len(examples)


def test_the_forms_are_those_of_the_parser() -> None:
    """The host forms and the parser agree about each host."""
    changed = [host.replace(*change) for host in HOSTS for change in ((".", "-"), ("ecr", "gcr"))]
    for host in (*HOSTS, *changed, f"x{HOST}", f"{HOST}.evil.org"):
        assert patterns.parse(host).can_match_ecr() == (registry.parse(host) is not None)
