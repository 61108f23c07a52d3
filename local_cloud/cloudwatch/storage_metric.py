"""The CloudWatch metric by which one sees from outside whether a database has room."""

from __future__ import annotations

from datetime import timedelta

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, MetricDatumBase
from moto.core.utils import utcnow

from ..moto_seam import Local
from ..rds.models import backend
from ..world import World

_FREE = 0.8  # of the allocated storage
_MINUTES = 5  # how many points there are; nobody here asks for the past
_SILENT = ("creating", "deleting", "upgrading", "rebooting")


def install(world: World) -> None:
    """Let running instances publish FreeStorageSpace each minute ("Amazon CloudWatch metrics for RDS")."""

    def aws_metric_data(self: CloudWatchBackend) -> list[MetricDatumBase]:
        minute = utcnow().replace(second=0, microsecond=0)
        found: list[MetricDatumBase] = list(original.fget(self))
        for database in backend().instances():
            name = database.db_instance_identifier
            if database.status in _SILENT:
                continue
            free = Local.faults.database.free_storage(name)
            value = database.allocated_storage * 2**30 * _FREE if free is None else free
            dimensions = [{"Name": "DBInstanceIdentifier", "Value": name}]
            found += [
                MetricDatum("AWS/RDS", "FreeStorageSpace", value, dimensions, minute - timedelta(minutes=ago))
                for ago in range(_MINUTES)
            ]
        return found

    original = world.patch(CloudWatchBackend, "aws_metric_data", property(aws_metric_data))
