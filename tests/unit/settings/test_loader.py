"""Loading config.toml: what it may hold, and the errors for its mistakes."""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings import loader, patterns, rule_parser
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from docker_credential_ecrpy.tokens.token import Token
from tests.security import attacks
from tests.world.machine import no_fallback

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
REGISTRY = f'registry = "{HOST}"'
EVERYTHING = f"""
fallback = "secretservice"  # for Docker Hub

[[registry]]
match = "{ACCOUNT}"
profile = "prod"

[[registry]]
match = "*.dkr.ecr.eu-*.amazonaws.com"
role_arn = "{ROLE}"
external_id = "x-1"
role_session_name = "me@example.com"
duration = 3600
region = "eu-west-1"

[[registry]]
match = "*.example.com"
{REGISTRY}
endpoint_url = "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com/"
"""


def _load(tmp_path: Path, text: str | bytes) -> loader.Settings:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return loader.load({"AWS_ECR_CONFIG": str(path)})


def test_everything_that_a_file_may_hold(tmp_path: Path) -> None:
    """Each key ends up in its field, and each rule knows its line."""
    found = _load(tmp_path, EVERYTHING)
    first, second, third = found.rules

    assert found.fallback is not None
    assert (found.fallback.text, found.fallback.place.line) == ("secretservice", 2)
    assert (first.profile, first.role, first.registry, first.place.line) == ("prod", None, None, 5)
    assert second.role is not None
    assert (second.role.arn, second.role.external_id) == (ROLE, "x-1")
    assert (second.role.session_name, second.role.duration) == ("me@example.com", 3600)
    assert (second.region, second.places["duration"].line) == ("eu-west-1", 13)
    assert third.registry is not None
    assert third.registry.host == HOST
    assert third.endpoint_url == "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com"
    assert str(third.place) == f"{tmp_path / 'config.toml'}:17"
    assert [third.places[key].line for key in ("registry", "endpoint_url")] == [18, 19]


def test_a_rule_with_a_pattern_alone(tmp_path: Path) -> None:
    """It has none of the rest. Of an endpoint's URL, the last slash is left out."""
    text = f'[[registry]]\nmatch = "{ACCOUNT}"\n'
    (rule,) = _load(tmp_path, text).rules
    (other,) = _load(tmp_path, f'{text}endpoint_url = "https://e.example.com/x/"\n').rules

    assert (rule.profile, rule.role, rule.registry) == ("", None, None)
    assert (rule.endpoint_url, rule.region) == ("", "")
    assert list(rule.places) == ["match"]
    assert other.endpoint_url == "https://e.example.com/x"


PRIVATE = f'[[registry]]\nmatch = "x.a.test"\n{REGISTRY}\n'
RULE = f'[[registry]]\nmatch = "{ACCOUNT}"\n'
# text, the line in the error, what is wrong, what to do
MISTAKES: dict[str, tuple[str | bytes, int, str, str]] = {
    "no value": ('fallback "pass"', 1, "this is not TOML: expected '='", 'key = "value"'),
    "no end of a string": (RULE + 'profile = "prod', 3, "this is not TOML", "key ="),
    "no end of a list": ("\nregistry = [\n\n", 2, "this is not TOML", "key ="),
    "a key twice": (RULE + 'match = "x"', 3, "this is not TOML: cannot overwrite", "key ="),
    "not UTF-8": (b"# one\n# \xff", 2, "it is not UTF-8", "save it as UTF-8"),
    "nested too deeply": ("x = " + "[" * 5000, 1, "this is not TOML", "key ="),
    "unknown key": ('proxy = "x"', 1, 'unknown key "proxy"', "the keys are fallback, registry"),
    "near miss": ('falback = "x"', 1, 'unknown key "falback"', "did you mean fallback?"),
    "near miss of a table": ("[[registries]]", 1, 'key "registries"', "did you mean registry?"),
    "near miss in a rule": (RULE + 'profil = "x"', 3, '"profil" in', "did you mean profile?"),
    "the AWS config's name": (RULE + "duration_seconds = 1", 3, "unknown", "mean duration?"),
    "another case": (RULE + 'Role_ARN = "x"', 3, 'key "Role_ARN"', "did you mean role_arn?"),
    "no such key in a rule": (RULE + "x = 1", 3, 'unknown key "x"', "match, profile, role_arn"),
    "a quoted key": (RULE + '"pro file" = 1', 3, 'unknown key "pro file"', "mean profile?"),
    "a rule's key above": ('profile = "x"\n' + RULE, 1, '"profile"', "below a line [[registry]]"),
    "fallback below": (RULE + 'fallback = "x"', 3, '"fallback"', "above the first [[registry]]"),
    "one bracket": ('[registry]\nmatch = "x"', 1, "not a list of tables", "write [[registry]]"),
    "a list of something else": ("registry = [1]", 1, "not a list of tables", "[[registry]]"),
    "no match": ('\n[[registry]]\nprofile = "x"', 2, "has no match", ACCOUNT),
    "an account as a number": (
        f"[[registry]]\nmatch = {ACCOUNT}",
        2,
        "not a string",
        f'"{ACCOUNT}"',
    ),
    "a profile as a list": (
        RULE + 'profile = ["a"]',
        3,
        "profile = ['a'] is not a string",
        "quotes",
    ),
    "a profile as yes": (RULE + "profile = true", 3, "profile = true is not a string", "quotes"),
    "an empty profile": (RULE + 'profile = ""', 3, 'profile = "" is not a name', "blanks"),
    "a blank in the way": (RULE + 'profile = "x "', 3, "is not a name", "without blanks"),
    "a line break": (RULE + 'profile = "a\\nb"', 3, "is not a name", "without blanks"),
    "an account too short": ('[[registry]]\nmatch = "123"', 2, "12 digits", "such as"),
    "an account with dashes": (
        '[[registry]]\nmatch = "1234-5678-9012"',
        2,
        "can match no ECR registry",
        ACCOUNT,
    ),
    "a URL": (f'[[registry]]\nmatch = "https://{HOST}/x"', 2, "host name alone", f'"{HOST}"'),
    "a glob of a URL": (
        '[[registry]]\nmatch = "https://*"',
        2,
        "no host name has",
        "without scheme",
    ),
    "an open bracket": ('[[registry]]\nmatch = "[12*"', 2, "has no closing ]", "such as"),
    "a glob without ECR hosts": (
        '[[registry]]\nmatch = "*.gcr.io"',
        2,
        "can match no",
        "eu-*.amazonaws",
    ),
    "another registry": ('[[registry]]\nmatch = "ghcr.io"', 2, "can match no", "add registry ="),
    "never reached": (
        f'[[registry]]\nmatch = "*"\n{RULE}',
        4,
        f'match = "{ACCOUNT}" is never reached: match = "*" in line 2 takes all',
        "move this one up",
    ),
    "twice": (RULE + RULE, 4, "is never reached", "or remove it"),
    "a private name twice": (
        PRIVATE.replace("x.a", "*.a") + PRIVATE,
        5,
        'match = "x.a.test" is never reached: match = "*.a.test" in line 2',
        "move this one up",
    ),
    "not a role": (RULE + 'role_arn = "puller"', 3, "not the ARN of a role", ":role/puller"),
    "a user": (RULE + f'role_arn = "arn:aws:iam::{ACCOUNT}:user/x"', 3, "not the ARN", ":role/"),
    "a role's option alone": (RULE + 'external_id = "x-1"', 3, "belongs to a role", "add role_arn"),
    "too short": (RULE + f'role_arn = "{ROLE}"\nduration = 60', 4, "900 to 43200", "3600"),
    "not seconds": (RULE + f'role_arn = "{ROLE}"\nduration = "1h"', 4, '"1h" is not', "3600"),
    "a bad session name": (
        RULE + f'role_arn = "{ROLE}"\nrole_session_name = "a b"',
        4,
        "2 to 64 letters",
        "docker",
    ),
    "not ECR": (
        RULE + 'registry = "ghcr.io"',
        3,
        "not the host name of an ECR registry",
        HOST[13:],
    ),
    "ECR for ECR": (RULE + REGISTRY, 2, "an ECR registry itself", "remove registry"),
    "a private glob without a domain": (
        f'[[registry]]\nmatch = "images.*"\n{REGISTRY}',
        2,
        "hosts of other owners",
        "*.example.com",
    ),
    "not a URL": (RULE + 'endpoint_url = "vpce-1"', 3, "not the URL of an endpoint", "https://"),
    "a password in a URL": (RULE + 'endpoint_url = "https://a:b@c"', 3, "without user info", "h"),
    "not a region": (RULE + 'region = "eu west"', 3, "is not a region", "eu-west-1"),
    "an impossible port": (RULE + 'endpoint_url = "https://a:99999"', 3, "not the URL", "https://"),
    "an impossible host": (RULE + 'endpoint_url = "http://a..b"', 3, "not the URL", "https://"),
    "a top-level domain": (
        f'[[registry]]\nmatch = "*.com"\n{REGISTRY}',
        2,
        "hosts of other owners",
        "*.example.com",
    ),
    "a part of a name": (
        f'[[registry]]\nmatch = "*example.com"\n{REGISTRY}',
        2,
        "hosts of other owners",
        "*.example.com",
    ),
    "a table of a rule": (RULE + "\n[registry.profile]\n", 4, "profile = {} is not", "quotes"),
    "a number without end": (f"x = {'1' * 5000}", 1, "not TOML", "key ="),
    "another number without end": (
        f"{RULE}role_arn = '{ROLE}'\nduration = 0x{'f' * 5000}",
        4,
        "thousands of digits",
        "3600",
    ),
    "a fallback's program": ('fallback = "docker-credential-pass"', 1, "is not a", '= "pass"'),
    "a fallback's path": ('fallback = "/usr/bin/pass"', 1, "is not a credential helper", '"pass"'),
    "a fallback as a list": ('fallback = ["pass"]', 1, "is not a credential helper", '"pass"'),
}


@pytest.mark.parametrize(("text", "line", "wrong", "cure"), MISTAKES.values(), ids=MISTAKES)
def test_an_error_has_file_line_and_hint(
    text: str | bytes, line: int, wrong: str, cure: str, tmp_path: Path
) -> None:
    """The error says what is wrong, and then what to write."""
    with pytest.raises(HelperError) as caught:
        _load(tmp_path, text)
    message = str(caught.value)

    assert message.startswith(f"{tmp_path / 'config.toml'}:{line}: ")
    assert wrong in message
    assert cure in message
    assert "\n" not in message


REGIONS = [f"*.dkr.ecr.eu-west-{number}.*" for number in range(100)]
ORDINARY = [
    *(f"{number:012}.dkr.ecr.*" for number in range(150)),
    "*.dkr.ecr.us-*",
    "*.dkr.ecr.eu-*",
]


@pytest.mark.parametrize(
    ("above", "hidden", "by"),
    [
        (REGIONS, HOST.replace("us-east-1", "eu-west-77"), 2 * 77 + 2),
        (REGIONS, "*.dkr.ecr.eu-west-77.amazonaws.com", 2 * 77 + 2),
        ([f"*-{number}.*" for number in range(1, 9)], "*.us-east-1.*", 2),
        ([f"*-{number}.*" for number in range(1, 9)], HOST, 2),
        (ORDINARY, "*.dkr.ecr.eu-west-1.*", 2 * len(ORDINARY)),
        (ORDINARY, f"{149:012}.dkr.ecr.us-west-1.*", 2 * 150),
        ([f"{number:012}" for number in range(900)], f"{899:012}", 2 * 900),
    ],
)
def test_an_unreached_rule_among_many_is_an_error(
    above: list[str], hidden: str, by: int, tmp_path: Path
) -> None:
    """A rule that is never reached is an error among many overlapping rules, too."""
    text = "".join(f'[[registry]]\nmatch = "{match}"\n' for match in [*above, hidden])
    with pytest.raises(HelperError) as caught:
        _load(tmp_path, text)

    assert f":{2 * len(above) + 2}: " in str(caught.value)
    assert f"in line {by} takes all" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "registry = []",
        RULE,
        f"{RULE}[[registry]]\nmatch = '*'\n",
        f'[[registry]]\nmatch = "{HOST}"\n{RULE}',
        f'registry = [{{match = "{ACCOUNT}", profile = "a"}}, {{match = "*"}}]',
        PRIVATE + PRIVATE.replace("x.a", "*.a"),
        f'[[registry]]\nmatch = "*"\n[[registry]]\nmatch = "localhost"\n{REGISTRY}',
        f'[[registry]]\nmatch = "*-images.example.com"\n{REGISTRY}',
        f'[[registry]]\nmatch = "localhost"\n{REGISTRY}\n{PRIVATE.replace("x.a", "localhost")}',
        '[[registry]]\nmatch = "1*"\n[[registry]]\nmatch = "2*"\n[[registry]]\nmatch = "[12]*"',
        "\ufeff" + RULE,
        RULE.replace("\n", "\r\n"),
    ],
)
def test_valid_files(text: str, tmp_path: Path) -> None:
    """A byte order mark, any line ends and partly overlapping rules are valid."""
    _load(tmp_path, text)


KEYS = ("match", "profile", "role_arn", "duration", "registry", "fallback", "x y", "[[registry]]")
VALUES = (
    "1",
    "true",
    '"a"',
    "''",
    '"*"',
    "[1, 2]",
    '{a = "]"}',
    '"""\n[[registry]]\n"""',
    "1979-05-27",
)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["", "# x", "[[registry]]", "[other]", "registry = []"]),
            st.builds("{!r} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
            st.text(max_size=9),
        ),
        max_size=8,
    )
)
def test_whatever_the_file_holds_ends_in_settings_or_in_one_line(lines: list[str]) -> None:
    """Any content gives settings or a one-line error that names a line of the file."""
    text = "\n".join(lines).encode(errors="replace")
    try:
        loader.parse(TomlDocument("f", text, loader.TABLE), "-")
    except HelperError as exc:
        message = str(exc)
    else:
        return
    name, line, _ = message.split(":", 2)

    assert (name, "\n" in message) == ("f", False)
    assert 1 <= int(line) <= text.count(b"\n") + 1


PAGE = (Path(__file__).parents[3] / "docs" / "accounts.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.tree
@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_the_readmes_recipes_are_valid(recipe: str, tmp_path: Path) -> None:
    """Each of the README's recipes is a valid file."""
    found = _load(tmp_path, recipe)

    assert found.rules or found.fallback


def test_the_readme_has_recipes() -> None:
    """The test above finds recipes in the README."""
    assert len(RECIPES) >= 7


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    """Without a file or a home, the settings are empty."""
    assert loader.load({"HOME": str(tmp_path)}).rules == ()
    assert loader.load({}).stamp == identity.MISSING


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "dangling link", "too large"])
def test_a_file_that_cannot_be_read(kind: str, tmp_path: Path) -> None:
    """An unreadable file is an error and never hangs; one named by the environment must exist."""
    path = tmp_path / ".ecr" / "config.toml"
    path.parent.mkdir()
    environ = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    if kind == "missing":
        environ["AWS_ECR_CONFIG"] = str(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        if sys.platform == "win32":
            return  # FIFOs do not exist here
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(b"#" * 2**18 + b"#")

    with pytest.raises(HelperError) as caught:
        loader.load(environ)
    assert f"{path} cannot be read: " in str(caught.value)
    assert ("AWS_ECR_CONFIG" in str(caught.value)) == (kind == "missing")


def test_the_largest_file_is_read_in_time(tmp_path: Path) -> None:
    """Thousands of rules take a second: the check for unreached rules does not compare all."""
    steep = [f"*{'[0-4]*' * (number % 20)}{number}*" for number in range(100, 600)]
    globs = [f"*{number}.dkr.ecr.*.amazonaws.com" for number in range(10_000, 15_000)]
    accounts = [f"{number:012}" for number in range(4000)]
    for matches in (steep, globs[:4800], accounts):
        text = "".join(f'[[registry]]\nmatch = "{match}"\n' for match in matches)
        assert len(_load(tmp_path, text).rules) == len(matches)


def test_the_null_device_is_no_settings() -> None:
    """The null device turns off the settings in the home."""
    assert loader.load({"AWS_ECR_CONFIG": os.devnull}).rules == ()


def test_the_stamp_is_that_of_the_content(tmp_path: Path) -> None:
    """The stamp in the identity line is that of the content that was read."""
    found = _load(tmp_path, RULE)
    environ = {"AWS_ECR_CONFIG": str(tmp_path / "config.toml")}
    before = identity.line(environ)
    _load(tmp_path, RULE + RULE.replace(ACCOUNT, "210987654321"))

    assert identity.line(environ, found.stamp) == before
    assert identity.line(environ) != before


def test_globs_are_compared_only_with_those_that_may_cover_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hundred globs of different accounts need no comparison: each begins otherwise."""
    compared: list[str] = []
    matches = patterns.Pattern.matches

    def note(pattern: patterns.Pattern, host: str) -> bool:
        compared.append(host)
        return matches(pattern, host)

    monkeypatch.setattr(patterns.Pattern, "matches", note)
    rules = "".join(
        f'[[registry]]\nmatch = "{number:012}.dkr.ecr.*.amazonaws.com"\nprofile = "x"\n'
        for number in range(200)
    )
    loader.parse(TomlDocument("config.toml", rules.encode(), loader.TABLE))

    assert compared == []


def test_settings_that_were_checked_are_not_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the same settings, with the place of each key, and no pattern is taken apart."""
    checked = _load(tmp_path, EVERYTHING)
    environ = {"AWS_ECR_CONFIG": str(tmp_path / "config.toml")}
    for name in ("read", "check_reach"):
        monkeypatch.setattr(rule_parser, name, None)  # neither of them is called
    stamps: list[str] = []

    def was_checked(stamp: str) -> bool:
        stamps.append(stamp)
        return True

    found = loader.load(environ, was_checked)

    for rule, before in zip(found.rules, checked.rules, strict=True):
        assert replace(rule, registry=None) == replace(before, registry=None)
        assert (rule.registry and rule.registry.host) == (before.registry and before.registry.host)
    assert [str(rule.place) for rule in found.rules] == [str(rule.place) for rule in checked.rules]
    assert found.fallback
    assert found.fallback.place.line == 2
    assert stamps == [found.stamp] == [checked.stamp]
    assert "steps" not in found.rules[0].pattern.__dict__
    assert (checked.is_checked_now, found.is_checked_now) == (True, False)


def test_settings_without_a_lasting_stamp_are_not_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read between two equal stamps may be other content; the null device has none."""
    assert not loader.load({"AWS_ECR_CONFIG": os.devnull}).is_checked_now
    assert not loader.load({"HOME": str(tmp_path)}).is_checked_now
    assert _load(tmp_path, RULE).is_checked_now
    monkeypatch.setattr(bounded, "read", lambda *_: b"# another edit")

    assert not loader.load({"AWS_ECR_CONFIG": str(tmp_path / "config.toml")}).is_checked_now


def _no_token(_choice: Choice, _seconds: float) -> Token:
    raise AssertionError


@pytest.mark.parametrize("closed", [".ecr", ".ecr/config.toml"])
def test_what_root_has_written(closed: str) -> None:
    """After `sudo ... configure`, the rules are root's: an error with the cure, never no rules."""
    attacks.require_two_users()
    home, user = Path(tempfile.mkdtemp(prefix="home-")), attacks.ATTACKER
    environ = {"HOME": str(home)}
    try:
        os.chown(home, user, user)
        (home / ".ecr").mkdir(mode=0o700 if closed == ".ecr" else 0o755)
        if closed != ".ecr":
            os.chown(home / ".ecr", user, user)
        (home / ".ecr" / "config.toml").touch(mode=0o600)
        os.setresuid(user, user, 0)
        try:
            assert paths.has_settings(environ)
            with pytest.raises(HelperError) as caught:
                loader.load(environ)
            listed = Helper(
                environ, _no_token, lambda c: c, no_fallback, int, lambda _: None
            ).list()
            # The stamp is not that of a missing file, whose tokens the cache may have.
            assert not identity.settings_part(environ).endswith(f":{identity.MISSING}")
        finally:
            os.setresuid(0, 0, 0)
        assert listed == (0, b"{}\n")
        command = f'sudo chown -R "$(id -un)" {home / closed}'
        assert caught.value.command == command
        assert caught.value.hint == f"{home / closed} belongs to root, as after sudo: {command}"
        assert not paths.has_settings({"HOME": str(home / ".ecr" / "config.toml")})
    finally:
        shutil.rmtree(home)
