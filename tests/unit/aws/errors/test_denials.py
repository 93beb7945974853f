"""Denials by each kind of policy: the reason is kept, and the cure is that policy's."""

from typing import Any

import botocore.session
import pytest
from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST

USER = "arn:aws:iam::123456789012:user/dev"
ROLE = "arn:aws:iam::123456789012:role/puller"
TOKEN = f"User: {USER} is not authorized to perform: ecr:GetAuthorizationToken on resource: *"
ASSUME = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
POLICY = "arn:aws:organizations::1:policy/o-1/service_control_policy/p-1"
ACTION = "allows the ecr:GetAuthorizationToken action"


def _explain(
    text: str, operation: str, code: str = "AccessDenied", host: str = HOST
) -> HelperError:
    found = registry.parse(host)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    response: Any = {"Error": {"Code": code, "Message": text}}
    return explain(boto.ClientError(response, operation), call)


@pytest.mark.parametrize(
    ("text", "reason", "cure"),
    [
        (
            f"{TOKEN} because no VPC endpoint policy {ACTION}",
            "no VPC endpoint policy allows it",
            "in the policy of the VPC endpoint com.amazonaws.us-east-1.ecr.api",
        ),
        (
            f"{TOKEN} with an explicit deny in a VPC endpoint policy",
            "with an explicit deny in a VPC endpoint policy",
            "in the policy of the VPC endpoint com.amazonaws.us-east-1.ecr.api",
        ),
        (
            f"{ASSUME} because no VPC endpoint policy allows the sts:AssumeRole action",
            "no VPC endpoint policy allows it",
            "in the policy of the VPC endpoint com.amazonaws.us-east-1.sts",
        ),
        (
            f"{TOKEN} because no permissions boundary {ACTION}",
            "no permissions boundary allows it",
            "ask the administrator who set the boundary",
        ),
        (
            f"{TOKEN} with an explicit deny in a permissions boundary: arn:aws:iam::1:policy/b",
            "with an explicit deny in a permissions boundary arn:aws:iam::1:policy/b",
            "ask the administrator who set the boundary",
        ),
        (
            f"{TOKEN} because no session policy {ACTION}",
            "no session policy allows it",
            "ask the owner of the program that starts the session with that policy",
        ),
        (
            f"{TOKEN} because no service control policy {ACTION}",
            "no service control policy allows it",
            "ask an administrator of the AWS organization",
        ),
        (
            f"{TOKEN} with an explicit deny in a service control policy: {POLICY}",
            f"with an explicit deny in a service control policy {POLICY}",
            "ask an administrator of the AWS organization",
        ),
        (
            f"{ASSUME} with an explicit deny in a resource control policy",
            "with an explicit deny in a resource control policy",
            "ask an administrator of the AWS organization",
        ),
        (
            f"{TOKEN} because no identity-based policy {ACTION}",
            "no identity-based policy allows it",
            "allow ecr:GetAuthorizationToken on resource * in an IAM policy of this identity",
        ),
        (
            f"{TOKEN} with an explicit deny in an identity-based policy",
            "with an explicit deny in an identity-based policy",
            "if it wants MFA, use a profile with mfa_serial",
        ),
        (
            f"{ASSUME} because no resource-based policy allows the sts:AssumeRole action",
            "no resource-based policy allows it",
            "for this identity in the role's trust policy",
        ),
        (
            f"{ASSUME} because no role trust policy allows the sts:AssumeRole action",
            "no role trust policy allows it",
            "for this identity in the role's trust policy",
        ),
        (f"{TOKEN} with an explicit deny", "with an explicit deny", "ask the policy's owner"),
        (
            f"{TOKEN} because no future kind of policy {ACTION}",
            "no future kind of policy allows it",
            "ask the policy's owner to allow ecr:GetAuthorizationToken",
        ),
        (ASSUME, f" on {ROLE}", "if that wants it, set external_id or mfa_serial"),
    ],
)
def test_the_policy_is_named_with_its_cure(text: str, reason: str, cure: str) -> None:
    """AWS's texts name one kind of policy; who can change it differs."""
    operation = "AssumeRole" if text.startswith(ASSUME) else "GetAuthorizationToken"
    error = _explain(text, operation)

    assert error.message.startswith(f"{USER} may not call ")
    assert error.message.endswith(reason)
    assert cure in (error.hint or "")


def test_a_web_identity_is_allowed_by_the_trust_policy_alone() -> None:
    """There is no identity yet that could have an IAM policy."""
    text = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    error = _explain(text, "AssumeRoleWithWebIdentity")

    assert "trust policy allow it for the issuer, audience (aud) and subject" in (error.hint or "")
    assert "IAM policy" not in (error.hint or "")


def test_the_root_user_has_its_own_cure() -> None:
    """No policy lets it assume a role."""
    error = _explain("Roles may not be assumed by root accounts.", "AssumeRole")

    assert "root user can assume no role" in (error.hint or "")


def test_an_endpoint_in_china_has_its_own_name() -> None:
    """The names of services begin with the country's there."""
    host = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
    text = f"{TOKEN} because no VPC endpoint policy {ACTION}"

    assert "cn.com.amazonaws.cn-north-1.ecr.api" in str(
        _explain(text, "GetAuthorizationToken", host=host)
    )


@pytest.mark.parametrize(
    ("code", "text", "region", "cause", "cure"),
    [
        (
            "RegionDisabledException",
            "STS is not activated in this region for account:1.",
            "eu-west-1",
            "STS is not active in eu-west-1 for the AWS account of",
            "activate STS for that region in IAM's account settings",
        ),
        (
            "RegionDisabledException",
            "STS is not activated in this region for account:1.",
            "me-south-1",
            "STS is not active in me-south-1",
            "enable that opt-in region: aws account enable-region --region-name me-south-1",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "ap-east-1",
            "ECR does not know the AWS access key",
            "key's account (aws account enable-region --region-name ap-east-1), or renew the keys:",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "us-gov-west-1",
            "ECR does not know the AWS access key",
            "the key may be deleted, disabled, of a closed account or from another partition",
        ),
        (
            "OptInRequired",
            "The AWS Access Key Id needs a subscription for the service",
            "us-east-1",
            "ECR does not serve the AWS account of",
            "its owner has to settle that with AWS",
        ),
        (
            "AccessDeniedException",
            "This account is currently suspended.",
            "us-east-1",
            "ECR does not serve the AWS account of",
            "its owner has to settle that with AWS",
        ),
    ],
)
def test_the_standing_of_an_account_is_told_from_permissions(
    code: str, text: str, region: str, cause: str, cure: str
) -> None:
    """A region that is not enabled, and an account that is not in use, have their own cures."""
    host = f"123456789012.dkr.ecr.{region}.amazonaws.com"
    operation = "AssumeRole" if "STS" in cause else "GetAuthorizationToken"
    error = _explain(text, operation, code, host)

    assert error.message.startswith(cause)
    assert cure in (error.hint or "")
