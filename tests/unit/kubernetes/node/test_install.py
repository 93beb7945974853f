"""Facts about installing the plugin on a node, and taking that back."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.node import install, placed_file
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument
from docker_credential_ecrpy.kubernetes.node.config.merge import ProviderOptions
from docker_credential_ecrpy.kubernetes.node.config.schema import read_providers
from docker_credential_ecrpy.kubernetes.node.record import Places, read_record
from docker_credential_ecrpy.kubernetes.node.source import Source, find_source
from tests.world import play_kubelet
from tests.world.kubelet_configs import EKS, WITH_COMMENTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kubelet of a node is on Linux")
NAME = "ecr-credential-provider"
PROGRAM = "#!/bin/sh\n# {}\necho 'docker-credential-ecrpy (docker-credential-ecrpy) 1'\n"
THEIRS = b"#!/bin/sh\necho go\n"
ASKED = ProviderOptions(NAME)


def seen(directory: Path) -> dict[str, tuple[object, ...]]:
    """Return all below a directory: content, mode, owner and time of change."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(directory.rglob("*")):
        info = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        changed = info.st_mtime_ns if path.is_file() else 0
        found[str(path)] = (content, info.st_mode, info.st_uid, info.st_gid, changed)
    return found


@pytest.fixture(name="node")
def _node(tmp_path: Path) -> Path:
    node = tmp_path / "node"
    node.mkdir()
    return node


@pytest.fixture(name="places")
def _places(node: Path) -> Places:
    return Places(str(node / "etc" / "config.json"), str(node / "opt" / "bin"), NAME)


@pytest.fixture(name="existing")
def _existing(places: Places) -> Places:
    """A node of EKS: another program of that name, and its configuration."""
    Path(places.bin_dir).mkdir(parents=True)
    Path(places.config).parent.mkdir(parents=True)
    Path(places.program).write_bytes(THEIRS)
    os.chmod(places.program, 0o700)
    Path(places.config).write_bytes(EKS)
    os.chmod(places.config, 0o640)
    return places


def make_source(tmp_path: Path, version: str = "1") -> Source:
    file = tmp_path / f"program-{version}"
    file.write_text(PROGRAM.format(version))
    file.chmod(0o700)
    return Source(str(file), is_one_file=True)


def run(places: Places, source: Source, asked: ProviderOptions = ASKED) -> list[str]:
    return install.install(install.plan_install(places, source, asked))


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_new_node_gets_program_and_configuration(
    tmp_path: Path, places: Places, node: Path
) -> None:
    """Modes are 0755 and 0644 whatever the umask, and a removal leaves nothing."""
    before = os.umask(0o077)
    try:
        lines = run(places, make_source(tmp_path))
    finally:
        os.umask(before)
    assert lines == [f"written: {places.program}", f"written: {places.config}"]
    assert Path(places.program).read_text() == PROGRAM.format("1")
    assert (mode(places.program), mode(places.config)) == (0o755, 0o644)
    assert (mode(places.bin_dir), mode(os.path.dirname(places.config))) == (0o755, 0o755)
    play_kubelet.PlayKubelet(Path(places.config).read_text(), Path(places.bin_dir), {})
    lines = install.remove(places)
    assert lines == [f"removed: {places.config}", f"removed: {places.program}"]
    assert list(node.iterdir()) == []


def test_a_removal_restores_exactly(tmp_path: Path, existing: Places, node: Path) -> None:
    """Bytes, modes, owners and times of the previous files, also after a second installation."""
    before = seen(node)
    run(existing, make_source(tmp_path))
    assert mode(existing.config) == 0o640
    assert mode(existing.program) == 0o755
    run(existing, make_source(tmp_path, "2"), ProviderOptions(NAME, env={"AWS_PROFILE": "a"}))
    assert "AWS_PROFILE" in Path(existing.config).read_text()
    install.remove(existing)
    assert seen(node) == before


def test_a_second_installation_changes_nothing(
    tmp_path: Path, existing: Places, node: Path
) -> None:
    """The plan of it is empty, and even to carry it out changes no file but the record."""
    source = make_source(tmp_path)
    run(existing, source)
    before = seen(node)
    plan = install.plan_install(existing, source, ASKED)
    assert not plan.is_needed
    assert install.install(plan) == []
    after = seen(node)
    del before[existing.record], after[existing.record]
    assert after == before


def test_a_configuration_that_the_kubelet_refuses_stays(
    tmp_path: Path, existing: Places, node: Path
) -> None:
    """Nothing is written, not even the program."""
    Path(existing.config).write_bytes(EKS.replace(b"matchImages", b"matchImage"))
    before = seen(node)
    with pytest.raises(HelperError, match="unknown field"):
        run(existing, make_source(tmp_path))
    assert seen(node) == before


def test_a_program_that_does_not_run_is_not_installed(
    tmp_path: Path, existing: Places, node: Path
) -> None:
    """Such as one for another kind of machine: nothing is written."""
    source = make_source(tmp_path)
    Path(source.path).write_text("#!/bin/sh\nexit 1\n")
    before = seen(node)
    with pytest.raises(HelperError, match="does not run: it prints 'nothing'"):
        run(existing, source)
    assert seen(node) == before


@pytest.mark.parametrize("fixture", ["", "existing"], ids=["new", "existing"])
def test_a_failed_write_takes_the_program_back(
    tmp_path: Path,
    places: Places,
    fixture: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The program comes first, and without the configuration it is restored."""
    if fixture:
        request.getfixturevalue(fixture)
    node = tmp_path / "node"
    node.mkdir(exist_ok=True)
    before = seen(node)
    order: list[str] = []

    def fail(file: placed_file.PlacedFile, *_: object) -> None:
        order.extend([file.path, Path(places.program).read_text()])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(placed_file, "write_content", fail)
    with pytest.raises(HelperError, match="no space left on device"):
        run(places, make_source(tmp_path))
    assert order == [places.config, PROGRAM.format("1")]
    assert seen(node) == before


def test_a_record_that_cannot_be_written_is_an_error(
    tmp_path: Path, places: Places, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it there would be no way back: nothing else is written, and no file is left."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(HelperError, match="ecrpy-install: no space left on device"):
        run(places, make_source(tmp_path))
    assert list(node.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_an_error(
    tmp_path: Path, places: Places, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were made before it are removed."""
    make = os.mkdir

    def fail(path: str, *rest: int) -> None:
        if path == os.path.dirname(places.config):
            raise OSError(30, "Read-only file system")
        make(path, *rest)

    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(HelperError, match="etc: read-only file system"):
        run(places, make_source(tmp_path))
    assert list(node.iterdir()) == []


def test_an_update_that_fails_can_be_removed(
    tmp_path: Path, existing: Places, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new program stays, since it runs, and a removal restores what was there at first."""
    before = seen(node)
    run(existing, make_source(tmp_path))
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr(placed_file, "write_content", fail)
        with pytest.raises(HelperError, match="no space left on device"):
            run(existing, make_source(tmp_path, "2"), ProviderOptions(NAME, env={"A": "b"}))
    install.remove(existing)
    assert seen(node) == before


@pytest.mark.parametrize("function", ["link", "replace"])
def test_a_killed_installation_loses_no_previous_file(
    tmp_path: Path,
    existing: Places,
    node: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    """Whatever was done before it, the next run and a removal restore the previous files."""

    class Killed(BaseException):
        pass

    real = getattr(os, function)
    before = seen(node)
    for step in range(3):
        calls = iter(range(100))

        def stop(*args: object, _step: int = step, _calls: object = calls, **named: object) -> None:
            if next(_calls) == _step:  # type: ignore[call-overload]  # an iterator
                raise Killed
            real(*args, **named)

        with monkeypatch.context() as patched:
            patched.setattr(os, function, stop)
            # A killed process runs no handler: nothing is taken back.
            patched.setattr(placed_file.PlacedFile, "put_back", lambda self: None)
            patched.setattr(os, "unlink", lambda *_, **__: None)
            try:
                run(existing, make_source(tmp_path))
            except Killed:
                pass
        for left in node.rglob(".docker-credential-ecrpy-*"):
            left.unlink()
        run(existing, make_source(tmp_path))
        install.remove(existing)
        assert seen(node) == before, step


def test_a_file_without_hard_links_is_copied(
    tmp_path: Path, existing: Places, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On such a file system the previous file is a copy, with its mode and time."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    before = seen(node)
    monkeypatch.setattr(os, "link", refuse)
    run(existing, make_source(tmp_path))
    install.remove(existing)
    assert seen(node) == before


def test_another_change_of_the_configuration_is_kept(tmp_path: Path, existing: Places) -> None:
    """A removal takes out what was added, and nothing else."""
    places = Places(existing.config, existing.bin_dir, "mine")
    Path(places.config).write_bytes(WITH_COMMENTS)
    run(places, make_source(tmp_path), ProviderOptions("mine"))
    edited = Path(places.config).read_bytes().replace(b"1m", b"5m")
    Path(places.config).write_bytes(edited)
    install.remove(places)
    assert Path(places.config).read_bytes() == WITH_COMMENTS.replace(b"1m", b"5m")
    assert not list(tmp_path.rglob(f"*{placed_file.SUFFIX}"))


def test_a_configuration_that_was_restored_already_stays(tmp_path: Path, existing: Places) -> None:
    """EKS writes it again when a node starts: then only the program is restored."""
    run(existing, make_source(tmp_path))
    Path(existing.config).write_bytes(EKS)
    assert install.remove(existing) == [f"restored: {existing.program}"]
    assert Path(existing.config).read_bytes() == EKS
    assert Path(existing.program).read_bytes() == THEIRS


@pytest.mark.parametrize("order", ["first first", "last first"])
@pytest.mark.parametrize("had_config", [True, False])
def test_two_providers_in_one_configuration(
    tmp_path: Path, existing: Places, node: Path, order: str, had_config: bool
) -> None:
    """One program under two names, such as for two audiences: each is removed alone."""
    if had_config:
        Path(existing.config).write_bytes(WITH_COMMENTS)
    else:
        os.unlink(existing.config)
    before, content = seen(node), Path(existing.config).read_bytes() if had_config else b""
    one, two = (Places(existing.config, existing.bin_dir, name) for name in ("one", "two"))
    for places in (one, two):
        run(places, make_source(tmp_path), ProviderOptions(places.name))
    kept, gone = (one, two) if order == "last first" else (two, one)
    install.remove(gone)
    (left,) = (
        p
        for p in read_providers(ConfigDocument("", read(kept.config)))
        if p.args[:1] == ("kubelet",)
    )
    assert (left.name, os.path.exists(kept.program)) == (kept.name, True)
    assert not os.path.exists(gone.program)
    install.remove(kept)
    if order == "last first":
        assert seen(node) == before
    else:
        assert seen(node).keys() == before.keys()
        assert not had_config or read(existing.config) == content


def test_a_removal_names_the_provider_that_is_installed(tmp_path: Path, places: Places) -> None:
    """Another name than that of the installation is an error, and nothing is removed."""
    run(Places(places.config, places.bin_dir, "one"), make_source(tmp_path), ProviderOptions("one"))
    with pytest.raises(HelperError, match=f"for provider {NAME}") as error:
        install.remove(places)
    assert error.value.hint == "add --name one"


def test_a_removal_finds_the_program(tmp_path: Path, existing: Places, node: Path) -> None:
    """Where it was installed, whatever the directory of plugins is said to be now."""
    before = seen(node)
    run(existing, make_source(tmp_path))
    install.remove(Places(existing.config, str(tmp_path), NAME))
    assert seen(node) == before


@pytest.mark.parametrize("at", range(1, 5))
def test_a_removal_that_was_interrupted_is_run_again(
    tmp_path: Path, existing: Places, node: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """After each of its steps, a second one brings back what was there before."""
    before = seen(node)
    run(existing, make_source(tmp_path))
    left = [at]

    def interrupt(real: Callable[..., None], *arguments: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patched:
        for name in ("replace", "unlink"):
            patched.setattr(os, name, partial(interrupt, getattr(os, name)))
        with pytest.raises(KeyboardInterrupt):
            install.remove(existing)
    if os.path.exists(existing.record):
        install.remove(existing)
    assert seen(node) == before


@pytest.mark.parametrize("command", ["install", "remove"])
def test_what_a_killed_run_left_is_removed(
    tmp_path: Path, existing: Places, node: Path, command: str
) -> None:
    """Temporary files of processes that have ended, and nothing else of such names."""
    before = seen(node)
    if command == "remove":
        run(existing, make_source(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = [
        Path(directory, f".docker-credential-ecrpy-{ended.pid}-{number}.new")
        for number, directory in enumerate((existing.bin_dir, os.path.dirname(existing.config)))
    ]
    other = Path(existing.bin_dir, f".docker-credential-ecrpy-{os.getpid()}-1.new")
    for path in (*left, other):
        path.write_bytes(b"program")
        os.utime(path, (time.time() - 10,) * 2)
    if command == "install":
        run(existing, make_source(tmp_path))
    else:
        install.remove(existing)
    assert [path.exists() for path in (*left, other)] == [False, False, True]
    if command == "remove":
        other.unlink()
        assert seen(node) == before


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_previous_file_that_is_gone(tmp_path: Path, existing: Places, is_ours: bool) -> None:
    """The configuration still has a program for each provider, or the kubelet would not start."""
    places = Places(existing.config, existing.bin_dir, "mine") if is_ours else existing
    run(places, make_source(tmp_path), ProviderOptions(places.name))
    for path in tmp_path.rglob(f"*{placed_file.SUFFIX}"):
        path.unlink()
    install.remove(places)
    names = [p.name for p in read_providers(ConfigDocument("", read(places.config)))]
    assert names == [NAME]
    assert os.path.exists(existing.program)


def test_a_change_that_only_the_user_understands_is_refused(
    tmp_path: Path, existing: Places, node: Path
) -> None:
    """Someone edited the provider that was there before: nothing is removed."""
    run(existing, make_source(tmp_path))
    Path(existing.config).write_bytes(Path(existing.config).read_bytes().replace(b"12h", b"1h"))
    before = seen(node)
    with pytest.raises(HelperError, match="has changed since the installation") as error:
        install.remove(existing)
    kept = f"{existing.config}.{NAME}.before-ecrpy"
    assert error.value.hint == f"edit it by hand; the file before it is {kept}"
    assert seen(node) == before


def test_a_program_that_another_one_replaced_stays(tmp_path: Path, existing: Places) -> None:
    """A newer package of the distribution is not taken back."""
    run(existing, make_source(tmp_path))
    os.unlink(existing.program)
    Path(existing.program).write_bytes(b"newer")
    lines = install.remove(existing)
    assert lines[1] == f"kept: {existing.program}, which another program has replaced"
    assert Path(existing.program).read_bytes() == b"newer"


def test_without_an_installation_nothing_is_removed(existing: Places, node: Path) -> None:
    """The error says what to name."""
    before = seen(node)
    with pytest.raises(HelperError, match="nothing is installed by this program"):
        install.remove(existing)
    assert seen(node) == before


def test_a_damaged_record_is_an_error(tmp_path: Path, existing: Places) -> None:
    """It names the files to restore by hand, and is not read as no installation."""
    run(existing, make_source(tmp_path))
    Path(existing.record).write_text('{"program": 1}')
    with pytest.raises(HelperError, match="is damaged") as error:
        read_record(existing)
    assert placed_file.SUFFIX in (error.value.hint or "")


def test_a_change_since_the_plan_is_an_error(tmp_path: Path, existing: Places, node: Path) -> None:
    """What another program writes meanwhile is not lost."""
    plan = install.plan_install(existing, make_source(tmp_path), ASKED)
    Path(existing.config).write_bytes(WITH_COMMENTS)
    before = seen(node)
    with pytest.raises(HelperError, match="has changed meanwhile"):
        install.install(plan)
    assert seen(node) == before


def test_other_providers_are_warned_of(tmp_path: Path, existing: Places) -> None:
    """One with patterns of ECR runs, too; without its program, the kubelet does not start."""
    os.unlink(existing.program)
    places = Places(existing.config, existing.bin_dir, "mine")
    plan = install.plan_install(places, make_source(tmp_path), ProviderOptions("mine"))
    overlap, missing = plan.warnings
    assert overlap.startswith(f"provider {NAME} has patterns of ECR, too")
    assert (
        missing == f"the kubelet does not start: {existing.program} of another provider is missing"
    )


def test_an_installed_package_is_a_symlink(tmp_path: Path, existing: Places, node: Path) -> None:
    """It follows the package's updates; a removal restores the previous program."""
    before = seen(node)
    source = Source(make_source(tmp_path).path, is_one_file=False)
    run(existing, source)
    assert os.readlink(existing.program) == source.path
    assert not install.plan_install(existing, source, ASKED).is_needed
    install.remove(existing)
    assert seen(node) == before


def test_a_given_program_is_copied(tmp_path: Path) -> None:
    """Whatever runs this, the standalone program can be installed, also below another root."""
    file = Path(make_source(tmp_path).path)
    assert find_source(str(file), "/mnt") == Source(str(file), is_one_file=True)
    with pytest.raises(HelperError, match="is not a file"):
        find_source(str(tmp_path / "missing"), "/")


def test_a_package_is_not_linked_into_another_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The symlink would lead out of it."""
    monkeypatch.setattr(sys, "argv", [make_source(tmp_path).path])
    with pytest.raises(HelperError, match="is not one file"):
        find_source("", str(tmp_path))


def test_a_program_that_others_may_replace_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet runs it as root."""
    source = make_source(tmp_path)
    monkeypatch.setattr(sys, "argv", [source.path])
    assert find_source("", "/") == Source(source.path, is_one_file=False)
    os.chmod(tmp_path, 0o770)  # noqa: S103 - what is refused
    with pytest.raises(HelperError, match="belongs to another user"):
        find_source("", "/")


@pytest.mark.parametrize(
    ("unpacked", "is_one_file"),
    [("", True), ("/tmp/_MEI1", True), ("{folder}", False), ("{folder}/_internal", False)],
)
def test_the_kinds_of_standalone_programs_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked: str, is_one_file: bool
) -> None:
    """The static program and the one file are copied, and the folder's program is linked."""
    file = make_source(tmp_path).path
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", file)
    if unpacked:
        monkeypatch.setattr(sys, "_MEIPASS", unpacked.format(folder=tmp_path), raising=False)
    assert find_source("", "/") == Source(file, is_one_file)
