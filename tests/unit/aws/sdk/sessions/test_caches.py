"""Facts about damaged sessions in the AWS CLI's caches."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import JSONFileCache

from docker_credential_ecrpy.aws.sdk.patches import patch_process
from docker_credential_ecrpy.aws.sdk.sessions import caches
from tests.world.damage import damage, is_expiry

TIME = "2035-01-01T00:00:00Z"
SSO = {"accessToken": "a", "expiresAt": TIME}
RENEWAL = dict.fromkeys(("refreshToken", "clientId", "clientSecret"), "b")
RENEWAL["registrationExpiresAt"] = TIME
LOGIN: dict[str, Any] = {
    "accessToken": {
        **dict.fromkeys(("accessKeyId", "secretAccessKey", "sessionToken", "accountId"), "c"),
        "expiresAt": TIME,
    },
    "refreshToken": "d",
    "clientId": "e",
    "dpopKey": "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
}
ROLE: dict[str, Any] = {
    "Credentials": {
        **dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "f"),
        "Expiration": TIME,
    }
}
NO_TEXTS: tuple[object, ...] = (
    None,
    1,
    1.5,
    True,
    "",
    " ",
    [],
    ["a"],
    {},
    {"a": "b"},
    "\ud800",
    "\x00",
    "\xfc",
    "\x7f",
)
NO_TIMES = ("soon", "1e9", "20350101", "2035-01-01T00:00:00", "2035-01-01T00:00:00+24:00")
LINES = ("a\nb", "a\r\nb", "\na")


@pytest.fixture
def cache(tmp_path: Path) -> JSONFileCache:
    """Return botocore's cache in an empty directory."""
    patch_process()
    return JSONFileCache(str(tmp_path))


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JSONFileCache:
    """Return the cache of assumed roles of an empty home."""
    patch_process()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / ".aws" / "cli" / "cache").mkdir(parents=True)
    return caches.CliCache()


def _write(cache: JSONFileCache, content: object) -> None:
    Path(cache._working_dir, "x.json").write_text(json.dumps(content))  # type: ignore[attr-defined]


def _give_values(name: str) -> list[object]:
    lines = () if name == "dpopKey" else LINES  # a PEM has several
    return [*NO_TEXTS, *lines, *(NO_TIMES if is_expiry(name) else ())]


@pytest.mark.parametrize("content", [SSO, SSO | RENEWAL, LOGIN, {**LOGIN, "signInRegion": None}])
def test_a_whole_session_is_there(cache: JSONFileCache, content: dict[str, Any]) -> None:
    """It is read as it is."""
    _write(cache, content)

    assert "x" in cache
    assert cache["x"] == content


def test_a_whole_role_is_there(roles: JSONFileCache) -> None:
    """It is read as it is, with what AWS answers beside it."""
    content = {**ROLE, "AssumedRoleUser": {"Arn": "a"}, "ResponseMetadata": {"RetryAttempts": 0}}
    _write(roles, content)

    assert "x" in roles
    assert roles["x"] == content


@pytest.mark.parametrize("content", [SSO, LOGIN], ids=["SSO", "login"])
def test_a_damaged_session_is_missing(cache: JSONFileCache, content: dict[str, Any]) -> None:
    """Whichever field is damaged, and however."""
    for name, damaged in damage(content, _give_values):
        _write(cache, damaged)
        assert "x" not in cache, (name, damaged)


def test_a_damaged_role_is_missing(roles: JSONFileCache) -> None:
    """It is assumed again."""
    for name, damaged in damage(ROLE, _give_values):
        _write(roles, damaged)
        assert "x" not in roles, (name, damaged)


def test_what_the_renewal_needs_is_left_out(cache: JSONFileCache) -> None:
    """The session is used until it ends."""
    for name, damaged in damage(RENEWAL, _give_values):
        _write(cache, SSO | damaged)
        assert "x" in cache
        whole = SSO | {key: value for key, value in RENEWAL.items() if key != name}
        assert cache["x"] == whole, damaged


@pytest.mark.parametrize("content", [None, [], "a", 1, [SSO]])
def test_what_is_no_object_is_missing(
    cache: JSONFileCache, roles: JSONFileCache, content: object
) -> None:
    """Such a file is not of the AWS CLI."""
    for each in (cache, roles):
        _write(each, content)
        assert "x" not in each


def test_what_is_nested_too_deeply_is_missing(cache: JSONFileCache) -> None:
    """botocore copies entries, which fails for them."""
    nested: Any = 1
    for _ in range(150):
        nested = [nested]
    _write(cache, {**SSO, "other": nested})

    assert "x" not in cache
    with pytest.raises(KeyError):
        cache["x"]
