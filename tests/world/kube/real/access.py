"""Who may do what in the real API: service accounts, their tokens, and the objects of RBAC."""

import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from tests.world.kube.access import ADMIN, Access, Rule
from tests.world.kube.real.server import RealServer

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_CORE = ("events", "namespaces", "secrets", "serviceaccounts")
_PATIENCE = 10.0  # seconds
_PREFIX = "system:serviceaccount:"


class RealAccess(Access):
    """Service accounts in place of the loopback API's users.

    made: the paths of the objects outside of the namespaces, for their removal.
    """

    def __init__(self, server: RealServer) -> None:
        super().__init__()
        self.made: list[str] = []
        self._bound: dict[str, str] = {}
        self._server = server
        self._numbers = count()

    def add_user(self, user: str, *rules: Rule) -> str:
        """Return the bearer token of a new service account, whose rights are in effect.

        user: its name in the namespace `default`, or `system:serviceaccount:<namespace>:<name>`.
        """
        if rules == (ADMIN,):
            return self._note(user, self._server.admin, rules)
        namespace, _, name = user.removeprefix(_PREFIX).rpartition(":")
        token = request_token(self._server, namespace or "default", name)
        by_place: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            by_place[rule.namespace].append(rule)
        for place, group in by_place.items():
            self._bind(place, (namespace or "default", name), group)
        for rule in rules:
            self._wait_for(token, rule)
        return self._note(user, token, rules)

    def rotate(self, file: Path) -> None:
        """Replace the token in a file, as kubelet does.

        The old one is refused when the API forgets that it was valid: in ten seconds. A token ends
        with the Secret that it is bound to, so each has one of its own.
        """
        user = self.tokens.pop(file.read_text())
        place, _, name = user.removeprefix(_PREFIX).rpartition(":")
        old = self._bound.get(user, "")
        self._bound[user] = f"bound-{next(self._numbers)}"
        token = request_token(self._server, place, name, bound=self._bound[user])
        self.tokens[token] = user
        fresh = file.with_name("..new")
        fresh.write_text(token)
        fresh.replace(file)
        if old:
            self._server.request("DELETE", f"/api/v1/namespaces/{place}/secrets/{old}")

    def _note(self, user: str, token: str, rules: tuple[Rule, ...]) -> str:
        self.tokens[token] = user
        self.rules[user] = list(rules)
        return token

    def _bind(self, place: str, account: tuple[str, str], rules: list[Rule]) -> None:
        """Give an account the rules in a namespace; "" for the cluster."""
        name = f"rule-{next(self._numbers)}"
        kind = "Role" if place else "ClusterRole"
        base = f"{RBAC}/namespaces/{place}" if place else RBAC
        plural = f"{kind.lower()}s"
        subject = {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
        given = {"metadata": {"name": name}, "rules": [_to_rbac(rule) for rule in rules]}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        bindings = f"{kind.lower()}bindings"
        self._server.request("POST", f"{base}/{plural}", given)
        self._server.request("POST", f"{base}/{bindings}", binding)
        if not place:
            self.made += [f"{base}/{bindings}/{name}", f"{base}/{plural}/{name}"]

    def _wait_for(self, token: str, rule: Rule) -> None:
        """Wait until a right is in effect."""
        resource, _, subresource = rule.resources[0].partition("/")
        asked = {
            "group": _group(resource),
            "resource": resource,
            "subresource": subresource,
            "namespace": rule.namespace,
            "verb": rule.verbs[0],
            "name": next(iter(rule.names), ""),
        }
        body = {"spec": {"resourceAttributes": asked}}
        end = time.monotonic() + _PATIENCE
        while not self._server.request("POST", REVIEWS, body, token=token)["status"]["allowed"]:
            assert time.monotonic() < end, rule
            time.sleep(0.02)


def request_token(server: RealServer, namespace: str, name: str, *, bound: str = "") -> str:
    """Return a token of a service account by TokenRequest; an account that is absent is created.

    bound: the name of a Secret, which is created; the token is valid as long as that exists.
    """
    base = f"/api/v1/namespaces/{namespace}"
    accounts, spec = f"{base}/serviceaccounts", {}
    if not server.request("GET", f"{accounts}?fieldSelector=metadata.name%3D{name}")["items"]:
        server.request("POST", accounts, {"metadata": {"name": name}})
    if bound:
        made = server.request("POST", f"{base}/secrets", {"metadata": {"name": bound}})
        about = {"name": bound, "uid": made["metadata"]["uid"]}
        spec = {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret"} | about}
    found = server.request("POST", f"{accounts}/{name}/token", {"spec": spec})
    return str(found["status"]["token"])


def _to_rbac(rule: Rule) -> dict[str, Any]:
    groups = sorted({_group(each) for each in rule.resources})
    found = {"apiGroups": groups, "resources": list(rule.resources), "verbs": list(rule.verbs)}
    return found | ({"resourceNames": list(rule.names)} if rule.names else {})


def _group(resource: str) -> str:
    return "" if resource in _CORE else GROUP
