"""A loopback AWS in which the user behind a session shows in its ARN, as in the real one."""

import json
import threading
from dataclasses import dataclass, field, replace

from tests.world.aws import Aws, Keys
from tests.world.web import Request, Response

_here = threading.local()


@dataclass
class People(Aws):
    """Names each session of an IAM Identity Center login, or of a web identity, by its user.

    users: a token -> its user.
    """

    users: dict[str, str] = field(default_factory=dict)

    def _role_credentials(self, request: Request) -> Response:
        response = super()._role_credentials(request)
        key = json.loads(response.body)["roleCredentials"]["accessKeyId"]
        self._rename(self.keys[key], request.headers.get("x-amz-sso_bearer_token", ""))
        return response

    def session(self, arn: str, life: float | None = None) -> Keys:
        """Return temporary credentials, of the user whose web identity asks for them."""
        keys = super().session(arn, life)
        return self._rename(keys, getattr(_here, "token", ""))

    def _sts_AssumeRoleWithWebIdentity(self, request: Request) -> Response:
        form = dict(part.split("=", 1) for part in request.body.decode().split("&"))
        _here.token = form.get("WebIdentityToken", "")
        try:
            return super()._sts_AssumeRoleWithWebIdentity(request)
        finally:
            _here.token = ""

    def _rename(self, keys: Keys, token: str) -> Keys:
        user = self.users.get(token)
        if user is not None:
            keys = replace(keys, arn=f"{keys.arn.rpartition('/')[0]}/{user}")
            self.keys[keys.access_key] = keys
        return keys
