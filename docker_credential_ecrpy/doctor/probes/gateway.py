"""The calls to AWS and to registries that `explain` and `doctor` need; each has a time limit.

As in `aws.gateway`, the modules that import the AWS SDK are imported when a call is made. Each
function raises HelperError.
"""

from docker_credential_ecrpy.aws.deadline import Watch, within
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.aws import CallerIdentity, EndpointProbe, Preview
    from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply
    from docker_credential_ecrpy.doctor.probes.trace import PullTrace


def preview(choice: Choice, seconds: float, log: Log) -> "Preview":
    """Return the credential source and the endpoint of a fetch, without a network call."""

    def call(watch: Watch) -> "Preview":
        from docker_credential_ecrpy.doctor.probes import aws

        return aws.preview(choice, watch, log)

    return within(seconds, call)


def identify_caller(choice: Choice, seconds: float, log: Log) -> "CallerIdentity":
    """Return the identity that STS sees."""

    def call(watch: Watch) -> "CallerIdentity":
        from docker_credential_ecrpy.doctor.probes import aws

        return aws.identify_caller(choice, watch, log)

    return within(seconds, call)


def probe_endpoint(choice: Choice, seconds: float, log: Log) -> "EndpointProbe":
    """Return how the API endpoint is reached."""

    def call(watch: Watch) -> "EndpointProbe":
        from docker_credential_ecrpy.doctor.probes import aws

        return aws.probe_endpoint(choice, watch, log)

    return within(seconds, call)


def trace_pull(
    choice: Choice, image: Image, login: tuple[str, str] | None, seconds: float, log: Log
) -> "PullTrace":
    """Return the registry's replies to a pull of `image` with a user name and a password."""

    def call(watch: Watch) -> "PullTrace":
        from docker_credential_ecrpy.doctor.probes import pull

        return pull.trace_pull(choice, image, login, watch, log)

    return within(seconds, call)


def find_image_status(choice: Choice, image: Image, seconds: float, log: Log) -> str:
    """Return whether ECR has an image archived, as the probe does."""

    def call(watch: Watch) -> str:
        from docker_credential_ecrpy.doctor.probes import image_status

        return image_status.find_image_status(choice, image, watch, log)

    return within(seconds, call)


def request_storage(
    choice: Choice, redirect: "Redirect", seconds: float, log: Log
) -> "StorageReply":
    """Return the answer of the storage of layers, which a registry redirects to."""

    def call(watch: Watch) -> "StorageReply":
        from docker_credential_ecrpy.doctor.probes import storage

        return storage.request_storage(choice, redirect, watch, log)

    return within(seconds, call)
