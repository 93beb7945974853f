"""The log where another user can write, with two real uids: never into what is not this user's."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import docker_credential_ecrpy
from docker_credential_ecrpy.files.log_file import LogFile
from tests.security import attacks
from tests.security.attacks import ATTACKER, VICTIMS, attack

_APPEND = """
import sys
from docker_credential_ecrpy.files.log_file import LogFile
log = LogFile(sys.argv[1])
for line in sys.stdin.buffer:
    log.append(line)
"""
MANY = "x" * 2**20
"""A line of more than the size at which the log is renamed."""


class Scene:
    """Two directories: `open`, like /tmp, and `documents` of the victim, with one file."""

    def __init__(self, uid: int, root: Path) -> None:
        self.uid, self.open, self.document = uid, root / "open", root / "documents" / "log"
        self.open.mkdir()
        self.open.chmod(0o1777)
        self.document.parent.mkdir()
        self.document.write_text("of the victim")
        self.document.chmod(0o644)
        for path in (self.document.parent, self.document):
            os.chown(path, uid, uid)

    def append(self, path: Path, *lines: str) -> None:
        """Append lines as the victim."""
        package = str(Path(docker_credential_ecrpy.__file__).parents[1])
        command = attacks.as_user(self.uid, [sys.executable, "-c", _APPEND, str(path)])
        environ = {"PYTHONPATH": package, "PATH": os.environ["PATH"]}
        text = "".join(f"{line}\n" for line in lines).encode()
        done = subprocess.run(command, input=text, env=environ, timeout=30, check=False)
        assert done.returncode == 0

    def is_untouched(self) -> bool:
        seen = self.document.stat()
        names = [path.name for path in self.document.parent.iterdir()]
        mode = stat.S_IMODE(seen.st_mode)
        return (self.document.read_text(), mode, names) == ("of the victim", 0o644, ["log"])


@pytest.fixture(name="scene", params=VICTIMS)
def _scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    attacks.require_two_users()
    with tempfile.TemporaryDirectory(prefix="log-") as name:
        root = Path(name)
        root.chmod(0o711)
        yield Scene(VICTIMS[request.param], root)


@pytest.mark.parametrize("name", ["log", "theirs/log"])
def test_a_fifo_that_another_user_reads(scene: Scene, name: str) -> None:
    """Nothing is written into it, also in a directory where the kernel refuses nothing."""
    attack(scene.open, 'mkdir -m 777 theirs; mkfifo -m 666 "$NAME"', NAME=name)
    reader = os.open(scene.open / name, os.O_RDONLY | os.O_NONBLOCK)
    scene.append(scene.open / name, "a line")

    assert os.read(reader, 100) == b""
    os.close(reader)


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFSOCK], ids=["a device", "a socket"])
def test_a_device_or_socket_of_another_user(scene: Scene, kind: int) -> None:
    """It is not written to, and the log is not put in its place."""
    path = scene.open / "log"
    os.mknod(path, kind | 0o666, os.makedev(1, 3))  # that of /dev/null
    os.chown(path, ATTACKER, ATTACKER)
    scene.append(path, "a line")

    assert stat.S_IFMT(path.stat().st_mode) == kind


@pytest.mark.parametrize("name", ["log", "below/log"])
def test_a_symlink_in_the_path(scene: Scene, name: str) -> None:
    """A directory that is another user's symlink to the victim's documents is not entered."""
    attack(scene.open, 'ln -s "$TARGET" link', TARGET=str(scene.document.parent))
    if name != "log":
        (scene.document.parent / "below").mkdir()
        scene.append(scene.open / "link" / name, "a line")
        (scene.document.parent / "below").rmdir()
    scene.append(scene.open / "link" / "log", "a line", MANY, "the last")

    assert scene.is_untouched()


def test_a_symlink_of_the_user_in_the_path(scene: Scene) -> None:
    """A directory may be the user's own symlink, and one of root's as /var/run is."""
    for owner in {0, scene.uid}:
        link = scene.open / f"link-{owner}"
        link.symlink_to(scene.document.parent)
        os.chown(link, owner, owner, follow_symlinks=False)
        scene.append(link / f"log-{owner}", "a line")

        assert (scene.document.parent / f"log-{owner}").read_text() == "a line\n"


@pytest.mark.parametrize(
    "plant",
    ['ln -s "$DOCUMENT" log.1', "echo theirs >log.1", "mkdir log.1", "mkfifo log.1", ""],
    ids=["a symlink", "a file", "a directory", "a FIFO", "a hard link to a document"],
)
def test_the_renamed_log_replaces_no_other_file(scene: Scene, plant: str) -> None:
    """What stands at `<file>.1` and is no log of this user stays, and the log goes on."""
    log, old = scene.open / "log", scene.open / "log.1"
    if plant:
        attack(scene.open, plant, DOCUMENT=str(scene.document))
    else:
        old.hardlink_to(scene.document)
    before = old.lstat()
    scene.append(log, "one", MANY, "two", "three")

    assert old.lstat() == before
    assert log.read_text().splitlines() == ["one", MANY, "two", "three"]
    assert scene.is_untouched()


def test_a_directory_that_is_swapped(tmp_path: Path) -> None:
    """An open log stays in its directory when a symlink to another takes that one's name."""
    if sys.platform == "win32":
        pytest.skip("Windows opens the log by its path")
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "log").write_text("a document")
    (documents / "log").chmod(0o644)
    (tmp_path / "logs").mkdir()
    log = LogFile(str(tmp_path / "logs" / "log"))
    log.append(b"one\n")
    (tmp_path / "logs").rename(tmp_path / "moved")
    (tmp_path / "logs").symlink_to(documents)
    for line in ("two", MANY, "three", "four"):
        log.append(f"{line}\n".encode())

    assert (documents / "log").read_text() == "a document"
    assert (documents / "log").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in documents.iterdir()) == ["log"]
    assert (tmp_path / "moved" / "log").read_text() == "four\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Unix FIFOs")
def test_a_fifo_of_the_user_never_blocks(tmp_path: Path) -> None:
    """Without a reader lines are lost, and so are those that a full pipe has no room for."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    LogFile(str(fifo)).append(b"nobody reads\n")
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    for _ in range(300):
        LogFile(str(fifo)).append(b"x" * 1023 + b"\n")

    assert set(os.read(reader, 2**20)) == set(b"x\n")
    os.close(reader)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/fd")
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "/dev/stderr"])
def test_a_descriptor_of_the_process(name: str) -> None:
    """A name of a descriptor that is open is written to by it; a full pipe loses lines."""
    code = _APPEND.replace("sys.stdin.buffer", "[b'a line\\n'] + [b'x' * 1000] * 200")
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code, name.format(2 if "stderr" in name else writer)],
        pass_fds=[writer],
        stderr=writer,
    ) as child:
        assert child.wait(30) == 0
    assert os.read(reader, 2**20).startswith(b"a line\nxxx")
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(sys.platform == "win32", reason="Unix devices")
def test_a_terminal_and_a_device_of_root() -> None:
    """A terminal of this user gets the lines, and /dev/null takes them."""
    controller, terminal = os.openpty()
    LogFile(os.ttyname(terminal)).append(b"a line\n")
    LogFile(os.devnull).append(b"a line\n")

    shown = b""
    while b"\n" not in shown:  # a terminal gives it in parts
        shown += os.read(controller, 100)
    assert shown == b"a line\r\n"
    os.close(controller)
    os.close(terminal)


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_a_socket_of_the_user(tmp_path: Path) -> None:
    """A socket is not written to."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "log"))
        LogFile(str(tmp_path / "log")).append(b"a line\n")

    assert stat.S_ISSOCK((tmp_path / "log").lstat().st_mode)
