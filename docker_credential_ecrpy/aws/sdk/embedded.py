"""botocore's own files, which the static program has inside of its one file.

Their paths are those that botocore makes from the places of its modules; only the importer of these
modules can read them there. Elsewhere they are files.
"""

import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

import botocore
from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader


def _list_files() -> frozenset[str]:
    """Return the paths of the files inside the program; none where they are files."""
    found: frozenset[str] = getattr(botocore.__loader__, "files", frozenset())
    return found


def read(path: str) -> bytes | None:
    """Return the content of a file inside the program; None without one."""
    if path not in _list_files():
        return None
    content: bytes = botocore.__loader__.get_data(path)  # type: ignore[union-attr]  # has `files`
    return content


class Files(JSONFileLoader):
    """Reads botocore's data into plain dictionaries, in half the time of ordered ones."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, by its path without the suffix; None without one."""
        text = read(f"{file_path}.json")
        if text is not None:
            return json.loads(text)
        for suffix in (".json", ".json.gz"):
            try:
                with open(file_path + suffix, "rb") as file:
                    data = file.read()
            except (FileNotFoundError, NotADirectoryError):
                continue
            return json.loads(gzip.decompress(data) if suffix.endswith(".gz") else data)
        return None


class DataLoader(Loader):
    """botocore's loader, which also finds its own data inside the program."""

    def __init__(self, search_paths: list[str], files: Files) -> None:
        super().__init__(search_paths, files, include_default_search_paths=False)

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:
        """Return the versions of a service's data, in order. Raises DataNotFoundError."""
        start = os.path.join(self.BUILTIN_DATA_PATH, service_name, "")
        end = f"{os.sep}{type_name}.json"
        own = [path for path in _list_files() if path.startswith(start) and path.endswith(end)]
        found = {path[len(start) : -len(end)] for path in own}
        try:
            found.update(super().list_api_versions(service_name, type_name))
        except DataNotFoundError:
            if not found:
                raise
        return sorted(found)

    def _potential_locations(self, name: str | None = None, **how: bool) -> Iterator[str]:
        """Yield the paths of a name in each directory of data, in the order of precedence."""
        yield from super()._potential_locations(name, **how)  # type: ignore[misc]  # not in the stub
        if _list_files() and name is not None and not how:
            yield os.path.join(self.BUILTIN_DATA_PATH, name)


def load(name: str) -> Any:
    """Return a file of botocore's own data. Raises DataNotFoundError."""
    return DataLoader([Loader.BUILTIN_DATA_PATH], Files()).load_data(name)
