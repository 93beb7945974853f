"""Facts about the products of `make binary`."""

import gzip
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import docker_credential_ecrpy
from tests.world import credential_sources
from tests.world.machine import HOST, Machine, Result
from tests.world.products import DROP_IN, FOLDER, NAME
from tests.world.tree import REPOSITORY

LIMIT = 25_000_000  # bytes
CONTENTS = REPOSITORY / "build" / "binary" / "build_binary" / "contents.json"


def _files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_the_folder_holds_both_programs() -> None:
    """The second program is a link, which costs no space."""
    assert sorted(path.name for path in FOLDER.iterdir()) == ["_internal", DROP_IN, NAME]
    assert (FOLDER / "_internal" / "LICENSES.txt").read_text().count("==== ") >= 8
    assert os.readlink(FOLDER / NAME) == DROP_IN


def test_it_is_not_large() -> None:
    """The folder is under 25 MB, uncompressed."""
    assert sum(map(len, _files(FOLDER).values())) < LIMIT


def test_it_has_only_the_data_that_botocore_reads() -> None:
    """It has six services and the lists, without the other four hundred."""
    data = FOLDER / "_internal" / "botocore" / "data"

    assert sorted(path.name for path in data.iterdir()) == [
        "_retry.json",
        "ecr",
        "ecr-public",
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
        "signin",
        "sso",
        "sso-oidc",
        "sts",
    ]
    assert {path.name for path in data.glob("*/*/*")} == {
        "endpoint-rule-set-1.json",
        "service-2.json",
    }


def _without_prose(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_prose(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_prose(value)
        for key, value in part.items()
        if key != "documentation" or not isinstance(value, str)
    }


def test_its_models_are_parts_of_the_sdks() -> None:
    """The models have fewer calls and shapes, complete but for the prose; rules are all there."""
    data = FOLDER / "_internal" / "botocore" / "data"
    (theirs,) = (REPOSITORY / ".binary" / "lib").glob("python*/site-packages/botocore/data")
    calls = set()
    for path in data.glob("*/*/*.json"):
        model = json.loads(path.read_text())
        with gzip.open(theirs / f"{path.relative_to(data)}.gz") as file:
            whole = _without_prose(json.load(file))
        if path.stem == "service-2":
            for part in ("operations", "shapes"):
                for name, value in model[part].items():
                    assert value == whole[part].pop(name), (path, name)
            calls |= {*model["operations"]}
            named = set(re.findall(r'"shape":"(\w+)"', path.read_text()))
            assert named == set(model["shapes"])
            assert whole["operations"] or len(model["operations"]) > 1  # some calls were left out
            whole |= {"operations": model["operations"], "shapes": model["shapes"]}
        assert model == whole

    assert len(calls) == 8


def test_transfers_are_left_out() -> None:
    """The programs lack S3's transfers, their processes, and boto3's resource models."""
    names = {module for module, _ in json.loads(CONTENTS.read_text())["modules"]}
    tops = {".".join(name.split(".")[:2]) for name in names}

    assert "botocore.docs" in tops
    assert not tops & {"boto3.dynamodb", "boto3.ec2", "boto3.s3", "s3transfer"}
    assert not {top for top in tops if top.startswith("multiprocessing")}
    assert not (FOLDER / "_internal" / "boto3").exists()


def test_what_is_left_out_is_imported_on_use_alone() -> None:
    """No module of the programs needs an excluded one to load, except for replaced ones."""
    warnings = (CONTENTS.parent / "warn-build_binary.txt").read_text()
    inside = dict(json.loads(CONTENTS.read_text())["modules"])
    replaced = {
        name for name, path in inside.items() if Path(path).parts[-2] in ("binary", "nothing")
    }
    excluded = re.findall(
        r"^excluded module named (\S+) - imported by (.*)", warnings, re.MULTILINE
    )
    assert {"pickle", "zipfile"} <= {name for name, _ in excluded}
    for name, importers in excluded:
        loading = set(re.findall(r"([\w.]+) \(top-level\)", importers))
        assert loading & set(inside) <= replaced or name in replaced, (name, loading)


def test_the_interpreters_own_modules_are_not_inside_twice() -> None:
    """CPython has frozen copies of what its start needs."""
    names = {module for module, _ in json.loads(CONTENTS.read_text())["modules"]}

    assert "stat" not in names
    assert not names & {"importlib._bootstrap", "os", "zipimport"}
    assert {"importlib", "encodings.utf_8"} <= names


def test_no_path_of_the_building_machine_is_in_it() -> None:
    """No path of the tree or of the build environments is in the folder."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    paths = [str(REPOSITORY).encode(), f"{home}/.cache".encode(), b"/pip-", b"/tmp/tmp."]
    for name, contents in _files(FOLDER).items():
        for path in paths:
            assert path not in contents, name


def test_the_folder_answers(machine: Machine) -> None:
    """PyInstaller's program gets a token, and its children have the user's environment."""
    machine.program = [str(FOLDER / DROP_IN)]
    machine.environ["LD_LIBRARY_PATH"] = "/opt/lib"
    keys = machine.aws.user()
    file = machine.root / "environ"
    code = PRINT_ENVIRON.format(file=str(file), key=keys.access_key, secret=keys.secret_key)
    credential_sources.process(machine, code)
    first = machine.get().secret

    assert first in machine.aws.issued
    assert machine.get().secret == first
    expected = sorted(f"{name}={value}".encode() for name, value in machine.environ.items())
    assert sorted(file.read_bytes().rstrip(b"\0").split(b"\0")) == expected


def test_the_version_names_the_program_that_was_called(box: Machine, product: Path) -> None:
    """The name is that of the link that was called."""
    for name in (DROP_IN, NAME):
        link = box.root / name
        link.symlink_to(product)
        result = box.run("version", command=[str(link)])

        number = docker_credential_ecrpy.__version__
        assert result == Result(0, f"{name} ({NAME}) {number}\n".encode(), b"")


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """A build in another directory gives the same files."""
    for name in ("binary", "docker_credential_ecrpy", "build_binary.spec"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path)
    tools = REPOSITORY / ".binary" / "bin"
    environ = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONHASHSEED": "1",
        "SOURCE_DATE_EPOCH": "1",  # without effect: the products have no dates
    }
    command = [
        str(tools / "python"),
        "-m",
        "PyInstaller",
        "--log-level",
        "ERROR",
        "build_binary.spec",
    ]
    subprocess.run(command, cwd=tmp_path, env=environ, check=True, timeout=280)

    assert _files(tmp_path / "dist" / NAME) == _files(FOLDER)


@pytest.mark.parametrize("script", ["make-deb.sh", "make-dist.sh"])
def test_the_same_products_give_the_same_packages(tmp_path: Path, script: str) -> None:
    """The builder's umask, locale and clock do not matter."""
    made = []
    for mask, locale in (("022", "C"), ("077", "C.UTF-8")):
        directory = tmp_path / mask
        directory.mkdir()
        subprocess.run(
            ["sh", "-c", 'umask "$0" && exec sh "$1" "$2"', mask, f"tools/{script}", directory],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "LC_ALL": locale, "SOURCE_DATE_EPOCH": "1700000000"},
            check=True,
        )
        made.append(_files(directory))

    assert made[0] == made[1]
    assert made[0]


PRINT_ENVIRON = """\
import json
given = open("/proc/self/environ", "rb").read()  # as it was handed over, before Python's changes
open({file!r}, "ab").write(given)
print(json.dumps({{"Version": 1, "AccessKeyId": {key!r}, "SecretAccessKey": {secret!r}}}))
"""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LD_LIBRARY_PATH": ""},
        {"LD_LIBRARY_PATH": "/opt/lib:/opt/more lib"},
        {"LD_LIBRARY_PATH": "/opt/lib", "LD_LIBRARY_PATH_ORIG": "the user's own"},
        {"VIRTUAL_ENV": "/venv", "PYTHONPATH": "/lib", "PYTHONHOME": "", "TERM": "é"},
    ],
    ids=repr,
)
def test_children_get_the_environment_that_the_user_had(
    box: Machine, environ: dict[str, str]
) -> None:
    """It has all of the user's variables, and none of the frozen program's."""
    keys = box.aws.user()
    box.environ |= environ
    box.environ.pop("AWS_EC2_METADATA_DISABLED")
    file = box.root / "environ"
    code = PRINT_ENVIRON.format(file=str(file), key=keys.access_key, secret=keys.secret_key)
    credential_sources.process(box, code)
    if "PYTHONHOME" in environ:  # the child runs Python too
        box.environ["PYTHONHOME"] = ""

    assert box.get().secret in box.aws.issued

    expected = sorted(f"{name}={value}".encode() for name, value in box.environ.items())
    assert sorted(file.read_bytes().rstrip(b"\0").split(b"\0")) == expected


def test_an_environment_of_any_shape(box: Machine) -> None:
    """A nameless variable, a repeated one and bytes that are no text do no harm."""
    box.login()
    given = [f"{name}={value}".encode() for name, value in box.environ.items()]
    given += [b"=odd=x", b"TWICE=1", b"TWICE=2", b"BYTES=\xff\xfe", b"no equals sign"]
    code = (
        f"import ctypes\ngiven = {given!r}\nlibc = ctypes.CDLL(None)\n"
        "array = (ctypes.c_char_p * (len(given) + 1))(*given, None)\n"
        f"argv = (ctypes.c_char_p * 3)({os.fsencode(box.program[0])!r}, b'get', None)\n"
        "libc.execve(argv[0], argv, array)\n"
    )
    result = box.run(stdin=HOST.encode(), command=[sys.executable, "-c", code])

    assert result.secret in box.aws.issued


def test_a_child_may_be_the_same_program(box: Machine, product: Path) -> None:
    """A credential_process that pulls an image starts the helper again, from scratch."""
    keys = box.aws.user()
    inner = {**keys.environ, "AWS_CONFIG_FILE": "/dev/null"}
    code = (
        "import json, os, subprocess\n"
        f"done = subprocess.run([{str(product)!r}, 'get'], input={HOST!r}.encode(),\n"
        f"    env={{**os.environ, **{inner!r}}}, capture_output=True)\n"
        f"open({str(box.root / 'inner')!r}, 'wb').write(done.stdout)\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': {keys.access_key!r},\n"
        f"    'SecretAccessKey': {keys.secret_key!r}}}))\n"
    )
    credential_sources.process(box, code)
    region = HOST.replace("us-east-1", "eu-west-1")

    assert box.get(region).secret in box.aws.issued
    assert json.loads((box.root / "inner").read_bytes())["Secret"] in box.aws.issued
