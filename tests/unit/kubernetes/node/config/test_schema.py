"""Facts about the kubelet's checks of its configuration: what keeps it from starting."""

import copy
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument
from docker_credential_ecrpy.kubernetes.node.config.schema import (
    find_problems,
    is_duration,
    read_providers,
)
from tests.world import play_kubelet

V1 = "credentialprovider.kubelet.k8s.io/v1"
VALID: dict[str, Any] = {
    "apiVersion": "kubelet.config.k8s.io/v1",
    "kind": "CredentialProviderConfig",
    "providers": [
        {
            "name": "ecr",
            "matchImages": ["*.dkr.ecr.*.amazonaws.com"],
            "defaultCacheDuration": "12h",
            "apiVersion": V1,
            "args": ["kubelet"],
            "env": [{"name": "AWS_PROFILE", "value": "prod"}],
            "tokenAttributes": {
                "serviceAccountTokenAudience": "sts.amazonaws.com",
                "cacheType": "ServiceAccount",
                "requireServiceAccount": True,
                "requiredServiceAccountAnnotationKeys": ["eks.amazonaws.com/role-arn"],
                "optionalServiceAccountAnnotationKeys": ["Example.com/Other"],
            },
        }
    ],
}
PROVIDER = ("providers", 0)
TOKEN = (*PROVIDER, "tokenAttributes")


def problems(config: object) -> list[str]:
    text = yaml.safe_dump(config, sort_keys=False)
    return find_problems(ConfigDocument("config.yaml", text.encode()))


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Return the valid configuration with another value at a path; None removes it."""
    config = copy.deepcopy(VALID)
    at: Any = config
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return config


def test_a_valid_configuration_has_no_problem() -> None:
    """All fields that the kubelet knows are accepted, and read."""
    assert problems(VALID) == []
    data = yaml.safe_dump(VALID, sort_keys=False).encode()
    (provider,) = read_providers(ConfigDocument("config.yaml", data))
    assert (provider.name, provider.match_images) == ("ecr", ("*.dkr.ecr.*.amazonaws.com",))
    assert (provider.api_version, provider.default_cache_duration) == (V1, "12h")
    assert (provider.args, provider.env) == (("kubelet",), (("AWS_PROFILE", "prod"),))
    assert provider.token == VALID["providers"][0]["tokenAttributes"]


WRONG: list[tuple[tuple[Any, ...], object, str]] = [
    (("apiVersion",), None, "apiVersion is missing, not kubelet.config.k8s.io/v1"),
    (("apiVersion",), V1, f"apiVersion is '{V1}', not kubelet.config.k8s.io/v1"),
    (("kind",), "KubeletConfiguration", "kind is 'KubeletConfiguration', not"),
    (("providers",), [], "it has no providers"),
    (("providers",), None, "it has no providers"),
    (("providers",), "x", "line 3: providers is not a list"),
    (("metadata",), {}, "unknown field metadata"),
    ((*PROVIDER, "cacheDuration"), "1h", "unknown field providers[0].cacheDuration"),
    ((*PROVIDER, "env"), [{"name": "A", "valeu": "b"}], "unknown field providers[0].env[0].valeu"),
    ((*PROVIDER, "env"), [{"name": "A", "value": 1}], "env[0].value is not a string; quote it"),
    ((*PROVIDER, "args"), [True], "args[0] is not a string; quote it"),
    ((*PROVIDER, "args"), "kubelet", "args is not a list"),
    ((*PROVIDER, "name"), "a/b", "providers[0].name 'a/b' is not the name of a file"),
    ((*PROVIDER, "name"), "a b", "providers[0].name 'a b' is not the name of a file"),
    ((*PROVIDER, "name"), "..", "providers[0].name '..' is not the name of a file"),
    ((*PROVIDER, "name"), None, "providers[0].name '' is not the name of a file"),
    ((*PROVIDER, "matchImages"), [], "providers[0].matchImages has no pattern"),
    ((*PROVIDER, "matchImages"), ["reg.io:*"], "matchImages[0] 'reg.io:*' is no pattern"),
    ((*PROVIDER, "defaultCacheDuration"), None, "defaultCacheDuration is missing"),
    ((*PROVIDER, "defaultCacheDuration"), "12 hours", "is '12 hours', not a duration"),
    ((*PROVIDER, "defaultCacheDuration"), "-1h", "defaultCacheDuration -1h is negative"),
    ((*PROVIDER, "apiVersion"), "credentialprovider.kubelet.k8s.io/v2", ".apiVersion is "),
    ((*TOKEN, "serviceAccountTokenAudience"), None, "serviceAccountTokenAudience is missing"),
    ((*TOKEN, "cacheType"), None, "cacheType is missing, not ServiceAccount or Token"),
    ((*TOKEN, "cacheType"), "Pod", "cacheType is 'Pod', not ServiceAccount or Token"),
    ((*TOKEN, "requireServiceAccount"), None, "requireServiceAccount is missing"),
    ((*TOKEN, "requireServiceAccount"), "true", "requireServiceAccount is not true or false"),
    ((*TOKEN, "requireServiceAccount"), False, "needs requireServiceAccount: true"),
    ((*TOKEN, "requiredServiceAccountAnnotationKeys"), ["a b"], "'a b' is no annotation key"),
    ((*TOKEN, "requiredServiceAccountAnnotationKeys"), ["a", "a"], "[1] 'a' occurs twice"),
    ((*TOKEN, "optionalServiceAccountAnnotationKeys"), ["a/b/c"], "'a/b/c' is no annotation key"),
    ((*TOKEN, "optionalServiceAccountAnnotationKeys"), ["/a"], "'/a' is no annotation key"),
    (
        (*TOKEN, "optionalServiceAccountAnnotationKeys"),
        ["eks.amazonaws.com/role-arn"],
        "as required and as optional",
    ),
    (
        (*PROVIDER, "apiVersion"),
        "credentialprovider.kubelet.k8s.io/v1beta1",
        f"tokenAttributes needs the provider's apiVersion {V1}",
    ),
    (("apiVersion",), "kubelet.config.k8s.io/v1beta1", "exists in kubelet.config.k8s.io/v1 only"),
    (("providers",), [*VALID["providers"], *VALID["providers"]], "providers[1].name 'ecr' occurs"),
    (("providers",), [None], "providers[0] is empty"),
]


@pytest.mark.parametrize(("path", "value", "problem"), WRONG, ids=[f"{each[2]}" for each in WRONG])
def test_what_the_kubelet_refuses_is_a_problem(
    path: tuple[Any, ...], value: object, problem: str
) -> None:
    """Each problem has the path of the field, and most the line."""
    found = problems(changed(path, value))
    assert len(found) == 1
    assert problem in found[0]


def test_all_problems_are_found() -> None:
    """A user who fixes them one after the other would restart the kubelet for each."""
    config = changed((*PROVIDER, "name"), "a/b")
    config["providers"][0] |= {"matchImages": [], "defaultCacheDuration": "x"}
    assert len(problems(config)) == 3


def test_the_first_problem_is_the_error() -> None:
    """What reads the providers of a wrong configuration gets an error with file and line."""
    data = yaml.safe_dump(changed((*PROVIDER, "name"), "a/b"), sort_keys=False).encode()
    with pytest.raises(HelperError) as error:
        read_providers(ConfigDocument("config.yaml", data))
    assert error.value.message.startswith("config.yaml: line 4: providers[0].name 'a/b'")


DURATIONS = ["0", "12h", "1h30m", "1.5s", ".5s", "100ms", "1us", "1µs", "-1h", "+1h", "0s"]
NO_DURATIONS = ["", "12", "12 h", "h", "1d", "1h 30m", ".s", "1h-", "٣h"]


@pytest.mark.parametrize("text", DURATIONS)
def test_durations_are_those_of_go(text: str) -> None:
    """What Go's time.ParseDuration reads is a duration."""
    assert is_duration(text)


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_other_texts_are_no_durations(text: str) -> None:
    """A number alone, a blank or another unit is refused, as by the play kubelet."""
    assert not is_duration(text)
    if text != "٣h":
        with pytest.raises(play_kubelet.KubeletError):
            play_kubelet.parse_duration(text)
