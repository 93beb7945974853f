"""The file of a cache entry, byte by byte: other versions of this program read it."""

import pytest

from docker_credential_ecrpy.hot.cache import Entry, checksum
from docker_credential_ecrpy.tokens import entry as entry_file

INPUTS = (("F", "1.2", "/a"), ("L", "-", "\udcff"))


@pytest.mark.parametrize(("origin", "written"), [("here:1", b"here:1"), ("", b":")])
def test_the_whole_file(origin: str, written: bytes) -> None:
    """The header, a line for each input, and the reply."""
    entry = Entry(1, 2, 3, b"reply", 4, inputs=INPUTS, origin=origin)
    body = b" 1 2 3 4 %b some subject\nF 1.2 2f61\nL - ff\nreply" % written

    assert entry_file.pack("some subject", entry) == b"ecrpy-3 " + checksum(body) + body


def test_a_reference_has_the_times_of_its_token_and_no_inputs() -> None:
    """It names the token's file, and its subject."""
    entry = Entry(1, 2, 3, b"reply", 4, inputs=INPUTS, origin="there:2")
    found = entry_file.refer("/cache/tokens/name~1", "some subject", entry)

    assert found.reply == b">name~1 some subject\n"
    assert (found.written, found.refresh, found.expires, found.booted) == (1, 2, 3, 4)
    assert (found.inputs, found.origin) == ((), "there:2")
