"""The `credential_process` of a profile: how its command is run.

botocore and the AWS CLI split the command into words and run them without a shell. The Go SDK, and
so awslabs' helper, passes it to `sh -c`. Files of users have commands for either. Here a command
runs without a shell, unless it can only be meant for one: then as in Go. That is safe, since who
writes the command can name any program, and no part of it comes from an image or a registry.
"""

import errno
import glob
import os
import re
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from botocore.compat import compat_shell_split

from docker_credential_ecrpy.aws.deadline import Stage, Watch
from docker_credential_ecrpy.aws.sdk import inputs
from docker_credential_ecrpy.aws.sdk.credential_process import answer
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import failures
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import one_line

SHELL = "/bin/sh"
# Quoted parts of a command; the group has the text between double quotes.
_QUOTED = expression(r"'[^']*'|\\.|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
# A shell with its own text, in which variables in double quotes are for that one to expand.
_OWN_SHELL = expression(
    r"(?:^|[\s/])(?:(?:ba|da|z|k|a|c|tc|fi|pw)?sh|powershell)(?:\.exe)?(?:\s+-\w+)*\s+-\w*[cC]\w*\s"
)
_OPERATOR = expression(r"[|<>]|&&|(?:^|\s)[;&(]|[;&)](?:\s|$)")
_HOME = expression(r"(?:^|\s|^\s*\w+=)~[\w.-]*(?:/|\s|$)")
_QUOTED_HOME = expression(r"\s*[\"']~[\"']?/")
_EXPANSION = expression(r"`|\$\(|\$\{?([A-Za-z_]\w*)")
# What makes a command whose first word is no program one for a shell: an assignment, a command of
# the shell's own, or a pattern.
_FOR_SHELLS = expression(
    r"\s*(?:[A-Za-z_]\w*=|(?:exec|command|eval|\.|source|time|if|for|while|until|case|\{|!|cd|export"
    r"|set|test|\[)\s)|.*[*?\[;&~]",
    re.DOTALL,
)
# What /bin/sh, such as dash, does not know of bash, and what it says.
_FOR_BASH = expression(
    r"(?:^|[\s;&|(])(?:source|declare|typeset|shopt|function|\[\[)\s|pipefail|\|&|<<<|[<>]\("
)
_NOT_BASH = expression("not found|Illegal option|unexpected|Bad substitution")
_UNFIT = expression(r"^ (?:cannot be run|failed with exit code 12[67]|printed nothing)")
_OPERATORS = frozenset("();<>|&")  # characters of a shell's operators
_ASSIGNMENT = expression(r"[A-Za-z_]\w*=")
_PREFIXES = ("exec", "command", "env", "nohup", "time", "sudo", "!", "{", "if", "then", "do")
_BRACES = expression(r"\{[^{}\s]*,[^{}\s]*\}")
_COMMENT = expression(r"\s#")
_TERMINAL = "run that command in a terminal"


def retrieve(command: str, profile: str, watch: Watch) -> dict[str, Any]:
    """Return what the command prints, in botocore's form. Raises HelperError, and OSError."""
    name = f"{Stage.PROCESS.value} of AWS profile {profile!r}"
    watch.enter(Stage.PROCESS, name)
    words = _split(command, name)
    is_for_shell = needs_shell(command, words, os.environ)
    by_shell = is_for_shell and os.path.exists(SHELL)
    if by_shell:
        words = [SHELL, "-c", command]
    try:
        return _run(words, name, watch)
    except HelperError as exc:
        if is_for_shell and not by_shell:
            prefix = "cmd /C" if sys.platform == "win32" else "sh -c"
            exc.hint = f"it runs without a shell here: write {prefix} '...', or name one program"
        elif exc.refused:
            _correct(exc, command, name, by_shell=by_shell)
        raise


def check(command: str, profile: str) -> None:
    """Raise HelperError, as `retrieve` does, for a program that is not there. Runs nothing."""
    name = f"{Stage.PROCESS.value} of AWS profile {profile!r}"
    words = _split(command, name)
    if sys.platform == "win32" or needs_shell(command, words, os.environ):
        return  # Windows adds .exe, and a shell has commands of its own
    if not _exists(words[0], os.environ):
        missing = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise failures.explain_start(missing, words[0], name)


def needs_shell(command: str, words: list[str], environ: Mapping[str, str]) -> bool:
    """Return whether a command can only be meant for a shell."""
    bare = _QUOTED.sub("_", command)
    texts = [bare]
    if not _OWN_SHELL.search(bare):
        texts += [found[1] or "" for found in _QUOTED.finditer(command)]
    if _OPERATOR.search(bare) or _HOME.search(bare):
        return True
    expansions = [found[1] for text in texts for found in _EXPANSION.finditer(text)]
    if any(not name or name in environ for name in expansions):  # "pa$word" may be a password
        return True
    return not _exists(words[0], environ) and bool(expansions or _FOR_SHELLS.match(bare))


def _correct(error: HelperError, command: str, name: str, *, by_shell: bool) -> None:
    """Correct the error of a command that failed, if the command itself shows why."""
    bare = _QUOTED.sub("_", command)
    is_unfit = _UNFIT.search(error.message.removeprefix(name)) is not None
    fault = _find_unquoted(command) if is_unfit else None
    if not fault and by_shell and _FOR_BASH.search(bare) and _NOT_BASH.search(error.message):
        error.hint = f"that is for bash, and {SHELL} runs it: write bash -c '...'"
    elif not fault and is_unfit:
        fault = _find_unfit(command, by_shell=by_shell)
    if fault:
        error.message, error.hint = f"{name} cannot be run: {fault[0]}", fault[1]
    elif not by_shell and _TERMINAL in (error.hint or "") and (shell := _find_shell(command)):
        error.hint = f"it ran without a shell, unlike in a terminal: write {shell} -c '...'"


def _find_unquoted(command: str) -> tuple[str, str] | None:
    """Return the error for a program whose path has a blank, without quotes."""
    words = [paths.expand(word) for word in compat_shell_split(command)]
    for count in range(2, len(words) + 1):
        path = " ".join(words[:count])
        if os.path.dirname(path) and not os.path.exists(words[0]) and os.path.isfile(path):
            shown = one_line(path)
            return f"the path {shown} has a blank, and no quotes", f'write it as "{shown}"'
    return None


def _find_shell(command: str) -> str:
    """Return the shell that would change the words of a command that ran without one, or ""."""
    bare = _QUOTED.sub("_", command)
    if _BRACES.search(bare):
        return "bash"
    patterns = [word for word in bare.split() if set(word) & set("*?[")]
    return "sh" if _COMMENT.search(bare) or any(map(glob.glob, patterns)) else ""


def _find_unfit(command: str, *, by_shell: bool) -> tuple[str, str] | None:
    """Return why one of the programs of a command cannot be run, and what to do."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    is_first = True
    for word in lexer:
        if set(word) <= _OPERATORS:
            is_first = by_shell and not set(word) & set("<>")
        elif is_first and not (_ASSIGNMENT.match(word) or word in _PREFIXES):
            is_first = False
            path = paths.expand(word)
            path = path if os.path.dirname(path) else identity.find_program(path, os.environ)
            # A shell may have changed the directory.
            if path and not set(path) & set("$`*?") and (os.path.isabs(path) or not by_shell):
                fault = failures.find_fault(path)
                if fault:
                    return fault
    return None


def _exists(name: str, environ: Mapping[str, str]) -> bool:
    if os.path.dirname(name):
        return os.path.exists(name)
    return bool(identity.find_program(name, environ))


def _split(command: str, name: str) -> list[str]:
    """Return the words of a command, as botocore splits it. Raises HelperError."""
    hint = "write the program's full path and its arguments into the AWS config"
    try:
        words: list[str] = compat_shell_split(command)
    except ValueError as exc:
        msg = f"{name} has a quote or backslash without an end"
        raise HelperError(msg, hint="fix the quotes in the AWS config", refused=True) from exc
    if _QUOTED_HOME.match(command) and not os.path.exists(words[0]):
        msg = f"{name} has a ~ in quotes, which is not the home directory there"
        hint = "write the path in full, or with $HOME in double quotes"
        raise HelperError(msg, hint=hint, refused=True)
    if not words or not words[0]:
        msg = f"{name} names no program"
        raise HelperError(msg, hint=hint, refused=True)
    return words


def _run(words: list[str], name: str, watch: Watch) -> dict[str, Any]:
    inputs.current().note_command(words, os.environ)
    try:
        program = watch.start(words)
    except (OSError, ValueError) as exc:
        raise failures.explain_start(exc, words[0], name) from exc
    stdout, stderr = program.communicate()
    if program.returncode:
        killed = watch.find_signal()  # as by a system that has no memory left
        if killed:
            msg = f"{name} {killed}"
            raise HelperError(msg, hint=f"{_TERMINAL} to see why")
        what, hint = failures.explain_exit(program.returncode, stderr.decode(errors="replace"))
        msg = f"{name} {what}"
        raise HelperError(msg, hint=hint, refused=True)
    found = answer.read(stdout, stderr)
    if isinstance(found, answer.Fault):
        msg = f"{name} {found.what}"
        raise HelperError(msg, hint=found.hint, refused=True)
    return found
