"""CloudWatch's metrics: DB instances publish how much storage is free."""

from __future__ import annotations

from datetime import timedelta

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, MetricDatumBase
from moto.core.utils import utcnow

from ..moto_seam import Local
from ..rds.models import backend

_FREE = 0.8  # of the allocated storage
_MINUTES = 5  # how many data points there are; nobody here reads older ones
_SILENT = ("creating", "deleting", "upgrading", "rebooting")


class LocalCloudWatch(Local, CloudWatchBackend):
    """CloudWatch, to which running instances publish FreeStorageSpace each minute.

    "Amazon CloudWatch metrics for Amazon RDS" describes the metric.
    """

    @property
    def aws_metric_data(self) -> list[MetricDatumBase]:
        """The data points of the last minutes."""
        minute = utcnow().replace(second=0, microsecond=0)
        found = super().aws_metric_data
        for database in backend().instances():
            if database.status in _SILENT:
                continue
            name = database.db_instance_identifier
            free = self.faults.database.free_storage(name)
            value = database.allocated_storage * 2**30 * _FREE if free is None else free
            dimensions = [{"Name": "DBInstanceIdentifier", "Value": name}]
            found += [
                MetricDatum("AWS/RDS", "FreeStorageSpace", value, dimensions, minute - timedelta(minutes=ago))
                for ago in range(_MINUTES)
            ]
        return found
