"""Facts about the modules that the hot path loads. `make bench` prints the milliseconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.machine import HOST, NOT_FOUND, Machine

pytestmark = pytest.mark.tree
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
TABLE = {"docker_credential_ecrpy.helper.rule_table"}
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
COLD = {
    "docker_credential_ecrpy.cli.main",
    "docker_credential_ecrpy.helper.actions",
    "docker_credential_ecrpy.tokens.broker",
    "docker_credential_ecrpy.settings.rules",
    "docker_credential_ecrpy.settings.loader",
    "json",
}
RUN = """
import sys
before = set(sys.modules)
sys.argv = ["docker-credential-ecr-login", sys.argv[1]]
from docker_credential_ecrpy.__main__ import main
code = main()
sys.stderr.write("\\n".join(sorted(set(sys.modules) - before)))
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
    loaded = _loaded(machine, scripts, HOST.replace("123456789012", "210987654321"), 0)

    assert loaded <= HOT | WARM
    assert loaded >= WARM


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


def test_the_measurement_sees_what_is_loaded(machine: Machine, scripts: Path) -> None:
    """A cold get shows the cold modules, so the tests above can fail."""
    machine.login()

    assert _loaded(machine, scripts, HOST, 0) >= COLD


def test_a_cold_get_loads_no_more_of_the_sdk_than_it_uses(machine: Machine, scripts: Path) -> None:
    """boto3's sessions and clients are loaded; without settings, no TOML parser."""
    machine.login()
    loaded = _loaded(machine, scripts, HOST, 0)

    assert {"boto3.session", "botocore.session"} <= loaded
    assert not loaded & {
        "boto3.s3.inject",
        "docker_credential_ecrpy.settings.patterns",
        "docker_credential_ecrpy.settings.rule_parser",
        "docker_credential_ecrpy.settings.toml_document",
        "tomli",
        "tomllib",
    }


def test_waiting_and_listing_do_without_boto3(machine: Machine) -> None:
    """boto3 takes a tenth of a second, so only a fetch loads it; no fallback, no subprocess."""
    code = (
        "import sys\nfrom docker_credential_ecrpy.cli.main import run_cli\nimport os\n"
        "run_cli(['x', 'list'], os.environ, None)\n"
        "run_cli(['x', 'store'], os.environ, None)\n"
        "sys.exit(bool({'botocore', 'boto3', 'subprocess', 'click'} & set(sys.modules)))"
    )

    assert machine.run(command=[sys.executable, "-c", code]).code == 0
