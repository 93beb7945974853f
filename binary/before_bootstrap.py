"""The first half of the frozen program, which PyInstaller's bootloader runs before its own modules.

A `get` that needs no AWS ends here, without PyInstaller's importer, `struct` and `zlib` (an
extension module), and the modules that its start-up script loads.
"""

import os

from docker_credential_ecrpy.__main__ import at_once

code, request = at_once()
if code is not None:
    os._exit(code)  # the answer is written; no buffer to flush, nothing to clean up

# PyInstaller's start-up script removes variables.
environ = dict(os.environ)
