"""Facts about `settings.path_variables`: paths that are not what they seem."""

import os
import sys

import pytest

from docker_credential_ecrpy.settings.path_variables import check_paths


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("DOCKER_CONFIG", "~/.docker", 'export DOCKER_CONFIG="$HOME/.docker"'),
        ("DOCKER_CONFIG", ".docker", f"such as {os.path.abspath('.docker')}"),
        ("REGISTRY_AUTH_FILE", "auth.json", "make it absolute"),
        ("AWS_CONFIG_FILE", "'~/aws'", 'export AWS_CONFIG_FILE="$HOME/aws"'),
        ("AWS_ECR_CACHE_DIR", "cache", "make it absolute"),
    ],
)
def test_a_path_that_leads_elsewhere(name: str, value: str, hint: str) -> None:
    """A tilde that stays one, and a relative path, are named with the right form."""
    (found,) = check_paths({name: value})

    assert found.message.startswith(f"{name} is ")
    assert hint in str(found.hint)


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
@pytest.mark.parametrize(
    "value",
    [
        "$HOME/.docker",
        "${HOME}/.docker",
        "'$HOME/.docker'",
        '"/home/me/.docker"',
        "/home/me/.docker ",
        "%USERPROFILE%\\.docker",
        "file:///home/me/.docker",
        "file://localhost/home/me/.docker",
    ],
)
def test_what_nothing_has_expanded(value: str) -> None:
    """The cure is the path that was meant."""
    (found,) = check_paths({"DOCKER_CONFIG": value, "HOME": "/home/me"})

    assert found.message.startswith("DOCKER_CONFIG is ")
    assert found.hint == "run: export DOCKER_CONFIG=/home/me/.docker"


def test_a_variable_that_is_not_set() -> None:
    """No path is guessed."""
    (found,) = check_paths({"DOCKER_CONFIG": "$NOWHERE/.docker"})

    assert found.hint == "write the path in full"


def test_paths_that_are_fine() -> None:
    """Absolute ones, and a tilde where the reader expands it."""
    fine = {"DOCKER_CONFIG": "/d", "AWS_CONFIG_FILE": "~/c", "AWS_ECR_CONFIG": "/a$b"}
    fine["AWS_SHARED_CREDENTIALS_FILE"] = "$HOME/c"
    assert not list(check_paths(fine))
