"""One object of the manifests, with a comment above it."""

from collections.abc import Iterable
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.yaml_text import to_yaml

Object = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """An object of the API. comment: why it is as it is, for whoever reads the YAML; one line."""

    body: Object
    comment: str = ""

    @property
    def text(self) -> str:
        """The object as YAML."""
        head = f"# {self.comment}\n" if self.comment else ""
        return f"{head}{to_yaml(self.body, is_plain=True)}\n"


def join(documents: Iterable[Document]) -> str:
    """Return the YAML of several objects."""
    return "---\n".join(document.text for document in documents)
