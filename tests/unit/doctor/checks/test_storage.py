"""Facts about what a failed download from the storage of layers means."""

import pytest

from docker_credential_ecrpy.doctor.check import FAIL, SKIP, CheckId
from docker_credential_ecrpy.doctor.checks.storage import explain_download
from docker_credential_ecrpy.doctor.deadline import NotChecked
from docker_credential_ecrpy.doctor.facts import Download
from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.hot import registry
from tests.world.docker_host import IMAGE
from tests.world.machine import HOST
from tests.world.registry import LAYERS, LAYERS_PUBLIC

BUCKET = "prod-us-east-1-starport-layer-bucket"
S3 = Redirect(f"https://{LAYERS}/x", LAYERS, BUCKET, "")
PROXIED = Redirect(S3.url, LAYERS, BUCKET, "http://proxy.example.com:3128")
CDN = Redirect(f"https://{LAYERS_PUBLIC}/x", LAYERS_PUBLIC, "", "")
GATEWAY = "add an S3 gateway endpoint (com.amazonaws.us-east-1.s3) to the subnet's route table"
CLOSED = f"no connection to https://{LAYERS}: it does not answer"


def _reply(
    status: int, code: str = "", message: str = "", host: str = LAYERS, instead: str = ""
) -> StorageReply:
    return StorageReply(host, status, code, message, 1, instead)


def _fix(redirect: Redirect, reply: StorageReply | HelperError, host: str = HOST) -> str:
    found = registry.parse(host)
    assert found is not None
    check = explain_download(CheckId.IMAGE, IMAGE, Download(redirect, reply), found)
    assert check.status == FAIL
    assert check.seen.startswith(f"the layers of {IMAGE} cannot be downloaded")
    assert redirect.host in check.seen
    return check.fix


@pytest.mark.parametrize(
    ("redirect", "reply", "fix"),
    [
        (S3, HelperError(CLOSED), GATEWAY),
        (S3, DeadlineExceeded("no answer within 10 s"), GATEWAY),
        (S3, HelperError(CLOSED), f"s3:GetObject on arn:aws:s3:::{BUCKET}/*"),
        (PROXIED, HelperError(CLOSED), "in the proxy http://proxy.example.com:3128, or name it in"),
        (PROXIED, HelperError("its name does not resolve"), "in the proxy http://proxy"),
        (CDN, HelperError("refuses the connection"), f"allow HTTPS to {LAYERS_PUBLIC}"),
        (S3, HelperError(f"the name of https://{LAYERS} does not resolve"), "DNS server resolve"),
        (
            S3,
            HelperError("the TLS certificate is not trusted", hint="set AWS_CA_BUNDLE to a file"),
            "docker's engine needs it among the system's trusted certificates",
        ),
        (
            S3,
            HelperError("the TLS certificate has expired", hint="set the clock"),
            "set the clock",
        ),
        (
            S3,
            _reply(403, "AccessDenied", "Access Denied"),
            "in the policy of the VPC's S3 endpoint",
        ),
        (S3, _reply(403, "AccessDenied", "Request has expired"), "repeat old answers"),
        (S3, _reply(400, "InvalidArgument", "Only one auth"), "check any proxy in between"),
        (S3, _reply(403), "a proxy or firewall answers in S3's place: allow HTTPS to S3"),
        (PROXIED, _reply(503), "a proxy or firewall answers in S3's place: allow "),
        (
            S3,
            _reply(200, instead="a page (text/html)"),
            "a proxy or firewall answers in S3's place",
        ),
        (CDN, _reply(200, instead="a page", host="portal.corp"), "a proxy or firewall answers in"),
        (S3, _reply(403, "KMS.DisabledException", "x is disabled"), "enable the repository's KMS"),
        (S3, _reply(400, "KMS.NotFoundException", "x"), "without the key, push the image to a new"),
        (
            S3,
            _reply(403, "AccessDenied", "The ciphertext refers to a customer master key that"),
            "allow ECR kms:Decrypt in the key's policy",
        ),
        (S3, _reply(404, "NoSuchKey"), "push the image again"),
        (S3, _reply(503, "SlowDown"), "try again; if it lasts"),
        (CDN, HelperError("x"), f"allow HTTPS to {LAYERS_PUBLIC} in the firewall"),
    ],
)
def test_the_fix(redirect: Redirect, reply: StorageReply | HelperError, fix: str) -> None:
    """It depends on who answered, and on how the storage is reached."""
    assert fix in _fix(redirect, reply)


def test_the_arn_is_that_of_the_partition() -> None:
    """China's and GovCloud's policies have other ARNs."""
    china = HOST.replace("us-east-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")

    assert f"arn:aws-cn:s3:::{BUCKET}/*" in _fix(S3, HelperError(CLOSED), china)
    gov = HOST.replace("us-east-1", "us-gov-west-1")
    assert f"arn:aws-us-gov:s3:::{BUCKET}/*" in _fix(S3, HelperError(CLOSED), gov)


def test_without_time_it_is_skipped() -> None:
    """Earlier checks may have used all of it."""
    found = registry.parse(HOST)
    assert found is not None
    download = Download(S3, NotChecked("not checked: the time limit was reached"))

    assert explain_download(CheckId.IMAGE, IMAGE, download, found).status == SKIP
