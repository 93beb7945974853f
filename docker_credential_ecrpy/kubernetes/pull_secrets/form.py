"""The forms of a pull secret: which values and labels its consumers read."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.content import docker_config
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal

DOCKER_CONFIG_KEY = ".dockerconfigjson"
DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
OPAQUE = "Opaque"
_ARGO_CD_LABEL = "argocd.argoproj.io/secret-type"

Values = Mapping[str, bytes]
"""The data of a Secret, decoded."""


class Form(Enum):
    """How consumers read a secret; the value is its name in options and resources."""

    DOCKER_CONFIG = "dockerconfigjson"
    ARGO_CD = "argocd"
    PLAIN = "username-password"

    @property
    def types(self) -> tuple[str, ...]:
        """The types of Secret that it may have; it is created with the first."""
        if self is Form.DOCKER_CONFIG:
            return (DOCKER_CONFIG_TYPE,)
        return (OPAQUE,) if self is Form.ARGO_CD else (OPAQUE, "kubernetes.io/basic-auth")


def form_of(secret: Mapping[str, Any]) -> Form:
    """Return the form of a Secret of the API that this program has written."""
    if secret.get("type") == DOCKER_CONFIG_TYPE:
        return Form.DOCKER_CONFIG
    labels = secret["metadata"].get("labels") or {}
    return Form.ARGO_CD if _ARGO_CD_LABEL in labels else Form.PLAIN


@dataclass(frozen=True)
class Target:
    """A Secret to keep fresh.

    repository: in the form of Argo CD, the repository of a chart, such as "charts/app"; "" for a
    template of credentials for every repository of the registry. owner: who keeps it fresh, such as
    "ECRPullSecret/ecr"; "" for nobody.
    """

    namespace: str
    name: str
    form: Form = Form.DOCKER_CONFIG
    repository: str = ""
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def labels(self) -> dict[str, str]:
        """The label by which Argo CD finds repositories and templates of credentials.

        https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/
        """
        if self.form is not Form.ARGO_CD:
            return {}
        return {_ARGO_CD_LABEL: "repository" if self.repository else "repo-creds"}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its data that are this program's."""
        if self.form is Form.DOCKER_CONFIG:
            return (DOCKER_CONFIG_KEY,)
        extra = ("type", "enableOCI", "url") if self.form is Form.ARGO_CD else ()
        return ("username", "password", *extra)

    def put(self, logins: Sequence[Login], old: Values, gone: Collection[str]) -> dict[str, bytes]:
        """Return the values of `keys` with the logins, merged into the `old` ones.

        gone: the registries whose logins are taken out. Raises Refusal.
        """
        if self.form is Form.DOCKER_CONFIG:
            wanted = {login.key: login for login in logins}
            config = docker_config.merge(old.get(DOCKER_CONFIG_KEY), wanted, gone, str(self))
            return {DOCKER_CONFIG_KEY: config}
        if len(logins) != 1:
            raise Refusal(
                Reason.INVALID_SPEC,
                f"the form {self.form.value} holds one registry's login, not {len(logins)}",
                hint="use a secret for each registry",
            )
        login = logins[0]
        texts = {"username": login.username, "password": login.password}
        if self.form is Form.ARGO_CD:
            url = f"{login.key}/{self.repository}" if self.repository else login.key
            texts |= {"type": "helm", "enableOCI": "true", "url": url}
        return {key: text.encode() for key, text in texts.items()}

    def find(self, key: str, values: Values) -> tuple[str, str] | None:
        """Return the user name and password of a registry in the values; None for none.

        None, too, unless every value that `put` writes for it is there. Raises Refusal.
        """
        if self.form is Form.DOCKER_CONFIG:
            return docker_config.find(values.get(DOCKER_CONFIG_KEY), key, str(self))
        try:
            username, password = (values[name].decode() for name in ("username", "password"))
        except (LookupError, ValueError):
            return None
        wanted = self.put([Login(key, username, password)], {}, ())
        is_whole = all(values.get(name) == value for name, value in wanted.items())
        return (username, password) if is_whole else None
