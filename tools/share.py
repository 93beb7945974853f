"""Write the files below PREFIX/share for both programs: share.py DIRECTORY.

They are the manual pages and the completion scripts of bash, zsh and fish. The wheel, the folder's
install.sh and the Debian package get them from here.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy.cli.commands.completion import PROGRAMS, SCRIPTS
from tools import config_file, config_man, man


def write(directory: Path) -> None:
    """Write the files into a directory, which is emptied first."""
    files = {
        "zsh/site-functions/_docker-credential-ecrpy": SCRIPTS["zsh"],
        f"man/man5/{config_file.NAME}.5": config_man.page(),
    }
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
