"""The AWS identity and endpoint to use for a registry's token.

The first rule of `~/.ecr/config.toml` that matches the host decides. AWS_ECR_PROFILE_<account> and
AWS_ECR_ROLE_ARN_<account> override its identity. No AWS calls and no file access here.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import identity, registry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.hot.values import dataclass, field, replace
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.settings.patterns import Pattern

AUTO = "auto"
"""As a rule's profile: the only profile of the registry's account."""

ROLE_ARN = expression(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"""


class Place:
    """A variable, or a file and line; the line is looked up only when it is shown."""

    def __init__(self, name: str, line: Callable[[], int] | None = None) -> None:
        self._name, self._line = name, line

    @property
    def line(self) -> int:
        """The line in the file, from 1 on; 0 for a variable."""
        return self._line() if self._line else 0

    def __str__(self) -> str:
        return f"{one_line(self._name)}:{self.line}" if self._line else self._name


@dataclass(frozen=True)
class SettingText:
    """A string in the settings, and its place."""

    text: str
    place: Place


@dataclass(frozen=True)
class Role:
    """A role to assume. session_name: as CloudTrail shows it. duration: seconds."""

    arn: str
    external_id: str = ""
    session_name: str = PACKAGE
    duration: int = 3600


@dataclass(frozen=True)
class WebIdentity:
    """A token that a role is assumed with, instead of credentials of this machine.

    issuer, subject: what its claims say, which nobody has verified.
    """

    token: str = field(repr=False)
    issuer: str
    subject: str


@dataclass(frozen=True)
class Rule:
    """One `[[registry]]` of the settings; `places` has the place of each of its keys.

    profile: an AWS profile, "auto", or "" for the ambient identity.
    registry: the one behind a private host name, or None for a rule for ECR's own host names.
    """

    pattern: "Pattern"
    places: Mapping[str, Place] = field(compare=False)
    profile: str = ""
    role: Role | None = None
    registry: Registry | None = None
    endpoint_url: str = ""
    region: str = ""

    def means(self, host: str, found: Registry | None) -> bool:
        """Whether this rule is for `host`; found: the ECR registry of that name, or None."""
        return (self.registry is None) == (found is not None) and self.pattern.matches(host)

    @property
    def place(self) -> Place:
        """The place of its `match`."""
        return self.places["match"]

    def choose(self, target: Registry) -> "Choice":
        """Return the choice of this rule for a registry."""
        chosen_at = self.places.get("profile") or self.places.get("role_arn")
        return Choice(target, self, chosen_at, self.profile, self.role, self.endpoint_url)


@dataclass(frozen=True)
class Choice:
    """The AWS identity and endpoint for a registry's token, and the rule that matched, if any.

    chosen_at: the place of the profile or role; None for the ambient identity.
    web_identity: with which `role` is assumed; None for this machine's credentials.
    """

    registry: Registry
    rule: Rule | None = None
    chosen_at: Place | None = None
    profile: str = ""
    role: Role | None = None
    endpoint_url: str = ""
    web_identity: WebIdentity | None = None

    @property
    def is_ecr_host(self) -> bool:
        """Whether the host is ECR's own name, not a private one."""
        return self.rule is None or self.rule.registry is None

    def ambient(self, line: str) -> str:
        """Return the identity around this choice: `line` (`identity.line`), and a web identity.

        The latter has its role, and a digest of its token: claims alone could be forged.
        """
        if not (self.web_identity and self.role):
            return line
        claims = f"issuer={self.web_identity.issuer!a} subject={self.web_identity.subject!a}"
        token = f"web-identity~{identity.digest(self.web_identity.token)}"
        return f"{line} {claims} web-identity-role={self.role.arn!a} {token}"

    def identity(self, ambient: str) -> str:
        """Return the AWS identity as one line: `ambient` (`identity.line`), then this choice.

        Choices with equal lines share their tokens, for all registries of one endpoint.
        """
        chosen = {"profile": self.profile, "endpoint": self.endpoint_url}
        if role := self.role:
            chosen |= {
                "role": role.arn,
                "external id": role.external_id and identity.digest(role.external_id),
                "session name": role.session_name,
                "duration": str(role.duration),
            }
        return " ".join([ambient, *(f"{name}={text!a}" for name, text in chosen.items() if text)])

    def with_profile(self, profile: str) -> "Choice":
        """Return this choice with a profile instead of "auto"."""
        return replace(self, profile=profile)


def choose(server_url: str, rules: Sequence[Rule], environ: Mapping[str, str]) -> Choice | None:
    """Return the choice for the registry that `server_url` names; None if that is not ECR's.

    Raises HelperError for invalid variables.
    """
    found = registry.parse(server_url)
    host = found.host if found else registry.parse_host(server_url)
    rule = next((rule for rule in rules if rule.means(host, found)), None)
    target = rule.registry if rule and rule.registry else found
    if target is None:
        return None
    region = rule.region if rule and not target.public else ""
    target = target.override(host=host, region=region)
    choice = rule.choose(target) if rule else Choice(target)
    return _apply_environment(choice, environ)


def _apply_environment(choice: Choice, environ: Mapping[str, str]) -> Choice:
    """Return the choice with the identity that variables set for its account, if any."""
    for prefix, name in itertools.product((identity.PROFILE_OF, identity.ROLE_OF), sorted(environ)):
        is_set = name.startswith(prefix) and environ[name]
        if is_set and not registry.is_account(name.removeprefix(prefix)):
            msg = f"{one_line(name)} does not end in an account id"
            hint = f"name it {prefix}<the account's {registry.ACCOUNT_DIGITS} digits>"
            raise HelperError(msg, hint=hint)
    account = choice.registry.account
    profile_name, role_name = identity.PROFILE_OF + account, identity.ROLE_OF + account
    profile, role_arn = environ.get(profile_name, ""), environ.get(role_name, "")
    if not account or not (profile or role_arn):
        return choice
    if role_arn and not ROLE_ARN.fullmatch(role_arn):
        msg = f"{role_name} is {one_line(role_arn)!r}, which is not the ARN of a role"
        raise HelperError(msg, hint='set it to one such as "arn:aws:iam::123456789012:role/puller"')
    role = Role(role_arn) if role_arn else None
    if role and choice.role and choice.role.arn == role_arn:
        role = choice.role  # the external id belongs to the role, wherever its ARN is set
    place = Place(profile_name if profile else role_name)
    return replace(choice, chosen_at=place, profile=profile, role=role)
