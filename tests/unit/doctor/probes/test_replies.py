"""Facts about the parsers of a registry's JSON."""

import json
import string

from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.doctor.probes import replies
from docker_credential_ecrpy.doctor.probes.http import HttpAnswer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "code", "message", "manifests", "layers", "config", "digest", "urls"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_error_has_a_code_and_a_message(document: object) -> None:
    """Each is one line, for any JSON."""
    answer = HttpAnswer(400, {}, json.dumps(document).encode(), whole=True, milliseconds=1)

    for text in replies.parse_error(answer):
        assert text.isprintable()
        assert len(text) <= 400


@given(JSON)
def test_any_manifest_leads_to_a_digest_or_is_none(document: object) -> None:
    """The parser raises only NOT_UNDERSTOOD, for any JSON."""
    try:
        kind, digest = replies.find_next(document)
    except replies.NOT_UNDERSTOOD:
        return
    assert kind in {"manifests", "blobs"}
    assert digest.startswith("sha256:")
