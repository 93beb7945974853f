"""One target under one engine, for some seconds; started by `python -m tests.fuzz`.

With atheris the arguments are libFuzzer's own; with Hypothesis they are the seconds, the file for a
failing input, and the seed.
"""

import faulthandler
import importlib
import json
import pkgutil
import random
import sys
import time
from pathlib import Path

HANG_SECONDS = 30
"""Seconds after which an input counts as one that hangs; inputs take milliseconds."""

PRODUCT = "docker_credential_ecrpy"
# Python code of others that reads input; the standard library's JSON is C.
_INSTRUMENTED = [PRODUCT, "tomllib", "tomli", "botocore.parsers"]


def with_atheris(name: str, options: list[str]) -> None:
    """Run libFuzzer, which ends the process."""
    import atheris  # type: ignore[import-untyped,unused-ignore]  # atheris is optional

    with atheris.instrument_imports(include=_INSTRUMENTED):
        package = importlib.import_module(PRODUCT)
        for module in pkgutil.walk_packages(package.__path__, f"{PRODUCT}."):
            importlib.import_module(module.name)
        from tests.fuzz.targets import TARGETS
    # For a merge, libFuzzer starts its first argument in a shell.
    again = f"{sys.executable} -m tests.fuzz.child atheris {name}"
    atheris.Setup([again, *options], TARGETS[name].run)
    atheris.Fuzz()


def with_hypothesis(name: str, seconds: float, saved: Path, start: int) -> None:
    """Run nearly valid inputs, and print the count as JSON. `saved` has the last input."""
    from hypothesis import HealthCheck, given, seed, settings

    from tests.fuzz.near import near
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    runs, end = 0, time.monotonic() + seconds

    def run(data: bytes) -> None:
        nonlocal runs
        runs += 1
        saved.write_bytes(data)  # first: a regular expression that hangs blocks all other code
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        target.run(data)
        faulthandler.cancel_dump_traceback_later()

    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=near(target))
    def explore(data: bytes) -> None:
        run(data)

    try:
        for kept in target.seeds:
            run(kept)
        numbers = random.Random(start)
        while time.monotonic() < end:
            seed(numbers.getrandbits(64))(explore)()
    finally:
        sys.stdout.write(json.dumps({"runs": runs}))


if __name__ == "__main__":
    if sys.argv[1] == "atheris":
        with_atheris(sys.argv[2], sys.argv[3:])
    else:
        with_hypothesis(sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
