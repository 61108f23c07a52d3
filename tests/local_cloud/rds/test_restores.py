"""Copies of snapshots, restores and points in time, as RDS's API tells them. No server runs here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import refusal
from tests.support.rds import available, create, described, snapshot_available


@pytest.fixture(scope="module")
def speed() -> float:
    return 6_000


@pytest.fixture(scope="module")
def source(rds: Any) -> dict[str, Any]:
    create(
        rds, "source", MultiAZ=True, BackupRetentionPeriod=7, DeletionProtection=True, Port=5433,
        EnableCloudwatchLogsExports=["postgresql"], EnableIAMDatabaseAuthentication=True,
        CopyTagsToSnapshot=True, Tags=[{"Key": "team", "Value": "payments"}],
    )  # fmt: skip
    available(rds, "source")
    rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="manual")
    snapshot_available(rds, "manual")
    return available(rds, "source")


def test_a_restored_instance_has_the_settings_of_its_source_that_rds_keeps_and_no_others(
    rds: Any, source: dict[str, Any]
) -> None:
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier="manual", DBInstanceIdentifier="restored")
    assert described(rds, "restored")["DBInstanceStatus"] == "creating"
    restored = available(rds, "restored")
    kept = ("EngineVersion", "DBInstanceClass", "AllocatedStorage", "MasterUsername", "BackupRetentionPeriod",
            "TagList")  # fmt: skip
    assert {name: restored[name] for name in kept} == {name: source[name] for name in kept}
    assert restored["Endpoint"]["Port"] == 5433
    assert (restored["MultiAZ"], restored["DeletionProtection"], restored["CopyTagsToSnapshot"]) == (
        False, False, False,
    )  # fmt: skip
    assert not restored["IAMDatabaseAuthenticationEnabled"]
    assert "MasterUserSecret" not in restored
    assert not restored.get("EnabledCloudwatchLogsExports")


@pytest.mark.usefixtures("source")
def test_a_restore_is_refused_while_its_snapshot_is_taken_and_for_a_taken_name(rds: Any) -> None:
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="manual", TargetDBSnapshotIdentifier="unfinished")
    request = {"DBSnapshotIdentifier": "unfinished", "DBInstanceIdentifier": "source"}
    assert "InvalidDBSnapshotState" in refusal(rds.restore_db_instance_from_db_snapshot, **request)
    snapshot_available(rds, "unfinished")
    assert "DBInstanceAlreadyExists" in refusal(rds.restore_db_instance_from_db_snapshot, **request)
    request = {"DBSnapshotIdentifier": "none", "DBInstanceIdentifier": "another"}
    assert "DBSnapshotNotFound" in refusal(rds.restore_db_instance_from_db_snapshot, **request)


@pytest.mark.usefixtures("source")
def test_a_point_in_time_lies_between_the_first_backup_and_the_latest_restorable_time(rds: Any) -> None:
    [backup] = rds.describe_db_instance_automated_backups(DBInstanceIdentifier="source")[
        "DBInstanceAutomatedBackups"
    ]
    assert backup["Status"] == "active"
    assert backup["RestoreWindow"]["EarliestTime"] <= backup["RestoreWindow"]["LatestTime"]

    def refused(**when: Any) -> str:
        return refusal(
            rds.restore_db_instance_to_point_in_time,
            SourceDBInstanceIdentifier="source",
            TargetDBInstanceIdentifier="past",
            **when,
        )

    now = datetime.now(UTC)
    assert "cannot be restored to a time later than" in refused(RestoreTime=now + timedelta(hours=1))
    assert "because its backup retention period is set to 7 days" in refused(
        RestoreTime=now - timedelta(hours=1)
    )
    assert "InvalidParameterCombination" in refused()
    assert "InvalidParameterCombination" in refused(RestoreTime=now, UseLatestRestorableTime=True)


def test_an_instance_without_automated_backups_has_no_point_in_time(rds: Any) -> None:
    create(rds, "unsaved", BackupRetentionPeriod=0)
    assert "LatestRestorableTime" not in available(rds, "unsaved")
    said = refusal(
        rds.restore_db_instance_to_point_in_time, SourceDBInstanceIdentifier="unsaved",
        TargetDBInstanceIdentifier="past", UseLatestRestorableTime=True,
    )  # fmt: skip
    assert "PointInTimeRestoreNotEnabled" in said
    rds.modify_db_instance(DBInstanceIdentifier="unsaved", BackupRetentionPeriod=1, ApplyImmediately=True)
    assert "LatestRestorableTime" in available(rds, "unsaved")


@pytest.mark.usefixtures("source")
def test_a_copy_is_under_the_key_that_is_asked_for_which_has_to_be_enabled(rds: Any, cloud: Cloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    copy = {"SourceDBSnapshotIdentifier": "manual", "KmsKeyId": key["KeyId"]}
    rds.copy_db_snapshot(TargetDBSnapshotIdentifier="copy", CopyTags=True, **copy)
    copied = snapshot_available(rds, "copy")
    assert (copied["KmsKeyId"], copied["Encrypted"]) == (key["Arn"], True)
    assert copied["TagList"] == [{"Key": "team", "Value": "payments"}]
    rds.copy_db_snapshot(TargetDBSnapshotIdentifier="untagged", **copy)
    assert snapshot_available(rds, "untagged")["TagList"] == []

    kms.disable_key(KeyId=key["KeyId"])
    said = refusal(rds.copy_db_snapshot, TargetDBSnapshotIdentifier="second", **copy)
    assert said.startswith("KMSKeyNotAccessible")
    restore = {"DBSnapshotIdentifier": "copy", "DBInstanceIdentifier": "unreadable"}
    assert refusal(rds.restore_db_instance_from_db_snapshot, **restore).startswith("KMSKeyNotAccessible")
