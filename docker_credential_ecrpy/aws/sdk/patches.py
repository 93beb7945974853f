"""botocore adapted to a credential helper: variables, warnings, prompts, load time."""

import io
import os
import warnings
from typing import Any, NoReturn

import botocore.credentials
import botocore.endpoint
import botocore.hooks
import botocore.utils
from botocore.utils import FileWebIdentityTokenLoader

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk import handlers, inputs, limits
from docker_credential_ecrpy.aws.sdk.sessions import caches, ec_key, times
from docker_credential_ecrpy.aws.sdk.transport import proxies, trust
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line


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
    caches.patch()
    FileWebIdentityTokenLoader.__call__ = _read_web_identity  # type: ignore[method-assign]  # on purpose
    limits.patch()
    ec_key.patch()
    proxies.patch()
    trust.patch()
    botocore.endpoint.get_environ_proxies = _no_proxies
    botocore.utils.get_environ_proxies = _no_proxies
    handlers.drop_handlers()
    handlers.drop_aliases()
    times.patch()
    botocore.hooks.accepts_kwargs = handlers.takes_any_keyword  # type: ignore[assignment]  # a bool


def _no_proxies(url: str) -> dict[str, Any]:  # noqa: ARG001 - as in botocore
    """Stand in for the proxies that a client is made with: `proxies` decides at each request."""
    return {}


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
