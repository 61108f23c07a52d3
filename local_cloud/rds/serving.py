"""The servers of DB instances: what a status, a setting or a password of an instance means for its server.

A cloud without databases has none; nothing else differs.
"""

from __future__ import annotations

import functools
import json
import logging
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from ..moto_seam import TURNS
from . import settings
from .base import USABLE, RDSBase
from .offers import major_of
from .postgresql import backups, roles, upgrades
from .postgresql.backups import Backup
from .postgresql.packages import NoServerError
from .postgresql.server import NotStartedError, Server
from .postgresql.servers import Servers
from .postgresql.upgrades import NotUpgradedError, PrecheckError
from .resources import DBInstance

log = logging.getLogger(__name__)

# AWS seconds. The user guide names 60 to 120 for a failover.
FAILOVER, _RECOVERY = 90, 120
_PORT = 5432
# In these nobody can connect (user guide, "Viewing Amazon RDS DB instance status").
_DOWN = {
    "creating", "deleting", "failed", "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable", "incompatible-create", "incompatible-network",
    "incompatible-parameters", "incompatible-restore", "rebooting", "restore-error", "starting", "stopped",
    "stopping", "storage-full", "upgrading",
}  # fmt: skip


class ServingBackend(RDSBase):
    """The part of RDS that runs a server for each instance."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._servers: Servers | None = None

    @property
    def servers(self) -> Servers:
        """The cloud's servers. The first use makes their folder."""
        with TURNS["rds"]:
            self._servers = self._servers or Servers()
        return self._servers

    def stop(self) -> None:
        """End every server and delete its data."""
        super().stop()
        for database in self.instances():
            if database.sampler:
                database.sampler.close()
        if self._servers:
            self._servers.end()

    def create_server(self, database: DBInstance) -> None:
        """Create the server of a new instance, with RDS's roles, the master user and the first database.

        A machine that runs no PostgreSQL of this major version is told so, and the instance has no server.
        """
        if not self.databases_run:
            return
        began = time.monotonic()
        try:
            server = self._new_server(database)
            server.create()
        except (NoServerError, NotStartedError) as error:
            log.warning("%s runs without a server. %s", database.db_instance_identifier, error)
            return
        self._attach(database, server)
        try:
            server.start()
        except NotStartedError as error:
            if not self.has_status(database, "creating"):
                return
            # What RDS sets up does not depend on the group. A reboot with a better one needs it.
            self._configure(database, server, {})
            server.start(private=True)
            self._set_up(database, server)
            database.status = self._incompatible(database, error)
        else:
            self._set_up(database, server)
        database.server_seconds = time.monotonic() - began

    def _set_up(self, database: DBInstance, server: Server) -> None:
        with server.admin("postgres") as admin:
            roles.set_up(admin, str(database.master_username), self.master_password(database))
            roles.own_databases(admin, str(database.master_username), database.db_name)

    def _new_server(self, database: DBInstance) -> Server:
        return self.servers.new(
            major_of(database.engine_version), database.dbi_resource_id, database.port or _PORT
        )

    def _attach(self, database: DBInstance, server: Server) -> None:
        database.server, database.follow = server, functools.partial(self._follow, database)
        server.died = functools.partial(self.recover, database)
        self.configure(database)

    def restore_server(self, database: DBInstance, backup: Backup, until: datetime | None = None) -> None:
        """Create the server of a restored instance: with the data, users and passwords of a backup.

        Args:
            database: the instance, with the engine version of the backup.
            backup: the backup.
            until: the point in time that it is restored to; None for that of the backup.
        """
        began = time.monotonic()
        server = self._new_server(database)
        backups.restore(backup, server)
        self._attach(database, server)
        if until:
            backups.recover(backup, server, until)
        server.start()
        if database.manage_master_user_password:
            with server.admin("postgres") as admin:
                roles.set_password(admin, str(database.master_username), self.master_password(database))
        database.server_seconds = time.monotonic() - began

    def upgrade_server(self, database: DBInstance, version: str) -> bool:
        """Bring the stopped server of an instance to an engine version. A minor one needs nothing.

        Returns:
            whether this succeeded. If not, the server is as it was, and a log file says why.
        """
        old = database.server
        if old is None or major_of(version) == major_of(database.engine_version):
            return True
        new, kind = None, "internal"
        try:
            new = self.servers.successor(old, major_of(version))
            new.create()
            self._configure(database, new, {})
            upgrades.upgrade(old, new, database.engine_version, version)
        except (NoServerError, NotStartedError, NotUpgradedError, psycopg.Error) as error:
            log.warning("%s was not upgraded: %s", database.db_instance_identifier, error)
            if isinstance(error, PrecheckError):
                kind = "precheck"
            # RDS appends a time stamp, too.
            (old.logs / f"pg_upgrade_{kind}.log.{time.time():.0f}").write_text(f"{error}\n")
            if new:
                new.remove()
            return False
        shutil.copytree(old.logs, new.logs, dirs_exist_ok=True)
        new.account.own(new.logs)
        shutil.rmtree(old.data)  # what a point in time before the upgrade needs is in its archive
        database.former_servers.append(old)
        database.server, new.died = new, old.died
        return True

    def configure(self, database: DBInstance) -> None:
        """Write what the server reads when it starts or reloads."""
        assert database.server
        self._configure(database, database.server, settings.in_force(database))

    def _configure(self, database: DBInstance, server: Server, values: Mapping[str, str]) -> None:
        server.configure(
            values,
            self.servers.authority.issue(database.address),
            master=str(database.master_username),
            force_ssl=settings.force_ssl(database),
        )

    def reconfigure(self, database: DBInstance) -> None:
        """Let a running server have what was put in force since its start."""
        if database.server and database.server.pid is not None:
            self.configure(database)
            database.server.reload()

    def _follow(self, database: DBInstance, status: str) -> str:
        """Start or stop the instance's server as its new status says. Returns the status that it gets."""
        server = database.server
        assert server
        if status in _DOWN:
            server.stop()
        elif server.pid is None:
            self.configure(database)
            try:
                server.start()
            except NotStartedError as error:
                return (
                    database.status if database.status == "deleting" else self._incompatible(database, error)
                )
            if database.new_password:
                self._set_password(database)
        return status

    def _incompatible(self, database: DBInstance, error: NotStartedError) -> str:
        """Tell that the server of an instance does not start. Returns the status."""
        log.warning("%s: %s", database.db_instance_identifier, error)
        status = "incompatible-parameters"
        self.record(database, "RDS-EVENT-0035", status=status, reason=error)
        return status

    def started(self, database: DBInstance, *events: str) -> None:
        """Start the server of an instance and record events.

        If it does not start, the status of the instance says so, and only that is recorded.
        """
        reached = self._follow(database, "available") if database.server else "available"
        if reached != "available":
            database.status = reached
            return
        for event in events:
            self.record(database, event)

    def listen_on(self, database: DBInstance, port: int) -> None:
        """Give an instance another port. Its server stops; the next status starts it."""
        database.port = port
        if database.server:
            database.server.stop()
            database.server.port = port

    def crash_server(self, database: DBInstance) -> None:
        """End the server of an instance as a failover does: its clients read nothing more."""
        if database.server:
            database.server.crash()

    def remove_server(self, database: DBInstance) -> None:
        """Delete the server of an instance with its data."""
        if database.server:
            for server in (database.server, *database.former_servers):
                server.remove()
            database.server = None
            if database.sampler:
                database.sampler.close()

    def reset_credentials(self, database: DBInstance) -> None:
        """End a change of the master user's password. If RDS manages it, a rotation ends, too."""
        if database.manage_master_user_password:
            if database.master_user_secret.secret_status == "rotating":
                database.master_user_secret.rotate()
            database.master_user_secret.secret_status = "active"
        if database.server:
            database.new_password = True
            if database.server.pid is not None:
                self._set_password(database)
        self.record(database, "RDS-EVENT-0016")

    def _set_password(self, database: DBInstance) -> None:
        assert database.server
        try:
            with database.server.admin() as admin:
                roles.set_password(admin, str(database.master_username), self.master_password(database))
        except psycopg.Error as error:
            log.warning(
                "%s gets its new password when its server starts again: %s",
                database.db_instance_identifier, str(error).strip(),
            )  # fmt: skip
        else:
            database.new_password = False

    def rotate_on_schedule(self, database: DBInstance) -> None:
        """Rotate the managed secret when it is due. If the instance can't be used then, it waits a period."""
        with TURNS["rds"]:
            if self.clock.stopping.is_set() or not database.manage_master_user_password:
                return
            if not self.has_status(database, *USABLE):
                database.master_user_secret.postpone()
                return
            database.master_user_secret.secret_status = "rotating"
            self.reset_credentials(database)

    def recover(self, database: DBInstance) -> None:
        """Do what RDS does when a server has ended by itself: the standby takes over, or it starts again."""
        with TURNS["rds"]:
            if self.clock.stopping.is_set() or not self.has_status(database, *USABLE):
                return
            if database.multi_az:
                self.record(database, "RDS-EVENT-0013")
                self.pass_through(database, "rebooting", FAILOVER, lambda: self.end_failover(database))
                return
            self.record(database, "RDS-EVENT-0020")

            self.pass_through(
                database, "rebooting", _RECOVERY,
                lambda: self.started(database, "RDS-EVENT-0006", "RDS-EVENT-0021"),
            )  # fmt: skip

    def end_failover(self, database: DBInstance) -> None:
        """Let the standby have taken over. The address stays.

        Public reports show the events in this order, after RDS-EVENT-0013.
        """
        if database.secondary_availability_zone:
            database.availability_zone, database.secondary_availability_zone = (
                database.secondary_availability_zone,
                database.availability_zone,
            )
        self.started(database, "RDS-EVENT-0006", "RDS-EVENT-0049")

    def master_password(self, database: DBInstance) -> str:
        """Return the master user's password. If RDS manages it, it is that of the secret."""
        if database.manage_master_user_password:
            return str(database.master_user_secret.password)
        return str(database._master_user_password)

    def page(self) -> str:
        """Return every instance that has a server, as JSON with what a client of libpq needs to connect."""
        return (
            json.dumps(
                [_connection(database, self.servers) for database in self.instances() if database.server],
                indent=2,
            )
            + "\n"
        )


def _connection(database: DBInstance, servers: Servers) -> dict[str, Any]:
    assert database.server
    managed = database.manage_master_user_password
    return {
        "identifier": database.db_instance_identifier,
        "host": database.address,
        "hostaddr": database.server.address,
        "port": database.server.port,
        "secretArn": database.master_user_secret.secret_arn if managed else None,
        "caFile": str(servers.bundle),
        "engineVersion": database.engine_version,
        "status": database.status,
        "pid": database.server.pid,
    }
