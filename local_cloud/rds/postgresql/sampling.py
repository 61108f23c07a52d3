"""What a running server takes and does, asked of itself and of the system."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psycopg

from . import roles
from .server import Server

log = logging.getLogger(__name__)

_QUERY = f"""
with clients as (
  select state from pg_stat_activity
  where backend_type in ('client backend', 'walsender') and usename is distinct from '{roles.ADMINISTRATOR}'
)
select
  (select count(*) from clients),
  (select count(*) from clients where state = 'active'),
  (select max(age(datfrozenxid)) from pg_database),
  (select coalesce(sum(size), 0)::bigint from pg_ls_waldir()),
  (select sum(pg_tablespace_size(oid))::bigint from pg_tablespace),
  (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::bigint from pg_replication_slots)
"""
_FIELDS = ("RssAnon", "RssShmem", "VmSwap")


class Sample(NamedTuple):
    """What a server says of itself. Sessions of RDS itself don't count.

    Attributes:
        sessions: the sessions of clients.
        active: those of them that run a statement, or wait in one.
        oldest_transaction: the age of the oldest transaction id that is not frozen.
        wal: the bytes of the transaction logs.
        tables: the bytes of everything else in the data folder that grows.
        slot_lag: the bytes of transaction logs since the position of the oldest replication slot; None
            without a slot.
    """

    sessions: int
    active: int
    oldest_transaction: int
    wal: int
    tables: int
    slot_lag: int | None


class Usage(NamedTuple):
    """What the processes of a server take of the machine.

    Attributes:
        processors: how many of them it has kept busy since the sample before, or since its start.
        memory: bytes: their own, and once the shared ones.
        swap: bytes in swap.
    """

    processors: float
    memory: int
    swap: int


class Sampler:
    """Samples a server with one session, which it opens again when the server has restarted.

    Attributes:
        server: the server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._turn = threading.Lock()
        self._admin: psycopg.Connection | None = None
        self._pid: int | None = None  # the postmaster's when `_admin` was opened
        self._latest: tuple[Sample, Usage | None] | None = None
        self._sampled = -math.inf
        # Postmaster, when it was read, processor seconds.
        self._busy: tuple[int, float, float] = (0, 0.0, 0.0)
        self._warned = False

    def latest(self, seconds: float) -> tuple[Sample, Usage | None] | None:
        """Return a sample that is no older than some seconds; None if the server does not answer.

        The usage is None on a system without /proc.
        """
        with self._turn:
            if time.monotonic() - self._sampled >= seconds:
                self._latest = self._sample()
                self._sampled = time.monotonic()
            return self._latest

    def close(self) -> None:
        """End the session."""
        with self._turn:
            self._end_session()

    def _sample(self) -> tuple[Sample, Usage | None] | None:
        postmaster = self.server.pid
        # A process that somebody has halted takes a connection and never answers.
        if postmaster is None or _is_halted(postmaster):
            return None
        try:
            found = self._ask(postmaster), self._usage(postmaster)
        except (psycopg.Error, OSError) as error:
            self._end_session()
            if not self._warned and self.server.pid == postmaster:
                log.warning("A database server gives no metrics now: %s", str(error).strip())
                self._warned = True
            return None
        self._warned = False
        return found

    def _ask(self, postmaster: int) -> Sample:
        if self._admin is None or self._pid != postmaster:
            self._end_session()
            self._admin, self._pid = self.server.admin(), postmaster
            # What its sessions do is in no log of RDS, except that they come.
            self._admin.execute("set log_min_messages = panic")
            self._admin.execute("set statement_timeout = '1s'")
        row = self._admin.execute(_QUERY).fetchone()
        assert row
        return Sample(*row)

    def _usage(self, postmaster: int) -> Usage | None:
        stats = {pid: found for pid in _family(postmaster) if (found := _stat(pid))}
        root = stats.get(postmaster)
        if root is None:
            return None
        tick, now = os.sysconf("SC_CLK_TCK"), time.clock_gettime(time.CLOCK_BOOTTIME)
        # utime and stime of each process, and those of the ended children (man page proc_pid_stat).
        ticks = [*(each for found in stats.values() for each in found[11:13]), *root[13:15]]
        seconds = sum(map(int, ticks)) / tick
        known, when, before = self._busy
        if known != postmaster:
            when, before = int(root[19]) / tick, 0.0
        self._busy = postmaster, now, seconds
        memory = [_memory(pid) for pid in stats]
        return Usage(
            processors=max(seconds - before, 0.0) / max(now - when, 1 / tick),
            memory=sum(own for own, _, _ in memory) + max(shared for _, shared, _ in memory),
            swap=sum(swap for _, _, swap in memory),
        )

    def _end_session(self) -> None:
        if self._admin:
            self._admin.close()
            self._admin = None


def _is_halted(pid: int) -> bool:
    found = _stat(pid)
    return found is not None and found[0] == "T"


def _family(postmaster: int) -> list[int]:
    try:
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    except OSError:
        children = []
    return [postmaster, *(int(child) for child in children)]


def _stat(pid: int) -> list[str] | None:
    """Return the fields of a process from its state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:  # it has ended
        return None


def _memory(pid: int) -> tuple[int, int, int]:
    """Return a process's own bytes, its shared bytes and its bytes in swap."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0, 0
    figures = dict(line.split(":", 1) for line in lines)
    own, shared, swap = (int(figures.get(name, "0").split()[0]) * 1024 for name in _FIELDS)
    return own, shared, swap
