"""The four actions, get, store, erase and list, over values; no streams here."""

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
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Choice, SettingText
from docker_credential_ecrpy.text.log import Log, is_set
from docker_credential_ecrpy.tokens import logins, lookup, recent, store
from docker_credential_ecrpy.tokens.broker import Broker
from docker_credential_ecrpy.tokens.lock_note import circumstances
from docker_credential_ecrpy.tokens.lookup import CacheHit, CachePlace, LookupResult
from docker_credential_ecrpy.tokens.token import TOKEN_LIFE, USERNAME, Fetch, token_from_login

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback

Answer = tuple[int, bytes]
"""An exit code and what goes to standard output."""


@dataclass(frozen=True)
class Helper:
    """The credential helper for one call.

    resolve: names the profile that a choice leaves open. Raises HelperError.
    fallback: returns the credential helper that the settings name.
    clock: returns nanoseconds since the epoch (UTC).
    """

    environ: Mapping[str, str]
    fetch: Fetch
    resolve: Callable[[Choice], Choice]
    fallback: "Callable[[SettingText], Fallback]"
    clock: Callable[[], int]
    log: Log

    def load_settings(self) -> Settings:
        """Return config.toml, which is read once. Raises HelperError where it is not understood."""
        return self._settings

    def read_identity(self) -> str:
        """Return the identity line, with the settings as they were read.

        Waits until the files that decide have settled. Raises HelperError as `load_settings`.
        """
        return self._identity

    def find_fallback(self) -> "Fallback | None":
        """Return the credential helper for other registries, where the settings name one.

        Raises HelperError.
        """
        name = self.load_settings().fallback
        return self.fallback(name) if name else None

    def find_directory(self) -> str:
        """Return the cache's directory; "" also where its home directory does not exist.

        Services that are to have no home are given one such as /nonexistent.
        """
        directory = paths.cache_dir(self.environ)
        by_default = directory == paths.helper_dir(self.environ)
        return "" if by_default and not os.path.isdir(paths.home(self.environ)) else directory

    @cached_property
    def _settings(self) -> Settings:
        return loader.load(self.environ)

    @cached_property
    def _identity(self) -> str:
        stamp = self.load_settings().stamp
        racy.wait(identity.deciding_files(self.environ))
        return identity.line(self.environ, stamp)

    def choose(self, server_url: str) -> Choice | None:
        """Return which identity requests a registry's token; None if the registry is not ECR's.

        Raises HelperError.
        """
        return rules.choose(server_url, self.load_settings().rules, self.environ)

    def get(self, request: GetRequest) -> Answer:
        """Return the reply for the server URL in `request`.

        Raises WireText for an empty one and for what is not ours, and HelperError when a
        private registry's token cannot be had. ECR Public is never an error: pulls work
        there without credentials, and would not with bad ones.
        """
        server_url = parse_server_url(request.data)
        public = request.registry is not None and request.registry.public
        try:
            choice = self.choose(server_url)
            if choice is None:
                return self._get_elsewhere(server_url, request.data)
            public = choice.registry.public
            entry = self.find_token(choice, looked=request)
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
        fallback = self.find_fallback() if choice is None else None
        if fallback:
            return fallback.run("store", request)
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
            place = self._list_places(directory, choice)[0]
            logins.keep(directory, (place.path, place.subject), entry)
        except OSError as exc:
            msg = f"the login for {found.host} cannot be kept in {directory}: {exc.strerror or exc}"
            raise HelperError(
                msg, hint="make that directory yours to write, or set AWS_ECR_CACHE_DIR"
            ) from exc
        recent.try_to_remember(directory, found.host, self.log)
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
            self.forget(registry.parse_host(server_url))  # a rule may once have made it ours
        fallback = self.find_fallback() if choice is None else None
        if fallback:
            return fallback.run("erase", request)
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
            gone += store.forget(os.path.join(directory, paths.ELSEWHERE), host)
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
        hosts = recent.list_hosts(directory) if directory else []
        urls = {f"https://{host}": USERNAME for host in hosts if self.choose(host)}
        fallback = self.find_fallback()
        if fallback:
            code, output = fallback.run("list", b"unused")  # what Docker's client writes
            if code:
                return code, output
            urls = fallback.users(output) | urls
        return protocol.OK, json.dumps(urls).encode() + b"\n"

    def _get_elsewhere(self, server_url: str, request: bytes) -> Answer:
        fallback = self.find_fallback()
        if fallback:
            return fallback.run("get", request)
        self.log("get: not an ECR registry")
        host = registry.parse_host(server_url)
        directory = self.find_directory()
        if host and directory and self.load_settings().stamp != identity.MISSING:
            # From the next time on, the hot path knows it without reading the settings.
            now = self.clock()
            note = cache.Entry(now, now + TOKEN_LIFE, now + TOKEN_LIFE, b"")
            try:
                store.write(*cache.elsewhere_place(directory, host, self.read_identity()), note)
            except OSError as exc:
                self.log(f"cache: not written for {host}: {exc}")
        raise WireText(protocol.NOT_FOUND)

    def find_cached(self, choice: Choice) -> LookupResult:
        """Return what the cache holds for a choice whose profile is known. Raises HelperError."""
        directory = self.find_directory()
        if not directory:
            return LookupResult()
        return lookup.find(self._list_places(directory, choice), self.clock())

    def _list_places(
        self, directory: str, choice: Choice
    ) -> tuple[CachePlace, CachePlace, CachePlace]:
        ambient = self.read_identity()
        line, settings = choice.identity(ambient), self._settings_of(choice)
        return lookup.list_places(directory, choice.registry, ambient, line, settings)

    def _settings_of(self, choice: Choice) -> str:
        # Which registry a private name stands for is written in the settings, so what is kept for
        # one belongs to them; what is kept for a host of ECR does not.
        if choice.is_ecr_host:
            return ""
        return identity.settings_part(self.environ, self.load_settings().stamp)

    def find_token(
        self, choice: Choice, seconds: float | None = None, looked: GetRequest | None = None
    ) -> cache.Entry:
        """Return what answers for a registry, from the cache or from AWS. Raises HelperError.

        seconds: what it may take; by default what AWS_ECR_TIMEOUT says. looked: the request for
        which the hot path has searched the cache a moment ago.
        """
        found = choice.registry
        self.log(f"get: {found.host}: {found.service} in {found.region}")
        directory, host = self.find_directory(), None
        if directory:
            host = self._look_for_host(directory, choice, looked)
            if host.fresh:
                self.log(f"cache: entry for {found.host} under {directory}")
                return host.fresh.entry
        seconds = seconds or read_timeout(self.environ)
        choice = self.resolve(choice)
        if choice.rule:
            self.log(f'rule: match = "{choice.rule.pattern.text}"')
        ambient, stamp = self.read_identity(), self.load_settings().stamp
        broker = Broker(
            directory=directory,
            ambient=ambient,
            choice=choice,
            # Before a write: the files may have been edited since they were read.
            unchanged=lambda: identity.line(self.environ, stamp) == ambient,
            circumstances=circumstances(choice.identity(ambient), self.environ),
            fetch=self.fetch,
            clock=self.clock,
            log=self.log,
            settings=self._settings_of(choice),
        )
        try:
            return broker.obtain(seconds, host)
        except HelperError as exc:
            if choice.chosen_at is None or exc.chosen_at is not None:
                raise
            exc.message += f" (AWS identity chosen by {choice.chosen_at})"
            raise

    def _look_for_host(
        self, directory: str, choice: Choice, looked: GetRequest | None
    ) -> LookupResult:
        """Return what the host's own places hold, unless the hot path has just searched them."""
        if looked and looked.identity and looked.identity == self.read_identity():
            if looked.due is None:
                return LookupResult()
            _, place, _ = self._list_places(directory, choice)
            return LookupResult(due=(CacheHit(place.kind, place.path, looked.due),))
        # The endpoint's token has to wait until the profile is known.
        *host_places, _ = self._list_places(directory, choice)
        found = lookup.find(host_places, self.clock())
        if not found.fresh:
            why = found.misses[-1].reason if not found.due else "it is due for renewal"
            self.log(f"cache: no entry for {choice.registry.host} under {directory}: {why}")
        return found

    def _directory_for_logins(self, host: str) -> str:
        directory = self.find_directory()
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
