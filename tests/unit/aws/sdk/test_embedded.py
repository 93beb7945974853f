"""botocore's files inside the program, as the importer of the static program has them."""

import json
import ssl
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import DataNotFoundError
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader

from docker_credential_ecrpy.aws.sdk import embedded
from docker_credential_ecrpy.aws.sdk.embedded import DataLoader, Files
from docker_credential_ecrpy.aws.sdk.transport import trust

INSIDE = "/program/botocore/data"


class Importer:
    """The importer of a program that has some files."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents
        self.files = frozenset(contents)

    def get_data(self, path: str) -> bytes:
        """Return the content of a file."""
        return self._contents[path]


@pytest.fixture(name="program")
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {
        f"{INSIDE}/partitions.json": {"partitions": []},
        f"{INSIDE}/ecr/2015-09-21/service-2.json": {"from": "the program"},
        f"{INSIDE}/ecr/2015-09-21/endpoint-rule-set-1.json": {},
    }
    importer = Importer({path: json.dumps(data).encode() for path, data in contents.items()})
    monkeypatch.setattr(botocore, "__loader__", importer)
    monkeypatch.setattr(Loader, "BUILTIN_DATA_PATH", INSIDE)


def _loader(*directories: Path | str) -> DataLoader:
    return DataLoader([*map(str, directories), INSIDE], Files())


def test_data_inside_the_program(program: None) -> None:
    """It is found as botocore finds its own files."""
    assert embedded.load("partitions") == {"partitions": []}
    assert _loader().list_api_versions("ecr", "service-2") == ["2015-09-21"]
    assert _loader().load_data("ecr/2015-09-21/service-2") == {"from": "the program"}
    assert _loader().determine_latest_version("ecr", "service-2") == "2015-09-21"


def test_the_users_models_come_first(program: None, tmp_path: Path) -> None:
    """A directory of models replaces those of the program, and adds versions."""
    for version in ("2015-09-21", "2030-01-01"):
        (tmp_path / "ecr" / version).mkdir(parents=True)
        text = json.dumps({"from": "the user"})
        (tmp_path / "ecr" / version / "service-2.json").write_text(text)
    loader = _loader(tmp_path)

    assert loader.list_api_versions("ecr", "service-2") == ["2015-09-21", "2030-01-01"]
    assert loader.load_data("ecr/2015-09-21/service-2") == {"from": "the user"}


@pytest.mark.parametrize("name", ["nothing", "ecr/2015-09-21/waiters-2"])
def test_data_that_is_nowhere(program: None, name: str) -> None:
    """The error is botocore's."""
    with pytest.raises(DataNotFoundError):
        _loader().load_data(name)
    with pytest.raises(DataNotFoundError):
        _loader().list_api_versions("sqs", "service-2")


def test_files_beside_botocore() -> None:
    """Without an importer of that kind, they are botocore's own."""
    found = embedded.load("partitions")

    assert found == Loader().load_data("partitions")
    assert embedded.read(str(Path(botocore.__file__))) is None
    own = Loader().list_api_versions("ecr", "service-2")
    loader = DataLoader([Loader.BUILTIN_DATA_PATH], Files())
    assert loader.list_api_versions("ecr", "service-2") == own


def test_certificates_inside_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are trusted, also if comments between them are no ASCII."""
    pem = Path(str(get_cert_path(verify=True))).read_bytes()
    path = "/program/botocore/cacert.pem"
    importer = Importer({path: "# é\n".encode() + pem})
    monkeypatch.setattr(botocore, "__loader__", importer)
    contexts: list[Any] = []
    for wanted in (trust._ROOTS, trust._WHOLE):
        context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.__class__ = trust._Context
        context.wanted = wanted
        context.load_verify_locations(path)
        contexts.append(context)

    few, whole = (len(context.get_ca_certs()) for context in contexts)
    assert 0 < few < 10
    assert whole == pem.count(b"BEGIN CERTIFICATE") > 100
