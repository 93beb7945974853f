"""Names that several modules of the command line share."""

COMPLETE = "_DOCKER_CREDENTIAL_ECRPY_COMPLETE"
"""The variable that a shell's completion script sets; see `completion`."""
COMMANDS = (
    "configure",
    "doctor",
    "explain",
    "password",
    "cache",
    "completion",
    "pull-secret",
    "pull-secrets",
)
"""The commands that users type, beside Docker's actions."""
ACTIONS = {
    "get": "read a registry's address from standard input, print its credentials",
    "store": "read a login (JSON) from standard input, keep it until it expires",
    "erase": "read a registry's address from standard input, remove its tokens",
    "list": "print the known ECR registries; makes no network call",
    "version": "print the version (also -V, --version)",
}
"""Docker's actions: the name -> what it does."""
HELP = {"help": "show the help of a command, such as help cache list"}
"""The word before a command whose help is wanted."""
HELP_OPTIONS = ("-h", "--help")
USAGE = """\
Usage: {name} <get|store|erase|list|version>
       {name} <command> [--help]"""
