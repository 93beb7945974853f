"""Facts about edits: a token always belongs to the identity that files and variables now choose.

The helper runs in this process. A fake AWS reads the files as the SDK would, and names the identity
in each token. A model of the edits so far predicts the answers.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings as options
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from docker_credential_ecrpy.__main__ import quick_answer
from docker_credential_ecrpy.errors import WireText
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import identity
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.token import Token
from tests.world.machine import no_fallback

ACCOUNTS = ("111111111111", "222222222222")
HOSTS = (
    *(f"{a}.dkr.ecr.{r}.amazonaws.com" for a in ACCOUNTS for r in ("us-east-1", "eu-west-1")),
    "images.example.com",
    "ghcr.io",
)
PRIVATE = f'registry = "{HOSTS[0]}"\n'
ROLES = tuple(f"arn:aws:iam::{account}:role/puller" for account in ACCOUNTS)
MATCHES = (*ACCOUNTS, *HOSTS[:2], "*.us-east-1.*", "1*", "*")
WHO = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["a", "b"]),
        "role_arn": st.sampled_from(ROLES),
        "region": st.sampled_from(["us-east-1", "us-west-2"]),
        "endpoint_url": st.sampled_from(["https://a.test", "https://b.test"]),
    },
)
Rules = list[tuple[str, dict[str, str]]]


def _text(rules: Rules) -> str:
    """Return the settings of some rules, each of which can match."""
    text = ""
    for match, keys in rules:
        lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
        text += f'[[registry]]\nmatch = "{match}"\n{lines}'
    return text


class Edits(RuleBasedStateMachine):
    """A machine whose files and variables change in any order between two gets."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.home = Path(self.folder.name)
        self.environ = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        self.written: Rules = []
        self.profiles = {"a": "key-1", "b": "key-2"}
        self.kept: dict[str, tuple[Path, object]] = {}
        self.during: Callable[[], None] | None = None
        self.calls = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    # --- the edits ----------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        (self.home / ".aws").mkdir()
        (self.home / ".ecr").mkdir()
        self._write_profiles()

    @rule(
        rules=st.lists(
            st.tuples(st.sampled_from(MATCHES), WHO), max_size=3, unique_by=lambda r: r[0]
        ),
        private=st.none() | WHO,
        in_place=st.booleans(),
    )
    def write_rules(self, rules: Rules, private: dict[str, str] | None, in_place: bool) -> None:
        """Write narrow matches first, so that each rule can match."""
        self.written = sorted(rules, key=lambda item: MATCHES.index(item[0]))
        if [match for match, _ in self.written[:2]] == [ACCOUNTS[0], HOSTS[0]]:
            self.written[:2] = self.written[1::-1]
        self.written = [r for r in self.written if r[0] not in HOSTS or self._first(r)]
        if private is not None:
            self.written.append(("images.example.com", {"registry": HOSTS[0], **private}))
        self._write(self.home / ".ecr" / "config.toml", _text(self.written), in_place=in_place)

    def _first(self, item: tuple[str, dict[str, str]]) -> bool:
        before = self.written[: self.written.index(item)]
        return not any(self._means(match, item[0]) for match, _ in before)

    @rule(comment=st.sampled_from(["#", "# another"]))
    def write_a_comment(self, comment: str) -> None:
        self._write(self.home / ".ecr" / "config.toml", f"{comment}\n{_text(self.written)}")

    @rule(name=st.sampled_from(["a", "b"]), key=st.sampled_from(["key-1", "key-2", "key-3"]))
    def change_a_profile(self, name: str, key: str) -> None:
        self.profiles[name] = key
        self._write_profiles()

    @rule(
        name=st.sampled_from(
            [
                f"AWS_ECR_{kind}_{account}"
                for kind in ("PROFILE", "ROLE_ARN")
                for account in ACCOUNTS
            ]
        ),
        number=st.sampled_from([None, 0, 1]),
    )
    def change_a_variable(self, name: str, number: int | None) -> None:
        self._set(name, None if number is None else (ROLES if "ROLE" in name else "ab")[number])

    @rule(
        name=st.sampled_from(["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]),
        number=st.sampled_from([None, 0, 1]),
    )
    def change_the_ambient_identity(self, name: str, number: int | None) -> None:
        values = ("key-8", "key-9") if name == "AWS_ACCESS_KEY_ID" else ("a", "b")
        self._set(name, None if number is None else values[number])

    @rule(name=st.sampled_from(["config.toml", "config"]))
    def keep_a_file(self, name: str) -> None:
        """Move a file aside with its times, behind a symlink to it."""
        folder = ".ecr" if name == "config.toml" else ".aws"
        path = self.home / folder / name
        if not path.exists():
            return
        aside = self.home / f"{name}.{len(list(self.home.iterdir()))}"
        path.replace(aside)
        path.symlink_to(aside)
        self.kept[name] = aside, (list(self.written) if folder == ".ecr" else dict(self.profiles))

    @rule(name=st.sampled_from(["config.toml", "config"]))
    def turn_back(self, name: str) -> None:
        """Point the symlink at the file that was moved aside, with its content at that time."""
        if name not in self.kept:
            return
        aside, state = self.kept[name]
        path = self.home / (".ecr" if name == "config.toml" else ".aws") / name
        path.unlink(missing_ok=True)
        path.symlink_to(aside)
        if isinstance(state, list):
            self.written = list(state)
        elif isinstance(state, dict):
            self.profiles = dict(state)

    @rule(host=st.sampled_from(HOSTS))
    def log_out(self, host: str) -> None:
        with self._at_home():
            self._helper().erase(host.encode())

    # --- the get ------------------------------------------------------------------------------

    @rule(host=st.sampled_from(HOSTS), again=st.booleans())
    def get(self, host: str, again: bool) -> None:
        expected = self._expected(host)
        for _ in range(1 + again):
            assert self._get(host) == expected
        if again:
            calls = self.calls
            assert self._get(host) == expected
            assert self.calls == calls, "a get that was just answered is answered from the cache"

    @rule(host=st.sampled_from(HOSTS[:5]), name=st.sampled_from(["config.toml", "config"]))
    def get_while_a_file_changes(self, host: str, name: str) -> None:
        """That get may answer for either state; the next one answers for the new state."""

        def edit() -> None:
            self.turn_back(name)

        before = self._expected(host)
        self.during = edit
        answer = self._get(host)
        self.during = None
        edit()
        assert answer in (before, self._expected(host))
        assert self._get(host) == self._expected(host)

    @invariant()
    def another_registry_is_not_found(self) -> None:
        assert self._get("ghcr.io") is None

    # --- what the helper does -----------------------------------------------------------------

    def _get(self, host: str) -> dict[str, str] | None:
        """Return the identity of a `get`'s token, by the hot path or else the cold one."""
        with self._at_home():
            request = GetRequest(host.encode())
            answer = quick_answer(request, self.environ, time.time_ns())
            if answer is None:
                try:
                    answer = self._helper().get(request)
                except WireText:
                    return None
        if answer[0]:
            return None
        found: dict[str, str] = json.loads(json.loads(answer[1])["Secret"])
        return found

    def _helper(self) -> Helper:
        return Helper(
            self.environ, self._fetch, lambda c: c, no_fallback, time.time_ns, lambda _: None
        )

    def _fetch(self, choice: Choice, _seconds: float) -> Token:
        """Stand in for AWS and its SDK, which reads the profiles at some moment of the call."""
        self.calls += 1
        if self.during:
            self.during()
        text = (self.home / ".aws" / "config").read_text()
        profiles = dict(line.split("=") for line in text.split())
        environ = self.environ
        ambient = environ.get("AWS_ACCESS_KEY_ID") or profiles[environ.get("AWS_PROFILE", "a")]
        key = profiles[choice.profile] if choice.profile else ambient
        who = {
            "key": key,
            "role": choice.role.arn if choice.role else "",
            "region": choice.registry.region,
            "endpoint": choice.endpoint_url,
        }
        return Token("AWS", json.dumps(who), time.time_ns() + TOKEN_LIFE)

    # --- what is expected ---------------------------------------------------------------------

    def _expected(self, host: str) -> dict[str, str] | None:
        keys = next((keys for match, keys in self.written if self._means(match, host)), {})
        target = keys.get("registry", host)
        if target in HOSTS[4:]:
            return None
        account, _, _, region = target.split(".")[:4]
        profile, role = keys.get("profile", ""), keys.get("role_arn", "")
        names = f"AWS_ECR_PROFILE_{account}", f"AWS_ECR_ROLE_ARN_{account}"
        if any(name in self.environ for name in names):
            profile, role = (self.environ.get(name, "") for name in names)
        ambient = self.environ.get("AWS_ACCESS_KEY_ID")
        ambient = ambient or self.profiles[self.environ.get("AWS_PROFILE", "a")]
        return {
            "key": self.profiles[profile] if profile else ambient,
            "role": role,
            "region": keys.get("region", region),
            "endpoint": keys.get("endpoint_url", ""),
        }

    @staticmethod
    def _means(match: str, host: str) -> bool:
        if host in HOSTS[4:] or match in HOSTS[4:]:
            return match == host
        return {
            "*": True,
            "1*": host.startswith("1"),
            "*.us-east-1.*": ".us-east-1." in host,
        }.get(match, host.startswith(match))

    # --- files --------------------------------------------------------------------------------

    def _write_profiles(self) -> None:
        text = "".join(f"{name}={key}\n" for name, key in self.profiles.items())
        self._write(self.home / ".aws" / "config", text)

    def _write(self, path: Path, text: str, *, in_place: bool = False) -> None:
        if path.is_symlink():
            path.unlink()  # the file that was moved aside keeps its content
        if in_place and path.exists():
            path.write_text(text)
        else:
            beside = path.with_suffix(".new")
            beside.write_text(text)
            beside.replace(path)

    def _set(self, name: str, value: str | None) -> None:
        if value is None:
            self.environ.pop(name, None)
        else:
            self.environ[name] = value

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """Make `~` this machine's home: the AWS SDK looks for files there."""
        names = ("HOME", "USERPROFILE")
        before = {name: os.environ[name] for name in names}
        os.environ.update({name: self.environ[name] for name in names})
        try:
            yield
        finally:
            os.environ.update(before)


def test_no_edit_makes_a_get_answer_with_another_identitys_token() -> None:
    """No edit, in any order or during a `get`, leads to another identity's token."""
    run_state_machine_as_test(Edits, settings=options(max_examples=40, stateful_step_count=25))


@pytest.mark.parametrize("part", ["settings", "variables", "files"])
def test_the_machine_notices_a_line_that_lacks_a_part(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails for an identity that ignores one kind of edit."""
    real = identity.line

    def careless(environ: Mapping[str, str], settings: str | None = None) -> str:
        if part == "settings":
            return real(environ, "same")
        if part == "variables":
            prefixes = (identity.PROFILE_OF, identity.ROLE_OF)
            environ = {k: v for k, v in environ.items() if not k.startswith(prefixes)}
        else:
            environ = {**environ, "AWS_CONFIG_FILE": os.devnull}
        return real(environ, settings)

    def edit(machine: Edits, number: int) -> None:
        if part == "settings":
            machine.write_rules([(ACCOUNTS[0], {"profile": "ab"[number]})], None, in_place=False)
        elif part == "variables":
            machine.change_a_variable(f"AWS_ECR_PROFILE_{ACCOUNTS[0]}", number)
        else:
            machine.change_a_profile("a", f"key-{number}")

    def play() -> None:
        machine = Edits()
        try:
            machine.begin()
            for number in (0, 1):
                edit(machine, number)
                machine.get(HOSTS[0], again=False)
        finally:
            machine.teardown()

    play()
    monkeypatch.setattr(identity, "line", careless)
    with pytest.raises(AssertionError):
        play()
