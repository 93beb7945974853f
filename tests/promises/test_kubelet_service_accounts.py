"""The kubelet's plugin with a pod's service account token: which role, and whose cache."""

import json
from collections import Counter

import pytest

from tests.world import play_kubelet
from tests.world.machine import HOST, Machine
from tests.world.play_kubelet import VERSIONS, Run, ServiceAccount, request

IMAGE = f"{HOST}/team/app"
ACCOUNT = HOST[:12]
ECR_ROLE, ROLE = "eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"


def ask(
    machine: Machine,
    account: ServiceAccount | None,
    *arguments: str,
    image: str = IMAGE,
    version: str = VERSIONS[0],
    **environ: str,
) -> Run:
    data = request(image, account, version)
    command = [*machine.program, "kubelet", *arguments]
    return play_kubelet.run(command, data, {**machine.environ, **environ})


def who(machine: Machine, run: Run) -> str:
    """Return the name of the user or role that the answer's token was issued to."""
    ((_, password),) = run.answer().auth.values()
    return machine.aws.issued[password].arn.split("/")[1]


def trusted(machine: Machine, **fields: object) -> ServiceAccount:
    """Return a service account whose token STS accepts."""
    account = ServiceAccount(**fields)  # type: ignore[arg-type]  # from keywords
    machine.aws.web_identity_tokens.add(account.token)
    return account


@pytest.mark.parametrize(
    ("annotations", "environ", "rule", "expected"),
    [
        ({ECR_ROLE: "a", ROLE: "b"}, {f"AWS_ECR_ROLE_ARN_{ACCOUNT}": "c"}, "e", "a"),
        ({ROLE: "b"}, {f"AWS_ECR_ROLE_ARN_{ACCOUNT}": "c"}, "e", "b"),
        ({}, {f"AWS_ECR_ROLE_ARN_{ACCOUNT}": "c", "AWS_ECR_ROLE_ARN": "d"}, "e", "c"),
        ({}, {"AWS_ECR_ROLE_ARN_210987654321": "c", "AWS_ECR_ROLE_ARN": "d"}, "e", "d"),
        ({"other": "x"}, {"AWS_ECR_ROLE_ARN": ""}, "e", "e"),
    ],
    ids=["ecr-role-arn", "role-arn", "account's variable", "variable", "rule"],
)
def test_which_role(
    machine: Machine,
    annotations: dict[str, str],
    environ: dict[str, str],
    rule: str,
    expected: str,
) -> None:
    """Annotations first, then the variables, then the rule; the token is all that STS gets."""
    machine.login()
    arns = {name: machine.aws.role(name).arn for name in "abcdex"}
    machine.settings(f'[[registry]]\nmatch = "{ACCOUNT}"\nrole_arn = "{arns[rule]}"\n')
    account = trusted(machine, annotations={key: arns[name] for key, name in annotations.items()})

    run = ask(machine, account, **{name: arns.get(text, "") for name, text in environ.items()})

    assert who(machine, run) == expected
    assert machine.aws.count() == Counter({"sts:AssumeRoleWithWebIdentity": 1, "ecr": 1})


def test_the_annotations_can_be_set(machine: Machine) -> None:
    """The option replaces the usual keys, and its order counts."""
    machine.login()
    arns = {name: machine.aws.role(name).arn for name in "abc"}
    account = trusted(
        machine, annotations={"example.com/a": arns["a"], "b": arns["b"], ECR_ROLE: arns["c"]}
    )
    options = ("--role-annotation=b", "--role-annotation", "example.com/a")

    assert who(machine, ask(machine, account, *options)) == "b"
    del account.annotations["b"]
    assert who(machine, ask(machine, account, *options)) == "a"
    del account.annotations["example.com/a"]
    assert who(machine, ask(machine, account, *options)) == "dev"


def test_no_credentials_of_the_node_are_needed(machine: Machine) -> None:
    """A cluster outside of AWS has none."""
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn})

    assert who(machine, ask(machine, account, AWS_EC2_METADATA_DISABLED="false")) == "puller"
    assert machine.aws.count() == Counter({"sts:AssumeRoleWithWebIdentity": 1, "ecr": 1})


def test_a_token_without_a_role_gets_the_nodes_identity(machine: Machine) -> None:
    """The log says so."""
    machine.login()
    log = machine.root / "log"

    assert who(machine, ask(machine, ServiceAccount(), AWS_ECR_LOG=str(log))) == "dev"
    assert "service account team/app has no role: the node's identity is used" in log.read_text()


@pytest.mark.parametrize("word", ["kubelet", "get-credentials"])
def test_a_role_can_be_required(machine: Machine, word: str) -> None:
    """Then a token without a role is refused; the option counts under every name of the plugin."""
    machine.login()
    command = [*machine.program, word, "--require-role"]

    run = play_kubelet.run(command, request(IMAGE, ServiceAccount()), machine.environ)

    assert "the service account team/app has no role, and --require-role is set; " in run.error
    assert ECR_ROLE in run.error
    assert machine.aws.count() == Counter()


def test_a_static_pod_has_the_nodes_identity(machine: Machine) -> None:
    """Its requests have no token, also where a role is required of those that have one."""
    machine.login()

    assert who(machine, ask(machine, None, "--require-role")) == "dev"


def test_a_role_cannot_be_required_of_an_older_version(machine: Machine) -> None:
    """It has no tokens: every pod would get the node's identity."""
    machine.login()

    run = ask(machine, ServiceAccount(), "--require-role", version=VERSIONS[1])

    assert "v1beta1 has none; set the provider's apiVersion to" in run.error


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_older_versions_have_no_service_account(machine: Machine, version: str) -> None:
    """Its fields are unknown there, and ignored."""
    machine.login()
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn})

    run = ask(machine, account, version=version)

    ((_, password),) = run.answer(version).auth.values()
    assert machine.aws.issued[password].arn.endswith("user/dev")


@pytest.mark.parametrize("arn", ["nonsense", "arn:aws:iam::123456789012:user/x", "x" * 5000, "\n"])
def test_an_annotation_that_names_no_role(machine: Machine, arn: str) -> None:
    """The error names the annotation and the service account: the node's identity is no cure."""
    machine.login()
    account = trusted(machine, annotations={ROLE: f"{arn}!"})

    error = ask(machine, account).error

    assert f"annotation {ROLE} of service account team/app is " in error
    assert "is not the ARN of a role" in error


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("token", "STS refused the web identity token (InvalidIdentityToken)"),
        ("role", "may not call sts:AssumeRoleWithWebIdentity"),
    ],
)
def test_what_sts_refuses(machine: Machine, change: str, text: str) -> None:
    """The cure is in IAM: the provider of the issuer, or the role's trust policy."""
    machine.login()
    role = machine.aws.role()
    account = trusted(machine, annotations={ROLE: role.arn})
    if change == "token":
        machine.aws.web_identity_tokens.clear()
    else:
        machine.aws.roles.clear()

    error = ask(machine, account).error

    assert text in error
    assert "trust policy" in error
    assert account.token not in error


def test_ecr_public_is_anonymous_without_its_role(machine: Machine) -> None:
    """A refused token costs nothing there."""
    account = ServiceAccount(annotations={ROLE: machine.aws.role().arn})

    assert ask(machine, account, image="public.ecr.aws/x/y").answer().auth == {}


def test_the_cache_is_each_tokens_own(machine: Machine) -> None:
    """Neither the node, nor another role, subject, issuer or pod, gets what a token fetched."""
    machine.login()
    first, second = machine.aws.role("first").arn, machine.aws.role("second").arn
    accounts = [
        trusted(machine, annotations={ROLE: first}),
        trusted(machine, annotations={ROLE: first}, name="other"),
        trusted(machine, annotations={ROLE: first}, issuer="https://example.com"),
        trusted(machine, annotations={ROLE: first}, pod="app-2"),
    ]
    node = who(machine, ask(machine, None))
    runs = [ask(machine, account) for account in accounts]
    accounts[0].annotations[ROLE] = second
    other = ask(machine, accounts[0])

    assert node == "dev"
    assert [who(machine, run) for run in runs] == ["first"] * 4
    assert who(machine, other) == "second"
    assert len({run.stdout for run in [*runs, other]}) == 5
    assert machine.aws.count() == Counter({"sts:AssumeRoleWithWebIdentity": 5, "ecr": 6})

    again = [ask(machine, account) for account in accounts[1:]]
    assert [run.answer().auth for run in again] == [run.answer().auth for run in runs[1:]]
    assert who(machine, ask(machine, None)) == "dev"
    assert machine.who() == "arn:aws:iam::123456789012:user/dev"
    assert machine.aws.count()["ecr"] == 6


def test_forged_claims_get_nothing(machine: Machine) -> None:
    """A token with another one's claims and another signature is STS's to judge."""
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn})
    assert who(machine, ask(machine, account)) == "puller"

    account.token = account.token.rpartition(".")[0] + ".forged"

    assert "STS refused the web identity token" in ask(machine, account).error


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.W10.c", "....", "e30.e30.e30", "é.ü.ö"])
def test_a_token_of_another_form(machine: Machine, token: str) -> None:
    """What is in it is for STS; nothing depends on its claims."""
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn}, token=token)

    assert who(machine, ask(machine, account)) == "puller"


@pytest.mark.parametrize("token", ["..", "x" * 20_001], ids=len)
def test_a_token_that_sts_cannot_take(machine: Machine, token: str) -> None:
    """Its length is the error: the SDK would name the AWS settings instead."""
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn}, token=token)

    assert f"has {len(token)} characters, and STS takes 4 to 20000; " in ask(machine, account).error


def test_a_login_of_the_node_is_none_of_a_pods(machine: Machine) -> None:
    """`docker login` on the node decides for the node alone."""
    login = {"ServerURL": HOST, "Username": "AWS", "Secret": machine.aws.password("x", "y")}
    assert machine.run("store", stdin=json.dumps(login).encode()).code == 0
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn})

    assert who(machine, ask(machine, account)) == "puller"
    ((_, password),) = ask(machine, None).answer().auth.values()
    assert password == login["Secret"]


def test_the_inventory_shows_whose_it_is(machine: Machine) -> None:
    """`cache list` names the service account and role, as the file's owner needs to know."""
    account = trusted(machine, annotations={ROLE: machine.aws.role().arn})
    ask(machine, account).answer()

    listed = machine.run("cache", "list").stdout.decode()

    assert "system:serviceaccount:team:app" in listed
    assert account.token not in listed
