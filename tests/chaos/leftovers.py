"""Checks of what an episode leaves on the disk, in logs, and in the loopback AWS."""

import json
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.chaos import docker_config
from tests.chaos.history import History, Run
from tests.chaos.plan import ATTACKED, FOLDERS, PUBLIC
from tests.chaos.second_user import UID
from tests.chaos.verdict import Verdict
from tests.world.machine import NOT_FOUND

_NAMES = {
    "tokens": re.compile(r"[a-z0-9.@-]+~[0-9a-f]{32}"),
    "logins": re.compile(r"[a-z0-9.-]+~[0-9a-f]{32}"),
    "locks": re.compile(r"[a-z0-9.@-]+~[0-9a-f]{3}|logins"),
    "registries": re.compile(r"[a-z0-9.-]+"),
    "elsewhere": re.compile(r"(?:[a-z0-9.-]+|rules@config\.toml)~[0-9a-f]{32}"),
}
_MARKER = ".docker-credential-ecrpy"
"""The name of the file that says whose a folder is."""
_GO_HELPERS = {"cache.json", "log", "ecr-login.log"}
"""What the Go helper, whose version a configure asks for, has in ~/.ecr, or else in TMPDIR."""
_AWS_CLIS = re.compile(r"[0-9a-f]{40}\.json")
# Files that contain secrets by design, and the campaign's own files.
_ON_PURPOSE = ("tokens", "logins", "cli", "sso", "etc")


def look(history: History, verdict: Verdict) -> None:
    """Check everything that the episode left."""
    _look_at_fetches(history, verdict)
    _look_at_lists(history, verdict)
    _look_at_files(history, verdict)
    _look_at_documents(history, verdict)
    _look_for_secrets(history, verdict)


def _look_at_fetches(history: History, verdict: Verdict) -> None:
    """Check that no process asked AWS for a token that another was fetching at that moment."""
    verdict.checked["one fetch"] += history.fetches
    reach = max((run.limit for run in history.runs), default=0)
    for overlap in history.overlaps:
        arn, region, service = overlap.key
        actors = [each for each in history.actors.values() if arn in each.home.arns]
        since = min(overlap.first, overlap.second) - reach
        excused = any(history.full.during(since, overlap.second)) or any(
            len(actor.home.past.during(since, overlap.second)) > 1  # two identities, not one
            or any(
                damage.cache == actor.cache and damage.folder == "locks"
                for damage in history.damages
            )
            for actor in actors
        )
        apart = (overlap.second - overlap.first) * 1000
        text = f"two fetches for {arn} of {service} in {region}, {apart:.0f} ms apart"
        if not excused:
            verdict.hold("one fetch", False, text)


def _look_at_lists(history: History, verdict: Verdict) -> None:
    """Check that `list` names only hosts that were asked for, and all that gave a token."""
    for run in history.runs:
        if run.call.action != "list" or not run.done:
            continue
        listed = set(json.loads(run.stdout))
        earlier = [other for other in history.runs if other.actor.cache == run.actor.cache]
        asked = {f"https://{other.call.host}" for other in earlier if other.began < run.ended}
        verdict.hold("list", listed <= asked, f"{run}: nothing asked for {sorted(listed - asked)}")
        due = {
            f"https://{other.call.host}"
            for other in earlier
            if other.call.action in ("get", "store") and _counts(other) and other.ended < run.began
        }
        verdict.hold(
            "list", _troubled(history, run) or due <= listed, f"{run}: lacks {sorted(due - listed)}"
        )


def _counts(run: Run) -> bool:
    own_name = run.call.host == PUBLIC or run.call.host.endswith(".amazonaws.com")
    return run.done and own_name and run.stdout != NOT_FOUND


def _troubled(history: History, run: Run) -> bool:
    """Return whether a host may be missing from a list, since it could not be noted."""
    cache = run.actor.cache
    return (
        any(history.full.during(0, run.ended))
        or any(damage.cache == cache for damage in history.damages)
        or any(
            other.actor.cache == cache and (not other.whole or other.call.action == "erase")
            for other in history.runs
        )
    )


def _look_at_files(history: History, verdict: Verdict) -> None:
    caches = {actor.cache for actor in history.actors.values()} - history.exposed
    for cache in sorted(caches):
        names = {path.name for path in cache.iterdir()} if cache.is_dir() else set()
        known = names <= {*FOLDERS, *_GO_HELPERS}
        verdict.hold("strays", known, f"{cache}: {sorted(names)}")
        for folder in FOLDERS:
            for path in _inside(cache / folder):
                known = path.name == _MARKER or history.documents.has(path)
                known = known or bool(_NAMES[folder].fullmatch(path.name))
                verdict.hold("strays", known, f"{folder}/{path.name}")
            _look_at_modes(history, cache / folder, verdict)
    for actor in history.actors.values():
        home = actor.home.path
        for path in _inside(home / ".aws" / "cli" / "cache"):
            verdict.hold("strays", _AWS_CLIS.fullmatch(path.name), f"~/.aws/cli/cache/{path.name}")
        names = {path.name for path in _inside(home)}
        verdict.hold(
            "strays",
            names <= {".ecr", ".aws", docker_config.FOLDER},
            f"{home.name}: {sorted(names)}",
        )
    for empty in (history.root / "tmp", history.disk / "elsewhere"):
        names = {path.name for path in _inside(empty)} - _GO_HELPERS
        verdict.hold("strays", not names, f"{empty.name}: {sorted(names)}")


def _look_at_documents(history: History, verdict: Verdict) -> None:
    changes = history.documents.list_changes()
    verdict.checked["documents"] += history.documents.count - len(changes)
    for text in changes:
        verdict.hold("documents", False, text)


def _look_at_modes(history: History, folder: Path, verdict: Verdict) -> None:
    if not folder.is_dir() or folder.is_symlink():
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    verdict.hold("modes", mode == 0o700, f"{folder}: {mode:o}")
    for path in folder.iterdir():
        seen = path.lstat()
        if history.documents.has(path):
            continue
        if stat.S_ISREG(seen.st_mode) and seen.st_ino not in history.touched:
            mode = stat.S_IMODE(seen.st_mode)
            verdict.hold("modes", mode == 0o600, f"{path}: {mode:o}")


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _look_for_secrets(history: History, verdict: Verdict) -> None:
    secrets = history.secrets()
    for where, text in _seen(history):
        leaked = any(secret in text for secret in secrets)
        verdict.hold("secrets", not leaked, f"{where} holds a secret")


def _seen(history: History) -> Iterator[tuple[str, str]]:
    """Return each text that must not have secrets, and where it is."""
    for run in history.runs:
        yield f"standard error of {run}", run.stderr.decode(errors="replace")
        if run.call.action != "get" or run.code == 1:
            yield f"standard output of {run}", run.stdout.decode(errors="replace")
    for top in (history.root, history.disk):
        for path in top.rglob("*"):
            if _is_open_to_others(history, path):
                yield (
                    f"the file {path}, which another user can read,",
                    path.read_text(errors="replace"),
                )
            yield "a file's name", path.name
            parts = path.relative_to(top).parts
            if not any(part in _ON_PURPOSE for part in parts) and path.is_file():
                yield f"the file {path.name}", path.read_text(errors="replace")


def _is_open_to_others(history: History, path: Path) -> bool:
    """Return whether a file is in a directory of both users, and the other can read it."""
    shared = [history.root / name for name in ATTACKED]
    if not any(folder in path.parents for folder in shared):
        return False
    with suppress(OSError):
        seen = path.lstat()
        return stat.S_ISREG(seen.st_mode) and (seen.st_uid == UID or bool(seen.st_mode & 0o077))
    return False
