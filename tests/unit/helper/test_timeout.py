"""Facts about `helper.timeout`: what is said of a wrong AWS_ECR_TIMEOUT."""

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.timeout import read_timeout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("99999", "AWS_ECR_TIMEOUT is 99999, more than its limit of 3600 seconds"),
        ("9" * 400, "more than its limit of 3600 seconds"),
        ("99999.5", "AWS_ECR_TIMEOUT is 99999.5, more than its limit of 3600 seconds"),
        (" 1e6", "AWS_ECR_TIMEOUT is 1e6, more than its limit of 3600 seconds"),
        ("soon", "AWS_ECR_TIMEOUT is 'soon', not a number of seconds above 0"),
        ("0", "not a number of seconds above 0"),
    ],
)
def test_a_limit_that_is_none(text: str, says: str) -> None:
    """A number above the limit is told apart from no number."""
    with pytest.raises(HelperError) as caught:
        read_timeout({"AWS_ECR_TIMEOUT": text})

    assert says in caught.value.message
