"""`completion`: the completion scripts of three shells, and the answers to them.

A script may be older than this program and its click, so the protocol is our own. The shell sets
`names.COMPLETE` to its name, COMP_WORDS to the words before the cursor, one a line, and COMP_WORD
to the word at it. The answer has a line for each completion: kind, value and help, separated by
tabs. A kind is click's "plain", "file" or "dir".
https://click.palletsprojects.com/en/stable/shell-completion/
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import click
from click.shell_completion import CompletionItem, ShellComplete

from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.cli.names import ACTIONS, COMPLETE, HELP, HELP_OPTIONS
from docker_credential_ecrpy.docker.config import HELPER_NAMES, HELPERS, config_path
from docker_credential_ecrpy.hot import paths, protocol, registry
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.tokens import recent

PROGRAMS = tuple(HELPER_PREFIX + name for name in HELPER_NAMES)
"""The two names of the program; one script serves both."""

# macOS has bash 3.2, which has neither `nosort` nor `compopt`.
_BASH = """\
_docker_credential_ecrpy() {
    local IFS=$'\\n' kind value help
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value help; do
        case $kind in
        file) compopt -o default 2>/dev/null ;;
        dir) compopt -o dirnames 2>/dev/null ;;
        plain) COMPREPLY+=("$(printf %q "$value")") ;;
        esac
    done < <(env @VARIABLE@=bash COMP_WORDS="${COMP_WORDS[*]:0:COMP_CWORD}" \\
        COMP_WORD="${COMP_WORDS[COMP_CWORD]}" "$1" 2>/dev/null)
}

complete -o nosort -F _docker_credential_ecrpy @PROGRAMS@ 2>/dev/null ||
    complete -F _docker_credential_ecrpy @PROGRAMS@
"""
# As a file in fpath, zsh runs it as a function of its name; evaluated, it registers that function,
# and loads zsh's completion first where ~/.zshrc has not. -i leaves out insecure directories, and
# asks nothing.
_ZSH = """\
#compdef @PROGRAMS@

_docker-credential-ecrpy() {
    local -a lines parts found
    local line
    lines=("${(@f)$(env @VARIABLE@=zsh COMP_WORDS="${(F)words[1,CURRENT-1]}" \\
        COMP_WORD="${words[CURRENT]}" "${(Q)words[1]}" 2>/dev/null)}")
    for line in $lines; do
        parts=("${(@ps:\\t:)line}")
        case $parts[1] in
        file) _files ;;
        dir) _path_files -/ ;;
        plain) found+=("${parts[2]//:/\\\\:}${parts[3]:+:$parts[3]}") ;;
        esac
    done
    (( $#found == 0 )) || _describe -V docker-credential-ecrpy found
}

if [[ $funcstack[1] == _docker-credential-ecrpy ]]; then
    _docker-credential-ecrpy "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
    compdef _docker-credential-ecrpy @PROGRAMS@
fi
"""
_FISH = """\
function __docker_credential_ecrpy
    set -l before (commandline -opc)
    set -l joined (string join \\n -- $before | string collect)
    set -l word (commandline -ct)
    for line in (env @VARIABLE@=fish COMP_WORDS="$joined" COMP_WORD="$word" $before[1] 2>/dev/null)
        set -l parts (string split -m 2 \\t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path "$word"
            case dir
                __fish_complete_directories "$word"
            case plain
                printf '%s\\t%s\\n' "$parts[2]" "$parts[3]"
        end
    end
end

for program in @PROGRAMS@
    complete -c $program -f -a '(__docker_credential_ecrpy)'
end
"""
SCRIPTS = {
    shell: text.replace("@VARIABLE@", COMPLETE).replace("@PROGRAMS@", " ".join(PROGRAMS))
    for shell, text in (("bash", _BASH), ("zsh", _ZSH), ("fish", _FISH))
}
"""The name of a shell -> its script, for both programs."""

_Items = list["CompletionItem[str]"]
_SECTION = re.compile(r"^\[\s*(?:(profile)\s+)?(.*?)\s*\]", re.MULTILINE)
_VERSION_OPTIONS = dict.fromkeys(("-V", "--version"), "Show the version and exit.")
_SHOW_HELP = "Show this message and exit."  # as click says it
_OPTION = re.compile(r"--\w")


@click.command(
    "completion",
    cls=Command,
    short_help="print the completion script of a shell",
    examples=(
        ("bash", 'in ~/.bashrc: eval "$(docker-credential-ecrpy completion bash)"'),
        ("zsh", 'in ~/.zshrc: eval "$(docker-credential-ecrpy completion zsh)"'),
        (
            "fish",
            "in ~/.config/fish/config.fish: docker-credential-ecrpy completion fish | source",
        ),
        ("zsh >~/.zfunc/_docker-credential-ecrpy", "or a file, where ~/.zfunc is in fpath"),
    ),
)
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)))
@click.pass_obj
def command(context: CommandContext, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, registries and AWS profiles, for both names of the program. The
    Debian package and 'make install' install it where shells find it. pipx 1.16 and later link it
    below ~/.local/share, where bash-completion and fish look. With uv, an older pipx or zsh, add
    the line of the example to your shell's start file.
    """
    context.console.say_unredacted(SCRIPTS[shell].rstrip("\n"))


def answer(program: click.Group, context: CommandContext) -> int:
    """Print the completions of the words in the environment; return the exit code.

    Errors are not printed, since the user is typing a line.
    """
    try:
        lines = [
            "\t".join((item.type, str(item.value), " ".join((item.help or "").split())))
            for item in _complete(program, context)
        ]
        if lines:
            context.console.say_unredacted("\n".join(lines))
    except Exception:  # noqa: BLE001 - see above
        return protocol.FAILED
    return protocol.OK


def _complete(program: click.Group, context: CommandContext) -> "Iterator[CompletionItem[str]]":
    before = [_unquoted(word) for word in context.environ.get("COMP_WORDS", "").split("\n")[1:]]
    word = _unquoted(context.environ.get("COMP_WORD", ""))
    if not before:
        yield from _starting_with(word, {**ACTIONS, **HELP, **_VERSION_OPTIONS})
    elif before == ["help"]:
        yield from _starting_with(word, ACTIONS)
        before = []
    elif before[0] in ACTIONS:
        if len(before) == 1:
            yield from _starting_with(word, dict.fromkeys(HELP_OPTIONS, _SHOW_HELP))
        return
    # bash splits --option=value into three words.
    before = [
        text for last, text in pairwise(["", *before]) if text != "=" or not _OPTION.match(last)
    ]
    shell = ShellComplete(program, {"obj": context}, context.name, COMPLETE)
    yield from shell.get_completions(before, word)


def _starting_with(word: str, texts: Mapping[str, str]) -> "Iterator[CompletionItem[str]]":
    """Yield the names that begin with a word; options only after a dash, as click does."""
    for name, text in texts.items():
        if name.startswith(word) and (word or not name.startswith("-")):
            yield CompletionItem(name, help=text)


def _unquoted(word: str) -> str:
    return word.strip("'\"").replace("\\", "")


def registries(ctx: click.Context, _param: click.Parameter | None, incomplete: str) -> _Items:
    """Return the known hosts and those in Docker's config.json that begin with a text."""
    environ = ctx.ensure_object(CommandContext).environ if ctx.obj else {}
    directory = paths.cache_dir(environ)
    known = recent.list_hosts(directory) if directory else []
    return _matching([*known, *_configured(environ)], incomplete)


def profiles(ctx: click.Context, _param: click.Parameter | None, incomplete: str) -> _Items:
    """Return the AWS profiles that begin with a text; botocore would take too long."""
    environ = ctx.ensure_object(CommandContext).environ if ctx.obj else {}
    config, credentials = paths.aws_files(environ)[:2]
    names = [name for kind, name in _sections(config) if kind or name == "default"]
    return _matching([*names, *(name for _, name in _sections(credentials))], incomplete)


def _matching(values: Iterable[str], incomplete: str) -> _Items:
    return [CompletionItem(value) for value in sorted(set(values)) if value.startswith(incomplete)]


def _configured(environ: Mapping[str, str]) -> list[str]:
    try:
        with open(config_path(environ), "rb") as file:
            helpers = json.load(file)[HELPERS].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return []
    return [
        key for key, name in helpers if name in HELPER_NAMES and registry.parse_host(key) == key
    ]


def _sections(path: str) -> list[tuple[str, str]]:
    """Return the kind ("profile" or "") and the name of each section of a file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = _SECTION.findall(file.read())
    except (OSError, ValueError):
        return []
    return [(kind, name.strip("'\"")) for kind, name in found if name]
