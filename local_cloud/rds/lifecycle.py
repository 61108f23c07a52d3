"""Stopping, starting, rebooting, failing over and renaming DB instances.

Sources: the RDS API reference (StopDBInstance, StartDBInstance, RebootDBInstance); the user guide's
"Stopping an Amazon RDS DB instance temporarily", "Renaming a DB instance" and "Failing over a Multi-AZ DB
instance for Amazon RDS".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moto.rds.exceptions import DBInstanceAlreadyExists

from ..moto_seam import TURNS
from .base import USABLE
from .exceptions import Refused
from .instances import InstanceBackend
from .resources import DBInstance
from .serving import FAILOVER
from .snapshots import SNAPSHOT

# AWS seconds. The user guide names ten minutes for a new name, and seven days.
_STOP, _START, _REBOOT = 300, 300, 60
_RENAMING, _NEW_NAME = 120, 480
_LONGEST_STOP = 7 * 24 * 3600


class LifecycleBackend(InstanceBackend):
    """What RDS does to instances as a whole."""

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> DBInstance:
        """Begin to stop an instance, after a snapshot if one is named. After seven days it starts again."""
        database = self.instance(db_instance_identifier)
        if database.status != "available":  # the words are from cloud-custodian, issue 1687
            raise Refused(
                "InvalidDBInstanceState", f"Instance {db_instance_identifier} is not in available state."
            )
        seconds = _STOP
        if db_snapshot_identifier is not None:
            self.create_db_snapshot(db_instance_identifier, db_snapshot_identifier)
            seconds += SNAPSHOT
        database.status = "stopping"

        def stopped() -> None:
            if self.become(database, "stopped", "stopping"):
                self.record(database, "RDS-EVENT-0087")
                self._limit_stop(database)

        self.later(seconds, stopped, database)
        return database

    def _limit_stop(self, database: DBInstance) -> None:
        until = datetime.now(UTC) + timedelta(seconds=self.clock.seconds(_LONGEST_STOP))
        database.automatic_restart_time = until

        def over() -> None:
            if self.has_status(database, "stopped") and database.automatic_restart_time is until:
                self.record(database, "RDS-EVENT-0154")
                self.start_db_instance(database.db_instance_identifier)

        self.later(_LONGEST_STOP, over)

    def start_db_instance(self, db_instance_identifier: str) -> DBInstance:
        """Begin to start a stopped instance."""
        database = self.instance(db_instance_identifier)
        if database.status != "stopped":
            raise Refused(
                "InvalidDBInstanceState",
                f"Instance {db_instance_identifier} is not stopped, it cannot be started.",
            )
        database.automatic_restart_time = None
        self.pass_through(database, "starting", _START, lambda: self.started(database, "RDS-EVENT-0088"))
        return database

    def reboot_db_instance(self, db_instance_identifier: str, force_failover: bool = False) -> DBInstance:
        """Begin to reboot an instance, which applies the parameters of its group.

        Args:
            db_instance_identifier: the instance.
            force_failover: whether its standby takes over.
        """
        database = self.instance(db_instance_identifier)
        # RDS-EVENT-0035 names the remedy for wrong parameters: correct them, then reboot.
        if database.status not in (*USABLE, "incompatible-parameters"):
            raise Refused("InvalidDBInstanceState", "Database instance is not in available state.")
        if force_failover and not database.multi_az:
            raise Refused(
                "InvalidParameterCombination",
                "You can't force a failover, because the instance isn't configured for Multi-AZ.",
            )
        database.take_parameters()
        if force_failover:
            self.record(database, "RDS-EVENT-0013")
            self.crash_server(database)
            self.pass_through(database, "rebooting", FAILOVER, lambda: self.end_failover(database))
            return database
        if database.multi_az:
            self.record(database, "RDS-EVENT-0004")
        self.pass_through(database, "rebooting", _REBOOT, lambda: self.started(database, "RDS-EVENT-0006"))
        return database

    def check_new_name(self, name: str) -> None:
        """Raise an error unless an instance may be renamed to this."""
        self._validate_db_identifier(name)
        if name in self.databases:
            raise DBInstanceAlreadyExists

    def rename(self, database: DBInstance, name: str) -> None:
        """Begin to rename an instance. It has its new name and address after a while, and reboots then.

        Its log groups, snapshots and event subscriptions stay with the old name.
        """
        database.status = "renaming"

        def renamed() -> None:
            with TURNS["rds"]:
                if not self.has_status(database, "renaming"):
                    return
                if name in self.databases:  # somebody was faster
                    database.status = "available"
                    return
                self.databases.pop(database.db_instance_identifier)
                database.db_instance_identifier = name
                self.databases[name] = database
            self.create_log_groups(database)
            self.pass_through(
                database, "rebooting", _NEW_NAME, lambda: self.started(database, "RDS-EVENT-0006")
            )

        self.later(_RENAMING, renamed, database)
