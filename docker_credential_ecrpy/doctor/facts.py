"""The facts of one registry or image, which the checks of `doctor` judge."""

from http import HTTPStatus

from docker_credential_ecrpy.docker import credential_lookup
from docker_credential_ecrpy.docker.config import Login
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.machine import Machine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.cache import Entry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.lookup import CacheHit
from docker_credential_ecrpy.tokens.token import login_in_reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.aws import CallerIdentity, EndpointProbe, Preview
    from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply
    from docker_credential_ecrpy.doctor.probes.trace import PullTrace


@dataclass(frozen=True)
class TokenFact:
    """hit: the token's place in the cache; None where it was fetched just now.

    is_stored: whether the cache holds it for the next request.
    """

    entry: Entry
    hit: CacheHit | None
    milliseconds: int
    is_stored: bool

    def login(self) -> tuple[str, str]:
        """Return user name and password."""
        return login_in_reply(self.entry.reply)


@dataclass(frozen=True)
class Download:
    """A download from the storage that the registry redirects to.

    platform: the image's, from its config, or "".
    """

    redirect: "Redirect"
    reply: "StorageReply | HelperError"
    platform: str = ""

    @property
    def works(self) -> bool:
        """Whether the storage delivers the blob, and nothing in its place."""
        reply = self.reply
        if isinstance(reply, HelperError):
            return False
        return reply.status < HTTPStatus.BAD_REQUEST and not reply.instead


@dataclass(frozen=True)
class Facts:
    """The facts of one registry, which the checks judge; the host is empty for none.

    choice: None where the host is not ECR's. now: nanoseconds since the epoch (UTC).
    sent: the registry's replies to the login that Docker sends, where that is not our token.
    """

    machine: Machine
    image: Image
    now: int
    choice: Choice | HelperError | None
    sent: "PullTrace | HelperError | None" = None

    @property
    def host(self) -> str:
        """The registry's host, with its port where it is not one of ECR's own, or ""."""
        return self.image.host

    @property
    def is_ecrs(self) -> bool:
        """Whether the host is one of ECR's, even where our settings cannot be used."""
        return self.choice is not None or registry.parse(self.host) is not None

    @property
    def mechanism(self) -> credential_lookup.CredentialSource | None:
        """Where the client gets the credentials; None where its file cannot be read."""
        machine = self.machine
        if machine.for_podman:
            return machine.lookup_in_podman(self.host, self.image.repository)
        return machine.lookup(self.host)

    def find_refusal(self, login: Login | None) -> int:
        """Return the status with which the registry refuses a login; 0 where it may accept it."""
        if login and login.expires is not None and login.expires <= self.now:
            return HTTPStatus.FORBIDDEN
        found, sent = self.mechanism, self.sent
        if sent is None or isinstance(sent, HelperError) or not (found and login == found.login):
            return 0
        status = sent.replies[-1].status
        return status if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else 0


@dataclass(frozen=True, kw_only=True)
class EcrFacts(Facts):
    """Those of an ECR registry, with the results of network calls.

    caller, pull: None where no call was made, as there is nothing to authenticate with.
    image_status: ECR's, such as "ARCHIVED", of an image that the registry does not give; "" for
    one that ECR does not have, or was not asked for.
    download: the first one that fails, or else the last; None where the registry needs no storage.
    other_host: another region's host that has the image which the registry does not know, or "".
    """

    choice: Choice
    preview: "Preview | HelperError"
    endpoint: "EndpointProbe | HelperError"
    caller: "CallerIdentity | HelperError | None"
    token: TokenFact | HelperError
    pull: "PullTrace | HelperError | None"
    download: Download | None
    other_host: str
    image_status: str | HelperError = ""
