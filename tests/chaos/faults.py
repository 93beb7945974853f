"""The faults of AWS in an episode."""

import json
import threading
from collections.abc import Callable

from tests.chaos.plan import Fault
from tests.world import aws as world
from tests.world.aws import Aws
from tests.world.web import Request, Response

_HANG = 30
"""Seconds; longer than the life of any process."""
_SLOW, _CRAWLING = 1.2, 3.0
# False values of the token and its expiry in an answer.
_LIES: tuple[tuple[str, object], ...] = (
    ("expiresAt", 1.0),
    ("expiresAt", -1e300),
    ("expiresAt", "soon"),
    ("expiresAt", None),
    ("authorizationToken", "QVdTOg=="),  # the user AWS without a password
    ("authorizationToken", "not base64"),
    ("authorizationToken", 7),
    ("authorizationToken", None),
)


class Faults:
    """The faults of one AWS. over: set at the end of the episode, to release what hangs."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.over = threading.Event()
        self._lies = 0
        self._acts: dict[str, Callable[[int], world.Fault]] = {
            "throttle": lambda n: world.refuse("ThrottlingException", "Rate exceeded", times=n),
            "unavailable": lambda n: world.refuse("ServiceUnavailable", status=503, times=n),
            "denied": lambda n: world.refuse("AccessDeniedException", "no", times=n),
            "hang": lambda n: world.Fault(self._hang, n),
            "slow": lambda n: world.delay(_SLOW, n),
            "crawl": lambda n: world.delay(_CRAWLING, n),
            "reset": world.reset,
            "page": lambda n: _changing(world.say(b"<html>sign in</html>"), n),
            "garbage": lambda n: _changing(
                world.say(b'{"authorizationData":[{}', kind="application/x-amz-json-1.1"), n
            ),
            "lie": lambda n: world.Fault(self._lie, n),
        }

    def begin(self, fault: Fault) -> None:
        """Start a fault."""
        self.aws.faults[fault.service] = self._acts[fault.name](fault.times)

    def end(self) -> None:
        """End all faults; requests that hang continue."""
        self.aws.faults.clear()

    def _hang(self, _: Request) -> None:
        self.over.wait(_HANG)

    def _lie(self, request: Request) -> Response | None:
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            return Response(200, b"<AssumeRoleResponse/>", {"Content-Type": "text/xml"})
        public = target.startswith("SpencerFrontendService")
        answer = self.aws._authorization_token(request, "ecr-public" if public else "ecr")
        fields = json.loads(answer.body)
        data = fields["authorizationData"]
        name, value = _LIES[self._lies % len(_LIES)]
        self._lies += 1
        (data if public else data[0])[name] = value
        return Response(200, json.dumps(fields).encode(), answer.headers)


def _changing(fault: world.Fault, times: float) -> world.Fault:
    """Return the fault for this many requests."""
    fault.times = times
    return fault
