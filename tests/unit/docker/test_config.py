"""Facts about Docker's config.json: its path, and what is read from it."""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.docker.config import (
    DockerConfig,
    auth_file_paths,
    bare_host,
    config_path,
    default_store,
    is_our_helper,
    shown_key,
)
from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.errors import HelperError
from tests.world.machine import HOST

PRIVATE = "images.example.com"


def config(made: Any) -> DockerConfig:
    data = json.dumps(made).encode()
    return DockerConfig("config.json", data, JsonDocument("config.json", data))


def auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/h", "USERPROFILE": "/h"}, "/h/.docker/config.json"),
        ({"HOME": "/h", "USERPROFILE": "/h", "DOCKER_CONFIG": ""}, "/h/.docker/config.json"),
        ({"HOME": "/h", "USERPROFILE": "/h", "DOCKER_CONFIG": "/d"}, "/d/config.json"),
        ({"DOCKER_CONFIG": "d"}, "d/config.json"),
    ],
)
def test_where_the_file_is(environ: dict[str, str], path: str) -> None:
    """The file is in DOCKER_CONFIG, or else in ~/.docker."""
    assert config_path(environ) == os.path.normpath(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
@pytest.mark.parametrize(
    ("environ", "paths"),
    [
        ({}, [f"/run/containers/{os.getuid()}/auth.json", "/h/.config/containers/auth.json"]),
        (
            {"XDG_RUNTIME_DIR": "/r", "XDG_CONFIG_HOME": "/c"},
            ["/r/containers/auth.json", "/c/containers/auth.json"],
        ),
        ({"XDG_RUNTIME_DIR": "/r", "REGISTRY_AUTH_FILE": "/a"}, ["/a"]),
    ],
)
def test_where_podmans_files_are(environ: dict[str, str], paths: list[str]) -> None:
    """The paths are in the order in which podman opens them."""
    assert auth_file_paths({"HOME": "/h", **environ}) == paths


@pytest.mark.parametrize(
    ("key", "bare"),
    [
        (HOST, HOST),
        (f"https://{HOST}", HOST),
        (f"https://{HOST}/v2/", HOST),
        (f"{HOST}:443", HOST),
        (f"{HOST.upper()}.", HOST),
        (f"AWS:secret@{HOST}", HOST),
        (f"{PRIVATE}:8443", f"{PRIVATE}:8443"),
        (f"https://{PRIVATE}:8443/v2/", f"{PRIVATE}:8443"),
        (PRIVATE.title(), PRIVATE),
        ("https://index.docker.io/v1/", "index.docker.io"),
        ("", ""),
        ("a b", ""),
        ("[::1]:5000", ""),
    ],
)
def test_what_docker_looks_for(key: str, bare: str) -> None:
    """Docker looks up the host with its port, except for ECR's own hosts."""
    assert bare_host(key) == bare


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (HOST, HOST),
        (f"https://u:p/w@d@{HOST}/v1", f"https://{HOST}/v1"),
        (f"u:p@{HOST}", HOST),
        ("a\nb", "a b"),
    ],
)
def test_how_a_key_is_shown(key: str, shown: str) -> None:
    """A key is shown without the password in it."""
    assert shown_key(key) == shown


@pytest.mark.parametrize(
    ("fields", "login"),
    [
        (None, None),
        ({}, None),
        ({"auth": ""}, None),
        ({"email": "a@example.com"}, None),
        ({"auth": auth("AWS:pw:x\0\0")}, ("AWS", "pw:x")),
        ({"Auth": auth("AWS:pw")}, ("AWS", "pw")),
        ({"username": "AWS", "password": "pw"}, ("AWS", "pw")),
        ({"auth": auth("a:b"), "username": "c", "password": "d"}, ("a", "b")),
        ({"identitytoken": "t"}, ("", "")),
    ],
    ids=str,
)
def test_what_an_entry_is(fields: Any, login: tuple[str, str] | None) -> None:
    """An entry is a login, or None where it is empty."""
    found = config({"auths": {HOST: fields}}).logins

    assert [(each.username, each.password) for each in found] == ([login] if login else [])


@pytest.mark.parametrize(
    "fields",
    ["x", "", 1, [], True, {"auth": "!"}, {"auth": 1}, {"auth": auth("AWS")}, {"username": 1}],
    ids=str,
)
def test_what_docker_cannot_read(fields: Any) -> None:
    """It is a problem of the file, named by its key, and still belongs to its registry."""
    found = config({"auths": {HOST: fields}, "credHelpers": {"a": None, "b": 1}, "credsStore": []})

    assert found.logins == []
    assert found.login_keys(HOST) == [HOST]
    assert [str(problem).partition(": ")[0] for problem in found.problems] == [
        f"auths, '{HOST}'",
        "credHelpers, 'b'",
        "credsStore is not a string",
    ]


def test_a_login_does_not_show_its_password() -> None:
    """The repr of a login has no password."""
    assert "hunter2" not in repr(config({"auths": {HOST: {"auth": auth("AWS:hunter2")}}}).logins)


def test_when_a_login_expires() -> None:
    """An ECR password has its expiry in it; other passwords have none."""
    password = auth(json.dumps({"expiration": 2}))
    found = config({"auths": {HOST: {"auth": auth(f"AWS:{password}")}, "x": {"auth": auth("a:b")}}})

    assert [login.expires for login in found.logins] == [2_000_000_000, None]


def test_the_keys_of_a_registry() -> None:
    """They are found in every form; keys with another port belong to another registry."""
    keys = [HOST, f"https://{HOST}", f"{HOST}/team", f"{PRIVATE}:8443", PRIVATE]
    found = config(
        {
            "auths": {key: {"auth": auth("a:b")} for key in keys},
            "credHelpers": dict.fromkeys(keys, "x"),
        }
    )

    assert found.login_keys(HOST) == keys[:3]
    assert found.mistaken_keys(HOST) == keys[1:3]
    assert found.login_keys(PRIVATE) == [PRIVATE]
    assert found.mistaken_keys(PRIVATE) == []
    assert found.login_keys(f"{PRIVATE}:8443") == [f"{PRIVATE}:8443"]


@pytest.mark.parametrize(
    ("made", "any_of_them"),
    [
        ({}, False),
        ({"auths": {}, "credHelpers": None, "credsStore": ""}, False),
        ({"auths": {"x": {}}}, True),
        ({"CredHelpers": {"x": "y"}}, True),
        ({"credsstore": "y"}, True),
    ],
    ids=str,
)
def test_whether_it_configures_credentials(made: Any, any_of_them: bool) -> None:
    """Sections count in any letter case, as Go reads them."""
    assert config(made).has_any is any_of_them


def test_the_names_of_this_program() -> None:
    """The full name of the program, a common mistake, counts too."""
    assert is_our_helper("ecr-login")
    assert is_our_helper("docker-credential-ecrpy")
    assert not is_our_helper("")
    assert not is_our_helper("desktop")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file has no helpers, no logins and no problems."""
    found = DockerConfig.load(str(tmp_path / "config.json"))

    assert (found.data, found.helpers, found.store, found.logins) == (None, {}, "", [])


@pytest.mark.parametrize("section", ["auths", "credHelpers"])
def test_a_section_of_another_kind(tmp_path: Path, section: str) -> None:
    """A section that is not an object is an error when the file is loaded."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({section: []}))

    with pytest.raises(HelperError, match=f'"{section}" is not an object'):
        DockerConfig.load(str(path))


@pytest.mark.skipif(sys.platform != "linux", reason="the stores of Linux")
@pytest.mark.parametrize(
    ("programs", "store"),
    [
        ([], ""),
        (["docker-credential-secretservice"], "secretservice"),
        (["docker-credential-pass"], ""),
        (["docker-credential-pass", "pass"], "pass"),
        (["docker-credential-secretservice", "pass"], ""),
    ],
    ids=str,
)
def test_dockers_default_store(tmp_path: Path, programs: list[str], store: str) -> None:
    """It is pass where pass is installed, or else the desktop's; none without its helper."""
    for name in programs:
        (tmp_path / name).touch(0o700)

    assert default_store({"PATH": str(tmp_path)}) == store


def test_wrapped_base64_is_read_as_go_reads_it() -> None:
    """Go's decoder skips line ends, which `base64` writes, and no other blanks."""
    digits = auth("AWS:secret")
    wrapped = {"a": {"auth": f"{digits[:4]}\n{digits[4:]}\r\n"}, "b": {"auth": f" {digits}"}}
    found = config({"auths": wrapped})

    assert [(login.key, login.password) for login in found.logins] == [("a", "secret")]
    assert [str(problem) for problem in found.problems] == ["auths, 'b': its auth is not base64"]


def test_the_last_of_equal_keys_counts() -> None:
    """Docker decides by the last entry for a registry, also across repeated sections."""
    text = f"""{{"auths": {{"a": {{"auth": "???"}}, "b": {{"auth": "{auth("u:1")}"}}}},
        "AUTHS": {{"a": {{}}, "b": {{"auth": "{auth("u:2")}"}}}},
        "credsStore": "x", "credsstore": "y"}}"""
    found = DockerConfig.parse("config.json", text.encode())

    assert found.problems == []
    assert [(login.key, login.password) for login in found.logins] == [("b", "2")]
    assert found.login_keys("a") == []
    assert found.store == "y"
