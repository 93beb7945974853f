"""Facts about edits of config.toml: they change what they should, and nothing else."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_credential_ecrpy import HOMEPAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings import editor, loader, rules
from docker_credential_ecrpy.settings.editor import choose, forget, set_fallback
from docker_credential_ecrpy.settings.rule_parser import GLOBS_COMPARED
from docker_credential_ecrpy.settings.toml_document import TomlDocument

ACCOUNT = "123456789012"
OTHER = "210987654321"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ELSEWHERE = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = "public.ecr.aws"
PRIVATE = "images.example.com"
FILE = "/home/me/.ecr/config.toml"


def _chosen(data: bytes, host: str) -> rules.Choice:
    found = loader.parse(TomlDocument(FILE, data, loader.TABLE))
    choice = rules.choose(host, found.rules, {})
    assert choice
    return choice


def _identity(choice: rules.Choice) -> tuple[str, str]:
    return choice.profile, choice.role.arn if choice.role else ""


def _to(text: str, host: str = HOST, *, profile: str = "dev", role_arn: str = "") -> str:
    return choose(text.encode(), FILE, host, profile=profile, role_arn=role_arn).decode()


def _without(text: str, host: str = HOST, *, account_too: bool = False) -> str:
    return forget(text.encode(), FILE, host, account_too=account_too).decode()


def _rule(match: str, *lines: str) -> str:
    return "\n".join(["[[registry]]", f'match = "{match}"', *lines, ""])


DEV = 'profile = "dev"'
PROD = 'profile = "prod"'
STANDS_FOR = f'registry = "{HOST}"'


class Edit(NamedTuple):
    """A file, an edit, and the expected file."""

    before: str
    edit: Callable[[str], str]
    after: str


CHOICES = {
    "no file": Edit("", _to, _rule(ACCOUNT, DEV)),
    "a role": Edit(
        "",
        lambda text: _to(text, profile="base", role_arn=ROLE),
        _rule(ACCOUNT, 'profile = "base"', f'role_arn = "{ROLE}"'),
    ),
    "ECR Public": Edit("", lambda text: _to(text, PUBLIC), _rule(PUBLIC, DEV)),
    "an address with a scheme, a port and a path": Edit(
        "", lambda text: _to(text, f"https://{PUBLIC.upper()}:443/v2/"), _rule(PUBLIC, DEV)
    ),
    "a profile with quotes and backslashes": Edit(
        "",
        lambda text: _to(text, profile='a "b" \\c \u00e9'),
        _rule(ACCOUNT, 'profile = "a \\"b\\" \\\\c \u00e9"'),
    ),
    "only comments": Edit("# mine\n", _to, "# mine\n\n" + _rule(ACCOUNT, DEV)),
    "only blank lines": Edit("\n\n", _to, _rule(ACCOUNT, DEV) + "\n\n"),
    "below others": Edit(_rule(OTHER, PROD), _to, _rule(OTHER, PROD) + "\n" + _rule(ACCOUNT, DEV)),
    "no line end at the end": Edit(
        f"{_rule(OTHER, PROD)}# end",
        _to,
        f"{_rule(OTHER, PROD)}# end\n\n{_rule(ACCOUNT, DEV)[:-1]}",
    ),
    "blank lines at the end": Edit(
        _rule(OTHER, PROD) + "\n\n", _to, _rule(OTHER, PROD) + "\n" + _rule(ACCOUNT, DEV) + "\n\n"
    ),
    "Windows": Edit(
        '# mine\r\nfallback = "pass"\r\n',
        _to,
        '# mine\r\nfallback = "pass"\r\n\r\n' + _rule(ACCOUNT, DEV).replace("\n", "\r\n"),
    ),
    "a byte order mark": Edit("\ufeff", _to, "\ufeff" + _rule(ACCOUNT, DEV)),
    "the account has another": Edit(
        _rule(ACCOUNT, PROD), _to, _rule(HOST, DEV) + "\n" + _rule(ACCOUNT, PROD)
    ),
    "the account has it": Edit(_rule(ACCOUNT, DEV), _to, _rule(ACCOUNT, DEV)),
    "a glob has it, with more": Edit(
        _rule("*", DEV, 'region = "eu-west-1"'), _to, _rule("*", DEV, 'region = "eu-west-1"')
    ),
    "above the comment of a glob": Edit(
        f"# mine\n\n# all\n  # others\n{_rule('*', PROD)}",
        _to,
        f"# mine\n\n{_rule(HOST, DEV)}\n# all\n  # others\n{_rule('*', PROD)}",
    ),
    "where there are no blank lines": Edit(
        f'fallback = "pass"\n# all\n{_rule("*", PROD)}',
        _to,
        f'fallback = "pass"\n\n{_rule(HOST, DEV)}# all\n{_rule("*", PROD)}',
    ),
    "below a text that ends like a comment": Edit(
        f'{_rule(OTHER)}profile = """\\\n\n# x"""\n{_rule("*", PROD)}',
        _to,
        f'{_rule(OTHER)}profile = """\\\n\n# x"""\n\n{_rule(HOST, DEV)}{_rule("*", PROD)}',
    ),
    "where a glob asks": Edit(
        _rule("*", PROD, 'region = "eu-west-1"', 'endpoint_url = "https://a.test/"'),
        _to,
        _rule(HOST, DEV, 'endpoint_url = "https://a.test/"', 'region = "eu-west-1"')
        + "\n"
        + _rule("*", PROD, 'region = "eu-west-1"', 'endpoint_url = "https://a.test/"'),
    ),
    "a role's options belong to the role": Edit(
        _rule("*", f'role_arn = "{ROLE}"', 'external_id = "x-1"', "duration = 900"),
        lambda text: _to(text, role_arn=ROLE),
        _rule(HOST, DEV, f'role_arn = "{ROLE}"', 'external_id = "x-1"', "duration = 900")
        + "\n"
        + _rule("*", f'role_arn = "{ROLE}"', 'external_id = "x-1"', "duration = 900"),
    ),
    "and to no other": Edit(
        _rule("*", f'role_arn = "{ROLE}"', 'external_id = "x-1"'),
        lambda text: _to(text, profile="", role_arn=ROLE + "2"),
        _rule(HOST, f'role_arn = "{ROLE}2"')
        + "\n"
        + _rule("*", f'role_arn = "{ROLE}"', 'external_id = "x-1"'),
    ),
    "a private name": Edit(
        _rule("*.example.com", STANDS_FOR, PROD),
        lambda text: _to(text, PRIVATE),
        _rule(PRIVATE, DEV, STANDS_FOR) + "\n" + _rule("*.example.com", STANDS_FOR, PROD),
    ),
    "a private name's own rule": Edit(
        _rule(PRIVATE, STANDS_FOR, PROD),
        lambda text: _to(text, PRIVATE),
        _rule(PRIVATE, STANDS_FOR, DEV),
    ),
    "the host's own rule": Edit(
        f"# a\n[[registry]] # b\n  match = '{HOST.upper()}' # c\n  'profile'='prod' # d\n# e",
        _to,
        f"# a\n[[registry]] # b\n  match = '{HOST.upper()}' # c\n  'profile'=\"dev\" # d\n# e",
    ),
    "the host's own rule has none": Edit(
        f'[[registry]]\r\n  match = "{HOST}" # c\r\n  region = "eu-west-1"',
        lambda text: _to(text, role_arn=ROLE),
        f'[[registry]]\r\n  match = "{HOST}" # c\r\n  profile = "dev"\r\n'
        f'  role_arn = "{ROLE}"\r\n  region = "eu-west-1"',
    ),
    "the host's own rule at the end": Edit(_rule(HOST)[:-1], _to, _rule(HOST, DEV)[:-1]),
    "a role in a profile's place": Edit(
        _rule(HOST, 'profile = """\\\n  prod"""  # d')[:-1],
        lambda text: _to(text, profile="", role_arn=ROLE),
        _rule(HOST, f'role_arn = "{ROLE}"')[:-1],
    ),
    "a profile in a role's place": Edit(
        _rule(HOST, 'external_id = "x-1"', f'role_arn = "{ROLE}"', "# d", "duration = 900"),
        _to,
        _rule(HOST, DEV, "# d"),
    ),
    "another profile for a role": Edit(
        _rule(HOST, 'external_id = "x-1"', f'role_arn = "{ROLE}"'),
        lambda text: _to(text, role_arn=ROLE),
        _rule(HOST, DEV, 'external_id = "x-1"', f'role_arn = "{ROLE}"'),
    ),
    "a list in brackets has it": Edit(
        f'registry = [{{match = "*", {DEV}}}]', _to, f'registry = [{{match = "*", {DEV}}}]'
    ),
}


@pytest.mark.parametrize(("before", "edit", "after"), CHOICES.values(), ids=CHOICES)
def test_a_choice(before: str, edit: Callable[[str], str], after: str) -> None:
    """The rule is written where it takes effect, in a user's style; a second edit is a no-op."""
    assert edit(before) == after
    assert edit(after) == after


FORGOTTEN = {
    "no file": Edit("", _without, ""),
    "another's": Edit(_rule(OTHER, PROD), _without, _rule(OTHER, PROD)),
    "no host": Edit(_rule("*"), lambda text: _without(text, "a b"), _rule("*")),
    "the account's stays": Edit(_rule(ACCOUNT, PROD), _without, _rule(ACCOUNT, PROD)),
    "the account's too": Edit(
        _rule(HOST, DEV) + "\n" + _rule(ACCOUNT, PROD) + "\n# end\n",
        lambda text: _without(text, account_too=True),
        "# end\n",
    ),
    "a list in brackets without it": Edit("registry = []", _without, "registry = []"),
    "its comments": Edit(
        f"# mine\n\n# a\n{_rule(HOST, '# b', DEV, '# c')}\n# d\n{_rule('*')}",
        _without,
        f"# mine\n\n# d\n{_rule('*')}",
    ),
    "not its neighbours' comments": Edit(
        f"{_rule(OTHER)}# a\n\n{_rule(HOST)}# b\n{_rule('*')}",
        _without,
        f"{_rule(OTHER)}# a\n\n# b\n{_rule('*')}",
    ),
    "the more of the blank lines stay": Edit(
        f"{_rule(OTHER)}\n{_rule(HOST)}\n \n\n{_rule('*')}",
        _without,
        f"{_rule(OTHER)}\n \n\n{_rule('*')}",
    ),
    "none stay at the end": Edit(f"{_rule(OTHER)}\n\n{_rule(HOST)}", _without, _rule(OTHER)),
    "none stay at the beginning": Edit(f"{_rule(HOST)}\n\n{_rule('*')}", _without, _rule("*")),
    "a private name": Edit(
        _rule(PRIVATE, STANDS_FOR), lambda text: _without(text, PRIVATE, account_too=True), ""
    ),
}


@pytest.mark.parametrize(("before", "edit", "after"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_is_forgotten(before: str, edit: Callable[[str], str], after: str) -> None:
    """A rule is removed with its comments, and leaves no gap."""
    assert edit(before) == after
    assert edit(after) == after


def _fallback(name: str) -> Callable[[str], str]:
    return lambda text: set_fallback(text.encode(), FILE, name).decode()


FALLBACKS = {
    "no file": Edit("", _fallback("pass"), 'fallback = "pass"\n'),
    "none in no file": Edit("", _fallback(""), ""),
    "only comments": Edit("# mine", _fallback("pass"), '# mine\n\nfallback = "pass"'),
    "above all rules": Edit(
        f"# mine\r\n\r\n# a\r\n{_rule('*')}",
        _fallback("pass"),
        f'# mine\r\n\r\nfallback = "pass"\r\n\r\n# a\r\n{_rule("*")}',
    ),
    "above a list in brackets": Edit(
        "registry = []", _fallback("pass"), 'fallback = "pass"\n\nregistry = []'
    ),
    "in its place": Edit(
        "\ufeff 'fallback'='a' # b\n", _fallback("pass"), "\ufeff 'fallback'=\"pass\" # b\n"
    ),
    "as it is": Edit("fallback='pass'", _fallback("pass"), "fallback='pass'"),
    "none": Edit(
        f'# mine\nfallback = "a" # b\n\n{_rule("*")}', _fallback(""), f"# mine\n\n{_rule('*')}"
    ),
}


@pytest.mark.parametrize(("before", "edit", "after"), FALLBACKS.values(), ids=FALLBACKS)
def test_a_fallback(before: str, edit: Callable[[str], str], after: str) -> None:
    """The fallback is written above all rules; a second edit changes nothing."""
    assert edit(before) == after
    assert edit(after) == after


INLINE = f'# mine\nregistry = [{{match = "{HOST}", {PROD}}}]\n'
# The last rule is never reached, which is not noticed below so many globs.
FAR_BELOW = (
    "".join(_rule(f"*.dkr.ecr.eu-west-{number}.*") for number in range(GLOBS_COMPARED))
    + _rule("*.us-east-1.*")
    + _rule(HOST)
)
# text, what to do to it, what is wrong, what to do about it
REFUSALS: dict[str, tuple[str, Callable[[str], str], str, str]] = {
    "no ECR registry": (
        _rule("*"),
        lambda text: _to(text, "docker.io"),
        "docker.io is not an ECR registry",
        "registry =",
    ),
    "no host": ("", lambda text: _to(text, "a b"), "a b is not an ECR registry", "registry ="),
    "no identity": ("", lambda text: _to(text, profile=""), "neither", "name one"),
    "a profile of blanks": ("", lambda text: _to(text, profile=" "), '"" is not the name', "write"),
    "a profile of two lines": (
        "",
        lambda text: _to(text, profile="a\nmatch = 1"),
        "is not the name of a profile",
        "write",
    ),
    "a profile that is no text": (
        "",
        lambda text: _to(text, profile="\udcff"),
        "is not the name of a profile",
        "write",
    ),
    "no role": ("", lambda text: _to(text, role_arn="puller"), '"puller" is not', ":role/puller"),
    "not sound": ("\nregistry = 1", _to, f"{FILE}:2: registry is not a list", "[[registry]]"),
    "not sound to forget": ("x = 1", _without, f'{FILE}:1: unknown key "x"', "the keys are"),
    "not sound for a fallback": ("x", _fallback("pass"), f"{FILE}:1: this is not TOML", "key"),
    "a list in brackets": (
        f'registry = [{{match = "*", {PROD}}}]',
        _to,
        f"{FILE}:1: registry is a list in brackets",
        f'above all rules that match it: {{match = "{HOST}", {DEV}}}',
    ),
    "an empty list in brackets": (
        "registry = []",
        _to,
        f"{FILE}:1: registry is a list in brackets",
        f'{{match = "{ACCOUNT}", {DEV}}}',
    ),
    "the host's own rule in brackets": (INLINE, _to, f"{FILE}:2: ", f'{{match = "{HOST}", {DEV}}}'),
    "a rule in brackets to forget": (INLINE, _without, f"{FILE}:2: ", "remove the rule with match"),
    "a rule of this host far below": (
        FAR_BELOW,
        _to,
        f"{FILE} cannot be edited safely: then {FILE}:{FAR_BELOW.count(chr(10)) + 4}: match",
        f'write this by hand, above all rules that match it: [[registry]], match = "{HOST}", {DEV}',
    ),
    "too large": (
        "#" * (loader.MAX_SIZE - 9),
        _to,
        f"{FILE} cannot be edited safely: it would be larger than 256 KiB",
        "by hand",
    ),
    "a fallback that is none": ("", _fallback("a b"), '"a b" is not a credential helper', "write"),
    "a fallback of two lines": ("", _fallback('a"\nb'), "is not a credential helper", "write"),
    "a fallback that is no text": ("", _fallback("\udcff"), "is not a credential", "write"),
}


@pytest.mark.parametrize(("text", "edit", "wrong", "cure"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused(text: str, edit: Callable[[str], str], wrong: str, cure: str) -> None:
    """The error says what is wrong and what to write, in one line."""
    with pytest.raises(HelperError) as caught:
        edit(text)
    message, hint = caught.value.message, caught.value.hint or ""

    assert wrong in message
    assert cure in hint
    assert "\n" not in message + hint


def test_an_account_and_then_one_host_of_it() -> None:
    """The first choice is for the whole account; the next one is for its host alone."""
    first = choose(b"", FILE, HOST, profile="dev", role_arn="")
    second = choose(first, FILE, ELSEWHERE, profile="prod", role_arn="")

    assert _identity(_chosen(first, ELSEWHERE)) == ("dev", "")
    assert _identity(_chosen(second, ELSEWHERE)) == ("prod", "")
    assert _identity(_chosen(second, HOST)) == ("dev", "")
    assert forget(second, FILE, ELSEWHERE, account_too=True) == b""


# In this order each of them is reached, whichever are left out.
RULES = (
    (HOST, ""),
    (f"{ACCOUNT}.dkr.ecr.eu-*", 'region = "eu-west-2"'),
    (PRIVATE, STANDS_FOR),
    (ACCOUNT, ""),
    (OTHER, 'endpoint_url = "https://a.test"'),
    ("*.example.com", STANDS_FOR),
    (PUBLIC, ""),
    ("*.dkr.ecr.eu-*.amazonaws.com", ""),
    ("*", ""),
)
IDENTITIES = (
    "",
    'profile = "auto"',
    "profile = '''\ndev''' # \"",
    f'role_arn = "{ROLE}"\n# its own\n\nexternal_id = "x-1"',
    f'{PROD}\n  role_arn="{ROLE}"',
    'profile = """\\\n\n# x"""',
)
HOSTS = st.sampled_from((HOST, ELSEWHERE, f"{OTHER}.dkr-ecr.us-east-1.on.aws", PUBLIC, PRIVATE))
PROFILES = st.sampled_from(("", "dev", "auto", 'a "b"', "\\", "\u00e9 #"))
ROLES = st.sampled_from(("", ROLE, f"arn:aws:iam::{OTHER}:role/x/y"))
GAPS = st.text("\n ", max_size=3).map(lambda gap: gap + "\n" * gap.endswith(" "))
COMMENTS = st.sampled_from(("", "", "# a\n", "  # [[registry]]\n# b\n", "#\n\n# c\n"))


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Return valid settings of any form."""
    text = draw(COMMENTS) + draw(GAPS)
    if draw(st.booleans()):
        text += draw(COMMENTS) + 'fallback = "pass"  # d\n'
    for match, line in RULES:
        if draw(st.integers(0, 2)):
            continue
        lines = ["[[registry]]", f"match = '{match}'", line, draw(st.sampled_from(IDENTITIES))]
        table = "\n".join(filter(None, lines)) + "\n"
        text += draw(GAPS) + draw(COMMENTS) + table + draw(COMMENTS)
    text += draw(GAPS)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return ("\ufeff" * draw(st.booleans()) + text).encode()


def _rules(data: bytes) -> list[dict[str, object]]:
    tables: list[dict[str, object]] = TomlDocument(FILE, data, "registry").parsed.get(
        "registry", []
    )
    return tables


@given(files(), HOSTS, PROFILES, ROLES)
def test_a_choice_changes_no_other(data: bytes, host: str, profile: str, role_arn: str) -> None:
    """The host gets the identity and keeps its endpoint; every other rule is unchanged."""
    try:
        after = choose(data, FILE, host, profile=profile, role_arn=role_arn)
    except HelperError:
        assert host == PRIVATE or not (profile or role_arn)
        return
    chosen = _chosen(after, host)
    old = rules.choose(host, loader.parse(TomlDocument(FILE, data, "registry")).rules, {})
    before, now = _rules(data), _rules(after)
    changed = [rule for rule in now if rule not in before]

    assert old
    assert _identity(chosen) == (profile, role_arn)
    assert chosen.endpoint_url == old.endpoint_url
    assert (chosen.registry.host, chosen.registry.region) == (
        old.registry.host,
        old.registry.region,
    )
    assert len(changed) <= 1
    left = [rule for rule in before if rule in now]
    assert [rule for rule in now if rule not in changed] == left
    assert all(rule["match"] == host for rule in before if rule not in now)
    assert choose(after, FILE, host, profile=profile, role_arn=role_arn) == after


@given(files(), HOSTS, PROFILES)
@example(b"", HOST, "dev")
@example(b"\n\n  ", HOST, "dev")
@example(b"# only\r\n# comments", HOST, "dev")
def test_a_choice_is_forgotten_without_a_trace(data: bytes, host: str, profile: str) -> None:
    """A rule that is inserted and removed leaves every byte unchanged."""
    try:
        after = choose(data, FILE, host, profile=profile, role_arn="")
    except HelperError:
        return
    if len(_rules(after)) == len(_rules(data)):
        return  # the host had a rule of its own, or this identity already
    account_too = _chosen(data, host).rule is None

    assert forget(after, FILE, host, account_too=account_too) == data


@given(files(), st.sampled_from(["pass", "secretservice", "a.b"]))
def test_a_fallback_is_removed_without_a_trace(data: bytes, name: str) -> None:
    """The rules are unchanged, and so is the file once the fallback is removed."""
    none = set_fallback(data, FILE, "")
    after = set_fallback(none, FILE, name)
    found = loader.parse(TomlDocument(FILE, after, "registry"))

    assert found.fallback is not None
    assert found.fallback.text == name
    assert _rules(after) == _rules(data)
    assert set_fallback(after, FILE, name) == after
    assert set_fallback(after, FILE, "") == none


@given(files(), HOSTS)
def test_forgetting_removes_no_other_rule(data: bytes, host: str) -> None:
    """Only the host's own rule is removed."""
    after = forget(data, FILE, host, account_too=False)

    assert _rules(after) == [rule for rule in _rules(data) if rule["match"] != host]
    assert forget(after, FILE, host, account_too=False) == after


@given(files(), HOSTS)
def test_line_ends_make_no_difference(data: bytes, host: str) -> None:
    """A file with CRLF line ends gets the same edit as one with LF."""
    if host == PRIVATE or not data.strip(b"\xef\xbb\xbf \r"):
        return  # a private name may have no rule, and a file without lines no line ends
    unix = data.replace(b"\r\n", b"\n")
    windows = unix.replace(b"\n", b"\r\n")
    expected = choose(unix, FILE, host, profile="dev", role_arn="")
    found = choose(windows, FILE, host, profile="dev", role_arn="")

    assert found.replace(b"\r\n", b"\n") == expected
    if b"\n" in unix:
        assert found.count(b"\r\n") == found.count(b"\n")


def test_two_thousand_rules() -> None:
    """The largest file is edited in time, wherever the rule is."""
    text = "\n".join(_rule(f"{number:012}", 'profile = "p"') for number in range(2000)).encode()
    host = "{:012}.dkr.ecr.us-east-1.amazonaws.com".format
    after = text
    for number in (1, 1000, 1999, 5000):
        after = choose(after, FILE, host(number), profile="dev", role_arn="")

    assert len(_rules(after)) == 2004
    for number in (1, 1000, 1999, 5000):
        after = forget(after, FILE, host(number), account_too=number == 5000)
    assert after == text


def test_the_schema_line() -> None:
    """A new file begins with it; the file that has nothing else left is emptied."""
    made = editor.add_schema(_rule(ACCOUNT, DEV).encode())

    assert made.decode() == f"#:schema {editor.SCHEMA_URL}\n\n{_rule(ACCOUNT, DEV)}"
    assert editor.SCHEMA_URL.startswith(HOMEPAGE.replace("github.com", "raw.githubusercontent.com"))
    assert _chosen(made, HOST).profile == "dev"
    assert editor.drop_schema(forget(made, "x", HOST, account_too=True)) == b""
    assert editor.drop_schema(made) == made
