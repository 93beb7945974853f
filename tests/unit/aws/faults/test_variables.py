"""Variables and keys that are left over, and that send a request where it fails."""

from collections.abc import Callable

import pytest

from docker_credential_ecrpy.errors import HelperError
from tests.world import aws as world
from tests.world import credential_sources, in_process, proxies
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

NOWHERE = "http://127.0.0.1:9"


def explain(machine: Machine) -> HelperError:
    """Return the error of a `get` in this process."""
    machine.environ.setdefault("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(HelperError) as found:
        in_process.get(machine.environ)
    return found.value


def _own(**environ: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.login()
        machine.environ |= environ

    return set_up


def _endpoint_of_sts(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    machine.environ["AWS_ENDPOINT_URL_STS"] = NOWHERE


def _half_a_web_identity(machine: Machine) -> None:
    machine.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(machine.file("token", "x"))


def _web_identity(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    (machine.root / "oidc").unlink()


def _container(machine: Machine) -> None:
    machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{NOWHERE}/role"


def _no_metadata(machine: Machine) -> None:
    credential_sources.instance(machine)
    machine.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _old_expiration(machine: Machine) -> None:
    credential_sources.named_profile(machine)
    credential_sources.environment_with_session(machine)
    machine.environ["AWS_CREDENTIAL_EXPIRATION"] = "2020-01-01T00:00:00Z"


# A set-up -> the command that removes the variable.
LEFT_OVER: dict[str, tuple[Callable[[Machine], None], str]] = {
    "endpoint": (_own(AWS_ENDPOINT_URL=NOWHERE), "unset AWS_ENDPOINT_URL"),
    "endpoint of ECR": (_own(AWS_ENDPOINT_URL_ECR=NOWHERE), "unset AWS_ENDPOINT_URL_ECR"),
    "endpoint of ECR, and another one": (
        _own(AWS_ENDPOINT_URL=f"{NOWHERE}1", AWS_ENDPOINT_URL_ECR=NOWHERE),
        "unset AWS_ENDPOINT_URL_ECR",
    ),
    "endpoint of STS": (_endpoint_of_sts, "unset AWS_ENDPOINT_URL_STS"),
    "endpoint without a scheme": (
        _own(AWS_ENDPOINT_URL="localhost:4566"),
        "unset AWS_ENDPOINT_URL",
    ),
    "FIPS": (
        _own(AWS_USE_FIPS_ENDPOINT="true", NO_PROXY="*"),
        "unset AWS_USE_FIPS_ENDPOINT",
    ),
    "dual-stack": (
        _own(AWS_USE_DUALSTACK_ENDPOINT="true", NO_PROXY="*"),
        "unset AWS_USE_DUALSTACK_ENDPOINT",
    ),
    "an endpoint that is ignored": (
        _own(
            AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
            AWS_ENDPOINT_URL="https://vpce-1.example.com",
            NO_PROXY="*",
        ),
        "unset AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ),
    "certificates": (_own(AWS_CA_BUNDLE="/nowhere.pem"), "unset AWS_CA_BUNDLE"),
    "web identity": (_web_identity, "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN"),
    "web identity without a role": (_half_a_web_identity, "unset AWS_WEB_IDENTITY_TOKEN_FILE"),
    "container": (_container, "unset AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "no metadata": (_no_metadata, "unset AWS_EC2_METADATA_DISABLED"),
    "an expiration": (
        _old_expiration,
        "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
    ),
}


@pytest.mark.parametrize("name", LEFT_OVER)
def test_a_variable_is_named_with_its_cure(machine: Machine, name: str) -> None:
    """The hint has the command that removes the variable which the failure goes through."""
    set_up, command = LEFT_OVER[name]
    set_up(machine)

    assert command in str(explain(machine).hint)


@pytest.mark.parametrize(
    "lines", ["endpoint_url = {}", "services = own\n[services own]\necr =\n  endpoint_url = {}"]
)
def test_an_endpoint_in_a_file(machine: Machine, lines: str) -> None:
    """The hint has the line of the key."""
    credential_sources.named_profile(machine)
    path = machine.home / ".aws" / "config"
    text = path.read_text() + lines.format(NOWHERE)
    path.write_text(text)

    hint = str(explain(machine).hint)

    number = len(text.splitlines())
    assert hint.startswith(f"endpoint_url in {path}:{number} sends the request there")
    assert "remove that line" in hint


@pytest.mark.parametrize("fault", [world.say(b"<html>"), world.refuse("InternalFailure", "", 501)])
def test_an_endpoint_that_answers_otherwise(machine: Machine, fault: world.Fault) -> None:
    """An answer that is not ECR's, and a refusal as of a local AWS."""
    machine.login()
    machine.aws.faults["ecr"] = fault
    machine.environ["AWS_ENDPOINT_URL"] = machine.server.url

    assert "unset AWS_ENDPOINT_URL" in str(explain(machine).hint)


def test_a_failure_that_goes_elsewhere(machine: Machine) -> None:
    """A variable that has no part in the failure is not named."""
    credential_sources.assumed_role(machine)
    machine.environ["AWS_ENDPOINT_URL_ECR"] = NOWHERE
    machine.aws.denied.add((credential_sources.USER, "sts:AssumeRole"))

    assert "AWS_ENDPOINT_URL" not in str(explain(machine))


def test_a_switch_behind_a_proxy(machine: Machine) -> None:
    """The proxy does not reach the endpoint that the switch chooses."""
    machine.login()
    with proxies.answer(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as proxy:
        machine.environ |= {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
            "AWS_USE_FIPS_ENDPOINT": "true",
        }

        error = explain(machine)

    assert error.command == "unset AWS_USE_FIPS_ENDPOINT"
