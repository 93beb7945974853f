"""The four actions, get, store, erase and list, over values; no streams here."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.files import racy
from docker_credential_ecrpy.helper.request import (
    LOGIN_FORM,
    parse_login,
    parse_server_url,
    shown_host,
)
from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Choice, Written
from docker_credential_ecrpy.text.log import Log, is_set
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.tokens import logins, recent, store
from docker_credential_ecrpy.tokens.broker import Broker
from docker_credential_ecrpy.tokens.token import TOKEN_LIFE, USERNAME, Token, token_from_login

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback

DEFAULT_TIMEOUT = 25.0
"""Seconds that one `get` may take; testcontainers gives up at 30."""

MAX_TIMEOUT = 3600.0
"""Seconds that it may be made to take; nobody waits longer for a pull to begin."""

_NO_MATTER = ("AWS_ECR_LOG", "AWS_ECR_DEBUG")  # to whether a token is to be had

Answer = tuple[int, bytes]
"""An exit code and what goes to standard output."""

Fetch = Callable[[Choice, float], Token]
"""Asks AWS for a registry's token, for so many seconds at most. Raises HelperError."""


@dataclass(frozen=True)
class Helper:
    """The credential helper for one call.

    resolve: names the profile that a choice leaves open. Raises HelperError.
    fallback: returns the credential helper that the settings name, given the cache's directory.
    clock: returns nanoseconds since the epoch (UTC).
    """

    environ: Mapping[str, str]
    fetch: Fetch
    resolve: Callable[[Choice], Choice]
    fallback: "Callable[[Written, str], Fallback]"
    clock: Callable[[], int]
    log: Log

    @cached_property
    def settings(self) -> Settings:
        """Our own settings. Raises HelperError where they make no sense."""
        return loader.load(self.environ)

    @cached_property
    def ambient(self) -> str:
        """The identity line, with the settings as they were read, of files that have settled."""
        stamp = self.settings.stamp
        racy.wait(identity.deciding_files(self.environ))
        return identity.line(self.environ, stamp)

    @cached_property
    def other(self) -> "Fallback | None":
        """The credential helper for other registries, where the settings name one.

        Raises HelperError.
        """
        name = self.settings.fallback
        return self.fallback(name, self.directory) if name else None

    def choose(self, server_url: str) -> Choice | None:
        """Return who asks for a registry's token; None where it is not ECR's.

        Raises HelperError.
        """
        return rules.choose(server_url, self.settings.rules, self.environ)

    def get(self, request: bytes) -> Answer:
        """Return the reply for the server URL in `request`.

        Raises WireText for an empty one and for what is not ours, and HelperError when a
        private registry's token cannot be had. ECR Public is never an error: pulls work
        there without credentials, and would not with bad ones.
        """
        server_url = parse_server_url(request)
        found = registry.parse(server_url)
        public = found is not None and found.public
        try:
            choice = self.choose(server_url)
            if choice is None:
                return self._get_elsewhere(server_url, request)
            public = choice.registry.public
            entry = self.entry(choice)
        except WireText:
            raise
        except HelperError as exc:
            self.log(f"failed: {exc}")
            if public:
                raise WireText(protocol.NOT_FOUND) from exc
            raise
        return protocol.OK, protocol.reply(server_url, entry.reply)

    def store(self, request: bytes) -> Answer:
        """Keep the login in `request`, until its token expires. Raises HelperError."""
        server_url, username, secret = parse_login(request)
        choice = self.choose(server_url)
        if choice is None and self.other:
            return self.other.run("store", request)
        if is_set(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("store: ignored, as AWS_ECR_IGNORE_CREDS_STORAGE says")
            return protocol.OK, b""
        shown = shown_host(server_url)
        if choice is None:
            msg = f"{shown} is not an ECR registry, and only ECR logins are kept here"
            raise HelperError(
                msg,
                hint="name another helper for it under credHelpers in Docker's config.json,"
                ' or as fallback = "..." in ~/.ecr/config.toml',
            )
        if not secret:
            msg = f"the login for {shown} has no Secret"
            raise HelperError(msg, hint=LOGIN_FORM)
        found = choice.registry
        now = self.clock()
        entry = token_from_login(username, secret, now).login_entry(now)
        directory = self._directory_for_logins(found.host)
        try:
            logins.keep(directory, self.login_place(directory, choice), entry)
        except OSError as exc:
            msg = f"the login for {found.host} cannot be kept in {directory}: {exc.strerror or exc}"
            raise HelperError(
                msg, hint="make that directory yours to write, or set AWS_ECR_CACHE_DIR"
            ) from exc
        try:
            recent.remember(directory, found.host)
        except OSError as exc:
            self.log(f"list: {found.host} cannot be noted: {exc}")
        logins.sweep(directory, now)
        self.log(f"store: kept for {found.host} for {(entry.expires - now) // cache.SECOND} s")
        return protocol.OK, b""

    def erase(self, request: bytes) -> Answer:
        """Forget every token kept for the server URL in `request`. Raises HelperError."""
        server_url = parse_server_url(request)
        choice = self.choose(server_url)
        if is_set(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("erase: ignored, as AWS_ECR_IGNORE_CREDS_STORAGE says")
        elif choice:
            self.forget(choice.registry.host, choice.registry.endpoint)
        else:
            self.forget(registry.host_of(server_url))  # a rule may once have made it ours
        if choice is None and self.other:
            return self.other.run("erase", request)
        return protocol.OK, b""

    def forget(self, host: str, endpoint: str = "") -> int:
        """Forget what is kept for a host and its endpoint; return how many entries there were.

        Raises HelperError.
        """
        # Also with the cache disabled: what was kept before would come back some day.
        directory = paths.kept_dir(self.environ)
        if not (host and directory):
            self.log("erase: nothing is kept for it")
            return 0
        tokens = os.path.join(directory, paths.TOKENS)
        try:
            gone = store.forget(os.path.join(directory, paths.LOGINS), host)
            gone += store.forget(tokens, host)
            if endpoint:  # or the next get would take that very token from there
                gone += store.forget(tokens, endpoint)
            recent.forget(directory, host)
        except OSError as exc:
            msg = f"a token kept for {host} cannot be erased: {exc.strerror or exc}"
            raise HelperError(msg, hint=f"remove it from {directory} by hand") from exc
        self.log(f"erase: {gone} entries gone for {host}")
        return gone

    def list(self) -> Answer:
        """Return the known ECR hosts, and what the fallback lists, as JSON: URL to user name.

        Raises HelperError where the settings or the fallback cannot be used.
        """
        directory = paths.cache_dir(self.environ)
        hosts = recent.hosts(directory) if directory else []
        urls = {f"https://{host}": USERNAME for host in hosts if self.choose(host)}
        if self.other:
            code, output = self.other.run("list", b"unused")  # what Docker's client writes
            if code:
                return code, output
            urls = self.other.users(output) | urls
        return protocol.OK, json.dumps(urls).encode() + b"\n"

    def _get_elsewhere(self, server_url: str, request: bytes) -> Answer:
        if self.other:
            return self.other.run("get", request)
        self.log("get: not an ECR registry")
        host = registry.host_of(server_url)
        directory = self.directory
        if host and directory and self.settings.stamp != identity.MISSING:
            # The next time the hot path knows it, without a look at the settings.
            now = self.clock()
            entry = cache.Entry(now, now + TOKEN_LIFE, now + TOKEN_LIFE, cache.NOT_OURS)
            try:
                store.write(*cache.token_place(directory, host, self.ambient), entry)
            except OSError as exc:
                self.log(f"cache: not written for {host}: {exc}")
        raise WireText(protocol.NOT_FOUND)

    @property
    def directory(self) -> str:
        """Return the cache's directory; "" also where it would be in a home that is not there.

        Services that are to have no home are given one such as /nonexistent.
        """
        directory = paths.cache_dir(self.environ)
        by_default = directory == paths.helper_dir(self.environ)
        return "" if by_default and not os.path.isdir(paths.home(self.environ)) else directory

    def login_place(self, directory: str, choice: Choice) -> tuple[str, str]:
        """Return path and subject of a login to the registry of `choice`."""
        return cache.login_place(directory, choice.registry.host, self._settings_of(choice))

    def _settings_of(self, choice: Choice) -> str:
        """Return what a login to a private name is kept under besides; "" for ECR's own."""
        if choice.of_ecr:
            return ""
        return identity.of_settings(self.environ, self.settings.stamp)

    def entry(self, choice: Choice, seconds: float | None = None) -> cache.Entry:
        """Return what answers for a registry, from the cache or from AWS. Raises HelperError.

        seconds: what it may take; by default what AWS_ECR_TIMEOUT says.
        """
        found = choice.registry
        self.log(f"get: {found.host}: {found.service} in {found.region}")
        directory = self.directory
        if directory:
            try:
                settings = self._settings_of(choice)
                now = self.clock()
                entry = cache.answer(directory, found.host, self.ambient, now, settings=settings)
            except cache.Miss as exc:
                self.log(f"cache: no entry for {found.host} under {directory}: {exc}")
            else:
                self.log(f"cache: entry for {found.host} under {directory}")
                return entry
        seconds = seconds or timeout(self.environ)
        choice = self.resolve(choice)
        if choice.rule:
            self.log(f'rule: match = "{choice.rule.pattern.text}"')
        who = choice.identity(self.ambient)
        broker = Broker(
            directory,
            self.ambient,
            who,
            lambda: identity.line(self.environ, self.settings.stamp) == self.ambient,
            circumstances(who, self.environ),
            lambda _, left: self.fetch(choice, left),
            self.clock,
            self.log,
        )
        try:
            return broker.obtain(found, seconds)
        except HelperError as exc:
            if choice.chosen_at is None or str(choice.chosen_at) in exc.message:
                raise
            exc.message += f" (AWS identity chosen by {choice.chosen_at})"
            raise

    def _directory_for_logins(self, host: str) -> str:
        directory = self.directory
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
        if name.upper() not in _NO_MATTER
        and (
            name.upper().startswith(("AWS_", "BOTO", "SSL_"))
            or name.upper().endswith(("_PROXY", "_CA_BUNDLE"))
        )
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
