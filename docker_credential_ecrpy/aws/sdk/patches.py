"""botocore adapted to a credential helper: damaged caches, full disks, prompts, load time."""

import io
import json
import os
import warnings
from contextlib import suppress
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, NoReturn

import botocore.credentials
import botocore.endpoint
import botocore.hooks
import botocore.tokens
import botocore.utils
import dateutil.parser  # type: ignore[import-untyped]  # it has no types
from botocore.utils import FileWebIdentityTokenLoader, JSONFileCache, parse_timestamp
from dateutil.tz import tzutc  # type: ignore[import-untyped]  # same

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk import ec_key, handlers, inputs, limits
from docker_credential_ecrpy.aws.sdk.transport import proxies, trust
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_LOGIN = {"accessKeyId", "secretAccessKey", "sessionToken", "accountId", "expiresAt"}


class MfaNeeded(Exception):
    """A profile needs an MFA code; standard input belongs to Docker, so there is no prompt."""


def patch_process() -> None:
    """Adapt this process and botocore; a second call changes nothing more.

    Empty AWS_... variables count as unset: CI systems set them, and botocore takes them as values.
    Warnings of libraries stay off standard error, which Docker shows its users. A cache file that
    is damaged or cannot be written is no error, also in botocore's own caches, which callers cannot
    replace.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        if not os.environ.get(name):
            os.environ.pop(name, None)
    warnings.simplefilter("ignore")
    JSONFileCache.__setitem__ = _write_if_possible  # type: ignore[method-assign]  # on purpose
    JSONFileCache.__contains__ = _has_usable  # type: ignore[method-assign]  # same
    JSONFileCache.__getitem__ = _read  # type: ignore[method-assign]  # same
    FileWebIdentityTokenLoader.__call__ = _read_web_identity  # type: ignore[method-assign]  # same
    limits.patch()
    ec_key.patch()
    proxies.patch()
    trust.patch()
    botocore.endpoint.get_environ_proxies = _no_proxies
    botocore.utils.get_environ_proxies = _no_proxies
    handlers.drop_handlers()
    handlers.drop_aliases()
    _use_utc()
    botocore.hooks.accepts_kwargs = handlers.takes_any_keyword  # type: ignore[assignment]  # a bool


def _use_utc() -> None:
    """Let botocore compute in UTC: in the zone of TZ=UTC-8, dateutil reads Z as eight hours ahead.

    An offset such as that of TZ=UTC+25 is none at all in Python.
    """
    times = SimpleNamespace(parser=SimpleNamespace(parse=_parse_time))
    for module in (botocore.credentials, botocore.tokens, botocore.utils):
        module.dateutil = times  # type: ignore[attr-defined]  # a module
    botocore.credentials.parse = _parse_time  # type: ignore[attr-defined]  # of dateutil
    botocore.credentials.tzlocal = tzutc  # type: ignore[attr-defined]  # same
    botocore.utils.get_tzinfo_options = _utc


def _parse_time(text: str, **_: object) -> Any:
    """Stand in for dateutil's function, which prefers the names of the local zone."""
    return dateutil.parser.parse(text, tzinfos={"UTC": tzutc(), "GMT": tzutc()})


def _utc() -> tuple[type[tzutc]]:
    return (tzutc,)


def _no_proxies(url: str) -> dict[str, Any]:  # noqa: ARG001 - as in botocore
    """Stand in for the proxies that a client is made with: `proxies` decides at each request."""
    return {}


class CliCache(JSONFileCache):
    """The AWS CLI's cache of assumed-role credentials, in `~/.aws/cli/cache`.

    Since it is shared, one `aws` command with an MFA code serves Docker too.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self) -> None:
        super().__init__(os.path.expanduser(os.path.join("~", ".aws", "cli", "cache")))

    def __contains__(self, key: object) -> bool:
        try:
            found = self[str(key)]["Credentials"]
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            return all(isinstance(found[n], str) for n in names) and _is_time(found["Expiration"])
        except (LookupError, TypeError, RecursionError):
            return False  # a damaged file, as after a full disk, counts as none


def _has_usable(self: JSONFileCache, key: str) -> bool:
    """Whether a cache of botocore's has a usable entry; a damaged session is not usable."""
    try:
        found = self[key]
    except (KeyError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    if "dpopKey" in found:  # of `aws login`
        keys = found.get("accessToken")
        return isinstance(keys, dict) and _LOGIN.issubset(keys) and _is_time(keys["expiresAt"])
    return "expiresAt" not in found or _is_time(found["expiresAt"])


def _is_time(value: object) -> bool:
    """Whether a value is a time that botocore can compare with the current one."""
    try:
        return isinstance(value, str) and parse_timestamp(value).tzinfo is not None
    except (ValueError, OverflowError, RuntimeError):
        return False


def _read(self: JSONFileCache, key: str) -> Any:
    """Return an entry of a botocore cache, and note its file. Raises KeyError."""
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    try:
        return json.loads(inputs.read(path))
    except (OSError, ValueError):
        raise KeyError(key) from None


def _read_web_identity(self: FileWebIdentityTokenLoader) -> str:
    """Return the text of a web identity token's file, and note the file.

    Raises OSError, and HelperError for an empty file.
    """
    path: str = self._web_identity_token_path  # type: ignore[attr-defined]  # not in the stub
    text = io.TextIOWrapper(io.BytesIO(inputs.read(path))).read()
    if not text.strip():
        msg = f"the web identity token file {one_line(path)} is empty"
        raise HelperError(msg, hint="check the program or cluster that writes it", refused=True)
    return text


def _write_if_possible(self: JSONFileCache, key: str, value: Any) -> None:
    """Write an entry of a botocore cache, unless the home is missing, full or read-only."""
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    text: str = self._dumps(value)  # type: ignore[attr-defined]  # same
    if not os.path.isdir(os.path.expanduser("~")):
        return  # do not create a home directory
    from docker_credential_ecrpy.files import replace

    try:
        replace.write_shared(path, text.encode())
        inputs.current().note_written(path, text.encode())
    except OSError:
        pass  # botocore has the value in memory


def refuse_prompts(resolver: Any, watch: Watch) -> None:
    """Keep credential sources from prompting, and run their programs as `process` does.

    botocore has no public way to do this in its own resolver, and a resolver made here would copy
    its order of sources; tests of each source fail if these private names change.
    """
    assume_role = resolver.get_provider("assume-role")
    assume_role._prompter = _refuse_mfa_prompt
    builder = assume_role._profile_provider_builder
    make_process_provider = builder._create_process_provider

    def bind(provider: Any) -> Any:
        def retrieve(command: str) -> dict[str, Any]:
            from docker_credential_ecrpy.aws.sdk.credential_process import process

            found = process.retrieve(command, provider._profile_name, watch)
            own = provider.profile_config.get("aws_account_id")
            return {**found, "account_id": found["account_id"] or own}

        provider._retrieve_credentials_using = retrieve
        return provider

    builder._create_process_provider = lambda profile_name: bind(
        make_process_provider(profile_name=profile_name)
    )
    bind(resolver.get_provider("custom-process"))


def _refuse_mfa_prompt(_prompt: str) -> NoReturn:
    """Stand in for the prompt for an MFA code. Raises MfaNeeded."""
    raise MfaNeeded


def parse_time(value: Any) -> datetime:
    """Return a time in an answer. One in seconds, as in ECR's, needs nothing of dateutil."""
    with suppress(OSError, OverflowError, TypeError, ValueError):  # botocore has a way, or an error
        return datetime.fromtimestamp(value, timezone.utc)
    return parse_timestamp(value)
