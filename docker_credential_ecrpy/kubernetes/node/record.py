"""The record of an installation, beside the configuration, from which `remove` takes it back."""

import glob
import json
import os

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.config.document import MAX_SIZE
from docker_credential_ecrpy.kubernetes.node.placed_file import (
    SUFFIX,
    PlacedFile,
    explain_errors,
    replace_content,
)
from docker_credential_ecrpy.text.sanitize import one_line

RECORD = ".ecrpy-install"
"""The end of a record's name; of a directory, the kubelet reads no such file."""


@dataclass(frozen=True)
class Places:
    """Where a node has the configuration and the program of one provider."""

    config: str
    bin_dir: str
    name: str

    @property
    def program(self) -> str:
        """The path of the provider's program."""
        return os.path.join(self.bin_dir, self.name)

    @property
    def record(self) -> str:
        """The path of the record of the installation."""
        return f"{self.config}.{self.name}{RECORD}"

    @property
    def config_backup(self) -> str:
        """The path of the previous configuration."""
        return f"{self.config}.{self.name}{SUFFIX}"

    def list_names(self) -> list[str]:
        """Return the providers that are installed in this configuration."""
        start = f"{self.config}."
        files = sorted(glob.glob(f"{glob.escape(start)}*{RECORD}"))
        return [file.removeprefix(start).removesuffix(RECORD) for file in files]


@dataclass(frozen=True)
class Record:
    """What an installation wrote: program and config, None for a file that was as it should be.

    is_added: whether the provider is new in the configuration. directories: those made, in order.
    """

    program: PlacedFile | None
    config: PlacedFile | None
    is_added: bool
    directories: tuple[str, ...]


def read_config(file: str) -> bytes | None:
    """Return the content of a configuration, None for no file. Raises HelperError."""
    with explain_errors(file):
        try:
            return bounded.read(file, MAX_SIZE)
        except FileNotFoundError:
            return None


def read_record(places: Places) -> Record | None:
    """Return the record of an installation, or None for none. Raises HelperError."""
    data = read_config(places.record)
    if data is None:
        return None
    try:
        found = json.loads(data)
        # The program's path is from there on, whatever --bin-dir and --root are now.
        at = os.path.normpath(os.path.join(os.path.dirname(places.config), found["program_at"]))
        program, config = (
            PlacedFile(path, backup, each["mark"], each["has_previous"])
            if (each := found[key])
            else None
            for key, path, backup in (
                ("program", at, at + SUFFIX),
                ("config", places.config, places.config_backup),
            )
        )
        return Record(program, config, found["is_added"], tuple(found["directories"]))
    except (ValueError, KeyError, TypeError) as exc:
        msg = f"{one_line(places.record)} is damaged"
        hint = f"restore the files that end with {SUFFIX} by hand, and remove it"
        raise HelperError(msg, hint=hint) from exc


def write_record(places: Places, record: Record) -> None:
    """Replace the record of an installation. Raises HelperError."""
    files = {"program": record.program, "config": record.config}
    document = {
        "what": "written by docker-credential-ecrpy kubelet install; --remove needs it",
        "program_at": os.path.relpath(places.program, os.path.dirname(places.config)),
        **{k: f and {"mark": f.mark, "has_previous": f.has_previous} for k, f in files.items()},
        "is_added": record.is_added,
        "directories": list(record.directories),
    }
    data = (json.dumps(document, indent=2) + "\n").encode()
    with explain_errors(places.record):
        replace_content(places.record, data, 0o644)
