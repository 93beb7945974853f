"""The plugin's arguments."""

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.options import ROLE_ANNOTATIONS, Options, parse


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Options()),
        (["--require-role"], Options(require_role=True)),
        (["-require-role=true"], Options(require_role=True)),
        (["--require-role=false"], Options()),
        (["--role-annotation", "a/b"], Options(("a/b",))),
        (["--role-annotation=a", "--role-annotation", "b"], Options(("a", "b"))),
        (["--role-annotation", "--require-role"], Options(("--require-role",))),
    ],
    ids=str,
)
def test_options(arguments: list[str], expected: Options) -> None:
    """They may have one dash or two, as those of programs in Go."""
    assert parse(arguments) == expected
    assert parse(["get-credentials", *arguments, "-v=4"], is_lenient=True) == expected


def test_the_usual_annotations() -> None:
    """ECR's own annotation wins over that of the pod's other calls to AWS."""
    assert parse([]).role_annotations == ROLE_ANNOTATIONS
    assert ROLE_ANNOTATIONS == ("eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn")


@pytest.mark.parametrize("is_lenient", [False, True])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--require-role=yes"], "--require-role takes no value such as 'yes'"),
        (["--require-role="], "--require-role takes no value such as ''"),
        (["--role-annotation"], "--role-annotation needs the key of an annotation"),
        (["--role-annotation="], "--role-annotation needs the key of an annotation"),
    ],
    ids=str,
)
def test_wrong_values(arguments: list[str], text: str, is_lenient: bool) -> None:
    """They are errors under every name of the plugin: a role that is required must be."""
    with pytest.raises(HelperError) as caught:
        parse(arguments, is_lenient=is_lenient)

    assert caught.value.message == text


def test_an_unknown_option() -> None:
    """Only as another program's plugin are others ignored."""
    with pytest.raises(HelperError, match=r"^unknown option of kubelet: --v=4; its options are "):
        parse(["--v=4"])
    assert parse(["--v=4"], is_lenient=True) == Options()
