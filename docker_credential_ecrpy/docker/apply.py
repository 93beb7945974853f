"""Writes the files of a plan: all of them, or none."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from docker_credential_ecrpy.docker.discover import list_files, settings_path
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    read_user_file,
    replace_file,
    take_back,
)
from docker_credential_ecrpy.files.user.backup import Mark, make_mark
from docker_credential_ecrpy.text.sanitize import one_line

_STOPS = ("SIGINT", "SIGTERM", "SIGHUP")


def apply_plan(
    plan: Plan, environ: Mapping[str, str], note: Callable[[str], None]
) -> list[tuple[Rewrite, str]]:
    """Write the files of a plan; return each with the path of its backup, or "" for a new file.

    The backups of one plan have the same mark, by which an undo finds them. It is newer than those
    of all files that `configure` edits. note: prints a warning. Raises HelperError where a file
    cannot be written, and KeyboardInterrupt for a signal that ends the program; then those written
    before it are restored.
    """
    for rewrite in plan.needed:
        for copy in check_replaceable(rewrite):
            note(f"warning: {one_line(copy)} has what an interrupted run left beside the file")
    files = [file for podman in (False, True) for file in list_files(environ, podman=podman)]
    files += [rewrite.file for rewrite in plan.needed]
    mark = make_mark(filter(None, (*files, settings_path(environ))))
    written: list[tuple[Rewrite, str]] = []
    with _stoppable():
        begun: Rewrite | None = None
        try:
            # config.toml first: rules have no effect until Docker runs this program
            for rewrite in reversed(plan.needed):
                begun = rewrite
                written.append((rewrite, replace_file(rewrite, mark)))
        except BaseException as exc:
            done = [rewrite for rewrite, _ in written]
            if begun and begun not in done and _is_written(begun):
                done.append(begun)
            _restore(done, mark, exc)
            raise
    return written


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let the first signal that ends the program raise KeyboardInterrupt, and ignore later ones."""
    is_stopped = False

    def stop(*_: object) -> None:
        nonlocal is_stopped
        if not is_stopped:
            is_stopped = True
            raise KeyboardInterrupt

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in [getattr(signal, name) for name in _STOPS if hasattr(signal, name)]:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                previous[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _is_written(rewrite: Rewrite) -> bool:
    """Whether a file has its new content, though an exception came before the result."""
    try:
        return read_user_file(rewrite.file) == rewrite.after
    except HelperError:
        return False


def _restore(rewrites: list[Rewrite], mark: Mark, cause: BaseException) -> None:
    """Restore files that were written before `cause`. Raises HelperError if that fails, too."""
    failed: list[HelperError] = []
    for rewrite in rewrites:
        try:
            take_back(rewrite, mark)
        except HelperError as exc:
            failed.append(exc)
    if failed:
        said = str(cause) or "this was interrupted"
        msg = "; and ".join((said, *(exc.message for exc in failed)))
        raise HelperError(msg, hint=failed[-1].hint) from cause
