"""What RDS does to an instance and when it refuses to: modifications, upgrades, reboots, snapshots."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.faults.database import DatabaseFaults
from local_cloud.quotas.models import MANUAL_SNAPSHOTS
from tests.support.account import eventually, refusal
from tests.support.rds import available, create, delete, described

FULL_DAY = {"StartTime": datetime.now(UTC) - timedelta(days=1), "SourceType": "db-instance"}


@pytest.fixture(scope="module")
def speed() -> float:
    return 4_000


@pytest.fixture(scope="module", autouse=True)
def instance(rds: Any) -> Iterator[None]:
    """An instance of 14.20 with a parameter group of its own."""
    for major in ("14", "16", "17"):
        rds.create_db_parameter_group(
            DBParameterGroupName=f"group{major}", DBParameterGroupFamily=f"postgres{major}", Description="d"
        )
    more = {"EngineVersion": "14.20", "DBParameterGroupName": "group14", "BackupRetentionPeriod": 7}
    create(rds, "db", **more, CopyTagsToSnapshot=True, Tags=[{"Key": "team", "Value": "payments"}])
    available(rds, "db")
    yield
    delete(rds, "db")


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[DatabaseFaults]:
    yield cloud.faults.database
    cloud.faults.database.clear()


def modify(rds: Any, **changes: Any) -> dict[str, Any]:
    request = {"ApplyImmediately": True} | changes
    answer: dict[str, Any] = rds.modify_db_instance(DBInstanceIdentifier="db", **request)["DBInstance"]
    return answer


CONSENT = {"AllowMajorVersionUpgrade": True}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AllocatedStorage": 20}, "the size cannot be reduced"),
        ({"EngineVersion": "14.19"}, "Cannot upgrade postgres from 14.20 to 14.19"),
        ({"EngineVersion": "13", **CONSENT}, "Cannot find version 13 for postgres"),
        ({"EngineVersion": "17.5", **CONSENT}, "Cannot upgrade postgres from 14.20 to 17.5"),
        ({"EngineVersion": "17"}, "The AllowMajorVersionUpgrade flag must be present"),
        ({"EngineVersion": "17", **CONSENT}, "group group14 is custom. You must explicitly specify a new"),
        ({"EngineVersion": "17", "DBParameterGroupName": "group16", **CONSENT},
         "The parameter group group16 with DBParameterGroupFamily postgres16 can't be used"),
        ({"DBParameterGroupName": "group17"},
         "Use a parameter group with DBParameterGroupFamily postgres14"),
        ({"DBInstanceClass": "db.t3.nano"}, "RDS does not support creating a DB instance with the following"),
    ],
)  # fmt: skip
def test_a_modification_that_rds_does_not_make_is_refused_and_changes_nothing(
    rds: Any, changes: dict[str, Any], words: str
) -> None:
    before = described(rds, "db")
    refused = refusal(rds.modify_db_instance, DBInstanceIdentifier="db", ApplyImmediately=True, **changes)
    assert refused.startswith("InvalidParameterCombination: ")
    assert words in refused
    after = described(rds, "db")
    assert {**after, "LatestRestorableTime": None} == {**before, "LatestRestorableTime": None}


@pytest.mark.parametrize("status", ["maintenance", "modifying", "backing-up", "upgrading"])
def test_an_instance_is_left_alone_while_it_is_not_available(
    rds: Any, fault: DatabaseFaults, status: str
) -> None:
    fault.set_status("db", status)
    named = {"DBInstanceIdentifier": "db"}
    for call, more in (
        (rds.modify_db_instance, {"BackupRetentionPeriod": 8}),
        (rds.reboot_db_instance, {}),
        (rds.create_db_snapshot, {"DBSnapshotIdentifier": "s"}),
        (rds.delete_db_instance, {"FinalDBSnapshotIdentifier": "s"}),
    ):
        assert refusal(call, **named, **more).startswith("InvalidDBInstanceState: ")


def test_a_full_instance_takes_more_storage_and_nothing_else(rds: Any, fault: DatabaseFaults) -> None:
    fault.set_status("db", "storage-full")
    assert "InvalidDBInstanceState" in refusal(modify, rds=rds, BackupRetentionPeriod=8)
    modify(rds, AllocatedStorage=60)

    def optimizing() -> bool:
        return bool(described(rds, "db")["DBInstanceStatus"] == "storage-optimization")

    assert eventually(optimizing)
    assert "previous storage change is being optimized" in refusal(modify, rds=rds, AllocatedStorage=70)
    assert available(rds, "db")["AllocatedStorage"] == 60


def test_what_is_not_applied_immediately_is_pending_until_the_next_change_that_is(rds: Any) -> None:
    changed = modify(rds, ApplyImmediately=False, DBInstanceClass="db.r6g.xlarge")
    assert changed["PendingModifiedValues"] == {"DBInstanceClass": "db.r6g.xlarge"}
    assert (changed["DBInstanceStatus"], changed["DBInstanceClass"]) == ("available", "db.r6g.large")
    modify(rds, MultiAZ=True)
    after = available(rds, "db")
    assert (after["DBInstanceClass"], after["MultiAZ"]) == ("db.r6g.xlarge", True)
    assert after["PendingModifiedValues"] == {}


@pytest.mark.parametrize(
    ("changed", "present"),
    [
        ({"EngineVersion": "14.22"}, {"EngineVersion": "14.20"}),
        ({"BackupRetentionPeriod": 0}, {"BackupRetentionPeriod": 7}),
    ],
)
def test_what_is_pending_is_taken_back_with_the_present_value(
    rds: Any, changed: dict[str, Any], present: dict[str, Any]
) -> None:
    assert modify(rds, ApplyImmediately=False, **changed)["PendingModifiedValues"] == changed
    modify(rds, **present)
    after = available(rds, "db")
    assert after["PendingModifiedValues"] == {}
    assert present.items() <= after.items()


def test_the_master_password_is_rotated_at_once_or_not_at_all(rds: Any) -> None:
    modify(rds, ManageMasterUserPassword=True)
    available(rds, "db")
    later = {"DBInstanceIdentifier": "db", "RotateMasterUserPassword": True}
    assert "You must specify apply immediately" in refusal(rds.modify_db_instance, **later)

    assert modify(rds, RotateMasterUserPassword=True)["MasterUserSecret"]["SecretStatus"] == "rotating"

    available(rds, "db")
    modify(rds, ManageMasterUserPassword=False, MasterUserPassword="password-again")
    available(rds, "db")


def test_parameters_that_need_a_reboot_get_it_from_a_reboot(rds: Any) -> None:
    parameter = {"ParameterName": "max_connections", "ParameterValue": "9", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="group14", Parameters=[parameter])
    assert described(rds, "db")["DBParameterGroups"] == [
        {"DBParameterGroupName": "group14", "ParameterApplyStatus": "pending-reboot"}
    ]
    rds.reboot_db_instance(DBInstanceIdentifier="db")
    assert available(rds, "db")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


def test_a_manual_snapshot_takes_its_time_and_keeps_the_instance_busy(rds: Any, cloud: Cloud) -> None:
    cloud.clock.speed, speed = 600, cloud.clock.speed
    taken = rds.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="mine")["DBSnapshot"]
    cloud.clock.speed = speed
    assert (taken["Status"], taken["SnapshotType"]) == ("creating", "manual")
    assert taken["TagList"] == [{"Key": "team", "Value": "payments"}]
    assert described(rds, "db")["DBInstanceStatus"] == "backing-up"
    assert "InvalidDBSnapshotState" in refusal(rds.delete_db_snapshot, DBSnapshotIdentifier="mine")
    rds.get_waiter("db_snapshot_completed").wait(
        DBSnapshotIdentifier="mine", WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    assert described(rds, "db")["DBInstanceStatus"] == "available"
    by_type = [{"Name": "snapshot-type", "Values": ["manual"]}]
    [listed] = rds.describe_db_snapshots(DBInstanceIdentifier="db", Filters=by_type)["DBSnapshots"]
    assert listed["DBSnapshotIdentifier"] == "mine"
    rds.delete_db_snapshot(DBSnapshotIdentifier="mine")
    assert rds.describe_db_snapshots(Filters=by_type)["DBSnapshots"] == []


def test_no_more_manual_snapshots_are_taken_than_the_quota_allows(rds: Any, cloud: Cloud) -> None:
    before = cloud.quotas[MANUAL_SNAPSHOTS]
    cloud.quotas[MANUAL_SNAPSHOTS] = 0
    refused = refusal(rds.create_db_snapshot, DBInstanceIdentifier="db", DBSnapshotIdentifier="mine")
    cloud.quotas[MANUAL_SNAPSHOTS] = before
    assert refused.startswith("SnapshotQuotaExceeded: ")


def test_an_instance_publishes_how_much_storage_is_free(
    rds: Any, cloud: Cloud, fault: DatabaseFaults
) -> None:
    now = datetime.now(UTC)
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "FreeStorageSpace",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}],
    }
    window = {"StartTime": now - timedelta(minutes=5), "EndTime": now}

    def free() -> tuple[float, float]:
        cloudwatch = cloud.client("cloudwatch")
        points = cloudwatch.get_metric_statistics(**metric, **window, Period=60, Statistics=["Minimum"])
        query = {"Id": "free", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Minimum"}}
        [data] = cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
        return points["Datapoints"][-1]["Minimum"], data["Values"][-1]

    allocated = described(rds, "db")["AllocatedStorage"] * 2**30
    assert free() == pytest.approx((allocated * 0.8, allocated * 0.8))
    fault.set_free_storage("db", 7)
    assert free() == (7, 7)


def test_a_failed_upgrade_leaves_the_instance_as_it_was_and_an_event(rds: Any, fault: DatabaseFaults) -> None:
    fault.fail_upgrade("db")
    modify(rds, EngineVersion="17", DBParameterGroupName="group17", **CONSENT)
    after = available(rds, "db")
    assert after["EngineVersion"] == "14.20"
    assert after["DBParameterGroups"][0]["DBParameterGroupName"] == "group14"
    events = rds.describe_events(SourceIdentifier="db", EventCategories=["maintenance"], **FULL_DAY)["Events"]
    assert "The DB engine version upgrade failed." in events[-1]["Message"]


def test_a_major_upgrade_takes_its_time_and_a_snapshot_before_and_after(rds: Any) -> None:
    answer = modify(rds, EngineVersion="17", DBParameterGroupName="group17", **CONSENT)
    assert (answer["DBInstanceStatus"], answer["EngineVersion"]) == ("upgrading", "14.20")
    assert answer["PendingModifiedValues"] == {"EngineVersion": "17.11"}
    after = available(rds, "db")
    assert (after["EngineVersion"], after["PendingModifiedValues"]) == ("17.11", {})
    assert after["DBParameterGroups"] == [
        {"DBParameterGroupName": "group17", "ParameterApplyStatus": "in-sync"}
    ]
    assert after["OptionGroupMemberships"][0]["OptionGroupName"] == "default:postgres-17"
    events = rds.describe_events(SourceIdentifier="db", **FULL_DAY)["Events"]
    assert events[-1]["Message"] == "The engine version upgrade finished."
    snapshots = rds.describe_db_snapshots(DBInstanceIdentifier="db", SnapshotType="automated")["DBSnapshots"]
    versions = {one["EngineVersion"]: one["DBSnapshotIdentifier"] for one in snapshots}
    assert versions["14.20"].startswith("rds:preupgrade-db-14-20-to-17-11-")
    assert versions["17.11"].startswith("rds:db-")
    assert "InvalidParameterCombination: Cannot upgrade postgres from 17.11 to 14.24" in refusal(
        modify, rds=rds, EngineVersion="14", **CONSENT
    )
