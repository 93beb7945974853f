"""Fuzzes the code that reads hostile input: `python -m tests.fuzz [--seconds N] [--target NAME]`.

Each target has its own process and its share of the time. It starts from the kept inputs in
`corpus/<target>/`; `--keep` adds new ones to them. The same `--seed` gives the same inputs in the
same order. An input that breaks a promise is saved below `build/fuzz/`; `--input` runs it again.
"""

import argparse
import importlib.metadata
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.fuzz.child import HANG_SECONDS
from tests.fuzz.sandbox import IN_MEMORY
from tests.fuzz.targets import TARGETS, Target
from tests.world import environment

SAVED = Path("build", "fuzz")
_GRACE = 120  # seconds past its share, after which a target's process is killed
_MOST_KEPT = 60  # inputs per target
_MEMORY = 1024  # MiB
_PROGRESS = re.compile(rb"^#\d+\t.*\bcov: (\d+)", re.MULTILINE)
_RUNS = re.compile(rb"^stat::number_of_executed_units: (\d+)|^#(\d+)\t", re.MULTILINE)
_BREACH = re.compile(
    rb" === Uncaught Python exception: ===\n(.*?)(?:^==\d|\Z)", re.DOTALL | re.MULTILINE
)


@dataclass
class Outcome:
    """The result of one target. edges: the edges of code reached, if the engine reports them."""

    runs: int
    seconds: float
    edges: int = 0
    new: int = 0
    breach: str = ""
    saved: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, print a line for each target, and return 1 if a promise was broken."""
    chosen = _arguments().parse_args(arguments)
    names = chosen.target or list(TARGETS)
    if chosen.input:
        TARGETS[names[0]].run(chosen.input.read_bytes())
        _say(f"{names[0]}: {chosen.input} breaks nothing")
        return 0
    engine = chosen.engine or ("atheris" if _version() else "random")
    share = max(chosen.seconds / len(names), 1)
    _say(f"{_headline(engine, share, len(names))}, seed {chosen.seed}")
    _say(f"{'target':20}{'runs':>9}{'runs/s':>8}{'edges':>7}{'new':>5}  broken")
    broken = False

    def fuzz(name: str) -> Outcome:
        place = IN_MEMORY if os.path.isdir(IN_MEMORY) else None
        with tempfile.TemporaryDirectory(dir=place) as folder:
            if engine == "atheris":
                return _with_atheris(TARGETS[name], share, Path(folder), chosen)
            return _with_hypothesis(TARGETS[name], share, Path(folder), chosen.seed)

    # An engine takes seconds to start, and one core.
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for name, found in zip(names, pool.map(fuzz, names), strict=True):
            broken |= found.saved is not None
            _report(name, found)
    return int(broken)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Hostile input.")
    parser.add_argument(
        "--seconds", type=float, default=60, help="the time for all targets together"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="targets fuzzed at once"
    )
    parser.add_argument(
        "--target", action="append", choices=TARGETS, help="this target; by default all"
    )
    parser.add_argument(
        "--engine", choices=("atheris", "random"), help="by default atheris if installed"
    )
    parser.add_argument(
        "--keep", action="store_true", help="add atheris's new inputs to the kept ones"
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=random.randrange(1, 10**6),
        help="the engine's, 1 or more; random by default",
    )
    parser.add_argument("--input", type=Path, help="run this file through the target, once")
    return parser


def _seed(text: str) -> int:
    """Return a seed that libFuzzer and Python's hashes take. Raises ValueError."""
    if not 0 < int(text) < 2**32:
        raise ValueError(text)
    return int(text)


def _version() -> str:
    try:
        return importlib.metadata.version("atheris")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _headline(engine: str, share: float, count: int) -> str:
    if engine == "atheris":
        what = f"atheris {_version()}, guided by coverage"
    else:
        what = "Hypothesis, without coverage"
        what += "" if _version() else " (atheris is not installed)"
    return f"engine: {what}; {count} of {len(TARGETS)} targets, {share:.0f} s each"


def _report(name: str, found: Outcome) -> None:
    speed = found.runs / found.seconds
    edges = found.edges or "-"
    broken = "BROKEN" if found.saved else "-"
    _say(f"{name:20}{found.runs:>9}{speed:>8.0f}{edges:>7}{found.new:>5}  {broken}")
    if found.saved:
        _say(found.breach.rstrip())
        _say(f"again: python -m tests.fuzz --target {name} --input {found.saved}")


def _save(target: Target, data: bytes) -> Path:
    SAVED.mkdir(parents=True, exist_ok=True)
    path = SAVED / f"{target.name}-{sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def _start(
    folder: Path, arguments: Sequence[str], seconds: float, seed: int
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", *arguments],
        capture_output=True,
        env=_environ(folder) | {"PYTHONHASHSEED": str(seed)},
        timeout=seconds + _GRACE,
        check=False,
    )


def _environ(folder: Path) -> dict[str, str]:
    """Return a small environment: each input takes it away and puts it back.

    Homes are made in `folder`: libFuzzer ends the process before it can remove them.
    """
    return environment.kept() | {name: str(folder) for name in ("TMPDIR", "TEMP")}


def _with_atheris(
    target: Target, seconds: float, folder: Path, chosen: argparse.Namespace
) -> Outcome:
    found, broken, tokens = folder / "found", folder / "broken", folder / "tokens"
    found.mkdir()
    broken.mkdir()
    tokens.write_text(target.dictionary())
    began = time.monotonic()
    done = _start(
        folder,
        [
            *("atheris", target.name, str(found), str(target.corpus)),
            f"-max_total_time={seconds:.0f}",
            f"-dict={tokens}",
            f"-artifact_prefix={broken}/",
            f"-timeout={HANG_SECONDS}",
            f"-report_slow_units={HANG_SECONDS}",
            f"-rss_limit_mb={_MEMORY}",
            f"-max_len={target.most}",
            f"-seed={chosen.seed}",
            "-print_final_stats=1",
        ],
        seconds,
        chosen.seed,
    )
    said = done.stderr
    runs = max((int(n or m) for n, m in _RUNS.findall(said)), default=0)
    edges = max(map(int, _PROGRESS.findall(said)), default=0)
    new = len(list(found.iterdir()))
    outcome = Outcome(runs, time.monotonic() - began, edges, new)
    saved = sorted(broken.iterdir())
    if saved or done.returncode:
        why = _BREACH.search(said) or _BREACH.search(done.stdout)
        outcome.breach = (why[1] if why else said[-2000:]).decode(errors="replace")
        kind = saved[0].name.partition("-")[0] if saved else f"exit code {done.returncode}"
        outcome.breach = f"{kind}:\n{outcome.breach}"
        outcome.saved = _save(target, saved[0].read_bytes() if saved else b"")
    if chosen.keep:
        _keep(target, found, folder, chosen.seed)
    return outcome


def _keep(target: Target, found: Path, folder: Path, seed: int) -> None:
    """Add to the kept inputs the fewest new ones that reach new code."""
    merged = folder / "merged"
    merged.mkdir()
    for kept in target.corpus.iterdir():
        (merged / kept.name).write_bytes(kept.read_bytes())
    before = {file.name for file in merged.iterdir()}
    arguments = ["atheris", target.name, "-set_cover_merge=1", str(merged), str(found)]
    _start(folder, arguments, _GRACE, seed)
    new = [file for file in merged.iterdir() if file.name not in before]
    for file in sorted(new, key=lambda file: file.stat().st_size)[
        : max(_MOST_KEPT - len(before), 0)
    ]:
        data = file.read_bytes()
        (target.corpus / sha256(data).hexdigest()[:12]).write_bytes(data)


def _with_hypothesis(target: Target, seconds: float, folder: Path, seed: int) -> Outcome:
    failing = folder / "failing"
    began = time.monotonic()
    arguments = ["random", target.name, str(seconds), str(failing), str(seed)]
    done = _start(folder, arguments, seconds, seed)
    runs = json.loads(done.stdout)["runs"] if done.stdout else 0
    outcome = Outcome(runs, time.monotonic() - began)
    if done.returncode:
        outcome.breach = done.stderr.decode(errors="replace")[-2000:]
        outcome.saved = _save(target, failing.read_bytes() if failing.exists() else b"")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
