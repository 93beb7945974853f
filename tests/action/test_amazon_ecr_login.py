"""Facts about what amazon-ecr-login does, too: registries, outputs, logins, the proxy."""

import json
import re
import time

import pytest

from tests.world.accounts import EU, US, A, B
from tests.world.aws import Aws
from tests.world.machine import Machine
from tests.world.runner import ACTION, Job, TwoJobs, get, read_helpers, who


def test_by_default_it_is_the_callers_own_registry(jobs: TwoJobs) -> None:
    """The output registry names it."""
    host = US.format(A)
    expected = {"registry": host, "registries": json.dumps([host]), "username": "AWS"}

    assert jobs.first.outputs == expected


def test_registries_have_three_forms(job: Job) -> None:
    """Beside the account's id, it is account@region and the host name."""
    job.use(registries=f"{B}@eu-west-1,{US.format(A)}")

    assert job.code == 0, job.log
    assert [*read_helpers(job)] == json.loads(job.outputs["registries"])
    assert json.loads(job.outputs["registries"]) == [EU.format(B), US.format(A)]
    assert "registry" not in job.outputs
    assert "password" not in job.outputs


def test_ecr_public_works_in_every_region(job: Job, machine: Machine) -> None:
    """Its API is in one region."""
    job.environ["AWS_REGION"] = "eu-west-1"
    job.use(registry_type="public", registries=A, skip_logout="TRUE")

    assert machine.aws.issued[get(job, "public.ecr.aws")].service == "ecr-public"
    assert job.outputs["registry"] == "public.ecr.aws"


@pytest.mark.parametrize("masked", ["true", "false"])
def test_the_password_is_an_output_on_request_only(job: Job, machine: Machine, masked: str) -> None:
    """It is hidden in the log, before it is written, unless it is meant for another job."""
    job.use(registries=f" {A} , {A},{B}\n", password_output="true", mask_password=masked)

    assert json.loads(job.outputs["registries"]) == [US.format(A), US.format(B)]
    assert "registry" not in job.outputs
    password = job.outputs["password"]
    assert machine.aws.issued[password].arn == f"arn:aws:iam::{A}:user/dev"
    assert job.outputs["username"] == "AWS"
    assert job.masks == ([password] if masked == "true" else [])
    assert job.log.count(password) == len(job.masks)


def test_one_output_cannot_be_two_passwords(job: Job) -> None:
    """Those of two regions differ."""
    job.use(registries=f"{A},{A}@eu-west-1", password_output="true")

    assert job.code == 1
    assert "the registries have different passwords" in job.errors[0]
    assert job.outputs == {}


def test_credentials_of_the_step_alone_suffice(job: Job, machine: Machine) -> None:
    """Later steps without credentials pull, and after a second use with others, from both."""
    one = {name: job.environ.pop(name) for name in list(job.environ) if "ACCESS_KEY" in name}
    step = ACTION["runs"]["steps"][0]["run"]
    job.step(step, {**one, "INPUT_REGISTRIES": A})
    job.step(step, {**machine.aws.user("two", B).environ, "INPUT_REGISTRIES": B})

    assert who(job, machine.aws, US.format(A)) == f"arn:aws:iam::{A}:user/dev"
    assert who(job, machine.aws, US.format(B)) == f"arn:aws:iam::{B}:user/two"
    job.step(step, {**machine.aws.user("three", A).environ, "INPUT_REGISTRIES": A})
    assert who(job, machine.aws, US.format(A)) == f"arn:aws:iam::{A}:user/three"


def test_credentials_may_come_later(job: Job, machine: Machine) -> None:
    """Without any, the registries are configured, and a warning says what is missing."""
    keys = {name: job.environ.pop(name) for name in list(job.environ) if "ACCESS_KEY" in name}
    job.use(registries=A)

    assert job.code == 0, job.log
    assert re.search(
        f"^::warning .*no login for {US.format(A)} yet.*no AWS cred", job.log, re.MULTILINE
    )
    job.use(registry_type="public")  # where pulls need no login
    assert (job.code, "::warning" in job.log) == (0, False)
    job.environ |= keys
    assert who(job, machine.aws, US.format(A)) == f"arn:aws:iam::{A}:user/dev"


def test_a_long_job_gets_a_new_token(job: Job, machine: Machine) -> None:
    """After the first one has expired, without another step."""
    try:
        machine.aws.token_life = 10
        job.use(registries=A)
        assert job.code == 0, job.log
        soonest = min(token.expires for token in machine.aws.issued.values())
        time.sleep(max(0, soonest - time.time()) + 0.1)
        machine.aws.token_life = 3600
        password = get(job, US.format(A))
    finally:
        machine.aws.token_life = Aws.token_life

    assert machine.aws.issued[password].expires > time.time() + 3000


def test_the_proxy_is_for_calls_to_aws_alone(job: Job, machine: Machine) -> None:
    """The programs use it, or they would reach no AWS; the job's environment does not have it."""
    proxy = job.environ.pop("HTTPS_PROXY")
    job.use(registries=A, http_proxy=proxy)
    assert job.code == 0, job.log
    assert "::warning" not in job.log
    assert who(job, machine.aws, US.format(A)) == f"arn:aws:iam::{A}:user/dev"
    assert not [name for name in job.environ if name.upper() == "HTTPS_PROXY"]


def test_a_proxys_password_is_not_in_the_log(job: Job) -> None:
    """A proxy that does not answer is named without it, and so is one that doctor checks."""
    del job.environ["HTTPS_PROXY"]
    job.use(registries=A, http_proxy="http://me:hunter2@127.0.0.1:9", check="true")

    assert "127.0.0.1:9" in job.log
    assert "hunter2" not in job.log
