"""Facts about the storage of layers, which a registry redirects to."""

import time

import pytest
from botocore.loaders import Loader

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.doctor.checks.storage import PARTITIONS
from docker_credential_ecrpy.doctor.probes import storage
from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text import secrets
from tests.world.machine import HOST
from tests.world.pull_host import PullHost
from tests.world.registry import LAYERS, LAYERS_PUBLIC, PUBLIC, refuse_storage
from tests.world.web import Authority, Request, Response

pytestmark = pytest.mark.in_process

BUCKET = "prod-us-east-1-starport-layer-bucket"
BASE = f"https://{HOST}/v2/team/app/blobs/x"
NOWHERE = (
    "",
    "/x",
    "ftp://example.com/x",
    "https://[/",
    "https://:443/x",
    "https://h:0/",
    "https://a..b/",
)


def _redirect(pull_host: PullHost, host: str = HOST) -> Redirect:
    """Return that of a layer."""
    login = pull_host.token("ecr-public" if host == PUBLIC else "ecr")
    _, redirect = pull_host.trace(login=login, host=host).redirects
    del pull_host.requests[:]
    return redirect


def _request(pull_host: PullHost, redirect: Redirect) -> StorageReply:
    found = registry.parse(HOST)
    assert found is not None
    return storage.request_storage(Choice(found), redirect, Watch(), pull_host.log.append)


def _fails(pull_host: PullHost, redirect: Redirect) -> str:
    with pytest.raises(HelperError) as caught:
        _request(pull_host, redirect)
    return str(caught.value)


@pytest.mark.parametrize(("host", "kept"), [(HOST, LAYERS), (PUBLIC, LAYERS_PUBLIC)])
def test_a_byte_is_requested_without_a_password(pull_host: PullHost, host: str, kept: str) -> None:
    """S3 refuses a signed URL with a password, and nobody else gets the registry's."""
    reply = _request(pull_host, _redirect(pull_host, host))

    assert (reply.host, reply.status, reply.code) == (kept, 206, "")
    (request,) = pull_host.requests
    assert (request.method, request.host) == ("GET", kept)
    assert request.headers["Range"] == "bytes=0-0"
    assert "Authorization" not in request.headers


def test_its_error_has_a_code_and_a_message(pull_host: PullHost) -> None:
    """They are S3's, on one line."""
    redirect = _redirect(pull_host)
    refusal = refuse_storage(403, "AccessDenied", "no VPC endpoint&apos;s policy\n allows it")
    pull_host.instead = lambda _: refusal
    reply = _request(pull_host, redirect)

    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert reply.message == "no VPC endpoint's policy allows it"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff<Code>", b"<Message>x</Message>"])
def test_another_error_has_neither(pull_host: PullHost, body: bytes) -> None:
    """Such as that of a proxy."""
    redirect = _redirect(pull_host)
    pull_host.instead = lambda _: Response(403, body)
    reply = _request(pull_host, redirect)

    assert (reply.status, reply.code, reply.message) == (403, "", "")


def test_a_config_is_read(pull_host: PullHost) -> None:
    """It has the image's platform."""
    pull_host.small.image("team/app", "1", platform="windows/amd64")
    redirect, _ = pull_host.trace(login=pull_host.token()).redirects
    reply = _request(pull_host, redirect)

    assert (reply.status, reply.platform, reply.instead) == (200, "windows/amd64", "")
    assert pull_host.requests[-1].headers["Range"] is None

    other = Response(200, bytes(redirect.blob.size if redirect.blob else 0))
    pull_host.instead = lambda _: other
    assert _request(pull_host, redirect).instead == "bytes with another digest"


HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("answer", "instead"),
    [
        (Response(200, b"<html>Blocked</html>", HTML), "a page (text/html)"),
        (Response(206, b"<", {**HTML, "Content-Range": "bytes 0-0/*"}), "a page (text/html)"),
        (Response(200, b"Blocked"), "7 bytes instead of 20"),
        (Response(200), "0 bytes instead of 20"),
        (Response(206, b"B", {"Content-Range": "bytes 0-0/7"}), "7 bytes instead of 20"),
        (Response(206, b"B", {"Content-Range": "bytes 0-0/20"}), ""),
        (Response(200, bytes(20)), ""),
        (Response(200, b"zip", {"Content-Encoding": "gzip"}), ""),
        (Response(206, b"B"), ""),
        (Response(404, b"<html>", HTML), ""),
    ],
)
def test_what_is_not_the_layer(pull_host: PullHost, answer: Response, instead: str) -> None:
    """A page of a proxy has another size than the manifest says."""
    redirect = _redirect(pull_host)
    pull_host.instead = lambda _: answer

    assert _request(pull_host, redirect).instead == instead


def test_redirects_are_followed(pull_host: PullHost) -> None:
    """S3 redirects to a bucket's region; the host that answers is returned."""
    redirect = _redirect(pull_host)
    moved = Response(307, b"", {"Location": f"https://{PUBLIC}/x?{'y' * 30}"})
    pull_host.instead = lambda request: (
        moved if request.host == LAYERS else Response(404, b"<Error><Code>NoSuchKey</Code></Error>")
    )
    reply = _request(pull_host, redirect)

    assert (reply.host, reply.status, reply.code) == (PUBLIC, 404, "NoSuchKey")


def test_a_redirect_without_an_end(pull_host: PullHost) -> None:
    """The number of redirects has a limit."""
    redirect = _redirect(pull_host)
    pull_host.instead = lambda _: Response(307, b"", {"Location": redirect.url})

    assert f"{LAYERS} redirects the download" in _fails(pull_host, redirect)
    assert len(pull_host.requests) == storage.MOST_REDIRECTS


@pytest.mark.parametrize("location", NOWHERE)
def test_a_redirect_to_nowhere(pull_host: PullHost, location: str) -> None:
    """It is an error, and nothing is requested."""
    redirect = Redirect.parse(location, "https:" if location == "/x" else BASE)

    assert (redirect.url, redirect.host) == ("", "")
    assert "to no valid address" in _fails(pull_host, redirect)
    assert pull_host.requests == []


@pytest.mark.parametrize(
    ("location", "bucket"),
    [
        (f"https://{LAYERS}/x?y", BUCKET),
        (f"https://{BUCKET}.s3.amazonaws.com/x", BUCKET),
        (f"https://{BUCKET}.s3.dualstack.us-east-1.amazonaws.com/x", BUCKET),
        (f"https://{BUCKET}.s3-us-west-2.amazonaws.com/x", BUCKET),
        (f"https://{BUCKET}.s3.cn-north-1.amazonaws.com.cn/x", BUCKET),
        (f"https://s3.us-east-1.amazonaws.com/{BUCKET}/x", BUCKET),
        (f"https://{LAYERS_PUBLIC}/x", ""),
        ("https://cdn.example.com/s3.x", ""),
    ],
)
def test_the_bucket_of_an_address(location: str, bucket: str) -> None:
    """It is in the host's name, or first in the path."""
    assert Redirect.parse(location, BASE).bucket == bucket


def test_the_proxy_of_an_address(pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY may name the storage, and not the registry."""
    assert _redirect(pull_host).proxy == pull_host.machine.environ["HTTPS_PROXY"]

    monkeypatch.setenv("NO_PROXY", ".s3.us-east-1.amazonaws.com")
    assert _redirect(pull_host).proxy == ""


def test_a_partition_has_its_prefix() -> None:
    """All regions of botocore's partitions have the name that an ARN needs."""
    for partition in Loader().load_data("partitions")["partitions"]:
        for region in partition["regions"]:
            if not region.endswith("-global"):
                named = [name for prefix, name in PARTITIONS.items() if region.startswith(prefix)]
                assert (named or ["aws"]) == [partition["id"]]


class TestUnreachable:
    """Storage that does not answer."""

    def test_it_is_not_trusted(self, pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
        """The certificate is the cause."""
        redirect = _redirect(pull_host)
        bundle = Authority().write_bundle(pull_host.machine.root / "other.pem")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))

        error = _fails(pull_host, redirect)
        assert f"the TLS certificate of https://{LAYERS} is not trusted: " in error

    def test_it_hangs(self, pull_host: PullHost, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error comes when the time for reading is over."""
        monkeypatch.setattr(storage, "READ_SECONDS", 0.3)
        redirect = _redirect(pull_host)

        def hang(_: Request) -> Response:
            time.sleep(2)
            return Response()

        pull_host.instead = hang
        error = _fails(pull_host, redirect)
        assert error.startswith(f"https://{LAYERS} accepted the request and did not answer it; ")

    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("127.0.0.1:9", "https://127.0.0.1:9 refuses the connection"),
            (f"{BUCKET}.s3.amazonaws.invalid", "does not resolve"),
        ],
    )
    def test_there_is_none(
        self, pull_host: PullHost, monkeypatch: pytest.MonkeyPatch, host: str, said: str
    ) -> None:
        """The error names the host, and nothing of the signature."""
        monkeypatch.setenv("NO_PROXY", host.partition(":")[0])
        pull_host.front.storage = host

        assert said in _fails(pull_host, _redirect(pull_host))


@pytest.mark.parametrize("how", ["refuses", "no TLS", "not parsed", "delivers"])
def test_the_signature_is_in_nothing_that_is_told(
    pull_host: PullHost, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Not in results, not in the log, and in errors it is redacted as all secrets are."""
    redirect = _redirect(pull_host)
    signature = redirect.url.rpartition("=")[2]
    port = pull_host.machine.server.port
    if how == "refuses":
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    elif how == "no TLS":
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        redirect = Redirect.parse(f"https://127.0.0.1:{port}/?X-Amz-Signature={signature}", "")
    elif how == "not parsed":
        redirect = Redirect.parse(f"https://a%zz/?X-Amz-Signature={signature}", "")
    try:
        said = repr(_request(pull_host, redirect))
    except HelperError as exc:
        said = str(exc)
    told = secrets.redact(f"{said} {redirect!r} {pull_host.log}")

    assert len(signature) == 64
    assert signature not in told
    assert signature[:20] not in told
    assert (how == "delivers") == ("206" in said)
