"""For the build: copies of botocore's data that have what is called for, and no more.

botocore parses a service's model for each client that it makes, and makes a method of each call.
"""

import glob
import gzip
import json
import os
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.aws.sdk_patches import SERVICES

# Of the services' data, what describes calls and endpoints. The rest is for pages, waiters and
# examples; beside it botocore reads the files at the top of its data.
MODELS = ("service-2.", "endpoint-rule-set-1.")
# The calls that the helper makes, and botocore for credentials.
CALLS = {
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "CreateOAuth2Token",
    "CreateToken",
    "GetAuthorizationToken",
    "GetCallerIdentity",
    "GetRoleCredentials",
}


def is_read(service: str, file: str) -> bool:
    """Return whether a file of a service's data is read."""
    return service in SERVICES and file.startswith(MODELS)


def trimmed(path: str) -> bytes:
    """Return the file of one service, packed as botocore has it, as it is stored here."""
    with gzip.open(path) as file:
        model = json.load(file)
    return _text(_without_prose(_with_our_calls(model) if "operations" in model else model))


def trimmed_endpoints(path: str) -> bytes:
    """Return botocore's list of endpoints with our services alone, as it is stored here."""
    with open(path, "rb") as file:
        endpoints = json.load(file)
    prefixes = set()
    for service in SERVICES:
        (model,) = glob.glob(os.path.join(os.path.dirname(path), service, "*", "service-2.json.gz"))
        with gzip.open(model) as packed:
            prefixes.add(json.load(packed)["metadata"]["endpointPrefix"])
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in prefixes}
    return _text(endpoints)


def _text(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _with_our_calls(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with our calls, and the shapes that they lead to."""
    shapes = model["shapes"]
    calls = {name: call for name, call in model["operations"].items() if name in CALLS}
    found, more = set(), _named(calls)
    while more:
        found |= more
        more = set().union(*(_named(shapes[name]) for name in more)) - found
    kept = {name: shape for name, shape in shapes.items() if name in found}
    return {**model, "operations": calls, "shapes": kept}


def _named(part: Any) -> set[str]:
    """Return the shapes that a part of a model names."""
    if isinstance(part, list):
        return set().union(*map(_named, part))
    if not isinstance(part, dict):
        return set()
    shape = part.get("shape")
    return set().union({shape} if isinstance(shape, str) else (), *map(_named, part.values()))


def _without_prose(part: Any) -> Any:
    """Return a part of a model without what a reader would read."""
    if isinstance(part, list):
        return [_without_prose(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_prose(value)
        for key, value in part.items()
        if not (key == "documentation" and isinstance(value, str))
    }
