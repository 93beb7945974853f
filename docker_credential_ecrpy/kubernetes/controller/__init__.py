"""The controller that keeps pull secrets fresh: its client of the API, its rounds and its loop.

This room and no other loads the official client, which the extra `kubernetes` installs.
"""

import sys

# The client loads this validator of schemas where it is installed: 20 MB that nothing here uses.
sys.modules.setdefault("kubernetes_validate", None)  # type: ignore[arg-type]  # it cannot be imported
