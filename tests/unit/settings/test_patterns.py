"""Facts about what a rule's `match` means."""

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
# Few letters, so that globs and hosts meet.
SMALL = ["".join(host) for size in range(1, 5) for host in itertools.product("01a.-", repeat=size)]


def _glob(text: str) -> patterns.Pattern | None:
    try:
        return patterns.parse(text)
    except patterns.BadPattern:
        return None


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
def test_the_hosts_that_are_meant(text: str, meant: set[int]) -> None:
    """An account's, one, or a glob's; in any case of letters."""
    pattern = patterns.parse(text)

    assert {number for number, host in enumerate(HOSTS) if pattern.matches(host)} == meant


def test_an_account_is_not_a_part_of_a_host() -> None:
    """Its twelve digits are all of the first label."""
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
        ("https://*.amazonaws.com", "':' is in no host name"),
        ("*.amazonaws.com/*", "'/' is in no host name"),
        ("[0-9", "no ]"),
        ("two words", "neither an account id"),
        ("bücher.example", "neither an account id"),
        ("", "neither an account id"),
    ],
)
def test_what_is_no_pattern(text: str, says: str) -> None:
    """The reason says how to write it."""
    with pytest.raises(patterns.BadPattern) as caught:
        patterns.parse(text)

    assert says in str(caught.value)


@given(GLOBS.filter(lambda text: any(c in text for c in "*?[")), st.sampled_from(SMALL))
def test_a_glob_means_what_the_shells_does(text: str, host: str) -> None:
    """As the standard library's `fnmatch` has it, over the characters of host names."""
    pattern = _glob(text)
    if pattern is not None:
        assert pattern.matches(host) == fnmatch.fnmatchcase(host, text)


@pytest.mark.parametrize(
    "host", [f"{ACCOUNT}{rest}" for rest in ("." + "a" * 60_000, "1" * 60_000)]
)
def test_stars_do_not_cost_more_than_the_host_is_long(host: str) -> None:
    """A name of 60 KB against seven stars ends at once: there is nothing to go back to."""
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
    """Told from the forms of ECR's host names, whatever the region."""
    pattern = _glob(text)

    assert bool(pattern and pattern.can_match_ecr()) == possible


@given(st.sampled_from(HOSTS), st.data())
def test_a_glob_made_from_a_registry_can_match_one(host: str, data: st.DataObject) -> None:
    """Whatever part of a host becomes a star or a question mark."""
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
    """It is never said to take all where a host is left: small ones, and some longer."""
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
    """Only where that is certain, whatever the region."""
    assert _takes_all(patterns.parse(earlier), patterns.parse(text)) == taken


def test_the_examples_of_an_account_are_of_every_form() -> None:
    """Each suffix of each kind of host, with FIPS and without; and with any region."""
    examples = patterns.parse(ACCOUNT).examples
    found = [registry.parse(host.replace("*", "us-east-1")) for host in examples]
    forms = {(each.suffix, each.fips, each.dual_stack) for each in found if each}
    suffixes = {(suffix, False) for suffix in registry.SUFFIXES}
    suffixes |= {(suffix, True) for suffix in registry.DUAL_STACK_SUFFIXES}

    assert forms == {(name, fips, dual) for name, dual in suffixes for fips in (False, True)}
    assert len(forms) == len(examples)


def test_the_forms_are_those_of_the_parser() -> None:
    """What the parser takes, and a form of another's, tell the same of each host."""
    changed = [host.replace(*change) for host in HOSTS for change in ((".", "-"), ("ecr", "gcr"))]
    for host in (*HOSTS, *changed, f"x{HOST}", f"{HOST}.evil.org"):
        assert patterns.parse(host).can_match_ecr() == (registry.parse(host) is not None)
