"""The rule table chooses as the rules do, and is used only for the settings that it was made of."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper import rule_compiler, rule_table
from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.hot.paths import ELSEWHERE
from docker_credential_ecrpy.settings import loader, rule_parser, rules
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Place, SettingText
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.folder import MARKER
from tests.world.entries import NOW

ACCOUNTS = ("123456789012", "123456789013", "999999999999")
HOSTS = [
    *(f"{account}.dkr.ecr.us-east-1.amazonaws.com" for account in ACCOUNTS),
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    "999999999999.dkr-ecr.eu-central-1.on.aws",
    "123456789012.dkr-ecr-fips.us-east-2.on.aws",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
    "public.ecr.aws",
    "ecr-public.aws.com",
    "images.example.com",
    "a.b.example.com",
    "example.com",
    "ghcr.io",
]
ROLE = "arn:aws:iam::123456789012:role/puller"
URLS = ["", "\0", "[::1]:5000", "https://", "x" * 300, *HOSTS]
SPELLINGS: list[Callable[[str], str]] = [
    lambda host: host,
    lambda host: f"https://{host}:443/v2/app",
    lambda host: f"user@{host}.",
    str.upper,
]


@st.composite
def _globs(draw: st.DrawFn) -> str:
    """A host, with some of its characters replaced by wildcards, or an account."""
    host = draw(st.sampled_from([*HOSTS, *ACCOUNTS]))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(host)))
        end = draw(st.integers(start, len(host)))
        mark = draw(st.sampled_from(["*", "?", "[0-9]", "[!a-f]", "[.-]", "[eu]", "[*]", "?*", ""]))
        host = host[:start] + mark + host[end:]
    return host


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "C"]), min_size=1, max_size=6
)
TABLES = st.fixed_dictionaries(
    {"match": _globs()},
    optional={
        "profile": st.one_of(NAMES, st.sampled_from(["auto", "a b", "it's", '"', "\\n"])),
        "role_arn": st.just(ROLE),
        "external_id": st.sampled_from(["x-1", "partner:7"]),
        "role_session_name": st.just("me@example.com"),
        "duration": st.sampled_from([900, 43200]),
        "registry": st.sampled_from([*HOSTS[:9], HOSTS[3].upper()]),
        "endpoint_url": st.sampled_from(["https://vpce-1.example.com/", "http://e:80/x"]),
        "region": st.sampled_from(["eu-west-3", "x"]),
    },
)


def _settings(tables: list[dict[str, object]], *, fallback: bool = False) -> Settings:
    """Return the valid ones of tables as rules."""
    source, found = TomlDocument("f", b"", loader.TABLE), []
    for number, table in enumerate(tables):
        try:
            found.append(rule_parser.read(source, number, table))
        except HelperError:
            pass
    name = SettingText("pass", Place("f")) if fallback else None
    return Settings("f", "1.2.3", tuple(found), name)


def _of(text: str) -> Settings:
    return loader.parse(TomlDocument("f", text.encode(), loader.TABLE), "1.2.3")


def _describe(choice: rules.Choice | rule_table.TableChoice | None) -> object:
    if choice is None:
        return None
    at = choice.registry
    line = choice.identity
    if isinstance(choice, rules.Choice):
        line = None if choice.profile == rules.AUTO else choice.identity("line")
    elif isinstance(line, str):
        line = f"line{line}"
    fields = [getattr(at, name) for name in registry.Registry.__slots__]
    return fields, at.endpoint, choice.is_ecr_host, line


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[dict[str, object]], str]:
    """Some rules, and an address that is often for one of them."""
    tables = draw(st.lists(TABLES, max_size=6))
    host = draw(st.sampled_from([*URLS, *(str(table["match"]) for table in tables)]))
    for wildcard in (r"\[[^\]]*\]", r"\*", r"\?"):
        host = re.sub(wildcard, draw(st.sampled_from(["0", "e", ".", "-", "us-east-1", ""])), host)
    return tables, draw(st.sampled_from(SPELLINGS))(host)


@settings(max_examples=1000)
@given(_cases(), st.booleans())
def test_it_chooses_as_the_rules_do(
    case: tuple[list[dict[str, object]], str], fallback: bool
) -> None:
    """The same registry, endpoint, identity and kind of host, for any rules and any address."""
    tables, url = case
    found = _settings(tables, fallback=fallback)
    table = rule_table.RuleTable(rule_compiler.compile_rules(found))

    assert _describe(table.choose(url)) == _describe(rules.choose(url, found.rules, {}))
    assert table.has_fallback == fallback


ANY, OWN = "*", "*.example.com"
US, PUBLIC = HOSTS[0], HOSTS[8]


@pytest.mark.parametrize(
    ("tables", "host"),
    [
        ([{"match": ANY}, {"match": OWN, "registry": US}], "a.example.com"),
        ([{"match": "*.amazonaws.com", "registry": PUBLIC}, {"match": ANY, "region": "x"}], US),
        ([{"match": "public.*", "region": "x"}], PUBLIC),
        ([{"match": OWN, "registry": PUBLIC, "region": "x"}], "a.example.com"),
        ([{"match": "1*", "profile": "a"}, {"match": "12*", "profile": "b"}], US),
        ([{"match": "12*", "profile": "a"}, {"match": "1*", "profile": "b"}], US),
        ([{"match": f"{US}*", "profile": "a"}, {"match": f"*{US}", "profile": "b"}], US),
        (
            [
                {"match": "1*.on.aws"},
                {"match": "12*", "profile": "a"},
                {"match": "1*.com", "profile": "b"},
            ],
            US,
        ),
        ([{"match": "*.amazonaws.com", "profile": "a"}], HOSTS[7]),
        ([{"match": "a.example.com", "registry": US}], "a.example.co"),
        ([{"match": "*z.example.com", "registry": US}], "a.example.com"),
        ([{"match": "*a*b.example.com", "registry": US}], "aab.example.com"),
        ([{"match": "*a.example.com", "registry": US}], "a.example.com"),
        ([{"match": "?a*a.example.com", "registry": US}], "ba.example.com"),
        ([{"match": "*.example.com", "registry": US, "profile": "auto"}], "example.com"),
    ],
)
def test_rules_of_which_one_counts(tables: list[dict[str, object]], host: str) -> None:
    """The first one for this kind of host, and its pattern to the last character."""
    found = _settings(tables)
    assert len(found.rules) == len(tables)
    table = rule_table.RuleTable(rule_compiler.compile_rules(found))

    assert _describe(table.choose(host)) == _describe(rules.choose(host, found.rules, {}))


@given(st.lists(TABLES, min_size=1, max_size=6), st.sampled_from(URLS))
def test_a_table_without_choices_knows_the_registries(
    tables: list[dict[str, object]], url: str
) -> None:
    """It differs in the identity alone, which it has for no rule."""
    loaded = _settings(tables)
    text = rule_compiler.compile_rules(loaded, with_choices=False)
    found = rule_table.RuleTable(text).choose(url)
    choice = rules.choose(url, loaded.rules, {})

    assert (found is None) == (choice is None)
    if found and choice:
        assert found.registry.endpoint == choice.registry.endpoint
        assert found.identity == (None if choice.rule else "")


def test_any_number_of_sets() -> None:
    """A hundred different sets have a letter each."""
    tables: list[dict[str, object]] = [
        {
            "match": f"12345678901[{number % 10}{number // 10}x]*.amazonaws.com",
            "profile": f"p{number}",
        }
        for number in range(100)
    ]
    loaded = _settings(tables)
    table = rule_table.RuleTable(rule_compiler.compile_rules(loaded))
    assert len(loaded.rules) == 100
    for digit in range(10):
        url = f"12345678901{digit}.dkr.ecr.us-east-1.amazonaws.com"
        assert _describe(table.choose(url)) == _describe(rules.choose(url, loaded.rules, {}))


COMPILED = f"""\
fallback=1
21 0 18
A=-.0123456789abcdefghijklmnopqrstuvwxyz B=ew
123456789012.dkr.ecr.\tA*.amazonaws.com\t\teu-west-3\t profile="it's"
\tBA.example.com\tpublic.ecr.aws\t\t endpoint='https://vpce-1.example.com'
\t*.example.com\t{US}\t\t?
images.example.org\t\t{US}\t\t
"""


def test_the_whole_table() -> None:
    """Byte by byte: runs of one version write it and read it."""
    loaded = _settings(
        [
            {
                "match": "123456789012.dkr.ecr.?*.amazonaws.com",
                "profile": "it's",
                "region": "eu-west-3",
            },
            {
                "match": "[ew]?.example.com",
                "registry": PUBLIC,
                "endpoint_url": "https://vpce-1.example.com/",
            },
            {"match": "*.example.com", "registry": US, "profile": "auto"},
            {"match": "images.example.org", "registry": US},
        ],
        fallback=True,
    )

    assert rule_compiler.compile_rules(loaded) == COMPILED
    lines = rule_compiler.compile_rules(loaded, with_choices=False).splitlines()[3:]
    assert [line.rpartition("\t")[2] for line in lines] == ["?"] * 4
    assert rule_compiler.compile_rules(_settings([])) == "fallback=0\n\n\n"


def test_the_letters_of_sets() -> None:
    """The capitals, and then characters that no host has."""
    sets = [f"a{chr(ord('b') + number)}" for number in range(25)] + [f"0{n}" for n in range(1, 5)]
    loaded = _settings([{"match": f"[{one}].example.com", "registry": US} for one in sets])
    found = [one.split("=") for one in rule_compiler.compile_rules(loaded).split("\n")[2].split()]
    letters = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\U0001001a", "\U0001001b", "\U0001001c"]

    assert found == [[letter, one] for letter, one in zip(letters, sets, strict=True)]


def test_its_place() -> None:
    """One file for each path of the settings; the subject has their stamp and the version."""
    path, subject = rule_table.place("/cache", PART)
    name = f"rules@config.toml~{cache.fingerprint(PART.rpartition(':')[0])}"

    assert path == os.path.join("/cache", ELSEWHERE, name)
    assert subject == f"rules@config.toml {__version__} {PART}"


@pytest.mark.parametrize("text", ["", "x", "fallback=2\n\n\n", "fallback=0\n\n"])
def test_another_text_is_no_table(text: str) -> None:
    """It is an error, not a table without rules."""
    says = "this is not a rule table" if "2" in text else "unpack"
    with pytest.raises(ValueError, match=f"^{says}$|{says} "):
        rule_table.RuleTable(text)


PART = "'/home/me/.ecr/config.toml':1.2.3"
RULE = f'[[registry]]\nmatch = "123456789012"\nrole_arn = "{ROLE}"\nexternal_id = "partner-7"\n'


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Path:
    """A cache with the table of `RULE`."""
    found = tmp_path / "cache"
    rule_compiler.write(str(found), PART, _of(RULE), NOW)
    return found


def _read(directory: Path, part: str = PART, now: int = NOW) -> rule_table.RuleTable | None:
    return rule_table.read(str(directory), part, now)


def _files(directory: Path) -> list[Path]:
    return list((directory / ELSEWHERE).glob("rules@*"))


def _file(directory: Path) -> Path:
    (found,) = _files(directory)
    return found


def test_it_is_a_private_entry_without_secrets(directory: Path) -> None:
    """Mode 0600; it names the role, and has only a digest of the external id."""
    file = _file(directory)
    table = _read(directory)
    choice = table and table.choose(HOSTS[0])

    assert choice
    assert choice.identity
    assert identity.digest("partner-7") in choice.identity
    assert ROLE in choice.identity
    assert "partner-7" not in file.read_text()
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(cache.MAGIC)


def test_the_next_settings_replace_it(directory: Path) -> None:
    """One file for each path of the settings: an edit leaves no old one behind."""
    after = PART.replace("1.2.3", "4.5.6")
    rule_compiler.write(str(directory), after, _of(""), NOW)

    assert _read(directory) is None
    assert _read(directory, after)
    assert len(_files(directory)) == 1
    rule_compiler.write(str(directory), after.replace("me", "you"), _of(""), NOW)
    assert len(_files(directory)) == 2


@pytest.mark.parametrize(
    ("part", "hours"),
    [(PART + ".4", 0), (PART.replace("me", "you"), 0), (PART, 12)],
    ids=["edited settings", "other settings", "an old one"],
)
def test_it_stands_for_no_other_settings(directory: Path, part: str, hours: int) -> None:
    """Settings with another path or stamp, and a table that expired, are checked again."""
    assert _read(directory)
    assert _read(directory, part, NOW + hours * 3600 * cache.SECOND) is None


@pytest.mark.usefixtures("same_descriptors")
def test_it_lives_for_twelve_hours(directory: Path) -> None:
    """To the nanosecond; by a clock that was set back since, for as long."""
    life = 12 * 3600 * cache.SECOND

    assert _read(directory, now=NOW + life - 1)
    assert _read(directory, now=NOW + life) is None
    assert _read(directory, now=NOW - life)


def test_it_stands_for_no_other_version(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version may have other checks."""
    monkeypatch.setattr(rule_table, "__version__", "0.0.1")

    assert _read(directory) is None


def _damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


def _link(file: Path) -> None:
    os.link(file, file.with_name("second"))


def _move(file: Path) -> None:
    file.rename(file.with_name("moved"))
    file.symlink_to("moved")


def _write_no_table(file: Path) -> None:
    _, subject = rule_table.place(str(file.parent.parent), PART)
    entry_file.write(str(file), subject, cache.Entry(NOW, NOW * 2, NOW * 2, b"no table"))


def _make_foreign(file: Path) -> None:
    (file.parent / MARKER).unlink()
    (file.parent / "notes").touch()


def _remove(file: Path) -> None:
    file.unlink()


SPOILT: dict[str, Callable[[Path], object]] = {
    "damage": _damage,
    "a second hard link": _link,
    "a symlink": _move,
    "other content": lambda file: file.write_text("x"),
    "no content": lambda file: file.write_text(""),
    "no table": _write_no_table,
    "no file": _remove,
    "a folder that others can write": lambda file: file.parent.parent.chmod(0o777),
    "a folder of the user's": _make_foreign,
}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and links are POSIX's")
@pytest.mark.parametrize("how", SPOILT)
def test_what_is_not_surely_this_programs_is_not_used(directory: Path, how: str) -> None:
    """The settings are read and checked instead."""
    assert _read(directory)
    SPOILT[how](_file(directory))

    assert _read(directory) is None


def test_a_table_that_is_too_large_has_no_choices(tmp_path: Path) -> None:
    """It still says that the settings are checked, and which registry a host is."""
    text = "".join(
        f'[[registry]]\nmatch = "{number:012}"\nrole_arn = "{ROLE}"\n' for number in range(2800)
    )
    assert len(text) < loader.MAX_SIZE
    rule_compiler.write(str(tmp_path / "cache"), PART, _of(text), NOW)
    table = _read(tmp_path / "cache")
    choice = table and table.choose("000000000007.dkr.ecr.us-east-1.amazonaws.com")

    assert choice
    assert choice.identity is None
    rule_compiler.write(str(tmp_path / "cache"), PART, _of(text[: len(text) // 2]), NOW)
    table = _read(tmp_path / "cache")
    choice = table and table.choose("000000000007.dkr.ecr.us-east-1.amazonaws.com")
    assert choice
    assert choice.identity


@pytest.mark.parametrize("beside", [0, -1])
def test_the_room_of_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: int) -> None:
    """To the last byte, a table has its choices."""
    rule_compiler.write(str(tmp_path / "one"), PART, _of(RULE), NOW)
    size = _file(tmp_path / "one").stat().st_size
    monkeypatch.setattr(cache, "MAX_ENTRY", size + beside)
    rule_compiler.write(str(tmp_path / "other"), PART, _of(RULE), NOW)
    table = _read(tmp_path / "other")
    choice = table and table.choose(HOSTS[0])

    assert choice
    assert (choice.identity is None) == (beside < 0)


def test_two_thousand_globs_are_compared_at_once() -> None:
    """Some milliseconds of processor time, also for globs that begin with a star."""
    matches = [f"*{number}.dkr.ecr.*.amazonaws.com" for number in range(10_000, 12_000)]
    loaded = _settings([{"match": match} for match in matches])
    table = rule_table.RuleTable(rule_compiler.compile_rules(loaded))
    before = time.process_time()
    found = [table.choose(HOSTS[0]) for _ in range(10)]

    assert [choice and choice.identity for choice in found] == [""] * 10
    assert time.process_time() - before < 2
