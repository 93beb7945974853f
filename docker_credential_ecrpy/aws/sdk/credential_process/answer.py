"""What a `credential_process` has to print, and what is wrong with what it printed.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

import json
import re
from typing import Any, NamedTuple

from docker_credential_ecrpy.aws.sdk.sessions import times
from docker_credential_ecrpy.files.programs.failures import FULL_PATH
from docker_credential_ecrpy.text import secret_sources
from docker_credential_ecrpy.text.sanitize import one_line, shorten_log

_TERMINAL = "run that command in a terminal"
_ONLY = "and nothing else, to standard output"
_FORMAT = f"{_TERMINAL}; it must print Version, AccessKeyId and SecretAccessKey, {_ONLY}"
_NO_JSON = "did not print the JSON that it must print"
_REQUIRED = ("Version", "AccessKeyId", "SecretAccessKey")
_TEXTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_EXAMPLE = "2030-01-31T12:00:00Z"


class Fault(NamedTuple):
    """What is wrong with an output, behind the name of its program, and what to do."""

    what: str
    hint: str


def read(stdout: bytes, stderr: bytes) -> dict[str, Any] | Fault:
    """Return the credentials of an output in botocore's form, or its fault.

    The JSON may be in UTF-16 or have a byte order mark, as from PowerShell.
    """
    if not stdout.strip():
        if b"AccessKeyId" in stderr:
            what = "printed its JSON to standard error, and nothing to standard output"
            return Fault(what, "make it print the JSON to standard output")
        reason = shorten_log(stderr.decode("utf-8", "replace"))
        hint = FULL_PATH if "not found" in reason else _FORMAT  # by a shell, before a pipe
        return Fault("printed nothing" + (f": {reason}" if reason else ""), hint)
    try:
        answer = json.loads(stdout)
    except (ValueError, RecursionError):
        return _explain_text(stdout)
    secret_sources.note_fields(answer)
    fault = _find_fault(answer) if isinstance(answer, dict) else Fault(_NO_JSON, _FORMAT)
    return fault or {
        "access_key": answer["AccessKeyId"],
        "secret_key": answer["SecretAccessKey"],
        "token": answer.get("SessionToken"),
        "expiry_time": answer.get("Expiration"),
        "account_id": answer.get("AccountId"),
    }


def _explain_text(stdout: bytes) -> Fault:
    """Return what is wrong with an output that is not JSON. It may be secret, and is not shown."""
    text = stdout.decode("utf-8", "replace").strip()
    if "AWS_SECRET_ACCESS_KEY" in text or "aws_secret_access_key" in text:
        return Fault("printed settings or variables, and not JSON", _FORMAT)
    # A message before the JSON may have a brace, too.
    start = max(text.rfind("{", 0, max(text.find('"AccessKeyId"'), 0)), text.find("{"))
    try:
        json.JSONDecoder().raw_decode(text, max(start, 0))
    except (ValueError, RecursionError):
        is_cut = text.startswith("{")
        return Fault("printed JSON that is damaged or cut short" if is_cut else _NO_JSON, _FORMAT)
    if start < 0:
        return Fault(_NO_JSON, _FORMAT)
    place = "before" if start else "after"
    hint = f"make it print the JSON, {_ONLY}: messages belong on standard error"
    return Fault(f"printed other text {place} its JSON", hint)


def _find_fault(answer: dict[str, Any]) -> Fault | None:
    """Return what is wrong with the fields."""
    if isinstance(answer.get("Credentials"), dict):
        hint = "print them at the top, with \"Version\": 1: jq '.Credentials + {Version: 1}' does"
        return Fault("printed the keys inside 'Credentials', as aws sts does", hint)
    fault = _find_fault_of_version(answer.get("Version", 1))
    if fault:
        return fault
    for field in _REQUIRED:
        if field not in answer:
            return _explain_missing(answer, field)
    for field in _TEXTS:
        value = answer.get(field)
        if value is None and field not in _REQUIRED:
            continue
        if not isinstance(value, str):
            return Fault(f"printed JSON whose {field} is not a text", f"print the {field} as text")
        if field in _REQUIRED and not value.strip():
            return Fault(f"printed JSON whose {field} is empty", _FORMAT)
    if answer["AccessKeyId"].startswith("ASIA") and not answer.get("SessionToken"):
        return _explain_missing(answer, "SessionToken")
    return _find_fault_of_expiry(answer.get("Expiration"))


def _find_fault_of_version(version: Any) -> Fault | None:
    if version == 1:
        return None
    hint = 'make it print "Version": 1, the number'
    if isinstance(version, str) and version.strip() == "1":
        return Fault('printed the text "1" as Version', f"{hint}, without quotes")
    return Fault(f"printed {one_line(json.dumps(version))} as Version", hint)


def _explain_missing(answer: dict[str, Any], field: str) -> Fault:
    """Return that a field is missing, and which name in its place is wrong."""
    for key in answer:
        if key != field and _plain(key) == _plain(field):
            what = f"printed JSON with {one_line(key)!r} in place of {field!r}"
            return Fault(what, f"write the name as {field}: capitals count")
    if field == "Version":
        return Fault("printed JSON without Version", 'add "Version": 1 to it')
    if field == "SessionToken":
        what = "printed JSON without SessionToken, and its AccessKeyId is a session's (ASIA...)"
        return Fault(what, "add the SessionToken that belongs to the key")
    return Fault(f"printed JSON without {field}", f"add {field} to it")


def _plain(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower()).removeprefix("aws")


def _find_fault_of_expiry(value: Any) -> Fault | None:
    """Return why an expiry is not a time with a time zone. None means that there is none."""
    if value is None:
        return None
    hint = f"print it as {_EXAMPLE} (UTC)"
    if not isinstance(value, str):
        return Fault("printed JSON whose Expiration is not a text", hint)
    if not value.strip():
        hint = f"leave Expiration out for keys that do not expire, or {hint}"
        return Fault("printed JSON whose Expiration is empty", hint)
    fault = times.find_fault(value)
    if not fault:
        return None
    if fault == times.NO_ZONE:
        hint = f"add the time zone, such as Z for UTC: {_EXAMPLE}"
    return Fault(f"printed {one_line(value)!r} as Expiration, which {fault}", hint)
