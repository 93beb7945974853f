"""What docs/bazel.md promises: `get` answers Bazel's credential-helper protocol, too."""

import json
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world import aws as world
from tests.world import bazel
from tests.world.docker_host import DockerHost
from tests.world.machine import HOST, NOT_FOUND, Machine, Result
from tests.world.registry import LAYERS, PUBLIC

URI = f"https://{HOST}/v2/team/app/manifests/1"
FORM = 'send {"uri": "https://<registry>/"}'
HALF, LIFE = 6 * 3600, 12 * 3600  # when a token is refreshed, and when it expires, in seconds


def test_a_uri_gets_its_registrys_token(machine: Machine) -> None:
    """One call of AWS; the answer is kept until `get` would refresh the token."""
    machine.login()
    before = int(time.time())
    first = bazel.decode(bazel.ask(machine, URI))
    again = bazel.decode(bazel.ask(machine, f"https://{HOST}/v2/team/app/blobs/sha256:0123"))

    username, password = first.login
    assert (username, machine.aws.issued[password].region) == ("AWS", "us-east-1")
    assert first.expires is not None
    earliest = HALF * 9 // 10  # a tenth earlier on some machines
    assert before + earliest - 1 <= first.expires <= time.time() + HALF
    assert again == first
    assert json.loads(machine.get().stdout)["Secret"] == password
    assert machine.aws.count() == {"ecr": 1}


@pytest.mark.parametrize(
    "uri",
    [
        HOST,
        f"https://{HOST}",
        f"https://{HOST}/",
        f"HTTPS://{HOST.upper()}/v2/",
        f"https://{HOST}./v2/",
        f"https://{HOST}:443/v2/",
        f"https://AWS@{HOST}/v2/",
        f"https://user:secret-word@{HOST}/v2/",
        f"https://{HOST}/token?service=ecr.amazonaws.com&scope='a=b'&x",
        f"https://{HOST}/v2/?next=https://ghcr.io/#http://ghcr.io",
    ],
)
def test_all_forms_of_a_registrys_address_are_known(machine: Machine, uri: str) -> None:
    """A registry alone is how rules_img asks; Bazel asks with path and query."""
    machine.login()
    for _ in range(2):
        assert bazel.decode(bazel.ask(machine, uri)).login[1] in machine.aws.issued
    assert machine.aws.count() == {"ecr": 1}


@pytest.mark.parametrize(
    "request_",
    [
        ' \r\n\t{ "uri" : "URI" } \n',
        '\ufeff{"uri":"URI"}',
        '\ufeff\n {"uri":"URI"}',
        '{"uri":"URI","method":"GET","more":{"uris":[1,null,{}]}}',
        '{"more":"\u00fc","uri":"URI"}',
        r'{"\u0075ri":"URI"}',
        r'{"uri":"\u0068TTPS"}',
        '{"uri":"SLASHES"}',
    ],
)
def test_all_forms_of_json_are_read(machine: Machine, request_: str) -> None:
    """Names other than `uri` are ignored, as the specification asks."""
    machine.login()
    text = request_.replace("URI", URI).replace("TTPS", URI[1:])
    text = text.replace("SLASHES", URI.replace("/", r"\/"))
    for _ in range(2):
        result = machine.run("get", stdin=text.encode())

        assert bazel.decode(result).login[1] in machine.aws.issued
    assert machine.aws.count() == {"ecr": 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "the request is not a JSON object"),
        (b"{}", "the request has no uri"),
        (b'{"url":"https://h/"}', "the request has no uri"),
        (b'{"uri":"https://h/"', "the request is not a JSON object"),
        (b'{"uri":"https://h/"} {}', "the request is not a JSON object"),
        (b'{"uri":"https://h/",}', "the request is not a JSON object"),
        (b'{"uri":"h\x01"}', "the request is not a JSON object"),
        (b'{"uri":"h\xff"}', "the request is not a JSON object"),
        ('{"uri":"h"}'.encode("utf-16-le"), "the request is not a JSON object"),
        (b'{"uri":7}', "the uri of the request must be a string"),
        (b'{"uri":["https://h/"]}', "the uri of the request must be a string"),
        (b'{"uri":"\\ud800"}', "the uri of the request must be a string"),
        (b'{"uri":""}', "the uri of the request is empty"),
        (f'{{"uri":"{URI}","uri":"{URI}"}}'.encode(), "the request has more than one uri"),
        (b'{"a":' * 12_000, "the request is not a JSON object"),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "the request is not a JSON object"),
        (b'{"a":' + b"7" * 60_000 + b"}", "the request is not a JSON object"),
        (b'{"uri":"' + b"a" * 70_000 + b'"}', "the request is longer than 64 KiB"),
        (f'{{"uri":"http://{HOST}/v2/"}}'.encode(), f"credentials for {HOST} are sent over https"),
        (f'{{"uri":"grpc://{HOST}"}}'.encode(), f"credentials for {HOST} are sent over https"),
    ],
    ids=range(20),
)
def test_a_bad_request_is_an_error_on_standard_error(
    machine: Machine, data: bytes, why: str
) -> None:
    """The line says what to send. Nothing is on standard output, and AWS is not called."""
    machine.login()
    for environ in ({}, {"AWS_ECR_LOG": str(machine.root / "log")}):
        error = bazel.refused(machine.run("get", stdin=data, environ=environ))

        assert error.startswith(why)
        assert error.endswith(FORM)
    assert machine.aws.count() == {}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://ghcr.io/v2/", "ghcr.io"),
        (f"https://{HOST}@ghcr.io/v2/", "ghcr.io"),
        (f"https://{HOST}:x@ghcr.io/v2/", "ghcr.io"),
        (f"https://ghcr.io/{HOST}", "ghcr.io"),
        (f"https://{HOST}.example.com/", f"{HOST}.example.com"),
        ("https://api.ecr.us-east-1.amazonaws.com/", "api.ecr.us-east-1.amazonaws.com"),
        (f"https://evil-starport-layer-bucket.s3.example.com/{LAYERS}", "evil-starport"),
        ("https://prod-a.b-starport-layer-bucket.s3.us-east-1.amazonaws.com/", "prod-a.b"),
        ("https://[::1]:443/", "https://[::1]:443/"),
        (f"https://ghcr.io\\@{HOST}/", f"{HOST}/"),
        (f"//{HOST}/", f"//{HOST}/"),
        (f"https://{HOST[:12]}\uff0e{HOST[13:]}/", "https://"),
        ("https://user:secret-word@ghcr.io/", "ghcr.io"),
    ],
)
@pytest.mark.parametrize("rules", [None, 'fallback = "missing"\n'])
def test_another_host_is_an_error_without_a_token(
    machine: Machine, uri: str, shown: str, rules: str | None
) -> None:
    """The specification wants an error, and Bazel then downloads without credentials.

    The fallback is a helper for Docker, and is not run.
    """
    machine.login()
    if rules:
        machine.settings(rules)
    for _ in range(2):
        error = bazel.refused(bazel.ask(machine, uri))

        assert error.startswith(shown)
        assert "is not an ECR registry, and no rule names it; let Bazel ask" in error
        assert "secret-word" not in error
    assert machine.aws.count() == {}
    if not rules:
        assert machine.get("ghcr.io").stdout == NOT_FOUND


def test_a_rule_names_a_private_host(machine: Machine) -> None:
    """Its token is from the cache the second time; other hosts stay without one."""
    machine.login()
    machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
    for _ in range(2):
        found = bazel.decode(bazel.ask(machine, "https://images.example.com/v2/"))
        assert found.login[1] in machine.aws.issued
        assert "no rule names it" in bazel.refused(bazel.ask(machine, "https://ghcr.io/v2/"))

    assert machine.get("ghcr.io").stdout == NOT_FOUND
    assert "no rule names it" in bazel.refused(bazel.ask(machine, "https://ghcr.io/v2/"))
    assert machine.aws.count() == {"ecr": 1}


def test_a_layers_storage_needs_no_headers(machine: Machine) -> None:
    """Its URI is signed: S3 refuses a request with credentials beside that."""
    machine.login()
    result = bazel.ask(machine, f"https://{LAYERS}/abc?X-Amz-Signature=0123")

    assert bazel.decode(result) == bazel.Credentials({})
    assert machine.aws.count() == {}


def test_a_download_follows_the_redirect_to_the_storage(docker_host: DockerHost) -> None:
    """A layer arrives with the answers of the helper alone."""
    (digest,) = [name for name, body in docker_host.small.blobs.items() if b"layer of" in body]
    done = bazel.download(docker_host.machine, f"https://{HOST}/v2/team/app/blobs/{digest}")

    assert (done.status, done.body) == (200, docker_host.small.blobs[digest])
    assert done.asked == [HOST, LAYERS]


def test_ecr_public_works_without_aws_credentials(machine: Machine) -> None:
    """Pulls work there without any."""
    uri = f"https://{PUBLIC}/v2/"
    assert bazel.decode(bazel.ask(machine, uri)) == bazel.Credentials({})

    machine.login()
    assert bazel.decode(bazel.ask(machine, uri)).login[1] in machine.aws.issued


def test_the_time_limit_holds(machine: Machine) -> None:
    """Before Bazel ends the helper, it has the cause."""
    machine.login()
    machine.aws.faults["ecr"] = machine.aws.faults["ecr-public"] = world.delay(30)

    assert "1 s" in bazel.refused(bazel.ask(machine, URI, AWS_ECR_TIMEOUT="1"))
    public = bazel.ask(machine, f"https://{PUBLIC}/v2/", AWS_ECR_TIMEOUT="1")
    assert bazel.decode(public) == bazel.Credentials({})


def test_a_failure_is_an_error_on_standard_error(machine: Machine) -> None:
    """It is the line that Docker gets, which says the cause and the cure."""
    error = bazel.refused(bazel.ask(machine, URI))

    assert error == machine.get().error
    assert "no AWS credentials" in error


def test_a_token_that_cannot_be_refreshed_is_kept_for_a_minute(machine: Machine) -> None:
    """The older token still works; the client asks again soon, and never after its end."""
    machine.login()
    machine.aws.token_life = 600
    kept = bazel.decode(bazel.ask(machine, URI)).login
    (token,) = [path for path in machine.entries() if path.name.startswith("ecr@")]
    _age(token, 400)
    machine.aws.faults["ecr"] = world.say(b"", 503)
    for _ in range(2):  # the second is answered while the refresh is deferred
        found = bazel.decode(bazel.ask(machine, URI))

        assert found.login == kept
        assert found.expires is not None
        assert time.time() - 2 <= found.expires <= time.time() + 60


def _age(token: Path, seconds: int) -> None:
    """Make an entry older."""
    entry, subject = cache.read_any(str(token))
    back = seconds * cache.SECOND
    times = entry.written - back, entry.refresh - back, entry.expires - back
    made = cache.Entry(*times, entry.reply, entry.booted, inputs=entry.inputs, origin=entry.origin)
    entry_file.write(str(token), subject, made)


def test_a_stored_login_is_given_until_it_expires(machine: Machine) -> None:
    """Its characters are those that were stored."""
    secret = 'quote " backslash \\ \u00fc:\u20ac'
    login = {"ServerURL": HOST, "Username": "robot", "Secret": secret}
    machine.run("store", stdin=json.dumps(login).encode())
    found = bazel.decode(bazel.ask(machine, URI))

    assert found.login == ("robot", secret)
    assert found.expires is not None
    assert time.time() + LIFE - 60 <= found.expires <= time.time() + LIFE


def test_the_other_actions_are_dockers_alone(machine: Machine) -> None:
    """`store` takes a login and `erase` an address: neither takes the object with a URI."""
    machine.login()
    stored = machine.run("store", stdin=bazel.make_request(URI))
    assert stored == Result(1, b"no credentials server URL\n", b"")

    first = bazel.ask(machine, URI)
    assert machine.run("erase", stdin=bazel.make_request(URI)) == Result(0, b"", b"")
    assert bazel.ask(machine, URI) == first


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + HOST.encode(), b"\xef", b"[]", b'"{}"'])
def test_other_input_is_dockers(machine: Machine, data: bytes) -> None:
    """What does not begin as an object is an address, and Docker's text says it is none of ECR."""
    assert machine.run("get", stdin=data) == Result(1, NOT_FOUND, b"")
