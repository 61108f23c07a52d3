"""What RDS measures of a DB instance each minute.

The names, units and conditions are those of the RDS User Guide, "Amazon CloudWatch metrics for Amazon RDS"
and "Amazon CloudWatch metrics for Database Insights".
"""

from __future__ import annotations

import os

from ..moto_seam import Local
from .formulas import hardware
from .postgresql.sampling import Sampler, Usage
from .postgresql.server import Server
from .resources import DBInstance

# Statuses in which no engine runs that could be measured.
SILENT = ("creating", "deleting", "failed", "rebooting", "starting", "stopped", "stopping", "upgrading")
_FREE = 0.8  # of storage and of memory
_WAL_SEGMENT = 64 * 2**20  # RDS's size of a file of the transaction log
_IDLE_CPU = 2.0  # percent
_PERIOD = 30  # AWS seconds for which a sample counts


def measurements(database: DBInstance) -> dict[str, float]:
    """Return the values of this minute by the names of the metrics, in the metrics' units.

    A metric is absent if RDS does not publish it: OldestReplicationSlotLag without a replication slot, DBLoad
    without Performance Insights, the EBS balances for classes that do not burst. An instance whose server
    does not answer has none at all. One without a server has the figures of an instance that nobody uses.
    """
    server = database.server
    found = _of_server(database, server) if server else _idle(database)
    if not found:
        return {}
    free = Local.faults.database.free_storage(database.db_instance_identifier)
    return found if free is None else found | {"FreeStorageSpace": float(free)}


def _of_server(database: DBInstance, server: Server) -> dict[str, float]:
    """Return what the server of an instance says; nothing while it does not answer.

    - DatabaseConnections leaves out the sessions of RDS itself, as on RDS.
    - DBLoad is the number of active sessions in one sample, not the average of one each second.
    - FreeStorageSpace is AllocatedStorage less the real bytes of the tables and the transaction logs.
    - FreeableMemory is the memory of the instance class less what the server's processes take. RDS reports
      MemAvailable of the machine, which also runs RDS's own programs.

    What depends on the storage of RDS's machines is absent: DiskQueueDepth, IOPS, latencies, EBS balances.
    """
    sampler = database.sampler
    if sampler is None or sampler.server is not server:
        if sampler:
            sampler.close()
        sampler = database.sampler = Sampler(server)
    if not (latest := sampler.latest(Local.clock.seconds(_PERIOD))):
        return {}
    sample, usage = latest
    found = {
        "CPUUtilization": _cpu(database, usage),
        "DatabaseConnections": float(sample.sessions),
        "FreeStorageSpace": max(database.allocated_storage * 2.0**30 - sample.tables - sample.wal, 0.0),
        "MaximumUsedTransactionIDs": float(sample.oldest_transaction),
        "TransactionLogsDiskUsage": float(sample.wal),
    }
    if sample.slot_lag is not None:
        found["OldestReplicationSlotLag"] = float(sample.slot_lag)
    if database.performance_insights_enabled:
        found["DBLoad"] = float(sample.active)
    if usage:
        found["SwapUsage"] = float(usage.swap)
        if memory := _memory(database):
            found["FreeableMemory"] = max(memory - usage.memory, 0.0)
    return found


def _cpu(database: DBInstance, usage: Usage | None) -> float:
    """Return the share of the processors that the server could use: the class's, or the machine's if fewer.

    On a system without /proc it is that of an idle instance: it says at least that the server answers.
    """
    if usage is None:
        return _IDLE_CPU
    machine = os.cpu_count() or 1
    processors = min(
        int(hardware(database.db_instance_class).get("VCpuInfo", {}).get("DefaultVCpus", machine)), machine
    )
    return min(100.0 * usage.processors / processors, 100.0)


def _idle(database: DBInstance) -> dict[str, float]:
    found = {
        "CPUUtilization": _IDLE_CPU,
        "DatabaseConnections": 0.0,
        "DiskQueueDepth": 0.0,
        "FreeStorageSpace": database.allocated_storage * 2**30 * _FREE,
        "MaximumUsedTransactionIDs": 1000.0,
        "ReadIOPS": 0.0,
        "ReadLatency": 0.0,
        "SwapUsage": 0.0,
        "TransactionLogsDiskUsage": float(_WAL_SEGMENT),
        "WriteIOPS": 1.0,
        "WriteLatency": 0.001,
    }
    if memory := _memory(database):
        found["FreeableMemory"] = memory * _FREE
    if database.performance_insights_enabled:
        found["DBLoad"] = 0.0
    bandwidth = hardware(database.db_instance_class).get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    if bandwidth.get("BaselineBandwidthInMbps", 0) < bandwidth.get("MaximumBandwidthInMbps", 0):
        found |= {"EBSByteBalance%": 100.0, "EBSIOBalance%": 100.0}
    return found


def _memory(database: DBInstance) -> float:
    """Return the bytes of memory of an instance's class; 0 if moto does not know it."""
    return int(hardware(database.db_instance_class).get("MemoryInfo", {}).get("SizeInMiB", 0)) * 2.0**20
