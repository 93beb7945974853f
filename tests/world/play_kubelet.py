"""A play kubelet: what a node does with its credential providers, after the documented API.

It loads a CredentialProviderConfig strictly, matches an image, runs the plugin with a time limit
and the node's environment, decodes the answer strictly by the fields of its version, caches it by a
clock that tests set, and says which login the registry gets. It shares no code with the product.

https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
"""

import base64
import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GROUP = "credentialprovider.kubelet.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1", f"{GROUP}/v1alpha1")
EKS_PATTERNS = (
    "*.dkr.ecr.*.amazonaws.com",
    "*.dkr-ecr.*.on.aws",
    "*.dkr.ecr.*.amazonaws.com.cn",
    "*.dkr.ecr-fips.*.amazonaws.com",
    "public.ecr.aws",
)
"""Patterns that the nodes of EKS have."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PIPE_SECONDS = 2.0  # after the plugin's end; the kubelet itself would wait for ever
_FIELDS = {"kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"}  # of all three versions
_PROVIDER = {"name", "matchImages", "defaultCacheDuration", "apiVersion"}
_MORE = {"args", "env", "tokenAttributes"}
_TOKEN = {"serviceAccountTokenAudience", "cacheType", "requireServiceAccount"}
_MORE_TOKEN = {"requiredServiceAccountAnnotationKeys", "optionalServiceAccountAnnotationKeys"}


class KubeletError(Exception):
    """What the kubelet would log, or refuse to start with."""


@dataclass(frozen=True)
class Answer:
    """A plugin's answer. seconds: None leaves it to the configuration's default."""

    cache_key_type: str
    seconds: float | None
    auth: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Run:
    """One run of a plugin."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def error(self) -> str:
        """The one line of a failure."""
        assert self.code == 1, self
        assert self.stdout == b"", self
        assert len(self.stderr) <= 1024
        assert self.stderr.endswith(b"\n"), self
        assert self.stderr.count(b"\n") == 1, self
        return self.stderr.decode().rstrip("\n")

    def answer(self, api_version: str = VERSIONS[0]) -> Answer:
        """The answer of a success, decoded strictly."""
        assert (self.code, self.stderr) == (0, b""), self
        return decode(self.stdout, api_version)


@dataclass
class ServiceAccount:
    """A pod's service account, and its pod-bound token."""

    name: str = "app"
    namespace: str = "team"
    pod: str = "app-1"
    issuer: str = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
    annotations: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def __post_init__(self) -> None:
        self.token = self.token or self.make_token()

    def make_token(self) -> str:
        """Return a new token: header, claims and a signature that nobody can guess."""
        claims = {
            "aud": ["sts.amazonaws.com"],
            "exp": int(time.time()) + 3600,
            "iss": self.issuer,
            "kubernetes.io": {
                "namespace": self.namespace,
                "pod": {"name": self.pod, "uid": secrets.token_hex(8)},
                "serviceaccount": {"name": self.name, "uid": secrets.token_hex(8)},
            },
            "sub": f"system:serviceaccount:{self.namespace}:{self.name}",
        }
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "k"}, claims)]
        return ".".join(
            base64.urlsafe_b64encode(part).decode().rstrip("=")
            for part in (*parts, secrets.token_bytes(96))
        )


def request(
    image: str, account: ServiceAccount | None = None, api_version: str = VERSIONS[0]
) -> bytes:
    """Return a request as the kubelet writes it."""
    fields: dict[str, Any] = {
        "kind": "CredentialProviderRequest",
        "apiVersion": api_version,
        "image": image,
    }
    if account:
        fields["serviceAccountToken"] = account.token
        if account.annotations:
            fields["serviceAccountAnnotations"] = account.annotations
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes, api_version: str) -> Answer:
    """Decode an answer as strictly as the kubelet. Raises KubeletError."""
    fields = _object(data, "the answer")
    if fields.keys() - _FIELDS:
        msg = f"unknown fields: {sorted(fields.keys() - _FIELDS)}"
        raise KubeletError(msg)
    if (fields.get("kind"), fields.get("apiVersion")) != (
        "CredentialProviderResponse",
        api_version,
    ):
        msg = f"another kind or version: {fields}"
        raise KubeletError(msg)
    kind, duration = fields.get("cacheKeyType"), fields.get("cacheDuration")
    if kind not in ("Image", "Registry", "Global"):
        msg = f"no valid cacheKeyType: {kind!r}"
        raise KubeletError(msg)
    auth = fields.get("auth") or {}
    for login in auth.values():
        if login.keys() != {"username", "password"} or not all(
            isinstance(text, str) for text in login.values()
        ):
            msg = f"no login: {sorted(login)}"
            raise KubeletError(msg)
    return Answer(
        kind,
        None if duration is None else parse_duration(duration),
        {key: (login["username"], login["password"]) for key, login in auth.items()},
    )


def parse_duration(text: object) -> float:
    """Return the seconds in a duration as Go writes it. Raises KubeletError."""
    if text == "0":
        return 0
    parts = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)"
    if not isinstance(text, str) or not re.fullmatch(f"-?(?:{parts})+", text):
        msg = f"no duration: {text!r}"
        raise KubeletError(msg)
    found = sum(float(number) * _UNITS[unit] for number, unit in re.findall(parts, text))
    return -found if text.startswith("-") else found


def matches(pattern: str, image: str) -> bool:
    """Whether a pattern of `matchImages`, or a key of `auth`, is for an image."""
    globs, target = pattern.partition("/"), image.partition("/")
    ours, theirs = globs[0].partition(":"), target[0].partition(":")
    labels, wanted = theirs[0].split("."), ours[0].split(".")
    return (
        ours[2] == theirs[2]
        and len(labels) == len(wanted)
        and all(map(_matches_label, wanted, labels))
        and f"/{target[2]}".startswith(f"/{globs[2]}" if globs[1] else "")
    )


def _matches_label(pattern: str, label: str) -> bool:
    """Match one label as Go's path.Match: `*`, `?`, `[a-z]`, `[^a-z]` and a backslash."""
    pieces = re.findall(r"\\.|\[\^?(?:\\.|[^\]\\])+\]|.", pattern, re.DOTALL)
    wild = {"*": "[^/]*", "?": "[^/]"}
    text = "".join(
        wild.get(piece, piece if len(piece) > 1 else re.escape(piece)) for piece in pieces
    )
    return re.fullmatch(text, label, re.DOTALL) is not None


def load_config(text: str) -> list[dict[str, Any]]:
    """Return the providers in a CredentialProviderConfig, in JSON. Raises KubeletError."""
    config = _object(text.encode(), "the configuration")
    if (config.pop("kind", ""), config.pop("apiVersion", "").partition("/")[0]) != (
        "CredentialProviderConfig",
        "kubelet.config.k8s.io",
    ):
        msg = "another kind or version"
        raise KubeletError(msg)
    providers: list[dict[str, Any]] = config.pop("providers")
    names = [each.get("name") for each in providers]
    if config or not names or len(set(names)) < len(names):
        msg = f"unknown fields, or no or equal names: {sorted(config)} {names}"
        raise KubeletError(msg)
    for each in providers:
        _check_provider(each)
    return providers


def _check_provider(provider: Mapping[str, Any]) -> None:
    token = provider.get("tokenAttributes")
    if (
        not _PROVIDER <= provider.keys() <= _PROVIDER | _MORE
        or not provider["matchImages"]
        or set("/ ") & set(provider["name"])
        or provider["apiVersion"] not in VERSIONS
        or parse_duration(provider["defaultCacheDuration"]) < 0
    ):
        msg = f"not a provider: {provider}"
        raise KubeletError(msg)
    if token is not None and (
        not _TOKEN <= token.keys() <= _TOKEN | _MORE_TOKEN
        or token["cacheType"] not in ("Token", "ServiceAccount")
        or provider["apiVersion"] != VERSIONS[0]
    ):
        msg = f"wrong tokenAttributes: {token}"
        raise KubeletError(msg)


def run(
    command: Sequence[str], data: bytes, environ: Mapping[str, str], seconds: float = 60.0
) -> Run:
    """Run a plugin as the kubelet does: with its environment, in `/`, for a minute at most.

    Raises KubeletError at the time limit, and if a process that it left holds its output open.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environ),
        cwd="/",
    ) as child:
        try:
            stdout, stderr = child.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired as exc:
            is_over = child.poll() is not None
            child.kill()  # the direct child alone
            for stream in (child.stdout, child.stderr):
                assert stream is not None
                stream.close()
            msg = "a process that it left holds its output" if is_over else "the time is up"
            raise KubeletError(msg) from exc
    assert b"Traceback" not in stdout + stderr
    return Run(child.returncode, stdout, stderr)


@dataclass
class PlayKubelet:
    """A node's kubelet. environ: its own environment; clock: seconds, for its cache."""

    config: str
    bin_dir: Path
    environ: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic
    runs: list[Run] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    _kept: dict[tuple[str, ...], tuple[float, Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.providers = load_config(self.config)
        for each in self.providers:
            if not (self.bin_dir / each["name"]).exists():
                msg = f"plugin binary executable {self.bin_dir / each['name']} did not exist"
                raise KubeletError(msg)

    def logins(self, image: str, account: ServiceAccount | None = None) -> list[tuple[str, str]]:
        """Return the logins that a pull of an image tries, in order; empty for an anonymous one."""
        found: list[tuple[str, str]] = []
        for provider in self.providers:
            if not any(matches(pattern, image) for pattern in provider["matchImages"]):
                continue
            attributes = provider.get("tokenAttributes")
            if attributes and account is None and attributes["requireServiceAccount"]:
                continue
            sent = account if attributes else None
            try:
                auth = self._ask(provider, image, sent).auth
            except KubeletError as exc:
                self.log.append(str(exc))
                continue
            found += [auth[key] for key in sorted(auth, reverse=True) if matches(key, image)]
        return found

    def _ask(
        self, provider: Mapping[str, Any], image: str, account: ServiceAccount | None
    ) -> Answer:
        of_account = self._key(provider, account)
        registry = image.partition("/")[0]
        for name in (image, registry, "<global>"):
            until, answer = self._kept.get((provider["name"], name, *of_account), (0.0, None))
            if answer and self.clock() < until:
                return answer
        command = [str(self.bin_dir / provider["name"]), *provider.get("args", ())]
        more = {each["name"]: each["value"] for each in provider.get("env", ())}
        version = provider["apiVersion"]
        done = run(command, request(image, account, version), {**self.environ, **more})
        self.runs.append(done)
        if done.code:
            said = done.stderr.decode()
            msg = f"error execing credential provider plugin: exit status {done.code}: {said}"
            raise KubeletError(msg)
        answer = decode(done.stdout, version)
        if account and any(password == account.token for _, password in answer.auth.values()):
            msg = "the plugin returned the service account's token"
            raise KubeletError(msg)
        default = parse_duration(provider["defaultCacheDuration"])
        seconds = default if answer.seconds is None else answer.seconds
        if seconds:
            names = {"Image": image, "Registry": registry, "Global": "<global>"}
            key = (provider["name"], names[answer.cache_key_type], *of_account)
            self._kept[key] = (self.clock() + seconds, answer)
        return answer

    @staticmethod
    def _key(provider: Mapping[str, Any], account: ServiceAccount | None) -> tuple[str, ...]:
        if account is None:
            return ()
        if provider["tokenAttributes"]["cacheType"] == "Token":
            return (account.token,)
        return (account.namespace, account.name, json.dumps(account.annotations, sort_keys=True))


def make_config(
    name: str,
    patterns: Sequence[str] = EKS_PATTERNS,
    api_version: str = VERSIONS[0],
    **more: Any,
) -> str:
    """Return a configuration with one provider, in JSON."""
    provider = {
        "name": name,
        "matchImages": list(patterns),
        "defaultCacheDuration": "12h",
        "apiVersion": api_version,
        **more,
    }
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [provider],
    }
    return json.dumps(config)


def _object(data: bytes, what: str) -> dict[str, Any]:
    """Return the one JSON object in data, without doubled names. Raises KubeletError."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) < len(found):
            msg = f"{what} has a field twice"
            raise KubeletError(msg)
        return dict(found)

    try:
        fields = json.loads(data.decode(), object_pairs_hook=pairs)
    except ValueError as exc:
        msg = f"{what} is no JSON: {data!r}"
        raise KubeletError(msg) from exc
    if not isinstance(fields, dict):
        msg = f"{what} is no object"
        raise KubeletError(msg)
    return fields
