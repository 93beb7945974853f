"""The products of `make binary`."""

from tests.world.tree import REPOSITORY

DIST = REPOSITORY / "dist"
DROP_IN = "docker-credential-ecr-login"
NAME = "docker-credential-ecrpy"
FOLDER = DIST / NAME
ONE_FILE = DIST / DROP_IN
STATIC = DIST / ".static"
"""The list of the parts of the static program, which is there if the one file is that."""
