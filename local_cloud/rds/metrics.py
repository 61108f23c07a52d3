"""What RDS measures of a DB instance each minute.

The names, units and conditions are those of the RDS User Guide, "Amazon CloudWatch metrics for Amazon RDS"
and "Amazon CloudWatch metrics for Database Insights". Nobody uses an instance here: the figures are those of
an idle one.
"""

from __future__ import annotations

from moto.ec2.models.instance_types import INSTANCE_TYPES

from ..moto_seam import Local
from .resources import DBInstance

# Statuses in which no engine runs that could be measured.
SILENT = ("creating", "deleting", "failed", "rebooting", "starting", "stopped", "stopping", "upgrading")
_FREE = 0.8  # of storage and of memory
_WAL_SEGMENT = 64 * 2**20  # RDS's size of a file of the transaction log


def measurements(database: DBInstance) -> dict[str, float]:
    """Return the values of this minute by the names of the metrics, in the metrics' units.

    A metric is absent if RDS does not publish it: OldestReplicationSlotLag without a replication slot, DBLoad
    without Performance Insights, the EBS balances for classes that do not burst.
    """
    free = Local.faults.database.free_storage(database.db_instance_identifier)
    kind = INSTANCE_TYPES.get(database.db_instance_class.removeprefix("db."), {})
    found = {
        "CPUUtilization": 2.0,
        "DatabaseConnections": 0.0,
        "DiskQueueDepth": 0.0,
        "FreeStorageSpace": database.allocated_storage * 2**30 * _FREE if free is None else float(free),
        "MaximumUsedTransactionIDs": 1000.0,
        "ReadIOPS": 0.0,
        "ReadLatency": 0.0,
        "SwapUsage": 0.0,
        "TransactionLogsDiskUsage": float(_WAL_SEGMENT),
        "WriteIOPS": 1.0,
        "WriteLatency": 0.001,
    }
    if memory := kind.get("MemoryInfo", {}).get("SizeInMiB"):
        found["FreeableMemory"] = memory * 2**20 * _FREE
    if database.performance_insights_enabled:
        found["DBLoad"] = 0.0
    bandwidth = kind.get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    if bandwidth.get("BaselineBandwidthInMbps", 0) < bandwidth.get("MaximumBandwidthInMbps", 0):
        found |= {"EBSByteBalance%": 100.0, "EBSIOBalance%": 100.0}
    return found
