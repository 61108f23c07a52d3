"""Base backups of servers, and servers made of them, also of a point in time.

Source: PostgreSQL's manual, "Continuous Archiving and Point-in-Time Recovery (PITR)".
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from .server import NotStartedError, Server

# What a copy of the data folder leaves out: the manual, "Making a Base Backup Using the Low Level API".
_FILES = {"postmaster.opts", "postmaster.pid"}
_EMPTY = {
    "archive_status", "pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp",
    "pg_subtrans",
}  # fmt: skip
_WAL = "pg_wal"
_TARGET_MISSED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True)
class Backup:
    """A copy of a server's data folder, with the transaction logs that make it consistent.

    Attributes:
        server: of what server. A point in time needs the transaction logs that it has written since.
        folder: the copy.
        version: the full version of the server, as its owner calls it.
        taken: the time that it is of (UTC).
        first_log: the first transaction log that it needs.
    """

    server: Server
    folder: Path
    version: str
    taken: datetime
    first_log: str

    def copy(self, folder: Path) -> Backup:
        """Return a copy of this backup in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True, copy_function=os.link)  # nobody changes it
        self.server.account.own(folder)
        return replace(self, folder=folder)

    def remove(self) -> None:
        """Delete the copy."""
        shutil.rmtree(self.folder)


def take(server: Server, folder: Path, version: str) -> Backup:
    """Copy the data of a server, which may run, into a new folder."""
    if server.pid is None:
        _copy(server.data, folder, set())
        server.account.own(folder)
        first = min(log.name for log in (folder / _WAL).glob("0*"))
        return Backup(server, folder, version, datetime.now(UTC), first)
    with server.admin("postgres") as admin:
        old = admin.info.server_version < 150000
        start = "pg_start_backup('rds', true, false)" if old else "pg_backup_start('rds', fast => true)"
        stop = "pg_stop_backup(false, false)" if old else "pg_backup_stop(wait_for_archive => false)"
        [(first,)] = admin.execute(f"SELECT pg_walfile_name({start})").fetchall()
        _copy(server.data, folder, {_WAL})
        [(last, label)] = admin.execute(f"SELECT pg_walfile_name(lsn), labelfile FROM {stop}").fetchall()
    (folder / "backup_label").write_text(label)
    _take_logs(server, folder / _WAL, first, last)
    server.account.own(folder)
    return Backup(server, folder, version, datetime.now(UTC), first)


def restore(backup: Backup, server: Server) -> None:
    """Make the folder and the data of a server that was never created."""
    server.make_folders()
    shutil.copytree(backup.folder, server.data, symlinks=True, copy_function=_copy_file)
    server.account.own(server.data)


def recover(backup: Backup, server: Server, until: datetime) -> None:
    """Let a restored, configured server start and make it what the backup's server was at a time, exclusive.

    Args:
        backup: what the server was restored from, older than `until`.
        server: the server.
        until: the time. All that was committed before it has to be in the transaction logs.

    Raises:
        NotStartedError: PostgreSQL could not recover.
    """
    _take_logs(backup.server, server.data / _WAL, backup.first_log, "F" * 24)
    server.account.own(server.data)
    target = {"recovery_target": "immediate"}
    if until > backup.taken:
        target = {"recovery_target_time": until.isoformat(), "recovery_target_inclusive": "off"}
    try:
        _recover(server, target)
    except NotStartedError as error:
        if _TARGET_MISSED not in str(error):
            raise
        _recover(server, {})  # all that was ever committed is older


def _recover(server: Server, target: dict[str, str]) -> None:
    # All logs are in the folder already. Settings that the source's group had lower or higher are no obstacle
    # while nobody reads.
    settings = {
        "restore_command": "false",
        "recovery_target_action": "promote",
        "hot_standby": "off",
    } | target
    temporary = server.data / "postgresql.auto.conf"
    temporary.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    signal = server.data / "recovery.signal"
    signal.touch()
    server.account.own(signal)
    server.start()
    temporary.write_text("")
    server.reload()


def _copy(source: Path, target: Path, empty: set[str]) -> None:
    """Copy a data folder. Files may vanish meanwhile: the transaction logs know that."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        name = Path(folder).name
        if name in _EMPTY | empty:
            return set(names)
        return _FILES & set(names) | {each for each in names if each.startswith("pgsql_tmp")}

    try:
        shutil.copytree(source, target, symlinks=True, ignore=left_out, copy_function=_copy_file)
    except shutil.Error as error:
        if any(Path(vanished).exists() for vanished, *_ in error.args[0]):
            raise


def _copy_file(source: str, target: str) -> None:
    """Copy the content alone: with all attributes, a data folder takes five times as long."""
    private = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    with Path(source).open("rb") as read, os.fdopen(private, "wb") as written:
        shutil.copyfileobj(read, written)


def _take_logs(server: Server, into: Path, first: str, last: str) -> None:
    """Copy a server's transaction logs, archived or not, from the first to the last that exists."""
    into.mkdir(exist_ok=True)
    for log in _logs(server):
        # Names sort by timeline and position. A history is named after its timeline.
        if first <= log.name <= last or log.name.endswith(".history"):
            try:
                shutil.copyfile(log, into / log.name)
            except FileNotFoundError:  # archived since, and recycled
                shutil.copyfile(server.archive / log.name, into / log.name)


def _logs(server: Server) -> Iterator[Path]:
    """Yield each log once. Those that PostgreSQL keeps come last: one may be archived meanwhile."""
    archived = {log.name: log for log in server.archive.iterdir()}
    kept = server.data / _WAL
    logs = archived | {log.name: log for log in kept.glob("0*")} if kept.exists() else archived
    yield from logs.values()
