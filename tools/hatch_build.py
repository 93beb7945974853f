"""The build hook of the wheel: it adds the manual pages and completion scripts.

https://hatch.pypa.io/latest/plugins/build-hook/custom/
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedData(BuildHookInterface[Any]):
    """Adds the files that installers put below the prefix."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files, from this tree and not from an installed package."""
        del version
        sys.dont_write_bytecode = True  # the build leaves the tree unchanged
        sys.path.insert(0, self.root)
        from tools import share  # noqa: PLC0415 - the tree is not on the path before

        self.made = tempfile.mkdtemp()
        share.write(Path(self.made, "share"))
        build_data["shared_data"][str(Path(self.made, "share"))] = "share"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the files."""
        del version, build_data, artifact_path
        shutil.rmtree(self.made)
