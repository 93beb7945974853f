"""Secrets appear only in the reply: every scenario, logged, with all output searched."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world.credential_sources import CREDENTIAL_SOURCES
from tests.world.failures import FAILURES
from tests.world.machine import HOST, Machine

SCENARIOS: dict[str, Callable[[Machine], None]] = {
    **{f"source: {source.__name__}": source for source in CREDENTIAL_SOURCES},
    **{f"cause: {name}": cause.set_up for name, cause in FAILURES.items()},
}
# Files that contain tokens by design, and the files of the set-up itself.
KEPT_ON_PURPOSE = (
    *(".ecr/tokens", ".ecr/logins"),
    *(".aws/cli/cache", ".aws/sso/cache", ".aws/login/cache"),
)


def _secrets(machine: Machine, more: set[str]) -> set[str]:
    """Return every secret: keys, session tokens, passwords, SSO and OIDC tokens."""
    found = {keys.secret_key for keys in machine.aws.keys.values()} | more
    found |= {keys.session_token for keys in machine.aws.keys.values() if keys.session_token}
    found |= set(machine.aws.issued) | set(machine.aws.sso_tokens) | machine.aws.web_identity_tokens
    found |= {
        base64.b64encode(f"AWS:{password}".encode()).decode() for password in machine.aws.issued
    }
    found |= set(machine.aws.login_refresh_tokens)
    found |= machine.aws.sso_refresh_tokens | {"proxy-password", "client-secret-value"}
    found |= {part for secret in found.copy() for part in _parts(secret)}
    container = machine.aws.container_authorization
    return found | {container} if container else found


def _parts(secret: str) -> list[str]:
    """Return pieces of a long secret, since it may be printed with line breaks or cut short."""
    return [secret[at : at + 40] for at in range(0, len(secret) - 40, 40)]


def _snapshot(machine: Machine) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in machine.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", SCENARIOS, ids=SCENARIOS)
def test_nothing_secret_is_printed_logged_or_left(machine: Machine, name: str) -> None:
    """After a cold, cached or failed get, and each action, output, log and files have no secret."""
    SCENARIOS[name](machine)
    before_keys = dict(machine.aws.keys)
    machine.environ |= {"AWS_ECR_DEBUG": "1", "AWS_ECR_LOG": str(machine.root / "helper.log")}
    before = _snapshot(machine)
    login = "a-login-password"
    fields = {"ServerURL": HOST, "Username": "AWS", "Secret": login}

    seen = []
    for arguments, stdin in (
        (["get"], HOST),
        (["get"], HOST),
        (["get"], "public.ecr.aws"),
        (["store"], json.dumps(fields)),
        (["store"], json.dumps({**fields, "ServerURL": f"https://u:{login}@ghcr.io"})),
        (["get"], f"https://u:{login}@{HOST}/"),
        (["list"], ""),
        (["erase"], HOST),
    ):
        result = machine.run(*arguments, stdin=stdin.encode())
        seen.append(result.stderr)
        if result.code != 0 or arguments != ["get"]:
            seen.append(result.stdout)
    after = _snapshot(machine)

    seen += [
        data
        for path, data in after.items()
        if before.get(path) != data and not any(part in path.as_posix() for part in KEPT_ON_PURPOSE)
    ]
    for path in machine.cache.glob("tokens/*"):  # the part before the token, which the entry stores
        seen.append(path.read_bytes().partition(b'"Secret"')[0])
    assert machine.root / "helper.log" in after
    everything = b"\n".join(seen).decode()
    machine.aws.keys.update(before_keys)
    leaked = {secret for secret in _secrets(machine, {login}) if secret in everything}
    assert leaked == set()
    # Access key ids are no secrets, but an output or a log does not need them.
    printed = b"\n".join([*seen[:8], after[machine.root / "helper.log"]]).decode()
    assert not any(access_key in printed for access_key in machine.aws.keys)


def test_the_search_would_find_one(machine: Machine) -> None:
    """The search finds the token in the reply, so it is able to fail."""
    SCENARIOS["source: environment"](machine)
    reply = machine.get().stdout.decode()

    assert any(secret in reply for secret in _secrets(machine, set()))


def test_a_credential_process_gets_the_same_environment(machine: Machine) -> None:
    """A credential_process gets the whole environment of the helper, and nothing more."""
    from tests.world import credential_sources

    out = machine.root / "child.json"
    credential_sources.process(
        machine,
        "import json, os, sys\nseen = json.dumps([sys.argv, dict(os.environ)])\n"
        f"open({str(out)!r}, 'w').write(seen)\nsys.exit('no')",
    )
    machine.get()
    argv, environ = json.loads(out.read_text())

    assert len(argv) == 1
    assert {k: v for k, v in environ.items() if k != "LC_CTYPE"} == machine.environ


def test_a_log_says_what_is_needed(machine: Machine) -> None:
    """The log has the entry, why it missed, the identity's source, the endpoint and timings."""
    machine.login()
    log = machine.root / "helper.log"
    machine.get(AWS_ECR_LOG=str(log))
    machine.get(AWS_ECR_LOG=str(log))
    text = log.read_text()

    for part in (
        f"no entry for {HOST} under {machine.cache}: there is none yet",
        "credentials from env, profile default",
        "calling ECR at https://api.ecr.us-east-1.amazonaws.com",
        f"entry for {HOST} under {machine.cache}",
        " ms  ",
    ):
        assert part in text
    assert log.stat().st_mode & 0o777 == 0o600
