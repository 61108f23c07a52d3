"""The alarms on the DB instance."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk

from product_template.alarms import MINUTE, Alarm, Metric
from product_template.instance_classes import BYTES_PER_GIB, ByInstanceClass

GUIDE = "RDS User Guide, Amazon CloudWatch metrics for Amazon RDS"
ANCHOR = "common in public RDS modules"


def database_alarms(
    identifier: str, *, by_class: ByInstanceClass, allocated_gib: str, ebs_bursts: cdk.CfnCondition
) -> Iterator[Alarm]:
    """Yield the alarms on the metrics that RDS publishes about one DB instance.

    `ebs_bursts` is the condition that the instance class bursts; only then RDS publishes EBS balances.
    """

    def metric(name: str) -> Metric:
        return Metric(namespace="AWS/RDS", name=name, dimensions={"DBInstanceIdentifier": identifier})

    yield from _load(metric("CPUUtilization"), metric("DBLoad"), by_class)
    yield Alarm(
        kind="connections",
        says="More than three quarters of the database's connections have been in use for three minutes.",
        why="A quarter of max_connections is left to find out who holds them; at the limit clients are "
        "refused.",
        source="75 percent of max_connections, which the parameter group sets",
        metric=metric("DatabaseConnections"),
        statistic="Maximum",
        threshold=by_class.number("ConnectionsAlarm"),
        periods=3,
        seconds=MINUTE,
    )
    yield from _memory(metric("FreeableMemory"), metric("SwapUsage"), by_class)
    yield from _storage(metric("FreeStorageSpace"), metric("TransactionLogsDiskUsage"), allocated_gib)
    yield from _input_and_output(metric("DiskQueueDepth"), metric("ReadLatency"), metric("WriteLatency"))
    for share, name, limit in (
        ("throughput", "EBSByteBalance%", "throughput"),
        ("iops", "EBSIOBalance%", "I/O operations"),
    ):
        yield Alarm(
            kind=f"ebs-{share}-balance",
            says=f"Less than 10 percent of the burst credits for storage {limit} have been left for 15 "
            "minutes.",
            why="At zero the class falls back to its baseline, which for the smallest is a seventh of the "
            "burst.",
            source=f"{GUIDE}: published for classes that burst; 10 percent {ANCHOR}",
            metric=metric(name),
            statistic="Minimum",
            fires="below",
            threshold=10,
            periods=3,
            only_if=ebs_bursts,
        )
    yield from _housekeeping(metric("MaximumUsedTransactionIDs"), metric("OldestReplicationSlotLag"))
    yield Alarm(
        kind="heartbeat",
        says="The database has reported nothing for 15 minutes.",
        why="Every other alarm is quiet when there is no data; this one is not.",
        source="RDS reports CPUUtilization every minute (RDS User Guide, Monitoring metrics)",
        metric=metric("CPUUtilization"),
        statistic="SampleCount",
        fires="below",
        threshold=1,
        periods=3,
        silence_fires=True,
        warm_up_minutes=30,
    )


def _load(cpu: Metric, load: Metric, by_class: ByInstanceClass) -> Iterator[Alarm]:
    yield Alarm(
        kind="cpu",
        says="The database has used more than 80 percent of its CPU for five minutes.",
        why="Above 80 percent queries queue and a failover would start with a backlog.",
        source="80 percent: AWS partner solution for RDS; the average, as a single sample is noise; "
        f"{ANCHOR}",
        metric=cpu,
        statistic="Average",
        threshold=80,
        periods=5,
        seconds=MINUTE,
    )
    yield Alarm(
        kind="load",
        says="For 15 minutes more sessions have been active than the database has processors.",
        why="Sessions beyond the number of vCPUs wait, for CPU, locks or storage, which the CPU alone may "
        "hide.",
        source="RDS User Guide, Database load: compare DBLoad with the Max vCPU line",
        metric=load,
        statistic="Average",
        threshold=by_class.number("LoadAlarm"),
        periods=15,
        seconds=MINUTE,
    )


def _memory(free: Metric, swap: Metric, by_class: ByInstanceClass) -> Iterator[Alarm]:
    yield Alarm(
        kind="memory",
        says="Less than a tenth of the database's memory has been free for 15 minutes.",
        why="Below it a burst of connections or sorts swaps, or the engine is killed and fails over.",
        source="10 percent of the class's memory; fixed megabytes say nothing on a large class",
        metric=free,
        statistic="Average",
        fires="below",
        threshold=by_class.number("FreeableMemoryAlarm"),
        periods=3,
    )
    yield Alarm(
        kind="swap",
        says="The database has had more than 256 MiB in swap for 15 minutes.",
        why="PostgreSQL that swaps answers in seconds instead of milliseconds.",
        source=f"256 MiB {ANCHOR}",
        metric=swap,
        statistic="Average",
        threshold=256 * 2**20,
        periods=3,
    )


def _storage(free: Metric, wal: Metric, allocated_gib: str) -> Iterator[Alarm]:
    for kind, percent, periods, says, why in (
        (
            "storage",
            20,
            1,
            "Free storage is below 20 percent of what the launch asked for (AllocatedStorage).",
            "It comes before storage grows by itself, which RDS does below 10 percent.",
        ),
        (
            "storage-critical",
            10,
            3,
            "Free storage has been below 10 percent of what the launch asked for (AllocatedStorage) for 15 "
            "minutes.",
            "RDS begins to grow storage after five minutes at 10 percent. It should have grown by now: the "
            "ceiling is reached, or it grew lately.",
        ),
    ):
        yield Alarm(
            kind=kind,
            says=says,
            why=why,
            source="RDS User Guide, Managing capacity automatically with storage autoscaling",
            metric=free,
            statistic="Minimum",
            fires="below",
            threshold=percent,
            percent_of_gib=allocated_gib,
            periods=periods,
        )
    yield Alarm(
        kind="transaction-logs",
        says="For 15 minutes the transaction logs have taken more than 20 percent of AllocatedStorage.",
        why="Logs that are not removed are held by somebody, mostly a forgotten replication slot.",
        source=f"{GUIDE}: TransactionLogsDiskUsage; 20 percent is ours",
        metric=wal,
        statistic="Maximum",
        threshold=20,
        percent_of_gib=allocated_gib,
        periods=3,
    )


def _input_and_output(queue: Metric, read: Metric, write: Metric) -> Iterator[Alarm]:
    yield Alarm(
        kind="disk-queue",
        says="For 15 minutes more than 64 reads and writes have waited for storage.",
        why="Storage is asked for more than it gives, and every query feels it.",
        source=f"64 {ANCHOR}",
        metric=queue,
        statistic="Average",
        threshold=64,
        periods=3,
    )
    for kind, metric in (("read", read), ("write", write)):
        yield Alarm(
            kind=f"{kind}-latency",
            says=f"A {kind} has taken more than 20 milliseconds on average for five minutes.",
            why="gp3 promises single-digit milliseconds; 20 is trouble long before it is an outage.",
            source="20 ms is remembered from the alarms that AWS recommends, and unconfirmed",
            metric=metric,
            statistic="Average",
            threshold=0.02,
            periods=5,
            seconds=MINUTE,
        )


def _housekeeping(transaction_ids: Metric, slot_lag: Metric) -> Iterator[Alarm]:
    for kind, millions, why in (
        ("transaction-ids", 600, "Vacuum is falling behind; there is time to find out why."),
        ("transaction-ids-critical", 1000, "At 2.1 billion PostgreSQL stops writing; vacuum takes hours."),
    ):
        yield Alarm(
            kind=kind,
            says=f"The oldest unvacuumed transaction is more than {millions} million transactions old.",
            why=why,
            source="600 million: AWS partner solution for RDS; the limit: PostgreSQL manual, routine "
            "vacuuming",
            metric=transaction_ids,
            statistic="Maximum",
            threshold=millions * 1_000_000,
            periods=5,
            seconds=MINUTE,
        )
    yield Alarm(
        kind="replication-slot",
        says="A replication slot has kept more than 10 GiB of transaction logs for 15 minutes.",
        why="A slot that nobody reads fills the storage until the database stops.",
        source=f"{GUIDE}: OldestReplicationSlotLag; 10 GiB is ours, a tenth of the default storage",
        metric=slot_lag,
        statistic="Maximum",
        threshold=10 * BYTES_PER_GIB,
        periods=3,
    )
