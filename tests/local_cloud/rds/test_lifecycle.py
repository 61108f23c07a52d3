"""Instances stop, start, reboot, fail over, get a new name and go, with their statuses and events.

Sources: RDS User Guide, "Stopping an Amazon RDS DB instance temporarily", "Viewing Amazon RDS DB instance
status", "Renaming a DB instance", "Failing over a Multi-AZ DB instance for Amazon RDS"; RDS API Reference,
StopDBInstance, RebootDBInstance, DeleteDBInstance. The order of events is from aws re:Post,
"rds-connections-reboot-failover", and from answers of describe-events in public reports.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import eventually, refusal
from tests.support.rds import available, create, delete, described

NAMED = {"DBInstanceIdentifier": "db"}


@pytest.fixture(scope="module")
def speed() -> float:
    return 6_000


@pytest.fixture(scope="module", autouse=True)
def instance(rds: Any) -> Iterator[None]:
    """An instance in two zones."""
    create(rds, "db", MultiAZ=True)
    available(rds, "db")
    yield
    delete(rds, "db")


@pytest.fixture
def events(rds: Any) -> Any:
    """Return the messages of events of an instance since the test began."""

    def all_of(name: str) -> list[str]:
        found = rds.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]
        return [event["Message"] for event in found]

    before = {name: len(all_of(name)) for name in ("db", "renamed", "gone")}
    return lambda name="db": all_of(name)[before[name] :]


def has(rds: Any, status: str) -> bool:
    return bool(eventually(lambda: described(rds, "db")["DBInstanceStatus"] == status))


def test_an_instance_is_created_with_an_event(events: Any, rds: Any) -> None:
    create(rds, "gone")
    assert events("gone") == []
    available(rds, "gone")
    assert events("gone") == ["DB instance created"]
    delete(rds, "gone")
    assert events("gone") == ["DB instance created", "DB instance deleted"]


@pytest.fixture
def slowly(cloud: Cloud) -> Iterator[None]:
    """Let a status last for longer than some requests take on a busy machine."""
    cloud.clock.speed, speed = 400, cloud.clock.speed
    yield
    cloud.clock.speed = speed


@pytest.mark.usefixtures("slowly")
def test_an_instance_that_stops_and_starts_is_left_alone_meanwhile(rds: Any, events: Any) -> None:
    assert rds.stop_db_instance(**NAMED)["DBInstance"]["DBInstanceStatus"] == "stopping"
    again = refusal(rds.stop_db_instance, **NAMED)
    assert again == "InvalidDBInstanceState: Instance db is not in available state."
    assert refusal(rds.start_db_instance, **NAMED).startswith("InvalidDBInstanceState: ")
    assert has(rds, "stopped")
    assert described(rds, "db")["AutomaticRestartTime"]
    for call, more in (
        (rds.modify_db_instance, {"BackupRetentionPeriod": 8}),
        (rds.reboot_db_instance, {}),
        (rds.create_db_snapshot, {"DBSnapshotIdentifier": "s"}),
        (rds.stop_db_instance, {}),
    ):
        assert refusal(call, **NAMED, **more).startswith("InvalidDBInstanceState: ")
    assert rds.start_db_instance(**NAMED)["DBInstance"]["DBInstanceStatus"] == "starting"
    assert "AutomaticRestartTime" not in available(rds, "db")
    assert events() == ["DB instance stopped", "DB instance started"]


def test_a_stopped_instance_starts_again_after_seven_days(rds: Any, cloud: Cloud, events: Any) -> None:
    rds.stop_db_instance(**NAMED)
    cloud.clock.speed, speed = 10_000_000, cloud.clock.speed
    assert has(rds, "stopped")
    available(rds, "db")
    cloud.clock.speed = speed
    assert events() == [
        "DB instance stopped",
        "DB instance is being started due to it exceeding the maximum allowed time being stopped.",
        "DB instance started",
    ]


def test_an_instance_is_stopped_with_a_snapshot(rds: Any, events: Any) -> None:
    rds.stop_db_instance(**NAMED, DBSnapshotIdentifier="before-the-stop")
    assert has(rds, "stopped")
    [snapshot] = rds.describe_db_snapshots(DBSnapshotIdentifier="before-the-stop")["DBSnapshots"]
    assert snapshot["Status"] == "available"
    rds.start_db_instance(**NAMED)
    available(rds, "db")
    assert events() == [
        "Backing up DB instance",
        "Finished DB instance backup",
        "DB instance stopped",
        "DB instance started",
    ]
    rds.delete_db_snapshot(DBSnapshotIdentifier="before-the-stop")
    snapshots = rds.describe_events(SourceIdentifier="before-the-stop", SourceType="db-snapshot")["Events"]
    assert [one["Message"] for one in snapshots] == [
        "Creating manual snapshot",
        "Manual snapshot created",
        "Deleted user snapshot",
    ]


def test_a_failover_swaps_the_zones_and_keeps_the_address(rds: Any, events: Any) -> None:
    before = described(rds, "db")
    answer = rds.reboot_db_instance(**NAMED, ForceFailover=True)["DBInstance"]
    assert answer["DBInstanceStatus"] == "rebooting"
    after = available(rds, "db")
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert after["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
    assert after["Endpoint"] == before["Endpoint"]
    assert events() == [
        "Multi-AZ instance failover started.",
        "DB instance restarted",
        "Multi-AZ instance failover completed",
    ]


def test_a_reboot_in_two_zones_shuts_down_first_and_stays_in_its_zone(rds: Any, events: Any) -> None:
    zone = described(rds, "db")["AvailabilityZone"]
    rds.reboot_db_instance(**NAMED)
    assert available(rds, "db")["AvailabilityZone"] == zone
    assert events() == ["DB instance shutdown", "DB instance restarted"]


def test_another_class_in_two_zones_comes_with_a_failover(rds: Any, events: Any) -> None:
    zone = described(rds, "db")["AvailabilityZone"]
    rds.modify_db_instance(**NAMED, DBInstanceClass="db.r6g.xlarge", ApplyImmediately=True)
    assert available(rds, "db")["SecondaryAvailabilityZone"] == zone
    assert events() == [
        "Applying modification to database instance class",
        "Multi-AZ instance failover started.",
        "DB instance restarted",
        "Multi-AZ instance failover completed",
        "Finished applying modification to DB instance class",
    ]


def test_the_standby_goes_and_comes_with_its_network_interface(rds: Any, cloud: Cloud, events: Any) -> None:
    def interfaces() -> int:
        return len(cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"])

    rds.modify_db_instance(**NAMED, MultiAZ=False, ApplyImmediately=True)
    single = available(rds, "db")
    assert ("SecondaryAvailabilityZone" in single, interfaces()) == (False, 1)
    refused = refusal(rds.reboot_db_instance, **NAMED, ForceFailover=True)
    assert refused.startswith("InvalidParameterCombination: ")
    rds.modify_db_instance(**NAMED, MultiAZ=True, ApplyImmediately=True)
    double = available(rds, "db")
    assert double["SecondaryAvailabilityZone"] not in (None, double["AvailabilityZone"])
    assert interfaces() == 2
    assert events() == [
        "Applying modification to convert to a standard (Single-AZ) DB instance",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance",
        "Applying modification to convert to a Multi-AZ DB instance",
        "Finished applying modification to convert to a Multi-AZ DB instance",
    ]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"RotateMasterUserPassword": True}, "resetting-master-credentials",
         ["Reset master credentials"]),
        ({"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["upgrade"]}},
         "configuring-log-exports", []),
        ({"MonitoringInterval": 60, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/m"},
         "configuring-enhanced-monitoring", ["Monitoring Interval changed to 60"]),
        ({"EnableIAMDatabaseAuthentication": True}, "configuring-iam-database-auth", []),
        ({"CopyTagsToSnapshot": True}, "modifying", []),
        ({"AllocatedStorage": 100}, "modifying", ["Applying modification to allocated storage",
         "Finished applying modification to allocated storage"]),
        ({"BackupRetentionPeriod": 0}, "modifying", ["Disabled automated backups"]),
        ({"BackupRetentionPeriod": 7}, "modifying", ["Enabled automated backups"]),
        ({"BackupRetentionPeriod": 8}, "modifying", []),
    ],
)  # fmt: skip
def test_a_modification_shows_what_it_changes(
    rds: Any, events: Any, change: dict[str, Any], status: str, said: list[str]
) -> None:
    answer = rds.modify_db_instance(**NAMED, ApplyImmediately=True, **change)["DBInstance"]
    assert answer["DBInstanceStatus"] == status
    available(rds, "db")
    assert events() == said


def test_another_parameter_group_is_told_twice(rds: Any, events: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="mine", DBParameterGroupFamily="postgres16", Description="d"
    )
    rds.modify_db_instance(**NAMED, DBParameterGroupName="mine")
    available(rds, "db")
    assert events() == ["Updated to use DBParameterGroup mine", "Finished updating DB parameter group"]


def test_a_renamed_instance_has_another_address_and_the_same_resource_id(rds: Any, events: Any) -> None:
    before = described(rds, "db")
    create(rds, "gone")
    available(rds, "gone")
    taken = refusal(rds.modify_db_instance, **NAMED, NewDBInstanceIdentifier="gone", ApplyImmediately=True)
    assert taken.startswith("DBInstanceAlreadyExists: ")
    delete(rds, "gone")
    later = rds.modify_db_instance(**NAMED, NewDBInstanceIdentifier="Renamed")["DBInstance"]
    assert later["PendingModifiedValues"] == {"DBInstanceIdentifier": "renamed"}
    for old, new in (("db", "renamed"), ("renamed", "db")):
        answer = rds.modify_db_instance(
            DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True
        )["DBInstance"]
        assert (answer["DBInstanceStatus"], answer["DBInstanceIdentifier"]) == ("renaming", old)
        await_gone(rds, old)
        after = available(rds, new)
        assert after["DbiResourceId"] == before["DbiResourceId"]
        assert after["Endpoint"]["Address"].startswith(f"{new}.")
        assert events(new)[-1] == "DB instance restarted"
    assert described(rds, "db")["Endpoint"] == before["Endpoint"]


def await_gone(rds: Any, name: str) -> None:
    """Wait until no instance has a name."""

    def names() -> list[str]:
        return [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]

    assert eventually(lambda: name not in names())


def test_an_instance_is_not_deleted_without_a_word_about_its_last_snapshot(rds: Any) -> None:
    refused = refusal(rds.delete_db_instance, **NAMED)
    assert refused == (
        "InvalidParameterCombination: FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is "
        "specified."
    )
    both = refusal(rds.delete_db_instance, **NAMED, SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last")
    assert both.startswith("InvalidParameterCombination: ")
    rds.modify_db_instance(**NAMED, DeletionProtection=True)
    available(rds, "db")
    assert "Cannot delete protected DB Instance" in refusal(
        rds.delete_db_instance, **NAMED, FinalDBSnapshotIdentifier="last"
    )
    rds.modify_db_instance(**NAMED, DeletionProtection=False)
    assert available(rds, "db")["DBInstanceStatus"] == "available"


def test_the_last_snapshot_stays(rds: Any) -> None:
    create(rds, "gone")
    available(rds, "gone")
    rds.delete_db_instance(DBInstanceIdentifier="gone", FinalDBSnapshotIdentifier="last")
    await_gone(rds, "gone")
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier="last", WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
