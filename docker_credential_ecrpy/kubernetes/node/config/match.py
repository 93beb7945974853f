"""The kubelet's rule for `matchImages`: which pattern matches which image.

Equal ports, the same number of labels in the host, Go's `filepath.Match` for each label, and the
pattern's path as a plain prefix of the image's (`URLsMatch` in Kubernetes' pkg/credentialprovider).
The documentation says that a pattern without a port matches any port; the code compares them.
"""

from urllib.parse import unquote

from docker_credential_ecrpy.hot.values import dataclass

# What Go's url.Parse accepts in a host, beside letters, digits and bytes that are not ASCII.
_HOST_SIGNS = frozenset("-_.~!$&'()*+,;=:[]<>\"%")
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True)
class Address:
    """A pattern or an image, as the kubelet splits it. port: "" for none; path: with its slash."""

    labels: tuple[str, ...]
    port: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Split a text as Go parses https://<text>. Raises ValueError if that is no URL."""
        if any(c < " " or c == "\x7f" for c in text):
            msg = "it has a control character"
            raise ValueError(msg)
        rest = text.partition("#")[0].partition("?")[0]
        authority, slash, path = rest.partition("/")
        host = authority.rpartition("@")[2]
        for sign in host:
            if not (sign.isalnum() or sign in _HOST_SIGNS or sign > "\x7f"):
                msg = f"a host cannot have {sign!r}"
                raise ValueError(msg)
        name, colon, port = host.rpartition(":")
        if colon and "[" not in host and not (port.isascii() and port.isdigit()) and port:
            msg = f"{port!r} is not a port: ports have no wildcards"
            raise ValueError(msg)
        if "%" in host or any(
            len(two := path[at + 1 : at + 3]) < 2 or not _HEX.issuperset(two)  # noqa: PLR2004 - digits
            for at, sign in enumerate(path)
            if sign == "%"
        ):
            msg = "it has an invalid escape"
            raise ValueError(msg)
        if not colon or "[" in host or "]" in host or ":" in name:
            name, port = host, ""  # Go's net.SplitHostPort refuses these, and all of it is the name
        return cls(tuple(name.split(".")), port, unquote(slash + path))


def find_mismatch(pattern: str, image: str) -> str:
    """Return why the kubelet does not match an image with a pattern, or "" where it does.

    image: host[:port]/repository, without tag and digest. Raises ValueError where either is no URL,
    or the pattern has a malformed label: the kubelet then matches nothing.
    """
    glob, target = Address.parse(pattern), Address.parse(image)
    if glob.port != target.port:
        has, wants = (f"port {at.port}" if at.port else "no port" for at in (target, glob))
        return f"the image has {has}, and the pattern has {wants}"
    if len(glob.labels) != len(target.labels):
        return f"the host has {len(target.labels)} labels, and the pattern {len(glob.labels)}"
    if not target.path.startswith(glob.path):
        return f"the path {target.path or '(none)'} does not begin with {glob.path}"
    for wanted, label in zip(glob.labels, target.labels, strict=True):
        if not match_label(wanted, label):
            return f"{label!r} is not {wanted!r}"
    return ""


def match_label(pattern: str, text: str) -> bool:
    """Whether Go's filepath.Match matches a text: `*`, `?`, [a-z], [^a-z] and backslashes.

    The kubelet runs on Unix, and a label has no slash. Raises ValueError for a malformed pattern,
    as far as the text needs it.
    """
    # Position of the pattern -> positions of the text that are reached by it.
    reached = {0}
    at = 0
    while at < len(pattern) and reached:
        sign = pattern[at]
        if sign == "*":
            reached = set(range(min(reached), len(text) + 1))
            at += 1
            continue
        chosen, at = _parse_one(pattern, at)
        reached = {here + 1 for here in reached if here < len(text) and chosen(text[here])}
    return len(text) in reached


class _One:
    """What matches one character: spans of characters, or all others than those."""

    def __init__(self, spans: list[tuple[str, str]], *, others: bool = False) -> None:
        self._spans, self._others = spans, others

    def __call__(self, sign: str) -> bool:
        return any(first <= sign <= last for first, last in self._spans) != self._others


def _parse_one(pattern: str, at: int) -> tuple[_One, int]:
    """Return what the pattern has at a position for one character, and the position after it."""
    if pattern[at] == "?":
        return _One([], others=True), at + 1
    if pattern[at] != "[":
        sign, at = _parse_sign(pattern, at)
        return _One([(sign, sign)]), at
    at += 1
    others = pattern[at : at + 1] == "^"
    at += others
    spans: list[tuple[str, str]] = []
    while not (spans and pattern[at : at + 1] == "]"):
        if pattern[at : at + 1] in ("", "-", "]"):
            msg = f"{pattern!r} has a malformed [...]"
            raise ValueError(msg)
        first, at = _parse_sign(pattern, at)
        last = first
        if pattern[at : at + 1] == "-":
            if pattern[at + 1 : at + 2] in ("", "-", "]"):
                msg = f"{pattern!r} has a malformed [...]"
                raise ValueError(msg)
            last, at = _parse_sign(pattern, at + 1)
        spans.append((first, last))
    return _One(spans, others=others), at + 1


def _parse_sign(pattern: str, at: int) -> tuple[str, int]:
    """Return a literal character, which a backslash may escape, and the position after it."""
    if pattern[at] != "\\":
        return pattern[at], at + 1
    if at + 1 == len(pattern):
        msg = f"{pattern!r} ends with a backslash"
        raise ValueError(msg)
    return pattern[at + 1], at + 2
