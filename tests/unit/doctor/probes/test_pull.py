"""Facts about what is asked of a registry itself, and what is made of its answers."""

import base64
import json
import platform
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.aws.deadline import Watch, within
from docker_credential_ecrpy.doctor.probes import pull, replies
from docker_credential_ecrpy.doctor.probes.http import HttpAnswer
from docker_credential_ecrpy.doctor.probes.pull import PullTrace, Reply
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import patterns
from docker_credential_ecrpy.settings.rules import Choice, Place, Rule
from tests.world.aws import ACCOUNT, EXPIRED_TEXT
from tests.world.machine import HOST, Machine
from tests.world.registry import LAYERS, PUBLIC, RegistryFront, SmallRegistry
from tests.world.web import Authority, Hangup, Request, Response, WebServer

ARN = f"arn:aws:iam::{ACCOUNT}:user/dev"
ALL = ["base", "manifest", "layer check", "layer"]


@dataclass
class Shop:
    """A stage on which registries are asked, in this process."""

    machine: Machine
    small: SmallRegistry
    front: RegistryFront
    requests: list[Request] = field(default_factory=list)
    instead: Callable[[Request], Response | None] = lambda _: None
    """Answers in the place of a registry, or None to let it answer."""
    log: list[str] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        return self.instead(request) or self.front.handle(request)

    def token(self, service: str = "ecr", region: str = "us-east-1") -> tuple[str, str]:
        """Return the login of one who may do all."""
        return "AWS", self.machine.aws.password(ARN, region, service)

    def visit(
        self,
        repository: str = "team/app",
        reference: str = "1",
        login: tuple[str, str] | None = None,
        host: str = HOST,
        watch: Watch | None = None,
    ) -> PullTrace:
        found = registry.parse(host)
        watch = watch or Watch()
        choice = Choice(found) if found else _private(host)
        return pull.trace_pull(choice, host, repository, reference, login, watch, self.log.append)

    def fails(self, host: str = HOST) -> str:
        """Return the error of a visit with a good token."""
        with pytest.raises(HelperError) as caught:
            self.visit(login=self.token(), host=host)
        return str(caught.value)

    def asked(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.requests]


def _private(host: str) -> Choice:
    target = registry.parse(HOST)
    assert target is not None
    pattern = patterns.parse("images.example.com")
    rule = Rule(pattern, {"match": Place("config.toml")}, registry=target)
    return Choice(target.standing_in(host=host), rule)


@pytest.fixture(name="shop")
def _shop(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name, text in machine.environ.items():
        monkeypatch.setenv(name, text)
    small = SmallRegistry()
    shop = Shop(machine, small, RegistryFront(machine.aws, small))
    machine.server.handler = shop.handle
    small.image("team/app", "1")
    yield shop
    own = {HOST, PUBLIC, "images.example.com", "localhost"}
    assert {request.host for request in shop.requests} <= own


def whats(found: PullTrace) -> list[str]:
    return [reply.what for reply in found.replies]


def said(status: int, body: object, **headers: str) -> Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, text, {"Content-Type": "application/json", **headers})


class TestPull:
    """A pull that works."""

    def test_everything_that_it_asks(self, shop: Shop) -> None:
        """The base, the manifest, and one layer, whose bytes elsewhere are not gone after."""
        found = shop.visit(login=shop.token())
        digest = shop.small.repositories["team/app"]["1"]
        layer = next(digest for digest, body in shop.small.blobs.items() if b"layer" in body)

        assert [(reply.what, reply.status) for reply in found.replies] == [
            ("base", 200),
            ("manifest", 200),
            ("layer check", 200),
            ("layer", 307),
        ]
        assert (found.digest, found.tags) == (digest, ())
        assert shop.asked() == [
            "GET /v2/",
            "GET /v2/team/app/manifests/1",
            f"HEAD /v2/team/app/blobs/{layer}",
            f"GET /v2/team/app/blobs/{layer}",
        ]
        assert shop.requests[-1].headers["Range"] == "bytes=0-0"
        assert all(reply.code == reply.message == reply.action == "" for reply in found.replies)
        assert all(0 <= reply.milliseconds < 10_000 for reply in found.replies)

    def test_by_digest(self, shop: Shop) -> None:
        """As good as by tag."""
        digest = shop.small.repositories["team/app"]["1"]

        assert shop.visit(reference=digest, login=shop.token()).digest == digest

    def test_a_registry_with_its_own_layers(self, shop: Shop) -> None:
        """Its first byte is enough; more than is wanted of one that sends all is not read."""
        shop.small.layers_elsewhere = False
        assert shop.visit(login=shop.token()).replies[-1].status == 206

        big = shop.small.blobs
        big.update(dict.fromkeys(big, bytes(10_000_000)))
        shop.instead = lambda r: said(200, bytes(10_000_000)) if r.headers["Range"] else None
        assert shop.visit(login=shop.token()).replies[-1].status == 200

    @pytest.mark.parametrize(("repository", "reference"), [("", ""), ("", "1"), ("team/app", "")])
    def test_without_an_image(self, shop: Shop, repository: str, reference: str) -> None:
        """Only the base is asked."""
        found = shop.visit(repository, reference, shop.token())

        assert whats(found) == ["base"]
        assert shop.asked() == ["GET /v2/"]

    def test_a_private_name(self, shop: Shop) -> None:
        """The registry's own answers, under the name that is asked."""
        shop.front.aliases["images.example.com"] = HOST
        found = shop.visit(login=shop.token(), host="images.example.com")

        assert whats(found) == ALL
        assert {request.host for request in shop.requests} == {"images.example.com"}

    def test_an_index_leads_to_this_machines_image(self, shop: Shop) -> None:
        """Linux's, for this processor; and to the first where none is for it."""
        ours = {"x86_64": "amd64", "aarch64": "arm64"}.get(m := platform.machine().lower(), m)
        images = shop.small.index("team/app", "many", ("linux/s390x", f"linux/{ours}"))
        found = shop.visit(reference="many", login=shop.token())

        assert whats(found) == ["base", "manifest", *ALL[1:]]
        assert found.digest == shop.small.repositories["team/app"]["many"]
        assert shop.asked()[2] == f"GET /v2/team/app/manifests/{images[f'linux/{ours}']}"

        images = shop.small.index("team/app", "far", ("linux/s390x", "linux/mips"))
        shop.visit(reference="far", login=shop.token())
        assert f"GET /v2/team/app/manifests/{images['linux/s390x']}" in shop.asked()

    def test_an_image_without_layers_of_its_own(self, shop: Shop) -> None:
        """Its config is asked for."""
        digest = "sha256:" + "c" * 64
        manifest = {
            "layers": [{"digest": "sha256:" + "a" * 64, "urls": ["https://example.com"]}],
            "config": {"digest": digest},
        }
        shop.instead = lambda r: said(200, manifest) if "manifests" in r.path else None
        found = shop.visit(login=shop.token())

        assert shop.asked()[-1] == f"HEAD /v2/team/app/blobs/{digest}"
        assert (found.replies[-1].what, found.replies[-1].status) == ("layer check", 404)


class TestPublic:
    """ECR Public, which gives tokens to all."""

    @pytest.mark.parametrize("anonymous", [True, False])
    def test_a_pull(self, shop: Shop, anonymous: bool) -> None:
        """With the token that its realm gives for the repository, by password or without."""
        login = None if anonymous else shop.token("ecr-public")
        found = shop.visit(login=login, host=PUBLIC)

        assert whats(found) == ALL
        assert shop.front.anonymous_tokens == anonymous
        scope = "scope=repository%3Ateam%2Fapp%3Apull"
        assert shop.asked()[1] == f"GET /token/?service={PUBLIC}&{scope}"

    def test_the_base_alone(self, shop: Shop) -> None:
        """With the scope that it asks for itself."""
        assert whats(shop.visit("", "", host=PUBLIC)) == ["base"]
        assert shop.asked() == ["GET /v2/", f"GET /token/?service={PUBLIC}&scope=aws", "GET /v2/"]

    def test_a_bad_login(self, shop: Shop) -> None:
        """Is refused, where none would have done; no IAM action would help."""
        found = shop.visit(login=("AWS", "old"), host=PUBLIC)
        text = "Your Authorization Token is invalid."

        (reply,) = found.replies
        assert (reply.status, reply.code, reply.message) == (403, "DENIED", text)
        assert reply.action == ""

    def test_what_it_refuses_is_no_action_of_ecrs(self, shop: Shop) -> None:
        """ECR Public has no such actions."""
        shop.instead = lambda r: said(403, {}) if "manifests" in r.path else None

        assert shop.visit(host=PUBLIC).replies[-1].action == ""

    def test_an_image_that_is_not_there(self, shop: Shop) -> None:
        """In its own words."""
        reply = shop.visit("nothing", host=PUBLIC).replies[-1]

        assert (reply.status, reply.code) == (404, "NAME_UNKNOWN")

    @pytest.mark.parametrize(
        "realm",
        [
            "https://evil.example.com/token/",
            f"http://{PUBLIC}/token/",
            f"https://{PUBLIC}:444/token/",
            f"https://{PUBLIC}@evil.example.com/",
            f"https://{PUBLIC}\\@evil.example.com/",
            f"https://evil.example.com\\.{PUBLIC}/",
            f"https://x@{PUBLIC}/token/",
            f"//{PUBLIC}/token/",
            "https://[/",
            "",
        ],
    )
    @pytest.mark.parametrize("login", [None, ("AWS", "hunter2")], ids=["anonymous", "login"])
    def test_a_realm_elsewhere_gets_nothing(
        self, shop: Shop, realm: str, login: tuple[str, str] | None
    ) -> None:
        """Neither the password nor a request; and it is told where it wanted one."""
        challenge = f'Bearer realm="{realm}",service="x"'
        shop.instead = lambda _: Response(401, b"", {"WWW-Authenticate": challenge})
        found = shop.visit(login=login, host=PUBLIC)

        (reply,) = found.replies
        assert (reply.what, reply.status) == ("base", 401)
        assert reply.message.startswith("it wants a token from elsewhere: ")
        assert shop.asked() == ["GET /v2/"]
        assert "hunter2" not in repr((found, shop.log))

    @pytest.mark.parametrize(
        "answer",
        [b"x", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nb"}', b'{"token": ""}'],
    )
    def test_a_token_that_is_none(self, shop: Shop, answer: bytes) -> None:
        """Is not sent anywhere."""
        shop.instead = lambda r: said(200, answer) if r.path == "/token/" else None

        with pytest.raises(HelperError, match="did not answer as a registry does"):
            shop.visit(host=PUBLIC)


class TestRefusals:
    """What stands in a pull's way."""

    def test_no_login(self, shop: Shop) -> None:
        """A private registry wants one."""
        (reply,) = shop.visit().replies

        assert (reply.what, reply.status, reply.action) == ("base", 401, "")

    @pytest.mark.parametrize("at", ["base", "manifest"])
    def test_an_expired_token(self, shop: Shop, at: str) -> None:
        """Wherever that is noticed, no permission is what is missing."""
        refusal = said(403, {"errors": [{"code": "DENIED", "message": EXPIRED_TEXT}]})
        shop.instead = lambda r: (
            refusal if at in ("base", *r.path.split("s/")[0].split("/")) else None
        )
        reply = shop.visit(login=shop.token()).replies[-1]

        assert reply == Reply(at, 403, "DENIED", EXPIRED_TEXT, "", reply.milliseconds)

    def test_a_token_of_another_region(self, shop: Shop) -> None:
        """ECR words it as an expired one."""
        reply = shop.visit(login=shop.token(region="eu-west-1")).replies[-1]

        assert (reply.what, reply.status, reply.message) == ("base", 403, EXPIRED_TEXT)

    @pytest.mark.parametrize(
        ("action", "at", "named"),
        [
            ("ecr:BatchGetImage", "manifest", True),
            ("ecr:BatchCheckLayerAvailability", "layer check", False),
            ("ecr:GetDownloadUrlForLayer", "layer", True),
            ("ecr:BatchImportUpstreamImage", "manifest", True),
            ("ecr:CreateRepository", "manifest", True),
        ],
    )
    def test_a_missing_permission(self, shop: Shop, action: str, at: str, named: bool) -> None:
        """Is the one that ECR names, and else (an answer to HEAD has no text) what it needs."""
        shop.front.pull_through.add("team")
        shop.front.denied[HOST] = {(ARN, action)}
        reply = shop.visit(login=shop.token()).replies[-1]

        assert (reply.what, reply.status, reply.action) == (at, 403, action)
        assert (f"User: {ARN} is not authorized to perform: {action}" in reply.message) is named

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": []}', b'{"errors": {}}'])
    @pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 500, 502, 503])
    def test_an_error_without_words(self, shop: Shop, status: int, body: bytes) -> None:
        """Its status is told, and the permission that the request needs."""
        shop.instead = lambda r: said(status, body) if "manifests" in r.path else None
        reply = shop.visit(login=shop.token()).replies[-1]

        action = "ecr:BatchGetImage" if status == 403 else ""
        assert reply == Reply("manifest", status, "", "", action, reply.milliseconds)

    def test_an_errors_words_are_bounded(self, shop: Shop) -> None:
        """One line of each, without control characters and what looks secret."""
        words = {"code": "X" * 5000, "message": "a\n\x1b[31m " + "s3cr" * 10 + " b" * 9000}
        shop.instead = lambda _: said(403, {"errors": [words]})
        (reply,) = shop.visit(login=shop.token()).replies

        assert len(reply.code) <= 80
        assert len(reply.message) <= 400
        assert reply.message.startswith("a ?[31m [redacted] b b")

    @pytest.mark.parametrize("at", ["/v2/", "/v2/team/app/manifests/1"])
    def test_a_redirect_is_not_followed(self, shop: Shop, at: str) -> None:
        """No pull goes on after it, but for a layer's."""
        away = Response(302, b"", {"Location": "https://evil.example.com/"})
        shop.instead = lambda r: away if r.path == at else None
        found = shop.visit(login=shop.token())

        assert found.replies[-1].status == 302
        assert shop.asked()[-1] == f"GET {at}"


class TestNotThere:
    """Repositories and tags that are not there."""

    def test_a_repository(self, shop: Shop) -> None:
        """Is told in ECR's words, and no tags are asked for."""
        found = shop.visit("team/ap", login=shop.token())

        assert found.replies[-1].code == "NAME_UNKNOWN"
        assert found.replies[-1].message == (
            f"The repository with name 'team/ap' does not exist in the registry with id '{ACCOUNT}'"
        )
        assert (found.tags, len(shop.requests)) == ((), 2)

    def test_near_tags(self, shop: Shop) -> None:
        """Five at most, the nearest first, from all pages."""
        for tag in ("v1.2.3", "v1.2.4", "v1.3.3", "v9.2.3", "v1.2.33", "v1.2", "latest", "edge"):
            shop.small.image("team/app", tag)
        shop.small.page = 3
        found = shop.visit(reference="v1.2.5", login=shop.token())

        assert found.replies[-1].code == "MANIFEST_UNKNOWN"
        assert found.replies[-1].message == "Requested image not found"
        assert len(found.tags) == 5
        assert set(found.tags[:2]) == {"v1.2.3", "v1.2.4"}
        assert shop.asked()[2:] == [
            "GET /v2/team/app/tags/list?n=1000",
            "GET /v2/team/app/tags/list?n=3&last=latest",
            "GET /v2/team/app/tags/list?n=3&last=v1.2.33",
        ]

    def test_no_near_tags(self, shop: Shop) -> None:
        """The first ones."""
        for number in range(2, 9):
            shop.small.image("team/app", str(number))

        found = shop.visit(reference="production", login=shop.token())
        assert found.tags == ("1", "2", "3", "4", "5")

    def test_a_digest(self, shop: Shop) -> None:
        """Is not like any tag."""
        found = shop.visit(reference="sha256:" + "0" * 64, login=shop.token())

        assert (found.replies[-1].code, found.tags) == ("MANIFEST_UNKNOWN", ())
        assert len(shop.requests) == 2

    def test_only_so_many_pages(self, shop: Shop) -> None:
        """Of a repository with any number of tags."""
        for number in range(20):
            shop.small.image("team/app", f"t{number:02}")
        shop.small.page = 2
        shop.visit(reference="t", login=shop.token())

        assert len(shop.requests) == 2 + pull.TAG_PAGES

    def test_without_permission_to_list(self, shop: Shop) -> None:
        """There are none, and the finding is the image's."""
        shop.front.denied[HOST] = {(ARN, "ecr:ListImages")}
        found = shop.visit(reference="2", login=shop.token())

        assert (found.tags, found.replies[-1].code) == ((), "MANIFEST_UNKNOWN")

    def _hangup(self) -> Response:
        raise Hangup

    @pytest.mark.parametrize("how", ["reset", "not JSON", "not tags", "odd tags", "a link away"])
    def test_a_list_that_is_none(self, shop: Shop, how: str) -> None:
        """Is no finding, and leads nowhere else."""
        link = '<https://evil.example.com/v2/team/app/tags/list>; rel="next"'
        answers: dict[str, Callable[[], Response]] = {
            "reset": self._hangup,
            "not JSON": lambda: said(200, b"<html>"),
            "not tags": lambda: said(200, {"tags": [1, None]}),
            "odd tags": lambda: said(200, {"tags": ["a b", "\x1b[31m", "x" * 129, "-"]}),
            "a link away": lambda: said(200, {"tags": []}, Link=link),
        }
        shop.instead = lambda r: answers[how]() if "tags" in r.path else None
        found = shop.visit(reference="2", login=shop.token())

        assert (found.tags, found.replies[-1].code) == ((), "MANIFEST_UNKNOWN")
        assert len(shop.requests) == 3


class TestUnlike:
    """What is no registry."""

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"null",
            b"[]",
            b"7",
            b"{}",
            b"[" * 100_000,
            b'{"manifests": []}',
            b'{"manifests": {}}',
            b'{"manifests": [{"digest": "../../_catalog"}]}',
            b'{"layers": [{"digest": "sha256:0"}]}',
            b'{"layers": [7], "config": {}}',
            b'{"layers": "abc"}',
            b"{" + b" " * 5_000_000 + b"}",
        ],
        ids=lambda body: body[:50].decode(),
    )
    def test_a_manifest(self, shop: Shop, body: bytes) -> None:
        """Nothing in it is followed."""
        shop.instead = lambda r: said(200, body) if "manifests" in r.path else None

        assert f"https://{HOST} did not answer as a registry does; check " in shop.fails()
        assert len(shop.requests) == 2

    def test_an_index_in_an_index(self, shop: Shop) -> None:
        """Is not gone into."""
        index = {"manifests": [{"digest": "sha256:" + "0" * 64, "platform": None}]}
        shop.instead = lambda r: said(200, index) if "manifests" in r.path else None

        assert whats(shop.visit(login=shop.token())) == ["base", "manifest", "manifest"]

    def test_a_page_to_sign_in_on(self, shop: Shop) -> None:
        """As networks put in the place of every site."""
        page = Response(200, b"<html>", {"Content-Type": "text/html; charset=utf-8"})
        shop.instead = lambda _: page

        assert "did not answer as a registry does" in shop.fails()

    def test_a_digest_that_is_none(self, shop: Shop) -> None:
        """Is not told."""
        header = {"Docker-Content-Digest": "sha256:\x1b[31m"}
        shop.instead = lambda r: (
            said(404, b"")
            if "blobs" in r.path
            else (
                said(200, {"config": {"digest": "sha256:" + "0" * 64}}, **header)
                if "manifests" in r.path
                else None
            )
        )

        assert shop.visit(login=shop.token()).digest == ""


class TestConnection:
    """Registries that cannot be asked."""

    def test_untrusted(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The certificate is the cause, and a bundle the cure."""
        bundle = Authority().write_bundle(shop.machine.root / "other.pem")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        error = shop.fails()

        assert f"the TLS certificate of https://{HOST} is not trusted: " in error
        assert "AWS_CA_BUNDLE" in error
        assert shop.requests == []

    def test_trust_is_also_requests_own_setting(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As it is for botocore."""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", shop.machine.environ["AWS_CA_BUNDLE"])
        monkeypatch.delenv("AWS_CA_BUNDLE")

        assert whats(shop.visit(login=shop.token())) == ALL

    def test_the_proxy_is_not_there(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is named, without its password."""
        monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9")
        error = shop.fails()

        assert error.startswith("the proxy http://127.0.0.1:9 does not answer; ")
        assert "hunter2" not in error + repr(shop.log)

    def test_it_refuses(self, shop: Shop) -> None:
        """An address where nobody listens."""
        error = shop.fails(host="127.0.0.1:9")

        assert error.startswith("https://127.0.0.1:9 refuses the connection; ")

    def test_it_is_asked_directly(self, shop: Shop) -> None:
        """Where NO_PROXY has it so; a port is part of the address."""
        shop.front.aliases["localhost"] = HOST
        with WebServer(shop.handle, authority=shop.machine.authority, tls=True) as server:
            host = f"localhost:{server.port}"
            assert whats(shop.visit(login=shop.token(), host=host)) == ALL

            def hang_up(_: Request) -> Response:
                raise Hangup

            shop.instead = hang_up
            del shop.requests[:]
            assert f"https://{host} broke off the connection; " in shop.fails(host)
        assert len(shop.requests) == 1

    def test_it_does_not_answer(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not before the time for reading is up."""
        monkeypatch.setattr(pull, "READ_SECONDS", 0.3)
        shop.instead = lambda _: time.sleep(2)
        error = shop.fails()

        assert error.startswith(f"https://{HOST} took the request and did not answer it; ")

    def test_it_stops_in_the_middle(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a body that it said would be longer."""
        monkeypatch.setattr(pull, "READ_SECONDS", 0.3)
        shop.instead = lambda _: Response(200, b"{", {"Content-Length": "2"})

        assert f"https://{HOST} took the request and did not answer it; " in shop.fails()

    def test_a_deadline_names_who_is_waited_for(self, shop: Shop) -> None:
        """The registry."""
        shop.instead = lambda _: time.sleep(6)

        with pytest.raises(
            DeadlineExceeded, match=f"no answer from the registry at https://{HOST}"
        ):
            within(3, lambda watch: shop.visit(login=shop.token(), watch=watch))


def test_the_password_is_in_nothing_that_is_told(shop: Shop) -> None:
    """Neither in the log nor in what is returned; and it is sent to the registry alone."""
    login = shop.token()
    found = shop.visit(login=login)
    basic = base64.b64encode(":".join(login).encode()).decode()
    told = repr((found, shop.log))

    assert login[1] not in told
    assert basic not in told
    assert {request.headers["Authorization"] for request in shop.requests} == {f"Basic {basic}"}
    assert shop.log[-1].endswith(": HTTP 307")
    assert not any(LAYERS in line for line in shop.log)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "code", "message", "manifests", "layers", "config", "digest", "urls"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_error_has_a_code_and_a_message(document: object) -> None:
    """Each a line, whatever JSON it is."""
    answer = HttpAnswer(400, {}, json.dumps(document).encode(), whole=True, milliseconds=1)

    for text in replies.error(answer):
        assert text.isprintable()
        assert len(text) <= 400


@given(JSON)
def test_any_manifest_leads_to_a_digest_or_is_none(document: object) -> None:
    """It raises nothing but what is taken for a wrong answer."""
    try:
        kind, digest = replies.leads_to(document)
    except replies.NOT_UNDERSTOOD:
        return
    assert kind in {"manifests", "blobs"}
    assert digest.startswith("sha256:")
