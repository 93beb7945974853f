"""Logins from the engine: the same rules, identities and cache as those of `get`."""

from collections.abc import Callable, Mapping, Sequence

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times, login_of, times_of
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.settings.rules import Choice

FindToken = Callable[[Choice], cache.Entry]
"""Returns the entry that answers for a registry. Raises HelperError."""


@dataclass(frozen=True)
class Found:
    """The logins of some registries, and why the others have none, by their keys."""

    logins: Mapping[str, tuple[Login, Times]]
    errors: Mapping[str, HelperError]

    def all(self) -> tuple[list[Login], Times]:
        """Return the logins, at least one, with their times; raises the first error."""
        for error in self.errors.values():
            raise error
        found = self.logins.values()
        times = [at for _, at in found]
        return [login for login, _ in found], times_of(times)


def choose(helper: Helper, key: str) -> Choice:
    """Return what the rules choose for a registry. Raises Refusal for one that is not ECR's."""
    choice = helper.choose(key)
    if choice is None:
        msg = f"{key} is not an ECR registry, and no rule maps it to one"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="name one that is")
    return choice


def identify(helper: Helper, key: str) -> str:
    """Return the identity of a registry's login, as in `Login`. Raises HelperError."""
    choice = choose(helper, key)
    return " ".join((choice.registry.endpoint, choice.identity("")))


def find_logins(helper: Helper, keys: Sequence[str], find_token: FindToken) -> Found:
    """Return the logins of registries, by host and port. One that fails leaves the others."""
    logins: dict[str, tuple[Login, Times]] = {}
    errors: dict[str, HelperError] = {}
    for key in dict.fromkeys(keys):
        try:
            entry = find_token(choose(helper, key))
            login = login_of(key, entry, identify(helper, key))
            logins[key] = login, Times(entry.written, entry.refresh, entry.expires)
        except HelperError as exc:
            errors[key] = exc
    return Found(logins, errors)
