"""The check on whether an image can be pulled."""

import re
import shlex
import sys
from http import HTTPStatus

from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Check, CheckId
from docker_credential_ecrpy.doctor.checks.registry import explain_image_reply
from docker_credential_ecrpy.doctor.checks.storage import explain_download
from docker_credential_ecrpy.doctor.facts import EcrFacts
from docker_credential_ecrpy.doctor.platforms import suits
from docker_credential_ecrpy.doctor.probes.engine import Engine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.trace import PullTrace

_ID = CheckId.IMAGE
_NO_SUCH = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")
_ARCHIVED_STATUS = ("ARCHIVED", "ACTIVATING")
_ARCHIVED = re.compile(r"(?i)\barchiv")
_FIRST_MANIFEST = 2  # replies: the base and the manifest
_LINUX = "linux"
_MOST_PLATFORMS = 8  # in a message


def check_image(facts: EcrFacts) -> Check:
    """Judge whether an image can be pulled."""
    image, pull = facts.image, facts.pull
    if image.mistake:
        seen = f"{one_line(image.repository)}: {image.mistake}"
        return Check(_ID, FAIL, seen, "correct the name")
    if pull is None or isinstance(pull, HelperError) or len(pull.replies) == 1:
        return Check(_ID, SKIP, "not requested: the registry was not reached")
    last = pull.replies[-1]
    if pull.is_unsuitable:
        return _explain_platform(facts, pull)
    if last.status < HTTPStatus.BAD_REQUEST and last.what != "manifest":
        return _judge_download(facts, pull)
    if last.status == HTTPStatus.NOT_FOUND and _is_archived(facts, pull):
        return _explain_archived(facts)
    if last.status == HTTPStatus.NOT_FOUND and last.code in _NO_SUCH:
        return _explain_missing(_ID, facts, pull)
    if last.status == HTTPStatus.OK:
        return Check(_ID, SKIP, "not checked: the index has no image of its own")
    if last.status == HTTPStatus.NOT_FOUND and last.what != "base":
        seen = f"{image.name} is incomplete: its {last.what} is not there"
        return Check(_ID, FAIL, seen, "push the image again")
    return explain_image_reply(_ID, image.name, last, facts)


def _judge_download(facts: EcrFacts, pull: "PullTrace") -> Check:
    shown, download = facts.image.name, facts.download
    if download and not download.works:
        podman = facts.machine.for_podman
        return explain_download(_ID, shown, download, facts.choice.registry, podman=podman)
    if pull.artifact:
        client = facts.machine.client
        seen = f"{shown} is no container image but {pull.artifact}: {client} cannot pull it"
        return Check(
            _ID, WARN, seen, "pull it with the client that pushed it, such as helm or oras"
        )
    platform = download.platform if download else pull.image_platform
    if wrong := _judge_platform(facts, pull, platform):
        return wrong
    took = sum(reply.milliseconds for reply in pull.replies[1:])
    source = ""
    if download and not isinstance(download.reply, HelperError):
        took += download.reply.milliseconds
        source = f" from {download.redirect.host},"
    seen = f"{shown} can be pulled: manifest, config and one layer,{source} in {took} ms"
    return Check(_ID, PASS, seen)


def _explain_platform(facts: EcrFacts, pull: "PullTrace") -> Check:
    """Judge an index without the platform that Docker pulls."""
    client, image = facts.machine.client, facts.image
    if not pull.platforms:
        seen = f"{image.name} is an index that lists no image: {client} has nothing to pull"
        return Check(_ID, FAIL, seen, "create it again, from images that are pushed")
    listed = ", ".join(pull.platforms[:_MOST_PLATFORMS])
    seen = f"{image.name} has no image for {pull.platform}; it has: {listed}"
    name = "DOCKER_DEFAULT_PLATFORM"
    environ, podman = facts.machine.environ, facts.machine.for_podman
    asked = environ.get(name)
    if asked and podman:
        return Check(_ID, SKIP, f"the platform is not checked: podman does not read {name}")
    if asked:
        fix = f"change or unset {name}: it is {one_line(asked)!r}"
        return Check(_ID, FAIL, seen, fix, f"unset {name}")
    status = WARN if _is_elsewhere(facts) else FAIL
    near = [name for name in pull.platforms if name.startswith("linux/")]
    if not near:
        return Check(_ID, status, f"{seen}, and none for Linux", f"build it for {pull.platform}")
    fix = "pull one of these with --platform, which runs by emulation, or build it for"
    fix += f" {pull.platform}"
    command = f"{client} pull --platform {shlex.quote(near[0])} {shlex.quote(image.name)}"
    return Check(_ID, status, seen, fix, command)


def _judge_platform(facts: EcrFacts, pull: "PullTrace", found: str) -> Check | None:
    """Judge the platform of an image without an index, which docker takes without a choice."""
    elsewhere = _is_elsewhere(facts)
    system, _, machine = found.partition("/")
    if not machine or (elsewhere and system == _LINUX):
        return None
    if system != _LINUX:
        seen = f"{facts.image.name} is an image for {found}:"
        seen += f" {facts.machine.client} on Linux cannot use it"
        fix = f"build it for {_LINUX}, or pull it where docker runs containers of {system}"
        return Check(_ID, WARN if elsewhere else FAIL, seen, fix)
    if suits(found, pull.platform):
        return None
    seen = f"{facts.image.name} can be pulled, and is for {found}: on {pull.platform} it runs by"
    fix = f"build it for {pull.platform}, or pull it on a machine for {found}"
    return Check(_ID, WARN, f"{seen} emulation or not at all", fix)


def _is_elsewhere(facts: EcrFacts) -> bool:
    """Whether the engine may have another platform: that of another machine, or of Windows."""
    engine = facts.machine.engine
    address = engine.address if isinstance(engine, Engine) else ""
    environ, podman = facts.machine.environ, facts.machine.for_podman
    named = environ.get("CONTAINER_HOST", "") if podman else environ.get("DOCKER_HOST", "")
    address = address or named
    return sys.platform == "win32" or address.startswith(("tcp://", "ssh://"))


def _is_archived(facts: EcrFacts, pull: "PullTrace") -> bool:
    """Whether ECR says so, in its API or in the words of the registry."""
    image, last = facts.image, pull.replies[-1]
    if last.code == "NAME_UNKNOWN":
        return False
    if isinstance(facts.image_status, str) and facts.image_status:
        return facts.image_status in _ARCHIVED_STATUS
    said = last.message.replace(image.repository, "").replace(image.reference, "")
    return bool(_ARCHIVED.search(said))


def _explain_archived(facts: EcrFacts) -> Check:
    image, found = facts.image, facts.choice.registry
    if facts.image_status == "ACTIVATING":
        seen = f"{image.name} is being restored from the archive"
        return Check(_ID, FAIL, seen, "try again: it takes up to 20 minutes")
    seen = f"{image.name} is there and cannot be pulled: it is archived"
    kind = "imageDigest" if ":" in image.reference else "imageTag"
    command = f"aws ecr update-image-storage-class --repository-name {image.repository}"
    command += f" --image-id {kind}={image.reference} --target-storage-class STANDARD"
    command += f" --registry-id {found.account} --region {found.region}"
    return Check(
        _ID, FAIL, seen, "restore it, which takes up to 20 minutes, or push it again", command
    )


def _explain_missing(check_id: CheckId, facts: EcrFacts, pull: "PullTrace") -> Check:
    image, found, client = facts.image, facts.choice.registry, facts.machine.client
    if pull.replies[-1].code == "NAME_UNKNOWN":
        whose = f"account {found.account} in {found.region}" if found.account else facts.host
        seen = f"there is no repository {image.repository!r} in {whose}"
        if other := facts.other_host:
            seen += f": the region is wrong, {other} has it"
            command = f"{client} pull {replace(image, host=other).name}"
            return Check(check_id, FAIL, seen, f"pull it from {other}", command)
        if found.public:
            fix = "check its name, as https://gallery.ecr.aws has it: <registry alias>/<repository>"
            return Check(check_id, FAIL, seen, fix)
        fix = "check its name, the account and the region; a push creates it only by a repository"
        fix += " creation template for create-on-push, and a pull by a pull-through cache rule"
        return Check(check_id, FAIL, seen, fix)
    if len(pull.replies) > _FIRST_MANIFEST:
        seen = f"{image.name} is an index, and its image for {pull.platform} is not there"
        fix = "push it again, and keep the lifecycle policy from expiring the images of an index"
        return Check(check_id, FAIL, seen, fix)
    what = "digest" if ":" in image.reference else "tag"
    seen = f"{image.repository} has no {what} {image.reference!r}"
    if isinstance(facts.image_status, HelperError):
        seen += f", or it is archived, which ECR does not tell: {facts.image_status.message}"
    if not pull.tags:
        return Check(check_id, FAIL, seen, "check what was pushed")
    seen += f"; there are: {', '.join(pull.tags)}"
    near = f"{client} pull {shlex.quote(replace(image, reference=pull.tags[0]).name)}"
    return Check(check_id, FAIL, seen, "pull an existing tag", near)
