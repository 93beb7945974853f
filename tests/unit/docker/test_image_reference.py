"""Facts about the names of images, as Docker reads them."""

import pytest

from docker_credential_ecrpy.docker.image_reference import Image
from tests.world.accounts import EU, A
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


CONSOLE = "console.aws.amazon.com/ecr/repositories/private"
TAG = "a tag has letters, digits and . _ -, and 128 characters at most"
DIGEST = "sha256:" + "0" * 64
MISTAKES = {
    f"https://{HOST}/team/app:1": "it takes no scheme",
    f"docker://{HOST}/team/app:1": "it takes no scheme",
    f"{HOST}./team/app:1": "its host ends in a dot",
    f"{HOST}/team/app:1/": "it has a slash too many",
    f"{HOST}//team/app:1": "it has a slash too many",
    f"{HOST}/team//app:1": "it has a slash too many",
    f" {HOST}/team/app:1": "it has a blank or a line break",
    f"{HOST}/team/app:1\r\n": "it has a blank or a line break",
    f"{HOST} /team/app:1": "it has a blank or a line break",
    f"{HOST}\\team\\app:1": "it has a backslash",
    f"AWS@{HOST}/team/app:1": "it takes no user name",
    f'"{HOST}/team/app:1"': 'it has a stray "',
    f"{HOST}/team/app:1,": "it has a stray ,",
    f"{HOST}/team/app:1.": "it has a stray .",
    f"{HOST}/{HOST}/team/app:1": "it has the registry's host twice",
    f"{HOST}/team/app:1 AS build": "it has a blank or a line break",
    f"{HOST}/team/app:1 # the base": "it has a blank or a line break",
    f"{HOST}/team/\n  app:1": "it has a blank or a line break",
    f"{HOST}/Team/App:1": "a repository's name has lower case letters, digits and . _ - /",
}


@pytest.mark.parametrize("text", MISTAKES, ids=repr)
def test_a_name_that_docker_refuses(text: str) -> None:
    """What is wrong is said, and the right name is known."""
    image = Image.parse(text)

    assert image.mistake == MISTAKES[text]
    assert image.name == f"{HOST}/team/app:1"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (f"{HOST}/app:", "it has a colon and no tag"),
        (f"{HOST}/app:-", f"it has '-', and {TAG}"),
        (f"{HOST}/app:1:2", f"it has '1:2', and {TAG}"),
        (f"{HOST}/app:$TAG", f"it has '$TAG', whose variable no shell has expanded, and {TAG}"),
        (f"{HOST}/app:${{A}}", f"it has '${{A}}', whose variable no shell has expanded, and {TAG}"),
        (f"{HOST}/app@sha256:0", "it has 'sha256:0', and a digest has the form sha256:<64 hexa"),
        (f"{HOST}/a___b", "it has 'a___b', and each part of a repository's name begins and ends"),
        (f"{HOST}/_x/y:1", "it has '_x', and each part of a repository's name begins and ends"),
        (f"{HOST}/a+b", "it has 'a+b', and a repository's name has lower case letters, digits"),
        (f"{HOST}/{'a' * 256}", "a repository's name has 255 characters at most"),
        (f"{HOST}:latest", "it has no repository, so docker takes it for an image of Docker Hub"),
        ("alpine@sha256:0", "it has 'sha256:0', and a digest has the form sha256:<64 hexa"),
    ],
)
def test_a_mistake_that_is_not_corrected(text: str, mistake: str) -> None:
    """Only its writer knows the right name."""
    image = Image.parse(text)

    assert image.mistake.startswith(mistake)
    assert Image.parse(image.name).mistake or "<" in image.name or text.endswith(":")


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("gallery.ecr.aws/nginx/nginx:1", "public.ecr.aws/nginx/nginx:1"),
        ("https://gallery.ecr.aws/nginx/nginx?page=2", "public.ecr.aws/nginx/nginx"),
        ("ecr.aws/nginx/nginx", "public.ecr.aws/nginx/nginx"),
        (f"https://us-east-1.{CONSOLE}/{A}/team/app?region=us-east-1", f"{HOST}/team/app"),
        (f"https://us-east-1.{CONSOLE}/{A}/team/app/_/details", f"{HOST}/team/app"),
        (f"{CONSOLE}/{A}/app?a=1&region=eu-west-1#x", f"{EU.format(A)}/app"),
    ],
)
def test_a_page_about_an_image(page: str, name: str) -> None:
    """Its address is taken for the name of the image."""
    image = Image.parse(page)

    assert (image.name, bool(image.mistake)) == (name, True)


@pytest.mark.parametrize(
    "text",
    [f"{HOST}/a__b/c.d-e--f", f"{HOST}/a:V1.2_3-4", f"{HOST}/a@{DIGEST}", f"{HOST}/v2/a", HOST],
)
def test_a_name_that_docker_takes(text: str) -> None:
    """It is the same again."""
    image = Image.parse(text)

    assert (image.name, image.mistake) == (text, "")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (HOST, HOST),
        (f"{HOST.upper()}/app", HOST.upper()),
        (f"{HOST}:443/app", f"{HOST}:443"),
        (f"https://{HOST}:443", ""),
        (f"AWS:pass@{HOST}", HOST),
        ("docker.io/app", ""),
    ],
)
def test_the_key_is_what_docker_looks_up(text: str, key: str) -> None:
    """It has the case and the port of the name; an address has none."""
    assert Image.parse(text).key == key


@pytest.mark.parametrize(("text", "names"), [("team/app", False), ("docker.io/team/app", True)])
def test_whether_a_registry_is_named(text: str, names: bool) -> None:
    """An image without one is of Docker Hub, too."""
    image = Image.parse(text)

    assert (image.host, image.names_registry) == ("index.docker.io", names)
