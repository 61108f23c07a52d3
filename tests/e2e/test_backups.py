"""R12: automated snapshots are exported to the backup bucket; and what can be restored from them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from tests.support.inventory import left_with
from tests.support.launches import Catalog, outputs, product_of, reason
from tests.support.machinery import eventually

SUFFIX = "backups"


@pytest.fixture(scope="module")
def product(cloud: Cloud, catalog: Catalog) -> Iterator[dict[str, str]]:
    """The outputs of a launched product, which is terminated without a trace at the end."""
    launched = catalog.provision("backups", EnvironmentSuffix=SUFFIX, OpsEmails="ops@example.com")
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    yield outputs(launched)
    ended = catalog.terminate(product_of(launched))
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert left_with(cloud, SUFFIX) == []


def test_an_automated_snapshot_is_exported_to_the_backup_bucket_without_anybodys_hand(
    cloud: Cloud, product: dict[str, str]
) -> None:
    # WHEN RDS has taken an automated snapshot
    database = product["DatabaseIdentifier"]
    snapshot = backend().take_automated_snapshot(database, datetime(2026, 11, 22, 6, 3, tzinfo=UTC))
    rds = cloud.client("rds")
    [listed] = rds.describe_db_snapshots(DBInstanceIdentifier=database, SnapshotType="automated")[
        "DBSnapshots"
    ]
    assert listed["DBSnapshotIdentifier"] == snapshot == f"rds:{database}-2026-11-22-06-03"

    # THEN the export of that snapshot succeeds
    execution = _ended(cloud, snapshot)
    assert execution["status"] == "SUCCEEDED", execution
    name = snapshot.replace(":", "-")
    [task] = rds.describe_export_tasks(ExportTaskIdentifier=name)["ExportTasks"]
    assert (task["Status"], task["SourceArn"]) == ("COMPLETE", listed["DBSnapshotArn"])

    # AND the bucket has it where the runbook looks for it, under the product's key
    s3, bucket = cloud.client("s3"), product["BackupBucketName"]
    [found] = s3.list_objects_v2(Bucket=bucket, Prefix=f"exports/{name}/")["Contents"]
    head = s3.head_object(Bucket=bucket, Key=found["Key"])
    assert head["SSEKMSKeyId"] == product["EncryptionKeyArn"]

    # WHEN the event comes a second time THEN there is no second export and no false alarm
    state_machine = execution["stateMachineArn"]
    states = cloud.client("stepfunctions")
    again = states.start_execution(stateMachineArn=state_machine, input=execution["input"])["executionArn"]
    eventually(lambda: _status(cloud, again) != "RUNNING", "the second event is done with")
    assert _status(cloud, again) == "SUCCEEDED"


def test_an_export_that_rds_refuses_fails_its_execution_which_the_alarm_counts(
    cloud: Cloud, product: dict[str, str]
) -> None:
    # GIVEN an export role that somebody has taken the bucket from
    iam, role = cloud.client("iam"), f"export-role-{SUFFIX}"
    [policy] = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])

    # WHEN RDS takes the next automated snapshot
    database = product["DatabaseIdentifier"]
    try:
        snapshot = backend().take_automated_snapshot(database, datetime(2026, 11, 23, 6, 3, tzinfo=UTC))
        execution = _ended(cloud, snapshot)
    finally:
        iam.attach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])

    # THEN the execution fails for that reason
    assert (execution["status"], execution["error"]) == ("FAILED", "Rds.IamRoleMissingPermissionsException")

    # AND an alarm counts the failed executions of this state machine
    described = cloud.client("cloudwatch").describe_alarms(AlarmNames=[f"export-alarm-{SUFFIX}"])
    [alarm] = described["MetricAlarms"]
    assert alarm["MetricName"] == "ExecutionsFailed"
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": execution["stateMachineArn"]}]

    # AND it goes off, and the topic and its key let it in
    goes_off = {"Alarm updated from OK to ALARM", f"Successfully executed action {alarm['AlarmActions'][0]}"}
    eventually(lambda: goes_off <= _history(cloud, alarm["AlarmName"]), "the alarm has told the topic")


def test_a_point_in_time_is_restored_into_a_new_instance_beside_the_products_own(
    cloud: Cloud, product: dict[str, str]
) -> None:
    # WHEN an instance is restored as the runbook writes
    rds, source = cloud.client("rds"), product["DatabaseIdentifier"]
    [before] = rds.describe_db_instances(DBInstanceIdentifier=source)["DBInstances"]
    restored = f"restored-{SUFFIX}"
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=source,
        TargetDBInstanceIdentifier=restored,
        RestoreTime=before["LatestRestorableTime"],
        DBSubnetGroupName=f"subnet-group-{SUFFIX}",
        DBParameterGroupName=f"parameter-group-postgres14-{SUFFIX}",
        VpcSecurityGroupIds=[before["VpcSecurityGroups"][0]["VpcSecurityGroupId"]],
        MultiAZ=True,
        PubliclyAccessible=False,
        DeletionProtection=False,
        CACertificateIdentifier="rds-ca-rsa2048-g1",
        EnableIAMDatabaseAuthentication=True,
    )
    by_name = {"DBInstanceIdentifier": restored, "WaiterConfig": {"Delay": 0.05}}
    rds.get_waiter("db_instance_available").wait(**by_name)

    # THEN it is as encrypted and as private as the product's own
    [after] = rds.describe_db_instances(DBInstanceIdentifier=restored)["DBInstances"]
    alike = ("Engine", "EngineVersion", "KmsKeyId", "MultiAZ", "PubliclyAccessible", "StorageEncrypted")
    assert [after[key] for key in alike] == [before[key] for key in alike]

    # AND the product's own is the one that it was
    [own] = rds.describe_db_instances(DBInstanceIdentifier=source)["DBInstances"]
    for key in ("DbiResourceId", "DBInstanceStatus", "Endpoint"):
        assert own[key] == before[key]

    # WHEN what was lost has been copied back THEN the helper can go before the product is terminated
    rds.delete_db_instance(DBInstanceIdentifier=restored, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
    rds.get_waiter("db_instance_deleted").wait(**by_name)


def _ended(cloud: Cloud, snapshot: str) -> dict[str, Any]:
    """Return the execution that an event about the snapshot started, once it has ended."""
    states = cloud.client("stepfunctions")
    machines = states.list_state_machines()["stateMachines"]
    [machine] = [each for each in machines if each["name"] == f"export-workflow-{SUFFIX}"]
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        listed = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        described = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        found[:] = [each for each in described if snapshot in each["input"]]
        return bool(found) and found[0]["status"] != "RUNNING"

    eventually(ended, f"the export of {snapshot}")
    return found[0]


def _status(cloud: Cloud, execution: str) -> str:
    described = cloud.client("stepfunctions").describe_execution(executionArn=execution)
    return str(described["status"])


def _history(cloud: Cloud, alarm: str) -> set[str]:
    items = cloud.client("cloudwatch").describe_alarm_history(AlarmName=alarm)["AlarmHistoryItems"]
    return {item["HistorySummary"] for item in items}
