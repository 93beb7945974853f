"""In the one file only: unpack the files that only a `get` with AWS needs.

The bootloader unpacks what any `get` needs; the rest is a constant of this module, so that a
cached `get` does not wait for it.
"""

import os
import sys

# (name, contents) of each file; the build replaces this text by them.
FILES: "tuple[tuple[str, bytes], ...]" = "the files"  # type: ignore[assignment]


def unpack(home: str) -> None:
    """Write the files below `home`, this process's own directory, which the bootloader removes.

    Raises OSError.
    """
    made = set()
    for name, contents in FILES:
        path = os.path.join(home, name)
        directory = os.path.dirname(path)
        if directory not in made:
            os.makedirs(directory, 0o700, exist_ok=True)
            made.add(directory)
        with open(path, "xb") as file:
            file.write(contents)


HOME: str = sys._MEIPASS  # type: ignore[attr-defined]  # the bootloader's directory
try:
    unpack(HOME)
except OSError as exc:
    # The same text as in bootloader.c.
    line = (
        f"cannot start: {exc.strerror} ({HOME!a}); this one-file program unpacks itself at each"
        " start: point TMPDIR to a directory of your own with 20 MB free that may hold programs, or"
        " install the one-folder build of docker-credential-ecrpy, which unpacks nothing\n"
    ).encode(errors="backslashreplace")
    os.write(2, os.fsencode(os.path.basename(sys.argv[0])) + b": " + line)
    os.write(1, line)
    os._exit(1)
sys.path_importer_cache.clear()  # a failed import may have read the directories before
