"""A loopback AWS that shows in each ARN whose session, token or machine it came from."""

import urllib.parse
from dataclasses import dataclass, field

from tests.world.aws import ACCOUNT, Aws, Refusal
from tests.world.web import Request, Response


@dataclass
class NamingAws(Aws):
    """Sessions are named after the user of the token that they were requested with.

    users: SSO access token, web identity token or container authorization -> its user.
    """

    users: dict[str, str] = field(default_factory=dict)

    def role_of(self, name: str) -> str:
        """Return the ARN that signs with the session of a role."""
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session"

    def _role_credentials(self, request: Request) -> Response:
        user = self._user(request.headers.get("x-amz-sso_bearer_token", ""))
        query = urllib.parse.parse_qs(request.target.partition("?")[2])
        query["role_name"][0] += f"-{user}"
        request.headers.replace_header("x-amz-sso_bearer_token", self._session_of(user))
        target = request.path + "?" + urllib.parse.urlencode(query, doseq=True)
        return super()._role_credentials(
            Request(request.method, request.host, target, request.headers, request.body)
        )

    def _session_of(self, user: str) -> str:
        self.sso_tokens[user] = float("inf")
        return user

    def _sts_AssumeRoleWithWebIdentity(self, request: Request) -> Response:
        form = urllib.parse.parse_qs(request.body.decode())
        user = self._user(form["WebIdentityToken"][0].strip())
        return self._assumed("AssumeRoleWithWebIdentity", f"{form['RoleArn'][0]}-{user}")

    def _container(self, request: Request) -> Response:
        user = self._user(request.headers.get("Authorization", ""))
        instance, self.instance_role = (
            self.instance_role,
            f"arn:aws:iam::{ACCOUNT}:role/task-{user}",
        )
        self.container_authorization = request.headers.get("Authorization")
        try:
            return super()._container(request)
        finally:
            self.instance_role = instance

    def _user(self, token: str) -> str:
        if token not in self.users:
            raise Refusal("UnauthorizedException", "Session token not found or invalid", 401)
        return self.users[token]
