"""RDS instances: time, groups in use, versions on offer."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from tests.support.account import refusal
from tests.support.rds import available, create, delete


@pytest.fixture(scope="module")
def speed() -> float:
    return 3_000


def test_an_instance_takes_its_time_to_come_and_to_go(rds: Any, cloud: Cloud) -> None:
    instance = create(rds, "a", MultiAZ=True, EnableCloudwatchLogsExports=["postgresql"])
    assert instance["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in instance
    assert instance["EngineVersion"].startswith("16.")
    instance = available(rds, "a")
    assert instance["EngineLifecycleSupport"] == "open-source-rds-extended-support"
    assert instance["SecondaryAvailabilityZone"] != instance["AvailabilityZone"]
    groups = [group["logGroupName"] for group in cloud.client("logs").describe_log_groups()["logGroups"]]
    assert groups == ["/aws/rds/instance/a/postgresql"]
    interfaces = cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    assert len(interfaces) == 2
    with pytest.raises(ClientError, match="is still using it"):
        rds.delete_db_subnet_group(DBSubnetGroupName="two")
    with pytest.raises(ClientError, match="has dependencies and cannot be deleted"):
        cloud.client("ec2").delete_subnet(SubnetId=interfaces[0]["SubnetId"])
    delete(rds, "a")
    assert cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []
    assert cloud.client("secretsmanager").list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"EngineVersion": "14.19"}, "Cannot find version 14.19 for postgres"),
        ({"EngineVersion": "17", "DBInstanceClass": "db.t3.nano"}, "RDS does not support creating"),
        ({"EngineVersion": "17", "DBParameterGroupName": "default.postgres14"}, "can't be used"),
    ],
)
def test_an_instance_is_not_created_of_what_is_not_offered(
    rds: Any, wanted: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        create(rds, "b", **wanted)


def test_a_subnet_group_is_not_created_twice(rds: Any, cloud: Cloud) -> None:
    subnets = [each["SubnetId"] for each in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    again = {"DBSubnetGroupName": "two", "DBSubnetGroupDescription": "another", "SubnetIds": subnets}
    said = refusal(rds.create_db_subnet_group, **again)
    assert said == "DBSubnetGroupAlreadyExists: The DB subnet group 'two' already exists."
    [group] = rds.describe_db_subnet_groups(DBSubnetGroupName="two")["DBSubnetGroups"]
    assert group["DBSubnetGroupDescription"] == "d"


def test_a_version_on_offer_says_what_it_can_be_upgraded_to(rds: Any) -> None:
    [version] = rds.describe_db_engine_versions(Engine="postgres", EngineVersion="14.24")["DBEngineVersions"]
    targets = version["ValidUpgradeTarget"]
    assert [(target["EngineVersion"], target["IsMajorVersionUpgrade"]) for target in targets] == [
        ("15.19", True), ("16.15", True), ("17.11", True), ("18.6", True),
    ]  # fmt: skip
    for major in ("14", "17"):
        found = rds.describe_db_engine_versions(Engine="postgres", EngineVersion=major)["DBEngineVersions"]
        newest = found[-1]["EngineVersion"]
        [automatic] = [one for one in found[0]["ValidUpgradeTarget"] if one["AutoUpgrade"]]
        assert automatic["EngineVersion"] == newest
        options = rds.describe_orderable_db_instance_options(
            Engine="postgres", EngineVersion=newest, DBInstanceClass="db.r6g.xlarge"
        )
        assert options["OrderableDBInstanceOptions"]
