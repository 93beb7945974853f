"""Installs the plugin on a node: the program first, then the configuration; and takes it back.

The order matters: a kubelet whose configuration names a missing program does not start. A record
beside the configuration says what was written, so that `remove` restores exactly what was there.
"""

import os
from contextlib import suppress

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.user.turn import take_turn
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node import placed_file
from docker_credential_ecrpy.kubernetes.node.config.merge import (
    ProviderOptions,
    find_overlaps,
    merge_provider,
    read_file_providers,
    remove_provider,
)
from docker_credential_ecrpy.kubernetes.node.placed_file import PlacedFile, explain_errors
from docker_credential_ecrpy.kubernetes.node.record import (
    Places,
    Record,
    read_config,
    read_record,
    write_record,
)
from docker_credential_ecrpy.kubernetes.node.source import Source
from docker_credential_ecrpy.text.sanitize import one_line

_CONFIG_MODE = 0o644


@dataclass(frozen=True)
class InstallPlan:
    """What an installation changes. before, after: the configuration; record: of the last time.

    new_program: whether the program is another one. warnings: what else the user should know.
    """

    places: Places
    source: Source
    before: bytes | None
    after: bytes
    new_program: bool
    record: Record | None
    warnings: tuple[str, ...]

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return self.new_program or self.before != self.after


def plan_install(places: Places, source: Source, asked: ProviderOptions) -> InstallPlan:
    """Return what to change on the node; writes nothing. Raises HelperError."""
    before = read_config(places.config)
    after = merge_provider(places.config, before, asked)
    providers = read_file_providers(places.config, after)
    warnings = [
        f"provider {one_line(name)} has patterns of ECR, too: the kubelet runs both; "
        f"to replace it, use --name {one_line(name)}"
        for name in find_overlaps(providers, places.name)
    ]
    for provider in providers:
        program = os.path.join(places.bin_dir, provider.name)
        if provider.name != places.name and not os.path.exists(program):
            warnings.append(f"the kubelet does not start: {program} of another provider is missing")
    with explain_errors(places.program):
        new_program = not source.is_installed(places.program)
    record = read_record(places)
    return InstallPlan(places, source, before, after, new_program, record, tuple(warnings))


def install(plan: InstallPlan) -> list[str]:
    """Write what a plan changes; return a line for each file. Raises HelperError.

    Then what was written before the error is taken back.
    """
    places, old = plan.places, plan.record
    plan.source.check(plan.source.path)
    with take_turn([places.config]):
        if read_config(places.config) != plan.before or read_record(places) != old:
            msg = f"{one_line(places.config)} has changed meanwhile"
            raise HelperError(msg, hint="run this again; nothing was written")
        _sweep(places)
        directories: list[str] = []
        written: list[PlacedFile] = []
        try:
            _make_directories(places, directories)
            record = _plan_record(plan, directories)
            write_record(places, record)
            if plan.new_program and record.program:
                with explain_errors(places.program):
                    plan.source.install(record.program, old.program if old else None)
                written.append(record.program)
                plan.source.check(places.program)
            if plan.before != plan.after and record.config:
                with explain_errors(places.config):
                    placed_file.write_content(
                        record.config, plan.after, _CONFIG_MODE, old.config if old else None
                    )
                written.append(record.config)
        except BaseException:
            if old:  # the new program is installed, or all is as before
                program = written[0] if written else old.program
                write_record(places, Record(program, old.config, old.is_added, old.directories))
            else:
                for file in reversed(written):
                    file.put_back()
                with suppress(FileNotFoundError):
                    os.unlink(places.record)
                _remove_directories(directories)
            raise
    return [_say_written(file) for file in written]


def plan_removal(places: Places) -> tuple[Record, bytes | None, bytes | None]:
    """Return the record of an installation, and the configuration before and after its removal.

    The last is None for no file. Raises HelperError where there is no installation, and for a
    configuration that has changed so much that only the user knows what to keep.
    """
    record = read_record(places)
    if record is None:
        msg = f"nothing is installed by this program at {one_line(places.config)}"
        hint = "name the flavor, or the paths, that were given to install"
        if names := places.list_names():
            msg += f" for provider {one_line(places.name)}"
            hint = f"add --name {one_line(names[0])}"
        raise HelperError(msg, hint=hint)
    before = read_config(places.config)
    config = record.config
    if config is None or before is None:
        return record, before, before
    with explain_errors(places.config):
        original = read_config(config.backup) if config.has_previous else None
        if (config.is_unchanged and not config.lacks_backup) or before == original:
            return record, before, original
    if record.is_added:
        return record, before, remove_provider(places.config, before, places.name)
    if config.lacks_backup:
        return record, before, before
    msg = f"{one_line(places.config)} has changed since the installation"
    kept = f"the file before it is {one_line(config.backup)}" if config.has_previous else ""
    raise HelperError(msg, hint=f"edit it by hand; {kept}".rstrip("; "))


def remove(places: Places) -> list[str]:
    """Take an installation back, the configuration first; return a line for each file.

    Raises HelperError.
    """
    with take_turn([places.config]):
        record, before, after = plan_removal(places)
        _sweep(places)
        lines = []
        if config := record.config:
            with explain_errors(places.config):
                if config.is_unchanged and not config.lacks_backup:
                    config.put_back()
                    lines.append(_say_restored(config))
                elif before is not None and after is None:
                    os.unlink(config.path)
                    lines.append(f"removed: {config.path}")
                elif after is not None and before != after:
                    placed_file.write_content(config, after, _CONFIG_MODE, config)
                    lines.append(f"written: {config.path}, without provider {places.name}")
                with suppress(FileNotFoundError):
                    os.unlink(config.backup)
        if program := record.program:
            with explain_errors(places.program):
                if program.lacks_backup:
                    lines.append(f"kept: {program.path}, to which nothing is to be restored")
                elif program.is_unchanged:
                    program.put_back()
                    lines.append(_say_restored(program))
                else:
                    lines.append(f"kept: {program.path}, which another program has replaced")
        with explain_errors(places.record):
            os.unlink(places.record)
        _remove_directories(record.directories)
    return lines


def _plan_record(plan: InstallPlan, directories: list[str]) -> Record:
    """Return the record of an installation before anything is written. Raises HelperError."""
    places, old = plan.places, plan.record
    program, config = (old.program, old.config) if old else (None, None)
    with explain_errors(places.program):
        if plan.new_program:
            backup = places.program + placed_file.SUFFIX
            program = placed_file.plan_file(places.program, backup, plan.source.mark, program)
        if plan.before != plan.after:
            mark = placed_file.mark_content(plan.after)
            config = placed_file.plan_file(places.config, places.config_backup, mark, config)
    is_added = old.is_added if old else not _had_provider(plan)
    made = (*(old.directories if old else ()), *directories)
    return Record(program, config, is_added, made)


def _had_provider(plan: InstallPlan) -> bool:
    if plan.before is None:
        return False
    names = [each.name for each in read_file_providers(plan.places.config, plan.before)]
    return plan.places.name in names


def _make_directories(places: Places, made: list[str]) -> None:
    """Make the directories that are missing; add each to `made`, the outer ones first."""
    for directory in (places.bin_dir, os.path.dirname(places.config)):
        at, missing = directory, []
        while not os.path.isdir(at):
            missing.append(at)
            at = os.path.dirname(at)
        for each in reversed(missing):
            with explain_errors(each):
                os.mkdir(each)
                made.append(each)
                os.chmod(each, 0o755)  # noqa: S103 - whatever the umask: it has programs


def _sweep(places: Places) -> None:
    for directory in (places.bin_dir, os.path.dirname(places.config)):
        with explain_errors(directory):
            placed_file.sweep(directory)


def _remove_directories(directories: list[str] | tuple[str, ...]) -> None:
    """Remove the directories that are empty now, the inner ones first."""
    for directory in reversed(directories):
        with suppress(OSError):  # it has other files
            os.rmdir(directory)


def _say_written(file: PlacedFile) -> str:
    kept = f"; the previous file: {file.backup}" if file.has_previous else ""
    return f"written: {file.path}{kept}"


def _say_restored(file: PlacedFile) -> str:
    return f"restored: {file.path}" if file.has_previous else f"removed: {file.path}"
