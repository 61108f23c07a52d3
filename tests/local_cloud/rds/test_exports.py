"""Automated snapshots, and what an export task asks of its role, key and bucket."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.rds.exceptions import NotBackedUpError
from local_cloud.rds.models import backend
from tests.support.account import Account, allow, eventually, refusal
from tests.support.rds import available, create, delete

TAKEN = datetime(2026, 11, 22, 6, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def speed() -> float:
    return 20_000


@pytest.fixture(scope="module")
def request_of_export(cloud: Cloud, rds: Any, account: Account) -> dict[str, str]:
    """A request that RDS takes, of the snapshot of an instance."""
    cloud.client("s3").create_bucket(Bucket="backups")
    create(rds, "exported", BackupRetentionPeriod=7)
    available(rds, "exported")
    snapshot = backend().take_automated_snapshot("exported", TAKEN)
    return {
        "ExportTaskIdentifier": "whole",
        "SourceArn": f"arn:aws:rds:us-east-1:123456789012:snapshot:{snapshot}",
        "S3BucketName": "backups",
        "S3Prefix": "exports",
        "IamRoleArn": account.role("export", "export.rds.amazonaws.com", *_needed()),
        "KmsKeyId": cloud.client("kms").create_key()["KeyMetadata"]["KeyId"],
    }


def _needed(prefix: str = "exports/") -> list[dict[str, Any]]:
    return [
        allow(
            "s3:PutObject*", "s3:GetObject*", "s3:DeleteObject*", resource=f"arn:aws:s3:::backups/{prefix}*"
        ),
        allow("s3:ListBucket", "s3:GetBucketLocation", resource="arn:aws:s3:::backups"),
    ]


def test_an_automated_snapshot_is_taken_of_available_instances_with_backups_and_goes_with_them(
    rds: Any,
) -> None:
    create(rds, "none", BackupRetentionPeriod=0)
    with pytest.raises(NotBackedUpError, match="BackupRetentionPeriod is 0"):
        backend().take_automated_snapshot("none")
    create(rds, "some", BackupRetentionPeriod=7)
    with pytest.raises(NotBackedUpError, match="creating"):
        backend().take_automated_snapshot("some")
    for name in ("none", "some"):
        available(rds, name)
    snapshot = backend().take_automated_snapshot("some", TAKEN)
    [listed] = rds.describe_db_snapshots(DBInstanceIdentifier="some", SnapshotType="automated")["DBSnapshots"]
    assert (listed["DBSnapshotIdentifier"], listed["SnapshotCreateTime"]) == (snapshot, TAKEN)
    with pytest.raises(ClientError, match="InvalidDBSnapshotState"):
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    for name in ("none", "some"):
        delete(rds, name)
    assert rds.describe_db_snapshots(DBInstanceIdentifier="some")["DBSnapshots"] == []


def test_an_export_ends_with_an_object_that_its_role_wrote(
    rds: Any, cloud: Cloud, request_of_export: dict[str, str]
) -> None:
    assert rds.start_export_task(**request_of_export)["Status"] == "STARTING"
    again = refusal(rds.start_export_task, **request_of_export)
    assert again.startswith("ExportTaskAlreadyExists: ")
    task = _ended(rds, "whole")
    assert (task["Status"], task["PercentProgress"], task["SnapshotTime"]) == ("COMPLETE", 100, TAKEN)
    [found] = cloud.client("s3").list_objects_v2(Bucket="backups")["Contents"]
    assert found["Key"] == "exports/whole/export_info_whole.json"
    assert "InvalidExportTaskStateFault" in refusal(rds.cancel_export_task, ExportTaskIdentifier="whole")


def test_an_export_whose_role_loses_its_permission_fails_with_the_cause(
    rds: Any, cloud: Cloud, account: Account, request_of_export: dict[str, str]
) -> None:
    role = account.role("losing", "export.rds.amazonaws.com", *_needed())
    rds.start_export_task(**request_of_export | {"ExportTaskIdentifier": "losing", "IamRoleArn": role})
    cloud.client("iam").delete_role_policy(RoleName="losing", PolicyName="inline")
    task = _ended(rds, "losing")
    assert task["Status"] == "FAILED"
    assert "is not authorized to perform: s3:PutObject" in task["FailureCause"]


def test_a_cancelled_export_writes_nothing(rds: Any, request_of_export: dict[str, str]) -> None:
    rds.start_export_task(**request_of_export | {"ExportTaskIdentifier": "cancelled"})
    assert rds.cancel_export_task(ExportTaskIdentifier="cancelled")["Status"] == "CANCELED"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ExportTaskIdentifier": "rds:exported"}, "InvalidParameterValue"),
        ({"SourceArn": "arn:aws:rds:us-east-1:123456789012:snapshot:other"}, "DBSnapshotNotFound"),
        ({"S3BucketName": "other"}, "InvalidS3BucketFault"),
        ({"KmsKeyId": "other"}, "KMSKeyNotAccessibleFault"),
        ({"IamRoleArn": "arn:aws:iam::123456789012:role/other"}, "IamRoleNotFound"),
        ({"S3Prefix": "elsewhere"}, "IamRoleMissingPermissions"),
        ({"ExportOnly": ["database.schema"]}, "NotImplemented"),
    ],
)
def test_an_export_is_refused_with_the_code_of_what_is_wrong(
    rds: Any, request_of_export: dict[str, str], change: dict[str, Any], code: str
) -> None:
    request = request_of_export | {"ExportTaskIdentifier": "refused"} | change
    assert refusal(rds.start_export_task, **request).startswith(f"{code}: ")


def test_an_export_role_has_to_trust_the_export_service(
    rds: Any, account: Account, request_of_export: dict[str, str]
) -> None:
    role = account.role("trusts-rds", "rds.amazonaws.com", *_needed())
    request = request_of_export | {"ExportTaskIdentifier": "refused", "IamRoleArn": role}
    assert "export.rds.amazonaws.com may not assume" in refusal(rds.start_export_task, **request)


def _ended(rds: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        [task] = rds.describe_export_tasks(ExportTaskIdentifier=name)["ExportTasks"]
        return task if task["Status"] in ("COMPLETE", "FAILED") else None

    found = eventually(look)
    assert found is not None
    return found
