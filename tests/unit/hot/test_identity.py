"""The identity line: what changes it, and what it never holds."""

import os
import re
import sys
from pathlib import Path

import botocore
import pytest
from botocore import configprovider
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import identity

# Variables that botocore reads and that cannot change the identity, each with its reason.
CANNOT_MATTER = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "ECR has no endpoints by account",
    "AWS_AUTH_SCHEME_PREFERENCE": "which signature, not whose",
    "AWS_BEARER_TOKEN_": "a prefix; botocore honours it for Bedrock alone",
    "AWS_CA_BUNDLE": "which certificates to trust, not which identity to use",
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
    "AWS_METADATA_SERVICE_TIMEOUT": "how long to wait, not for which identity",
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
    "REQUESTS_CA_BUNDLE": "which certificates to trust, not which identity to use",
}
SECRET = {
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
}
# Names in botocore's source that are not variables: endpoint rules and documentation.
NO_VARIABLES = re.compile(
    r"AWS_(STS|S3)_USE_\w+|AWS_S3_(ACCELERATE|DISABLE_MRAP|FORCE_PATH_STYLE)$|AWS_DOC\w*"
    r"|AWS_USE_(FIPS|DUALSTACK)$|AWS_S3_?$|AWS_STS_?$|AWS_STS_USE_GLOBAL_ENDPOINT|AWS_S3CONTROL\w*"
)


# Where credentials come from, and where they are sent: each changes the identity or endpoint.
MATTERS = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_IMDS_USE_IPV6",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CREDENTIAL_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "BOTO_CONFIG",
    "AWS_DATA_PATH",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECR_PUBLIC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ECR_CONFIG",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_ECR_PROFILE_123456789012",
    "AWS_ECR_ROLE_ARN_123456789012",
]


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
    """Each variable of botocore's is in the line, secret, or irrelevant; a new one is noticed."""
    classified = {*identity.DECIDING_VARIABLES, *CANNOT_MATTER, *SECRET}

    assert _variables_of_botocore() - classified == set()


def test_the_classes_do_not_overlap() -> None:
    """No variable is in two classes, or twice in the list."""
    deciding = identity.DECIDING_VARIABLES

    assert len(set(deciding)) == len(deciding)
    assert not set(deciding) & set(CANNOT_MATTER)
    assert not SECRET & {*deciding, *CANNOT_MATTER}


@pytest.mark.parametrize("name", MATTERS)
def test_each_deciding_variable_makes_another_identity(name: str) -> None:
    """A deciding variable that is unset, empty, or has another value gives another identity."""
    lines = {identity.line(environ) for environ in ({}, {name: ""}, {name: "a"}, {name: "b"})}

    assert len(lines) == 4


def test_nothing_else_makes_another_identity() -> None:
    """An irrelevant variable does not change the line."""
    noise = dict.fromkeys((*CANNOT_MATTER, "PATH", "AWS_ECR_TIMEOUT", "AWS_ECR_LOG"), "x")

    assert identity.line(noise) == identity.line({})
    assert set(identity.DECIDING_VARIABLES) <= set(MATTERS)


def test_the_order_of_variables_makes_no_other_identity() -> None:
    """The order of exported variables does not change the line."""
    environ = dict.fromkeys(MATTERS, "x") | {"AWS_ECR_PROFILE_000000000001": "y"}

    assert identity.line(environ) == identity.line(dict(reversed(environ.items())))


def test_the_line_has_one_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line's text never changes, so that entries of an earlier release are found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(identity, "machine", lambda _: "host-\xe9")
    token = tmp_path / "token"
    token.touch()
    environ = {
        "AWS_ECR_ROLE_ARN_123456789012": "arn:\xe9",
        "AWS_ECR_PROFILE_123456789012": "a@b",
        "AWS_ECR_PROFILE_\xe9": "of no account",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "abc",
        "AWS_ENDPOINT_URL": "https://user:pass@localhost",
        "AWS_ENDPOINT_URL_ECR": "https://localhost",
        "AWS_PROFILE": "me@work \xe9",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "nothing"),
        "BOTO_CONFIG": "",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        "AWS_ECR_CONFIG": "/etc/ecr.toml",
    }

    parts = [
        "AWS_PROFILE='me@work \\xe9'",
        f"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={str(token)!r}",
        f"AWS_CONFIG_FILE={environ['AWS_CONFIG_FILE']!r}",
        f"AWS_SHARED_CREDENTIALS_FILE={environ['AWS_SHARED_CREDENTIALS_FILE']!r}",
        "BOTO_CONFIG=''",
        "AWS_ENDPOINT_URL='~99829bbe372d9735'",
        "AWS_ENDPOINT_URL_ECR='https://localhost'",
        "AWS_ECR_CONFIG='/etc/ecr.toml'",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN~ba7816bf8f01cfea",
        "'AWS_ECR_PROFILE_123456789012'='a@b'",
        "'AWS_ECR_PROFILE_\\xe9'='of no account'",
        "'AWS_ECR_ROLE_ARN_123456789012'='arn:\\xe9'",
        f"{environ['AWS_CONFIG_FILE']!r}:-",
        f"{environ['AWS_SHARED_CREDENTIALS_FILE']!r}:-",
        f"{str(token)!r}:{identity.file_stamp(str(token))}",
        "'/etc/ecr.toml':1.2",
        f"home={str(tmp_path)!a}",
        "machine='host-\\xe9'",
    ]
    assert identity.line(environ, "1.2") == " ".join(parts)


def test_a_setting_as_it_was_read_is_not_looked_at_again(tmp_path: Path) -> None:
    """The caller's stamp of the settings is used; by default the file is stamped now."""
    file = tmp_path / "config.toml"
    file.touch()
    environ = {"AWS_ECR_CONFIG": str(file)}

    now = f"{str(file)!a}:{identity.file_stamp(str(file))}"
    assert identity.settings_part(environ) == now
    assert identity.settings_part(environ, "") == f"{str(file)!a}:"
    assert f" {now} " in identity.line(environ)


def test_variables_for_accounts_choose() -> None:
    """Only the per-account profile and role variables choose an identity for an account."""
    names = ["AWS_ECR_PROFILE_123456789012", "AWS_ECR_ROLE_ARN_123456789012"]
    others = ["AWS_ECR_CONFIG", "AWS_PROFILE", "AWS_ROLE_ARN"]

    assert identity.account_variables(dict.fromkeys([*reversed(names), *others], "x")) == names


def test_files_that_are_named_decide_and_no_others() -> None:
    """The files that variables name decide; an empty variable names none."""
    environ = {"AWS_CONFIG_FILE": "/a", "AWS_SHARED_CREDENTIALS_FILE": "/b", "BOTO_CONFIG": ""}
    token = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

    assert identity.deciding_files(environ) == ["/a", "/b"]
    assert identity.deciding_files({**environ, token: "/c"}) == ["/a", "/b", "/c"]
    assert identity.deciding_files({**environ, token: ""}) == ["/a", "/b"]


@pytest.mark.parametrize("missing", [(), ("_sha2",), ("_sha256",), ("_sha2", "_sha256")])
def test_a_digest_is_the_same_in_every_interpreter(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest is the start of SHA-256, also for undecodable bytes, from any of the modules."""
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)

    assert identity.digest("abc") == "ba7816bf8f01cfea"  # FIPS 180-2, appendix B.1
    assert identity.digest("\udcff") == "a8100ae6aa1940d0"  # of the byte 0xFF


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_is_never_in_the_line(name: str) -> None:
    """A secret's value is not in the line; a container's token still changes the identity."""
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
    """A password in a URL is not in the line, and still changes the identity."""
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
    """Creating, writing, replacing and re-touching a deciding file each change the line."""
    if by_default and where is None:
        path = tmp_path / "keys"
        # Of the two without a default path, botocore expands ~ in this one only.
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
    """The line is one line of ASCII, for line breaks and lone surrogates too."""
    line = identity.line(environ)

    assert line.isascii()
    assert line.isprintable()


@given(
    *[st.dictionaries(st.sampled_from(identity.DECIDING_VARIABLES[:4]), st.text(max_size=9))] * 2
)
def test_different_variables_never_give_one_line(one: dict[str, str], two: dict[str, str]) -> None:
    """No value can be written so that it reads as another variable."""
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
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "x", "AWS_CONFIG_FILE": __file__}, True),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_CONFIG_FILE": __file__}, False),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "BOTO_CONFIG": __file__}, True),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}, False),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_ECR_CONFIG": __file__}, True),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_ECR_PROFILE_123456789012": "y"}, True),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_ECR_ROLE_ARN_123456789012": "y"}, False),
    ],
    ids=range(13),
)
def test_the_machine_counts_where_its_role_may(
    environ: dict[str, str], matters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines that share a home may have different roles, unless the environment decides.

    Keys in the environment win over everything. A profile wins over a web identity and a container.
    A CI job's container has a new name each time, and its cache has to serve the next job.
    """
    lines = set()
    for name in "ab":
        monkeypatch.setattr(identity, "machine", lambda _, name=name: name)
        lines.add(identity.line(environ))

    assert len(lines) == (2 if matters else 1)


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
def test_settings_behind_a_link_to_nothing_count(tmp_path: Path) -> None:
    """A dangling symlink counts as settings: its disk may be mounted later."""
    link = tmp_path / "config.toml"
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_ECR_CONFIG": str(link)}
    assert " machine=" not in identity.line(environ)

    link.symlink_to("nowhere")
    assert " machine=" in identity.line(environ)


@pytest.mark.skipif(not hasattr(os, "uname"), reason="Windows has the name in a variable")
def test_the_machine_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's host name counts, not a variable that a shell may have set."""
    name = os.uname().nodename

    assert identity.line({"COMPUTERNAME": "other"}).endswith(f" machine={name!a}")


def test_a_windows_machine_is_known_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `uname`, the machine is named by COMPUTERNAME, or not at all."""
    monkeypatch.delattr(os, "uname", raising=False)

    assert identity.line({"COMPUTERNAME": "BUILD-7"}).endswith(" machine='BUILD-7'")
    assert identity.line({}).endswith(" machine=''")


class TestStamps:
    """File stamps change when a file does."""

    def test_each_of_its_four_parts_shows(self) -> None:
        """Mtime and ctime in nanoseconds, size and inode each change the stamp."""
        names = ("st_mtime_ns", "st_ctime_ns", "st_size", "st_ino")

        class Seen:
            def __init__(self, **fields: int) -> None:
                self.__dict__.update(dict.fromkeys(names, 7), **fields)

        stamps = {identity.stamp(Seen(**fields)) for fields in [{}, *({one: 8} for one in names)]}  # type: ignore[arg-type]  # what it reads of one

        assert len(stamps) == 5
        given = Seen(st_mtime_ns=1, st_ctime_ns=2, st_size=3, st_ino=4)
        assert identity.stamp(given) == "1.2.3.4"  # type: ignore[arg-type]  # same

    @pytest.mark.parametrize("path", ["", "no/such/file", "a\0b"])
    def test_a_missing_file_has_none(self, path: str) -> None:
        """An empty, missing or impossible name has the stamp of a missing file."""
        assert identity.file_stamp(path) == "-"

    def test_a_file_has_its_own(self, tmp_path: Path) -> None:
        """Without symlinks, the stamp is that of the file's metadata and of its content."""
        path = tmp_path / "file"
        path.write_text("one")

        data = identity.data_state(b"one")
        assert identity.file_stamp(str(path)) == f"{identity.stamp(path.stat())}.{data}"

    @pytest.mark.parametrize("call", ["stat", "lstat"])
    def test_other_exceptions_are_not_hidden(
        self, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A MemoryError does not make a file look missing."""

        def fail(_: str) -> os.stat_result:
            raise MemoryError

        link = tmp_path / "link"
        link.symlink_to(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(MemoryError):
                identity.file_stamp(str(link))

    @pytest.mark.skipif(sys.platform == "win32", reason="symlinks need a privilege there")
    @pytest.mark.parametrize("of", ["the file", "its directory"])
    def test_a_symlink_retargeted_and_back_shows(self, of: str, tmp_path: Path) -> None:
        """Retargeting a symlink and back changes the stamp: another file was read in between."""
        (tmp_path / "real").mkdir()
        file = tmp_path / "real" / "file"
        file.touch()
        link = tmp_path / "link"
        link.symlink_to(file if of == "the file" else file.parent)
        path = str(link if of == "the file" else link / "file")

        before = identity.file_stamp(path)
        assert before == f"{identity.stamp(link.lstat())}>{identity.file_stamp(str(file))}"
        link.rename(tmp_path / "first")  # a used inode number is not reused
        link.symlink_to("elsewhere")
        away = identity.file_stamp(path)
        link.rename(tmp_path / "second")
        link.symlink_to(file if of == "the file" else file.parent)
        after = identity.file_stamp(path)

        assert len({before, away, after}) == 3
        assert away.endswith(">-")


@given(
    st.dictionaries(
        st.sampled_from([*identity.DECIDING_VARIABLES, "AWS_ECR_PROFILE_123456789012"]),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    )
)
def test_a_line_is_taken_apart_as_it_was_put_together(environ: dict[str, str]) -> None:
    """Parsing a line gives all values back; a URL with a password comes as its digest."""
    parsed = identity.parse(identity.line(environ))

    assert parsed.pop("machine", None) in (None, identity.machine({}))
    assert parsed.pop("home") == os.environ["HOME"]
    assert ("AWS_LOGIN_CACHE_DIRECTORY" in environ) == ("logins" in parsed)
    parsed.pop("logins", None)
    assert parsed == {name: identity._shown(name, value) for name, value in environ.items()}


def test_a_line_has_the_choices_of_a_rule(tmp_path: Path) -> None:
    """Parsing a line gives the choices of a rule at its end, too."""
    line = f"AWS_PROFILE='a b' '{tmp_path}/x y':1.2.3 profile='p\\'q' role='r' external id='~1'"

    assert identity.parse(line) == {
        "AWS_PROFILE": "a b",
        "profile": "p'q",
        "role": "r",
        "external id": "~1",
    }


def test_an_invalid_line_gives_nothing() -> None:
    """A line that cannot be parsed, as of another release, gives nothing."""
    assert identity.parse("AWS_PROFILE='\\x'") == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "https://me:canary@localhost"),
        ("AWS_ENDPOINT_URL_STS", "me:canary@localhost"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://localhost/?key=canary"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/canary"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/canary"),
    ],
)
def test_an_address_with_a_secret_has_a_digest(name: str, value: str) -> None:
    """User info, a query, and every address of a container's credentials stay out of the line."""
    line = identity.line({name: value})

    assert "canary" not in line
    assert identity.parse(line)[name] == f"~{identity.digest(value)}"
