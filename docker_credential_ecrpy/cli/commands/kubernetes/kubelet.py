"""`kubelet`: the kubelet's image credential provider, and the commands that set it up.

Without a subcommand it is the plugin itself, which `cli.main` runs: a node starts it for each
image, and it needs none of click.
"""

import click

from docker_credential_ecrpy.cli.help import Group


@click.group(
    "kubelet",
    cls=Group,
    short_help="answer the kubelet as its image credential provider",
    no_args_is_help=False,
    examples=(("", "answer the CredentialProviderRequest on standard input"),),
)
def command() -> None:
    """Answer the kubelet as its image credential provider.

    The kubelet runs this for each image that a pod needs: a CredentialProviderRequest is on
    standard input, and the CredentialProviderResponse goes to standard output. The rules,
    identities and cache are those of get.

    The same happens without the word kubelet, and with unknown arguments, if such a request is on
    standard input: the program can take the place and the name of ecr-credential-provider.

    The plugin has two options, for args of the provider in the kubelet's configuration.
    --role-annotation KEY, which may be repeated, names the annotation of a service account with its
    role. --require-role refuses a service account's token without a role, instead of using the
    node's identity.
    """
