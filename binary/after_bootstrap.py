"""The second half of the frozen program: everything but a `get` that needs no AWS."""

import encodings
import os
import sys

import before_bootstrap  # ran already

import docker_credential_ecrpy
from docker_credential_ecrpy.__main__ import in_full

HOME: str = sys._MEIPASS  # type: ignore[attr-defined]  # where PyInstaller says that we are


def user_environ(environ: dict[str, str], home: str) -> dict[str, str]:
    """Return the environment as the user had it, for the programs that are started from here.

    The bootloader puts `home` in front of LD_LIBRARY_PATH, with the user's value in
    LD_LIBRARY_PATH_ORIG, and sets variables that would have a child of the same program believe
    that it is a part of this one.
    https://pyinstaller.org/en/stable/runtime-information.html#ld-library-path-libpath-considerations
    """
    given = {name: value for name, value in environ.items() if not name.startswith("_PYI_")}
    path = given.get("LD_LIBRARY_PATH")
    original = given.get("LD_LIBRARY_PATH_ORIG")
    if path == home:
        del given["LD_LIBRARY_PATH"]  # there was none; a variable of the other name is the user's
    elif original is not None and path == f"{home}:{original}":
        given["LD_LIBRARY_PATH"] = original
        del given["LD_LIBRARY_PATH_ORIG"]
    return given


# The packages whose first modules did not come through PyInstaller's importer: where it finds
# the others.
for package in (docker_credential_ecrpy, encodings):
    package.__path__ = [*getattr(package, "__path__", ()), os.path.join(HOME, package.__name__)]
environ = user_environ(before_bootstrap.environ, HOME)
os.environ.clear()
os.environ.update(environ)
sys.exit(in_full(before_bootstrap.request))
