"""Reports about AWS files, profiles, keys and variables."""

from collections.abc import Callable

from tests.world import credential_sources
from tests.world.accounts import A, profile
from tests.world.aws import Keys
from tests.world.broken_setups import Broken, Way, changed
from tests.world.docker_host import DockerHost
from tests.world.failures import Failure
from tests.world.machine import HOST, Machine
from tests.world.web import Request, Response

UNSET = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"


def lines(keys: Keys, **other: str) -> str:
    """Return the lines of a profile's keys; other: values in place of the right ones."""
    values = {name.lower(): value for name, value in keys.environ.items()} | other
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def _without_keys(docker_host: DockerHost) -> str:
    """Move the keys from the environment; return them as lines of a file."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    return lines(docker_host.user)


def section_without_the_word(docker_host: DockerHost) -> Broken:
    keys = _without_keys(docker_host)
    path = docker_host.machine.config(f"[default]\nregion = us-east-1\n\n[docgenerator]\n{keys}")
    docker_host.machine.environ["AWS_PROFILE"] = "docgenerator"
    return Broken(
        "credentials",
        f"{path}:4: in an AWS config file, [docgenerator] is not profile 'docgenerator'",
        "write [profile docgenerator] in that line",
        lambda: path.write_text(path.read_text().replace("[docg", "[profile docg")),
    )


def keys_instead_of_the_profile(docker_host: DockerHost) -> Broken:
    docker_host.machine.config(profile("dev", docker_host.user))
    other = docker_host.machine.aws.user("other")
    environ = docker_host.machine.environ
    environ |= {"AWS_PROFILE": "dev", **other.environ}
    docker_host.front.denied[HOST] = {(other.arn, "ecr:BatchGetImage")}
    return Broken(
        "credentials",
        "the environment (AWS_ACCESS_KEY_ID), used instead of the profile in AWS_PROFILE, 'dev';",
        UNSET,
        lambda: [environ.pop(name, None) for name in UNSET.split()],
    )


def endpoint_that_is_left_over(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    return Broken(
        "endpoint",
        "http://127.0.0.1:9 refuses the connection",
        "AWS_ENDPOINT_URL sends the request there: if it is left over, run: unset AWS_ENDPOINT_URL",
        repair,
    )


def endpoint_that_gives_tokens_of_its_own(docker_host: DockerHost) -> Broken:
    url = docker_host.machine.server.url

    def local(request: Request) -> Response | None:
        if not request.host.startswith("127.0.0.1"):
            return None
        answer = docker_host.machine.aws.handle(request)
        docker_host.machine.aws.issued.clear()  # its tokens are not those of the registry
        return answer

    docker_host.instead = local
    repair = changed(docker_host, "AWS_ENDPOINT_URL_ECR", url)
    return Broken("registry", "HTTP 403", "unset AWS_ENDPOINT_URL_ECR", repair)


def byte_order_mark(docker_host: DockerHost) -> Broken:
    text = f"[default]\n{_without_keys(docker_host)}"
    path = docker_host.machine.config("\ufeff" + text, "credentials")
    return Broken(
        "credentials",
        f"{path}:1: the file begins with a byte order mark",
        "save it as UTF-8 without BOM",
        lambda: path.write_text(text),
    )


def keys_with_a_carriage_return(docker_host: DockerHost) -> Broken:
    docker_host.machine.environ |= {k: f"{v}\r" for k, v in docker_host.user.environ.items()}
    return Broken(
        "identity",
        "AWS_ACCESS_KEY_ID begins or ends with a carriage return",
        "set it again without that",
        lambda: docker_host.machine.environ.update(docker_host.user.environ),
    )


def directory_that_is_the_credentials(docker_host: DockerHost) -> Broken:
    text = f"[default]\n{_without_keys(docker_host)}"
    path = docker_host.machine.home / ".aws" / "credentials"
    path.mkdir(parents=True)

    def replace() -> None:
        path.rmdir()
        path.write_text(text)

    return Broken("credentials", f"{path} is a directory", "replace it by the file", replace)


def file_that_is_not_there(docker_host: DockerHost) -> Broken:
    docker_host.machine.config(f"[default]\n{_without_keys(docker_host)}", "credentials")
    repair = changed(docker_host, "AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    return Broken(
        "credentials",
        "/nowhere/credentials, which AWS_SHARED_CREDENTIALS_FILE names, does not exist",
        "unset AWS_SHARED_CREDENTIALS_FILE",
        repair,
    )


def _file(text: str, name: str = "credentials") -> Callable[[Machine], None]:
    """Return a set-up with a file; {} in its text stands for the lines of a user's keys."""

    def set_up(machine: Machine) -> None:
        machine.config(text.replace("{}", lines(machine.aws.user())), name)

    return set_up


def _profile_in_credentials(machine: Machine) -> None:
    _file("[profile s3user1]\n{}")(machine)
    machine.environ["AWS_PROFILE"] = "s3user1"


def _token_in_quotes(machine: Machine) -> None:
    keys = machine.aws.session(machine.aws.role().arn)
    quoted = f'"{keys.session_token}"'
    machine.config(f"[default]\n{lines(keys, aws_session_token=quoted)}", "credentials")


def _keys_in_quotes(machine: Machine) -> None:
    keys = machine.aws.user()
    quoted = {name.lower(): f'"{value}"' for name, value in keys.environ.items()}
    machine.config(f"[default]\n{lines(keys, **quoted)}", "credentials")


def _secret_with_a_comment(machine: Machine) -> None:
    keys = machine.aws.user()
    secret = f"{keys.secret_key} # of my laptop"
    machine.config(f"[default]\n{lines(keys, aws_secret_access_key=secret)}", "credentials")


def _profile_with_a_carriage_return(machine: Machine) -> None:
    credential_sources.named_profile(machine)
    machine.environ["AWS_PROFILE"] = "work\r"


def _token_that_is_left_over(machine: Machine) -> None:
    machine.login()
    machine.environ["AWS_SESSION_TOKEN"] = machine.aws.session(machine.aws.role().arn).session_token


def _keys_that_are_left_over(machine: Machine) -> None:
    credential_sources.named_profile(machine)
    machine.environ |= machine.aws.session(machine.aws.role().arn, life=-60).environ


def _source_without_the_word(machine: Machine) -> None:
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("[profile base]", "[base]"))


def _session_with_an_underscore(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    path = machine.home / ".aws" / "config"
    path.write_text(path.read_text().replace("[sso-session corp]", "[sso_session corp]"))


def _account_of_an_unseen_section(machine: Machine) -> None:
    machine.settings('[[registry]]\nmatch = "*"\nprofile = "auto"\n')
    machine.config(f"[default]\nregion = us-east-1\n[dev]\nsso_account_id = {A}\n")


def _directory_in_the_sso_cache(machine: Machine) -> None:
    credential_sources.sso_session(machine)
    (file,) = (machine.home / ".aws" / "sso" / "cache").iterdir()
    file.unlink()
    file.mkdir()


def older_variable_of_the_profile(docker_host: DockerHost) -> Broken:
    other, environ = docker_host.machine.aws.user("other"), docker_host.machine.environ
    docker_host.machine.config(
        f"[profile work]\n{_without_keys(docker_host)}[profile old]\n{lines(other)}"
    )
    environ |= {"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "old"}
    docker_host.front.denied[HOST] = {(other.arn, "ecr:BatchGetImage")}
    return Broken(
        "credentials",
        "profile 'old' in the config file, used instead of the profile in AWS_PROFILE, 'work'",
        "unset AWS_DEFAULT_PROFILE",
        lambda: environ.pop("AWS_DEFAULT_PROFILE"),
    )


def role_of_the_instance_instead_of_a_file(docker_host: DockerHost) -> Broken:
    docker_host.machine.config(f"[default]\n{_without_keys(docker_host)}", "credentials")
    repair = changed(docker_host, "AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    credential_sources.instance(docker_host.machine)
    arn = "arn:aws:sts::123456789012:assumed-role/instance/session"
    docker_host.front.denied[HOST] = {(arn, "ecr:BatchGetImage")}
    return Broken(
        "credentials",
        "the instance's role, used because /nowhere/credentials, which AWS_SHARED_CREDENTIALS_FILE",
        "unset AWS_SHARED_CREDENTIALS_FILE",
        repair,
    )


def same_keys_as_the_profile(docker_host: DockerHost) -> Broken:
    docker_host.machine.config(profile("work", docker_host.user))
    docker_host.machine.environ["AWS_PROFILE"] = "work"
    docker_host.front.denied[HOST] = {(docker_host.user.arn, "ecr:BatchGetImage")}
    return Broken(
        "image",
        "is not permitted ecr:BatchGetImage",
        "allow ecr:BatchGetImage",
        docker_host.front.denied.clear,
    )


def _role_in_a_variable(machine: Machine) -> None:
    _file(
        "[profile example-user]\n{}[profile example-role]\nrole_arn = ${ABC_AWS_ROLE_ARN}\n"
        "source_profile = example-user\n",
        "config",
    )(machine)
    machine.environ["AWS_PROFILE"] = "example-role"


def _older_token(machine: Machine) -> None:
    role = machine.aws.role().arn
    machine.environ |= machine.aws.session(role).environ
    machine.environ["AWS_SECURITY_TOKEN"] = machine.aws.session(role, life=-60).session_token


def _token_in_the_other_file(machine: Machine) -> None:
    keys = machine.aws.session(machine.aws.role().arn)
    key, secret, _ = lines(keys).splitlines()
    machine.config(f"[default]\n{key}\n{secret}\n", "credentials")
    machine.config(f"[default]\naws_security_token = {keys.session_token}\n")


DOCTOR: dict[str, Way] = {
    "botocore#1725 AWS_DEFAULT_PROFILE masks AWS_PROFILE": older_variable_of_the_profile,
    "setup a role of the instance instead of a file": role_of_the_instance_instead_of_a_file,
    "setup the same keys in the environment and the profile": same_keys_as_the_profile,
    "aws-cli#370 a section of the config file without the word profile": section_without_the_word,
    "aws-cli#3304 AWS_PROFILE is not used": keys_instead_of_the_profile,
    "aws-cli#3419 a credentials file with a byte order mark": byte_order_mark,
    "aws-cli#8187 keys that end in a carriage return": keys_with_a_carriage_return,
    "localstack#7559 a local endpoint that is not there": endpoint_that_is_left_over,
    "setup tokens of a local AWS": endpoint_that_gives_tokens_of_its_own,
    "async-aws#890 a directory in the place of the file": directory_that_is_the_credentials,
    "setup a variable that names no file": file_that_is_not_there,
}

ERRORS: dict[str, Failure] = {
    "aws-ecr-orb#194 a variable as the role of a profile": Failure(
        _role_in_a_variable,
        "role_arn = ${ABC_AWS_ROLE_ARN} of AWS profile 'example-role'",
        "write its value instead",
        0,
    ),
    "botocore#1961 two tokens that differ": Failure(
        _older_token,
        "AWS_SECURITY_TOKEN is used instead of AWS_SESSION_TOKEN, and is another token",
        "unset AWS_SECURITY_TOKEN",
        1,
    ),
    "aws-cli#1197 a token in the config file alone": Failure(
        _token_in_the_other_file,
        "is a temporary key (ASIA), and there is no aws_session_token",
        "set aws_session_token",
        1,
    ),
    "aws-cli#5101 a credentials file without a section": Failure(
        _file("{}"), ".aws/credentials:1: there is text before the first section", "[default]", 0
    ),
    "aws-cli#4879 a profile that is not found in the credentials file": Failure(
        _profile_in_credentials,
        ".aws/credentials:1: in an AWS credentials file, [profile s3user1] is not",
        "write [s3user1] in that line",
        0,
    ),
    "sam#1035 a section that is there twice": Failure(
        _file("[default]\n{}\n[default]\n{}"),
        ".aws/credentials:5: the section [default] is there twice",
        "merge it into the one in line 1",
        0,
    ),
    "awslogs#367 a key that is there twice": Failure(
        _file("[default]\n{}aws_access_key_id = other\n"),
        ".aws/credentials:4: aws_access_key_id is there twice in [default]",
        "remove one of the two",
        0,
    ),
    "kafka-ui#4472 a session token in quotes": Failure(
        _token_in_quotes,
        ".aws/credentials:4 is in quotes, which are taken as a part of it",
        "remove the quotes",
        1,
    ),
    "aws-sso-cred-restore#2 keys in quotes": Failure(
        _keys_in_quotes,
        "aws_access_key_id in",
        "remove the quotes",
        1,
    ),
    "setup a comment behind a secret key": Failure(
        _secret_with_a_comment, "aws_secret_access_key in", "remove the comment", 1
    ),
    "setup AWS_PROFILE from a Windows file": Failure(
        _profile_with_a_carriage_return,
        r"in AWS_PROFILE, 'work\r', ends in a carriage return",
        "run: export AWS_PROFILE=work",
        0,
    ),
    "setup a session token that is left over": Failure(
        _token_that_is_left_over,
        "AWS_SESSION_TOKEN does not belong to the key in AWS_ACCESS_KEY_ID",
        "run: unset AWS_SESSION_TOKEN",
        1,
    ),
    "aws-runas#22 old keys instead of a profile": Failure(
        _keys_that_are_left_over,
        "the AWS credentials from the environment have expired",
        f"instead of the profile in AWS_PROFILE, 'work'; to use that, run: {UNSET}",
        1,
    ),
    "setup a source_profile whose section lacks the word profile": Failure(
        _source_without_the_word,
        ".aws/config:1: in an AWS config file, [base] is not profile 'base'",
        "write [profile base] in that line",
        0,
    ),
    "setup an SSO session's section with an underscore": Failure(
        _session_with_an_underscore,
        ".aws/config:5: in an AWS config file, [sso_session corp] is not SSO session 'corp'",
        "write [sso-session corp] in that line",
        0,
    ),
    "setup the account of a section without the word profile": Failure(
        _account_of_an_unseen_section,
        ".aws/config:3: in an AWS config file, [dev] is not profile 'dev'",
        "write [profile dev] in that line",
        0,
    ),
    "setup a directory in the SSO cache": Failure(
        _directory_in_the_sso_cache,
        ".json is a directory, where a file has to be",
        "replace it by the file",
        0,
    ),
}
