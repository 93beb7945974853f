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
    assert not any(map(temporary.is_held, names))
    assert temporary.is_name(temporary.make_name(held=True))
    assert temporary.is_held(temporary.make_name(held=True))


def test_the_short_form_is_of_the_cache() -> None:
    """Version 0.1.0 wrote it there alone."""
    assert not temporary.is_name(".new-1-2")
    assert temporary.is_cache_name(".new-1-2")
    assert temporary.is_cache_name(temporary.make_name())


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
    assert not temporary.is_cache_name(name)
    assert not temporary.is_abandoned(name, OLD)


@pytest.mark.parametrize("form", [".new-{}-5", ".docker-credential-ecrpy-{}-5.new"])
def test_abandoned_is_what_an_ended_process_wrote(form: str) -> None:
    """A file is abandoned when its process has ended and it is not brand new."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    name = form.format(ended.pid)
    assert temporary.is_abandoned(name, 100.0)
    assert not temporary.is_abandoned(name, 1.0)
    assert not temporary.is_abandoned(form.format(os.getpid()), 100.0)
    assert not temporary.is_abandoned(form.format(1), 100.0), "another user's process is running"
    assert not temporary.is_abandoned(form.format("9" * 30), 100.0)
    assert temporary.is_abandoned(form.format(0), 100.0), "no process has this id"


def test_an_old_file_is_abandoned_whoever_has_the_id_now() -> None:
    """In a container, the next process often has the id of the one that was killed."""
    for process in ("1", str(os.getpid()), "9" * 30):
        assert temporary.is_abandoned(f".docker-credential-ecrpy-{process}-5.new", OLD)
