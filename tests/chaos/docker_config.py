"""Docker's config.json, which `configure` and logins to other registries rewrite."""

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.chaos.history import History, Look, Run, Write
from tests.chaos.verdict import Verdict

FOLDER = ".docker"
_FILE = "config.json"
_BACKUPS_KEPT = 3
NAMES = re.compile(r"config\.json(\.[0-9TZ-]+(\.none)?\.bak)?")
"""The names of what a `configure` leaves beside the file, and of the file."""


def log_in(home: Path, number: int, gap: float) -> Write | None:
    """Add a login to the file, as Docker does: without a lock, with an atomic replace.

    gap: seconds between its read and its replace. Returns None where the disk is full.
    """
    folder = home / FOLDER
    marker = f"login-{number}.example.com"
    began = time.time()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        fields = json.loads((folder / _FILE).read_text()) if (folder / _FILE).exists() else {}
        time.sleep(gap)
        secret = base64.b64encode(b"user:" + marker.encode()).decode()
        fields.setdefault("auths", {})[marker] = {"auth": secret}
        beside = folder / f"config.json{number}"
        beside.touch(0o600)
        beside.write_text(json.dumps(fields, indent="\t"))
        beside.replace(folder / _FILE)
    except (OSError, ValueError):
        with suppress(OSError):
            (folder / f"config.json{number}").unlink()
        return None
    return Write(home, marker, began, time.time())


def look(home: Path) -> Look:
    """Return the file's present content, and the texts of all files beside it."""
    texts = ""
    for path in sorted((home / FOLDER).glob("*")) + sorted((home / FOLDER).glob(".*")):
        with suppress(OSError):  # a temporary file that is gone by now
            texts += path.read_text(errors="replace") if path.is_file() else ""
    fields, is_broken = None, False
    try:
        fields = json.loads((home / FOLDER / _FILE).read_text())
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        is_broken = True
    return Look(home, time.time(), fields, texts, is_broken)


def check(history: History, verdict: Verdict) -> None:
    """Check that no change of the file was lost, and that its readers are the same."""
    for home in sorted({seen.home for seen in history.looks}):
        runs = [run for run in history.runs if _rewrites(run) and run.actor.home.path == home]
        looks = [seen for seen in history.looks if seen.home == home]
        logins = [write for write in history.logins if write.home == home]
        quiet = [seen for seen in looks if not any(r.began <= seen.at <= r.ended for r in runs)]
        for seen in looks:
            verdict.hold("config", not seen.is_broken, f"{home.name}: config.json is not JSON")
        for text in _list_lost_logins(quiet, runs, logins):
            verdict.hold("config", not text, text)
        for seen in quiet:
            for text in _list_lost_changes(seen, runs, logins):
                verdict.hold("config", not text, text)
        _look_at_files(history, home, runs, verdict)


def _rewrites(run: Run) -> bool:
    return run.call.action in ("configure", "unconfigure")


def _list_lost_logins(looks: list[Look], runs: list[Run], logins: list[Write]) -> Iterator[str]:
    """Return, for each login and look, that it is lost; "" where it is not."""
    for write in logins:
        since = write.began
        for seen in looks:
            if seen.at < write.ended:
                continue
            between = [run for run in runs if run.ended >= since and run.began <= seen.at]
            if any(not run.whole for run in between) or len(between) > _BACKUPS_KEPT:
                break  # killed between two steps; or its backup may have been removed since
            since = seen.at
            is_in_file = write.marker in (seen.fields or {}).get("auths", {})
            lost = not is_in_file and write.marker not in seen.texts
            yield f"the login {write.marker} of {seen.home.name} is lost" if lost else ""
            if not is_in_file:
                break  # its backup may be removed later


def _list_lost_changes(seen: Look, runs: list[Run], logins: list[Write]) -> Iterator[str]:
    """Return, for each configure that said "written", that its change is lost; or ""."""
    helpers = (seen.fields or {}).get("credHelpers", {})
    for run in runs:
        if run.ended > seen.at or not _said_written(run):
            continue
        opposite = [
            other
            for other in runs
            if other.call.host == run.call.host
            and other.call.action != run.call.action
            and other.began <= seen.at
            and other.ended >= run.began
            and other.code != 1
        ]
        # Docker's client writes what it read before, with our change or without.
        overtaken = any(w.began <= run.ended and w.ended >= run.began for w in logins)
        if opposite or overtaken:
            continue
        wanted = run.call.action == "configure"
        kept = (run.call.host in helpers) == wanted
        yield "" if kept else f'{run} said "written", and its change is not in the file'


def _said_written(run: Run) -> bool:
    return (
        run.done and re.search(rb"^written: .*config\.json", run.stdout, re.MULTILINE) is not None
    )


def _look_at_files(history: History, home: Path, runs: list[Run], verdict: Verdict) -> None:
    folder = home / FOLDER
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        verdict.hold("strays", NAMES.fullmatch(name), f"{home.name}/.docker/{name}")
        mode = (folder / name).lstat().st_mode & 0o777
        verdict.hold("modes", not mode & 0o077, f"{home.name}/.docker/{name}: {mode:o}")
