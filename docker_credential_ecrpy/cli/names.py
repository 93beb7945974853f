"""Names of the program that several commands know."""

COMPLETE = "_DOCKER_CREDENTIAL_ECRPY_COMPLETE"
"""The variable by which a shell's completion asks; see `completion`."""
