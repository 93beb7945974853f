"""Facts about the YAML of an object: another reader reads the same."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.kubernetes.pull_secrets.secret import make
from docker_credential_ecrpy.kubernetes.pull_secrets.yaml_text import to_yaml
from tests.world.pull_secrets import LOGIN, OTHER_LOGIN, TARGET

KEYS = st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x20)) | st.sampled_from(
    ["no", "Null", "1", "-", "a: b", "<<", "~", "y", ".dockerconfigjson", "a/b"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_whatever_is_written_is_read_again(document: dict[str, object]) -> None:
    """PyYAML reads the same texts, lists and objects."""
    assert yaml.safe_load(to_yaml(document)) == document


def test_a_secret_is_readable() -> None:
    """Keys are plain, and the members are in the order in which they are usually written."""
    made = make(TARGET, [LOGIN, OTHER_LOGIN])
    text = to_yaml(made)

    assert yaml.safe_load(text) == made
    assert text.startswith('apiVersion: "v1"\nkind: "Secret"\nmetadata:\n  name: "ecr"\n')
    assert "\n  .dockerconfigjson: " in text
