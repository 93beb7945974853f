"""The plugin's arguments. The kubelet passes those that its configuration lists for the provider.

They are read without click, since a node starts the plugin for each image.
"""

from collections.abc import Sequence

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

ROLE_ANNOTATIONS = ("eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn")
"""The annotations of a service account that name its role, unless options name others."""
ROLE_ANNOTATION = "role-annotation"
REQUIRE_ROLE = "require-role"
_WORDS = {"": True, "true": True, "false": False}


@dataclass(frozen=True)
class Options:
    """What the arguments say.

    role_annotations: the keys that name a role, in order. require_role: whether a service account's
    token without a role is refused, instead of answered with the node's identity.
    """

    role_annotations: tuple[str, ...] = ROLE_ANNOTATIONS
    require_role: bool = False


def parse(arguments: Sequence[str], *, is_lenient: bool = False) -> Options:
    """Return the options in the arguments. Raises HelperError.

    is_lenient: ignore what is no option of the plugin, as ecr-credential-provider does.
    """
    annotations: list[str] = []
    require_role = False
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.lstrip("-").partition("=")
        if name == ROLE_ANNOTATION:
            value = value if equals else rest.pop(0) if rest else ""
            if not value:
                msg = f"--{name} needs the key of an annotation"
                raise HelperError(msg, hint=f"write it as in --{name} {ROLE_ANNOTATIONS[0]}")
            annotations.append(value)
        elif name == REQUIRE_ROLE:
            if value not in _WORDS or (equals and not value):
                msg = f"--{name} takes no value such as {one_line(value)!r}"
                raise HelperError(msg, hint=f"write --{name} alone")
            require_role = _WORDS[value]
        elif not is_lenient:
            msg = f"unknown option of kubelet: {one_line(argument)}"
            hint = f"its options are --{ROLE_ANNOTATION} <key> and --{REQUIRE_ROLE}"
            raise HelperError(msg, hint=hint)
    return Options(tuple(annotations) or ROLE_ANNOTATIONS, require_role)
