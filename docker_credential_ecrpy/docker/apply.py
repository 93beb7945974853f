"""Writes the files of a plan: all of them, or none."""

from collections.abc import Mapping

from docker_credential_ecrpy.docker.discover import list_files, settings_path
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    replace_file,
    take_back,
)
from docker_credential_ecrpy.files.user.backup import Mark, make_mark


def apply_plan(plan: Plan, environ: Mapping[str, str]) -> list[tuple[Rewrite, str]]:
    """Write the files of a plan; return each with the path of its backup, or "" for a new file.

    The backups of one plan have the same mark, by which an undo finds them. It is newer than those
    of all files that `configure` edits. Raises HelperError where a file cannot be written; then
    those written before it are restored.
    """
    for rewrite in plan.needed:
        check_replaceable(rewrite)
    files = [file for podman in (False, True) for file in list_files(environ, podman=podman)]
    files += [rewrite.file for rewrite in plan.needed]
    mark = make_mark(filter(None, (*files, settings_path(environ))))
    written: list[tuple[Rewrite, str]] = []
    try:
        # config.toml first: rules have no effect until Docker runs this program
        for rewrite in reversed(plan.needed):
            backup = replace_file(rewrite, mark)
            written.append((rewrite, backup))
    except BaseException as exc:
        for rewrite, _ in written:
            _restore(rewrite, mark, exc)
        raise
    return written


def _restore(rewrite: Rewrite, mark: Mark, cause: BaseException) -> None:
    """Restore a file that was written before `cause`. Raises HelperError if that fails, too."""
    try:
        take_back(rewrite, mark)
    except HelperError as exc:
        msg = f"{cause}; and {exc.message}"
        raise HelperError(msg, hint=exc.hint) from cause
