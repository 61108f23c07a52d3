"""A database in a stack: what an update does to it, and what becomes of one that fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.faults.database import DatabaseFaults
from local_cloud.faults.stack import StackFaults
from tests.support.account import refusal
from tests.support.cloudformation import finished, reasons, topic
from tests.support.rds import described


@pytest.fixture
def database(cloud: Cloud) -> Iterator[DatabaseFaults]:
    yield cloud.faults.database
    cloud.faults.database.clear()


@pytest.fixture
def rds(cloud: Cloud) -> Any:
    return cloud.client("rds")


def template(major: str = "14", more: dict[str, Any] | None = None, **properties: Any) -> str:
    group = {"DBParameterGroupName": f"group{major}", "Family": f"postgres{major}", "Description": "d"}
    instance = {
        "DBInstanceIdentifier": "db",
        "Engine": "postgres",
        "EngineVersion": major,
        "AllowMajorVersionUpgrade": True,
        "DBInstanceClass": "db.r6g.large",
        "DBParameterGroupName": {"Ref": "Group"},
        "AllocatedStorage": "50",
        "BackupRetentionPeriod": 7,
        "MasterUsername": "dbadmin",
        "ManageMasterUserPassword": True,
    }
    resources = {
        "Group": {"Type": "AWS::RDS::DBParameterGroup", "Properties": group},
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "DeletionPolicy": "Delete",
            "Properties": instance | properties,
        },
        "Reader": topic({"Fn::GetAtt": ["Database", "DbiResourceId"]}),
    }
    return json.dumps({"Resources": resources | (more or {})})


@pytest.fixture(autouse=True)
def stack(client: Any) -> str:
    """A stack with an instance of PostgreSQL 14 and what refers to it."""
    client.create_stack(StackName="demo", TemplateBody=template(), OnFailure="DO_NOTHING")
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE", reasons(client, "demo")
    return "demo"


def update(client: Any, body: str, **more: Any) -> str:
    client.update_stack(StackName="demo", TemplateBody=body, ClientRequestToken="update", **more)
    return str(finished(client, "demo")["StackStatus"])


def touched(client: Any) -> list[tuple[str, str]]:
    """The events of the update."""
    events = client.describe_stack_events(StackName="demo")["StackEvents"][::-1]
    return [
        (event["LogicalResourceId"], event["ResourceStatus"])
        for event in events
        if event.get("ClientRequestToken") == "update"
    ]


def test_a_major_upgrade_is_one_modification_and_the_old_group_goes_afterwards(
    client: Any, stack: str, rds: Any
) -> None:
    before = described(rds, "db")
    assert update(client, template("17")) == "UPDATE_COMPLETE", reasons(client, stack)
    after = described(rds, "db")
    assert (before["EngineVersion"][:3], after["EngineVersion"][:3]) == ("14.", "17.")
    assert after["DbiResourceId"] == before["DbiResourceId"]
    groups = [
        group["DBParameterGroupName"] for group in rds.describe_db_parameter_groups()["DBParameterGroups"]
    ]
    assert "group14" not in groups
    # What only refers to the database has no event.
    assert touched(client) == [
        ("demo", "UPDATE_IN_PROGRESS"),
        ("Group", "UPDATE_IN_PROGRESS"), ("Group", "UPDATE_IN_PROGRESS"), ("Group", "UPDATE_COMPLETE"),
        ("Database", "UPDATE_IN_PROGRESS"), ("Database", "UPDATE_COMPLETE"),
        ("demo", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Group", "DELETE_IN_PROGRESS"), ("Group", "DELETE_COMPLETE"),
        ("demo", "UPDATE_COMPLETE"),
    ]  # fmt: skip


def test_an_upgrade_that_rds_gives_up_is_rolled_back(
    client: Any, stack: str, rds: Any, database: DatabaseFaults
) -> None:
    database.fail_upgrade("db")
    assert update(client, template("17")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "The DB engine version upgrade failed." in reasons(client, stack)["Database"]
    assert described(rds, "db")["EngineVersion"].startswith("14.")
    assert described(rds, "db")["DBParameterGroups"][0]["DBParameterGroupName"] == "group14"


def test_a_done_upgrade_cannot_be_rolled_back_and_has_to_be_skipped(
    client: Any, stack: str, rds: Any, fault: StackFaults
) -> None:
    # GIVEN an update that fails after the database has been upgraded
    fault.fail("Late", "no")
    late = {"Late": topic("late", DependsOn="Database")}
    assert update(client, template("17", late)) == "UPDATE_ROLLBACK_FAILED"
    assert (
        "Use a parameter group with DBParameterGroupFamily postgres17." in reasons(client, stack)["Database"]
    )

    # WHEN the rollback is continued as it is THEN it fails again
    client.continue_update_rollback(StackName=stack)
    assert finished(client, stack)["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert "is not in the UPDATE_FAILED state" in refusal(
        client.continue_update_rollback, StackName=stack, ResourcesToSkip=["Reader"]
    )

    # WHEN the database is skipped THEN the stack believes in what the database is not
    client.continue_update_rollback(StackName=stack, ResourcesToSkip=["Database"])
    assert finished(client, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert described(rds, "db")["EngineVersion"].startswith("17.")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        (
            {"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"},
            "available",
            "EngineLifecycleSupport cannot be modified.",
        ),
        # The handler modifies whatever changes: tags, too.
        ({"Tags": [{"Key": "team", "Value": "other"}]}, "maintenance", "is not in available state."),
    ],
)
def test_an_update_that_the_handler_does_not_make_fails(
    client: Any, stack: str, database: DatabaseFaults, changes: dict[str, Any], status: str, reason: str
) -> None:
    database.set_status("db", status)
    assert update(client, template(**changes)).startswith("UPDATE_ROLLBACK_")
    assert reason in reasons(client, stack)["Database"]


def test_a_full_database_gets_its_storage_first(client: Any, rds: Any, database: DatabaseFaults) -> None:
    database.set_status("db", "storage-full")
    assert update(client, template(AllocatedStorage="100", MultiAZ=True)) == "UPDATE_COMPLETE"
    assert described(rds, "db")["AllocatedStorage"] == 100


@pytest.fixture
def with_iops(client: Any) -> Any:
    """Update the stack, once its storage has IOPS to choose."""
    assert update(client, template(StorageType="gp3")) == "UPDATE_COMPLETE"

    def again(**properties: Any) -> str:
        client.update_stack(StackName="demo", TemplateBody=template(StorageType="gp3", **properties))
        return str(finished(client, "demo")["StackStatus"])

    return again


def test_storage_that_grows_too_little_is_refused(client: Any, stack: str) -> None:
    assert update(client, template(AllocatedStorage="54")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "grow by 10 percent" in reasons(client, stack)["Database"]


def test_the_rollback_of_storage_with_iops_asks_for_what_was_refused(with_iops: Any) -> None:
    assert with_iops(AllocatedStorage="54") == "UPDATE_ROLLBACK_FAILED"


def test_storage_that_has_grown_by_itself_stays_as_it_is(with_iops: Any, rds: Any) -> None:
    rds.modify_db_instance(DBInstanceIdentifier="db", AllocatedStorage=80, ApplyImmediately=True)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="db", WaiterConfig={"Delay": 0})
    assert with_iops(BackupRetentionPeriod=9) == "UPDATE_COMPLETE"
    found = described(rds, "db")
    assert (found["AllocatedStorage"], found["BackupRetentionPeriod"]) == (80, 9)


def test_an_update_reboots_for_parameters_that_need_it(client: Any, rds: Any) -> None:
    parameter = {"ParameterName": "max_connections", "ParameterValue": "9", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="group14", Parameters=[parameter])
    assert update(client, template(BackupRetentionPeriod=8)) == "UPDATE_COMPLETE"
    assert described(rds, "db")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    events = rds.describe_events(SourceIdentifier="db", SourceType="db-instance")["Events"]
    assert events[-1]["Message"] == "DB instance restarted"


def with_parameters(**values: str) -> str:
    body = json.loads(template())
    body["Resources"]["Group"]["Properties"]["Parameters"] = values
    return json.dumps(body)


def test_a_stack_sets_dynamic_parameters_at_once_and_static_ones_for_a_reboot(client: Any, rds: Any) -> None:
    """aws-cloudformation-resource-providers-rds, DBParameterGroup: Translator."""
    assert update(client, with_parameters(log_connections="1", max_connections="77")) == "UPDATE_COMPLETE"
    found = rds.describe_db_parameters(DBParameterGroupName="group14", Source="user")["Parameters"]
    assert {each["ParameterName"]: each["ApplyMethod"] for each in found} == {
        "log_connections": "immediate",
        "max_connections": "pending-reboot",
    }
    assert described(rds, "db")["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"


@pytest.mark.parametrize("name", ["log_line_prefix", "lock_timeout"])
def test_a_stack_refuses_parameters_that_rds_keeps_or_lacks(client: Any, stack: str, name: str) -> None:
    assert update(client, with_parameters(**{name: "1"})) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Invalid / Unmodifiable / Unsupported DB Parameter: {name}" in reasons(client, stack)["Group"]


def test_an_update_applies_what_somebody_left_pending(client: Any, rds: Any) -> None:
    left = {"DBInstanceClass": "db.r6g.xlarge", "CACertificateIdentifier": "rds-ca-ecc384-g1"}
    rds.modify_db_instance(DBInstanceIdentifier="db", ApplyImmediately=False, **left)
    assert update(client, template(BackupRetentionPeriod=8)) == "UPDATE_COMPLETE"
    assert left.items() <= described(rds, "db").items()


def test_an_update_sends_what_differs_from_the_old_template_whatever_the_instance_is_like(
    client: Any, cloud: Cloud, rds: Any
) -> None:
    # GIVEN what somebody has set by hand
    log = {"EnableLogTypes": ["upgrade"]}
    by_hand = {"DeletionProtection": True, "BackupRetentionPeriod": 30}
    rds.modify_db_instance(DBInstanceIdentifier="db", CloudwatchLogsExportConfiguration=log, **by_hand)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="db", WaiterConfig={"Delay": 0})

    # WHEN an update changes one of these in the template THEN the others stay
    logs: dict[str, Any] = {"EnableCloudwatchLogsExports": ["postgresql"]}
    assert update(client, template(BackupRetentionPeriod=8, **logs)) == "UPDATE_COMPLETE"
    found = described(rds, "db")
    assert (found["DeletionProtection"], found["BackupRetentionPeriod"]) == (True, 8)
    assert sorted(found["EnabledCloudwatchLogsExports"]) == ["postgresql", "upgrade"]
    rds.modify_db_instance(DBInstanceIdentifier="db", DeletionProtection=False)
    for name in ("postgresql", "upgrade"):
        cloud.client("logs").delete_log_group(logGroupName=f"/aws/rds/instance/db/{name}")
