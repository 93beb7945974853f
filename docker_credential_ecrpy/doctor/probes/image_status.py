"""The storage class of an image that the registry does not give, from ECR's API.

The registry's answer for an archived image is that for one that was never pushed, and it does not
list its tags. https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
"""

from typing import Any

from docker_credential_ecrpy.aws import ecr
from docker_credential_ecrpy.aws.credentials import resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain_wrong_answer
from docker_credential_ecrpy.aws.session import aws_call, prepare_session
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log


def find_image_status(choice: Choice, image: Image, watch: Watch, log: Log) -> str:
    """Return "ACTIVE", "ARCHIVED" or "ACTIVATING"; "" for an image that ECR does not have.

    Raises HelperError where ECR does not say.
    """
    with aws_call(choice, watch, log) as call:
        prepare_session(call)
        resolve_credentials(call)
        client = ecr.make_checked_client(call)
        kind = "imageDigest" if ":" in image.reference else "imageTag"
        try:
            answer: Any = client.describe_images(
                registryId=choice.registry.account,
                repositoryName=image.repository,
                imageIds=[{kind: image.reference}],
                filter={"imageStatus": "ANY"},
            )
        except client.exceptions.ImageNotFoundException:
            return ""
        try:
            return str(answer["imageDetails"][0]["imageStatus"])
        except (LookupError, TypeError) as exc:
            raise explain_wrong_answer(call) from exc
