"""The servers of DB instances: what a status, a setting or a password of an instance means for its server.

A cloud without databases has none; nothing else differs.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from typing import Any

from ..moto_seam import TURNS
from . import settings
from .base import USABLE, RDSBase
from .offers import major_of
from .postgresql import roles
from .postgresql.packages import NoServerError
from .postgresql.server import NotStartedError
from .postgresql.servers import Servers
from .resources import DBInstance

log = logging.getLogger(__name__)

# AWS seconds. The user guide names 60 to 120 for a failover.
FAILOVER, _RECOVERY = 90, 120
# In these nobody can connect (user guide, "Viewing Amazon RDS DB instance status").
_PORT = 5432
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
        if self._servers:
            self._servers.end()

    def create_server(self, database: DBInstance) -> None:
        """Create the server of a new instance, with RDS's roles, the master user and the first database.

        A machine without a PostgreSQL of this major version is told so, and the instance has no server.
        """
        if not self.databases_run:
            return
        began = time.monotonic()
        try:
            server = self.servers.new(
                major_of(database.engine_version), database.dbi_resource_id, database.port or _PORT
            )
        except NoServerError as error:
            log.warning("%s runs without a server. %s", database.db_instance_identifier, error)
            return
        server.create()
        database.server, database.follow = server, functools.partial(self._follow, database)
        server.died = functools.partial(self.recover, database)
        self.configure(database)
        server.start()
        with server.admin("postgres") as admin:
            roles.set_up(admin, str(database.master_username), self.master_password(database))
            roles.own_databases(admin, str(database.master_username), database.db_name)
        database.server_seconds = time.monotonic() - began

    def configure(self, database: DBInstance) -> None:
        """Write what the server reads when it starts or reloads."""
        assert database.server
        database.server.configure(
            settings.in_force(database),
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
                log.warning("%s: %s", database.db_instance_identifier, error)
                self.record(database, "RDS-EVENT-0035", status="incompatible-parameters", reason=error)
                return "incompatible-parameters"
            if database.new_password:
                self._set_password(database)
        return status

    def crash_server(self, database: DBInstance) -> None:
        """End the server of an instance as a failover does: its clients read nothing more."""
        if database.server:
            database.server.crash()

    def remove_server(self, database: DBInstance) -> None:
        """Delete the server of an instance with its data."""
        if database.server:
            database.server.remove()
            database.server = None

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
        with database.server.admin() as admin:
            roles.set_password(admin, str(database.master_username), self.master_password(database))
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

            def recovered() -> None:
                self.record(database, "RDS-EVENT-0006")
                self.record(database, "RDS-EVENT-0021")

            self.pass_through(database, "rebooting", _RECOVERY, recovered)

    def end_failover(self, database: DBInstance) -> None:
        """Let the standby have taken over. The address stays.

        Public reports show the events in this order, after RDS-EVENT-0013.
        """
        if database.secondary_availability_zone:
            database.availability_zone, database.secondary_availability_zone = (
                database.secondary_availability_zone,
                database.availability_zone,
            )
        self.record(database, "RDS-EVENT-0006")
        self.record(database, "RDS-EVENT-0049")

    def master_password(self, database: DBInstance) -> str:
        """Return the master user's password. If RDS manages it, it is that of the secret."""
        if database.manage_master_user_password:
            return str(database.master_user_secret.password)
        return str(database.master_user_password)

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
