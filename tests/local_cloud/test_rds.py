"""RDS instances: time, groups in use, versions."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=100_000) as cloud:
        subnets = cloud.client("ec2").describe_subnets()["Subnets"][:2]
        cloud.client("rds").create_db_subnet_group(
            DBSubnetGroupName="two",
            DBSubnetGroupDescription="d",
            SubnetIds=[item["SubnetId"] for item in subnets],
        )
        yield cloud


@pytest.fixture
def rds(cloud: Cloud) -> Any:
    return cloud.client("rds")


def create(rds: Any, name: str, **more: Any) -> dict[str, Any]:
    request = {
        "DBInstanceClass": "db.r6g.large",
        "Engine": "postgres",
        "EngineVersion": "16",
        "AllocatedStorage": 50,
    }
    credentials = {"MasterUsername": "dbadmin", "ManageMasterUserPassword": True}
    instance: dict[str, Any] = rds.create_db_instance(
        DBInstanceIdentifier=name, DBSubnetGroupName="two", **request, **credentials, **more
    )["DBInstance"]
    return instance


def delete(rds: Any, name: str) -> None:
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.05})


def test_an_instance_takes_its_time_to_come_and_to_go(rds: Any, cloud: Cloud) -> None:
    instance = create(rds, "a", MultiAZ=True, EnableCloudwatchLogsExports=["postgresql"])
    assert instance["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in instance
    assert instance["EngineVersion"].startswith("16.")
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="a", WaiterConfig={"Delay": 0.05})
    (instance,) = rds.describe_db_instances()["DBInstances"]
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
    ("change", "message"),
    [
        ({"EngineVersion": "15"}, "Cannot upgrade postgres from"),
        ({"EngineVersion": "17"}, "The AllowMajorVersionUpgrade flag must be present"),
        ({"AllocatedStorage": 20}, "the size cannot be reduced"),
    ],
)
def test_an_instance_does_not_shrink_or_go_back(rds: Any, change: dict[str, Any], message: str) -> None:
    create(rds, "b")
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="b", WaiterConfig={"Delay": 0.05})
    with pytest.raises(ClientError, match=message):
        rds.modify_db_instance(DBInstanceIdentifier="b", ApplyImmediately=True, **change)
    delete(rds, "b")
