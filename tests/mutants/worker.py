"""Runs pytest in a copy of the tree, again and again, each time in a fork of a process that has
loaded what takes long and is not mutated. It is run as a program, in the copy.

For each line on standard input, a JSON object with the `module` that is mutated, pytest's
`arguments` and the `seconds` that it may take, it writes one with the exit `code`, None where
time ran out, and the `seconds` that it took.
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
# Of what is loaded already, pytest would say that it cannot look into its assertions.
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class _InOrder:
    """Has the tests run fastest first, as far as known, and the process end with the last one.

    What a run that went well took, is written down in the tree: the first is without a mutant.
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
        os._exit(exitstatus)  # with nothing put away, which takes long


def _test(module: str, arguments: list[str]) -> int:
    import pytest

    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    importlib.import_module(module)  # many a mutant cannot even be loaded
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
        os.kill(child, signal.SIGKILL)  # before it had a group of its own
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Serve standard input until it ends."""
    sys.path[0] = os.getcwd()  # and not where this file is
    for name in _SLOW:
        importlib.import_module(name)
    gc.freeze()
    for number, line in enumerate(sys.stdin):
        job = json.loads(line)
        began = time.monotonic()
        # What a mutant leaves there, is not to be in the way of the next one.
        place = os.path.abspath(f"tmp-{number}")
        code = _run(job["module"], [*job["arguments"], f"--basetemp={place}"], job["seconds"])
        with suppress(RecursionError):  # who knows what it made
            shutil.rmtree(place, ignore_errors=True)
        answer = {"code": code, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
