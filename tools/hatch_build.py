"""The build hook of the wheel: it generates the manual pages and completions.

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
        """Generate the files from the tree that is built, not from an installed version."""
        del version
        sys.dont_write_bytecode = True  # no bytecode in the tree
        sys.path.insert(0, self.root)
        from tools import share  # noqa: PLC0415 - the tree is on the path only from here on

        self.made = tempfile.mkdtemp()
        share.write(Path(self.made, "share"))
        build_data["shared_data"][str(Path(self.made, "share"))] = "share"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the files again."""
        del version, build_data, artifact_path
        shutil.rmtree(self.made)
