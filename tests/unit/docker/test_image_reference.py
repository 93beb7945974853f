"""Facts about the names of images, as Docker reads them."""

import pytest

from docker_credential_ecrpy.docker.image_reference import Image
from tests.world.machine import HOST


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (HOST, HOST),
        (f"https://{HOST}/v2/", HOST),
        (f"{HOST}:443/team/app:1@sha256:00", HOST),
        ("alpine", "index.docker.io"),
        ("alpine:3.19", "index.docker.io"),
        ("team/app", "index.docker.io"),
        ("alpine@sha256:00", "index.docker.io"),
        ("localhost/app", "localhost"),
        ("localhost", "localhost"),
        ("host:5000/app", "host"),
        ("ghcr.io", "ghcr.io"),
        ("", ""),
        ("::", ""),
        ("-", ""),
        ("a b", ""),
        ("Team/app", ""),
        ("docker.io/library/alpine", "index.docker.io"),
        ("a b.c/d", ""),
    ],
)
def test_the_host_of_an_argument(text: str, host: str) -> None:
    """The host is that of a registry's address or an image's name, as Docker reads it."""
    assert Image.parse(text).host == host
