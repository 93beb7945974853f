"""The program with a user's paths in its texts, as the documentation shows it.

    SHOWN_AS='{"/tmp/x/home": "/home/me"}' python -m tests.world.relabelled COMMAND...

Names are replaced before lines are wrapped, so that lines end where they do for that user.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from docker_credential_ecrpy import PACKAGE, __main__
from docker_credential_ecrpy.text.console import Console

VARIABLE = "SHOWN_AS"
"""The environment variable that has a JSON object: a text -> what is shown in its place."""


def relabel(text: str, names: Mapping[str, str]) -> str:
    """Return a text with other names, and with a usual length for every number of milliseconds."""
    for ours, theirs in names.items():
        text = text.replace(ours, theirs)
    return re.sub(r"\b\d+(?= ms\b)", lambda found: str(min(max(int(found[0]), 10), 99)), text)


def _patch(name: str, names: Mapping[str, str]) -> None:
    """Let a method of Console relabel its text before it wraps that."""
    written: Callable[..., Any] = getattr(Console, name)

    def wrapper(console: Console, text: str = "", *args: Any, **options: Any) -> Any:
        return written(console, relabel(text, names), *args, **options)

    setattr(Console, name, wrapper)


def main() -> int:
    """Run the program; return its exit code."""
    names: dict[str, str] = json.loads(os.environ.pop(VARIABLE))
    for name in ("say", "note", "say_as_is", "fit_command"):
        _patch(name, names)
    sys.argv[0] = PACKAGE
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
