"""Facts about the static program as a file: its form, its parts, and that they are reproducible."""

import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

from tests.world import engines
from tests.world.machine import HOST, Machine
from tests.world.products import ONE_FILE, STATIC
from tests.world.tree import REPOSITORY

LIMIT = 22_000_000  # bytes


def _shown(*options: str, file: Path = ONE_FILE) -> str:
    command = ["readelf", "--wide", *options, str(file)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def _parts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STATIC.read_text())
    return found


def test_it_is_static_and_small() -> None:
    """No interpreter and no library is named in it."""
    headers = _shown("--program-headers")

    assert "INTERP" not in headers
    assert "DYNAMIC" not in headers
    assert ONE_FILE.stat().st_size < LIMIT


def test_its_memory_is_protected() -> None:
    """Data that is constant once the program runs is read-only, and no memory is both writable
    and executable. The stack is protected.
    """
    headers = _shown("--program-headers")
    flags = re.findall(r"^ +(\w+) +(?:0x\w+ +){5}([RWE ]+?) +0x\w+$", headers, re.MULTILINE)

    assert ("GNU_STACK", "RW") in flags
    assert "GNU_RELRO" in dict(flags)
    assert {kind for kind, given in flags if "W" in given and "E" in given} == set()
    compiled = REPOSITORY / "build" / "static" / "_ssl-_ssl.o"
    assert "__stack_chk_fail" in _shown("--syms", file=compiled)


def test_no_path_of_the_building_machine_is_in_it() -> None:
    """No path of the tree, of a home or of a temporary directory is in it."""
    content = ONE_FILE.read_bytes()
    for path in (str(REPOSITORY), os.path.expanduser("~root/"), "/pip-", "site-packages/boto"):
        assert path.encode() not in content, path


def test_its_parts_have_versions() -> None:
    """The packages are those that are installed where it was built."""
    parts = _parts()
    for name, version, licence in parts["packages"]:
        done = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${Version}", name],
            capture_output=True,
            check=True,
            text=True,
        )
        assert done.stdout == version
        assert licence
    assert {"_ssl", "_decimal"} <= set(parts["extensions"])
    assert parts["source"][1].partition("-")[0] in str(parts["packages"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", parts["mpdecimal"])


def test_the_licences_are_inside() -> None:
    """Those of the linked packages too."""
    content = ONE_FILE.read_bytes()
    texts = []
    for found in re.finditer(rb"\x1f\x8b\x08\x00\x00\x00\x00\x00", content):
        unpacker = zlib.decompressobj(31)  # of gzip, with other bytes behind it
        texts.append(unpacker.decompress(content[found.start() :]))
    (text,) = [one for one in texts if b"==== botocore: LICENSE" in one]
    for name, _, _ in _parts()["packages"]:
        assert f"==== {name} ====".encode() in text


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """A build in another directory gives the same file."""
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(REPOSITORY / "build" / "static" / "source", work / "source")
    command = [
        *(str(REPOSITORY / ".binary" / "bin" / "python"), "-B", "-X", "no_debug_ranges"),
        str(REPOSITORY / "binary" / "static.py"),
        str(REPOSITORY / "build" / "binary" / "build_binary" / "contents.json"),
        *(str(work), str(tmp_path / "program"), str(tmp_path / "parts")),
    ]
    subprocess.run(command, check=True, timeout=280)

    assert (tmp_path / "program").read_bytes() == ONE_FILE.read_bytes()
    assert (tmp_path / "parts").read_bytes() == STATIC.read_bytes()


def test_a_cached_get_reads_no_file_of_its_own(machine: Machine, tmp_path: Path) -> None:
    """A get opens the files of the user and of the cache, and nothing of the system."""
    if not shutil.which("strace"):
        engines.missing("strace is not installed")
    machine.program = [str(ONE_FILE)]
    machine.login()
    first = machine.get().secret
    log = tmp_path / "log"
    command = [
        "strace",
        "-s",
        "4096",
        "-f",
        "-e",
        "trace=%file,process",
        "-o",
        str(log),
        *machine.program,
    ]
    machine.program = command

    assert machine.get().secret == first
    paths = set(re.findall(r'"(/[^"]*)"', log.read_text()))
    home = str(machine.root)
    glibcs = {"/", "/etc/localtime", "/etc/nsswitch.conf", "/proc/self/exe"}
    helpers = {"/etc", "/etc/boto.cfg", "/proc/sys/kernel/random/boot_id", "/sys/class/rtc/rtc0"}
    others = {path for path in paths if not path.startswith(home)}
    assert others <= {str(ONE_FILE)} | glibcs | helpers
    assert HOST in log.read_text()
