"""Writes the files of a plan."""

from collections.abc import Iterator

from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    make_mark,
    replace_file,
)


def apply_plan(plan: Plan) -> Iterator[tuple[Rewrite, str]]:
    """Write the files of a plan; yield each with the path of its backup (or "") once written.

    The backups of one plan have the same mark, by which an undo finds them. Raises HelperError,
    before the first write where possible; files not yet written stay unchanged.
    """
    for rewrite in plan.needed:
        check_replaceable(rewrite)
    mark = make_mark(rewrite.file for rewrite in plan.needed)
    for rewrite in reversed(plan.needed):  # our rules first: alone they change nothing
        yield rewrite, replace_file(rewrite, mark)
