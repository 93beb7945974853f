"""Facts about the addresses in requests."""

import pytest

from docker_credential_ecrpy.helper.request import is_layer_storage

BUCKET = "prod-us-east-1-starport-layer-bucket"


@pytest.mark.parametrize(
    ("host", "is_storage"),
    [
        (f"{BUCKET}.s3.us-east-1.amazonaws.com", True),
        (f"{BUCKET.upper()}.s3.us-east-1.amazonaws.com:443", True),
        (f"{BUCKET}.s3.dualstack.us-east-1.amazonaws.com", True),
        ("prod-cn-north-1-starport-layer-bucket.s3.cn-north-1.amazonaws.com.cn", True),
        (f"{BUCKET}.s3.us-east-1.example.com", False),
        (f"{BUCKET}.s3.us-east-1.amazonaws.com.example.com", False),
        (f"{BUCKET}.s3.amazonaws.com.example.amazonaws.com", False),
        (f"x.{BUCKET}.s3.us-east-1.amazonaws.com", False),
        (f"prod-x.y{BUCKET[4:]}.s3.us-east-1.amazonaws.com", False),
        (f"my-{BUCKET}.s3.us-east-1.amazonaws.com", False),
        ("prod-us-east-1-images.s3.us-east-1.amazonaws.com", False),
        (f"{BUCKET}.us-east-1.amazonaws.com", False),
        (f"example.com/{BUCKET}.s3.us-east-1.amazonaws.com", False),
    ],
)
def test_the_storage_of_layers_is_known_by_its_name(host: str, is_storage: bool) -> None:
    """Other buckets and other domains are hosts without credentials here."""
    assert is_layer_storage(f"https://{host}/key?X-Amz-Signature=0123") == is_storage
