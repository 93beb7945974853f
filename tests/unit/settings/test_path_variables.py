"""Facts about `settings.path_variables`: paths that are not what they seem."""

import os

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


def test_paths_that_are_fine() -> None:
    """Absolute ones, and a tilde where the reader expands it."""
    fine = {"DOCKER_CONFIG": "/d", "AWS_CONFIG_FILE": "~/c", "AWS_ECR_CONFIG": ""}
    assert not list(check_paths(fine))
