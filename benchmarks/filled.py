"""A cache with the tokens of many other registries, as after a long time of use."""

import json
import os
import shutil
import time
from collections.abc import Iterable

from benchmarks.programs import GO
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import recent
from tests.world.aws import ACCOUNT, LIFE
from tests.world.machine import HOST, Machine

_FIRST = 300_000_000_000  # account
_OF_ACCOUNT = HOST.removeprefix(ACCOUNT)


def fill(machine: Machine, program: str, entries: int, before: Iterable[Machine | None]) -> None:
    """Store this many live tokens of a tenth as many hosts; no sweep removes any meanwhile.

    before: machines of others of ours; if one exists, its content is copied.
    """
    if program == GO:
        _fill_as_go_does(machine, [f"{_FIRST + number}" for number in range(entries)])
        return
    for other in filter(None, before):
        shutil.copytree(other.cache, machine.cache, dirs_exist_ok=True)
    _add_missing(machine, entries)


def forget(machine: Machine, program: str, entries: int) -> None:
    """Restore the cache to its state after `fill`: a sweep may have removed a part."""
    if program == GO:
        shutil.copy(machine.root / "filled.json", machine.cache / "cache.json")
        return
    for folder in ("tokens", "logins"):
        for file in machine.entries(folder):
            if not file.name.startswith(str(_FIRST)[0]):
                file.unlink()
    _add_missing(machine, entries)


def _add_missing(machine: Machine, entries: int) -> None:
    tokens, hosts = machine.cache / paths.TOKENS, machine.cache / paths.REGISTRIES
    there = {*os.listdir(tokens), *os.listdir(hosts)}
    password = machine.aws.password("arn", "us-east-1")
    now = time.time_ns()
    reply = json.dumps({"Username": "AWS", "Secret": password}, separators=(",", ":"))[1:] + "\n"
    half, whole = (now + part * cache.SECOND for part in (LIFE // 2, LIFE))
    data = entry_file.pack("another one", cache.Entry(now, half, whole, reply.encode()))
    for number in range(entries):
        host = f"{_FIRST + number % (entries // 10)}{_OF_ACCOUNT}"
        path = tokens / f"{host}~{number:032x}"
        if path.name not in there:
            path.write_bytes(data)
            path.chmod(0o600)
        if number < entries // 10 and host not in there:
            recent.remember(str(machine.cache), host)


def _fill_as_go_does(machine: Machine, accounts: list[str]) -> None:
    """Multiply the one entry that the Go helper wrote; its key ends with the account."""
    data = json.loads((machine.cache / "cache.json").read_text())
    ((key, entry),) = data["Registries"].items()
    data["Registries"] = {
        key.replace(ACCOUNT, account): {**entry, "ProxyEndpoint": f"https://{account}{_OF_ACCOUNT}"}
        for account in accounts
    }
    (machine.root / "filled.json").write_text(json.dumps(data))
