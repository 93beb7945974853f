"""Facts about the probes of AWS: the endpoint and the caller's identity."""

import os
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from docker_credential_ecrpy.aws import ecr, session
from docker_credential_ecrpy.aws.deadline import Watch, within
from docker_credential_ecrpy.doctor.probes import aws
from docker_credential_ecrpy.doctor.probes.aws import EndpointProbe, identify_caller, probe_endpoint
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.aws import ACCOUNT, Fault, delay, reset
from tests.world.late_calls import silence
from tests.world.machine import HOST, Machine
from tests.world.web import Authority, Request, Response

pytestmark = pytest.mark.in_process

ENDPOINT = "https://api.ecr.us-east-1.amazonaws.com"


def choice(host: str = HOST, endpoint_url: str = "") -> Choice:
    found = registry.parse(host)
    assert found is not None
    return Choice(found, endpoint_url=endpoint_url)


@pytest.fixture(autouse=True)
def _in_this_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in machine.environ.items():
        monkeypatch.setenv(name, text)


def reach(chosen: Choice | None = None) -> EndpointProbe:
    return probe_endpoint(chosen or choice(), Watch(), lambda _: None)


def fails() -> str:
    with pytest.raises(HelperError) as caught:
        reach()
    return str(caught.value)


class TestReach:
    """One unsigned request to the API's endpoint."""

    def test_what_it_tells(self, machine: Machine) -> None:
        """Endpoint, duration, proxy and certificates are returned, also for HTTP 404."""
        found = reach()

        assert found == EndpointProbe(
            ENDPOINT,
            found.milliseconds,
            found.clock_ahead,
            machine.server.url,
            machine.environ["AWS_CA_BUNDLE"],
        )
        assert 0 <= found.milliseconds < 10_000
        assert machine.aws.count() == {"unknown": 1}
        assert (machine.aws.calls[0].arn, machine.aws.calls[0].host) == ("", ENDPOINT[8:])

    @pytest.mark.parametrize(
        ("host", "endpoint"),
        [
            (HOST.replace("ecr", "ecr-fips"), "https://api.ecr-fips.us-east-1.amazonaws.com"),
            (f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws", "https://ecr.eu-west-1.api.aws"),
            ("public.ecr.aws", "https://api.ecr-public.us-east-1.amazonaws.com"),
        ],
    )
    def test_the_endpoint_is_the_outlooks(self, machine: Machine, host: str, endpoint: str) -> None:
        """It is the endpoint that a token's fetch calls."""
        assert reach(choice(host)).endpoint == endpoint
        assert f"https://{machine.aws.calls[-1].host}" == endpoint

    def test_an_endpoint_of_a_users(self, machine: Machine) -> None:
        """Its path is requested and not shown."""
        paths: list[str] = []

        def note(request: Request) -> Response:
            paths.append(request.path)
            return Response(403)

        machine.server.handler = note
        found = reach(choice(endpoint_url=f"{machine.server.url}/some/path"))

        assert (found.endpoint, paths) == (machine.server.url, ["/some/path"])
        assert (found.proxy, found.clock_ahead) == ("", None)

    @pytest.mark.parametrize("status", [200, 301, 403, 500, 503])
    def test_any_status_is_an_answer(self, machine: Machine, status: int) -> None:
        """No redirect is followed."""
        away = {"Location": "https://evil.example.com/"}
        asked: list[str] = []

        def answer(request: Request) -> Response:
            asked.append(request.host)
            return Response(status, b"x" * 100_000, dict(away))

        machine.server.handler = answer
        assert reach().endpoint == ENDPOINT
        assert asked == [ENDPOINT[8:]]

    @pytest.mark.parametrize("minutes", [-90, -7, 0, 7, 90])
    def test_the_clock(self, machine: Machine, minutes: int) -> None:
        """The difference between AWS's clock and this machine's is returned, with its sign."""
        machine.aws.clock_offset = minutes * 60
        found = reach()

        assert found.clock_ahead is not None
        assert abs(found.clock_ahead - minutes * 60) < 3

    def test_half_of_the_way_is_not_the_clocks(self, machine: Machine) -> None:
        """The date of a slow answer is compared with the middle of the request's time."""

        def late(_: Request) -> Response:
            date = time.time() + 1000
            time.sleep(2)
            stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(date + 0.5))
            return Response(200, b"", {"Date": stamp})

        machine.server.handler = late
        found = reach()

        assert found.clock_ahead is not None
        assert abs(found.clock_ahead - 999) < 0.95

    @pytest.mark.parametrize(
        "date", ["", "yesterday", "Mon, 99 Foo 2026", f"Mon, 1 Jan {10**20} 00:00:00 GMT", "0"]
    )
    def test_a_date_that_is_none(self, machine: Machine, date: str) -> None:
        """An invalid date gives no difference."""
        machine.server.handler = lambda _: Response(200, b"", {"Date": date} if date else {})

        assert reach().clock_ahead is None

    @pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC"])
    def test_every_way_to_write_utc(self, machine: Machine, zone: str) -> None:
        """The machine's time zone does not matter."""
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S ", time.gmtime())
        machine.server.handler = lambda _: Response(200, b"", {"Date": stamp + zone})

        ahead = reach().clock_ahead
        assert ahead is not None
        assert abs(ahead) < 3

    def test_a_proxys_password_is_not_told(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A proxy's user name and password are not shown, and its scheme is HTTP by default."""
        place = machine.server.url.removeprefix("http://")
        monkeypatch.setenv("HTTPS_PROXY", f"me:hunter2@{place}")

        assert reach().proxy == machine.server.url

    @pytest.mark.parametrize(
        "where", ["config", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "the system's", "botocore's own"]
    )
    def test_what_is_trusted(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        """It is the file that a fetch trusts: the first that is configured or found."""
        bundle = machine.environ["AWS_CA_BUNDLE"]
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(session, "SYSTEM_BUNDLES", (bundle,) if where == "the system's" else ())
        if where == "config":
            machine.config(f"[default]\nca_bundle = {bundle}\n")
        elif where.isupper():
            monkeypatch.setenv(where, bundle)
        if where == "botocore's own":
            local = choice(endpoint_url=machine.server.url)  # which does without certificates
            assert reach(local).trust == where
        else:
            assert reach().trust == bundle

    @pytest.mark.parametrize(
        ("set_up", "says"),
        [
            (
                lambda _: os.environ.update(HTTPS_PROXY="http://127.0.0.1:9"),
                "the proxy http://127.0.0.1:9 refuses the connection; start it, or correct ",
            ),
            (
                lambda machine: os.environ.update(
                    AWS_CA_BUNDLE=str(Authority().write_bundle(machine.root / "x.pem"))
                ),
                f"the TLS certificate of {ENDPOINT} is not trusted: ",
            ),
            (
                lambda _: os.environ.update(AWS_CA_BUNDLE="/nowhere.pem"),
                "the certificates to trust in /nowhere.pem cannot be used: ",
            ),
            (
                lambda _: os.environ.update(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
                "http://127.0.0.1:9 refuses the connection; ",
            ),
            (
                lambda machine: (
                    os.environ.update(AWS_ENDPOINT_URL=machine.server.url),
                    machine.aws.faults.update(unknown=reset()),
                ),
                " closed the connection; ",
            ),
            (
                lambda _: os.environ.update(AWS_PROFILE="nobody"),
                "AWS profile 'nobody' is not in ",
            ),
        ],
        ids=["proxy", "certificate", "bundle", "refused", "reset", "profile"],
    )
    def test_what_keeps_it_from_it(
        self, machine: Machine, set_up: Callable[[Machine], object], says: str
    ) -> None:
        """The error is a get's, after one attempt."""
        set_up(machine)

        assert says in fails()
        assert sum(machine.aws.count().values()) <= 1

    def test_no_answer(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error comes when the time for reading is over."""
        monkeypatch.setattr(aws, "READ_SECONDS", 0.3)
        machine.aws.faults["unknown"] = delay(2)

        assert fails().startswith(f"{ENDPOINT} accepted the request and did not answer it; ")

    def test_a_deadline_names_who_is_waited_for(self, machine: Machine) -> None:
        """The error names the API and its endpoint."""
        expected = pytest.raises(DeadlineExceeded, match=f"no answer from ECR at {ENDPOINT} within")
        with silence() as act, expected:
            machine.aws.faults["unknown"] = Fault(act)
            within(3, lambda watch: probe_endpoint(choice(), watch, lambda _: None))


SETTINGS = ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""The settings of trusted certificates: variables, and `ca_bundle` in the AWS config file."""


def trust(machine: Machine, settings: Mapping[str, str]) -> None:
    """Set these settings of trust in the environment and the AWS config file, and no others."""
    for name in SETTINGS:
        os.environ.pop(name, None)
    for name, text in settings.items():
        if name == "ca_bundle":
            machine.config(f"[default]\nca_bundle = {text}\n")
        else:
            os.environ[name] = text


def fetch() -> object:
    return ecr.fetch(choice(), Watch(), lambda _: None)


@pytest.mark.parametrize("ask", [fetch, reach], ids=["fetch", "reach"])
class TestEmptyTrust:
    """A setting of trusted certificates that is empty counts as none."""

    @pytest.fixture(autouse=True)
    def _keys(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        os.environ.update(machine.aws.user().environ)
        monkeypatch.setattr(session, "SYSTEM_BUNDLES", ())

    @pytest.mark.parametrize("text", ["", " "], ids=["empty", "blank"])
    @pytest.mark.parametrize("names", [*([name] for name in SETTINGS), SETTINGS], ids="+".join)
    def test_without_a_bundle_of_the_system(
        self, machine: Machine, ask: Callable[[], object], names: Sequence[str], text: str
    ) -> None:
        """botocore's own certificates are trusted, and do not know the loopback AWS."""
        trust(machine, dict.fromkeys(names, text))

        with pytest.raises(HelperError, match=r"is not trusted: .*; set AWS_CA_BUNDLE"):
            ask()

    @pytest.mark.parametrize("text", ["", " "], ids=["empty", "blank"])
    @pytest.mark.parametrize("names", [*([name] for name in SETTINGS), SETTINGS], ids="+".join)
    def test_with_a_bundle_of_the_system(
        self,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
        ask: Callable[[], object],
        names: Sequence[str],
        text: str,
    ) -> None:
        """The system's certificates are trusted."""
        monkeypatch.setattr(session, "SYSTEM_BUNDLES", (os.environ["AWS_CA_BUNDLE"],))
        trust(machine, dict.fromkeys(names, text))

        assert ask()

    @pytest.mark.parametrize("named", SETTINGS)
    def test_the_one_that_names_a_file_counts(
        self, machine: Machine, ask: Callable[[], object], named: str
    ) -> None:
        """A setting with a file counts, where all others are empty."""
        bundle = os.environ["AWS_CA_BUNDLE"]
        trust(machine, {**dict.fromkeys(SETTINGS, ""), named: bundle})

        assert ask()

    def test_a_file_that_cannot_be_used_is_named(
        self, machine: Machine, ask: Callable[[], object]
    ) -> None:
        """The error names that file."""
        trust(machine, {"AWS_CA_BUNDLE": "", "SSL_CERT_FILE": "/nowhere.pem"})

        with pytest.raises(HelperError, match=r"certificates to trust in /nowhere\.pem cannot be"):
            ask()


class TestCaller:
    """The identity that STS sees, and its expiry."""

    def test_a_user(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Access keys of a user have no expiry."""
        keys = machine.aws.user()
        for name, text in keys.environ.items():
            monkeypatch.setenv(name, text)
        found = identify_caller(choice(), Watch(), lambda _: None)

        assert (found.arn, found.expires) == (keys.arn, None)

    def test_boto3_makes_the_call(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user agent of the call is boto3's, as that of a user's own script."""
        agents: list[str] = []

        def note(request: Request) -> None:
            agents.append(request.headers["User-Agent"])

        machine.aws.faults["sts:GetCallerIdentity"] = Fault(note)
        for name, text in machine.aws.user().environ.items():
            monkeypatch.setenv(name, text)
        identify_caller(choice(), Watch(), lambda _: None)

        assert [agent.partition("/")[0] for agent in agents] == ["Boto3"]

    def test_a_role(self, machine: Machine) -> None:
        """The expiry of a role's credentials is in nanoseconds since the epoch."""
        keys, role = machine.aws.user(), machine.aws.role()
        machine.config(
            f"[default]\nrole_arn = {role.arn}\nsource_profile = base\n[profile base]\n"
            f"aws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n"
        )
        found = identify_caller(choice(), Watch(), lambda _: None)

        assert found.arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/puller/")
        assert found.expires is not None
        assert abs(found.expires / 1e9 - time.time() - machine.aws.session_life) < 60
