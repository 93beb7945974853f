"""A file system that stops answering, as a network drive whose server is gone: a small FUSE server.

It needs root and /dev/fuse. A process that waits for it can be killed: the server answers an
interrupt, as NFS does. Linux kills no process whose request a server has taken and never answers.
The protocol: https://man7.org/linux/man-pages/man4/fuse.4.html
"""

import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LOOKUP, _FORGET, _GETATTR, _SETATTR, _MKDIR, _OPEN, _READ, _WRITE = 1, 2, 3, 4, 9, 14, 15, 16
_RELEASE, _FLUSH, _INIT, _OPENDIR, _READDIR, _RELEASEDIR, _ACCESS = 18, 25, 26, 27, 28, 29, 34
_CREATE, _INTERRUPT, _BATCH_FORGET = 35, 36, 42
OPERATIONS = {
    "lookup": (_LOOKUP,),
    "open": (_OPEN, _OPENDIR, _CREATE, _MKDIR),
    "read": (_READ, _READDIR),
    "write": (_WRITE, _CREATE, _MKDIR, _SETATTR),
}
"""What may stall: a name -> FUSE's numbers."""

_REQUEST = struct.Struct("<IIQQIIII")  # length, operation, number, node, uid, gid, pid, padding
_ANSWER = struct.Struct("<IiQ")  # length, minus the error, number
_NO_ANSWER = (_FORGET, _BATCH_FORGET)
_DIRECT = 1  # each read and write comes here, past the page cache
_FORCE, _DETACH = 1, 2  # for umount2
_BUFFER = 1 << 20


@contextmanager
def mounted(at: Path, files: Mapping[str, bytes], stalled: str) -> Iterator[None]:
    """Mount a file system with `files` (path -> content), each with mode 0700.

    stalled: the name in `OPERATIONS` of the operations that get no answer.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    at.mkdir(parents=True, exist_ok=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"stalled", bytes(at), b"fuse.stalled", 0, options.encode()):
        number = ctypes.get_errno()
        os.close(device)
        raise OSError(number, os.strerror(number), str(at))
    thread = threading.Thread(target=_Server(device, files, OPERATIONS[stalled]).run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        libc.umount2(bytes(at), _FORCE)  # whoever waits gets an error
        libc.umount2(bytes(at), _DETACH)
        thread.join(10)
        os.close(device)


class _Server:
    def __init__(self, device: int, files: Mapping[str, bytes], stalled: tuple[int, ...]) -> None:
        self._device, self._stalled = device, stalled
        self._paths = ["", ""]  # of each node; the first number is 1, the root's
        self._files: dict[str, bytes | None] = {"": None}
        for path, data in files.items():
            for parent in Path(path).parents:
                self._files["" if str(parent) == "." else str(parent)] = None
            self._files[path] = data

    def run(self) -> None:
        while True:
            try:
                request = os.read(self._device, _BUFFER)
            except OSError:
                return  # unmounted
            _, operation, number, node, *_ = _REQUEST.unpack_from(request)
            body = request[_REQUEST.size :]
            if operation == _INTERRUPT:
                (interrupted,) = struct.unpack_from("<Q", body)
                self._send(interrupted, b"", errno.EINTR)
            elif operation not in (*_NO_ANSWER, *self._stalled):
                try:
                    self._send(number, self._answer(operation, node, body))
                except OSError as exc:
                    self._send(number, b"", exc.errno or errno.EIO)

    def _send(self, number: int, data: bytes, error: int = 0) -> None:
        try:
            os.write(self._device, _ANSWER.pack(_ANSWER.size + len(data), -error, number) + data)
        except FileNotFoundError:
            pass  # the request was interrupted meanwhile

    def _answer(self, operation: int, node: int, body: bytes) -> bytes:
        if operation == _INIT:
            (ahead,) = struct.unpack_from("<8xI", body)
            return struct.pack("<4I2H2I2H8I", 7, 31, ahead, 0, 16, 16, 1 << 17, 1, *[0] * 10)
        path = self._paths[node]
        if operation == _LOOKUP:
            name = body.rstrip(b"\0").decode()
            return self._entry(f"{path}/{name}" if path else name)
        if operation in (_GETATTR, _SETATTR):
            return struct.pack("<QII", 0, 0, 0) + self._attributes(path)
        if operation in (_OPEN, _OPENDIR):
            return struct.pack("<QII", 0, _DIRECT, 0)
        if operation == _READ:
            offset, size = struct.unpack_from("<8xQI", body)
            return (self._files[path] or b"")[offset : offset + size]
        if operation in (_READDIR, _RELEASE, _FLUSH, _RELEASEDIR, _ACCESS):
            return b""
        raise OSError(errno.ENOSYS, "not served")

    def _entry(self, path: str) -> bytes:
        if path not in self._files:
            raise OSError(errno.ENOENT, path)
        if path not in self._paths[1:]:
            self._paths.append(path)
        node = self._paths.index(path, 1)
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self._attributes(path)

    def _attributes(self, path: str) -> bytes:
        data = self._files[path]
        kind = stat.S_IFDIR if data is None else stat.S_IFREG
        node, size, mode = self._paths.index(path, 1), len(data or b""), kind | 0o700
        return struct.pack("<6Q10I", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
