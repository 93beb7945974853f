"""AWS's side: an API with a rate limit, which counts its requests, and sources of credentials."""

from collections import Counter
from dataclasses import dataclass, field

from docker_credential_ecrpy.hot.cache import SECOND

HOUR = 3600 * SECOND


@dataclass(frozen=True)
class Rate:
    """A limit as a token bucket: so many requests a second, and so many at once.

    With 0 a second there is no limit.
    """

    per_second: int = 0
    burst: int = 0


UNLIMITED = Rate()
QUOTA = Rate(500, 500)
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""
BUCKET = Rate(20, 200)
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors.html"""
STS_QUOTA = Rate(600, 600)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@dataclass
class Api:
    """An API of one account and region: counts its requests, and refuses those over its rate.

    seconds: the number of requests in each second since the epoch.
    """

    rate: Rate = UNLIMITED
    seconds: "Counter[int]" = field(default_factory=Counter)
    throttled: int = 0
    _filled: int = 0
    _tokens: float = -1

    def ask(self, now: int) -> bool:
        """Count a request at `now` (nanoseconds); return whether it is answered."""
        self.seconds[now // SECOND] += 1
        rate = self.rate
        if not rate.per_second:
            return True
        if self._tokens < 0:
            self._tokens = rate.burst
        else:
            gained = (now - self._filled) * rate.per_second / SECOND
            self._tokens = min(rate.burst, self._tokens + gained)
        self._filled = now
        if self._tokens < 1:
            self.throttled += 1
            return False
        self._tokens -= 1
        return True

    @property
    def requests(self) -> int:
        """All requests, the throttled ones too."""
        return sum(self.seconds.values())

    def peak(self, begin: int, end: int) -> int:
        """Return the most requests in one second between two times (nanoseconds)."""
        first, last = begin // SECOND, end // SECOND
        return max((n for at, n in self.seconds.items() if first <= at < last), default=0)


@dataclass(frozen=True)
class Source:
    """A source of credentials. Times are in nanoseconds.

    life: of each set. rotation: the time between two sets; 0 for a source that is asked by each
    process, through STS, and gives each its own.
    """

    life: int
    rotation: int = 0

    @property
    def calls_sts(self) -> bool:
        """Whether each process gets its credentials from STS."""
        return not self.rotation

    def issue(self, booted: int, now: int) -> tuple[int, int]:
        """Return the access key's number and when it expires, on a machine since `booted`."""
        if self.calls_sts:
            return now, now + self.life
        number = (now - booted) // self.rotation
        return number, booted + number * self.rotation + self.life

    def next_key(self, booted: int, now: int) -> int:
        """Return when another access key follows the one that is used at `now`."""
        return now + 1 if self.calls_sts else now + self.rotation - (now - booted) % self.rotation


INSTANCE = Source(life=6 * HOUR + HOUR // 2, rotation=HOUR)
"""An instance's role, as users observe it: AWS documents only that sets overlap by 5 minutes."""
ROLE = Source(life=HOUR)
"""A role of a web identity or of a service account, with STS's default session of an hour."""
