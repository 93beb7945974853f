"""Requests to the Kubernetes API, through the official client.

Its models are not used: they drop what they do not know, and an object of others must keep that.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.incluster_config import InClusterConfigLoader
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller.api import paths
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.text.sanitize import one_line

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""The folder with token, ca.crt and namespace that kubelet puts into a pod."""

_TIMEOUT = (5, 20)  # seconds to connect, and between two parts of an answer
_RETRIES = 3  # where no connection was made, or a read broke off
_RELOAD = 10.0  # seconds between two readings of a kubeconfig whose token is refused
_JUST_NOW = 1.0
_MOST = 500  # characters of an error's message
_PAGE = 500  # objects of a list
_JSON = "application/json"
_NO_OBJECT = "the Kubernetes API: the answer is no object of it, as from a proxy"
_LONGEST_WAIT = 300.0  # seconds, whatever an answer asks for
_POOL = re.compile(r"^HTTPS?Connection(Pool)?\([^)]*\): ")
"""The beginning of urllib3's errors."""
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Object = dict[str, Any]


class Cluster:
    """The API server, by a pod's service account or by a kubeconfig.

    namespace: the pod's own, or that of the kubeconfig's context. reload: reads the credentials
    again, after they were refused; raises OSError, ValueError or ConfigException. Its requests take
    the paths of the API, not the client's methods: these load a module for each kind of object,
    21 MB.
    """

    def __init__(
        self,
        configuration: client.Configuration,
        namespace: str,
        reload: Callable[[], None] = lambda: None,
    ) -> None:
        self.namespace = namespace
        self._reload = reload
        self._reloaded = 0.0
        self._lock = threading.Lock()
        # A request neither goes to where an answer sends it, with its Secret, nor sleeps: what
        # Retry-After says is `ApiFailure.retry_after`, and meanwhile there is other work.
        configuration.retries = Retry(_RETRIES, redirect=False, respect_retry_after_header=False)
        self.client = client.ApiClient(configuration)

    def read(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return an object; None if there is none. Raises ApiFailure."""
        try:
            return self.ask("GET", paths.of(kind, namespace, name))
        except ApiFailure as exc:
            if exc.code == ApiFailure.NOT_FOUND and not exc.is_of_namespace:
                return None
            raise

    def create(self, kind: str, namespace: str, made: Mapping[str, Any]) -> Object:
        """Create an object. Raises ApiFailure."""
        return self.ask("POST", paths.of(kind, namespace), made)

    def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """Change an object by a JSON merge patch. Raises ApiFailure."""
        return self.merge(paths.of(kind, namespace, name), patch)

    def merge(self, path: str, patch: Mapping[str, Any]) -> Object:
        """Change the object at a path by a JSON merge patch. Raises ApiFailure."""
        return self.ask("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, kind: str, seen: Mapping[str, Any]) -> None:
        """Delete an object unless it has changed since it was seen. Raises ApiFailure."""
        metadata = seen["metadata"]
        wanted = {key: metadata[key] for key in ("uid", "resourceVersion")}
        path = paths.of(kind, metadata["namespace"], metadata["name"])
        self.ask("DELETE", path, {"preconditions": wanted})

    def list_accounts(self, namespace: str) -> list[Object]:
        """Return the ServiceAccounts of a namespace. Raises ApiFailure."""
        return self.list_objects(paths.of("service_account", namespace))

    def list_namespaces(self) -> list[Object]:
        """Return every Namespace. Raises ApiFailure."""
        return self.list_objects(paths.of("namespace"))

    def list_objects(self, path: str) -> list[Object]:
        """Return the objects of a list. Raises ApiFailure."""
        return items_of(self.ask("GET", path))

    def list_metadata(self, kind: str, namespace: str, name: str = "") -> Iterator[Object]:
        """Yield the objects of a namespace, or of all, without their values. Raises ApiFailure.

        name: of the objects; "" for every name. So a right to one name suffices.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
        """
        only = {"fieldSelector": f"metadata.name={name}"} if name else {}
        query: dict[str, object] = {"limit": _PAGE, **only}
        while True:
            found = self.ask("GET", paths.of(kind, namespace, query=query), accept=_METADATA)
            yield from items_of(found)
            more = (found.get("metadata") or {}).get("continue")
            if not more:
                return
            query |= {"continue": more}

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = _JSON,
        *,
        accept: str = _JSON,
    ) -> Object:
        """Return the object with which the API answers a request. Raises ApiFailure."""
        try:
            response = self.open(method, path, body, content_type, accept=accept)
            found = json.loads(response.data)
        except ApiException as exc:
            raise explain(exc) from exc
        except (HTTPError, OSError, ValueError, RecursionError, config.ConfigException) as exc:
            raise self.explain_silence(exc) from exc
        if not (isinstance(found, dict) and isinstance(found.get("metadata"), dict)):
            raise ApiFailure(0, _NO_OBJECT)
        return found

    def explain_silence(self, exc: object) -> ApiFailure:
        """Return the error of a request without an answer, or with half of one.

        It is the same for every path, so that equal errors are seen to be equal.
        """
        if isinstance(exc, AttributeError | LookupError | TypeError | ValueError):
            text = "an answer broke off"
        else:
            cause = exc.reason if isinstance(exc, MaxRetryError) else exc
            text = _POOL.sub("", _shorten(str(cause)))
        return ApiFailure(0, f"the Kubernetes API at {self.client.configuration.host}: {text}")

    def open(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = _JSON,
        *,
        accept: str = _JSON,
        timeout: tuple[int, int] = _TIMEOUT,
    ) -> Any:
        """Return the response to a request, whose content is not read yet.

        timeout: seconds to connect, and of silence. Raises ApiException and errors of urllib3.
        """
        headers = {"Accept": accept, "Content-Type": content_type}

        def send() -> Any:
            # With a copy of the headers, which get the token.
            made = self.client.param_serialize(
                method,
                path,
                header_params={**headers},
                body=body,
                auth_settings=["BearerToken"],
            )
            return self.client.call_api(*made, _request_timeout=timeout)

        response = send()
        if response.status == HTTPStatus.UNAUTHORIZED and self._has_reloaded():
            response.read()
            response = send()
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            response.read()
            raise ApiException.from_response(http_resp=response, body=None, data=None)
        return response.response

    def _has_reloaded(self) -> bool:
        """Read the credentials again, though not all the time; return whether that was tried."""
        with self._lock:
            now = time.monotonic()
            if self._reloaded and now - self._reloaded < _RELOAD:
                return now - self._reloaded < _JUST_NOW  # by another thread
            self._reloaded = now
            with suppress(config.ConfigException, OSError, ValueError, TypeError):
                self._reload()  # else the answer of the API says enough
            return True


def connect(environ: Mapping[str, str], folder: str, kubeconfig: str, context: str) -> Cluster:
    """Return the cluster of this pod, or that of a kubeconfig if one is named.

    folder: as SERVICE_ACCOUNT. kubeconfig, context: "" for kubectl's own. Raises HelperError.
    """
    configuration = client.Configuration()

    def load() -> None:
        config.load_kube_config(file, context or None, configuration, persist_config=False)

    try:
        if not kubeconfig and environ.get("KUBERNETES_SERVICE_HOST"):
            return Cluster(configuration, _use_service_account(configuration, environ, folder))
        file = kubeconfig or environ.get("KUBECONFIG") or None
        load()
        _, active = config.list_kube_config_contexts(file)
    except (config.ConfigException, OSError, ValueError, TypeError) as exc:
        msg = f"there is no way to the Kubernetes API: {_shorten(str(exc)).rstrip('.')}"
        hint = "run it in a pod with a service account, or name a kubeconfig by --kubeconfig"
        raise HelperError(msg, hint=hint) from exc
    return Cluster(configuration, active["context"].get("namespace") or "default", load)


def _use_service_account(
    configuration: client.Configuration, environ: Mapping[str, str], folder: str
) -> str:
    """Configure the API server of this pod, and return its namespace."""
    file = os.path.join(folder, "token")
    loader = InClusterConfigLoader(file, os.path.join(folder, "ca.crt"), environ=environ)
    loader.load_and_set(configuration)

    def read_token(configured: client.Configuration) -> None:
        # Kubelet replaces it each hour, and the old one may be refused before a minute is over.
        with open(file, encoding="ascii") as stream:
            configured.api_key["BearerToken"] = f"Bearer {stream.read().strip()}"

    configuration.refresh_api_key_hook = read_token
    with open(os.path.join(folder, "namespace"), encoding="ascii") as stream:
        return stream.read().strip()


def items_of(found: Object) -> list[Object]:
    """Return the objects of a list as the API answers with it. Raises ApiFailure."""
    items = found.get("items")
    items = [] if items is None else items  # null for none
    if "items" not in found or not isinstance(items, list):
        raise ApiFailure(0, _NO_OBJECT)
    if not all(isinstance(each, dict) and isinstance(each.get("metadata"), dict) for each in items):
        raise ApiFailure(0, _NO_OBJECT)
    return items


def explain(exc: ApiException) -> ApiFailure:
    """Return the error of an answer of the API, or of a proxy before it."""
    try:
        status = _object(json.loads(exc.body or "{}"))
    except (ValueError, RecursionError):
        status = {}  # a proxy's page
    text = status.get("message") or exc.reason or f"HTTP {exc.status}"
    after = str((exc.headers or {}).get("Retry-After", ""))
    seconds = float(after) if after.isascii() and after.isdigit() else 0.0
    details = _object(status.get("details"))
    causes = details.get("causes")
    reasons = [_object(each).get("reason") for each in causes] if isinstance(causes, list) else []
    return ApiFailure(
        exc.status or 0,
        f"the Kubernetes API: {_shorten(str(text))}",
        retry_after=min(seconds, _LONGEST_WAIT),
        is_of_namespace=details.get("kind") == "namespaces",
        is_terminating="NamespaceTerminating" in reasons,
    )


def _object(found: object) -> Object:
    return found if isinstance(found, dict) else {}


def _shorten(text: str) -> str:
    return one_line(text)[:_MOST]
