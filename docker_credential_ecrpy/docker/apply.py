"""The files of a plan are written."""

from collections.abc import Iterator

from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.files.replace import Rewrite, check_replaceable, replace_file


def apply_plan(plan: Plan) -> Iterator[tuple[Rewrite, str]]:
    """Write the files of a plan; yield each, and the path of its backup or "", when it is done.

    Raises HelperError, before anything is written where that can be; what was not yet written is
    as it was then.
    """
    for rewrite in plan.needed:
        check_replaceable(rewrite)
    for rewrite in reversed(plan.needed):  # our rules first: they do nothing alone
        yield rewrite, replace_file(rewrite)
