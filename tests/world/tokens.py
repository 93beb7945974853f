"""A broker's surroundings: a clock that tests set, an AWS that issues numbered tokens, a cache."""

from collections.abc import Callable

from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.broker import Broker
from docker_credential_ecrpy.tokens.lookup import LookupResult
from docker_credential_ecrpy.tokens.token import Token
from docker_credential_ecrpy.tokens.turn import Turn

HOUR = 3600 * cache.SECOND
START = 1_800_000_000 * cache.SECOND
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
ENDPOINT = "ecr@us-east-1.amazonaws.com"
PRIVATE = "images.example.com"  # a private name; in the alphabet, after the endpoint's

Fetch = Callable[[registry.Registry, float], Token]


@dataclass(frozen=True)
class _As(Choice):
    """A choice of the identity that a test names; without a name, of the ambient one."""

    who: str = ""

    def identity(self, ambient: str) -> str:
        return self.who or super().identity(ambient)


@dataclass
class Brokers:
    """The brokers of one identity: one for each registry."""

    directory: str
    ambient: str
    identity: str
    unchanged: Callable[[], bool]
    circumstances: str
    fetch: Fetch
    clock: Callable[[], int]
    log: Log

    def obtain(
        self,
        asked: registry.Registry,
        seconds: float,
        host: LookupResult | None = None,
        turn: Turn | None = None,
    ) -> cache.Entry:
        broker = Broker(
            directory=self.directory,
            ambient=self.ambient,
            choice=_As(asked, who=self.identity),
            unchanged=self.unchanged,
            circumstances=self.circumstances,
            fetch=lambda choice, left: self.fetch(choice.registry, left),
            clock=self.clock,
            log=self.log,
            environ={},
            turn=turn,
        )
        return broker.obtain(seconds, host)


MakeBroker = Callable[..., Brokers]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class FakeAws:
    """Issues numbered tokens, or fails; counts both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.life = 12 * HOUR
        self.credentials_life: int | None = None
        self.error: Exception | None = None
        self.calls: list[tuple[str, float]] = []

    def fetch(self, asked: registry.Registry, seconds: float) -> Token:
        self.calls.append((asked.host, seconds))
        if self.error:
            raise self.error
        now = self._clock()
        end = None if self.credentials_life is None else now + self.credentials_life
        return Token("AWS", f"token-{len(self.calls)}", now + self.life, end)


def parse_host(host: str = HOST) -> registry.Registry:
    found = registry.parse(host)
    assert found is not None
    return found


def read_secret(entry: cache.Entry) -> str:
    return entry.reply.decode().split('"')[7]


def keep_stale(broker: MakeBroker, name: str, secret: str, expires: int = START + HOUR) -> None:
    """Store a token that is due for renewal since the clock began, and lives until `expires`.

    name: HOST, for a token of its own as version 0.1.0 stored it, or ENDPOINT.
    """
    tail = b'"Username":"AWS","Secret":"%b"}\n' % secret.encode()
    place = cache.token_place(broker().directory, name, "me")
    entry = cache.Entry(START - HOUR, START, expires, tail)
    entry_file.write(*place, entry)
    if name == ENDPOINT:
        host = cache.token_place(broker().directory, HOST, "me")
        entry_file.write(*host, entry_file.refer(*place, entry))
