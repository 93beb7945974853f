"""Facts about the kubelet's rule for images: the vectors of Kubernetes' own tests, and more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.kubernetes.node.config.match import (
    Address,
    find_mismatch,
    match_label,
)
from tests.world import kubelet_matches, play_kubelet

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
STANDARD = "*.dkr.ecr.*.amazonaws.com"


@pytest.mark.parametrize(
    ("pattern", "image", "expected"), kubelet_matches.UPSTREAM + kubelet_matches.ECR
)
def test_the_rule_is_the_kubelets(pattern: str, image: str, expected: bool) -> None:
    """A pattern matches by port, number of labels, each label, and the start of the path."""
    assert (find_mismatch(pattern, image) == "") is expected
    assert play_kubelet.matches(pattern, image) is expected


@pytest.mark.parametrize(
    ("pattern", "image", "why"),
    [
        (STANDARD, f"{ECR}:443/a", "the image has port 443, and the pattern has no port"),
        (STANDARD, f"{ECR}.cn/a", "the host has 7 labels, and the pattern 6"),
        (STANDARD, ECR.replace(".ecr.", ".ecr-fips.") + "/a", "'ecr-fips' is not 'ecr'"),
        ("reg.io/foo", "reg.io/bar", "the path /bar does not begin with /foo"),
        ("reg.io/foo", "reg.io", "the path (none) does not begin with /foo"),
    ],
)
def test_a_mismatch_has_a_reason(pattern: str, image: str, why: str) -> None:
    """The first difference is named, in the order in which the kubelet looks."""
    assert find_mismatch(pattern, image) == why


LETTERS = "ab-*?"


@given(st.text(LETTERS, max_size=6), st.text("ab-", max_size=6))
def test_labels_match_as_in_another_implementation(pattern: str, text: str) -> None:
    """The play kubelet's matcher, which is written apart, agrees about each label."""
    assert match_label(pattern, text) == play_kubelet._matches_label(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[ac]", "b", False),
        ("[^ac]", "b", True),
        ("[^ac]", "a", False),
        ("[\\]]", "]", True),
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXbYbZ", False),
    ],
)
def test_labels_have_the_wildcards_of_go(pattern: str, text: str, expected: bool) -> None:
    """Ranges, negation and escapes are those of Go's filepath.Match."""
    assert match_label(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[a-", "[a-]", "[-a]", "a\\", "[]a]"])
def test_a_malformed_label_is_an_error(pattern: str) -> None:
    """Go's filepath.Match returns ErrBadPattern, and the kubelet matches nothing."""
    with pytest.raises(ValueError, match=r"malformed|backslash"):
        match_label(pattern, "a")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("reg.io:*", "'*' is not a port"),
        ("reg .io", "a host cannot have ' '"),
        ("reg\\.io", "a host cannot have"),
        ("reg[^0-9].io", "a host cannot have '^'"),
        ("reg.io/%zz", "an invalid escape"),
        ("reg.io/%4", "an invalid escape"),
        ("reg%2eio", "an invalid escape"),
        ("reg.io\n", "a control character"),
    ],
)
def test_a_text_that_is_no_url_is_refused(text: str, why: str) -> None:
    """What Go's url.Parse refuses keeps the kubelet from starting."""
    with pytest.raises(ValueError) as error:
        Address.parse(text)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("reg.io", (("reg", "io"), "", "")),
        ("reg.io:5000/a/b", (("reg", "io"), "5000", "/a/b")),
        ("user@reg.io/a", (("reg", "io"), "", "/a")),
        ("reg.io/a%20b?x#y", (("reg", "io"), "", "/a b")),
        ("reg.io?x", (("reg", "io"), "", "")),
        ("reg.io:", (("reg", "io"), "", "")),
        ("r[0-9].io:1", (("r[0-9]", "io:1"), "", "")),
    ],
)
def test_a_text_is_split_as_go_splits_a_url(
    text: str, address: tuple[tuple[str, ...], str, str]
) -> None:
    """The host, the port and the path are those of https://<text>; brackets hide a port."""
    found = Address.parse(text)
    assert (found.labels, found.port, found.path) == address
