"""Reports about what the registry, and the storage behind it, answer."""

import json
from collections.abc import Callable

from tests.world.accounts import A
from tests.world.broken_setups import Broken, Way, changed
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.engine_host import ELSEWHERE
from tests.world.failures import Failure
from tests.world.machine import HOST
from tests.world.registry import LAYERS, LAYERS_UPSTREAM, PUBLIC, SmallRegistry, refuse_storage
from tests.world.web import Hangup, Request, Response

_ARN = "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"
_PUBLIC_IMAGE = f"{PUBLIC}/team/app:1"


def _answer(
    docker_host: DockerHost, chosen: Callable[[Request], bool], answer: Callable[[], Response]
) -> Callable[[], object]:
    """Let chosen requests get another answer; return the repair."""
    docker_host.instead = lambda request: answer() if chosen(request) else None
    return docker_host.answer_as_usual


def _from_storage(request: Request) -> bool:
    return request.host in (LAYERS, LAYERS_UPSTREAM)


def _for_manifest(request: Request) -> bool:
    return request.host == HOST and "/manifests/" in request.path


def _refuse(status: int, message: str, code: str = "DENIED") -> Callable[[], Response]:
    body = {"errors": [{"code": code, "message": message}]}
    return lambda: Response(status, json.dumps(body).encode())


def _open(docker_host: DockerHost, host: str, direct: str) -> str:
    """Return the cure where a machine has a proxy, and where it has none."""
    proxied = "HTTPS_PROXY" in docker_host.machine.environ
    return f"allow {host} in the proxy" if proxied else direct


def _hang_up() -> Response:
    raise Hangup


def endpoint_policy_without_the_layers(docker_host: DockerHost) -> Broken:
    refusal = refuse_storage(403, "AccessDenied", "Access Denied")
    repair = _answer(docker_host, _from_storage, lambda: refusal)
    return Broken(
        "image",
        f"{LAYERS} answers HTTP 403 AccessDenied: Access Denied",
        f"allow s3:GetObject on {_ARN} in the policy of the VPC's S3 endpoint",
        repair,
    )


def security_group_without_storage(docker_host: DockerHost) -> Broken:
    repair = _answer(docker_host, _from_storage, _hang_up)
    return Broken(
        "image",
        f"the layers of {IMAGE} cannot be downloaded",
        _open(docker_host, LAYERS, "add an S3 gateway endpoint (com.amazonaws.us-east-1.s3)"),
        repair,
    )


def page_of_a_firewall_for_the_layers(docker_host: DockerHost) -> Broken:
    page = Response(403, b"<html>Blocked by policy</html>", {"Content-Type": "text/html"})
    repair = _answer(docker_host, _from_storage, lambda: page)
    fix = "a proxy or firewall answers in S3's place: allow "
    return Broken("image", f"{LAYERS} answers HTTP 403", fix, repair)


def portal_for_the_layers(docker_host: DockerHost) -> Broken:
    portal = ELSEWHERE
    away = Response(302, b"", {"Location": f"https://{portal}/login"})
    page = Response(200, b"<html>Log in</html>", {"Content-Type": "text/html"})

    def answer(request: Request) -> Response | None:
        return page if request.host == portal else away if _from_storage(request) else None

    docker_host.instead = answer
    return Broken(
        "image",
        f"from {LAYERS}: {portal} delivers a page (text/html)",
        "a proxy or firewall answers in S3's place: allow ",
        docker_host.answer_as_usual,
    )


def image_of_windows(docker_host: DockerHost) -> Broken:
    other = SmallRegistry()  # one that a real engine's registry stands beside
    other.image("team/app", "1", platform="windows/amd64")
    docker_host.instead = lambda request: (
        other.handle(request) if request.host == HOST and "/team/app/" in request.path else None
    )
    return Broken(
        "image",
        f"{IMAGE} is an image for windows/amd64: docker on Linux cannot use it",
        "build it for linux",
        docker_host.answer_as_usual,
    )


def index_of_windows(docker_host: DockerHost) -> Broken:
    index = _make_index("windows/amd64", "windows/arm64")
    return Broken(
        "image",
        "it has: windows/amd64, windows/arm64, and none for Linux",
        "build it for linux/",
        _answer(docker_host, _for_manifest, index),
    )


def index_of_attestations(docker_host: DockerHost) -> Broken:
    return Broken(
        "image",
        f"{IMAGE} is an index that lists no image",
        "create it again, from images that are pushed",
        _answer(docker_host, _for_manifest, _make_index("unknown/unknown")),
    )


def empty_index(docker_host: DockerHost) -> Broken:
    return Broken(
        "image",
        f"{IMAGE} is an index that lists no image",
        "create it again, from images that are pushed",
        _answer(docker_host, _for_manifest, _make_index()),
    )


def key_that_s3_refuses(docker_host: DockerHost) -> Broken:
    message = "The ciphertext refers to a customer master key that does not exist"
    refusal = refuse_storage(403, "AccessDenied", message)
    return Broken(
        "image",
        f"{LAYERS} answers HTTP 403 AccessDenied: {message}",
        "enable the repository's KMS key or cancel its deletion",
        _answer(docker_host, _from_storage, lambda: refusal),
    )


def layers_at_the_upstreams_cdn(docker_host: DockerHost) -> Broken:
    docker_host.front.storage = LAYERS_UPSTREAM
    _answer(docker_host, _from_storage, _hang_up)

    def allow() -> None:
        docker_host.front.storage = ""
        docker_host.instead = lambda _: None

    seen = f"the layers of {IMAGE} cannot be downloaded"
    direct = f"allow HTTPS to {LAYERS_UPSTREAM} in the firewall"
    return Broken("image", seen, _open(docker_host, LAYERS_UPSTREAM, direct), allow)


def storage_that_does_not_resolve(docker_host: DockerHost) -> Broken:
    docker_host.front.storage = host = LAYERS.replace(".com", ".invalid")
    direct = changed(docker_host, "NO_PROXY", f"127.0.0.1,localhost,{host}")

    def resolve() -> None:
        docker_host.front.storage = ""
        direct()

    seen = f"cannot be downloaded: the name of https://{host} does not resolve"
    return Broken("image", seen, f"let this network's DNS server resolve {host}", resolve)


def redirect_to_nowhere(docker_host: DockerHost) -> Broken:
    def of_blob(request: Request) -> bool:
        return request.host == HOST and request.method == "GET" and "/blobs/" in request.path

    repair = _answer(docker_host, of_blob, lambda: Response(307, b"", {"Location": "//["}))
    seen = "redirects the download of a layer to no valid address"
    return Broken("image", seen, "check any proxy in between", repair)


def _make_index(*platforms: str) -> Callable[[], Response]:
    entries = []
    for number, name in enumerate(platforms):
        system, _, machine = name.partition("/")
        platform = {"os": system, "architecture": machine}
        kind = "application/vnd.oci.image.manifest.v1+json"
        digest = f"sha256:{number:064}"
        entries.append({"mediaType": kind, "digest": digest, "size": 2, "platform": platform})
    kind = "application/vnd.oci.image.index.v1+json"
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
    return lambda: Response(200, json.dumps(index).encode(), {"Content-Type": kind})


def index_without_this_platform(docker_host: DockerHost) -> Broken:
    index = _make_index("linux/s390x", "linux/mips64le", "unknown/unknown")
    return Broken(
        "image",
        "it has: linux/s390x, linux/mips64le",
        "pull one of these with --platform",
        _answer(docker_host, _for_manifest, index),
    )


def platform_of_a_variable(docker_host: DockerHost) -> Broken:
    _answer(docker_host, _for_manifest, _make_index("linux/amd64", "linux/arm64"))
    unset = changed(docker_host, "DOCKER_DEFAULT_PLATFORM", "linux/s390x")

    def repair() -> None:
        unset()
        docker_host.instead = lambda _: None

    seen = "has no image for linux/s390x; it has: linux/amd64, linux/arm64"
    return Broken("image", seen, "change or unset DOCKER_DEFAULT_PLATFORM", repair)


def archived_image(docker_host: DockerHost) -> Broken:
    missing = _refuse(404, "Requested image not found", "MANIFEST_UNKNOWN")
    described = json.dumps({"imageDetails": [{"imageTags": ["1"], "imageStatus": "ARCHIVED"}]})

    def answer(request: Request) -> Response | None:
        if request.headers.get("X-Amz-Target", "").endswith(".DescribeImages"):
            return Response(200, described.encode())
        return missing() if _for_manifest(request) else None

    docker_host.instead = answer
    return Broken(
        "image",
        f"{IMAGE} is there and cannot be pulled: it is archived",
        "restore it",
        docker_host.answer_as_usual,
    )


def image_that_may_be_archived(docker_host: DockerHost) -> Broken:
    """Deny what would tell an archived image from one that was never pushed."""
    docker_host.machine.aws.denied.add((docker_host.user.arn, "ecr:DescribeImages"))
    return Broken(
        "image",
        "team/app has no tag '9', or it is archived, which ECR does not tell: "
        f"{docker_host.user.arn} may not call ecr:DescribeImages",
        repair=lambda: docker_host.publish("team/app", "9"),
        image=f"{HOST}/team/app:9",
    )


def upstream_that_refuses_ecr(docker_host: DockerHost) -> Broken:
    message = "The authentication to the upstream registry failed. Verify that the credentials in"
    message += " Secrets Manager are valid"
    return Broken(
        "image",
        "manifest of",
        "renew the credentials in the Secrets Manager secret",
        _answer(docker_host, _for_manifest, _refuse(403, message)),
    )


def upstream_with_a_limit(docker_host: DockerHost) -> Broken:
    message = "The upstream registry limits the rate of requests"
    return Broken(
        "image",
        "HTTP 429 TOOMANYREQUESTS",
        "give the cache rule credentials in Secrets Manager",
        _answer(docker_host, _for_manifest, _refuse(429, message, "TOOMANYREQUESTS")),
    )


def _deny(action: str, who: str, resource: str, kind: str) -> Callable[[], Response]:
    message = f"User: {who} is not authorized to perform: {action} on resource: {resource}"
    return _refuse(403, f"{message} because no {kind} allows the {action} action")


def signing_of_a_cached_image(docker_host: DockerHost) -> Broken:
    who = f"arn:aws:sts::{A}:assumed-role/AWSServiceRoleForECRPullThroughCache/ecr"
    profile = f"arn:aws:signer:us-east-1:{A}:/signing-profiles/ours"
    refusal = _deny("signer:SignPayload", who, profile, "identity-based policy")
    return Broken(
        "image",
        f"{who} is not permitted signer:SignPayload: HTTP 403",
        "exclude the repositories of the cache rule from the registry's signing rules",
        _answer(docker_host, _for_manifest, refusal),
    )


def endpoint_policy_without_the_registry(docker_host: DockerHost) -> Broken:
    resource = f"arn:aws:ecr:us-east-1:{A}:repository/team/app"
    refusal = _deny("ecr:BatchGetImage", docker_host.user.arn, resource, "VPC endpoint policy")
    return Broken(
        "image",
        "because no VPC endpoint policy allows the ecr:BatchGetImage action",
        "in the policy of the VPC endpoint com.amazonaws.us-east-1.ecr.dkr",
        _answer(docker_host, _for_manifest, refusal),
    )


def import_that_is_not_permitted(docker_host: DockerHost) -> Broken:
    docker_host.front.pull_through.add("team")
    action = "ecr:BatchImportUpstreamImage"
    docker_host.front.denied[HOST] = {(docker_host.user.arn, action)}
    return Broken(
        "image",
        f"is not permitted {action}: HTTP 403",
        f"allow {action} on team/app in the identity's policy",
        docker_host.front.denied.clear,
    )


def repository_that_a_push_would_create(docker_host: DockerHost) -> Broken:
    return Broken(
        "image",
        f"there is no repository 'team/new' in account {A} in us-east-1",
        "a push creates it only by a repository creation template for create-on-push",
        lambda: docker_host.publish("team/new", "1"),
        image=f"{HOST}/team/new:1",
    )


def key_that_is_disabled(docker_host: DockerHost) -> Broken:
    refusal = _refuse(403, "KMS key is disabled", "KMS_EXCEPTION")
    repair = _answer(docker_host, _for_manifest, refusal)
    return Broken("image", "KMS key is disabled", "enable the KMS key of the repository", repair)


def private_name_that_redirects(docker_host: DockerHost) -> Broken:
    away = Response(307, b"", {"Location": f"https://{PUBLIC}/v2/"})
    repair = _answer(docker_host, lambda request: request.host == HOST, lambda: away)
    seen = f"HTTP 307: it redirects to https://{PUBLIC}"
    return Broken("registry", seen, "docker does not send the token to another host", repair)


def _limited(message: str) -> Way:
    def anonymous_limit(docker_host: DockerHost) -> Broken:
        docker_host.configure(credHelpers={PUBLIC: "ecr-login"})
        for name in docker_host.user.environ:
            del docker_host.machine.environ[name]
        refusal = _refuse(429, message, "TOOMANYREQUESTS")

        def is_anonymous(request: Request) -> bool:
            basic = request.headers.get("Authorization", "").startswith("Basic ")
            return request.host == PUBLIC and request.path == "/token/" and not basic

        _answer(docker_host, is_anonymous, refusal)
        return Broken(
            "registry",
            f"{message}: this pull is anonymous",
            "authenticate, since anonymous pulls have low limits for each address: run 'aws",
            lambda: docker_host.machine.environ.update(docker_host.user.environ),
            image=_PUBLIC_IMAGE,
        )

    return anonymous_limit


DOCTOR: dict[str, Way] = {
    "ecr-guide#8 an S3 endpoint policy without the bucket": endpoint_policy_without_the_layers,
    "guardbench#4 a security group that is closed to S3": security_group_without_storage,
    "setup a firewall's page in place of the layer": page_of_a_firewall_for_the_layers,
    "setup a login page that S3's name leads to": portal_for_the_layers,
    "setup a KMS key that does not exist": key_that_s3_refuses,
    "for-win#4116 an image for Windows without an index": image_of_windows,
    "setup an index for Windows alone": index_of_windows,
    "setup an index of attestations alone": index_of_attestations,
    "setup an index of nothing": empty_index,
    "roadmap#2304 layers that are at the upstream's CDN": layers_at_the_upstreams_cdn,
    "setup a bucket that DNS does not know": storage_that_does_not_resolve,
    "setup a proxy that spoils redirects": redirect_to_nowhere,
    "amazon-linux#127 no matching manifest in the index": index_without_this_platform,
    "setup DOCKER_DEFAULT_PLATFORM left over": platform_of_a_variable,
    "roadmap#2750 an image that a lifecycle policy has archived": archived_image,
    "setup an image that may be archived": image_that_may_be_archived,
    "roadmap#2354 the upstream registry refuses ECR's login": upstream_that_refuses_ecr,
    "setup the upstream registry's limit": upstream_with_a_limit,
    "roadmap#2830 managed signing of a cached image": signing_of_a_cached_image,
    "setup an endpoint policy without the repository": endpoint_policy_without_the_registry,
    "buildkite-stack#1270 no ecr:BatchImportUpstreamImage": import_that_is_not_permitted,
    "roadmap#853 a repository that no push has created": repository_that_a_push_would_create,
    "setup a KMS key that is disabled": key_that_is_disabled,
    "facade#2 a private name that redirects to ECR": private_name_that_redirects,
    "lambda-adapter#595 the data limit of anonymous pulls": _limited("Data limit exceeded"),
}

ERRORS: dict[str, Failure] = {}
