"""The errors of the API, as the real one words them."""

import json
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer of the API other than success. headers: such as Retry-After."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": dict(details or {}),
            "code": code,
        }
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        return json.dumps(self.status).encode()


def not_found(resource: str, name: str) -> ApiError:
    details = {"name": name, "kind": resource}
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', details)


def exists(resource: str, name: str) -> ApiError:
    details = {"name": name, "kind": resource}
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists', details)


def conflict(resource: str, name: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified;'
        " please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, {"name": name, "kind": resource})


def invalid(kind: str, name: str, field: str, why: str) -> ApiError:
    cause = {"reason": "FieldValueInvalid", "message": why, "field": field}
    details = {"name": name, "kind": kind, "causes": [cause]}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {field}: {why}', details)


def terminating(resource: str, name: str, namespace: str) -> ApiError:
    message = (
        f'{resource} "{name}" is forbidden: unable to create new content in namespace {namespace}'
        " because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {"name": name, "kind": resource, "causes": [cause]}
    return ApiError(403, "Forbidden", message, details)


def gone(asked: int, oldest: int) -> ApiError:
    message = f"too old resource version: {asked} ({oldest})"
    return ApiError(410, "Expired", message)
