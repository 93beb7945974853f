"""The environment of the tests: of the one that they are started from, what is named here alone.

Whatever else it holds may reach what is tested: AWS, TLS, proxies, Docker, Python, the terminal.
"""

import os
from contextlib import suppress

KEPT = (
    "CI",  # what a machine lacks is a failure then, and property tests try the same examples
    "COMSPEC",  # Windows runs shell commands by it
    "DYLD_LIBRARY_PATH",  # an interpreter may have its library there
    "HOME",  # for what serves several tests; each has a home of its own
    "LD_LIBRARY_PATH",  # same
    "OUTER_NAMESPACE",  # set by make: see IN_NAMESPACE in the Makefile
    "PATH",
    "PATHEXT",  # Windows, with PATH
    "PROCESSOR_ARCHITECTURE",  # Windows' only word for it
    "SYSTEMROOT",  # Windows opens no socket without it
    "TEMP",
    "TESTED_TREE",  # the folder of the package to run; by default the installed one is run
    "TMP",
    "TMPDIR",
    "USERPROFILE",  # Windows' HOME
)
"""The variables that tests are run with, if they are set."""
TOOLS = ("COV", "PYTEST_")
"""How names begin of what the test runner and a measurement of coverage tell their processes."""


def kept() -> dict[str, str]:
    """Return what there is of these in this process's environment."""
    return {n: text for n, text in os.environ.items() if n in KEPT or n.startswith(TOOLS)}


def close() -> None:
    """Have nothing else in this process's environment, nor in that of what it starts."""
    put_back(kept())
    with suppress(ImportError):  # Windows has none
        import readline  # noqa: F401 - when it is loaded, it sets the two that follow
    for name in ("COLUMNS", "LINES"):  # and os.environ does not know of it
        os.unsetenv(name)


def put_back(environ: dict[str, str]) -> None:
    """Have the environment hold this and nothing else."""
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    os.environ.update(environ)
