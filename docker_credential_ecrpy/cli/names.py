"""Names and texts that several modules of the command line share."""

COMPLETE = "_DOCKER_CREDENTIAL_ECRPY_COMPLETE"
"""The variable that a shell's completion script sets; see `completion`."""
COMMANDS = (
    "configure",
    "doctor",
    "explain",
    "password",
    "cache",
    "completion",
    "kubelet",
    "pull-secret",
    "pull-secrets",
)
"""The commands that users type, beside Docker's actions."""
KUBELET = "kubelet"
"""The command that is the kubelet's plugin, unless a command of its own or --help follows."""
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
HELP_TEXT = """\
{usage}

Docker credential helper for Amazon ECR. Docker runs it for each pull, push and \
build; it gets a token from AWS, caches it, and refreshes it before it expires. \
No docker login is needed.

Configure Docker to use it (credHelpers in ~/.docker/config.json), then pull:

  docker-credential-ecrpy configure 123456789012@us-east-1
  docker pull 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:1

If a pull fails, find the cause and the fix:

  docker-credential-ecrpy doctor <image>

Commands (each has --help):
  configure    make Docker use this program for ECR registries
  doctor       find out why a pull fails, and how to fix it
  explain      show the rule, identity, endpoint and cache entry of a registry
  password     print a registry's token, as aws ecr get-login-password does
  cache        list or clear the cached tokens and logins
  completion   print the completion script of a shell
  kubelet      answer the kubelet as its image credential provider
  pull-secret  print an image pull secret of Kubernetes
  pull-secrets keep image pull secrets of Kubernetes fresh
  help         show the help of a command, such as help cache list

Actions (Docker runs these: the protocol of docker-credential-helpers):
  get      read a registry's address from standard input, print its credentials
  store    read a login (JSON) from standard input, keep it until it expires
  erase    read a registry's address from standard input, remove its tokens
  list     print the known ECR registries; makes no network call
  version  print the version (also -V, --version)

Environment:
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...    the AWS identity, as for the AWS CLI
  AWS_ECR_PROFILE_<account>=<profile>    the AWS profile to use for one account
  AWS_ECR_ROLE_ARN_<account>=<ARN>       the role to assume for one account
  AWS_ECR_ROLE_ARN=<ARN>                 kubelet: the role of service accounts
  AWS_ECR_CONFIG=~/.ecr/config.toml      the settings file: rules, fallback
  AWS_ECR_TIMEOUT=25                     the time limit of one get, in seconds
  AWS_ECR_CACHE_DIR=~/.ecr               the cache directory
  AWS_ECR_DISABLE_CACHE=1                cache nothing: each get calls AWS
  AWS_ECR_IGNORE_CREDS_STORAGE=true      make docker login and logout do nothing
  AWS_ECR_DEBUG=1, AWS_ECR_LOG=<file>    log to standard error, or to a file
  NO_COLOR=1                             print no colours
"""
"""What `--help` prints."""
