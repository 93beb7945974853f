"""`make mutants`: whether the tests notice a change of a module.

Each mutant (see `making`) replaces its module in a copy of the tree, so that programs started by
the tests are mutants too, and the module's own tests run until one fails. A mutant that survives
needs a better test, or an entry in `equivalents.toml`; while one has neither, the exit code is 1.
"""

import argparse
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.mutants import equivalents
from tests.mutants.making import Mutant, make_mutants
from tests.world import environment

TREE = Path(__file__).parents[2]
PACKAGE = "docker_credential_ecrpy"
COPIED = (PACKAGE, "docs", "tests", "pyproject.toml")
# Each module's own tests; the protocol's run through each entry point, here through one.
TESTS: dict[str, tuple[str, ...]] = {
    "hot.registry": ("tests/unit/hot/test_registry.py",),
    "hot.identity": ("tests/unit/hot/test_identity.py", "tests/unit/hot/test_inputs.py"),
    "hot.protocol": (
        "tests/unit/hot/test_protocol.py",
        "tests/promises/test_protocol.py",
        "-k",
        "not (ecr-login or ecrpy or module)",
    ),
    "hot.bazel": ("tests/unit/hot/test_bazel.py",),
    "hot.cache": ("tests/unit/hot/test_cache.py", "tests/unit/hot/test_origin.py"),
    "tokens.store": (
        "tests/unit/tokens/test_store.py",
        "tests/unit/tokens/test_removal.py",
        "tests/unit/tokens/test_store_logins.py",
        "tests/unit/tokens/test_full_cache.py",
        "-k",  # without those that write thousands of files
        "not (looks_at or too_many or no_login)",
    ),
    "tokens.recent": ("tests/unit/tokens/test_recent.py",),
    "tokens.turn": ("tests/unit/tokens/test_turn.py",),
    "tokens.entry": ("tests/unit/tokens/test_entry.py",),
    "tokens.login": ("tests/unit/tokens/test_login.py",),
    "tokens.folder": ("tests/unit/tokens/test_folder.py",),
    "files.directory": ("tests/unit/files/test_directory.py",),
    "files.lock": ("tests/unit/files/test_lock.py",),
    "files.private": ("tests/unit/files/test_private.py",),
    "tokens.lookup": ("tests/unit/tokens/test_lookup.py",),
    "tokens.lock_note": (
        "tests/unit/tokens/test_lock_note.py",
        "tests/unit/tokens/test_broker_log.py",
        "tests/unit/tokens/test_broker_places.py",
        "tests/unit/tokens/test_single_flight.py",
    ),
    "tokens.broker": (
        "tests/unit/tokens/test_broker.py",
        "tests/unit/tokens/test_broker_log.py",
        "tests/unit/tokens/test_broker_places.py",
        "tests/unit/tokens/test_lock_note.py",
        "tests/unit/tokens/test_refused.py",
        "tests/unit/tokens/test_single_flight.py",
    ),
    "helper.warm": ("tests/unit/helper/test_warm.py",),
    "helper.rule_table": ("tests/unit/helper/test_rule_table.py",),
    "helper.rule_compiler": ("tests/unit/helper/test_rule_table.py",),
    "settings.rule_reader": (
        "tests/unit/settings/test_rules.py",
        "tests/unit/settings/test_loader.py",
        "-k",
        "test_rules or everything or pattern_alone",
    ),
    "hot.values": ("tests/unit/hot/test_values.py",),
    "text.expression": ("tests/unit/text/test_expression.py",),
    "aws.sdk.transport.trust": ("tests/unit/aws/sdk/transport/test_trust.py",),
    "aws.sdk.lazy_modules": ("tests/unit/aws/sdk/test_lazy_modules.py",),
    "aws.sdk.handlers": ("tests/unit/aws/sdk/test_handlers.py",),
    "aws.sdk.data": ("tests/unit/aws/sdk/test_data.py",),
}
# A mutant may wait or loop for ever: the first limit is for one test, the other for all.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--timeout=30")
LEAST_SECONDS = 30.0
KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"


def _file(module: str) -> str:
    """Return the file of a module such as "hot.cache", relative to a tree."""
    return os.path.join(PACKAGE, *module.split(".")) + ".py"


class Worker:
    """A copy of the tree, and a process that runs tests in it."""

    def __init__(self, directory: Path) -> None:
        self._tree = directory
        for name in COPIED:
            source, target = TREE / name, directory / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        # CI: property tests use the same examples each time.
        here = dict.fromkeys(("PYTHONPATH", "TESTED_TREE"), str(directory))
        environ = {**environment.kept(), **here, "CI": "true"}
        self._process = subprocess.Popen(
            [sys.executable, str(directory / "tests" / "mutants" / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            cwd=directory,
        )
        self._changes = 0

    def close(self) -> None:
        """End the process after its current job."""
        self._process.communicate()

    def test(self, module: str, seconds: float) -> tuple[int | None, float]:
        """Return the exit code of a module's tests, None on a timeout, and the seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {
            "module": f"{PACKAGE}.{module}",
            "arguments": [*OPTIONS, *TESTS[module]],
            "seconds": seconds,
        }
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["seconds"]

    @contextmanager
    def holding(self, module: str, source: str) -> Iterator[None]:
        """Replace a module's text while the context lasts."""
        path = self._tree / _file(module)
        kept = path.read_bytes()
        self._write(path, source.encode())
        try:
            yield
        finally:
            self._write(path, kept)

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        # Python identifies bytecode by the source's size and seconds: no two texts share them.
        self._changes += 1
        when = 1_600_000_000 + self._changes
        os.utime(path, (when, when))


def _test_all(
    module: str,
    mutants: Sequence[Mutant],
    workers: Sequence[Worker],
    reasons: Sequence[equivalents.Equivalent],
) -> list[tuple[Mutant, str]]:
    """Return the outcome of each mutant; print those that survive and are not listed."""
    usual = _check_without(module, workers)
    limit = max(LEAST_SECONDS, 5 * usual)
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)
    done = Counter[str]()
    lock = threading.Lock()

    def judge(mutant: Mutant) -> tuple[Mutant, str]:
        worker = free.get()
        try:
            with worker.holding(module, mutant.source):
                code, _ = worker.test(module, limit)
        finally:
            free.put(worker)
        end = {None: TIMED_OUT, 0: SURVIVED}.get(code, KILLED)
        with lock:
            done[end] += 1
            if end == SURVIVED and not any(one.covers(module, mutant) for one in reasons):
                _show(module, mutant)
            _progress(
                f"{module}: {sum(done.values())} of {len(mutants)}, {done[SURVIVED]} survived"
            )
        return mutant, end

    with ThreadPoolExecutor(len(workers)) as pool:
        outcomes = list(pool.map(judge, mutants))
    _check_without(module, workers)  # fails if a mutant's leftovers killed later mutants
    return outcomes


def _check_without(module: str, workers: Sequence[Worker]) -> float:
    """Run the tests of a module without a mutant; return the seconds, or end the program."""
    usual = 0.0
    with ThreadPoolExecutor(len(workers)) as pool:
        for code, seconds in pool.map(lambda worker: worker.test(module, 600), workers):
            if code != 0:
                sys.exit(f"the tests of {module} fail without a mutant: exit code {code}")
            usual = max(usual, seconds)
    return usual


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _say(text: str = "") -> None:
    _progress("")
    print(text, flush=True)  # noqa: T201 - the report is the program's output


def _show(module: str, mutant: Mutant) -> None:
    _say(f"{_file(module)}:{mutant.line}: {mutant.where or 'module'}")
    for sign, text in (("-", mutant.was), ("+", mutant.now)):
        for line in text.splitlines():
            _say(f"    {sign} {line}")


def _report(
    module: str,
    outcomes: Sequence[tuple[Mutant, str]],
    reasons: Sequence[equivalents.Equivalent],
    *,
    whole: bool,
) -> bool:
    """Print the outcomes of a module's mutants; return whether no mutant needs work."""
    ends = Counter(end for _, end in outcomes)
    survivors = [mutant for mutant, end in outcomes if end == SURVIVED]
    used = [
        (one, mutant.now) for mutant in survivors for one in reasons if one.covers(module, mutant)
    ]
    unused = [
        (one, now)
        for one in reasons
        for now in one.now
        if whole and one.module == module and (one, now) not in used
    ]
    for one, now in unused:
        _say(f"listed, but killed or missing: {module}: {one.where or 'module'}: {now}")
    score = 100 * (1 - len(survivors) / len(outcomes)) if outcomes else 100
    _say(
        f"{module}: {len(outcomes)} mutants, {ends[KILLED]} killed, {ends[TIMED_OUT]} timed out, "
        f"{len(survivors)} survived, {len(used)} of them listed; score {score:.1f} %"
    )
    return len(used) == len(survivors) and not unused


def main() -> int:
    """Test the mutants that the command line selects; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Test mutants.")
    parser.add_argument(
        "--module", action="append", choices=TESTS, help="this module; by default all"
    )
    parser.add_argument(
        "--sample", type=int, help="a random sample of this many mutants per module"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="mutants tested at once"
    )
    parser.add_argument("--only", default="", help="mutants of lines with this text")
    options = parser.parse_args()
    reasons = equivalents.read()
    good = True
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        workers = [Worker(top / str(number)) for number in range(options.jobs)]
        for worker in workers:
            stack.callback(worker.close)
        for module in options.module or TESTS:
            _progress(f"{module}: making mutants")
            found = make_mutants((TREE / _file(module)).read_text())
            mutants = [mutant for mutant in found if options.only in mutant.was]
            if options.sample is not None:
                chosen = random.Random(options.seed)
                mutants = chosen.sample(mutants, min(options.sample, len(mutants)))
            outcomes = _test_all(module, mutants, workers, reasons)
            good &= _report(module, outcomes, reasons, whole=len(mutants) == len(found))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
