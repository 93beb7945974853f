"""Facts about the modules that the hot path loads. `make bench` prints the milliseconds."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from docker_credential_ecrpy.aws.sdk.lazy_modules import UNUSED
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.tokens.folder import open_folder
from tests.world.accounts import profile
from tests.world.machine import HOST, NOT_FOUND, Machine
from tests.world.play_kubelet import request

pytestmark = pytest.mark.tree
OTHER = HOST.replace("123456789012", "210987654321")
HOT = {
    "docker_credential_ecrpy",
    "docker_credential_ecrpy.__main__",
    "docker_credential_ecrpy.hot",
    "docker_credential_ecrpy.hot.cache",
    "docker_credential_ecrpy.hot.identity",
    "docker_credential_ecrpy.hot.paths",
    "docker_credential_ecrpy.hot.protocol",
    "docker_credential_ecrpy.hot.registry",
    # Loaded when the interpreter starts, in all or some of the supported versions:
    "errno",
    "os",
    "stat",
    "sys",
    "time",
}
# What answers Bazel's form of a `get`, beyond these.
BAZEL = {"docker_credential_ecrpy.hot.bazel", "binascii"}
# What answers `list`, `store` and `erase`, beyond these; with settings, also `TABLE`.
FOLDERS = {
    "docker_credential_ecrpy.files",
    "docker_credential_ecrpy.files.directory",
    "docker_credential_ecrpy.files.private",
    "docker_credential_ecrpy.files.temporary",
    "docker_credential_ecrpy.files.walk",
    "docker_credential_ecrpy.helper",
    "docker_credential_ecrpy.hot.watchdog",
    "docker_credential_ecrpy.tokens",
    "docker_credential_ecrpy.tokens.folder",
}
WARM = FOLDERS | {
    "docker_credential_ecrpy.helper.warm",
    "docker_credential_ecrpy.tokens.entry",
    "docker_credential_ecrpy.tokens.recent",
}
# What waits for the token that another process fetches.
WAIT = {
    "docker_credential_ecrpy.files.lock",
    "docker_credential_ecrpy.tokens.turn",
    "fcntl",
    "msvcrt",
}
TABLE = {"docker_credential_ecrpy.helper.rule_table"}
# What the kubelet's plugin loads beyond a `get` without the hot path.
KUBELET = {
    *("kubernetes", "kubernetes.options", "kubernetes.plugin", "kubernetes.request"),
    "kubernetes.service_account",
}
ACTIONS = {
    "list": {"docker_credential_ecrpy.tokens.recent"},
    "erase": {"docker_credential_ecrpy.tokens.store"},
    "store": {
        "docker_credential_ecrpy.tokens.entry",
        "docker_credential_ecrpy.tokens.json_text",
        "docker_credential_ecrpy.tokens.login",
        "docker_credential_ecrpy.tokens.recent",
        "docker_credential_ecrpy.tokens.store",
        "binascii",
        "_json",
    },
}
# What a `get` that calls AWS loads beyond these, with keys in the environment.
COLD = {
    f"docker_credential_ecrpy.{name}"
    for name in (
        *("aws", "aws.context", "aws.credentials", "aws.deadline", "aws.ecr", "aws.errors"),
        *("aws.errors.answers", "aws.gateway", "aws.profiles", "aws.sdk", "aws.sdk.lazy_modules"),
        *("aws.sdk.data", "aws.sdk.embedded"),
        *("aws.sdk.handlers", "aws.sdk.inputs"),
        *("aws.sdk.known_secrets", "aws.sdk.limits", "aws.sdk.patches"),
        *("aws.sdk.sessions", "aws.sdk.sessions.caches", "aws.sdk.sessions.ec_key"),
        "aws.sdk.sessions.times",
        *(
            "aws.sdk.roles",
            "aws.sdk.transport",
            "aws.sdk.transport.proxies",
            "aws.sdk.transport.socks",
        ),
        *("aws.sdk.transport.trust", "aws.session", "cli", "cli.main", "cli.names"),
        *("errors", "files.bounded", "files.lock", "files.log_file", "files.programs"),
        *(
            "files.programs.program",
            "files.programs.stalled",
            "files.racy",
            "helper.actions",
            "helper.call",
        ),
        *("helper.request", "helper.timeout", "settings", "settings.loader", "settings.rules"),
        *(
            "hot.values",
            "text",
            "text.expression",
            "text.faults",
            "text.log",
            "text.sanitize",
            "text.secret_sources",
        ),
        *("text.secrets", "text.suggestion", "tokens.broker", "tokens.json_text"),
        *("tokens.lock_note", "tokens.login", "tokens.lookup", "tokens.store", "tokens.token"),
    )
}
# With a profile's role, too: its credentials go into the AWS CLI's cache, and their end is parsed.
ROLE = {
    "bisect",
    "calendar",
    *("dateutil._common", "dateutil.parser", "dateutil.parser._parser"),
    *("dateutil.parser.isoparser", "dateutil.relativedelta", "dateutil.tz"),
    *("dateutil.tz._common", "dateutil.tz._factories", "dateutil.tz.tz", "six", "six.moves"),
    *(
        f"docker_credential_ecrpy.files.{name}"
        for name in (
            *("replace", "user", "user.backup", "user.exchange", "user.permissions"),
            *("user.replacement", "user.target"),
        )
    ),
}
# What both load of the packages that this one needs: nothing of `lazy_modules.UNUSED`.
SDK = {
    "botocore",
    *(
        f"botocore.{name}"
        for name in (
            *("args", "auth", "awsrequest", "client", "compat", "compress", "config"),
            *("configloader", "configprovider", "context", "credentials", "crt", "discovery"),
            *(
                "docs.bcdoc",
                "docs.bcdoc.restdoc",
                "docs.bcdoc.style",
                "docs.docstring",
                "docs.paginator",
                "docs.utils",
                "endpoint",
                "translate",
            ),
            *("endpoint_provider", "errorfactory", "eventstream", "exceptions", "handlers"),
            *("history", "hooks", "httpchecksum", "httpsession", "loaders", "model", "paginate"),
            *("parsers", "plugin", "regions", "response", "retries", "retries.base"),
            *(
                "retries.quota",
                "retries.special",
                "retries.standard",
                "serialize",
                "service_module_names",
            ),
            *("session", "signers", "tokens", "useragent", "utils", "validate", "vendored"),
            *("vendored.requests", "vendored.requests.exceptions", "vendored.requests.packages"),
            "vendored.requests.packages.urllib3",
            "vendored.requests.packages.urllib3.exceptions",
        )
    ),
    *("dateutil", "dateutil._version"),
    "urllib3",
    *(
        f"urllib3.{name}"
        for name in (
            *("_base_connection", "_collections", "_request_methods", "_version", "connection"),
            *("connectionpool", "contrib", "exceptions", "http2"),
            *("http2.probe", "poolmanager", "response", "util", "util.connection"),
            *("util.proxy", "util.request", "util.response", "util.retry", "util.ssl_"),
            *("util.ssl_match_hostname", "util.ssltransport", "util.timeout", "util.url"),
            *("util.util", "util.wait"),
        )
    ),
}
# Packages that the SDK uses where they are installed; none is a dependency.
OPTIONAL = {"awscrt", "brotli", "brotlicffi", "certifi", "zstandard"}
# What both load of the standard library, by the first part of the names and without private ones.
STANDARD = {
    *("array", "atexit", "base64", "binascii", "collections", "concurrent"),
    *("configparser", "contextlib", "contextvars", "copy", "copyreg", "dataclasses", "datetime"),
    *("decimal", "email", "encodings", "enum", "errno", "fnmatch", "functools", "gc"),
    *("gzip", "hashlib", "heapq", "hmac", "http", "importlib", "ipaddress", "itertools"),
    *("json", "keyword", "logging", "math", "ntpath", "numbers", "operator", "pathlib"),
    *("platform", "pyexpat", "queue", "quopri", "re", "reprlib", "select"),
    *("selectors", "shlex", "signal", "socket", "ssl", "string", "struct"),
    *("subprocess", "threading", "types", "typing", "unicodedata", "urllib", "uuid", "warnings"),
    *("weakref", "xml", "zlib"),
}
# What some systems and versions load beyond these: the first version, the one after the last.
OF_SYSTEM = {"dateutil.tz.win", "fcntl", "grp", "msvcrt", "posixpath", "pwd", "termios", "winreg"}
NEWEST = (9,)
OF_VERSION: "dict[tuple[tuple[int, ...], tuple[int, ...]], set[str]]" = {
    ((3, 10), (3, 11)): {"sre_compile", "sre_constants", "sre_parse", "uu"},
    ((3, 11), NEWEST): {"locale"},
    # dataclasses read annotations with inspect.
    ((3, 12), NEWEST): {"ast", "dis", "inspect", "opcode", "token", "tokenize"},
    ((3, 12), (3, 13)): {"linecache"},
    ((3, 13), NEWEST): {"glob"},
    ((3, 14), NEWEST): {"annotationlib", "compression"},
}
# What reads botocore's data, which the standalone programs have unpacked.
OF_PACKED_DATA = {"gzip"}
# What certifi loads, with the modules that read its file.
OF_CERTIFI = {"bz2", "lzma", "shutil", "tempfile"}
RUN = """
import sys
before = set(sys.modules)
sys.argv = ["docker-credential-ecr-login", sys.argv[1]]
from docker_credential_ecrpy.__main__ import main
code = main()
names = set(sys.modules) - before
# A lazy module is there, and its code has not run.
names -= {name for name in names if type(sys.modules[name]).__name__ == "LazyModule"}
sys.stderr.write("\\n".join(sorted(names)))
sys.exit(code)
"""


def _loaded(machine: Machine, scripts: Path, host: str, code: int, action: str = "get") -> set[str]:
    """Return the modules that an action of the installed package loads beyond the interpreter's."""
    done = subprocess.run(
        [scripts / "python", "-I", "-c", RUN, action],
        input=host.encode(),
        capture_output=True,
        env=machine.environ,
        check=False,
    )
    assert done.returncode == code, done
    return set(done.stderr.decode().split())


def test_a_cached_get_loads_the_hot_modules_alone(machine: Machine, scripts: Path) -> None:
    """Only they and the modules of the interpreter's start are loaded."""
    machine.login()
    machine.get()
    loaded = _loaded(machine, scripts, HOST, 0)

    assert loaded <= HOT
    assert {name for name in HOT if "." in name} <= loaded


def test_a_cached_get_of_bazel_loads_one_module_more(machine: Machine, scripts: Path) -> None:
    """No JSON, also for a private name: the request is read by hand, and the token encoded."""
    machine.login()
    machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
    for host in (HOST, "images.example.com"):
        machine.get(host)
        request = f'{{"uri":"https://{host}/v2/team/app/blobs/sha256:0123"}}'
        loaded = _loaded(machine, scripts, request, 0)

        assert loaded <= HOT | BAZEL
        assert "docker_credential_ecrpy.hot.bazel" in loaded


def test_bazel_for_another_registry_of_a_region_loads_no_settings_and_no_sdk(
    machine: Machine, scripts: Path
) -> None:
    """The endpoint's token answers, as it does for Docker."""
    machine.login()
    machine.get()

    assert _loaded(machine, scripts, f'{{"uri":"{OTHER}"}}', 0) <= HOT | WARM | BAZEL


def test_a_get_from_a_stored_login_loads_the_hot_modules_alone(
    machine: Machine, scripts: Path
) -> None:
    """A stored login loads no more than a cached token."""
    login = f'{{"ServerURL": "{HOST}", "Username": "AWS", "Secret": "x"}}'
    machine.run("store", stdin=login.encode())

    assert _loaded(machine, scripts, HOST, 0) <= HOT


def test_rules_keep_a_cached_get_on_the_hot_path(machine: Machine, scripts: Path) -> None:
    """With two hundred rules and a private name, no rule is read."""
    machine.login()
    role = machine.aws.role()
    rules = [
        f'[[registry]]\nmatch = "{number:012}"\nrole_arn = "{role.arn}"\n' for number in range(200)
    ]
    rules.append(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
    machine.settings("\n".join(rules))
    for host in (HOST.replace("123456789012", "000000000199"), "images.example.com"):
        machine.get(host)

        assert _loaded(machine, scripts, host, 0) <= HOT


def test_rules_keep_another_registry_on_the_hot_path(machine: Machine, scripts: Path) -> None:
    """From the second get on, a note answers "not found" as long as the rules are unchanged."""
    path = machine.settings(f'[[registry]]\nmatch = "images.example.com"\nregistry = "{HOST}"\n')
    assert machine.get("ghcr.io").stdout == NOT_FOUND
    assert _loaded(machine, scripts, "ghcr.io", 1) <= HOT

    path.write_text(path.read_text().replace("images.example.com", "ghcr.io"))
    machine.login()
    assert machine.get("ghcr.io").secret in machine.aws.issued


@pytest.mark.parametrize("host", ["ghcr.io", "https://index.docker.io/v1/", "\0"])
def test_a_get_for_another_registry_loads_the_hot_modules_alone(
    machine: Machine, scripts: Path, host: str
) -> None:
    """As credsStore, the helper is called for every registry."""
    assert _loaded(machine, scripts, host, 1) <= HOT


def test_another_registry_of_a_region_loads_no_settings_and_no_sdk(
    machine: Machine, scripts: Path
) -> None:
    """The first build asks for each registry that Docker knows, one after the other."""
    machine.login()
    machine.get()
    loaded = _loaded(machine, scripts, OTHER, 0)

    assert loaded <= HOT | WARM
    assert loaded >= WARM


@pytest.mark.parametrize("rules", [None, "[[registry]]\nmatch = '123456789012'\n"])
def test_what_waits_for_another_process_loads_no_settings_and_no_sdk(
    machine: Machine, scripts: Path, rules: "str | None"
) -> None:
    """Sixty-four pulls that start at once cost one fetch, and no more of its modules."""
    machine.login()
    if rules:
        machine.settings(rules)
    machine.get()
    (at,) = machine.entries("locks")
    (token,) = [path for path in machine.entries() if path.name.startswith("ecr@")]
    away = token.rename(machine.root / "token")
    ended = threading.Event()

    def fetch() -> None:
        assert not ended.wait(1)
        away.rename(token)
        lock.close()

    with open_folder(str(at.parent)) as folder:
        lock = FileLock(folder, at.name)
    assert lock.acquire(0)
    fetches = threading.Thread(target=fetch)
    fetches.start()
    loaded = _loaded(machine, scripts, OTHER, 0)
    ended.set()
    fetches.join()

    assert not away.exists()
    assert loaded <= HOT | WARM | WAIT | (TABLE if rules else set())


def test_another_registry_with_rules_loads_a_table_alone(machine: Machine, scripts: Path) -> None:
    """The rules were checked by the first get: there is no parser, no dataclass, no expression."""
    machine.login()
    machine.settings("[[registry]]\nmatch = 'public.ecr.aws'\n")
    machine.get()
    for host, code in ((HOST.replace("123456789012", "210987654321"), 0), ("ghcr.io", 1)):
        loaded = _loaded(machine, scripts, host, code)

        assert loaded <= HOT | WARM | TABLE
        assert loaded >= WARM | TABLE


@pytest.mark.parametrize("rules", [None, "[[registry]]\nmatch = '123456789012'\n"])
@pytest.mark.parametrize("action", ACTIONS)
def test_store_erase_and_list_load_few_modules(
    machine: Machine, scripts: Path, action: str, rules: "str | None"
) -> None:
    """They need none of the errors or the SDK; with settings, the table of the rules alone."""
    if rules:
        machine.settings(rules)
        machine.get("ghcr.io")
    login = f'{{"ServerURL": "{HOST}", "Username": "AWS", "Secret": "x"}}'
    machine.run("store", stdin=login.encode())
    loaded = _loaded(machine, scripts, login if action == "store" else HOST, 0, action)
    wanted = FOLDERS | ACTIONS[action] | {"docker_credential_ecrpy.helper.fast_path"}
    wanted |= TABLE if rules else set()

    assert loaded <= HOT | wanted
    assert {name for name in wanted if "." in name} <= loaded


def test_the_kubelets_plugin_loads_few_modules(machine: Machine, scripts: Path) -> None:
    """A cached answer needs neither the SDK nor click, whose load would be most of its time."""
    machine.login()
    asked = request(f"{HOST}/app").decode()
    assert machine.run("kubelet", stdin=asked.encode()).code == 0
    loaded = _loaded(machine, scripts, asked, 0, "kubelet")
    ours = {name for name in loaded if name.startswith("docker_credential_ecrpy")}
    wanted = {f"docker_credential_ecrpy.{name}" for name in KUBELET}

    assert ours <= HOT | WARM | WAIT | COLD | wanted | {"docker_credential_ecrpy.hot.import_path"}
    assert ours >= wanted
    assert not loaded & {"boto3", "botocore", "click", "subprocess"}


def _list_at_start(scripts: Path) -> set[str]:
    """Return the modules that the interpreter loads before it runs anything."""
    code = "import sys; print(*sys.modules)"
    done = subprocess.run(
        [scripts / "python", "-I", "-c", code], capture_output=True, check=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("with_role", [False, True], ids=["keys", "role"])
def test_a_get_that_calls_aws_loads_no_more_than_it_uses(
    machine: Machine, scripts: Path, with_role: bool
) -> None:
    """Each module of this package, of its dependencies and of Python is in a list."""
    if with_role:
        role = machine.aws.role()
        keys = profile("base", machine.aws.user())
        machine.config(f"{keys}[default]\nrole_arn = {role.arn}\nsource_profile = base\n")
    else:
        machine.login()
    loaded = _loaded(machine, scripts, HOST, 0)
    standard = {name for name in loaded if name.partition(".")[0] in sys.stdlib_module_names}
    ours = {name for name in loaded if name.startswith("docker_credential_ecrpy")}
    others = {name for name in loaded - standard - ours if name.partition(".")[0] not in OPTIONAL}
    wanted = COLD | (ROLE if with_role else set())
    public = {name.partition(".")[0] for name in standard if name[0] != "_"}
    versions = (
        names for (first, end), names in OF_VERSION.items() if first <= sys.version_info < end
    )
    rare = OF_SYSTEM.union(
        OF_PACKED_DATA, *versions, OF_CERTIFI if sys.version_info >= (3, 12) else ()
    )

    assert machine.aws.count() == ({"ecr": 1, "sts:AssumeRole": 1} if with_role else {"ecr": 1})
    assert ours <= HOT | WARM | WAIT | wanted | {"docker_credential_ecrpy.hot.import_path"}
    assert loaded >= wanted
    assert others <= SDK | OF_SYSTEM | wanted
    assert others >= SDK
    assert public <= STANDARD | rare | wanted
    assert public | _list_at_start(scripts) >= STANDARD
    assert loaded & {*UNUSED} <= wanted | rare


def test_waiting_and_listing_load_no_sdk(machine: Machine) -> None:
    """botocore takes a tenth of a second: only a fetch loads it. No subprocess, no click."""
    code = (
        "import sys\nfrom docker_credential_ecrpy.cli.main import run_cli\nimport os\n"
        "run_cli(['x', 'list'], os.environ, None)\n"
        "run_cli(['x', 'store'], os.environ, None)\n"
        "sys.exit(bool({'botocore', 'boto3', 'subprocess', 'click'} & set(sys.modules)))"
    )

    assert machine.run(command=[sys.executable, "-c", code]).code == 0
