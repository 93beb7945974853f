"""Places of AWS settings, as errors name them: a key, its profile and its file, or a variable."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from botocore.configloader import load_config, raw_config_parse
from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.profiles import name_config_files
from docker_credential_ecrpy.text.sanitize import one_line


def describe_profile(name: str, call: CallContext, key: str = "") -> str:
    """Return a profile with the file that has it, or that has a key of it."""
    return f"AWS profile {one_line(name)!r} in {find_file(name, call, key)}"


def describe_setting(key: str, name: str, call: CallContext) -> str:
    """Return a key of a profile with its value, unless that is private, and its file."""
    value = call.read_profiles().get(name, {}).get(key)
    is_shown = isinstance(value, str) and key != "external_id"
    shown = f"{key} = {one_line(str(value))}" if is_shown else key
    return f"{shown} of {describe_profile(name, call, key)}"


def find_file(name: str, call: CallContext, key: str = "") -> str:
    """Return the file with a profile, or with a key of it; both files if none has it.

    The credentials file comes first: its keys win.
    """
    found = [(path, profiles[name]) for path, profiles in _read_files(call) if name in profiles]
    with_key = [path for path, profile in found if key in profile]
    paths = with_key or [path for path, _ in found]
    return one_line(paths[0]) if paths else name_config_files(call.core)


def find_session_file(call: CallContext) -> str:
    """Return the file that has the sections of SSO sessions."""
    return one_line(os.path.expanduser(str(call.core.get_config_variable("config_file"))))


def _read_files(call: CallContext) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file with profiles that can be read, and its profiles."""
    for variable, read in (("credentials_file", raw_config_parse), ("config_file", load_config)):
        path = os.path.expanduser(str(call.core.get_config_variable(variable)))
        with suppress(BotoCoreError, OSError, ValueError):
            found = read(path)
            yield path, found.get("profiles", {}) if read is load_config else found
