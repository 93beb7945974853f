"""All manifests for given options, in the order in which they are applied."""

from docker_credential_ecrpy.kubernetes.manifests import definitions, rights, workload
from docker_credential_ecrpy.kubernetes.manifests.document import Document
from docker_credential_ecrpy.kubernetes.manifests.options import Options


def make(options: Options) -> list[Document]:
    """Return the definitions if they are followed, the rights, and the workload."""
    custom = [*definitions.KINDS.values()] if options.follows else []
    documents = [Document(definitions.make(kind), kind.about) for kind in custom]
    return [*documents, *rights.list_documents(options), *workload.list_documents(options)]
