"""Cold layer: the four actions, get, store, erase and list, over values; no streams here."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_ecrpy import authorization, cache, known, paths, protocol, registry
from docker_credential_ecrpy.broker import Broker, Fetch
from docker_credential_ecrpy.errors import HelperError, WireText, one_line
from docker_credential_ecrpy.log import Log, is_set

DEFAULT_TIMEOUT = 25.0
"""Seconds that one `get` may take; testcontainers gives up at 30."""

MAX_TIMEOUT = 3600.0
"""Seconds that it may be made to take; nobody waits longer for a pull to begin."""


@dataclass(frozen=True)
class Helper:
    """The credential helper for one call.

    identity: the line that `identity.line` gives for `environ`.
    clock: returns nanoseconds since the epoch (UTC).
    """

    environ: Mapping[str, str]
    identity: str
    fetch: Fetch
    clock: Callable[[], int]
    log: Log

    def get(self, request: bytes) -> bytes:
        """Return the reply for the server URL in `request`.

        Raises WireText for an empty one and for what is not ours, and HelperError when a
        private registry's token cannot be had. ECR Public is never an error: pulls work
        there without credentials, and would not with bad ones.
        """
        server_url = _server_url(request)
        found = registry.parse(server_url)
        if found is None:
            self.log("get: not an ECR registry")
            raise WireText(protocol.NOT_FOUND)
        self.log(f"get: {found.host}: {found.service} in {found.region}")
        try:
            entry = self._entry(found)
        except HelperError as exc:
            self.log(f"failed: {exc}")
            if found.public:
                raise WireText(protocol.NOT_FOUND) from exc
            raise
        return protocol.reply(server_url, entry.reply)

    def store(self, request: bytes) -> None:
        """Keep the login in `request`, until its token expires. Raises HelperError."""
        server_url, username, secret = _login(request)
        found = registry.parse(server_url)
        if is_set(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("store: ignored, as AWS_ECR_IGNORE_CREDS_STORAGE says")
            return
        if found is None:
            msg = f"{_shown(server_url)} is not an ECR registry, and only ECR logins are kept here"
            raise HelperError(
                msg,
                hint="name another helper for it under credHelpers in Docker's config.json,"
                ' or as fallback = "..." in ~/.ecr/config.toml',
            )
        now = self.clock()
        entry = authorization.from_login(username, secret, now).login_entry(now)
        directory = self._directory_for_logins(found.host)
        try:
            cache.write(*cache.login_place(directory, found.host), entry)
        except OSError as exc:
            msg = f"the login for {found.host} cannot be kept in {directory}: {exc.strerror or exc}"
            raise HelperError(
                msg, hint="make that directory yours to write, or set AWS_ECR_CACHE_DIR"
            ) from exc
        try:
            known.remember(directory, found.host)
        except OSError as exc:
            self.log(f"list: {found.host} cannot be noted: {exc}")
        cache.sweep(os.path.join(directory, paths.LOGINS), now)
        self.log(f"store: kept for {found.host} for {(entry.expires - now) // cache.SECOND} s")

    def erase(self, request: bytes) -> None:
        """Forget every token kept for the server URL in `request`. Raises HelperError."""
        found = registry.parse(_server_url(request))
        if is_set(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("erase: ignored, as AWS_ECR_IGNORE_CREDS_STORAGE says")
            return
        # Also with the cache disabled: what was kept before would come back some day.
        directory = paths.kept_dir(self.environ)
        if found is None or not directory:
            self.log("erase: nothing is kept for it")
            return
        tokens = os.path.join(directory, paths.TOKENS)
        try:
            gone = cache.forget(os.path.join(directory, paths.LOGINS), found.host)
            gone += cache.forget(tokens, found.host)
            # The endpoint's too, or the next get would take that very token from there.
            gone += cache.forget(tokens, found.endpoint)
            known.forget(directory, found.host)
        except OSError as exc:
            msg = f"a token kept for {found.host} cannot be erased: {exc.strerror or exc}"
            raise HelperError(msg, hint=f"remove it from {directory} by hand") from exc
        self.log(f"erase: {gone} entries gone for {found.host}")

    def list(self) -> bytes:
        """Return the known ECR hosts as a JSON object of URL and user name; never fails."""
        directory = paths.cache_dir(self.environ)
        hosts = known.hosts(directory) if directory else []
        urls = {f"https://{host}": authorization.USERNAME for host in hosts}
        return json.dumps(urls).encode() + b"\n"

    def _directory(self) -> str:
        """Return the cache's directory; "" also where it would be in a home that is not there.

        Services that are to have no home are given one such as /nonexistent.
        """
        directory = paths.cache_dir(self.environ)
        by_default = directory == paths.helper_dir(self.environ)
        return "" if by_default and not os.path.isdir(paths.home(self.environ)) else directory

    def _entry(self, found: registry.Registry) -> cache.Entry:
        directory = self._directory()
        if directory:
            try:
                entry = cache.answer(directory, found.host, self.identity, self.clock())
            except cache.Miss as exc:
                self.log(f"cache: no entry for {found.host} under {directory}: {exc}")
            else:
                self.log(f"cache: entry for {found.host} under {directory}")
                return entry
        broker = Broker(
            directory,
            self.identity,
            circumstances(self.identity, self.environ),
            self.fetch,
            self.clock,
            self.log,
        )
        return broker.obtain(found, timeout(self.environ))

    def _directory_for_logins(self, host: str) -> str:
        directory = self._directory()
        if directory:
            return directory
        if self.environ.get("AWS_ECR_DISABLE_CACHE"):
            why, cure = "AWS_ECR_DISABLE_CACHE is set", "unset AWS_ECR_DISABLE_CACHE"
        else:
            why, cure = "there is no home directory", "set HOME or AWS_ECR_CACHE_DIR"
        msg = f"the login for {host} cannot be kept, since {why}"
        raise HelperError(
            msg, hint=f"{cure}, or set AWS_ECR_IGNORE_CREDS_STORAGE=true to do without it"
        )


def circumstances(identity: str, environ: Mapping[str, str]) -> str:
    """Return a digest of all that a failure to get a token may hang on.

    The identity, and what two processes of one identity may have differently: secret keys,
    a proxy, trusted certificates, the time that they have. Unknown variables mean different.
    """
    parts = [identity] + [
        f"{name}={environ[name]!a}"
        for name in sorted(environ)
        if name.upper().startswith(("AWS_", "BOTO", "SSL_"))
        or name.upper().endswith(("_PROXY", "_CA_BUNDLE"))
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def timeout(environ: Mapping[str, str]) -> float:
    """Return the seconds that one `get` may take, from AWS_ECR_TIMEOUT. Raises HelperError."""
    text = environ.get("AWS_ECR_TIMEOUT", "").strip()
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        msg = f"AWS_ECR_TIMEOUT is {one_line(text)!r}, not a number of seconds above 0"
        hint = (
            f"set it to one such as {DEFAULT_TIMEOUT:.0f} (at most {MAX_TIMEOUT:.0f}), or unset it"
        )
        raise HelperError(msg, hint=hint)
    return seconds


def _server_url(request: bytes) -> str:
    if not request:
        raise WireText(protocol.NO_SERVER_URL)
    return request.decode("latin-1")


def _login(request: bytes) -> tuple[str, str, str]:
    """Return server URL, user name and secret from the JSON that `store` gets."""
    hint = 'it takes {"ServerURL": "...", "Username": "...", "Secret": "..."}'
    if len(request) > protocol.MAX_INPUT:
        msg = f"the login is longer than {protocol.MAX_INPUT // 1024} KiB"
        raise HelperError(msg, hint=hint)
    try:
        fields = json.loads(request)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        msg = "the login to store is not a JSON object"
        raise HelperError(msg, hint=hint)
    values = [fields.get(name, "") for name in ("ServerURL", "Username", "Secret")]
    if not all(isinstance(value, str) for value in values):
        msg = "ServerURL, Username and Secret of the login to store have to be strings"
        raise HelperError(msg, hint=hint)
    server_url, username, secret = values
    if not server_url.strip():
        raise WireText(protocol.NO_SERVER_URL)
    if not username:
        raise WireText(protocol.NO_USERNAME)
    if not secret:
        msg = f"the login for {_shown(server_url)} has no Secret"
        raise HelperError(msg, hint=hint)
    return server_url.strip(), username, secret


def _shown(server_url: str) -> str:
    """Return a server URL fit for an error: its host, or what there is of one, never user info."""
    host = registry.host_of(server_url)
    return host or one_line(server_url.rpartition("@")[2])[:100] or "that address"
