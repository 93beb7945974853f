"""One target under one engine, for so many seconds: what `python -m tests.fuzz` starts.

With atheris the arguments are libFuzzer's own; with Hypothesis, the seconds and where a failing
input goes.
"""

import faulthandler
import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path

HANG_SECONDS = 30
"""What one input may take before it counts as one that hangs; they take milliseconds."""

PRODUCT = "docker_credential_ecrpy"
# What the product has read by others' Python; the JSON of the standard library is C.
_INSTRUMENTED = [PRODUCT, "tomllib", "tomli", "botocore.parsers"]


def with_atheris(name: str, options: list[str]) -> None:
    """Run libFuzzer, which ends the process."""
    import atheris  # type: ignore[import-untyped,unused-ignore]  # is not always there

    with atheris.instrument_imports(include=_INSTRUMENTED):
        package = importlib.import_module(PRODUCT)
        for module in pkgutil.walk_packages(package.__path__, f"{PRODUCT}."):
            importlib.import_module(module.name)
        from tests.fuzz.targets import TARGETS
    # To merge, libFuzzer starts its first argument again, in a shell.
    again = f"{sys.executable} -m tests.fuzz.child atheris {name}"
    atheris.Setup([again, *options], TARGETS[name].run)
    atheris.Fuzz()


def with_hypothesis(name: str, seconds: float, saved: Path) -> None:
    """Try nearly valid inputs; print what came of it as JSON. The last one is in `saved`."""
    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.near import near
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    runs, end = 0, time.monotonic() + seconds

    def run(data: bytes) -> None:
        nonlocal runs
        runs += 1
        saved.write_bytes(data)  # first: a search that hangs lets no other code run
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
        for seed in target.seeds:
            run(seed)
        while time.monotonic() < end:
            explore()
    finally:
        sys.stdout.write(json.dumps({"runs": runs}))


if __name__ == "__main__":
    if sys.argv[1] == "atheris":
        with_atheris(sys.argv[2], sys.argv[3:])
    else:
        with_hypothesis(sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
