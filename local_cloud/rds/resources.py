"""The DB instances, snapshots and export tasks of the local cloud.

Each class has the name of moto's class: moto derives from it that DBInstanceStatus is the attribute `status`.
Answers leave out attributes that are None.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds import models

from ..moto_seam import Local
from .credentials import MasterUserSecret
from .offers import ENGINE, major_of
from .postgresql.backups import Backup
from .postgresql.sampling import Sampler
from .postgresql.server import Server

_UPLOAD = 300  # AWS seconds
# Request parameters that moto drops -> what DescribeDBInstances calls them.
KEPT = {
    "enable_performance_insights": "performance_insights_enabled",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "performance_insights_retention_period": "performance_insights_retention_period",
    "database_insights_mode": "database_insights_mode",
    "engine_lifecycle_support": "engine_lifecycle_support",
    "network_type": "network_type",
}


class DBInstance(models.DBInstance):
    """A DB instance with PostgreSQL. Its first status is "creating".

    Attributes:
        interfaces: the ids of its network interfaces.
        waiting: pending settings, by their names in a request.
        pending_modified_values: those of them that DescribeDBInstances shows, by their names there.
        parameter_apply_status: "pending-reboot", "applying", or "in-sync" with its parameter group.
        in_force: the values of parameters that users have set, as of its last start and what applied since.
        group_in_force: the name of the parameter group of the last start.
        aws_backup_recovery_point_arn: the continuous backup by AWS Backup, if there is one.
        automatic_restart_time: when a stopped instance starts by itself.
        server: its PostgreSQL server, if the cloud runs databases.
        follow: lets the server do what a new status says. Returns the status that the instance gets.
        sampler: measures the server, once somebody wants to know.
        server_seconds: the real seconds that it took to create and start the server.
        former_servers: its servers before major upgrades, stopped. Their transaction logs are still needed.
        backups: the base backups of its servers, oldest first.
        backed_up_since: when its first automated backup was taken; None while it has none.
        new_password: whether the server has to learn the master user's password when it starts.
        turn: held by what happens to it in the background. Take it before `TURNS["rds"]`.
    """

    _status: str = "creating"
    server: Server | None = None
    sampler: Sampler | None = None
    follow: Callable[[str], str]
    server_seconds: float = 0.0
    new_password: bool = False
    master_user_secret: MasterUserSecret  # type: ignore[assignment]  # in the place of moto's

    performance_insights_enabled: bool | None = None
    performance_insights_kms_key_id: str | None = None
    performance_insights_retention_period: int | None = None
    database_insights_mode: str | None = None
    network_type: str | None = None
    secondary_availability_zone: str | None = None
    pending_modified_values: dict[str, Any] | None = None
    aws_backup_recovery_point_arn: str | None = None
    automatic_restart_time: datetime | None = None

    def __init__(self, backend: models.RDSBackend, **values: Any) -> None:
        managed = values.pop("manage_master_user_password", False)
        key = values.pop("master_user_secret_kms_key_id", None)
        super().__init__(backend, **values)
        self.take_secret(managed=managed, key=key)
        self.dbi_resource_id = "db-" + "".join(
            secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26)
        )
        self.license_model = values.get("license_model", "postgresql-license")
        if not self.option_group_supplied:
            self.take_default_option_group()
        self.engine_lifecycle_support = "open-source-rds-extended-support"
        for parameter, attribute in KEPT.items():
            if values.get(parameter) is not None:
                setattr(self, attribute, values[parameter])
        self.turn = threading.Lock()
        self._status = "creating"
        self.interfaces: list[str] = []
        self.waiting: dict[str, Any] = {}
        self.former_servers: list[Server] = []
        self.backups: list[Backup] = []
        self.backed_up_since: datetime | None = None
        self.take_parameters()

    def take_secret(self, *, managed: bool | None, key: str | None) -> None:
        """Create or delete the managed secret. None leaves it as it is."""
        if managed:
            self.master_user_secret = MasterUserSecret(self, key)
        elif managed is False and self.manage_master_user_password:
            self.master_user_secret.delete_secret()
            del self.master_user_secret
        self.manage_master_user_password = self.manage_master_user_password if managed is None else managed

    def update(
        self,
        manage_master_user_password: bool | None = None,
        master_user_secret_kms_key_id: str | None = None,
        rotate_master_user_password: bool | None = None,
        **db_kwargs: Any,
    ) -> None:
        """Change settings. A rotation begins."""
        self.take_secret(managed=manage_master_user_password, key=master_user_secret_kms_key_id)
        if rotate_master_user_password:
            self.master_user_secret.secret_status = "rotating"
        super().update(**db_kwargs)

    def take_parameters(self) -> None:
        """Put all parameters of the group in force, as a start does."""
        self.in_force, self.group_in_force = self.parameter_values, self.parameter_group
        self.parameter_apply_status = "in-sync"

    @property
    def parameter_values(self) -> dict[str, str]:
        """The values that users have given to parameters of the group, in force or not."""
        group = self.db_parameter_groups()[0]
        return {name: change["ParameterValue"] for name, change in group.parameters.items()}

    @property
    def status(self) -> str:
        """The status, as "Viewing Amazon RDS DB instance status" lists them."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        # The server first: nobody may see "available" before it takes connections.
        reached = self.follow(status) if self.server else status
        if self._status != "deleting":  # from a request meanwhile, which nothing takes back
            self._status = reached

    def take_default_option_group(self) -> None:
        """Use RDS's default option group for the major version."""
        self.option_group_name = f"default:{ENGINE}-{major_of(self.engine_version)}"

    @property
    def parameter_group(self) -> str:
        """The name of the parameter group, which may be a default one."""
        return str(self.db_parameter_groups()[0].name)

    @property
    def latest_restorable_time(self) -> datetime | None:  # type: ignore[override]  # moto knows no instance without backups
        """The end of the last five minutes since the first automated backup, in AWS's time.

        RDS uploads the transaction logs every five minutes ("Restoring a DB instance to a specified time").
        """
        since = self.backed_up_since
        if since is None:
            return None
        period = timedelta(seconds=Local.clock.seconds(_UPLOAD))
        return (since + (datetime.now(UTC) - since) // period * period).replace(microsecond=0)

    @property
    def endpoint(self) -> Any:
        """Address, port and hosted zone; None while the instance is being created."""
        if self.status == "creating":
            return None
        return {"Address": self.address, "Port": self.port, "HostedZoneId": "Z2R2ITUGPM61AM"}

    @property
    def db_parameter_group_status_list(self) -> list[dict[str, str]]:
        """The parameter group, and whether the instance needs a reboot to apply it."""
        return [
            {"DBParameterGroupName": group.name, "ParameterApplyStatus": self.parameter_apply_status}
            for group in self.db_parameter_groups()
        ]


class DBSnapshot(models.DBSnapshot):
    """A DB snapshot, whose status changes with time.

    Attributes:
        backup: its data, if the instance has a server.
    """

    percent_progress: int | None = None
    backup: Backup | None = None


class ExportTask(models.ExportTask):
    """An export of a DB snapshot to S3. Its first status is "STARTING"."""

    task_start_time: datetime | None = None
    task_end_time: datetime | None = None
    failure_cause: str | None = None

    def __init__(
        self,
        backend: models.RDSBackend,
        snapshot: models.DBSnapshot,
        request: dict[str, Any],
        kms_key_arn: str,
    ) -> None:
        super().__init__(backend, snapshot, request)
        self.kms_key_id = kms_key_arn
        self.status = "STARTING"
        self.source_type = "SNAPSHOT"
        self.snapshot_time = snapshot.created
        self.percent_progress = 0

    def end(self, status: str) -> None:
        """End as "COMPLETE", "FAILED" or "CANCELED"."""
        self.task_end_time = datetime.now(UTC)
        self.status = status
