"""Which namespaces get a pull secret."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.kubernetes.pull_secrets.names import WANTED, Reason, Refusal

_GLOB = re.compile(r"[a-z0-9*?!\[\]-]{1,63}")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True)
class Selection:
    """The namespaces of a cluster-wide pull secret: those that meet every condition given.

    include, exclude: names or globs. labels: each with its value. expressions: as
    `matchExpressions` of a label selector. opt_in: only those with the annotation `WANTED`.
    Without any condition, none: to mean all of them, include "*".
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: Sequence[Mapping[str, Any]] = ()
    opt_in: bool = False

    def selects(self, namespace: Mapping[str, Any]) -> bool:
        """Whether a Namespace of the API is one of them; one that is being deleted never is."""
        metadata = namespace["metadata"]
        annotations = metadata.get("annotations") or {}
        if is_terminating(namespace) or annotations.get(WANTED) == "false":
            return False
        name, labels = metadata["name"], metadata.get("labels") or {}
        include = self.include or (("*",) if self._has_conditions else ())
        return (
            matches(name, include)
            and not matches(name, self.exclude)
            and all(labels.get(label) == value for label, value in self.labels.items())
            and all(_meets(labels, expression) for expression in self.expressions)
            and (not self.opt_in or annotations.get(WANTED) == "true")
        )

    @property
    def _has_conditions(self) -> bool:
        return bool(self.labels or self.expressions or self.opt_in)


def is_terminating(namespace: Mapping[str, Any]) -> bool:
    """Whether a Namespace is being deleted: the API refuses new objects there."""
    phase = (namespace.get("status") or {}).get("phase")
    return bool(namespace["metadata"].get("deletionTimestamp")) or phase == "Terminating"


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is one of the names, or one of the globs covers it."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def check_pattern(pattern: str, what: str) -> str:
    """Return a name or glob. Raises Refusal for one that no name can match; `what`: its key."""
    if not _GLOB.fullmatch(pattern):
        msg = f"{what}: {pattern!r} is neither a name nor a glob"
        raise Refusal(
            Reason.INVALID_SPEC, msg, hint='use lower-case letters, digits, "-", "*" and "?"'
        )
    return pattern


def check_expression(expression: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a member of `matchExpressions`. Raises Refusal for one without a meaning."""
    operator = expression.get("operator")
    has_values = bool(expression.get("values"))
    if operator not in _OPERATORS or has_values != (operator in _OPERATORS[:2]):
        msg = f"matchExpressions: {operator!r} with {'' if has_values else 'no '}values"
        raise Refusal(Reason.INVALID_SPEC, msg, hint=f"use one of {', '.join(_OPERATORS)}")
    return expression


def _meets(labels: Mapping[str, str], expression: Mapping[str, Any]) -> bool:
    """Whether labels meet an expression; as in the API, NotIn is met by a label that is absent."""
    value = labels.get(expression["key"])
    operator: str = expression["operator"]
    values = expression.get("values") or ()
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    return any(value == each for each in values) == (operator == "In")
