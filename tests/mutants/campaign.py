"""Tests mutants: each replaces its module in a copy of the tree, where the module's tests run."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.making import Mutant
from tests.world import environment

TREE = Path(__file__).parents[2]
PACKAGE = "docker_credential_ecrpy"
COPIED = (PACKAGE, "docs", "tests", "pyproject.toml")
# A mutant may wait or loop for ever: the first limit is for one test, the other for all.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--timeout=30")
LEAST_SECONDS = 30.0
KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"
Outcome = tuple[Mutant, str]


def file_of(module: str) -> str:
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

    def test(self, module: str, tests: Sequence[str], seconds: float) -> tuple[int | None, float]:
        """Return the exit code of a module's tests, None on a timeout, and the seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {
            "module": f"{PACKAGE}.{module}",
            "arguments": [*OPTIONS, *tests],
            "seconds": seconds,
        }
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["seconds"]

    @contextmanager
    def holding(self, module: str, source: str) -> Iterator[None]:
        """Replace a module's text while the context lasts."""
        path = self._tree / file_of(module)
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


class Campaign:
    """Tests the mutants of modules, each by the tests of its module, in several trees at once.

    note: called with each module, mutant and outcome, for one at a time.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        tests: Mapping[str, Sequence[str]],
        note: Callable[[str, Mutant, str], None],
    ) -> None:
        self._tests = tests
        self._note = note
        self._count = len(workers)
        self._pool = ThreadPoolExecutor(self._count)
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._lock = threading.Lock()
        self._closing = False

    def close(self) -> None:
        """Start no more tests, and wait for those that run."""
        self._closing = True
        self._pool.shutdown(cancel_futures=True)

    def start(self, module: str, mutants: Sequence[Mutant]) -> "list[Future[list[Outcome]]]":
        """Start testing a module's mutants: as many parts as workers, if there are enough."""
        parts = [mutants[number :: self._count] for number in range(self._count)]
        return [self._pool.submit(self._test, module, part) for part in parts if part]

    def _test(self, module: str, mutants: Sequence[Mutant]) -> list[Outcome]:
        """Return the outcomes of mutants, one after the other in one worker's tree."""
        worker = self._free.get()
        try:
            limit = max(LEAST_SECONDS, 5 * self._check_without(module, worker))
            outcomes = [
                self._judge(module, mutant, worker, limit)
                for mutant in mutants
                if not self._closing
            ]
            if len(mutants) > 1:  # fails if a mutant's leftovers killed later mutants
                self._check_without(module, worker)
        finally:
            self._free.put(worker)
        return outcomes

    def _judge(self, module: str, mutant: Mutant, worker: Worker, limit: float) -> Outcome:
        with worker.holding(module, mutant.source):
            code, _ = worker.test(module, self._tests[module], limit)
        end = {None: TIMED_OUT, 0: SURVIVED}.get(code, KILLED)
        with self._lock:
            self._note(module, mutant, end)
        return mutant, end

    def _check_without(self, module: str, worker: Worker) -> float:
        """Run the tests of a module without a mutant; return the seconds, or end the program."""
        code, seconds = worker.test(module, self._tests[module], 600)
        if code != 0:
            sys.exit(f"the tests of {module} fail without a mutant: exit code {code}")
        return seconds
