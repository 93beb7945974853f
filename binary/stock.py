"""The script of the programs by PyInstaller's bootloader."""

import os
import sys

import rest

from docker_credential_ecrpy.__main__ import at_once

# Restore the user's environment for child processes. With the bootloader's variables, a child of
# the same program would act as a subprocess of this one.
for variable in [name for name in os.environ if name.startswith("_PYI_")]:
    del os.environ[variable]
if sys.platform != "win32":
    for variable in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        given = os.environ.pop(f"{variable}_ORIG", None)
        os.environ.pop(variable, None)
        if given is not None:
            os.environ[variable] = given

code, request = at_once()
rest.end(rest.run(request) if code is None else code)
