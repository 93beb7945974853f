"""The definitions of the custom resources: their names, columns and schemas."""

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.manifests.document import Object
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP, WANTED

_TEXT: Object = {"type": "string"}
_INTEGER: Object = {"type": "integer"}
_TIME: Object = {"type": "string", "format": "date-time"}
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_READY = '.status.conditions[?(@.type=="Ready")]'


@dataclass(frozen=True)
class Kind:
    """A kind of custom resource. about: what it is."""

    name: str
    short: str
    scope: str
    about: str

    @property
    def plural(self) -> str:
        """Its name in URLs and rules."""
        return f"{self.name.lower()}s"


KINDS = {
    kind.plural: kind
    for kind in (
        Kind(
            "ECRPullSecret",
            "ecrps",
            "Namespaced",
            "An image pull secret that is kept fresh in its namespace.",
        ),
        Kind(
            "ClusterECRPullSecret",
            "cecrps",
            "Cluster",
            "An image pull secret that is kept fresh in several namespaces.",
        ),
    )
}


def make(kind: Kind) -> Object:
    """Return the CustomResourceDefinition of a kind."""
    properties = {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": {"type": "object"},
        "spec": _make_spec(kind),
        "status": _STATUS,
    }
    schema = {
        "type": "object",
        "description": kind.about,
        "required": ["spec"],
        "properties": properties,
    }
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": ["ecrpy"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": kind.scope, "names": names, "versions": [version]},
    }


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> Object:
    shown = {"priority": priority} if priority else {}
    return {"name": name, "type": kind, "jsonPath": path, **shown}


_COLUMNS = [
    _column("Secret", ".spec.secretName"),
    _column("Ready", f"{_READY}.status"),
    _column("Secrets", ".status.secrets.ready", "integer"),
    _column("Expires", ".status.expiresAt"),
    _column("Next refresh", ".status.nextRefreshAt"),
    _column("Last success", ".status.lastSuccessAt", "date", 1),
    _column("Message", f"{_READY}.message", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]


def _list_of(item: Object, most: int, about: str = "", **more: object) -> Object:
    described = {"description": about} if about else {}
    return {"type": "array", **described, **more, "maxItems": most, "items": item}


def _object(**properties: Object) -> Object:
    return {"type": "object", "properties": properties}


def _make_spec(kind: Kind) -> Object:
    is_set = {"x-kubernetes-list-type": "set"}
    account = {**_TEXT, "minLength": 1, "maxLength": 253, "pattern": r"^[a-z0-9*?!.\[\]-]+$"}
    properties: Object = {
        "registries": _list_of(
            {**_TEXT, "minLength": 1, "maxLength": 300},
            100,
            "The registries, as <account>@<region> or as host, with its port if it has one.",
            minItems=1,
            **is_set,
        ),
        "secretName": {
            **_TEXT,
            "description": "The name of the Secret.",
            "minLength": 1,
            "maxLength": 253,
            "pattern": _NAME,
        },
        "form": {
            **_TEXT,
            "description": "What reads the Secret; kubelet reads dockerconfigjson.",
            "enum": [form.value for form in Form],
            "default": Form.DOCKER_CONFIG.value,
        },
        "repository": {
            **_TEXT,
            "description": "With the form argocd, the repository of a chart; without it, every one"
            " of the registry.",
            "maxLength": 256,
            "pattern": "^[a-z0-9]+([._/-][a-z0-9]+)*$",
        },
        "serviceAccounts": _list_of(
            account,
            100,
            "The ServiceAccounts, by name or glob, whose imagePullSecrets get the Secret appended.",
            **is_set,
        ),
        "rules": {
            **_TEXT,
            "description": "Which rules of the controller's operator choose the AWS identities.",
            "maxLength": 63,
            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        },
    }
    required = ["registries", "secretName"]
    if kind.scope == "Cluster":
        required.append("namespaces")
        properties["namespaces"] = _NAMESPACES
    return {
        "type": "object",
        "required": required,
        "x-kubernetes-validations": [
            {
                "rule": "self.form == 'dockerconfigjson' || size(self.registries) == 1",
                "message": "the forms argocd and username-password hold the login of one registry",
            },
            {
                "rule": "!has(self.repository) || self.form == 'argocd'",
                "message": "repository needs the form argocd",
            },
        ],
        "properties": properties,
    }


_GLOBS = _list_of({**_TEXT, "pattern": r"^[a-z0-9*?!\[\]-]{1,63}$"}, 1000, "Names or globs.")
_EXPRESSION: Object = {
    **_object(
        key={**_TEXT, "minLength": 1},
        operator={**_TEXT, "enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
        values={"type": "array", "items": _TEXT},
    ),
    "required": ["key", "operator"],
}
_NAMESPACES: Object = {
    "description": "The namespaces that get the Secret; each must meet every condition. To mean all"
    ' of them, include "*".',
    "minProperties": 1,
    **_object(
        include=_GLOBS,
        exclude=_GLOBS,
        labelSelector={
            "description": "As in the API of Kubernetes.",
            **_object(
                matchLabels={
                    "type": "object",
                    "maxProperties": 100,
                    "additionalProperties": _TEXT,
                },
                matchExpressions=_list_of(_EXPRESSION, 100),
            ),
        },
        optIn={
            "type": "boolean",
            "description": f'Only namespaces with the annotation {WANTED}: "true".',
        },
    ),
}
_TIMES = {"expiresAt": _TIME, "lastSuccessAt": _TIME, "nextRefreshAt": _TIME}
_FAILURE = {"reason": _TEXT, "error": _TEXT}


def _map_of(key: str, item: Object) -> Object:
    kind = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return {"type": "array", **kind, "items": item}


_CONDITION: Object = {
    **_object(
        type=_TEXT,
        status={**_TEXT, "enum": ["True", "False", "Unknown"]},
        reason=_TEXT,
        message=_TEXT,
        lastTransitionTime=_TIME,
        observedGeneration=_INTEGER,
    ),
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
}
_STATUS = _object(
    observedGeneration=_INTEGER,
    **_TIMES,
    secrets=_object(ready=_INTEGER, total=_INTEGER),
    registries=_map_of(
        "registry", {**_object(registry=_TEXT, **_TIMES, **_FAILURE), "required": ["registry"]}
    ),
    failures={
        "type": "array",
        "description": "The first of the objects that could not be written.",
        "items": _object(object=_TEXT, **_FAILURE),
    },
    conditions=_map_of("type", _CONDITION),
)
