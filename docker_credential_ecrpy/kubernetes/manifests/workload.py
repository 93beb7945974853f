"""The pods of the controller: a Deployment that keeps Secrets fresh, or a CronJob."""

from collections.abc import Iterator

from docker_credential_ecrpy.kubernetes.manifests.document import Document, Object
from docker_credential_ecrpy.kubernetes.manifests.options import (
    LABELS,
    MOUNTS,
    NAME,
    RULES_FOLDER,
    Options,
)

PORT = 8080
"""As `--listen` has it by default."""
USER = 65532
"""As the image has it."""
RULES = "config.toml"
CREDENTIALS = "credentials"
"""The key of the Secret with AWS credentials: a file as ~/.aws/credentials."""
_NETWORK = "It reaches the Kubernetes API, ECR and STS: a NetworkPolicy must allow port 443."
_BY_HAND = (
    "It runs at its times alone; for a first refresh: kubectl create job --from=cronjob/"
    f"{NAME} first"
)


def list_documents(options: Options) -> Iterator[Document]:
    """Yield the rules' ConfigMap, what runs the pods, and the budget of several pods."""
    if data := _make_data(options):
        yield Document(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": options.make_metadata(),
                "data": data,
            }
        )
    if options.is_once:
        yield Document(make_job(options), _BY_HAND)
        return
    yield Document(make_deployment(options), _NETWORK)
    if options.count > 1:
        yield Document(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": options.make_metadata(),
                "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}},
            }
        )


def make_deployment(options: Options) -> Object:
    """Return the Deployment."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": options.make_metadata(),
        "spec": {
            "replicas": options.count,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"terminationGracePeriodSeconds": 5, **_make_pod(options)},
            },
        },
    }


def make_job(options: Options) -> Object:
    """Return the CronJob. Without a deadline, more than 100 missed starts would end it."""
    pod = {"restartPolicy": "Never", **_make_pod(options)}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": options.make_metadata(),
        "spec": {
            "schedule": options.schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 3,
                    "template": {"metadata": {"labels": LABELS}, "spec": pod},
                }
            },
        },
    }


def _make_pod(options: Options) -> Object:
    volumes = [*_list_volumes(options)]
    return {
        "serviceAccountName": NAME,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_make_container(options, volumes)],
        **({"volumes": volumes} if volumes else {}),
    }


def _make_container(options: Options, volumes: list[Object]) -> Object:
    result: Object = {
        "name": "pull-secrets",
        "image": options.image,
        "args": options.arguments,
    }
    env = [{"name": name, "value": value} for name, value in _list_variables(options)]
    if env:
        result["env"] = env
    if not options.is_once:
        result["ports"] = [{"name": "http", "containerPort": PORT}]
        result["livenessProbe"] = {"httpGet": {"path": "/healthz", "port": "http"}}
        result["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": "http"}}
    result["resources"] = {
        "requests": {"cpu": "10m", "memory": "96Mi"},
        "limits": {"memory": "192Mi"},
    }
    result["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    if volumes:
        names = [volume["name"] for volume in volumes]
        result["volumeMounts"] = [
            {"name": name, "mountPath": f"{MOUNTS}/{name}", "readOnly": True} for name in names
        ]
    return result


def _list_variables(options: Options) -> Iterator[tuple[str, str]]:
    """Yield the environment: an identity that is missing must not become the node's."""
    if options.rules:
        yield "AWS_ECR_CONFIG", f"{RULES_FOLDER}/{RULES}"
    if options.credentials:
        yield "AWS_SHARED_CREDENTIALS_FILE", f"{MOUNTS}/aws/{CREDENTIALS}"
    if options.credentials or options.role or options.pod_identity:
        yield "AWS_EC2_METADATA_DISABLED", "true"


def _make_data(options: Options) -> dict[str, str]:
    """Return the files of the ConfigMap; none for no rules."""
    return {**({RULES: options.rules} if options.rules else {}), **options.rule_files}


def _list_volumes(options: Options) -> Iterator[Object]:
    if _make_data(options):
        yield {"name": "rules", "configMap": {"name": NAME}}
    if options.credentials:
        yield {"name": "aws", "secret": {"secretName": options.credentials}}
