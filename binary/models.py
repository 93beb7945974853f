"""For the build: copies of botocore's data with only the calls that are used.

botocore parses a service's model for each client, and creates a method for each call.
"""

import glob
import gzip
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.aws.sdk.data import SERVICES

# The files of a service that describe calls and endpoints. Its others are for pages, waiters and
# examples. botocore also reads the files at the top of its data.
MODELS = ("service-2.", "endpoint-rule-set-1.")
# The calls of the helper, and of botocore for credentials.
CALLS = {
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "CreateOAuth2Token",
    "CreateToken",
    "DescribeImages",
    "GetAuthorizationToken",
    "GetCallerIdentity",
    "GetRoleCredentials",
}


def is_read(service: str, file: str) -> bool:
    """Return whether a file of a service's data is read."""
    return service in SERVICES and file.startswith(MODELS)


def trimmed(path: str) -> bytes:
    """Return the trimmed content of one of a service's files, which botocore packs with gzip."""
    with gzip.open(path) as file:
        model = json.load(file)
    return _text(_without_prose(_with_our_calls(model) if "operations" in model else model))


def trimmed_endpoints(path: str) -> bytes:
    """Return the content of botocore's list of endpoints, with our services only."""
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


def trimmed_certificates(path: str) -> bytes:
    """Return the content of botocore's list of certificates without the names, which are prose."""
    with open(path, "rb") as file:
        blocks = re.findall(
            rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", file.read(), re.DOTALL
        )
    return b"".join(blocks)


def _text(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _with_our_calls(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with our calls, and the shapes that they need."""
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
    """Return a part of a model without its documentation."""
    if isinstance(part, list):
        return [_without_prose(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_prose(value)
        for key, value in part.items()
        if not (key == "documentation" and isinstance(value, str))
    }
