"""Hostile standard input, one target per action."""

import base64
import codecs
import json
import os
import time
from functools import cache

from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.tokens.folder import MARKER, open_folder
from docker_credential_ecrpy.tokens.login import password_expiry
from tests.fuzz import oracles
from tests.fuzz.sandbox import MADE_UP, Sandbox
from tests.world.bazel import decode
from tests.world.machine import HOST, NOT_FOUND

PRIVATE = "images.example.com"
NEIGHBOUR = "210987654321.dkr.ecr.us-east-1.amazonaws.com"
_BLANKS = b" \t\r\n"
_SETTINGS = f'[[registry]]\nmatch = "{PRIVATE}"\nregistry = "{HOST}"\n'.encode()
_NO_URL = b"no credentials server URL\n"


@cache
def _open_sandboxes() -> tuple[Sandbox, Sandbox]:
    """Return a home without settings, and one with a private name for a registry."""
    return Sandbox({}), Sandbox({".ecr/config.toml": _SETTINGS})


@cache
def _open_filled_sandbox() -> Sandbox:
    """Return a home where three registries have a login, a token and a note in the list."""
    sandbox = Sandbox({".ecr/config.toml": _SETTINGS})
    with sandbox.entered():
        for host in (HOST, NEIGHBOUR, PRIVATE):
            assert sandbox.run("get", host.encode()).code == 0
            login = {"ServerURL": host, "Username": "AWS", "Secret": f"login to {host}"}
            assert sandbox.run("store", json.dumps(login).encode()).code == 0
        for name, data in sandbox.found().items():
            if "/locks/" not in name:
                sandbox.files[name] = data
    return sandbox


def get(data: bytes) -> None:
    """ECR hosts get a token and other input gets Docker's exact text, twice alike.

    An object is a request of Bazel's protocol.
    """
    sent = data.strip(_BLANKS)
    if sent.removeprefix(codecs.BOM_UTF8).strip(_BLANKS).startswith(b"{"):
        _get_headers(sent)
        return
    address = sent.decode("latin-1")
    host = oracles.host_of(address)
    for sandbox, others in zip(_open_sandboxes(), ((), (PRIVATE,)), strict=True):
        with sandbox.entered():
            before = sandbox.fetched
            result = sandbox.run("get", data)
            assert sandbox.run("get", data) == result
            if oracles.is_ecr(host) or host in others:
                secret = f"{MADE_UP}{sandbox.fetched}"
                reply = {"ServerURL": address, "Username": "AWS", "Secret": secret}
                assert (result.code, json.loads(result.stdout)) == (0, reply)
                assert sandbox.fetched == before + 1, "the second get must come from the cache"
            else:
                assert (result.code, result.stderr) == (1, b""), result
                assert result.stdout == (NOT_FOUND if sent else _NO_URL)
                assert sandbox.fetched == before


def _get_headers(sent: bytes) -> None:
    """One URI of an ECR host or a private name gets headers; all else is an error, twice alike."""
    uri = ""
    try:
        fields = json.loads(sent.decode("utf-8-sig"), object_pairs_hook=list)
        (uri,) = [value for name, value in fields if name == "uri"]
        scheme, separator, _ = uri.partition("://")
        uri = "" if separator and scheme.lower() != "https" else uri
    except (ValueError, RecursionError, AttributeError):
        pass
    host = oracles.host_of(uri) if isinstance(uri, str) else ""
    for sandbox, others in zip(_open_sandboxes(), ((), (PRIVATE,)), strict=True):
        with sandbox.entered():
            before = sandbox.fetched
            result = sandbox.run("get", sent, form="headers")
            assert sandbox.run("get", sent, form="headers") == result
            if oracles.is_ecr(host) or host in others:
                login = f"AWS:{MADE_UP}{sandbox.fetched}".encode()
                headers = {"Authorization": [f"Basic {base64.b64encode(login).decode()}"]}
                assert decode(result).headers == headers
            elif result.code == 0:
                assert "starport-layer-bucket" in host
                assert decode(result).headers == {}
            assert sandbox.fetched - before == bool(result.code == 0 and decode(result).headers)


def store(data: bytes) -> None:
    """A stored login is returned until it expires; after `erase` none of it is left."""
    sandbox = _open_sandboxes()[1]
    with sandbox.entered():
        result = sandbox.run("store", data)
        kept = [name for name in sandbox.found() if "/logins/" in name and MARKER not in name]
        if result.code:
            assert kept == []
            return
        login = json.loads(data.strip(_BLANKS))
        address, secret = login["ServerURL"].strip(), login["Secret"]
        host = oracles.host_of(address)
        assert oracles.is_ecr(host) or host == PRIVATE, host
        assert json.loads(sandbox.run("list").stdout) == {f"https://{host}": "AWS"}
        reply = json.loads(sandbox.run("get", address.encode()).stdout)
        end = password_expiry(secret)
        if end is not None and end <= time.time_ns():
            login = {"Username": "AWS", "Secret": f"{MADE_UP}{sandbox.fetched}"}
        wanted = {name: login[name] for name in ("Username", "Secret")}
        assert reply == wanted | {"ServerURL": address}
        assert sandbox.run("erase", address.encode()).code == 0
        files = sandbox.found()
        found = {name for name in files if "/locks/" not in name}
        # An emptied login counts as none, and its file stays.
        emptied = {name for name in found if "/logins/" in name and not files[name]}
        left = {name for name in found - emptied if not _is_lasting(name)}
        assert left == set(sandbox.files)
        assert sandbox.run("list").stdout == b"{}\n"


def _is_lasting(name: str) -> bool:
    """Whether a file is of no host: a folder's marker, or the checked rules."""
    return os.path.basename(name).partition("~")[0] in (MARKER, paths.RULES)


def erase(data: bytes) -> None:
    """The files of the named host are removed, and no others."""
    sandbox = _open_filled_sandbox()
    host = oracles.host_of(data.strip(_BLANKS).decode("latin-1"))
    names = {host}
    found = registry.parse(HOST if host == PRIVATE else host)
    if found:
        names.add(found.endpoint)
    with sandbox.entered():
        result = sandbox.run("erase", data)
        assert (result.code == 0) == bool(data.strip(_BLANKS)), result
        left = {name: held for name, held in sandbox.found().items() if "/locks/" not in name}
    gone = {
        name
        for name in sandbox.files
        if name.count("/") > 1 and name.rpartition("/")[2].partition("~")[0] in names
    }
    # An emptied login counts as none, and its file stays.
    emptied = {name for name in gone & set(left) if "/logins/" in name and not left[name]}
    kept = {name: held for name, held in left.items() if name not in emptied}
    assert kept == {name: held for name, held in sandbox.files.items() if name not in gone}


def list_(data: bytes) -> None:
    """Only ECR hosts and private names are listed, whatever other names are in the directory."""
    sandbox = _open_sandboxes()[1]
    with sandbox.entered():
        folder = sandbox.path(".ecr/registries")
        open_folder(folder, create=True).close()
        ours = set()
        for line in data.split(b"\n"):
            name = os.fsdecode(line)
            if not name or os.path.basename(name) != name:
                continue
            try:
                os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600))
            except (OSError, ValueError):
                continue  # not a valid file name
            if oracles.host_of(name) == name:
                ours |= {name} if oracles.is_ecr(name) or name == PRIVATE else set()
        result = sandbox.run("list", data)
        assert json.loads(result.stdout) == {f"https://{name}": "AWS" for name in ours}
