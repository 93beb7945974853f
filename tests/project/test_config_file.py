"""Facts about the definition of config.toml's keys, its manual page and its JSON Schema."""

import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships no types

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings import editor, loader, rule_parser, rule_reader
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from tests.world.accounts import EU, US, A, B
from tests.world.accounts import rule as make_rule
from tests.world.tree import REPOSITORY
from tools import config_file, config_man, config_schema
from tools.config_file import Key

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.tree
SCHEMA = json.loads(config_schema.FILE.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
KEYS = (*config_file.TOP_KEYS, *config_file.RULE_KEYS)


def _load(text: str) -> loader.Settings:
    return loader.parse(TomlDocument("f", text.encode(), loader.TABLE))


def _find_mistakes(text: str) -> list[str]:
    """Return what the schema finds wrong with a TOML text."""
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


# --- the keys ---------------------------------------------------------------------------------


def test_the_keys_are_those_of_the_parser() -> None:
    """Every key that the parser accepts is defined, and no other one."""
    assert [key.name for key in config_file.TOP_KEYS] == list(loader.KEYS)
    assert sorted(key.name for key in config_file.RULE_KEYS) == sorted(rule_parser.KEYS)
    needy = [key.name for key in config_file.RULE_KEYS if key.needs == "role_arn"]
    assert needy == list(rule_reader.ROLE_KEYS)


def test_the_schema_has_the_keys_and_no_other() -> None:
    """At both levels, each with a description, which editors show."""
    rule = SCHEMA["$defs"]["rule"]
    levels = [(SCHEMA, config_file.TOP_KEYS), (rule, config_file.RULE_KEYS)]
    for schema, keys in levels:
        assert schema["additionalProperties"] is False
        found = {name: value["description"] for name, value in schema["properties"].items()}
        assert found == {key.name: key.meaning for key in keys}


def test_the_manual_page_has_the_keys_and_no_other() -> None:
    """Each is a term of its section, in the order of the definition."""
    page = config_man.page().replace("\\-", "-")
    top, _, rule = page.partition(".SH TOP-LEVEL KEYS")[2].partition(".SH KEYS OF A RULE")
    rule = rule.partition(".SH MATCH")[0]
    for section, keys in ((top, config_file.TOP_KEYS), (rule, config_file.RULE_KEYS)):
        assert re.findall(r"^\.BR (\w+) ", section, re.MULTILINE) == [key.name for key in keys]


def test_the_reference_has_the_keys() -> None:
    """The documentation's table of keys leaves none out."""
    reference = REPOSITORY / "docs" / "reference.md"
    if not reference.exists():
        pytest.skip("there is no docs/reference.md yet")
    text = reference.read_text(encoding="utf-8")

    assert [key.name for key in KEYS if f"`{key.name}`" not in text] == []


@pytest.mark.parametrize("key", config_file.RULE_KEYS, ids=lambda key: key.name)
def test_every_example_of_a_key_is_accepted(key: Key) -> None:
    """By the parser and by the schema."""
    match = {"match": "", "registry": 'match = "x.example.com"\n'}.get(key.name, f'match = "{A}"\n')
    role = f'role_arn = "arn:aws:iam::{A}:role/x"\n' if key.needs else ""
    for example in key.examples:
        text = f"[[registry]]\n{match}{role}{key.name} = {example}\n"
        assert (len(_load(text).rules), _find_mistakes(text)) == (1, [])


def test_every_default_is_the_programs() -> None:
    """A rule with the defaults written out is the rule without them."""
    short = make_rule(A, role_arn=f"arn:aws:iam::{A}:role/x")
    keys = [f"{key.name} = {key.default}\n" for key in config_file.RULE_KEYS if key.default]

    assert len(keys) == 2
    assert _load(short + "".join(keys)).rules[0].role == _load(short).rules[0].role


@pytest.mark.parametrize(("form", "meaning"), config_file.MATCH_FORMS)
def test_every_form_of_match_is_accepted(form: str, meaning: str) -> None:
    """Alone in a rule, by the parser and by the schema."""
    text = f"[[registry]]\nmatch = {form}\n"

    assert (len(_load(text).rules), _find_mistakes(text), bool(meaning)) == (1, [], True)


# --- the schema -------------------------------------------------------------------------------


def test_the_schema_is_valid_and_current() -> None:
    """`make reference` writes the file; it is JSON Schema 2020-12, under the project's URL."""
    Draft202012Validator.check_schema(SCHEMA)

    assert config_schema.make_schema() == SCHEMA, "run `make reference`"
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert SCHEMA["$id"] == config_file.SCHEMA_URL
    path = config_schema.FILE.relative_to(REPOSITORY).as_posix()
    assert config_file.SCHEMA_URL.endswith(f"/main/{path}")
    written = getattr(editor, "SCHEMA_URL", config_file.SCHEMA_URL)  # by configure
    assert written == config_file.SCHEMA_URL


def test_the_patterns_are_those_of_every_dialect() -> None:
    """No class or escape has another meaning in ECMA-262 than in Python."""
    patterns = re.findall(r'"pattern": (".*")', json.dumps(SCHEMA, indent=0))

    assert len(patterns) >= 10
    for pattern in map(json.loads, patterns):
        assert not re.search(r"\(\?[P<a-z]|(?<!\\)\$.", pattern), pattern
        assert set(re.findall(r"\\(.)", pattern)) <= set(".[]*?$su"), pattern


RULE = f'[[registry]]\nmatch = "{A}"\n'
ROLE = f'role_arn = "arn:aws:iam::{A}:role/puller"\n'
REGISTRY = f'registry = "{US.format(A)}"\n'
PRIVATE = '[[registry]]\nmatch = "x.a.test"\n' + REGISTRY
EVERYTHING = f"""
fallback = "secretservice"
[[registry]]
match = "{A}"
profile = "prod"
[[registry]]
match = "*.dkr.ecr.eu-*.amazonaws.com"
role_arn = "arn:aws:iam::{A}:role/team/puller"
external_id = "x-1"
role_session_name = "me@example.com"
duration = 3600
region = "eu-west-1"
[[registry]]
match = "*.example.com"
registry = "{US.format(A)}"
endpoint_url = "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com:8443/x/"
"""
VALID = {
    "nothing": "",
    "no rules": "registry = []",
    "everything": EVERYTHING,
    "tables in a line": f'registry = [{{match = "{A}", profile = "a b"}}, {{match = "*"}}]',
    "the tests' rules": make_rule(A, profile="a") + make_rule(EU.format(B), profile="b"),
    "a local name": f'[[registry]]\nmatch = "localhost"\nregistry = "{US.format(A)}"',
    "a glob of a domain": f'[[registry]]\nmatch = "*-x.a.test"\nregistry = "{US.format(A)}"',
    "ECR Public": '[[registry]]\nmatch = "public.ecr.aws"',
    "dual-stack": f'[[registry]]\nmatch = "{A}.dkr-ecr.eu-west-1.on.aws"',
    "FIPS in China": f'[[registry]]\nmatch = "{A}.dkr.ecr-fips.cn-north-1.amazonaws.com.cn"',
    "a set with a bracket": '[[registry]]\nmatch = "[]1]*"',
    "a glob that ends in sets": f'[[registry]]\nmatch = "*.x[.]com"\n{REGISTRY}',
    "a glob with a set in its domain": f'[[registry]]\nmatch = "*.[a].com"\n{REGISTRY}',
    "ECR in upper case": f'[[registry]]\nmatch = "{US.format(A).upper()}"',
    "ECR Public in two cases": '[[registry]]\nmatch = "Public.ECR.aws"',
    "a private name for ECR in upper case": f'''[[registry]]
match = "X.a.test"
registry = "{US.format(A).upper()}"''',
    "a set of others": '[[registry]]\nmatch = "[!2-9]*"',
    **dict(config_file.RECIPES),
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_a_file_that_the_parser_accepts_is_valid(text: str) -> None:
    """The schema has no complaint either."""
    _load(text)

    assert _find_mistakes(text) == []


def _read_recipes() -> list[str]:
    """Return the config.toml files in the README and the documentation."""
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    texts = "".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"^```toml\n(.*?)^```", texts, re.DOTALL | re.MULTILINE)
    return [text for text in blocks if tomllib.loads(text).keys() <= set(loader.KEYS)]


def test_the_documented_files_are_valid() -> None:
    """All recipes of the README and of the documentation."""
    recipes = _read_recipes()

    assert len(recipes) >= 7
    assert [(text, _find_mistakes(text)) for text in recipes if _find_mistakes(text)] == []


REFUSED = {
    "unknown key": 'proxy = "x"',
    "a near miss of a table": "[[registries]]",
    "a near miss in a rule": RULE + 'profil = "x"',
    "the AWS config's name": RULE + ROLE + "duration_seconds = 900",
    "another case": RULE + 'Role_ARN = "x"',
    "a quoted key": RULE + '"pro file" = 1',
    "a rule's key above": 'profile = "x"\n' + RULE,
    "fallback below": RULE + 'fallback = "x"',
    "one bracket": f'[registry]\nmatch = "{A}"',
    "a list of something else": "registry = [1]",
    "no match": '[[registry]]\nprofile = "x"',
    "an account as a number": f"[[registry]]\nmatch = {A}",
    "a profile as a list": RULE + 'profile = ["a"]',
    "a profile as yes": RULE + "profile = true",
    "a profile as a date": RULE + "profile = 1979-05-27",
    "an empty profile": RULE + 'profile = ""',
    "a blank before": RULE + 'profile = " x"',
    "a blank after": RULE + 'profile = "x "',
    "a line break": RULE + 'profile = "a\\nb"',
    "an account too short": '[[registry]]\nmatch = "123"',
    "an account with dashes": '[[registry]]\nmatch = "1234-5678-9012"',
    "a URL": f'[[registry]]\nmatch = "https://{US.format(A)}/x"',
    "a glob of a URL": '[[registry]]\nmatch = "https://*"',
    "an open bracket": '[[registry]]\nmatch = "[12*"',
    "another registry": '[[registry]]\nmatch = "ghcr.io"',
    "twice": RULE + RULE,
    "not a role": RULE + 'role_arn = "puller"',
    "a user": RULE + f'role_arn = "arn:aws:iam::{A}:user/x"',
    "a role's option alone": RULE + 'external_id = "x-1"',
    "a role's duration alone": RULE + "duration = 900",
    "too short": RULE + ROLE + "duration = 899",
    "too long": RULE + ROLE + "duration = 43201",
    "not seconds": RULE + ROLE + 'duration = "1h"',
    "a huge number": RULE + ROLE + f"duration = 0x{'f' * 500}",
    "a bad session name": RULE + ROLE + 'role_session_name = "a b"',
    "a bad external id": RULE + ROLE + 'external_id = "a b"',
    "not ECR": '[[registry]]\nmatch = "x.a.test"\nregistry = "ghcr.io"',
    "ECR for ECR": RULE + REGISTRY,
    "an ECR host for ECR": f'[[registry]]\nmatch = "{EU.format(B)}"\n{REGISTRY}',
    "a private glob of anybody": f'[[registry]]\nmatch = "images.*"\n{REGISTRY}',
    "a top-level domain": f'[[registry]]\nmatch = "*.com"\n{REGISTRY}',
    "a part of a name": f'[[registry]]\nmatch = "*example.com"\n{REGISTRY}',
    "a private name of digits": f'[[registry]]\nmatch = "12345678901"\n{REGISTRY}',
    "a private name with an empty label": f'[[registry]]\nmatch = "x..test"\n{REGISTRY}',
    "a private name of dots": f'[[registry]]\nmatch = ".."\n{REGISTRY}',
    "a private name with a dash first": f'[[registry]]\nmatch = "-.com"\n{REGISTRY}',
    "ECR for ECR in upper case": f'[[registry]]\nmatch = "{US.format(B).upper()}"\n{REGISTRY}',
    "a profile with a no-break space": RULE + 'profile = "a\\u00a0b"',
    "a profile with a zero-width space": RULE + 'profile = "a\\u200bb"',
    "a profile with a line separator": RULE + 'profile = "a\\u2028b"',
    "port 0": RULE + 'endpoint_url = "https://a:0"',
    "a port of six digits": RULE + 'endpoint_url = "https://a:100000"',
    "an endpoint's host with an empty label": RULE + 'endpoint_url = "http://a..b"',
    "an endpoint's host with an underscore": RULE + 'endpoint_url = "https://a_b"',
    "an endpoint's host of a dash": RULE + 'endpoint_url = "https://-"',
    "an endpoint's path outside ASCII": RULE + 'endpoint_url = "https://a/\u00e9"',
    "not a URL": RULE + 'endpoint_url = "vpce-1"',
    "a password in a URL": RULE + 'endpoint_url = "https://a:b@c"',
    "not a region": RULE + 'region = "eu west"',
    "a table of a rule": RULE + "[registry.profile]\n",
    "a fallback's program": 'fallback = "docker-credential-pass"',
    "a fallback's path": 'fallback = "/usr/bin/pass"',
    "a fallback as a list": 'fallback = ["pass"]',
}
PARSER_ALONE = {
    "a glob that no ECR host matches": '[[registry]]\nmatch = "*.gcr.io"',
    "a rule below one that takes all": f'[[registry]]\nmatch = "*"\n{RULE}',
    "a private name below its glob": PRIVATE.replace("x.a", "*.a") + PRIVATE,
    "a port out of range": RULE + 'endpoint_url = "https://a:65536"',
    "a private glob that ends in a set": f'[[registry]]\nmatch = "*.a.[bc]"\n{REGISTRY}',
    "a set of unprintable characters": '[[registry]]\nmatch = "*[\\u0001]*"',
    "a profile with a private-use character": RULE + 'profile = "\\ue000"',
    "a float": RULE + ROLE + "duration = 900.0",
}
"""What a schema cannot express, or only by a pattern that no reader of it understands."""


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_refused_by_both(text: str) -> None:
    """The parser raises, and an editor with the schema shows it."""
    with pytest.raises(HelperError):
        _load(text)

    assert _find_mistakes(text)


@pytest.mark.parametrize("text", PARSER_ALONE.values(), ids=PARSER_ALONE)
def test_what_only_the_parser_refuses(text: str) -> None:
    """The list is exact: a case that the schema learns to refuse moves to the other table."""
    with pytest.raises(HelperError):
        _load(text)

    assert _find_mistakes(text) == []


def test_the_schema_refuses_no_printable_character() -> None:
    """The characters that it refuses in a name are those that Python cannot print either."""
    pattern = re.compile(SCHEMA["$defs"]["rule"]["properties"]["profile"]["pattern"])
    characters = map(chr, range(sys.maxunicode + 1))

    assert [c for c in characters if c.isprintable() and not pattern.search(f"a{c}a")] == []


HOSTS = st.one_of(
    st.sampled_from([A, A[1:], US.format(A), US.format(B).upper(), "public.ecr.aws", "x.a.test"]),
    st.text("aA1.-*?[]!", max_size=10),
    st.from_regex(r"\A(\*|x|\[!?[a1.]+\])(\.|\[\.\])(x|\[ab?\])(\.|\[\.\])com\.?\Z"),
)


@given(HOSTS, st.sampled_from(["", REGISTRY]))
def test_no_match_that_the_parser_accepts_is_refused(match: str, registry: str) -> None:
    """Accounts, hosts and globs of all shapes, with and without a registry that they stand for."""
    _expect_no_false_mistake(f"[[registry]]\nmatch = {json.dumps(match)}\n{registry}")


@given(
    st.text("aA1.-_:/@?#", max_size=10), st.sampled_from(["", ":0443", ":65535"]), st.text("/%[]a")
)
def test_no_endpoint_that_the_parser_accepts_is_refused(host: str, port: str, path: str) -> None:
    """Hosts, ports and paths of all shapes."""
    url = json.dumps(f"https://{host}{port}{path}")
    _expect_no_false_mistake(f"{RULE}endpoint_url = {url}\n")


def _expect_no_false_mistake(text: str) -> None:
    """Fail if the schema refuses a file that the parser accepts."""
    try:
        _load(text)
    except HelperError:
        return
    assert _find_mistakes(text) == []


VALUES: dict[str, list[Any]] = {
    "match": [A, "123", US.format(A), "*", "*.gcr.io", "x.example.com", "*.example.com", "*.com"],
    "profile": ["prod", "auto", "a b", "", " x", 1, True],
    "role_arn": [f"arn:aws:iam::{A}:role/x", "x"],
    "external_id": ["x-1", "x", "a b"],
    "role_session_name": ["me@example.com", "a/b"],
    "duration": [900, 899, 43200, 43201, "900", True],
    "registry": [US.format(B), "public.ecr.aws", "ghcr.io", A],
    "endpoint_url": ["https://a.test", "http://a:1/b", "a", "https://a?b"],
    "region": ["eu-west-1", "EU", ""],
}


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}
    )
)
def test_no_rule_that_the_parser_accepts_is_refused(keys: dict[str, Any]) -> None:
    """An editor never marks a file that works."""
    lines = "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())
    _expect_no_false_mistake(f"[[registry]]\n{lines}")
