"""Facts about temporary files."""

import os
import subprocess
import sys

import pytest

from docker_credential_ecrpy.files import temporary

OLD = 1e6  # seconds


def test_names_are_recognized_and_differ() -> None:
    """Each name is new, and has the form that a sweep recognizes."""
    names = {temporary.make_name() for _ in range(100)}
    assert len(names) == 100
    assert all(map(temporary.is_name, names))


@pytest.mark.parametrize(
    "name",
    [
        ".new-",
        ".new-notes",
        ".new-1",
        ".new-1-2-3",
        ".new-1-2.txt",
        ".new-1-2\n",
        ".new-\uff11-2",
        "x.new-1-2",
        ".docker-credential-ecrpy-1-2",
        ".docker-credential-ecrpy-1-2.new.txt",
        ".docker-credential-ecrpy-x-2.new",
    ],
)
def test_other_names_are_not_ours(name: str) -> None:
    """A name that only looks similar belongs to somebody else."""
    assert not temporary.is_name(name)
    assert not temporary.is_abandoned(name, OLD)


@pytest.mark.parametrize("form", [".new-{}-5", ".docker-credential-ecrpy-{}-5.new"])
def test_abandoned_is_what_an_ended_process_wrote(form: str) -> None:
    """A file is abandoned when its process has ended and it is not brand new."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    name = form.format(ended.pid)
    assert temporary.is_abandoned(name, OLD)
    assert not temporary.is_abandoned(name, 1.0)
    assert not temporary.is_abandoned(form.format(os.getpid()), OLD)
    assert not temporary.is_abandoned(form.format(1), OLD), "another user's process is running"
    assert not temporary.is_abandoned(form.format("9" * 30), OLD)
