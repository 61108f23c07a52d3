import copy
from typing import Any

import pytest
from engine.errors import PromiseBrokenError
from verify.promises import check

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts-dev"
KEY_ID = "0f9d9c0e-8a48-4c7e-9b52-1d2e3f4a5b6c"
RESOURCES = {
    "Database": ("AWS::RDS::DBInstance", "database-dev"),
    "Key": ("AWS::KMS::Key", KEY_ID),
    "Topic": ("AWS::SNS::Topic", TOPIC),
    "Alarm": ("AWS::CloudWatch::Alarm", "cpu-dev"),
}
DATABASE = {
    "DBInstanceIdentifier": "database-dev",
    "EngineVersion": "14.22",
    "MultiAZ": True,
    "StorageEncrypted": True,
    "KmsKeyId": f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}",
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 7,
    "DBParameterGroups": [{"DBParameterGroupName": "postgres14-dev"}],
    "DBSubnetGroup": {
        "Subnets": [
            {"SubnetAvailabilityZone": {"Name": "us-east-1a"}},
            {"SubnetAvailabilityZone": {"Name": "us-east-1b"}},
        ]
    },
}
ALARM = {"AlarmName": "cpu-dev", "ActionsEnabled": True, "AlarmActions": [TOPIC]}


@pytest.fixture
def look(stubbed: Any) -> Any:
    """Verify a stack of which some resources are given."""

    def run(
        database: Any = DATABASE,
        alarms: Any = (ALARM,),
        force_ssl: Any = "1",
        resources: Any = None,
        version: str | None = "14",
    ) -> Any:
        resources = RESOURCES if resources is None else resources
        types = {resource_type for resource_type, _ in resources.values()}
        cloudformation, stub = stubbed("cloudformation")
        summaries = [
            {
                "LogicalResourceId": name,
                "ResourceType": resource_type,
                "PhysicalResourceId": physical_id,
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": 0,
            }
            for name, (resource_type, physical_id) in resources.items()
        ]
        stub.add_response(
            "list_stack_resources", {"StackResourceSummaries": summaries}, {"StackName": "stack"}
        )
        rds, stub = stubbed("rds")
        if "AWS::RDS::DBInstance" in types:
            stub.add_response(
                "describe_db_instances", {"DBInstances": [database]}, {"DBInstanceIdentifier": "database-dev"}
            )
            first = {"Parameters": [{"ParameterName": "max_connections"}], "Marker": "more"}
            stub.add_response("describe_db_parameters", first, None)
            parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": force_ssl}
            stub.add_response("describe_db_parameters", {"Parameters": [parameter]}, None)
        cloudwatch, stub = stubbed("cloudwatch")
        if "AWS::CloudWatch::Alarm" in types:
            stub.add_response("describe_alarms", {"MetricAlarms": list(alarms)}, None)
        check(cloudformation, rds, cloudwatch, "stack", version)

    return run


def test_a_stack_that_keeps_its_promises_passes(look: Any) -> None:
    look()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"MultiAZ": False}, "has no standby in a second zone"),
        ({"StorageEncrypted": False}, "is not encrypted."),
        (
            {"KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/other"},
            "is not encrypted with the stack's own key",
        ),
        ({"PubliclyAccessible": True}, "is publicly accessible"),
        ({"BackupRetentionPeriod": 0}, "has no automated backups"),
        (
            {"DBSubnetGroup": {"Subnets": [{"SubnetAvailabilityZone": {"Name": "us-east-1a"}}]}},
            "has subnets in 1 Availability Zone(s)",
        ),
    ],
)
def test_a_database_that_is_not_as_promised_is_named(look: Any, change: Any, complaint: str) -> None:
    with pytest.raises(PromiseBrokenError) as broken:
        look(database=DATABASE | change)
    assert f"- Database database-dev {complaint}" in str(broken.value)


@pytest.mark.parametrize("version", ["14", "14.22", None])
def test_any_minor_of_the_promised_version_will_do(look: Any, version: str | None) -> None:
    look(version=version)


@pytest.mark.parametrize("version", ["17", "1", "14.2"])
def test_an_upgrade_that_rds_gave_up_is_no_success(look: Any, version: str) -> None:
    with pytest.raises(
        PromiseBrokenError, match=rf"runs PostgreSQL 14\.22 instead of {version}: see pg_upgrade"
    ):
        look(version=version)


@pytest.mark.parametrize("value", ["0", ""])
def test_a_parameter_group_that_lets_plaintext_in_is_named(look: Any, value: str) -> None:
    with pytest.raises(
        PromiseBrokenError, match="Parameter group postgres14-dev allows connections without TLS"
    ):
        look(force_ssl=value)


@pytest.mark.parametrize(
    ("alarms", "complaint"),
    [
        ([ALARM | {"AlarmActions": []}], "cpu-dev does not reach the alert topic"),
        ([ALARM | {"AlarmActions": [TOPIC + "-other"]}], "cpu-dev does not reach the alert topic"),
        ([ALARM | {"ActionsEnabled": False}], "cpu-dev does not reach the alert topic"),
        ([], "cpu-dev does not exist"),
    ],
)
def test_an_alarm_nobody_would_hear_is_named(look: Any, alarms: Any, complaint: str) -> None:
    with pytest.raises(PromiseBrokenError, match=complaint):
        look(alarms=alarms)


def test_a_stack_without_database_and_alarms_promises_nothing(look: Any) -> None:
    with pytest.raises(PromiseBrokenError, match=r"(?s)no database.*no alarms"):
        look(resources={"Topic": RESOURCES["Topic"]})


def test_all_broken_promises_are_told_at_once(look: Any) -> None:
    database = copy.deepcopy(DATABASE) | {"MultiAZ": False, "PubliclyAccessible": True}
    with pytest.raises(PromiseBrokenError) as broken:
        look(database=database, force_ssl="0", alarms=[])
    assert str(broken.value).count("\n- ") == 4
