"""Facts about the requests of a pull, and how the replies are understood."""

import base64
import platform
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.doctor.probes import pull
from docker_credential_ecrpy.doctor.probes.trace import Reply
from docker_credential_ecrpy.errors import HelperError
from tests.world.aws import ACCOUNT, EXPIRED_TEXT
from tests.world.machine import HOST
from tests.world.pull_host import ARN, STEPS, PullHost, list_steps, make_answer
from tests.world.registry import LAYERS, PUBLIC
from tests.world.web import Hangup, Response

pytestmark = pytest.mark.in_process


class TestPull:
    """A pull that works."""

    def test_everything_that_it_asks(self, pull_host: PullHost) -> None:
        """It requests the base, the manifest, the config and one layer, and follows no redirect."""
        found = pull_host.trace(login=pull_host.token())
        digest = pull_host.small.repositories["team/app"]["1"]
        layer, config = pull_host.small.blobs

        assert [(reply.what, reply.status) for reply in found.replies] == [
            ("base", 200),
            ("manifest", 200),
            ("config", 307),
            ("layer check", 200),
            ("layer", 307),
        ]
        assert (found.digest, found.tags) == (digest, ())
        assert pull_host.asked() == [
            "GET /v2/",
            "GET /v2/team/app/manifests/1",
            f"GET /v2/team/app/blobs/{config}",
            f"HEAD /v2/team/app/blobs/{layer}",
            f"GET /v2/team/app/blobs/{layer}",
        ]
        assert pull_host.requests[-1].headers["Range"] == "bytes=0-0"
        assert all(reply.code == reply.message == reply.action == "" for reply in found.replies)
        assert all(0 <= reply.milliseconds < 10_000 for reply in found.replies)
        of_config, of_layer = found.redirects
        assert of_config.url.startswith(f"https://{LAYERS}/{config}?")
        assert of_layer.url.startswith(f"https://{LAYERS}/{layer}?")

    def test_by_digest(self, pull_host: PullHost) -> None:
        """A digest works like a tag."""
        digest = pull_host.small.repositories["team/app"]["1"]

        assert pull_host.trace(reference=digest, login=pull_host.token()).digest == digest

    def test_a_registry_with_its_own_layers(self, pull_host: PullHost) -> None:
        """It requests one byte, and reads no more of a registry that sends all."""
        pull_host.front.layers_elsewhere = False
        found = pull_host.trace(login=pull_host.token())
        assert (found.replies[-1].status, found.redirects) == (206, ())

        big = pull_host.small.blobs
        big.update(dict.fromkeys(big, bytes(10_000_000)))
        pull_host.instead = lambda r: (
            make_answer(200, bytes(10_000_000)) if r.headers["Range"] else None
        )
        assert pull_host.trace(login=pull_host.token()).replies[-1].status == 200

    @pytest.mark.parametrize(("repository", "reference"), [("", ""), ("", "1"), ("team/app", "")])
    def test_without_an_image(self, pull_host: PullHost, repository: str, reference: str) -> None:
        """Only the base is requested."""
        found = pull_host.trace(repository, reference, pull_host.token())

        assert list_steps(found) == ["base"]
        assert pull_host.asked() == ["GET /v2/"]

    def test_a_private_name(self, pull_host: PullHost) -> None:
        """The requests go to the private name, and the replies are the registry's."""
        pull_host.front.aliases["images.example.com"] = HOST
        found = pull_host.trace(login=pull_host.token(), host="images.example.com")

        assert list_steps(found) == STEPS
        assert {request.host for request in pull_host.requests} == {"images.example.com"}

    def test_an_index_leads_to_this_machines_image(self, pull_host: PullHost) -> None:
        """It is Linux's for this processor."""
        ours = {"x86_64": "amd64", "aarch64": "arm64"}.get(m := platform.machine().lower(), m)
        images = pull_host.small.index("team/app", "many", ("linux/s390x", f"linux/{ours}"))
        found = pull_host.trace(reference="many", login=pull_host.token())

        assert list_steps(found) == ["base", "manifest", *STEPS[1:]]
        assert found.digest == pull_host.small.repositories["team/app"]["many"]
        assert found.platforms == ()
        assert pull_host.asked()[2] == f"GET /v2/team/app/manifests/{images[f'linux/{ours}']}"

    def test_an_index_without_this_machines_image(self, pull_host: PullHost) -> None:
        """Its platforms are returned, without attestations, and nothing else is requested."""
        pull_host.small.index("team/app", "far", ("linux/s390x", "linux/mips", "unknown/unknown"))
        found = pull_host.trace(reference="far", login=pull_host.token())

        assert list_steps(found) == ["base", "manifest"]
        assert found.platforms == ("linux/s390x", "linux/mips")

    @pytest.mark.parametrize("platforms", [(), ("unknown/unknown",)])
    def test_an_index_without_images(self, pull_host: PullHost, platforms: tuple[str, ...]) -> None:
        """Docker finds nothing in it to pull."""
        pull_host.small.index("team/app", "none", platforms)
        found = pull_host.trace(reference="none", login=pull_host.token())

        assert (list_steps(found), found.is_unsuitable) == (["base", "manifest"], True)
        assert found.platforms == ()

    def test_the_platform_of_a_config(self, pull_host: PullHost) -> None:
        """A registry without storage delivers the config itself."""
        pull_host.front.layers_elsewhere = False
        pull_host.small.image("team/app", "2", platform="windows/amd64")
        found = pull_host.trace(reference="2", login=pull_host.token())

        assert (list_steps(found), found.image_platform) == (STEPS, "windows/amd64")

    def test_the_platform_that_a_variable_asks_for(
        self, pull_host: PullHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """DOCKER_DEFAULT_PLATFORM counts, as for `docker pull`."""
        monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/s390x")
        images = pull_host.small.index("team/app", "many", ("linux/mips", "linux/s390x"))
        found = pull_host.trace(reference="many", login=pull_host.token())

        assert (found.platform, found.platforms) == ("linux/s390x", ())
        assert pull_host.asked()[2] == f"GET /v2/team/app/manifests/{images['linux/s390x']}"

    def test_an_image_without_layers_of_its_own(self, pull_host: PullHost) -> None:
        """Its config is requested."""
        digest = "sha256:" + "c" * 64
        manifest = {
            "layers": [{"digest": "sha256:" + "a" * 64, "urls": ["https://example.com"]}],
            "config": {"digest": digest},
        }
        pull_host.instead = lambda r: make_answer(200, manifest) if "manifests" in r.path else None
        found = pull_host.trace(login=pull_host.token())

        assert pull_host.asked()[-1] == f"GET /v2/team/app/blobs/{digest}"
        assert (found.replies[-1].what, found.replies[-1].status) == ("config", 404)


class TestPublic:
    """ECR Public, which gives tokens to all."""

    @pytest.mark.parametrize("anonymous", [True, False])
    def test_a_pull(self, pull_host: PullHost, anonymous: bool) -> None:
        """Its realm gives a bearer token for the repository, with or without a login."""
        login = None if anonymous else pull_host.token("ecr-public")
        found = pull_host.trace(login=login, host=PUBLIC)

        assert list_steps(found) == STEPS
        assert pull_host.front.anonymous_tokens == anonymous
        scope = "scope=repository%3Ateam%2Fapp%3Apull"
        assert pull_host.asked()[1] == f"GET /token/?service={PUBLIC}&{scope}"

    def test_the_base_alone(self, pull_host: PullHost) -> None:
        """The scope is the challenge's own."""
        assert list_steps(pull_host.trace("", "", host=PUBLIC)) == ["base"]
        assert pull_host.asked() == [
            "GET /v2/",
            f"GET /token/?service={PUBLIC}&scope=aws",
            "GET /v2/",
        ]

    def test_a_bad_login(self, pull_host: PullHost) -> None:
        """It is refused, and no IAM action is named."""
        found = pull_host.trace(login=("AWS", "old"), host=PUBLIC)
        text = "Your Authorization Token is invalid."

        (reply,) = found.replies
        assert (reply.status, reply.code, reply.message) == (403, "DENIED", text)
        assert reply.action == ""

    def test_what_it_refuses_is_no_action_of_ecrs(self, pull_host: PullHost) -> None:
        """ECR Public has no such actions."""
        pull_host.instead = lambda r: make_answer(403, {}) if "manifests" in r.path else None

        assert pull_host.trace(host=PUBLIC).replies[-1].action == ""

    def test_an_image_that_is_not_there(self, pull_host: PullHost) -> None:
        """The reply has ECR Public's own text."""
        reply = pull_host.trace("nothing", host=PUBLIC).replies[-1]

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
        self, pull_host: PullHost, realm: str, login: tuple[str, str] | None
    ) -> None:
        """It gets no request and no password, and the reply names it."""
        challenge = f'Bearer realm="{realm}",service="x"'
        pull_host.instead = lambda _: Response(401, b"", {"WWW-Authenticate": challenge})
        found = pull_host.trace(login=login, host=PUBLIC)

        (reply,) = found.replies
        assert (reply.what, reply.status) == ("base", 401)
        assert reply.message.startswith("it requires a token from another server: ")
        assert pull_host.asked() == ["GET /v2/"]
        assert "hunter2" not in repr((found, pull_host.log))

    @pytest.mark.parametrize(
        "answer",
        [b"x", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nb"}', b'{"token": ""}'],
    )
    def test_a_token_that_is_none(self, pull_host: PullHost, answer: bytes) -> None:
        """An invalid bearer token is not sent."""
        pull_host.instead = lambda r: make_answer(200, answer) if r.path == "/token/" else None

        with pytest.raises(HelperError, match="did not answer like a registry"):
            pull_host.trace(host=PUBLIC)


class TestRefusals:
    """Replies after which a pull fails."""

    def test_no_login(self, pull_host: PullHost) -> None:
        """A private registry refuses it."""
        (reply,) = pull_host.trace().replies

        assert (reply.what, reply.status, reply.action) == ("base", 401, "")

    @pytest.mark.parametrize("at", ["base", "manifest"])
    def test_an_expired_token(self, pull_host: PullHost, at: str) -> None:
        """No missing permission is named, whichever request fails."""
        refusal = make_answer(403, {"errors": [{"code": "DENIED", "message": EXPIRED_TEXT}]})
        pull_host.instead = lambda r: (
            refusal if at in ("base", *r.path.split("s/")[0].split("/")) else None
        )
        reply = pull_host.trace(login=pull_host.token()).replies[-1]

        assert reply == Reply(at, 403, "DENIED", EXPIRED_TEXT, "", reply.milliseconds)

    def test_a_token_of_another_region(self, pull_host: PullHost) -> None:
        """ECR's text is that of an expired one."""
        reply = pull_host.trace(login=pull_host.token(region="eu-west-1")).replies[-1]

        assert (reply.what, reply.status, reply.message) == ("base", 403, EXPIRED_TEXT)

    @pytest.mark.parametrize(
        ("action", "at", "named"),
        [
            ("ecr:BatchGetImage", "manifest", True),
            ("ecr:BatchCheckLayerAvailability", "layer check", False),
            ("ecr:GetDownloadUrlForLayer", "config", True),
            ("ecr:BatchImportUpstreamImage", "manifest", True),
            ("ecr:CreateRepository", "manifest", True),
        ],
    )
    def test_a_missing_permission(
        self, pull_host: PullHost, action: str, at: str, named: bool
    ) -> None:
        """It is the action that ECR names, or else (a reply to HEAD has no text) the one needed."""
        pull_host.front.pull_through.add("team")
        pull_host.front.denied[HOST] = {(ARN, action)}
        reply = pull_host.trace(login=pull_host.token()).replies[-1]

        assert (reply.what, reply.status, reply.action) == (at, 403, action)
        assert (f"User: {ARN} is not authorized to perform: {action}" in reply.message) is named

    @pytest.mark.parametrize(
        "words",
        [
            "The authentication to the upstream registry failed. Verify the credentials",
            "Unable to access the secret in Secrets Manager",
            "KMS key is disabled",
            "The image is archived",
        ],
    )
    def test_a_refusal_with_a_cause_of_its_own(self, pull_host: PullHost, words: str) -> None:
        """No permission of the request is named."""
        refusal = make_answer(403, {"errors": [{"code": "DENIED", "message": words}]})
        pull_host.instead = lambda r: refusal if "manifests" in r.path else None

        assert pull_host.trace(login=pull_host.token()).replies[-1].action == ""

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": []}', b'{"errors": {}}'])
    @pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 500, 502, 503])
    def test_an_error_without_words(self, pull_host: PullHost, status: int, body: bytes) -> None:
        """The reply has its status, and the permission that the request needs."""
        pull_host.instead = lambda r: make_answer(status, body) if "manifests" in r.path else None
        reply = pull_host.trace(login=pull_host.token()).replies[-1]

        action = "ecr:BatchGetImage" if status == 403 else ""
        assert reply == Reply("manifest", status, "", "", action, reply.milliseconds)

    def test_an_errors_words_are_bounded(self, pull_host: PullHost) -> None:
        """Each text is one line, without control characters and secrets."""
        words = {"code": "X" * 5000, "message": "a\n\x1b[31m " + "s3cr" * 10 + " b" * 9000}
        pull_host.instead = lambda _: make_answer(403, {"errors": [words]})
        (reply,) = pull_host.trace(login=pull_host.token()).replies

        assert len(reply.code) <= 80
        assert len(reply.message) <= 400
        assert reply.message.startswith("a [redacted] b b")

    @pytest.mark.parametrize("at", ["/v2/", "/v2/team/app/manifests/1"])
    def test_a_redirect_is_not_followed(self, pull_host: PullHost, at: str) -> None:
        """A pull ends at a redirect, except for a layer's."""
        away = Response(302, b"", {"Location": "https://evil.example.com/"})
        pull_host.instead = lambda r: away if r.path == at else None
        found = pull_host.trace(login=pull_host.token())

        assert found.replies[-1].status == 302
        assert found.replies[-1].message == "it redirects to https://evil.example.com"
        assert pull_host.asked()[-1] == f"GET {at}"


class TestNotThere:
    """Repositories and tags that are not there."""

    def test_a_repository(self, pull_host: PullHost) -> None:
        """The reply has ECR's text, and no tags are requested."""
        found = pull_host.trace("team/ap", login=pull_host.token())

        assert found.replies[-1].code == "NAME_UNKNOWN"
        assert found.replies[-1].message == (
            f"The repository with name 'team/ap' does not exist in the registry with id '{ACCOUNT}'"
        )
        assert (found.tags, len(pull_host.requests)) == ((), 2)

    def test_near_tags(self, pull_host: PullHost) -> None:
        """There are five at most, the nearest first, from all pages."""
        for tag in ("v1.2.3", "v1.2.4", "v1.3.3", "v9.2.3", "v1.2.33", "v1.2", "latest", "edge"):
            pull_host.small.image("team/app", tag)
        pull_host.small.page = 3
        found = pull_host.trace(reference="v1.2.5", login=pull_host.token())

        assert found.replies[-1].code == "MANIFEST_UNKNOWN"
        assert found.replies[-1].message == "Requested image not found"
        assert len(found.tags) == 5
        assert set(found.tags[:2]) == {"v1.2.3", "v1.2.4"}
        assert pull_host.asked()[2:] == [
            "GET /v2/team/app/tags/list?n=1000",
            "GET /v2/team/app/tags/list?n=3&last=latest",
            "GET /v2/team/app/tags/list?n=3&last=v1.2.33",
        ]

    def test_no_near_tags(self, pull_host: PullHost) -> None:
        """The first tags are returned."""
        for number in range(2, 9):
            pull_host.small.image("team/app", str(number))

        found = pull_host.trace(reference="production", login=pull_host.token())
        assert found.tags == ("1", "2", "3", "4", "5")

    def test_a_digest(self, pull_host: PullHost) -> None:
        """No tags are requested for a digest."""
        found = pull_host.trace(reference="sha256:" + "0" * 64, login=pull_host.token())

        assert (found.replies[-1].code, found.tags) == ("MANIFEST_UNKNOWN", ())
        assert len(pull_host.requests) == 2

    def test_only_so_many_pages(self, pull_host: PullHost) -> None:
        """The number of pages has a limit."""
        for number in range(20):
            pull_host.small.image("team/app", f"t{number:02}")
        pull_host.small.page = 2
        pull_host.trace(reference="t", login=pull_host.token())

        assert len(pull_host.requests) == 2 + pull.TAG_PAGES

    def test_without_permission_to_list(self, pull_host: PullHost) -> None:
        """There are no tags, and the reply is that of the manifest."""
        pull_host.front.denied[HOST] = {(ARN, "ecr:ListImages")}
        found = pull_host.trace(reference="2", login=pull_host.token())

        assert (found.tags, found.replies[-1].code) == ((), "MANIFEST_UNKNOWN")

    def _hangup(self) -> Response:
        raise Hangup

    @pytest.mark.parametrize("how", ["reset", "not JSON", "not tags", "odd tags", "a link away"])
    def test_a_list_that_is_none(self, pull_host: PullHost, how: str) -> None:
        """An invalid list is ignored, and no other host is called."""
        link = '<https://evil.example.com/v2/team/app/tags/list>; rel="next"'
        answers: dict[str, Callable[[], Response]] = {
            "reset": self._hangup,
            "not JSON": lambda: make_answer(200, b"<html>"),
            "not tags": lambda: make_answer(200, {"tags": [1, None]}),
            "odd tags": lambda: make_answer(200, {"tags": ["a b", "\x1b[31m", "x" * 129, "-"]}),
            "a link away": lambda: make_answer(200, {"tags": []}, Link=link),
        }
        pull_host.instead = lambda r: answers[how]() if "tags" in r.path else None
        found = pull_host.trace(reference="2", login=pull_host.token())

        assert (found.tags, found.replies[-1].code) == ((), "MANIFEST_UNKNOWN")
        assert len(pull_host.requests) == 3


class TestUnlike:
    """Answers that are not those of a registry."""

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
            b'{"manifests": [{"digest": "../../_catalog"}]}',
            b'{"layers": [{"digest": "sha256:0"}]}',
            b'{"layers": [7], "config": {}}',
            b'{"layers": "abc"}',
            b"{" + b" " * 5_000_000 + b"}",
        ],
        ids=lambda body: body[:50].decode(),
    )
    def test_a_manifest(self, pull_host: PullHost, body: bytes) -> None:
        """Nothing in an invalid manifest is followed."""
        pull_host.instead = lambda r: make_answer(200, body) if "manifests" in r.path else None

        assert f"https://{HOST} did not answer like a registry; check " in pull_host.fails()
        assert len(pull_host.requests) == 2

    def test_an_index_in_an_index(self, pull_host: PullHost) -> None:
        """An index in an index is not followed."""
        index = {"manifests": [{"digest": "sha256:" + "0" * 64, "platform": None}]}
        pull_host.instead = lambda r: make_answer(200, index) if "manifests" in r.path else None

        assert list_steps(pull_host.trace(login=pull_host.token())) == [
            "base",
            "manifest",
            "manifest",
        ]

    def test_a_page_to_sign_in_on(self, pull_host: PullHost) -> None:
        """A login page of a network is an error."""
        page = Response(200, b"<html>", {"Content-Type": "text/html; charset=utf-8"})
        pull_host.instead = lambda _: page

        assert "did not answer like a registry" in pull_host.fails()

    def test_a_digest_that_is_none(self, pull_host: PullHost) -> None:
        """An invalid digest is not returned."""
        header = {"Docker-Content-Digest": "sha256:\x1b[31m"}
        pull_host.instead = lambda r: (
            make_answer(404, b"")
            if "blobs" in r.path
            else (
                make_answer(200, {"config": {"digest": "sha256:" + "0" * 64}}, **header)
                if "manifests" in r.path
                else None
            )
        )

        assert pull_host.trace(login=pull_host.token()).digest == ""


def test_the_password_is_in_nothing_that_is_told(pull_host: PullHost) -> None:
    """It is not in the log and not in the result, and is sent to the registry only."""
    login = pull_host.token()
    found = pull_host.trace(login=login)
    basic = base64.b64encode(":".join(login).encode()).decode()
    told = repr((found, pull_host.log))

    assert login[1] not in told
    assert basic not in told
    assert {request.headers["Authorization"] for request in pull_host.requests} == {
        f"Basic {basic}"
    }
    assert pull_host.log[-1].endswith(": HTTP 307")
    assert not any(LAYERS in line for line in pull_host.log)
