"""The AWS CLI's caches of credentials and SSO sessions, used with care."""

import gzip
import json
import os
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from botocore.utils import JSONFileCache, parse_timestamp

from docker_credential_ecrpy.aws.context import SERVICES
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import PROCESS, refuse_mfa_prompt
from docker_credential_ecrpy.files import private


def make_careful() -> None:
    """Have damaged files and full disks be no failure, also in the caches that botocore makes.

    It has no way to hand those in.
    """
    JSONFileCache.__setitem__ = _write_if_possible  # type: ignore[method-assign]  # on purpose
    JSONFileCache.__contains__ = _holds  # type: ignore[method-assign]  # same


class CliCache(JSONFileCache):
    """The AWS CLI's cache of assumed-role and SSO credentials, in `~/.aws/cli/cache`.

    Sharing it makes one `aws` command with an MFA code serve Docker too.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self) -> None:
        super().__init__(os.path.expanduser(os.path.join("~", ".aws", "cli", "cache")))

    def __contains__(self, key: object) -> bool:
        try:
            found = self[str(key)]["Credentials"]
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            texts = all(isinstance(found[name], str) for name in names)
            return texts and _is_time(found["Expiration"])
        except (LookupError, TypeError, RecursionError):
            return False  # damaged, as after a full disk: as good as none


def _holds(self: JSONFileCache, key: str) -> bool:
    """Whether one of botocore's caches has something that can be used.

    An SSO session whose file is damaged is one that has to be begun anew.
    """
    try:
        found = self[key]
    except (KeyError, RecursionError):
        return False
    return isinstance(found, dict) and ("expiresAt" not in found or _is_time(found["expiresAt"]))


def _is_time(value: object) -> bool:
    """Whether it is a time that botocore can compare with the present one."""
    try:
        return isinstance(value, str) and parse_timestamp(value).tzinfo is not None
    except (ValueError, OverflowError, RuntimeError):
        return False


def _write_if_possible(self: JSONFileCache, key: str, value: Any) -> None:
    """Write to one of botocore's caches, of credentials or sessions, if that can be done.

    A session that was just renewed serves this call also when the home is read-only or full.
    """
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    text: str = self._dumps(value)  # type: ignore[attr-defined]  # same
    if not os.path.isdir(os.path.expanduser("~")):
        return  # what is to have no home gets none
    try:
        if not os.path.isdir(os.path.dirname(path)):
            private.make_directory(os.path.dirname(path))
        private.write_whole(path, text.encode(), shared=True)
    except OSError:
        pass  # botocore goes on with what it holds


class _Files(JSONFileLoader):
    """The files of botocore's data, as plain dictionaries: read in half the time of ordered ones.

    Its list of endpoints has a megabyte.
    """

    def load_file(self, file_path: str) -> Any:
        """Return what is in the file, whose path lacks its suffix; None where there is none."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            try:
                with open_file(file_path + suffix, "rb") as file:
                    return json.load(file)
            except FileNotFoundError:
                pass
        return None


class SdkData(Loader):
    """botocore's data, where botocore finds it; no service is looked for among all.

    For a list of those that there are, botocore looks into four hundred directories.
    """

    def __init__(self, search_paths: list[str]) -> None:
        super().__init__(search_paths, _Files(), include_default_search_paths=False)

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """Return the services that clients are made for."""
        return list(SERVICES)


def never_prompt(resolver: Any, watch: Watch) -> None:
    """Keep credential sources from asking a person, and have the programs they start watched.

    botocore has no public way to say so once its resolver is made, and making the resolver by
    hand would copy its order of sources; tests of each source notice if these names go.
    """
    assume_role = resolver.get_provider("assume-role")
    assume_role._prompter = refuse_mfa_prompt
    builder = assume_role._profile_provider_builder
    make_process_provider = builder._create_process_provider

    def watched(provider: Any) -> Any:
        def start(command: list[str], stdout: int, stderr: int) -> Any:
            watch.stage = f"{PROCESS} of AWS profile {provider._profile_name!r}"
            return watch.start(command, stdout, stderr)

        provider._popen = start
        return provider

    builder._create_process_provider = lambda profile_name: watched(
        make_process_provider(profile_name=profile_name)
    )
    watched(resolver.get_provider("custom-process"))
