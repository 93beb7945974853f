"""The environment of the tests: only the variables named here come from the caller's.

Other variables may affect the code under test: AWS, TLS, proxies, Docker, Python, the terminal.
"""

import os
from contextlib import suppress

KEPT = (
    "CI",  # missing tools are failures then, and property tests repeat the same examples
    "CAMPAIGN_SECONDS",  # unit/kubernetes/controller/test_campaign.py: how long, and which
    "CAMPAIGN_SEEDS",
    "DECIDING_EDITS",  # promises/test_deciding_inputs.py: how many edits, and which
    "DECIDING_SEED",
    "COMSPEC",  # Windows runs shell commands with it
    "DYLD_LIBRARY_PATH",  # an interpreter may load its library from there
    "HOME",  # for fixtures of the session; each test has its own home
    "KUBE",  # the folder of kube-apiserver and etcd, which make kube names
    "LD_LIBRARY_PATH",  # same
    "OUTER_NAMESPACE",  # set by make: see IN_NAMESPACE in the Makefile
    "PATH",
    "PATHEXT",  # Windows, with PATH
    "PROCESSOR_ARCHITECTURE",  # Windows names the processor only here
    "SYSTEMROOT",  # Windows cannot open a socket without it
    "TEMP",
    "TESTED_TREE",  # the folder of the package under test; by default the installed one
    "TMP",
    "TMPDIR",
    "USERPROFILE",  # Windows' HOME
)
"""The variables that tests inherit if they are set."""
TOOLS = ("COV", "PYTEST_")
"""Prefixes of the variables that the test runner and coverage measurement pass to processes."""


def kept() -> dict[str, str]:
    """Return these variables of this process's environment."""
    return {n: text for n, text in os.environ.items() if n in KEPT or n.startswith(TOOLS)}


def close() -> None:
    """Remove all other variables from this process and its children."""
    put_back(kept())
    with suppress(ImportError):  # Windows has no readline
        import readline  # noqa: F401 - loading it sets the next two
    for name in ("COLUMNS", "LINES"):  # in C, unknown to os.environ
        os.unsetenv(name)


def put_back(environ: dict[str, str]) -> None:
    """Set the environment to exactly these variables."""
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    os.environ.update(environ)
