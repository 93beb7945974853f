"""What a failed download from the storage of layers means.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-s3-gateway
"""

import re
from http import HTTPStatus

from docker_credential_ecrpy.doctor.check import (
    FAIL,
    Check,
    CheckId,
    check_from_error,
    quote_answer,
)
from docker_credential_ecrpy.doctor.deadline import NotChecked
from docker_credential_ecrpy.doctor.facts import Download
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply

# The prefix of a partition's regions -> its name; a test compares them to botocore's.
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
_KMS = re.compile(r"(?i)\bkms|customer master key|\bciphertext\b")


def explain_download(
    check_id: CheckId, shown: str, download: Download, found: Registry, *, podman: bool = False
) -> Check:
    """Judge a download that fails. shown: the image. podman: it has no engine that downloads."""
    redirect, reply = download.redirect, download.reply
    if isinstance(reply, NotChecked):
        return check_from_error(check_id, reply)
    seen = f"the layers of {shown} cannot be downloaded"
    if isinstance(reply, HelperError):
        named = redirect.host in reply.message
        seen += f": {reply.message}" if named else f" from {redirect.host}: {reply.message}"
        fix = _fix_connection(redirect, reply, found, podman=podman)
        return Check(check_id, FAIL, seen, fix)
    if reply.host != redirect.host:
        seen += f" from {redirect.host}"
    if reply.instead:
        seen += f": {reply.host} delivers {reply.instead}"
        return Check(check_id, FAIL, seen, _fix_page(redirect, found, podman=podman))
    seen += f": {reply.host} answers {quote_answer(reply.status, reply.code, reply.message)}"
    return Check(check_id, FAIL, seen, _fix_answer(redirect, reply, found, podman=podman))


def _fix_connection(
    redirect: "Redirect", error: HelperError, found: Registry, *, podman: bool
) -> str:
    if not redirect.host:
        return error.hint or ""
    if "certificate" in error.message:
        fix = error.hint or ""
        if "AWS_CA_BUNDLE" in fix:
            client = "podman" if podman else "docker's engine"
            fix += f"; {client} needs it among the system's"
            fix += " trusted certificates" + ("" if podman else ", and a restart")
        return fix
    if "does not resolve" in error.message and not redirect.proxy:
        fix = f"let this network's DNS server resolve {redirect.host}"
        return fix + ("" if podman else ", also for docker's engine")
    return _open_route(redirect, found, podman=podman)


def _open_route(redirect: "Redirect", found: Registry, *, podman: bool) -> str:
    """Return how to reach the storage."""
    host = redirect.host
    if redirect.proxy:
        fix = f"allow {host} in the proxy {redirect.proxy}, or name it in NO_PROXY if there is a"
        fix += " way without a proxy"
        return fix + ("" if podman else "; docker's engine has such settings of its own")
    if not redirect.bucket:
        return f"allow HTTPS to {host} in the firewall"
    return (
        "allow HTTPS to S3 in the security group, network ACL and firewall; in a VPC without"
        f" internet access, add an S3 gateway endpoint (com.amazonaws.{found.region}.s3) to the"
        " subnet's route table, with a policy that allows s3:GetObject on"
        f" {_name_objects(redirect, found)}"
    )


def _fix_page(redirect: "Redirect", found: Registry, *, podman: bool) -> str:
    whose = "S3's" if redirect.bucket else "its"
    route = _open_route(redirect, found, podman=podman)
    return f"a proxy or firewall answers in {whose} place: {route}"


def _fix_answer(
    redirect: "Redirect", reply: "StorageReply", found: Registry, *, podman: bool
) -> str:
    """Return what to do about an error; S3's errors have a code."""
    route = _open_route(redirect, found, podman=podman)
    if redirect.bucket and not reply.code:
        return _fix_page(redirect, found, podman=podman)
    if _KMS.search(f"{reply.code} {reply.message}"):
        return (
            "enable the repository's KMS key or cancel its deletion, and allow ECR kms:Decrypt in"
            " the key's policy; without the key, push the image to a new repository"
        )
    if reply.status == HTTPStatus.NOT_FOUND:
        return "push the image again: its layer is not there"
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "try again; if it lasts, see https://health.aws.amazon.com/health/status"
    if not redirect.bucket:
        return route
    if reply.code != "AccessDenied" or "expired" in reply.message:
        return "check any proxy in between: it may change requests, or repeat old answers"
    return (
        f"allow s3:GetObject on {_name_objects(redirect, found)} in the policy of the VPC's S3"
        " endpoint, for all principals: the layer's address is signed by ECR's own account"
    )


def _name_objects(redirect: "Redirect", found: Registry) -> str:
    """Return the ARN of all objects in the bucket."""
    names = (name for prefix, name in PARTITIONS.items() if found.region.startswith(prefix))
    return f"arn:{next(names, 'aws')}:s3:::{redirect.bucket}/*"
