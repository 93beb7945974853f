"""Files that exist, or that a variable names, and that cannot be read: the reason, and the cure.

botocore takes most of them for files that do not exist.
"""

import errno
import os
import shlex
import stat
from contextlib import suppress

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_CLOSED = (errno.EACCES, errno.EPERM)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def explain_unreadable(
    path: str, variable: str = "", *, is_directory: bool = False
) -> HelperError | None:
    """Return the error for a file that cannot be read; None for a readable or a missing one.

    variable: the variable that names the file, if any: then a missing file is a fault, too.
    is_directory: whether it has to be a directory.
    """
    reason, cure, command = _find_reason(path, variable, is_directory=is_directory)
    if not reason:
        return None
    shown = one_line(path if path == path.strip() else repr(path))
    named = f"{shown}, which {variable} names," if variable else shown
    return HelperError(f"{named} {reason}", hint=cure, command=command, refused=True)


def find_unreadable_cache(name: str, key: str) -> HelperError | None:
    """Return the error for a cache of the AWS CLI's, or the file of one entry, that is unreadable.

    name: "sso", "cli" or "login". key: the name of the entry's file, without ".json".
    """
    variable = "AWS_LOGIN_CACHE_DIRECTORY" if name == "login" else ""
    named = os.environ.get(variable, "")
    folder = os.path.expanduser(named or f"~/.aws/{name}/cache")
    error = explain_unreadable(folder, variable if named else "", is_directory=True)
    return error or (explain_unreadable(os.path.join(folder, f"{key}.json")) if key else None)


def explain_closed_token(path: str, variable: str) -> HelperError | None:
    """Return the error for a web identity's or a pod's token file that is closed to this user.

    variable: the one that names it; "" for a key of a profile.
    """
    error = explain_unreadable(path)
    if error is None or os.access(path, os.R_OK) or error.command.startswith("chmod"):
        return error
    named = f"{one_line(path)}, which {variable} names," if variable else one_line(path)
    error.message = error.message.replace(one_line(path), named, 1)
    user = f"the user with the id {os.geteuid()}" if hasattr(os, "geteuid") else "this user"
    error.hint = f"let {user} read it; in a pod, set securityContext.fsGroup, such as to 65534"
    error.command = ""
    return error


def say_unwritable() -> str:
    """Return what to do first if root owns `~/.aws`, so that it cannot be written; or ""."""
    folder = os.path.expanduser("~/.aws")
    with suppress(OSError):
        if os.stat(folder).st_uid == 0 and not os.access(folder, os.W_OK):
            command = f'sudo chown -R "$(id -un)" {shlex.quote(folder)}'
            return f"{one_line(folder)} belongs to root: first run: {command}; then "
    return ""


def _find_reason(path: str, variable: str, *, is_directory: bool) -> tuple[str, str, str]:
    """Return what is wrong with a file, the cure, and the cure as a command; "" if nothing is."""
    unset = f"unset {variable}" if variable else ""
    try:
        mode = os.stat(path).st_mode
        if is_directory and not stat.S_ISDIR(mode):
            return "is a file, where a directory has to be", unset or "remove it", unset
        if stat.S_ISDIR(mode) and not is_directory:
            cure = "replace it by the file: a container gets a directory where the file to mount"
            cure += " does not exist on its host"
            cure = f"correct {variable}, or run: {unset}; or {cure}" if variable else cure
            return "is a directory, where a file has to be", cure, unset
        if not (stat.S_ISREG(mode) or is_directory):
            if os.path.realpath(path) == os.devnull:
                return "", "", ""  # set on purpose
            return "is not a regular file", unset or "replace it by a file", unset
        os.close(os.open(path, _FLAGS))
    except FileNotFoundError:
        return _explain_missing(path, variable)
    except OSError as exc:
        if exc.errno in _CLOSED:
            return _explain_closed(path, variable, str(exc.strerror))
        reason = f"cannot be read: {exc.strerror}"
        if exc.errno == errno.ENOTDIR:
            reason += f": {one_line(_find_last(path))} is a file, where a directory has to be"
        return reason, unset or "remove or replace it", unset
    except ValueError:  # a NUL in its name
        return "is not a file's name", unset, unset
    return "", "", ""


def _explain_missing(path: str, variable: str) -> tuple[str, str, str]:
    last = _find_last(path)
    if os.path.islink(last) and not os.path.exists(last):
        what = "is a symlink to" if last == path else f"does not exist: {one_line(last)} links to"
        reason = f"{what} {one_line(os.readlink(last))}, which does not exist"
        return reason, f"restore that file, or remove the symlink {one_line(last)}", ""
    if not variable:
        return "", "", ""
    cure = f"correct {variable}, or remove it with: unset {variable}"
    return "does not exist", cure, f"unset {variable}"


def _explain_closed(path: str, variable: str, strerror: str) -> tuple[str, str, str]:
    """Return reason and cure for a file or a directory above it that is closed to this user."""
    closed = _find_last(os.path.realpath(path))
    seen = os.stat(closed)
    is_directory, user = stat.S_ISDIR(seen.st_mode), getattr(os, "geteuid", lambda: seen.st_uid)()
    reason = f"cannot be read: {strerror}"
    home = os.path.realpath(os.path.expanduser("~"))
    inside = closed.startswith(home + os.sep)
    if closed != path or seen.st_uid != user:
        reason += f": {one_line(closed)} belongs to {_name_user(seen.st_uid)}"
    name = shlex.quote(closed)
    if seen.st_uid == user:
        if seen.st_mode & stat.S_IRUSR and (seen.st_mode & stat.S_IXUSR or not is_directory):
            cure = "a security policy denies it, such as that of SELinux, AppArmor or a snap"
            return reason, cure, ""
        command = f"chmod u+r{'wx' if is_directory else ''} {name}"
        return reason, f"run: {command}", command
    if inside:
        command = f'sudo chown -R "$(id -un)" {name}'
        return reason, f"run: {command}", command
    if variable:
        return reason, f"make it readable for this user, or run: unset {variable}", ""
    if os.path.abspath(path).startswith(os.path.abspath(os.path.expanduser("~")) + os.sep):
        return reason, f"set HOME, which is {one_line(home)}, to a directory of this user", ""
    return reason, "make it readable for this user", ""


def _name_user(number: int) -> str:
    return "root" if number == 0 else f"the user with the id {number}"


def _find_last(path: str) -> str:
    """Return the last part of a path that this user sees, or cannot look into."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
