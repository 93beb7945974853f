"""What the API checks before it stores an object."""

import base64
import binascii
import json
from typing import Any

from tests.world.kube.status import ApiError, invalid

_MOST = 1024 * 1024
_REDACTED = '"<secret contents redacted>"'


def check(resource: str, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Complete an object, or raise ApiError."""
    if resource == "secrets":
        _check_secret(new, old)


def _check_secret(new: dict[str, Any], old: dict[str, Any] | None) -> None:
    name = new["metadata"]["name"]
    new.setdefault("type", "Opaque")
    data = new.get("data") or {}
    for key, text in (new.pop("stringData", None) or {}).items():
        data[key] = base64.b64encode(text.encode()).decode()
    new["data"] = data
    if not data:
        del new["data"]
    size = 0
    for key, text in data.items():
        try:
            size += len(base64.b64decode(text or "", validate=True))
        except (binascii.Error, TypeError) as exc:
            message = f"illegal base64 data at input byte 0 in data[{key}]"
            raise ApiError(400, "BadRequest", message) from exc
    if size > _MOST:
        raise invalid("Secret", name, "data", f"Too long: may not be more than {_MOST} bytes")
    if new["type"] == "kubernetes.io/dockerconfigjson":
        _check_docker_config(name, data)
    if old is None:
        return
    if new["type"] != old["type"]:
        raise invalid("Secret", name, "type", f'Invalid value: "{new["type"]}": field is immutable')
    if old.get("immutable"):
        if not new.get("immutable"):
            why = "Forbidden: field is immutable when `immutable` is set"
            raise invalid("Secret", name, "immutable", why)
        if data != (old.get("data") or {}):
            why = "Forbidden: field is immutable when `immutable` is set"
            raise invalid("Secret", name, "data", why)


def _check_docker_config(name: str, data: dict[str, str]) -> None:
    key = "data[.dockerconfigjson]"
    if ".dockerconfigjson" not in data:
        raise invalid("Secret", name, key, "Required value")
    try:  # as Go reads a map: null is one without members
        config = json.loads(base64.b64decode(data[".dockerconfigjson"]))
    except ValueError:
        config = ""
    if not isinstance(config, dict | None):
        raise invalid("Secret", name, key, f"Invalid value: {_REDACTED}: invalid character")
