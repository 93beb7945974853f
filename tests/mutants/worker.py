"""Runs pytest in a copy of the tree, each time in a fork of a process that has loaded the slow and
unmutated modules. It runs as a program, in the copy.

Each line on standard input is a JSON object with the mutated `module`, pytest's `arguments` and the
allowed `seconds`. The answer has the exit `code`, None on a timeout, and the `seconds` taken.
"""

import gc
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pytest

_SLOW = (
    "_hypothesis_pytestplugin",
    "boto3",
    "botocore.session",
    "hypothesis.strategies",
    "pytest",
    "pytest_timeout",
    "subprocess",
    "tests.world.aws",
    "tests.world.web",
    "xdist.plugin",
)
# pytest warns that it cannot rewrite the assertions of loaded modules.
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class _InOrder:
    """Runs the fastest known tests first, and ends the process after the last one.

    The first run without a failure, which has no mutant, writes the durations into the tree.
    """

    def __init__(self, module: str) -> None:
        self._file = f"{module}.seconds"
        self._taken: dict[str, float] = defaultdict(float)
        self._known: dict[str, float] = {}
        if os.path.exists(self._file):
            with open(self._file) as file:
                self._known = json.load(file)

    def pytest_collection_modifyitems(self, items: "list[pytest.Item]") -> None:
        items.sort(key=lambda item: self._known.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: "pytest.TestReport") -> None:
        self._taken[report.nodeid] += report.duration

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if not (exitstatus or self._known):
            with open(self._file, "w") as file:
                json.dump(self._taken, file)
        os._exit(exitstatus)  # without the slow clean-up


def _test(module: str, arguments: list[str]) -> int:
    import pytest

    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    importlib.import_module(module)  # many mutants cannot even be imported
    return int(pytest.main([*arguments, *_QUIET], plugins=[_InOrder(module)]))


def _run(module: str, arguments: list[str], seconds: float) -> int | None:
    child = os.fork()
    if not child:
        code = 70
        try:
            code = _test(module, arguments)
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)  # it has no process group yet
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Answer each line of standard input until it ends."""
    sys.path[0] = os.getcwd()  # instead of this file's directory
    for name in _SLOW:
        importlib.import_module(name)
    gc.freeze()
    for number, line in enumerate(sys.stdin):
        job = json.loads(line)
        if job["module"] in sys.modules:
            sys.exit(f"{job['module']} is loaded: its mutants would not be")
        began = time.monotonic()
        # Each mutant gets its own directory, so that leftovers do not affect the next one.
        place = os.path.abspath(f"tmp-{number}")
        code = _run(job["module"], [*job["arguments"], f"--basetemp={place}"], job["seconds"])
        with suppress(RecursionError):  # a mutant may make a very deep tree
            shutil.rmtree(place, ignore_errors=True)
        answer = {"code": code, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
