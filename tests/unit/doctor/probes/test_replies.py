"""Facts about the parsers of a registry's JSON."""

import json
import string

import pytest
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
                [
                    "errors",
                    "code",
                    "message",
                    "manifests",
                    "layers",
                    "config",
                    "digest",
                    "mediaType",
                ]
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
    """The parsers raise only NOT_UNDERSTOOD, for any JSON."""
    try:
        if replies.is_index(document):
            digest, platforms = replies.choose_manifest(document, "linux/amd64")
            assert all(name.isprintable() for name in platforms)
            found = [digest] if digest else []
        else:
            found = [blob.digest for blob in replies.list_blobs(document)]
            assert replies.find_artifact(document).isprintable()
    except replies.NOT_UNDERSTOOD:
        return
    assert all(digest.startswith("sha256:") for digest in found)


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386"], "linux/386"),
        ("linux/amd64", ["windows/amd64"], None),
        ("linux/amd64", ["unknown/unknown"], None),
        ("linux/amd64", ["linux/s390x", ""], ""),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64", ["linux/amd64", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm64"], None),
        ("linux/386", ["linux/amd64"], None),
    ],
)
def test_the_image_of_a_platform(wanted: str, offered: list[str], chosen: str | None) -> None:
    """It is the one that containerd chooses."""
    digests = {name: f"sha256:{number:064}" for number, name in enumerate(offered)}
    entries = []
    for name, digest in digests.items():
        parts = dict(zip(("os", "architecture", "variant"), name.split("/"), strict=False))
        entries.append({"digest": digest, "platform": parts if name else None})

    digest, platforms = replies.choose_manifest({"manifests": entries}, wanted)
    assert digest == ("" if chosen is None else digests[chosen])
    assert platforms == [name for name in offered if name not in ("", "unknown/unknown")]


@pytest.mark.parametrize(
    ("kind", "artifact"),
    [
        ("application/vnd.docker.container.image.v1+json", ""),
        ("application/vnd.oci.image.config.v1+json", ""),
        (None, ""),
        ("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.config.v1+json"),
        ("application/vnd.oci.empty.v1+json", "application/vnd.oci.empty.v1+json"),
    ],
)
def test_what_is_no_image(kind: str | None, artifact: str) -> None:
    """The config's media type tells it."""
    assert replies.find_artifact({"config": {"mediaType": kind}}) == artifact
