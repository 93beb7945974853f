"""Write the bases of deploy/kubernetes/pull-secrets, and the definitions of the chart.

    python tools/manifests.py

A test compares the files with what this writes; after a change of the manifests, run
`make reference`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from docker_credential_ecrpy.kubernetes.manifests import definitions, rights, workload
from docker_credential_ecrpy.kubernetes.manifests.document import Document, join
from docker_credential_ecrpy.kubernetes.manifests.options import Options

DEPLOY = Path(__file__).parent.parent / "deploy" / "kubernetes" / "pull-secrets"
IMAGE = "docker-credential-ecrpy"
REGISTRIES = ("123456789012@us-east-1",)
BASES = {
    "namespaced": Options(IMAGE, name="ecr", registries=REGISTRIES),
    "cluster": Options(IMAGE, follows=True),
    "once": Options(IMAGE, name="ecr", registries=REGISTRIES, is_once=True),
}


def list_files() -> Iterator[tuple[str, str]]:
    """Yield each file's path below `DEPLOY`, and its content."""
    for plural, kind in definitions.KINDS.items():
        text = Document(definitions.make(kind), kind.about).text
        yield f"crds/{plural}.yaml", text
        yield f"chart/definitions/{plural}.yaml", text
    for name, options in BASES.items():
        pods = "cronjob" if options.is_once else "deployment"
        yield f"{name}/rbac.yaml", join(rights.list_documents(options))
        yield f"{name}/{pods}.yaml", join(workload.list_documents(options))


if __name__ == "__main__":
    for name, text in list_files():
        file = DEPLOY / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
