"""Errors that are due to files, keys or variables of this machine."""

import hashlib

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.errors.connection import explain_connection, iterate_causes
from docker_credential_ecrpy.aws.errors.values import explain_reference
from docker_credential_ecrpy.aws.faults import keys, variables
from docker_credential_ecrpy.aws.faults.unreadable import find_unreadable_cache
from docker_credential_ecrpy.aws.profiles import explain_wrong_settings
from docker_credential_ecrpy.aws.sdk.patches import MfaNeeded
from docker_credential_ecrpy.errors import HelperError


def explain_local(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for half an access key, or for a cache that cannot be read."""
    if isinstance(exc, boto.EndpointProviderError):
        error = explain_wrong_settings(exc, call.core)
        return variables.add_left_over(error, variables.find_switch(call), "chooses that endpoint")
    if isinstance(exc, boto.InvalidConfigError):
        return explain_reference(call)
    if isinstance(exc, boto.PartialCredentialsError):
        return keys.explain_partial(exc, call)
    if any(isinstance(cause, MfaNeeded) for cause in iterate_causes(exc)):
        return find_unreadable_cache("cli", _find_role_key(exc))
    if call.unreachable:
        return None
    profile = call.read_profiles().get(call.find_sso_login()[0], {})
    if isinstance(exc, boto.SSOError | boto.TokenRetrievalError | boto.NoAuthTokenError):
        session = profile.get("sso_session") or profile.get("sso_start_url", "")
        return find_unreadable_cache("sso", _hash("sha1", session))
    if isinstance(exc, boto.LoginError):
        session = profile.get("login_session", "").strip()
        return find_unreadable_cache("login", _hash("sha256", session))
    return None


def _hash(algorithm: str, session: str) -> str:
    """Return botocore's name for the file of a session; "" without one."""
    name = hashlib.new(algorithm, session.encode(), usedforsecurity=False).hexdigest()
    return name if session else ""


def _find_role_key(exc: Exception) -> str:
    """Return the name of the cached file of the role that needs an MFA code, or ""."""
    for cause in iterate_causes(exc):
        trace = cause.__traceback__
        while trace:
            owner, trace = trace.tb_frame.f_locals.get("self"), trace.tb_next
            if key := getattr(owner, "_cache_key", ""):
                return str(key)
    return ""


def explain_failed_request(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a failed connection, with the key or setting that it is due to."""
    error = explain_connection(exc, call)
    if error is None:
        return None
    names_url = redact_url(call.url) in error.message
    if isinstance(exc, boto.ProxyConnectionError):
        switch = variables.find_switch(call) if names_url else None
        return variables.add_left_over(error, switch, "chooses that endpoint")
    # The message names another address where a proxy is what fails.
    return variables.add_endpoint(error, call) if names_url else error
