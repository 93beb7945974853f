"""Facts about the Helm chart, rendered by Helm's own engine."""

import itertools
import os
import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.manifests import bundle
from docker_credential_ecrpy.kubernetes.manifests.options import NAME, Options
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from tests.world.documents import find_page, quoted
from tests.world.kube import manifests
from tests.world.kube.manifests import Object
from tests.world.kube.server import KubeApi
from tests.world.tree import REPOSITORY
from tests.world.web import Authority
from tools.manifests import BASES, IMAGE

pytestmark = pytest.mark.tree
CHART = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / "chart"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
HELM_LABELS = (
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
)
EVERY_ACCOUNT = ("123456789012@us-east-1", "210987654321@eu-west-1", "public.ecr.aws")
Values = Mapping[str, Any]


@pytest.fixture(name="helm", scope="module")
def _helm() -> Any:
    """Helm's engine; without it, skip, or fail in CI where its wheel can be installed."""
    if os.environ.get("CI") and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        import helm_python  # type: ignore[import-not-found,unused-ignore]  # not everywhere

        return helm_python
    return pytest.importorskip("helm_python")


class Chart:
    """The chart: loaded once."""

    def __init__(self, helm: Any) -> None:
        self.helm = helm
        self.loaded = helm.Chart.load(str(CHART))

    def render(self, values: Values, name: str = NAME, namespace: str = "shop") -> dict[str, str]:
        """Return the files by their names, as `helm template` does: the schema is checked first."""
        self.loaded.validate_schema(dict(values))
        rendered = self.loaded.render(dict(values), name=name, namespace=namespace)
        return {Path(path).name: text for path, text in rendered.items()}

    def objects(self, values: Values, **place: str) -> list[Object]:
        files = self.render(values, **place)
        assert files.pop("NOTES.txt").strip()
        return [each for text in files.values() for each in manifests.parse(text)]


@pytest.fixture(name="chart", scope="module")
def _chart(helm: Any) -> Iterator[Chart]:
    chart = Chart(helm)
    yield chart
    chart.loaded.close()


@pytest.fixture(name="api", scope="module")
def _api() -> Iterator[KubeApi]:
    with KubeApi(Authority(), custom=True) as api:
        yield api


def strip(objects: list[Object]) -> dict[tuple[str, str, str], Object]:
    """Return the objects by kind, namespace and name, without what only Helm adds."""
    found = {}
    for each in objects:
        metadata = each["metadata"]
        policy = metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
        if policy:  # Helm deletes everything else with the release
            assert (each["kind"], policy) == ("CustomResourceDefinition", "keep")
            del metadata["annotations"]
        _strip_labels(each)
        found[each["kind"], metadata.get("namespace", ""), metadata["name"]] = each
    assert len(found) == len(objects)
    return found


def _strip_labels(part: Any) -> None:
    if isinstance(part, dict):
        for label in HELM_LABELS:
            part.pop(label, None)
        for each in part.values():
            _strip_labels(each)
    elif isinstance(part, list):
        for each in part:
            _strip_labels(each)


def made(options: Options) -> dict[tuple[str, str, str], Object]:
    """Return what `pull-secrets manifests` prints, for a namespace that is there."""
    options = replace(options, pod_namespace=options.pod_namespace or "shop")
    return strip([manifests.parse(each.text)[0] for each in bundle.make(options)])


ECR = Options(f"{IMAGE}:{__version__}", name="ecr", registries=EVERY_ACCOUNT[:1])
# The values, and the options of `pull-secrets manifests` that mean the same.
SAME: dict[str, tuple[Values, Options]] = {
    "defaults": ({}, ECR),
    "cluster": ({"mode": "cluster"}, replace(ECR, follows=True)),
    "cluster, of one namespace": (
        {"mode": "cluster", "namespaces": ["team-a"], "replicas": 1},
        replace(ECR, follows=True, namespaces=("team-a",), replicas=1),
    ),
    "once": (
        {"mode": "once", "schedule": "0 */6 * * *"},
        replace(ECR, is_once=True, schedule="0 */6 * * *"),
    ),
    "own namespace, by name": ({"namespaces": ["shop"]}, replace(ECR, namespaces=("shop",))),
    "namespaces by name": (
        {"namespaces": ["team-a", "1e3", "shop", "team-a"], "replicas": 3},
        replace(ECR, namespaces=("team-a", "1e3", "shop"), replicas=3),
    ),
    "globs": (
        {
            "namespaces": ["team-*", "[a-c]?", "*"],
            "exclude": ["*-test", "kube-*"],
            "serviceAccounts": ["*"],
            "registries": EVERY_ACCOUNT,
        },
        replace(
            ECR,
            namespaces=("team-*", "[a-c]?", "*"),
            exclude=("*-test", "kube-*"),
            accounts=("*",),
            registries=EVERY_ACCOUNT,
        ),
    ),
    "labels, once": (
        {
            "mode": "once",
            "namespaceLabels": {"a": "true", "example.com/n": "1", "y": ""},
            "optIn": True,
            "serviceAccounts": ["default", "build"],
        },
        replace(
            ECR,
            is_once=True,
            labels={"a": "true", "example.com/n": "1", "y": ""},
            opt_in=True,
            accounts=("default", "build"),
        ),
    ),
    "accounts": (
        {"serviceAccounts": ["default", "build"]},
        replace(ECR, accounts=("default", "build")),
    ),
    "one account": ({"serviceAccounts": ["1e3"]}, replace(ECR, accounts=("1e3",))),
    "argo": (
        {"form": "argocd", "repository": "charts/app", "secretName": "0x1f.no"},
        replace(ECR, form=Form.ARGO_CD, repository="charts/app", name="0x1f.no"),
    ),
    "plain keys": ({"form": "username-password"}, replace(ECR, form=Form.PLAIN)),
    "IRSA": (
        {"identity": {"roleArn": "arn:aws-cn:iam::123456789012:role/a'b\"{{c}}"}},
        replace(ECR, role="arn:aws-cn:iam::123456789012:role/a'b\"{{c}}"),
    ),
    "Pod Identity": ({"identity": {"podIdentity": True}}, replace(ECR, pod_identity=True)),
    "keys": (
        {"mode": "once", "identity": {"credentialsSecret": "12345"}},
        replace(ECR, is_once=True, credentials="12345"),
    ),
    "rules": (
        {"config": '# \'a\' "b" {{ .Values }}: é\t\u200b\n\n[[registry]]\nmatch = "*"\n\n'},
        replace(ECR, rules='# \'a\' "b" {{ .Values }}: é\t\u200b\n\n[[registry]]\nmatch = "*"\n\n'),
    ),
    "files of rules": (
        {"mode": "cluster", "config": "a", "ruleFiles": {"no.main.toml": "b: {{c}}\n"}},
        replace(ECR, follows=True, rules="a", rule_files={"no.main.toml": "b: {{c}}\n"}),
    ),
    "image": (
        {"image": {"repository": "localhost:5000/a/b", "tag": "1.10"}},
        replace(ECR, image="localhost:5000/a/b:1.10"),
    ),
    "image, a number as its tag": (
        {"image": {"tag": 20261126}},
        replace(ECR, image=f"{IMAGE}:20261126"),
    ),
    "image by digest": (
        {"image": {"repository": "r.example.com/a", "digest": f"sha256:{'0' * 64}"}},
        replace(ECR, image=f"r.example.com/a@sha256:{'0' * 64}"),
    ),
}


@pytest.mark.parametrize(("values", "options"), SAME.values(), ids=SAME)
def test_the_chart_is_what_the_command_prints(
    chart: Chart, values: Values, options: Options
) -> None:
    """Object by object, but for the labels of Helm; and both are valid."""
    rendered = chart.objects(values)
    manifests.validate(rendered)
    for pod in manifests.pods(rendered):
        manifests.check_privileges(pod)

    assert strip(rendered) == made(options)


def test_the_defaults_are_the_base(chart: Chart) -> None:
    """The same registries and the same Secret: with the image of the base, nothing differs."""
    base = BASES["namespaced"]

    rendered = strip(chart.objects({}, namespace="default"))
    assert rendered == made(replace(base, image=ECR.image, pod_namespace="default"))
    assert VALUES["image"]["repository"] == base.image


# What has no option of the command: the values, and where they are in the result.
OTHERS: dict[str, Values] = {
    "everything": {
        "imagePullSecrets": [{"name": "mirror"}],
        "extraArgs": ["--verbose", "--listen=:9", "a'b\"c: {{d}} # e"],
        "extraEnv": [
            {"name": "AWS_REGION", "value": "us-east-1"},
            {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "extraVolumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}}],
        "extraVolumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "podAnnotations": {"prometheus.io/scrape": "true", "n": "1e3"},
        "podLabels": {"team": "no"},
        "nodeSelector": {"kubernetes.io/os": "linux", "a": "true"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "priorityClassName": "system-cluster-critical",
        "image": {"pullPolicy": "Always"},
        "metricsService": {"enabled": True, "annotations": {"a": "on"}},
        "networkPolicy": {"enabled": True},
        "serviceAccount": {"annotations": {"b": "off"}},
        "resources": {"limits": {"cpu": 1}},
    },
    "an account of others": {
        "serviceAccount": {"create": False, "name": "theirs"},
        "rbac": {"create": False},
        "identity": {"roleArn": "arn:aws:iam::123456789012:role/x"},
    },
    "no definitions": {"mode": "cluster", "crds": {"install": False}, "podDisruptionBudget": False},
    "a job with all around it": {
        "mode": "once",
        "metricsService": {"enabled": True},
        "networkPolicy": {"enabled": True},
        "startingDeadlineSeconds": 10,
    },
    "empty lists": {
        "namespaces": [],
        "exclude": [],
        "serviceAccounts": [],
        "extraArgs": [],
        "extraEnv": [],
        "namespaceLabels": {},
    },
}


def test_the_other_values(chart: Chart) -> None:
    """They reach the objects as they are given."""
    rendered = {name: chart.objects(values) for name, values in OTHERS.items()}
    for objects in rendered.values():
        manifests.validate(objects)
    everything = OTHERS["everything"]
    kinds = {each["kind"]: each for each in rendered["everything"]}
    (pod,) = manifests.pods(rendered["everything"])
    (container,) = pod["containers"]
    template = kinds["Deployment"]["spec"]["template"]["metadata"]

    for key in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity"):
        assert pod[key] == everything[key]
    for key in ("topologySpreadConstraints", "priorityClassName"):
        assert pod[key] == everything[key]
    assert container["args"][-3:] == everything["extraArgs"]
    assert container["env"] == everything["extraEnv"]
    assert pod["volumes"] == everything["extraVolumes"]
    assert container["volumeMounts"] == everything["extraVolumeMounts"]
    assert container["resources"]["limits"] == {"cpu": 1, "memory": "192Mi"}
    assert container["imagePullPolicy"] == "Always"
    assert template["annotations"] == everything["podAnnotations"]
    assert template["labels"]["team"] == "no"
    assert kinds["Service"]["metadata"]["annotations"] == {"a": "on"}
    assert kinds["Service"]["spec"]["selector"].items() <= template["labels"].items()
    assert kinds["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    assert kinds["ServiceAccount"]["metadata"]["annotations"] == {"b": "off"}
    assert kinds["NetworkPolicy"]["spec"]["policyTypes"] == ["Ingress", "Egress"]

    (theirs,) = rendered["an account of others"]
    assert theirs["spec"]["template"]["spec"]["serviceAccountName"] == "theirs"
    left = {each["kind"] for each in rendered["no definitions"]}
    assert left == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment"}
    job = {each["kind"]: each for each in rendered["a job with all around it"]}
    assert job["CronJob"]["spec"]["startingDeadlineSeconds"] == 10
    assert "Service" not in job
    assert strip(rendered["empty lists"]) == made(ECR)


def test_the_definitions_stay(chart: Chart) -> None:
    """Helm keeps them, and with them the resources, when the release is deleted."""
    kept = {
        each["kind"]
        for each in chart.objects({"mode": "cluster"})
        if each["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}
    }
    assert kept == {"CustomResourceDefinition"}


def test_two_releases_do_not_meet(chart: Chart) -> None:
    """Their names and their selectors differ; a name is short enough for a CronJob."""
    first, second = (chart.objects({"mode": "once"}, name=name) for name in ("a", "b" * 53))
    names = [each["metadata"]["name"] for each in (*first, *second)]

    assert set(names) == {f"a-{NAME}", "b" * 52}
    (one,), (two,) = (
        [each for each in chart.objects({}, name=name) if each["kind"] == "Deployment"]
        for name in ("a", "b")
    )
    assert one["spec"]["selector"] != two["spec"]["selector"]


SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


@pytest.mark.parametrize("name", ["1", "7.shop", "my.app", "a" * 51 + "--b", "a" * 51 + ".b"])
def test_each_name_is_one_of_kubernetes(chart: Chart, name: str) -> None:
    """For each name of a release; that of a Service has no dot and begins with a letter."""
    made = chart.objects({"metricsService": {"enabled": True}}, name=name)
    for each in made:
        pattern = r"[a-z]([-a-z0-9]*[a-z0-9])?" if each["kind"] == "Service" else SUBDOMAIN
        assert re.fullmatch(pattern, each["metadata"]["name"]), each["metadata"]
        assert len(each["metadata"]["name"]) < 63
    assert "Service" in {each["kind"] for each in made}


WRONG: dict[str, tuple[Values, str]] = {
    "a typo": ({"registry": ["a"]}, "registry"),
    "no registries": ({"registries": []}, "registries"),
    "an option as registry": ({"registries": ["--resources"]}, "registries"),
    "a fraction as tag": ({"image": {"tag": 1.5}}, "tag"),
    "numbers": ({"registries": [123456789012]}, "registries"),
    "a number as name": ({"secretName": 1}, "secretName"),
    "upper case": ({"secretName": "Ecr"}, "secretName"),
    "an end of line": ({"secretName": "ecr\n"}, "secretName"),
    "a boolean as text": ({"optIn": "true"}, "optIn"),
    "a boolean as label": ({"namespaceLabels": {"a": True}}, "namespaceLabels"),
    "a label with a sign": ({"namespaceLabels": {"a=b": "c"}}, "propertyName 'a=b'"),
    "a mode": ({"mode": "clusterwide"}, "mode"),
    "no replicas": ({"replicas": 0}, "replicas"),
    "files of rules alone": ({"ruleFiles": {"a.toml": ""}}, "needs mode cluster"),
    "a file of rules as config": ({"mode": "cluster", "ruleFiles": {"config.toml": ""}}, "toml"),
    "a number in the environment": ({"extraEnv": [{"name": "A", "value": 1}]}, "value"),
    "a label of the selector": (
        {"podLabels": {"app.kubernetes.io/name": "a"}},
        "app.kubernetes.io/name",
    ),
    "two identities": (
        {"identity": {"podIdentity": True, "credentialsSecret": "a"}},
        "exclude each other",
    ),
    "a form of one registry": (
        {"form": "argocd", "registries": EVERY_ACCOUNT},
        "the login of one registry",
    ),
    "a repository without its form": ({"repository": "a"}, "needs the form argocd"),
    "resources of two namespaces": ({"mode": "cluster", "namespaces": ["a", "b"]}, "one namespace"),
    "resources by glob": ({"mode": "cluster", "namespaces": ["a*"]}, "one namespace"),
    "resources with a selection": ({"mode": "cluster", "optIn": True}, "custom resources"),
}


@pytest.mark.parametrize(("values", "text"), WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused(chart: Chart, values: Values, text: str) -> None:
    """With a message that names the value."""
    with pytest.raises(chart.helm.HelmError, match=text):
        chart.render(values)


def test_the_schema_knows_each_value(chart: Chart) -> None:
    """And no other; the version is the program's, and Helm's lint finds nothing."""
    schema = chart.loaded.schema
    assert schema["properties"].keys() - {"global"} == VALUES.keys()
    for name, part in schema["properties"].items():
        if part.get("additionalProperties") is False:
            assert part["properties"].keys() == VALUES[name].keys()
    assert chart.loaded.metadata["appVersion"] == __version__
    for values in ({}, {"mode": "cluster"}, {"mode": "once"}):
        report = chart.helm.lint(str(CHART), values, strict=True)
        assert not report["errors"]
        assert [each["error"] for each in report["messages"]] == ["icon is recommended"]


def test_the_notes_say_what_is_left_to_do(chart: Chart) -> None:
    """The example's account, the first run of a CronJob, the association of EKS."""
    assert "is an example" in chart.render({})["NOTES.txt"]
    assert "is an example" not in chart.render({"registries": ["public.ecr.aws"]})["NOTES.txt"]
    assert "is in no registry" in chart.render({})["NOTES.txt"]
    image = {"image": {"repository": "registry.example.com/ecrpy"}}
    assert "is in no registry" not in chart.render(image)["NOTES.txt"]
    assert "--from=cronjob/ecr-pull-secrets " in chart.render({"mode": "once"})["NOTES.txt"]
    notes = chart.render({"mode": "cluster", "identity": {"podIdentity": True}})["NOTES.txt"]
    assert "create-pod-identity-association" in notes
    assert "clusterecrpullsecrets" in notes


def test_the_commands_of_the_page(chart: Chart) -> None:
    """Their values are right, and give what the commands of kubectl's section print."""
    page = find_page("pull-secrets")
    commands = [
        shlex.split(line) for line in re.findall(r"^\$ (helm .+)$", page.text, re.MULTILINE)
    ]
    image = replace(ECR, image="registry.example.com/ecrpy:1")
    wanted = (image, replace(image, follows=True, pod_namespace="infra"))
    modes = {quoted(row[0])[0] for row in page.table("### With Helm")}
    assert modes == set(chart.loaded.schema["properties"]["mode"]["enum"])
    for words, options in zip(commands, wanted, strict=True):
        assert (REPOSITORY / words[3]) == CHART
        values: dict[str, Any] = {}
        for before, word in itertools.pairwise(words):
            if before == "--set":
                values |= chart.helm.parse_set_string(word)
        namespace = words[words.index("--namespace") + 1]
        found = strip(chart.objects(values, name=words[2], namespace=namespace))
        assert found == made(options)


def test_kubectl_takes_every_rendering(chart: Chart, api: KubeApi, tmp_path: Path) -> None:
    """`kubectl apply --dry-run=client` reads the same objects."""
    every = [values for values, _ in SAME.values()] + list(OTHERS.values())
    texts = [
        text
        for values in every
        for name, text in chart.render(values).items()
        if name != "NOTES.txt" and manifests.parse(text)
    ]
    text = "\n---\n".join(texts)

    read = manifests.dry_run(api, manifests.make_kubectl(api, tmp_path), text)
    assert read == manifests.parse(text)
