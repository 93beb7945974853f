"""A loopback AWS: ECR, ECR Public, STS, IAM Identity Center, Sign-In, and metadata.

It checks its requests as AWS does: who signed, with which secret, for which region and service. It
counts its calls by kind and fails on demand. It finds the service in the request instead of the
host name, so that one address serves as the endpoint of all.
"""

import base64
import email.utils
import json
import secrets
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.world import dpop, sigv4
from tests.world.web import Hangup, Request, Response

LIFE = 12 * 3600
ACCOUNT = "123456789012"
EXPIRED_TEXT = "Your authorization token has expired. Reauthenticate and try again."


@dataclass(frozen=True)
class Keys:
    """AWS credentials: the ARN they belong to, and their expiry in seconds since the epoch."""

    arn: str
    access_key: str
    secret_key: str
    session_token: str = ""
    expires: float = float("inf")

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables for these credentials."""
        found = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }
        return found | ({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {})


@dataclass(frozen=True)
class Issued:
    """An authorization token that was issued."""

    arn: str
    service: str
    region: str
    expires: float


@dataclass(frozen=True)
class Call:
    """One call that was answered or made to fail."""

    kind: str
    host: str
    region: str
    arn: str


class Refusal(Exception):
    """An error answer of AWS."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


@dataclass
class Fault:
    """A fault that replaces the handling of a call, `times` times.

    act: given the request, returns an answer to send instead of AWS's, raises Refusal or
    Hangup, or returns None to let AWS answer after all (a delay).
    """

    act: Callable[[Request], Response | None]
    times: float = float("inf")


def refuse(code: str, message: str = "", status: int = 400, times: float = float("inf")) -> Fault:
    """Return the fault of an error answer."""

    def act(_: Request) -> Response | None:
        raise Refusal(code, message, status)

    return Fault(act, times)


def delay(seconds: float, times: float = float("inf")) -> Fault:
    """Return the fault of a slow answer; a very slow one hangs."""

    def act(_: Request) -> Response | None:
        time.sleep(seconds)
        return None

    return Fault(act, times)


def reset(times: float = float("inf")) -> Fault:
    """Return the fault of a connection that is reset."""

    def act(_: Request) -> Response | None:
        raise Hangup

    return Fault(act, times)


def say(body: bytes, status: int = 200, kind: str = "text/html") -> Fault:
    """Return the fault of an answer that AWS would not give."""
    return Fault(lambda _: Response(status, body, {"Content-Type": kind}))


@dataclass
class Role:
    """A role that can be assumed."""

    arn: str
    external_id: str | None = None
    mfa_serial: str | None = None


@dataclass
class Aws:
    """The state of the loopback AWS. Tests set its fields; `handle` is its front door."""

    token_life: float = LIFE
    """The life of a new authorization token, in seconds."""
    session_life: float = 3600
    """The life of a role's credentials, in seconds."""
    login_life: int = 900
    """The life of the credentials of an `aws login`, in seconds."""
    clock_offset: float = 0
    """Seconds that AWS's clock is ahead of this machine's."""
    latency: float = 0
    """Seconds that every call takes."""
    allow_registry_ids: bool = False
    """Whether to accept the deprecated argument, as AWS still does; the Go helper sends it."""
    keys: dict[str, Keys] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    web_identity_tokens: set[str] = field(default_factory=set)
    sso_tokens: dict[str, float] = field(default_factory=dict)
    """SSO access token -> when it expires."""
    sso_refresh_tokens: set[str] = field(default_factory=set)
    login_refresh_tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    """Refresh token of an `aws login` -> the public key that it is bound to, as a JWK."""
    instance_role: str | None = None
    container_authorization: str | None = None
    denied: set[tuple[str, str]] = field(default_factory=set)
    """Pairs of ARN and action."""
    faults: dict[str, Fault] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    assumed: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each AssumeRole."""
    issued: dict[str, Issued] = field(default_factory=dict)
    """Password of an authorization token -> its token."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def user(self, name: str = "dev", account: str = ACCOUNT) -> Keys:
        """Create an IAM user with an access key, and return the key."""
        return self._keys(f"arn:aws:iam::{account}:user/{name}", "AKIA", "", float("inf"))

    def role(self, name: str = "puller", account: str = ACCOUNT, **conditions: str) -> Role:
        """Create a role, and return it."""
        role = Role(f"arn:aws:iam::{account}:role/{name}", **conditions)
        self.roles[role.arn] = role
        return role

    def session(self, arn: str, life: float | None = None) -> Keys:
        """Return temporary credentials of the role `arn` without a call."""
        account, name = arn.split(":")[4], arn.rpartition("/")[2]
        assumed = f"arn:aws:sts::{account}:assumed-role/{name}/session"
        token = secrets.token_urlsafe(300)
        life = self.session_life if life is None else life
        return self._keys(assumed, "ASIA", token, time.time() + life)

    def count(self, kind: str | None = None) -> Counter[str]:
        """Return how many calls of each kind were made."""
        with self._lock:
            return Counter(call.kind for call in self.calls if kind in (None, call.kind))

    def password(
        self, arn: str, region: str, service: str = "ecr", life: float | None = None
    ) -> str:
        """Issue an authorization token without a call, and return its password.

        It has the form of ECR's: base64 of a JSON object with its expiration.
        """
        expires = time.time() + (self.token_life if life is None else life)
        fields = {
            "payload": base64.b64encode(secrets.token_bytes(900)).decode(),
            "datakey": base64.b64encode(secrets.token_bytes(190)).decode(),
            "version": "2",
            "type": "DATA_KEY",
            "expiration": int(expires),
        }
        password = base64.b64encode(json.dumps(fields).encode()).decode()
        self.issued[password] = Issued(arn, service, region, expires)
        return password

    def handle(self, request: Request) -> Response:
        """Answer one request as AWS would."""
        kind, answer = self._route(request)
        if self.latency:
            time.sleep(self.latency)
        scope = sigv4.scope_of(request.headers)
        owner = self.keys.get(scope.access_key) if scope else None
        with self._lock:
            arn = owner.arn if owner else ""
            self.calls.append(Call(kind, request.host, scope.region if scope else "", arn))
            fault = self.faults.get(kind)
            if fault is not None:
                fault.times -= 1
                if fault.times < 0:
                    fault = None
        try:
            response = fault.act(request) if fault else None
            response = response or answer(request)
        except Refusal as exc:
            response = self._error(kind, exc)
        response.headers["Date"] = email.utils.formatdate(
            time.time() + self.clock_offset, usegmt=True
        )
        response.headers["x-amzn-RequestId"] = secrets.token_hex(8)
        return response

    # --- the service of a request -------------------------------------------------------------

    def _route(self, request: Request) -> tuple[str, Callable[[Request], Response]]:
        target = request.headers.get("X-Amz-Target", "")
        if target == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken":
            return "ecr", lambda r: self._authorization_token(r, "ecr")
        if target.endswith(".DescribeImages"):
            return "ecr:DescribeImages", self._describe_images
        if target == "SpencerFrontendService.GetAuthorizationToken":
            return "ecr-public", lambda r: self._authorization_token(r, "ecr-public")
        if request.path == "/federation/credentials":
            return "sso:GetRoleCredentials", self._role_credentials
        if request.path == "/token" and request.method == "POST":
            return "sso-oidc:CreateToken", self._create_token
        if request.path == "/v1/token" and request.method == "POST":
            return "signin:CreateOAuth2Token", self._renew_login
        if request.path == "/latest/api/token":
            return "imds:token", self._metadata_token
        if request.path.startswith("/latest/meta-data/"):
            return "imds:credentials", self._metadata
        if request.path.startswith("/container"):
            return "container", self._container
        action = urllib.parse.parse_qs(request.body.decode("latin-1")).get("Action", [""])[0]
        if action in ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"):
            return f"sts:{action}", getattr(self, f"_sts_{action}")
        return "unknown", self._unknown

    def _unknown(self, request: Request) -> Response:
        return Response(404, f"nothing at {request.method} {request.path}".encode())

    # --- ECR ----------------------------------------------------------------------------------

    def _describe_images(self, request: Request) -> Response:
        owner, _ = self._signer(request, "ecr")
        self._allow(owner, "ecr:DescribeImages")
        raise Refusal("ImageNotFoundException", "The image does not exist")

    def _authorization_token(self, request: Request, service: str) -> Response:
        owner, region = self._signer(request, service)
        self._allow(owner, f"{service}:GetAuthorizationToken")
        asked = json.loads(request.body or b"{}")
        if asked.get("registryIds") and not self.allow_registry_ids:
            raise Refusal("InvalidParameterException", "registryIds is deprecated")
        if service == "ecr-public" and region != "us-east-1":
            raise Refusal("InvalidParameterException", "ECR Public is in us-east-1")
        password = self.password(owner.arn, region, service)
        data = {
            "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
            "expiresAt": self.issued[password].expires,
        }
        if service == "ecr-public":
            return _json({"authorizationData": data})
        data["proxyEndpoint"] = f"https://{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"
        return _json({"authorizationData": [data]})

    # --- STS ----------------------------------------------------------------------------------

    def _sts_AssumeRole(self, request: Request) -> Response:
        owner, _ = self._signer(request, "sts")
        form = _form(request)
        self.assumed.append(form)
        role = self.roles.get(form["RoleArn"])
        self._allow(owner, "sts:AssumeRole")
        if (
            role is None
            or role.external_id != form.get("ExternalId")
            or (role.mfa_serial and not form.get("TokenCode"))
        ):
            raise Refusal(
                "AccessDenied",
                f"User: {owner.arn} is not authorized to perform: sts:AssumeRole on resource: "
                + form["RoleArn"],
                403,
            )
        return self._assumed("AssumeRole", role.arn)

    def _sts_AssumeRoleWithWebIdentity(self, request: Request) -> Response:
        form = _form(request)
        if form["WebIdentityToken"] not in self.web_identity_tokens:
            raise Refusal("InvalidIdentityToken", "No OpenIDConnect provider found", 400)
        if form["RoleArn"] not in self.roles:
            raise Refusal(
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                403,
            )
        return self._assumed("AssumeRoleWithWebIdentity", form["RoleArn"])

    def _sts_GetCallerIdentity(self, request: Request) -> Response:
        owner, _ = self._signer(request, "sts")
        body = (
            f"<Arn>{owner.arn}</Arn><UserId>x</UserId><Account>{owner.arn.split(':')[4]}</Account>"
        )
        return _xml("GetCallerIdentity", body)

    def _assumed(self, action: str, arn: str) -> Response:
        keys = self.session(arn)
        return _xml(
            action,
            f"<Credentials><AccessKeyId>{keys.access_key}</AccessKeyId>"
            f"<SecretAccessKey>{keys.secret_key}</SecretAccessKey>"
            f"<SessionToken>{keys.session_token}</SessionToken>"
            f"<Expiration>{_iso(keys.expires)}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{keys.arn}</Arn><AssumedRoleId>x:session</AssumedRoleId>"
            "</AssumedRoleUser>",
        )

    # --- IAM Identity Center ------------------------------------------------------------------

    def _role_credentials(self, request: Request) -> Response:
        token = request.headers.get("x-amz-sso_bearer_token", "")
        if self.sso_tokens.get(token, 0) <= time.time():
            raise Refusal("UnauthorizedException", "Session token not found or invalid", 401)
        query = urllib.parse.parse_qs(request.target.partition("?")[2])
        account, name = query["account_id"][0], query["role_name"][0]
        keys = self.session(f"arn:aws:iam::{account}:role/{name}")
        return _json(
            {
                "roleCredentials": {
                    "accessKeyId": keys.access_key,
                    "secretAccessKey": keys.secret_key,
                    "sessionToken": keys.session_token,
                    "expiration": int(keys.expires * 1000),
                }
            }
        )

    def _create_token(self, request: Request) -> Response:
        if json.loads(request.body).get("refreshToken") not in self.sso_refresh_tokens:
            raise Refusal("InvalidGrantException", "Invalid refresh token", 400)
        token = "sso-" + secrets.token_urlsafe(40)
        self.sso_tokens[token] = time.time() + 3600
        return _json({"accessToken": token, "expiresIn": 3600, "tokenType": "Bearer"})

    # --- AWS Sign-In ---------------------------------------------------------------------------

    def _renew_login(self, request: Request) -> Response:
        asked = json.loads(request.body)
        key = self.login_refresh_tokens.pop(asked.get("refreshToken"), None)
        uri = f"https://{request.host}{request.path}"
        if key is None or dpop.proven_key(request.headers.get("DPoP", ""), "POST", uri) != key:
            body = {"error": "TOKEN_EXPIRED", "message": "The refresh token is not valid"}
            response = _json(body, 400)
            response.headers["x-amzn-ErrorType"] = "AccessDeniedException"
            return response
        keys = self.session(f"arn:aws:iam::{ACCOUNT}:role/login", life=self.login_life)
        token = secrets.token_urlsafe(40)
        self.login_refresh_tokens[token] = key
        return _json(
            {
                "accessToken": {
                    "accessKeyId": keys.access_key,
                    "secretAccessKey": keys.secret_key,
                    "sessionToken": keys.session_token,
                },
                "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
                "expiresIn": self.login_life,
                "refreshToken": token,
            }
        )

    # --- metadata -----------------------------------------------------------------------------

    def _metadata_token(self, request: Request) -> Response:
        if request.method != "PUT":
            return Response(405)
        return Response(200, b"imds-session", {"Content-Type": "text/plain"})

    def _metadata(self, request: Request) -> Response:
        if request.headers.get("x-aws-ec2-metadata-token") != "imds-session":
            return Response(401)  # version 1, which this instance does not support
        if self.instance_role is None:
            return Response(404)
        name = self.instance_role.rpartition("/")[2]
        if not request.path.endswith(name):
            return Response(200, name.encode(), {"Content-Type": "text/plain"})
        return _json({"Code": "Success", "Type": "AWS-HMAC"} | self._metadata_keys())

    def _container(self, request: Request) -> Response:
        if request.headers.get("Authorization") != self.container_authorization:
            return _json({"code": "AccessDenied", "message": "not authorized"}, 403)
        return _json(self._metadata_keys())

    def _metadata_keys(self) -> dict[str, str]:
        keys = self.session(self.instance_role or f"arn:aws:iam::{ACCOUNT}:role/task")
        return {
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret_key,
            "Token": keys.session_token,
            "Expiration": _iso(keys.expires),
        }

    # --- the caller of a request --------------------------------------------------------------

    def _keys(self, arn: str, prefix: str, token: str, expires: float) -> Keys:
        access_key = prefix + base64.b32encode(secrets.token_bytes(10)).decode()
        secret_key = base64.b64encode(secrets.token_bytes(30)).decode()
        keys = Keys(arn, access_key, secret_key, token, expires)
        self.keys[access_key] = keys
        return keys

    def _signer(self, request: Request, service: str) -> tuple[Keys, str]:
        """Return the credentials that signed the request, and its region; else raise Refusal."""
        scope = sigv4.scope_of(request.headers)
        if scope is None:
            raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
        owner = self.keys.get(scope.access_key)
        if owner is None or owner.session_token != request.headers.get("X-Amz-Security-Token", ""):
            code = "InvalidClientTokenId" if service == "sts" else "UnrecognizedClientException"
            raise Refusal(code, "The security token included in the request is invalid.")
        if abs(self.clock_offset) > 300:
            raise Refusal(
                "SignatureDoesNotMatch" if service == "sts" else "InvalidSignatureException",
                "Signature expired: it is now earlier or later than it should be",
            )
        if scope.service != service or not sigv4.is_signed_with(
            owner.secret_key, request.method, request.target, request.headers, request.body
        ):
            raise Refusal(
                "SignatureDoesNotMatch" if service == "sts" else "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            )
        if owner.expires <= time.time():
            code = "ExpiredToken" if service == "sts" else "ExpiredTokenException"
            raise Refusal(code, "The security token included in the request is expired")
        return owner, scope.region

    def _allow(self, owner: Keys, action: str) -> None:
        if (owner.arn, action) in self.denied:
            code = "AccessDenied" if action.startswith("sts") else "AccessDeniedException"
            raise Refusal(
                code,
                f"User: {owner.arn} is not authorized to perform: {action} on resource: * because "
                f"no identity-based policy allows the {action} action",
            )

    @staticmethod
    def _error(kind: str, exc: Refusal) -> Response:
        if kind.startswith("sts:"):
            body = (
                '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>'
                f"<Type>Sender</Type><Code>{exc.code}</Code><Message>{exc.message}</Message>"
                "</Error><RequestId>x</RequestId></ErrorResponse>"
            )
            return Response(exc.status, body.encode(), {"Content-Type": "text/xml"})
        response = _json({"__type": exc.code, "message": exc.message}, exc.status)
        response.headers["x-amzn-ErrorType"] = exc.code
        return response


def _form(request: Request) -> dict[str, str]:
    return {k: v[0] for k, v in urllib.parse.parse_qs(request.body.decode()).items()}


def _iso(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _json(value: object, status: int = 200) -> Response:
    kind = {"Content-Type": "application/x-amz-json-1.1"}
    return Response(status, json.dumps(value).encode(), kind)


def _xml(action: str, body: str) -> Response:
    text = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<{action}Result>{body}</{action}Result>"
        f"<ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(200, text.encode(), {"Content-Type": "text/xml"})
