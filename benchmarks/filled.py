"""A cache with the tokens of many other registries, as after a long time of use."""

import json
import shutil
import time

from benchmarks.programs import GO
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import recent
from tests.world.aws import ACCOUNT, LIFE
from tests.world.machine import HOST, Machine

_OF_ACCOUNT = HOST.removeprefix(ACCOUNT)


def fill(machine: Machine, program: str, entries: int) -> None:
    """Write this many live tokens into the machine's cache, each for another account's registry."""
    accounts = [f"{300_000_000_000 + number}" for number in range(entries)]
    password = machine.aws.password("arn", "us-east-1")
    if program == GO:
        _fill_as_go_does(machine, accounts)
        return
    now = time.time_ns()
    reply = json.dumps({"Username": "AWS", "Secret": password}, separators=(",", ":"))[1:] + "\n"
    half, whole = (now + part * cache.SECOND for part in (LIFE // 2, LIFE))
    for account in accounts:
        host = account + _OF_ACCOUNT
        place = cache.token_place(str(machine.cache), host, "AWS_PROFILE='other'")
        entry_file.write(*place, cache.Entry(now, half, whole, reply.encode()))
        recent.remember(str(machine.cache), host)


def forget(machine: Machine, program: str) -> None:
    """Restore the cache to its state after `fill`."""
    if program == GO:
        shutil.copy(machine.root / "filled.json", machine.cache / "cache.json")
        return
    for folder in ("tokens", "logins"):
        for file in machine.entries(folder):
            if not file.name.startswith("3"):
                file.unlink()


def _fill_as_go_does(machine: Machine, accounts: list[str]) -> None:
    """Multiply the one entry that the Go helper wrote; its key ends with the account."""
    data = json.loads((machine.cache / "cache.json").read_text())
    ((key, entry),) = data["Registries"].items()
    data["Registries"] = {
        key.replace(ACCOUNT, account): {**entry, "ProxyEndpoint": f"https://{account}{_OF_ACCOUNT}"}
        for account in accounts
    }
    (machine.root / "filled.json").write_text(json.dumps(data))
