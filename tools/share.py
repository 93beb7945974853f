"""Write what lies below PREFIX/share for both programs: share.py DIRECTORY.

Manual pages, and what makes bash, zsh and fish complete a line. The wheel, the folder's install.sh
and the Debian package have them from here.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy.cli.commands.completion import PROGRAMS, SCRIPTS
from tools import man


def write(directory: Path) -> None:
    """Write the files into a directory, in place of what it has."""
    files = {"zsh/site-functions/_docker-credential-ecrpy": SCRIPTS["zsh"]}
    for program in PROGRAMS:
        files |= {
            f"man/man1/{program}.1": man.page(program),
            f"bash-completion/completions/{program}": SCRIPTS["bash"],
            f"fish/vendor_completions.d/{program}.fish": SCRIPTS["fish"],
        }
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("ascii"))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
