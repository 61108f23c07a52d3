"""One PostgreSQL server: its folder, its files, and its process while it runs."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from . import roles

_LONGEST_START = 60.0  # seconds; a crashed server reads its transaction logs again first
_POLL = 0.01
# postgresql.conf has one file for what this module sets, which counts last, and one for the parameter group.
_OURS, _GROUP = "local.conf", "parameter-group.conf"


class NotStartedError(Exception):
    """The server did not start. The message is what PostgreSQL said."""


@dataclass(frozen=True)
class Account:
    """The system's user that servers run as: PostgreSQL refuses to run as root.

    Attributes:
        user: the user's number; None for the user of this process.
        group: the number of its group.
    """

    user: int | None
    group: int | None

    @classmethod
    def unprivileged(cls) -> Account:
        """Return the user of this process, or nobody if that is root."""
        if os.geteuid() != 0:
            return cls(None, None)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    def own(self, path: Path) -> None:
        """Give a file or a folder, with all below it, to the user."""
        if self.user is None or self.group is None:
            return
        os.chown(path, self.user, self.group)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder) / name, self.user, self.group, follow_symlinks=False)

    def options(self) -> dict[str, Any]:
        """Return the options of `subprocess` with which a program runs as the user."""
        # Ctrl-C in a terminal has to reach only the cloud, which stops its servers.
        options: dict[str, Any] = {"start_new_session": True, "cwd": "/", "umask": 0o077}
        if self.user is None:
            return options
        return options | {"user": self.user, "group": self.group, "extra_groups": []}


@dataclass
class Server:
    """A PostgreSQL server, which runs or not.

    Attributes:
        programs: the folder with `postgres` and `initdb` of its major version.
        folder: everything of it: `data`, `log`, `wal` (the archived transaction logs) and `socket`.
        address: the loopback address that it listens on.
        port: the port.
        account: the system's user that it runs as.
        died: called in a thread of its own when the server has ended by itself.
    """

    programs: Path
    folder: Path
    address: str
    port: int
    account: Account
    died: Callable[[], None] | None = field(default=None, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _has_died: bool = field(default=False, init=False)

    @property
    def data(self) -> Path:
        """The data folder, as PostgreSQL means it."""
        return self.folder / "data"

    @property
    def archive(self) -> Path:
        """The folder of the archived transaction logs."""
        return self.folder / "wal"

    @property
    def logs(self) -> Path:
        """The folder of the server's log files, one for each hour (UTC)."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def version(self) -> str:
        """The full version of PostgreSQL, such as "17.10"."""
        return self._run("postgres", "--version").split()[2]

    def create(self) -> None:
        """Make the folder and an empty cluster with the encoding UTF8."""
        self.make_folders()
        # A server of the local cloud has nothing to lose in a power failure.
        self._run(
            "initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=reject",
            f"--username={roles.ADMINISTRATOR}", "--pgdata", str(self.data),
        )  # fmt: skip

    def make_folders(self) -> None:
        """Make the folder and what it needs beside the data."""
        self.folder.mkdir(mode=0o700)
        for part in ("log", "wal", "socket"):
            (self.folder / part).mkdir(mode=0o700)
        self.account.own(self.folder)

    def configure(
        self, settings: Mapping[str, str], certificate: tuple[str, str], *, master: str, force_ssl: bool
    ) -> None:
        """Write the configuration. What needs no restart counts after `reload`.

        Args:
            settings: the settings of the parameter group that PostgreSQL knows.
            certificate: private key and certificate, in PEM.
            master: the name of the master user.
            force_ssl: whether clients without TLS are refused (rds.force_ssl).
        """
        self._write(_GROUP, _conf(settings))
        self._write(_OURS, _conf(self._own_settings()))
        self._write("postgresql.conf", f"include '{_GROUP}'\ninclude '{_OURS}'\n")
        self._write("server.key", certificate[0])
        self._write("server.crt", certificate[1])
        self._write("pg_hba.conf", _host_rules(master, force_ssl=force_ssl))

    def _own_settings(self) -> dict[str, str]:
        return {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder / "socket"),
            "ssl": "on",
            "ssl_cert_file": "server.crt",
            "ssl_key_file": "server.key",
            # RDS's prefix (user guide, "RDS for PostgreSQL database log files").
            "log_line_prefix": "%t:%r:%u@%d:[%p]:",
            "log_timezone": "UTC",
            "logging_collector": "on",
            "log_directory": str(self.logs),
            "log_filename": "postgresql.log.%Y-%m-%d-%H",
            "log_rotation_age": "60",
            "log_rotation_size": "0",
            "archive_mode": "on",
            "archive_timeout": "300",  # RDS's own, in real time
            "archive_command": f'test ! -f "{self.archive}/%f" && cp "%p" "{self.archive}/%f"',
            "fsync": "off",
            "data_sync_retry": "off",
        }

    def start(self, *, private: bool = False) -> None:
        """Start, and return when clients can connect. Does nothing if the server runs.

        Args:
            private: whether only the administrator can connect.

        Raises:
            NotStartedError: PostgreSQL did not start.
        """
        if self.pid is not None:
            return
        died, self._has_died = self._has_died, False
        # PostgreSQL reads in this file whether processes of a dead server still write.
        if not died:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        until = time.monotonic() + _LONGEST_START
        while True:
            try:
                self._start(private=private)
            except NotStartedError as error:
                if not (died and "shared memory" in str(error) and time.monotonic() < until):
                    raise
                time.sleep(_POLL)
            else:
                break
        threading.Thread(target=self._watch, args=(self._process,), name="postgresql", daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if self._process is process:
            self._has_died = True
            if self.died:
                self.died()

    def _start(self, *, private: bool) -> None:
        output = self.logs / "start"
        with output.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    str(self.programs / "postgres"), "-D", str(self.data),
                    *(("-c", "listen_addresses=") if private else ()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                **self.account.options(),
            )  # fmt: skip
        self._await(self._is_ready, _LONGEST_START)
        if not self._is_ready():
            self.crash()
            text = output.read_text(errors="replace").strip()
            raise NotStartedError(text if "FATAL" in text else self._last_line())

    def _is_ready(self) -> bool:
        try:  # the eighth line (PostgreSQL's source, utils/pidfile.h)
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        pid = self.pid
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _last_line(self) -> str:
        newest = max(self.logs.glob("postgresql.log.*"), key=lambda file: file.name, default=None)
        lines = newest.read_text(errors="replace").splitlines() if newest else []
        # A process of the server itself has neither client nor user.
        return next(
            (line for line in reversed(lines) if "FATAL" in line and "::@:" in line), "it said nothing"
        )

    def _await(self, holds: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not holds() and self.pid is not None and time.monotonic() < until:
            time.sleep(_POLL)

    def stop(self) -> None:
        """Stop as RDS does: open transactions are rolled back, and clients read 57P01."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End every process at once, as when the machine fails. The next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None  # so nobody takes it for dead by itself
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(_LONGEST_START)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def reload(self) -> None:
        """Let the server read its configuration again."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def admin(self, database: str = roles.ADMINISTRATOR) -> psycopg.Connection:
        """Return a connection of RDS's own superuser, in autocommit mode. No client can log in so."""
        return psycopg.connect(
            host=str(self.folder / "socket"),
            port=self.port,
            user=roles.ADMINISTRATOR,
            dbname=database,
            autocommit=True,
            application_name="local cloud",
            options="-c log_statement=none -c log_min_duration_statement=-1",  # no password in the log
            connect_timeout=2,  # libpq knows no shorter one
        )

    def remove(self) -> None:
        """Stop at once and delete the folder."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> str:
        try:
            done: subprocess.CompletedProcess[str] = subprocess.run(
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                **self.account.options(),
            )
        except OSError as error:  # built for another C library, or out of the reach of the server's user
            raise NotStartedError(f"{program}: {error}") from error
        if done.returncode:
            raise NotStartedError(f"{program}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _write(self, name: str, text: str) -> None:
        file = self.data / name
        file.touch(mode=0o600)
        file.write_text(text)
        self.account.own(file)


def free_address(port: int) -> str:
    """Return a loopback address on which nobody listens on `port`.

    Linux has all of 127.0.0.0/8, so each DB instance can have the port of its endpoint. Elsewhere there is
    only 127.0.0.1.

    Raises:
        OSError: no address has this port free.
    """
    start = int.from_bytes(os.urandom(3), "big")
    tried = [f"127.{(start >> 16) % 254 + 1}.{(start >> 8) % 256}.{start % 254 + 1}", "127.0.0.1"]
    for address in tried:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                reason = error
            else:
                return address
    raise reason


def _conf(settings: Mapping[str, str]) -> str:
    quoted = {name: str(value).replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def _host_rules(master: str, *, force_ssl: bool) -> str:
    """Return pg_hba.conf. RDS lets nobody into rdsadmin. Here users who log in with IAM are refused, too.

    md5 takes both kinds of stored passwords. The master user is a member of rds_iam to be able to grant it.
    """
    kinds = ["hostssl"] if force_ssl else ["hostssl", "hostnossl"]
    rules = [
        f"local all {roles.ADMINISTRATOR} trust",  # the socket's folder lets nobody else in
        f"host {roles.ADMINISTRATOR} all all reject",
        f"host all {roles.ADMINISTRATOR} all reject",
        *(f'{kind} all "{master}" all md5' for kind in kinds),
        *(f"{kind} all +rds_iam all reject" for kind in kinds),
        *(f"{kind} all,replication all all md5" for kind in kinds),
    ]
    return "\n".join(rules) + "\n"
