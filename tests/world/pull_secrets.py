"""Logins, times and objects of the Kubernetes API that the tests of pull secrets share."""

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets.form import DOCKER_CONFIG_KEY, Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times
from tests.world.hosts import HOST
from tests.world.kube import patches

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND
TIMES = Times(NOW, NOW + 6 * HOUR, NOW + 12 * HOUR)
LATER = Times(NOW + 6 * HOUR, NOW + 12 * HOUR, NOW + 18 * HOUR)
TARGET = Target("shop", "ecr")
OTHER_HOST = HOST.replace("us-east-1", "eu-west-1")
LOGIN = Login(HOST, "AWS", "token-one", "", TIMES)
NEW_LOGIN = Login(HOST, "AWS", "token-two", "", LATER)
OTHER_LOGIN = Login(OTHER_HOST, "AWS", "token-elsewhere", "", TIMES)
FOREIGN = {"docker.io": {"auth": "Zm9vOmJhcg==", "email": "a@example.com"}}
"""A login of others in a `.dockerconfigjson`."""


def secret(
    data: Mapping[str, bytes], form: Form = Form.DOCKER_CONFIG, **members: Any
) -> dict[str, Any]:
    """Return a Secret as the API answers with it; its metadata is merged with that given."""
    metadata = {"name": "ecr", "namespace": "shop", "uid": "u-1", "resourceVersion": "7"}
    metadata |= members.pop("metadata", {})
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"metadata": metadata, "type": form.types[0], "data": encoded} | members


def docker_secret(config: object, **members: Any) -> dict[str, Any]:
    """Return a Secret with Docker's config.json."""
    return secret({DOCKER_CONFIG_KEY: json.dumps(config).encode()}, **members)


def stored(made: Mapping[str, Any], patch: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return an object as the API stores it, after a JSON merge patch of RFC 7396."""
    result = copy.deepcopy(dict(made))
    result["metadata"] = {"uid": "u-1", "resourceVersion": "7"} | result["metadata"]
    merged = patches.merge(result, patch or {})
    assert isinstance(merged, dict)
    return merged


def values(of: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the data of a Secret, decoded."""
    return {key: base64.b64decode(text) for key, text in of["data"].items()}


def auths(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the logins in a Secret with Docker's config.json."""
    found = json.loads(values(of)[DOCKER_CONFIG_KEY])["auths"]
    assert isinstance(found, dict)
    return found
