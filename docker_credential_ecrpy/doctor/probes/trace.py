"""What a registry replies to the requests of a pull, and the permission that a refusal lacks."""

import re
from http import HTTPStatus

from docker_credential_ecrpy.doctor.probes.storage import Redirect
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.hot.values import dataclass, field

BASE, MANIFEST, CONFIG, LAYER_CHECK, LAYER = "base", "manifest", "config", "layer check", "layer"
# The IAM action that ECR checks for each request of a pull.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html and
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
_NEEDS = {
    MANIFEST: "ecr:BatchGetImage",
    CONFIG: "ecr:GetDownloadUrlForLayer",
    LAYER_CHECK: "ecr:BatchCheckLayerAvailability",
    LAYER: "ecr:GetDownloadUrlForLayer",
}
_ACTION = re.compile(r"perform: ([a-z-]+:\w+)")
# Words of a refusal whose cause is no missing permission for the request itself.
_OTHER_CAUSE = re.compile(
    r"(?i)\btoken\b.*\b(expired|invalid)|\b(expired|invalid)\b.*\btoken\b"
    r"|upstream|secrets ?manager|\bkms|archiv"
)


@dataclass(frozen=True)
class Reply:
    """The registry's reply to one request.

    what: "base", "manifest", "config", "layer check" or "layer". status: HTTP's. code, message: of
    the first error in its body, or "". action: the IAM action that is missing, or "".
    """

    what: str
    status: int
    code: str
    message: str
    action: str
    milliseconds: int


@dataclass(frozen=True)
class PullTrace:
    """The replies in order, up to the first one after which a pull fails.

    An image index and the manifest that it points to are two. tags: where the registry does not
    have the tag, similar ones, or else its first. digest: that of the tag's manifest, or "".
    platform: the one that Docker pulls. is_unsuitable: an index has no image for that one, but for
    `platforms`. artifact: the media type of what is no image, such as a Helm chart, or "".
    image_platform: that of a config that the registry delivers itself, or "".
    redirects: to the storage of the config and a layer.
    """

    replies: tuple[Reply, ...]
    tags: tuple[str, ...] = ()
    digest: str = ""
    platform: str = ""
    is_unsuitable: bool = False
    platforms: tuple[str, ...] = ()
    artifact: str = ""
    image_platform: str = ""
    redirects: tuple[Redirect, ...] = field(default=(), repr=False)


def find_missing_action(what: str, status: int, message: str, registry: Registry) -> str:
    """Return the IAM action that a refusal names, or else the one that its request needs.

    Returns "" where the refusal has another cause.
    """
    if named := _ACTION.search(message):
        return named[1]
    if status != HTTPStatus.FORBIDDEN or registry.public or _OTHER_CAUSE.search(message):
        return ""
    return _NEEDS.get(what, "")
