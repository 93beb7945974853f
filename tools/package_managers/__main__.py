"""Write the files that package managers read.

    python -m tools.package_managers RELEASE DIRECTORY

RELEASE has the artifacts, of one platform or of all. DIRECTORY is replaced. A manager for whose
systems RELEASE has no program gets no file, and standard error says so. Needs only the standard
library, and before Python 3.11 tomli.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tools.package_managers import aur, homebrew, nix, scoop, winget
from tools.package_managers.release import Release, ReleaseError

MANAGERS: dict[str, Callable[[Release], dict[str, str]]] = {
    "homebrew": homebrew.render,
    "scoop": scoop.render,
    "winget": winget.render,
    "aur": aur.render,
    "nix": nix.render,
}
"""Manager -> what makes its files, by their paths; none if the release has no program for it."""


def write(release: Release, directory: Path) -> list[str]:
    """Replace the directory by the files; return the managers that get none."""
    shutil.rmtree(directory, ignore_errors=True)
    left_out = []
    for manager, render in MANAGERS.items():
        files = render(release)
        if not files:
            left_out.append(manager)
        for name, text in files.items():
            path = directory / manager / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    return left_out


def main(release: Path, directory: Path) -> None:
    """Write the files, and say which managers get none."""
    try:
        left_out = write(Release.read(release), directory)
    except ReleaseError as exc:
        sys.exit(str(exc))
    for manager in left_out:
        sys.stderr.write(f"nothing for {manager}: {release} has no program for its systems\n")
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            sys.stderr.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
