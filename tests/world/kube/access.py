"""Who may do what in the loopback API: bearer tokens, and the rules of RBAC."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.world.kube.status import ApiError


@dataclass(frozen=True)
class Rule:
    """A rule of a Role. namespace: "" for one of a ClusterRole, which covers all."""

    verbs: Sequence[str]
    resources: Sequence[str]
    namespace: str = ""
    names: Sequence[str] = ()

    def allows(self, verb: str, resource: str, namespace: str, name: str) -> bool:
        """Whether it allows a request. As in RBAC, names cannot restrict `create`."""
        return (
            (verb in self.verbs or "*" in self.verbs)
            and (resource in self.resources or "*" in self.resources)
            and self.namespace in ("", namespace)
            and (not self.names or (name in self.names and verb != "create"))
        )


ADMIN = Rule(["*"], ["*"])


@dataclass
class Access:
    """The users of the API by their bearer tokens, and what each may do."""

    rules: dict[str, list[Rule]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add_user(self, user: str, *rules: Rule) -> str:
        """Return the bearer token of a new user."""
        token = f"canary-bearer-{secrets.token_hex(16)}"
        with self._lock:
            self.rules[user] = list(rules)
            self.tokens[token] = user
        return token

    def rotate(self, file: Path) -> None:
        """Replace the token in a file, as kubelet does; the old one is refused from now on."""
        old = file.read_text()
        with self._lock:
            user = self.tokens.pop(old)
            new = f"canary-bearer-{secrets.token_hex(16)}"
            self.tokens[new] = user
        fresh = file.with_name("..new")
        fresh.write_text(new)
        fresh.replace(file)

    def authenticate(self, header: str) -> str:
        """Return the user of a request. Raises ApiError (401)."""
        scheme, _, token = header.partition(" ")
        with self._lock:
            user = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return user

    def authorize(
        self, user: str, verb: str, resource: tuple[str, str], namespace: str, name: str
    ) -> None:
        """Raise ApiError (403) unless a rule allows the request. resource: plural and group."""
        plural, group = resource
        if any(rule.allows(verb, plural, namespace, name) for rule in self.rules[user]):
            return
        what = f"{plural}{f'.{group}' if group else ''}"
        named = f' "{name}"' if name else ""
        where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        message = (
            f'{what}{named} is forbidden: User "{user}" cannot {verb} resource "{plural}"'
            f' in API group "{group}"{where}'
        )
        raise ApiError(403, "Forbidden", message, {"kind": plural, "name": name})
