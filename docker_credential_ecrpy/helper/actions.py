"""The protocol's actions get, store, erase and list, as functions of values; no streams here."""

import json
import os
import time

from docker_credential_ecrpy.errors import HelperError, WireText
from docker_credential_ecrpy.helper.call import Call
from docker_credential_ecrpy.helper.request import (
    LOGIN_FORM,
    NO_HEADERS,
    is_layer_storage,
    parse_address,
    parse_login,
    parse_server_url,
    shown_host,
)
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import is_true
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import folder, lookup, recent, store
from docker_credential_ecrpy.tokens.broker import Broker
from docker_credential_ecrpy.tokens.lock_note import circumstances
from docker_credential_ecrpy.tokens.login import login_entry
from docker_credential_ecrpy.tokens.lookup import CacheHit, CachePlace, LookupResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.tokens.turn import Turn

Answer = tuple[int, bytes]
"""An exit code and what goes to standard output."""


class Helper(Call):
    """The credential helper for one call."""

    def without_cache(self) -> "Helper":
        """Return the same helper, which neither reads nor writes the cache on disk."""
        return replace(self, environ={**self.environ, "AWS_ECR_DISABLE_CACHE": "1"})

    def get(self, request: GetRequest, turn: "Turn | None" = None) -> Answer:
        """Return the reply for the address in `request`. turn: as in `Broker`.

        Raises WireText for an empty URL and for a registry that is not ECR's, and HelperError if a
        private registry's token cannot be fetched. ECR Public is never an error: pulls work there
        without credentials, and would fail with bad ones. Errors of Bazel's requests are all
        HelperError.
        """
        server_url = parse_address(request)
        public = request.registry is not None and request.registry.public
        try:
            choice = self.choose(server_url)
            self.keep_rules()
            if choice is None and request.wants_headers:
                return self._get_headers_elsewhere(server_url)
            if choice is None:
                return self._get_elsewhere(server_url, request.data)
            public = choice.registry.public
            entry = self.find_token(choice, looked=request, turn=turn)
        except WireText:
            raise
        except HelperError as exc:
            self.log(f"failed: {exc}")
            if public and request.wants_headers:
                return protocol.OK, NO_HEADERS
            if public:
                raise WireText(protocol.NOT_FOUND) from exc
            raise
        return protocol.OK, request.reply(entry, self.clock())

    def store(self, request: bytes) -> Answer:
        """Store the login in `request` until its token expires. Raises HelperError."""
        server_url, username, secret = parse_login(request)
        choice = self.choose(server_url)
        fallback = self.find_fallback() if choice is None else None
        if fallback:
            return fallback.run("store", request)
        if is_true(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("store: ignored: AWS_ECR_IGNORE_CREDS_STORAGE is set")
            return protocol.OK, b""
        shown = shown_host(server_url)
        if choice is None:
            msg = f"{shown} is not an ECR registry, and this helper stores only ECR logins"
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
        entry = login_entry(username, secret, now)
        directory = self._directory_for_logins(found.host)
        try:
            place = self._list_places(directory, choice)[0]
            entry_file.write(place.path, place.subject, entry)
        except OSError as exc:
            msg = f"cannot store the login for {found.host} in {directory}: {exc.strerror or exc}"
            hint = getattr(exc, "hint", "make that directory writable, or set AWS_ECR_CACHE_DIR")
            raise HelperError(msg, hint=hint) from exc
        recent.try_to_remember(directory, found.host, self.log)
        store.sweep(os.path.join(directory, paths.LOGINS), now)
        self.log(f"store: stored for {found.host} for {(entry.expires - now) // cache.SECOND} s")
        return protocol.OK, b""

    def erase(self, request: bytes) -> Answer:
        """Remove every stored token of the server URL in `request`. Raises HelperError."""
        started = time.time_ns()
        server_url = parse_server_url(request)
        choice = self.choose(server_url)
        if is_true(self.environ, "AWS_ECR_IGNORE_CREDS_STORAGE"):
            self.log("erase: ignored: AWS_ECR_IGNORE_CREDS_STORAGE is set")
        elif choice:
            self.forget(choice.registry.host, choice.registry.endpoint, started)
        else:
            # A previous rule may have covered it.
            self.forget(registry.parse_host(server_url), "", started)
        fallback = self.find_fallback() if choice is None else None
        if fallback:
            return fallback.run("erase", request)
        return protocol.OK, b""

    def forget(self, host: str, endpoint: str = "", started: int | None = None) -> int:
        """Remove the cache entries of a host and its endpoint; return how many there were.

        started: as in `store.forget`. Raises HelperError.
        """
        # Also with the cache disabled: older entries would answer once it is enabled again.
        directory = paths.kept_dir(self.environ)
        if not (host and directory):
            self.log("erase: nothing is stored for it")
            return 0
        try:
            gone = store.forget(directory, host, endpoint, started)
        except OSError as exc:
            msg = f"cannot erase a token of {host}: {exc.strerror or exc}"
            hint = getattr(exc, "hint", f"remove it from {directory} by hand")
            raise HelperError(msg, hint=hint, command=getattr(exc, "command", "")) from exc
        for refused in folder.list_refusals(directory):
            self.log(f"erase: {refused.effect}: {refused}; {refused.hint}")
        self.log(f"erase: {gone} entries of {host} removed")
        return gone

    def list(self) -> Answer:
        """Return the known ECR hosts, and what the fallback lists, as JSON: URL to user name.

        Raises HelperError if the settings or the fallback cannot be used. Nothing is known where
        the settings are closed to this user: each `get` says so.
        """
        try:
            self.load_settings()
        except HelperError as exc:
            if not isinstance(exc.__cause__, PermissionError):
                raise
            self.log(f"failed: {exc}")
            return protocol.OK, b"{}\n"
        directory = paths.cache_dir(self.environ)
        hosts = recent.list_hosts(directory) if directory else []
        urls = {f"https://{host}": recent.USERNAME for host in hosts if self.choose(host)}
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
            try:
                entry_file.note_elsewhere(directory, host, self.read_identity(), self.clock())
            except OSError as exc:
                self.log(f"cache: not written for {host}: {exc}")
        raise WireText(protocol.NOT_FOUND)

    def _get_headers_elsewhere(self, uri: str) -> Answer:
        """Return that none are needed for a layer, whose URI is signed. Raises HelperError."""
        if is_layer_storage(uri):
            return protocol.OK, NO_HEADERS
        msg = f"{shown_host(uri)} is not an ECR registry, and no rule names it"
        hint = "let Bazel ask for your registries alone: --credential_helper=<registry>=<program>"
        raise HelperError(msg, hint=hint)

    def find_cached(self, choice: Choice) -> LookupResult:
        """Look up a choice whose profile is known in the cache. Raises HelperError."""
        directory = self.find_directory()
        if not directory:
            return LookupResult()
        return lookup.find(self._list_places(directory, choice), self.clock(), self.environ)

    def _list_places(
        self, directory: str, choice: Choice
    ) -> tuple[CachePlace, CachePlace, CachePlace]:
        ambient = choice.ambient(self.read_identity())
        line, settings = choice.identity(ambient), self._settings_of(choice)
        return lookup.list_places(directory, choice.registry, ambient, line, settings)

    def _settings_of(self, choice: Choice) -> str:
        # The settings map a private name to its registry, so its entries belong to these settings;
        # entries of an ECR host do not.
        if choice.is_ecr_host:
            return ""
        return self._settings_part(self.load_settings().stamp)

    def find_token(
        self,
        choice: Choice,
        seconds: float | None = None,
        looked: GetRequest | None = None,
        turn: "Turn | None" = None,
    ) -> cache.Entry:
        """Return the entry that answers for a registry, from cache or AWS. Raises HelperError.

        seconds: the deadline; by default AWS_ECR_TIMEOUT. looked: the request for which the hot
        path has searched the cache a moment ago. turn: as in `Broker`.
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
        ambient, stamp = choice.ambient(self.read_identity()), self.load_settings().stamp
        broker = Broker(
            directory=directory,
            environ=self.environ,
            ambient=ambient,
            choice=choice,
            # Checked before a write: the files may have been edited since they were read.
            unchanged=lambda: choice.ambient(identity.line(self.environ, stamp)) == ambient,
            circumstances=circumstances(choice.identity(ambient), self.environ),
            fetch=self.fetch,
            clock=self.clock,
            log=self.log,
            settings=self._settings_of(choice),
            turn=turn,
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
        """Look up the host's own places, unless the hot path has just searched them."""
        if looked and looked.identity and looked.identity == self.read_identity():
            if looked.due is None:
                return LookupResult()
            _, place, _ = self._list_places(directory, choice)
            return LookupResult(due=(CacheHit(place.kind, place.path, looked.due),))
        # The endpoint's token is looked up once the profile is known.
        *host_places, _ = self._list_places(directory, choice)
        if choice.web_identity:
            del host_places[0]  # a pod never uses a login that is stored on this machine
        found = lookup.find(host_places, self.clock(), self.environ)
        if not found.fresh:
            why = found.misses[-1].reason if not found.due else "it is due for refresh"
            self.log(f"cache: no entry for {choice.registry.host} under {directory}: {why}")
        return found

    def _directory_for_logins(self, host: str) -> str:
        directory = self.find_directory()
        if directory:
            return directory
        if self.environ.get("AWS_ECR_DISABLE_CACHE"):
            why, cure = "AWS_ECR_DISABLE_CACHE is set", "unset AWS_ECR_DISABLE_CACHE"
        elif refused := self.list_refusals():
            why, cure = str(refused[0]), refused[0].hint
        else:
            why, cure = "there is no home directory", "set HOME or AWS_ECR_CACHE_DIR"
        msg = f"cannot store the login for {host}: {why}"
        hint = f"{cure}, or set AWS_ECR_IGNORE_CREDS_STORAGE=true to ignore logins"
        raise HelperError(msg, hint=hint)
