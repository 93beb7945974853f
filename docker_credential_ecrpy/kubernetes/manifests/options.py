"""What the manifests are to set up, and the arguments of `pull-secrets` for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob

NAME = "ecr-pull-secrets"
"""The name of every object, and of the namespace for those that serve several."""
LABELS = {"app.kubernetes.io/name": NAME}
"""Of every object."""
MOUNTS = f"/etc/{NAME}"
RULES_FOLDER = f"{MOUNTS}/rules"
"""In the pods."""
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Options:
    """What is installed. image: of the container. pod_namespace: "" for the one that fits.

    follows: whether it follows the custom resources; then only `namespaces` is used of what
    follows, for none or one. is_once: a CronJob with a schedule, in place of a Deployment. name: of
    the Secret. registries, form, repository, accounts, namespaces, exclude, labels, opt_in: as the
    options of `pull-secrets`. replicas: 0 for the usual number. role: the ARN for IRSA.
    pod_identity: whether EKS Pod Identity gives the credentials. credentials: the name of a Secret
    with a credentials file. rules: the content of a config.toml. rule_files: by their names, those
    of `--rules`.
    """

    image: str
    pod_namespace: str = ""
    follows: bool = False
    is_once: bool = False
    schedule: str = "17 */3 * * *"
    name: str = ""
    registries: Sequence[str] = ()
    form: Form = Form.DOCKER_CONFIG
    repository: str = ""
    accounts: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    exclude: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    opt_in: bool = False
    replicas: int = 0
    role: str = ""
    pod_identity: bool = False
    credentials: str = ""
    rules: str = ""
    rule_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def lists_namespaces(self) -> bool:
        """Whether it has to read the namespaces, since a condition selects some of them."""
        is_all = self.follows and not self.namespaces
        has_condition = self.exclude or self.labels or self.opt_in
        return bool(is_all or has_condition or any(map(is_glob, self.namespaces)))

    @property
    def has_own_namespace(self) -> bool:
        """Whether it gets a namespace of its own: it serves several, and none is given."""
        return not self.pod_namespace and (self.lists_namespaces or len(self.namespaces) > 1)

    @property
    def home(self) -> str:
        """The namespace of its pods."""
        if self.has_own_namespace:
            return NAME
        return self.pod_namespace or (*self.namespaces, DEFAULT_NAMESPACE)[0]

    @property
    def served(self) -> Sequence[str]:
        """The namespaces whose Secrets it writes; none where it has to read which there are."""
        return () if self.lists_namespaces else tuple(dict.fromkeys(self.namespaces or [self.home]))

    @property
    def arguments(self) -> list[str]:
        """The arguments of the container."""
        found = ["pull-secrets", *self._list_arguments()]
        is_home = self.served == (self.home,)  # the default, whatever kustomize calls it
        words = () if is_home else self.namespaces
        found += [f"--namespace={each}" for each in words]
        return found if self.follows else [*found, *self.registries]

    def _list_arguments(self) -> Iterator[str]:
        if self.follows:
            yield "--resources"
            if self.rule_files:
                yield f"--rules={RULES_FOLDER}"
            return
        if self.is_once:
            yield "--once"
        yield f"--name={self.name}"
        if self.form is not Form.DOCKER_CONFIG:
            yield f"--form={self.form.value}"
        if self.repository:
            yield f"--repository={self.repository}"
        for each in self.accounts:
            yield f"--service-account={each}"
        for each in self.exclude:
            yield f"--exclude={each}"
        for key, value in self.labels.items():
            yield f"--label={key}={value}"
        if self.opt_in:
            yield "--opt-in"

    def make_metadata(self, namespace: str | None = None) -> dict[str, Any]:
        """Return the metadata of an object; namespace: "" for none, by default that of the pods."""
        namespace = self.home if namespace is None else namespace
        where = {"namespace": namespace} if namespace else {}
        return {"name": NAME, **where, "labels": {**LABELS}}

    @property
    def count(self) -> int:
        """The number of replicas: two that follow the resources of a cluster, so that one stays."""
        return self.replicas or (2 if self.follows else 1)
