"""The build of the wheel: it has the manual pages and completions, made as it is built.

https://hatch.pypa.io/latest/plugins/build-hook/custom/
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedData(BuildHookInterface[Any]):
    """Adds what installers put below the prefix."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, from the tree that is built and none that is installed."""
        del version
        sys.dont_write_bytecode = True  # the tree stays as it is
        sys.path.insert(0, self.root)
        from tools import share  # noqa: PLC0415 - the tree is on the path only now

        self.made = tempfile.mkdtemp()
        share.write(Path(self.made, "share"))
        build_data["shared_data"][str(Path(self.made, "share"))] = "share"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take the files away again."""
        del version, build_data, artifact_path
        shutil.rmtree(self.made)
