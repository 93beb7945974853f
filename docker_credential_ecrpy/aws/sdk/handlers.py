"""botocore's handlers of events, cut to the services that are called."""

from typing import Any

from botocore.compat import accepts_kwargs
from botocore.handlers import BUILTIN_HANDLERS
from botocore.utils import EVENT_ALIASES

from docker_credential_ecrpy.aws.sdk.data import SERVICES

_TAKES_ANY = 0x08  # `inspect.CO_VARKEYWORDS`


def drop_handlers() -> None:
    """Remove botocore's handlers of other services' events, and of documentation.

    Each session registers all, and each client copies them. A second call changes nothing more.
    """
    BUILTIN_HANDLERS[:] = [handler for handler in BUILTIN_HANDLERS if _is_called(handler[0])]


def drop_aliases() -> None:
    """Remove other services' former names, each of which botocore looks for in each event.

    A second call changes nothing more.
    """
    for former, name in list(EVENT_ALIASES.items()):
        if name not in SERVICES:
            del EVENT_ALIASES[former]


def _is_called(event: str) -> bool:
    """Whether an event may be one of our services'."""
    kind, _, rest = event.partition(".")
    return kind != "docs" and rest.partition(".")[0] in ("", "*", *SERVICES)


def takes_any_keyword(handler: Any) -> bool:
    """Whether a handler of events takes any keyword, as botocore wants of each.

    botocore asks `inspect` at each registration, which takes 4 ms to load.
    """
    for found in (handler, type(handler).__call__):
        code = getattr(getattr(found, "__func__", found), "__code__", None)
        if code:
            return bool(code.co_flags & _TAKES_ANY)
    return bool(accepts_kwargs(handler))
