"""Facts about adding the provider to a configuration, and removing it."""

import difflib
import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.node.config.images import list_patterns
from docker_credential_ecrpy.kubernetes.node.config.merge import (
    ProviderOptions,
    find_overlaps,
    merge_provider,
    read_file_providers,
    remove_provider,
)
from tests.world import play_kubelet
from tests.world.kubelet_configs import EKS, WITH_COMMENTS

NAME = "docker-credential-ecrpy"
TOKEN = {
    "serviceAccountTokenAudience": "sts.amazonaws.com",
    "cacheType": "ServiceAccount",
    "requireServiceAccount": False,
    "optionalServiceAccountAnnotationKeys": ["eks.amazonaws.com/role-arn"],
}
ALL = ProviderOptions(
    NAME,
    more_images=("images.example.com",),
    api_version="credentialprovider.kubelet.k8s.io/v1",
    default_cache_duration="1h",
    args=("--require-role",),
    env={"AWS_PROFILE": "prod"},
    token=TOKEN,
)


@pytest.mark.parametrize("file", ["/etc/config.yaml", "/etc/config.json", "/etc/config"])
@pytest.mark.parametrize("asked", [ProviderOptions(NAME), ALL], ids=["defaults", "all options"])
def test_a_new_file_has_the_provider(file: str, asked: ProviderOptions) -> None:
    """It is JSON if its name ends so, else YAML; the play kubelet loads it."""
    data = merge_provider(file, None, asked).decode()
    if file.endswith(".json"):
        json.loads(data)
    (provider,) = play_kubelet.load_config(json.dumps(yaml.safe_load(data)))
    assert provider["name"] == NAME
    assert provider["matchImages"][: len(list_patterns())] == list_patterns()
    assert provider["args"][0] == "kubelet"
    if asked is ALL:
        assert provider["matchImages"][-1] == "images.example.com"
        assert provider["args"] == ["kubelet", "--require-role"]
        assert provider["env"] == [{"name": "AWS_PROFILE", "value": "prod"}]
        assert provider["tokenAttributes"] == TOKEN


def added_lines(before: bytes, after: bytes) -> list[str]:
    """Return the lines that were added; fails if one was removed or changed."""
    lines = list(difflib.ndiff(before.decode().splitlines(), after.decode().splitlines()))
    assert [line for line in lines if line.startswith(("-", "?"))] == []
    return [line[2:] for line in lines if line.startswith("+")]


def test_comments_and_other_providers_stay() -> None:
    """All lines of a file with comments are there afterwards, and the new ones are one block."""
    after = merge_provider("config.yaml", WITH_COMMENTS, ProviderOptions(NAME))
    added = added_lines(WITH_COMMENTS, after)
    assert added[0] == f'  - name: "{NAME}"'
    assert "\n".join(added) in after.decode()


ALIASES = b"""\
kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
- name: one
  matchImages: &images
  - gcr.io
  defaultCacheDuration: &time 1m
  apiVersion: &version credentialprovider.kubelet.k8s.io/v1
- name: two
  matchImages: *images
  defaultCacheDuration: *time
  apiVersion: *version  # the same
"""


@pytest.mark.parametrize(
    "before",
    [
        ALIASES,
        WITH_COMMENTS + b"---\nproviders: []\n",
        WITH_COMMENTS.replace(b"   # since", b"\t# since"),
    ],
    ids=["aliases", "two documents", "tabs"],
)
def test_what_only_yaml_has_stays(before: bytes) -> None:
    """Aliases, a second document, which the kubelet does not read, and tabs before comments."""
    after = merge_provider("config.yaml", before, ProviderOptions(NAME))
    assert added_lines(before, after)[0].endswith(f'- name: "{NAME}"')
    assert read_file_providers("", after)[-1].name == NAME
    assert remove_provider("config.yaml", after, NAME) == before


def test_a_list_that_two_providers_share_is_not_changed() -> None:
    """A pattern that one of them lacks would be the other one's, too."""
    with pytest.raises(HelperError, match="cannot edit safely"):
        merge_provider("config.yaml", ALIASES, ProviderOptions("one"))
    with pytest.raises(HelperError, match="cannot edit safely"):
        merge_provider("config.yaml", ALIASES, ProviderOptions("two"))


def test_an_alias_gives_way_to_a_value() -> None:
    """The other provider, which has the anchor, keeps its value."""
    asked = ProviderOptions("two", default_cache_duration="5m")
    before = ALIASES.replace(b"matchImages: *images", b"matchImages: [gcr.io]")
    one, two = read_file_providers("", merge_provider("config.yaml", before, asked))
    assert (one.default_cache_duration, two.default_cache_duration) == ("1m", "5m")


def test_an_empty_field_gets_a_value() -> None:
    """A key without a value counts as one that is missing."""
    data = merge_provider("config.yaml", None, ProviderOptions(NAME)).decode()
    before = data[: data.index("    args:")] + "    env:\n    args:\n"
    (provider,) = read_file_providers("", merge_provider("config.yaml", before.encode(), ALL))
    assert (provider.args, provider.env) == (
        ("kubelet", "--require-role"),
        (("AWS_PROFILE", "prod"),),
    )


def test_a_provider_of_the_name_gets_what_it_lacks() -> None:
    """In the configuration of EKS, only patterns are added; the others are not written again."""
    after = merge_provider("config.json", EKS, ProviderOptions("ecr-credential-provider"))
    before, done = (json.loads(data)["providers"][0] for data in (EKS, after))
    patterns = done.pop("matchImages")
    assert patterns[: len(before["matchImages"])] == before.pop("matchImages")
    assert set(patterns) == set(list_patterns())
    assert done == before
    pieces = difflib.SequenceMatcher(None, EKS, after, autojunk=False).get_opcodes()
    assert [kind for kind, *_ in pieces if kind not in ("equal", "insert")] == []


def test_options_change_a_provider_of_the_name() -> None:
    """What is asked for replaces the field; a variable of another name stays."""
    first = ProviderOptions(NAME, env={"A": "1", "B": "2"})
    data = merge_provider("config.yaml", None, first)
    asked = ProviderOptions(NAME, default_cache_duration="5m", env={"B": "3", "C": "4"})
    (provider,) = yaml.safe_load(merge_provider("config.yaml", data, asked))["providers"]
    assert provider["defaultCacheDuration"] == "5m"
    values = {each["name"]: each["value"] for each in provider["env"]}
    assert values == {"A": "1", "B": "3", "C": "4"}


@pytest.mark.parametrize("before", [None, EKS, WITH_COMMENTS], ids=["none", "EKS", "comments"])
@pytest.mark.parametrize("name", [NAME, "ecr-credential-provider"])
def test_a_second_merge_changes_nothing(before: bytes | None, name: str) -> None:
    """What has been asked for already is not written again."""
    asked = ProviderOptions(name, env={"AWS_PROFILE": "prod"}, token=TOKEN)
    once = merge_provider("config.yaml", before, asked)
    assert merge_provider("config.yaml", once, asked) == once


@pytest.mark.parametrize("before", [EKS, WITH_COMMENTS], ids=["EKS", "comments"])
def test_a_removal_undoes_an_addition(before: bytes) -> None:
    """Byte for byte."""
    after = merge_provider("config.yaml", before, ProviderOptions(NAME))
    assert after != before
    assert remove_provider("config.yaml", after, NAME) == before


def test_the_last_provider_is_not_removed_alone() -> None:
    """The kubelet refuses a configuration without providers: the file has to go."""
    data = merge_provider("config.yaml", None, ProviderOptions(NAME))
    assert remove_provider("config.yaml", data, NAME) is None
    assert remove_provider("config.yaml", data, "other") == data


def test_a_file_that_the_kubelet_refuses_is_not_edited() -> None:
    """A typo of the user is not hidden between our lines."""
    with pytest.raises(HelperError, match="unknown field provider"):
        merge_provider("config.yaml", WITH_COMMENTS + b"provider: []\n", ProviderOptions(NAME))


@pytest.mark.parametrize(
    "asked",
    [
        ProviderOptions("a/b"),
        ProviderOptions(NAME, more_images=("reg.io:*",)),
        ProviderOptions(NAME, default_cache_duration="soon"),
        ProviderOptions(NAME, api_version="credentialprovider.kubelet.k8s.io/v1beta1", token=TOKEN),
    ],
)
@pytest.mark.parametrize("before", [None, EKS], ids=["new", "EKS"])
def test_options_that_the_kubelet_refuses_are_an_error(
    before: bytes | None, asked: ProviderOptions
) -> None:
    """The result is checked as the kubelet does, before anything is written."""
    with pytest.raises(HelperError, match="the kubelet would refuse the configuration"):
        merge_provider("config.yaml", before, asked)


def test_control_characters_are_refused() -> None:
    """YAML and JSON write them differently, and no setting needs one."""
    with pytest.raises(HelperError, match="control character"):
        merge_provider("config.yaml", None, ProviderOptions(NAME, env={"A": "b\nc"}))


def test_another_provider_for_ecr_is_found() -> None:
    """The kubelet runs both, and the user may want one."""
    providers = read_file_providers("config.json", EKS)
    assert find_overlaps(providers, NAME) == ["ecr-credential-provider"]
    assert find_overlaps(providers, "ecr-credential-provider") == []


WORDS = st.text(st.characters(codec="utf-8"), max_size=8).filter(str.isprintable)


@given(st.dictionaries(st.sampled_from(["A", "B"]), WORDS, min_size=1))
def test_any_value_of_a_variable_survives(env: dict[str, str]) -> None:
    """Quotes, colons and other scripts are the same in YAML and JSON."""
    for before in (None, EKS, WITH_COMMENTS):
        after = merge_provider("config.yaml", before, ProviderOptions(NAME, env=env))
        provider = read_file_providers("config.yaml", after)[-1]
        assert dict(provider.env) == env


STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "indent": st.integers(2, 6),
        "explicit_start": st.booleans(),
        "explicit_end": st.booleans(),
        "default_style": st.sampled_from([None, '"', "'"]),
        "width": st.sampled_from([40, 1000]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
    }
)


@given(STYLES)
def test_any_style_of_yaml_is_edited(style: dict[str, Any]) -> None:
    """Block and flow, any indent, quotes, markers of documents, long lines and line ends."""
    meant = yaml.safe_load(WITH_COMMENTS)
    before = yaml.safe_dump(meant, sort_keys=False, **style).encode()
    assume(not before.startswith(b"{"))  # the kubelet reads it as JSON, and refuses it
    after = merge_provider("config.yaml", before, ProviderOptions(NAME, env={"A": "b"}))
    theirs, ours = yaml.safe_load(after)["providers"]
    assert theirs == meant["providers"][0]
    assert (ours["name"], ours["env"]) == (NAME, [{"name": "A", "value": "b"}])
    assert remove_provider("config.yaml", after, NAME) == before
    name = "gcr-credential-provider"
    more = ProviderOptions(name, env={"A": "b"}, args=("--require-role",), token=TOKEN)
    (changed,) = yaml.safe_load(merge_provider("config.yaml", before, more))["providers"]
    assert changed["matchImages"] == theirs["matchImages"] + list_patterns()
    assert changed["args"] == ["kubelet", "--require-role"]
    assert changed["env"] == [*theirs["env"], {"name": "A", "value": "b"}]
    assert changed["tokenAttributes"] == TOKEN
