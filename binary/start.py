"""The static program's first step, where a `get` that needs no AWS ends.

binary/launcher.c runs it. The interpreter has done only the first half of its own start: there are
no streams, no encodings but those in C, and no modules but those in it and the frozen ones.
"""

import os

from docker_credential_ecrpy.__main__ import at_once

code, request = at_once()
if code is not None:
    os._exit(code)  # the answer is written; no buffer to flush, nothing to clean up
