"""Facts about the identity line."""

import os
import re
from pathlib import Path

import botocore
import pytest
from botocore import configprovider
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy import identity

# Variables that botocore reads and that cannot change who is asking, each with its reason.
CANNOT_MATTER = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "ECR has no endpoints by account",
    "AWS_AUTH_SCHEME_PREFERENCE": "which signature, not whose",
    "AWS_BEARER_TOKEN_": "a prefix; botocore honours it for Bedrock alone",
    "AWS_CA_BUNDLE": "whom to trust, not whom to be",
    "AWS_CREDENTIAL_EXPIRATION": "when the keys end; AWS_ACCESS_KEY_ID says which they are",
    "AWS_CSM_CLIENT_ID": "monitoring",
    "AWS_CSM_ENABLED": "monitoring",
    "AWS_CSM_HOST": "monitoring",
    "AWS_CSM_PORT": "monitoring",
    "AWS_DEFAULTS_MODE": "timeouts and retries",
    "AWS_DEFAULT_REGION": "the region comes from the host name",
    "AWS_REGION": "the region comes from the host name",
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "ECR has no host prefixes",
    "AWS_DISABLE_REQUEST_COMPRESSION": "how the request is sent",
    "AWS_ENDPOINT_DISCOVERY_ENABLED": "ECR has no endpoint discovery",
    "AWS_ENDPOINT_URL_": "a prefix; those of the services that are asked are in the list",
    "AWS_EXECUTION_ENV": "goes into the user agent",
    "AWS_LAMBDA_FUNCTION_NAME": "goes into the user agent",
    "AWS_MAX_ATTEMPTS": "retries",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "retries",
    "AWS_METADATA_SERVICE_TIMEOUT": "how long to wait, not for whom",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "how the request is sent",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "how the request is sent",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "how the answer is read",
    "AWS_RETRY_MODE": "retries",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH": "S3 alone",
    "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS": "S3 alone",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "S3 alone",
    "AWS_S3_USE_ARN_REGION": "S3 alone",
    "AWS_SDK_UA_APP_ID": "goes into the user agent",
    "AWS_SIGV4A_SIGNING_REGION_SET": "ECR takes no SigV4a",
    "BOTOCORE_TCP_KEEPALIVE": "how the connection is held",
    "BOTO_EXPERIMENTAL__ADD_PROXY_HOST_HEADER": "how the request is sent",
    "BOTO_EXPERIMENTAL__NO_EMPTY_CONTINUE": "how the request is sent",
    "BOTO_DISABLE_CRT": "which code computes the signature",
    "REQUESTS_CA_BUNDLE": "whom to trust, not whom to be",
}
SECRET = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
}
# Names in botocore's text that are no variables: of its endpoint rules, or of its documentation.
NO_VARIABLES = re.compile(
    r"AWS_(STS|S3)_USE_\w+|AWS_S3_(ACCELERATE|DISABLE_MRAP|FORCE_PATH_STYLE)$|AWS_DOC\w*"
    r"|AWS_USE_(FIPS|DUALSTACK)$|AWS_S3_?$|AWS_STS_?$|AWS_STS_USE_GLOBAL_ENDPOINT|AWS_S3CONTROL\w*"
)


def _variables_of_botocore() -> set[str]:
    tables = (
        configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES,
        configprovider.DEFAULT_S3_CONFIG_VARS,
    )
    names: set[str] = set()
    for table in tables:
        for row in table.values():
            names.update([row[1]] if isinstance(row[1], str) else row[1] or [])
    for path in Path(botocore.__file__).parent.glob("*.py"):
        names.update(re.findall(r"""['"]((?:AWS|BOTO)_[A-Z0-9_]+)['"]""", path.read_text()))
    return {name for name in names if not NO_VARIABLES.fullmatch(name)}


def test_every_variable_that_botocore_reads_is_classified() -> None:
    """Each variable is in the line, secret, or argued not to matter; a new one is noticed."""
    classified = {*identity.DECIDING_VARIABLES, *CANNOT_MATTER, *SECRET}

    assert _variables_of_botocore() - classified == set()


def test_the_classes_do_not_overlap() -> None:
    """No variable is in two classes, and none twice in the list."""
    deciding = identity.DECIDING_VARIABLES

    assert len(set(deciding)) == len(deciding)
    assert not set(deciding) & set(CANNOT_MATTER)
    assert not SECRET & {*deciding, *CANNOT_MATTER}


@pytest.mark.parametrize("name", identity.DECIDING_VARIABLES)
def test_each_deciding_variable_makes_another_identity(name: str) -> None:
    """Setting it, changing it and setting it to nothing are three identities besides none."""
    lines = {identity.line(environ) for environ in ({}, {name: ""}, {name: "a"}, {name: "b"})}

    assert len(lines) == 4


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_is_never_in_the_line(name: str) -> None:
    """Its value does not show. A container's token makes another identity all the same."""
    line = identity.line({name: "hunter2"})

    assert "hunter2" not in line
    if name == "AWS_CONTAINER_AUTHORIZATION_TOKEN":
        assert len({line, identity.line({}), identity.line({name: "hunter3"})}) == 3
    else:
        assert line == identity.line({})


@pytest.mark.parametrize(
    "name", [n for n in identity.DECIDING_VARIABLES if re.search("UR[LI]|ENDPOINT", n)]
)
def test_a_password_in_a_url_is_not_in_the_line(name: str) -> None:
    """It is not written down, and makes another identity all the same."""
    urls = ("https://me:hunter2@a.test/", "https://me:hunter2/@a.test/", "https://you:x@a.test/")
    lines = {identity.line({name: url}) for url in urls}

    assert not any("hunter2" in line for line in lines)
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("variable", "where"),
    [
        ("AWS_CONFIG_FILE", ".aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        ("BOTO_CONFIG", ".boto"),
        ("AWS_CREDENTIAL_FILE", None),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", None),
        ("AWS_ECR_CONFIG", ".ecr/config.toml"),
    ],
)
@pytest.mark.parametrize("by_default", [True, False], ids=["default place", "named place"])
def test_each_deciding_file_makes_another_identity(
    variable: str,
    where: str | None,
    by_default: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Making it, writing to it, replacing it by its like, and touching it back all show."""
    if by_default and where is None:
        path = tmp_path / "keys"
        # Of the two without a default place, botocore expands ~ in the one alone.
        environ = {variable: "~/keys" if variable == "AWS_CREDENTIAL_FILE" else str(path)}
    elif by_default:
        environ, path = {}, tmp_path / str(where)
    else:
        path = tmp_path / "elsewhere"
        environ = {variable: str(path)}
    monkeypatch.setenv("HOME", str(tmp_path))
    environ["HOME"] = str(tmp_path)
    path.parent.mkdir(exist_ok=True)

    lines = [identity.line(environ)]
    path.write_text("one")
    lines.append(identity.line(environ))
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    lines.append(identity.line(environ))
    other = tmp_path / "other"
    other.write_text("six")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    lines.append(identity.line(environ))

    assert len(set(lines)) == 4
    assert identity.line(environ) == lines[-1]


@given(
    st.dictionaries(
        st.sampled_from(identity.DECIDING_VARIABLES),
        st.text(st.characters(exclude_characters="\0")),
    )
)
def test_the_line_is_one_line_of_ascii(environ: dict[str, str]) -> None:
    """Whatever variables hold, line breaks and lone surrogates too, the line is one of ASCII."""
    line = identity.line(environ)

    assert line.isascii()
    assert line.isprintable()


@given(
    *[st.dictionaries(st.sampled_from(identity.DECIDING_VARIABLES[:4]), st.text(max_size=9))] * 2
)
def test_different_variables_never_give_one_line(one: dict[str, str], two: dict[str, str]) -> None:
    """No value can be written so that it reads as another variable's."""
    assert (identity.line(one) == identity.line(two)) == (one == two)


@pytest.mark.parametrize(
    ("environ", "matters"),
    [
        ({}, True),
        ({"AWS_PROFILE": "x"}, True),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}, True),
        ({"AWS_ACCESS_KEY_ID": ""}, True),
        ({"AWS_ACCESS_KEY_ID": "x"}, False),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "x"}, False),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_ECR_CONFIG": __file__}, True),
    ],
    ids=range(7),
)
def test_the_machine_counts_where_its_role_may(
    environ: dict[str, str], matters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines that share a home may have roles of their own, unless the environment decides.

    A CI job's container has a new name each time, and its cache is to serve the next one.
    """
    lines = set()
    for name in "ab":
        monkeypatch.setattr(identity, "_machine", lambda _, name=name: name)
        lines.add(identity.line(environ))

    assert len(lines) == (2 if matters else 1)
