"""Every exception of botocore's is either explained, or known to be none of a `get`'s."""

from typing import Any

import botocore.session
import pytest
from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST

URL = {"endpoint_url": "https://a.test", "proxy_url": "http://p.test", "error": OSError("odd")}
# What a `get` can raise: the arguments, words of the cause, and words of the cure.
EXPLAINED: dict[str, tuple[dict[str, Any], str, str]] = {
    "BotoCoreError": ({}, "the AWS SDK failed", "AWS_ECR_DEBUG=1"),
    "ConfigNotFound": ({"path": "/x"}, "the AWS settings are wrong: The specified", "fix "),
    "ConfigParseError": ({"path": "/x"}, "the AWS settings are wrong: Unable to parse", "fix "),
    "ConnectTimeoutError": (URL, "no connection to https://a.test", "check the network"),
    "ConnectionClosedError": (URL, "https://a.test closed the connection", "check the network"),
    "ConnectionError": (URL, "no connection to https://a.test", "check the network"),
    "CredentialRetrievalError": ({"provider": "odd", "error_msg": "why"}, "why", "AWS_ECR_DEBUG"),
    "EndpointConnectionError": (URL, "no connection to https://a.test", "check the network"),
    "EndpointProviderError": ({"msg": "why"}, "the AWS settings are wrong: why", "fix "),
    "EndpointResolutionError": ({"msg": "why"}, "the AWS settings are wrong: why", "fix "),
    "HTTPClientError": (URL, "no connection to https://a.test", "check the network"),
    "InfiniteLoopConfigError": (
        {"source_profile": "a", "visited_profiles": ["a"]},
        "leads back to itself",
        "set it to a profile with keys",
    ),
    "InvalidChecksumConfigError": (
        {"config_key": "request_checksum_calculation", "config_value": "x", "valid_options": "y"},
        "AWS_REQUEST_CHECKSUM_CALCULATION = x is not valid",
        "write when_supported",
    ),
    "InvalidConfigError": ({"error_msg": "why"}, "the AWS settings are wrong: why", "fix "),
    "InvalidDefaultsMode": (
        {"mode": "x", "valid_modes": "y"},
        "AWS_DEFAULTS_MODE = x is not valid",
        "write standard",
    ),
    "InvalidIMDSEndpointError": (
        {"endpoint": "x"},
        "AWS_EC2_METADATA_SERVICE_ENDPOINT = x is not valid",
        "write a URL",
    ),
    "InvalidIMDSEndpointModeError": (
        {"mode": "x", "valid_modes": "y"},
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE = x is not valid",
        "write IPv4 or IPv6",
    ),
    "InvalidRegionError": ({"region_name": "a b"}, "the AWS settings are wrong: Provided", "fix "),
    "InvalidSTSRegionalEndpointsConfigError": (
        {"sts_regional_endpoints_config": "x"},
        "AWS_STS_REGIONAL_ENDPOINTS = x is not valid",
        "write regional or legacy",
    ),
    "LoginAuthorizationCodeError": ({"error_msg": "x"}, "has expired or was never", "aws login"),
    "LoginError": ({}, "has expired or was never begun", "run: aws login"),
    "LoginInsufficientPermissions": ({}, "was refused", "ask for permission to sign in"),
    "LoginRefreshRequired": ({}, "has expired or was never begun", "run: aws login"),
    "LoginTokenLoadError": ({"error_msg": "x"}, "has expired or was never begun", "run: aws login"),
    "MetadataRetrievalError": ({"error_msg": "x"}, "metadata gives no token", "hop limit to 2"),
    "MissingDependencyException": ({"msg": "x"}, "the AWS settings are wrong: Missing", "fix "),
    "NoAuthTokenError": ({}, "SSO session", "run: aws sso login"),
    "NoCredentialsError": ({}, "no AWS credentials found", "run 'aws configure sso'"),
    "ParamValidationError": ({"report": "odd"}, "AWS cannot take a value", "fix the value in"),
    "PartialCredentialsError": (
        {"provider": "env", "cred_var": "AWS_SECRET_ACCESS_KEY"},
        "are incomplete: AWS_SECRET_ACCESS_KEY is not set",
        "set both",
    ),
    "ProfileNotFound": ({"profile": "x"}, "AWS profile 'x' is not in", "unset AWS_PROFILE"),
    "ProxyConnectionError": (URL, "no connection to https://a.test", "check the network"),
    "ReadTimeoutError": (URL, "accepted the request and did not answer", "check the network"),
    "RefreshWithMFAUnsupportedError": ({}, "needs an MFA code", "aws sts get-caller-identity"),
    "ResponseStreamingError": (URL, "https://a.test closed the connection", "check the network"),
    "SSLError": (URL, "no TLS connection to https://a.test", "check the endpoint's URL"),
    "SSOError": ({}, "the SSO session of AWS profile", "run: aws sso login"),
    "SSOTokenLoadError": ({"error_msg": "x"}, "the SSO session of", "run: aws sso login"),
    "TokenRetrievalError": (
        {"provider": "sso", "error_msg": "x"},
        "the SSO session of",
        "run: aws sso login",
    ),
    "UnauthorizedSSOTokenError": ({}, "the SSO session of", "run: aws sso login"),
}
# Those of other services and features, by the reason why a `get` does not raise them.
OTHERS = {
    "a ClientError has a table of its own": "ClientError EventStreamError",
    "S3, its control and its checksums": (
        "InvalidDNSNameError InvalidS3AddressingStyleError UnsupportedS3ArnError AwsChunkedWrapper"
        "Error UnsupportedS3ControlArnError UnsupportedOutpostResourceError FlexibleChecksumError"
        " UnsupportedS3ConfigurationError UnsupportedS3AccesspointConfigurationError MD5Unavailable"
        "Error UnsupportedS3ControlConfigurationError InvalidS3UsEast1RegionalEndpointConfigError"
    ),
    "the caller's code, which tests run": (
        "UnknownServiceError DataNotFoundError ApiVersionNotFoundError UnknownKeyError RangeError"
        " UnknownParameterError ValidationError AliasConflictParameterError UnknownServiceStyle"
        " MissingParametersError UnknownClientMethodError InvalidExpressionError UnknownCredential"
        "Error UnknownTokenProviderError UnknownEndpointResolutionBuiltInName InvalidProxiesConfig"
        "Error UnknownSignatureVersionError UnsupportedSignatureVersionError MissingServiceIdError"
        " UndefinedModelAttributeError"
        " UnsupportedServiceProtocolsError InvalidHostLabelError"
        " InvalidEndpointConfigurationError"
    ),
    "the retries are set by this program": (
        "InvalidRetryConfigurationError InvalidRetryModeError InvalidMaxRetryAttemptsError"
        " CapacityNotAvailableError"
    ),
    "pages, waiters, stubs, discovery and streams that are sent": (
        "PaginationError OperationNotPageableError WaiterError WaiterConfigError StubResponseError"
        " StubAssertionError UnStubbedResponseError InvalidEndpointDiscoveryConfigurationError"
        " UnseekableStreamError IncompleteReadError ChecksumError"
    ),
    "the resolver of endpoints before 2022": (
        "UnknownRegionError ServiceNotInRegionError BaseEndpointResolverError NoRegionError"
        " EndpointVariantError UnknownEndpointError UnknownFIPSEndpointError"
    ),
    "warnings": "UnsupportedTLSVersionWarning ImminentRemovalWarning",
}


def _all() -> set[str]:
    return {
        name
        for name, found in vars(boto).items()
        if isinstance(found, type)
        and issubclass(found, Exception)
        and found.__module__ == boto.__name__
    }


def test_each_exception_is_classified() -> None:
    """A class that botocore adds fails this until it is explained, or known to be no `get`'s."""
    others = [name for names in OTHERS.values() for name in names.split()]

    assert len(others) == len(set(others))
    assert _all() == {*others, *EXPLAINED}


@pytest.mark.parametrize("name", EXPLAINED)
def test_each_exception_has_cause_and_cure(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The error is one line without names of classes; for a setting, it names the variable."""
    for variable in (
        "AWS_DEFAULTS_MODE",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
        "AWS_STS_REGIONAL_ENDPOINTS",
    ):
        monkeypatch.setenv(variable, "x")
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    arguments, cause, cure = EXPLAINED[name]

    error = explain(getattr(boto, name)(**arguments), call)

    assert cause in error.message
    assert cure in (error.hint or "")
    assert "\n" not in str(error)
    assert name not in str(error)
