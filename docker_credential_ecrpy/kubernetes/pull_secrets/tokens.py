"""Logins from the engine: the same rules, identities and cache as those of `get`."""

from collections.abc import Callable, Mapping, Sequence

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, login_of
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.settings.rules import Choice

FindToken = Callable[[Choice], cache.Entry]
"""Returns the entry that answers for a registry. Raises HelperError."""


@dataclass(frozen=True)
class Found:
    """The logins of some registries, and why the others have none, by their keys."""

    logins: Mapping[str, Login]
    errors: Mapping[str, HelperError]

    def all(self) -> list[Login]:
        """Return the logins, at least one; raises the first error."""
        for error in self.errors.values():
            raise error
        return list(self.logins.values())


def choose(helper: Helper, key: str, *, by_rule: bool = False) -> Choice:
    """Return what the rules choose for a registry.

    by_rule: whether a rule must choose the AWS identity. Raises Refusal for a registry that is not
    ECR's, and for one without such a rule.
    """
    choice = helper.choose(key)
    if choice is None:
        msg = f"{key} is not an ECR registry, and no rule maps it to one"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="name one that is")
    if by_rule and choice.chosen_at is None:
        msg = f"no rule chooses an AWS identity for {key}"
        hint = "the operator of the controller can add one with a role_arn or a profile"
        raise Refusal(Reason.NOT_ALLOWED, msg, hint=hint)
    return choice


def identify(helper: Helper, key: str, *, by_rule: bool = False) -> str:
    """Return the identity of a registry's login, as in `Login`. Raises HelperError as `choose`."""
    choice = choose(helper, key, by_rule=by_rule)
    return " ".join((choice.registry.endpoint, choice.identity("")))


def find_logins(helper: Helper, keys: Sequence[str], find_token: FindToken) -> Found:
    """Return the logins of registries, by host and port. One that fails leaves the others."""
    logins: dict[str, Login] = {}
    errors: dict[str, HelperError] = {}
    for key in dict.fromkeys(keys):
        try:
            entry = find_token(choose(helper, key))
            logins[key] = login_of(key, entry, identify(helper, key))
        except HelperError as exc:
            errors[key] = exc
    return Found(logins, errors)
