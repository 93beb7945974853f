"""The products of `make binary`."""

from tests.world.tree import REPOSITORY

DIST = REPOSITORY / "dist"
DROP_IN = "docker-credential-ecr-login"
NAME = "docker-credential-ecrpy"
FOLDER = DIST / NAME
ONE_FILE = DIST / DROP_IN
PROGRAMS = {"folder": FOLDER / DROP_IN, "file": ONE_FILE}
