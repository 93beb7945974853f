"""Warns of registries whose AWS identity has no credentials in the environment or ~/.aws.

A profile that AWS_PROFILE names and that does not exist is refused: every pull would fail.
"""

import shlex
from collections.abc import Iterable

from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts
from docker_credential_ecrpy.docker.message import Message, MessageId
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from docker_credential_ecrpy.text.sanitize import fits_line, one_line
from docker_credential_ecrpy.text.suggestion import suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.local_credentials import LocalCredentials

_ON_AWS = "on EC2 or ECS, the instance's role is used"
_MOST_NAMED = 5  # profiles in one sentence


def find_missing_credentials(
    facts: DockerFacts, request: ConfigureRequest, settings: bytes
) -> list[Message]:
    """Return a warning for each identity without credentials, of those that registries get.

    settings: the content of our own settings once they are written. Raises HelperError, also for
    AWS_PROFILE with a profile that does not exist, where no rule chooses another identity.
    """
    local = facts.credentials
    if local is None or request.remove:
        return []
    document = TomlDocument(facts.settings_file, settings, loader.TABLE)
    found = loader.parse(document).rules
    if not request.hosts:
        has_any = local.ambient or local.filled or not request.store
        if request.store and not found:
            _refuse_unknown(facts, local)
        return [] if has_any else _describe_all([""], local)
    choices = [rules.choose(host, found, facts.environ) for host in request.hosts]
    # ECR Public works without credentials.
    profiles = [choice.profile for choice in choices if choice and not choice.registry.public]
    if "" in profiles:
        _refuse_unknown(facts, local)
    return _describe_all(profiles, local)


def _refuse_unknown(facts: DockerFacts, local: "LocalCredentials") -> None:
    """Raise HelperError where AWS_PROFILE names a profile that does not exist."""
    if local.named in {"", *local.known}:
        return
    variable = "AWS_DEFAULT_PROFILE" if facts.environ.get("AWS_DEFAULT_PROFILE") else "AWS_PROFILE"
    near = suggest(local.named, sorted(local.known))
    correct = f"did you mean {one_line(near)!r}? Or" if near else "correct it, or"
    command = f"unset {variable}"
    hint = f"{correct} unset it: {command}"
    msg = f"{variable}: {local.describe_unknown(local.named)}"
    raise HelperError(msg, hint=hint, command=command)


def _describe_all(profiles: Iterable[str], local: "LocalCredentials") -> list[Message]:
    described = (_describe(profile, local) for profile in dict.fromkeys(profiles))
    return [message for message in described if message]


def _describe(profile: str, local: "LocalCredentials") -> Message | None:
    """Return the warning for a rule's profile, or the ambient identity for ""; None for none."""
    if profile == rules.AUTO:
        return None if local.known else _run_sso("no AWS profile exists here", "")
    if profile:
        return None if profile in local.filled else _describe_profile(profile, "", local)
    if local.ambient:
        return None
    if local.named in local.known:
        return _describe_profile(local.named, "AWS_PROFILE: ", local)
    if local.filled:
        names = ", ".join(map(one_line, sorted(local.filled)[:_MOST_NAMED]))
        msg = "no AWS credentials in the environment or the default profile"
        msg += f"; add --profile with one of: {names} ({_ON_AWS})"
        return Message(MessageId.NO_CREDENTIALS, msg)
    return _run_sso("no AWS credentials in the environment or ~/.aws", f" ({_ON_AWS})")


def _run_sso(text: str, end: str) -> Message:
    command = "aws configure sso"
    return Message(MessageId.NO_CREDENTIALS, f"{text}; run: {command}{end}", command)


def _describe_profile(name: str, source: str, local: "LocalCredentials") -> Message:
    if name in local.known:
        found = MessageId.NO_CREDENTIALS
        text = f"AWS profile {one_line(name)!r} has no credentials in {local.files}"
    else:
        found, text = MessageId.PROFILE_UNKNOWN, local.describe_unknown(name)
    if not fits_line(name):  # it cannot be printed
        return Message(found, f"{source}{text}")
    command = f"aws configure sso --profile {shlex.quote(name)}"
    return Message(found, f"{source}{text}; run: {command}", command)
