"""What a pull secret is to be, from a resource of the API or from options."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import (
    Selection,
    check_expression,
    check_pattern,
)

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_NAMESPACE = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}")
_REPOSITORY = re.compile(r"(?=.{1,256}\Z)[a-z0-9]+([._/-][a-z0-9]+)*")


@dataclass(frozen=True)
class PullSecret:
    """A pull secret to keep fresh.

    uid: of its resource, or its name where there is none; the jitter depends on it. registries:
    hosts, with their ports. accounts: ServiceAccounts, by name or glob. namespaces: None for one
    in `namespace` alone. owner: as in `Target`. rules: the name of a file of rules for its
    registries; "" for the controller's own. by_rule: whether a rule has to choose the AWS identity
    of each.
    """

    uid: str
    namespace: str
    name: str
    registries: Sequence[str]
    form: Form = Form.DOCKER_CONFIG
    repository: str = ""
    accounts: Sequence[str] = ()
    namespaces: Selection | None = None
    owner: str = ""
    rules: str = ""
    by_rule: bool = False

    def target(self, namespace: str) -> Target:
        """Return its Secret in a namespace."""
        return Target(namespace, self.name, self.form, self.repository, self.owner)


def is_name(text: str) -> bool:
    """Whether a text is the name of a Secret."""
    return _NAME.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether a text is the name of a namespace."""
    return _NAMESPACE.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether a text is the path of a repository in ECR."""
    return _REPOSITORY.fullmatch(text) is not None


def find_rules(wanted: PullSecret, folder: str) -> str:
    """Return the file of rules that a pull secret names; "" for none.

    folder: of the controller's operator, "" for none. A namespace has only the files that begin
    with its name, since their rules may choose any AWS identity that the controller can have.
    Raises Refusal.
    """
    if not wanted.rules:
        return ""
    prefix = f"{wanted.namespace}." if wanted.namespace else ""
    name = f"{prefix}{wanted.rules}.toml"
    file = os.path.join(folder, name)
    if folder and os.path.isfile(file):
        return file
    what = f"the rules {wanted.rules!r} do not exist"
    where = f" for the namespace {wanted.namespace}" if wanted.namespace else ""
    hint = f"the operator can add {name} to the folder of --rules"
    raise Refusal(Reason.NOT_ALLOWED, f"{what}{where}", hint=hint)


def list_rule_files(folder: str, file: str) -> list[tuple[str, int, int]]:
    """Return the files of a folder of rules, and the controller's own `file`, as they are now.

    Each has its time of change in nanoseconds, and its size. What cannot be read is left out: a
    pull secret that needs it says why.
    """
    found = []
    with suppress(OSError):
        names = sorted(os.listdir(folder)) if folder else []
        for path in (file, *(os.path.join(folder, name) for name in names)):
            with suppress(OSError):
                state = os.stat(path)
                found.append((path, state.st_mtime_ns, state.st_size))
    return found


def check(wanted: PullSecret) -> PullSecret:
    """Return a pull secret. Raises Refusal for members that do not fit each other."""
    if not wanted.registries:
        raise Refusal(Reason.INVALID_SPEC, "no registry is named", hint="name at least one")
    if not is_name(wanted.name):
        msg = f"secretName: {wanted.name!r} is no name of a Secret"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="use lower-case letters, digits, - and .")
    if wanted.rules and not is_namespace(wanted.rules):
        msg = f"rules: {wanted.rules!r} is no name of rules"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="use lower-case letters, digits and -")
    if wanted.by_rule and not wanted.rules:
        msg = "the rules are not named, and this controller lends nobody its own AWS identity"
        raise Refusal(Reason.NOT_ALLOWED, msg, hint="name rules of its operator in spec.rules")
    if wanted.form is not Form.DOCKER_CONFIG and len(wanted.registries) != 1:
        msg = f"the form {wanted.form.value} holds one registry's login"
        raise Refusal(
            Reason.INVALID_SPEC,
            f"{msg}, not {len(wanted.registries)}",
            hint="use a secret for each registry",
        )
    if wanted.repository and wanted.form is not Form.ARGO_CD:
        raise Refusal(
            Reason.INVALID_SPEC,
            "repository needs the form argocd",
            hint="leave it out, or set form: argocd",
        )
    if wanted.repository and not is_repository(wanted.repository):
        msg = f"{wanted.repository!r} is no repository"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="use its path, such as charts/app")
    return wanted


def parse(
    resource: Mapping[str, Any], expand: Callable[[str], str], *, by_rule: bool = False
) -> PullSecret:
    """Return what a resource asks for: an ECRPullSecret, or one for the cluster.

    The API has validated it, unless its definition is an older one. expand: returns the host of
    a registry however it is named. by_rule: whether one of a namespace needs rules.
    Raises Refusal, and what `expand` raises.
    """
    metadata, spec = resource["metadata"], resource.get("spec") or {}
    form = _text(spec, "form") or Form.DOCKER_CONFIG.value
    if form not in {known.value for known in Form}:
        names = ", ".join(known.value for known in Form)
        raise Refusal(Reason.INVALID_SPEC, f"form: {form!r} is unknown", hint=f"use one of {names}")
    namespace = metadata.get("namespace", "")
    return check(
        PullSecret(
            uid=metadata["uid"],
            namespace=namespace,
            name=_text(spec, "secretName"),
            registries=tuple(dict.fromkeys(map(expand, _texts(spec, "registries")))),
            form=Form(form),
            repository=_text(spec, "repository"),
            accounts=_texts(spec, "serviceAccounts"),
            namespaces=None if namespace else _selection(spec.get("namespaces") or {}),
            rules=_text(spec, "rules"),
            by_rule=by_rule and bool(namespace),
            owner=f"{'' if namespace else 'Cluster'}ECRPullSecret/{metadata['name']}",
        )
    )


def _selection(spec: Mapping[str, Any]) -> Selection:
    selector = spec.get("labelSelector") or {}
    return Selection(
        include=[check_pattern(text, "include") for text in _texts(spec, "include")],
        exclude=[check_pattern(text, "exclude") for text in _texts(spec, "exclude")],
        labels=selector.get("matchLabels") or {},
        expressions=[check_expression(one) for one in selector.get("matchExpressions") or ()],
        opt_in=bool(spec.get("optIn")),
    )


def _text(spec: Mapping[str, Any], key: str) -> str:
    value = spec.get(key, "")
    if not isinstance(value, str):
        raise Refusal(Reason.INVALID_SPEC, f"{key} is no text", hint="write a text")
    return value


def _texts(spec: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = spec.get(key) or ()
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise Refusal(
            Reason.INVALID_SPEC, f"{key} is no list of texts", hint="write a list of texts"
        )
    return tuple(values)
