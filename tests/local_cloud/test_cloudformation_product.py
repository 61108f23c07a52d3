"""The newest product version, from launch to nothing."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=100_000) as cloud:
        yield cloud


def finished(client: Any, stack: str) -> dict[str, Any]:
    while True:
        described: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
        if not described["StackStatus"].endswith("_IN_PROGRESS"):
            return described
        time.sleep(0.02)


def inventory(cloud: Cloud) -> dict[str, Any]:
    """Everything that the product could leave behind, by what lists it."""
    ec2, rds = cloud.client("ec2"), cloud.client("rds")
    return {
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "subnets": ec2.describe_subnets()["Subnets"],
        "addresses": ec2.describe_addresses()["Addresses"],
        "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "groups": ec2.describe_security_groups()["SecurityGroups"],
        "tables": ec2.describe_route_tables()["RouteTables"],
        "gateways": [g for g in ec2.describe_nat_gateways()["NatGateways"] if g["State"] != "deleted"],
        "databases": rds.describe_db_instances()["DBInstances"],
        "snapshots": rds.describe_db_snapshots()["DBSnapshots"],
        "subnet groups": rds.describe_db_subnet_groups()["DBSubnetGroups"],
        "parameter groups": rds.describe_db_parameter_groups()["DBParameterGroups"],
        "subscriptions": rds.describe_event_subscriptions()["EventSubscriptionsList"],
        "secrets": cloud.client("secretsmanager").list_secrets()["SecretList"],
        "buckets": cloud.client("s3").list_buckets()["Buckets"],
        "topics": cloud.client("sns").list_topics()["Topics"],
        "alarms": cloud.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "log groups": cloud.client("logs").describe_log_groups()["logGroups"],
        "functions": cloud.client("lambda").list_functions()["Functions"],
        "roles": cloud.client("iam").list_roles()["Roles"],
        "aliases": [
            a
            for a in cloud.client("kms").list_aliases()["Aliases"]
            if not a["AliasName"].startswith("alias/aws/")
        ],
    }


def test_the_product_comes_up_and_leaves_nothing(cloud: Cloud, product_template: Any) -> None:
    client = cloud.client("cloudformation")
    # Larger than what CloudFormation takes in a request.
    cloud.client("s3").create_bucket(Bucket="versions")
    cloud.client("s3").put_object(Bucket="versions", Key="newest.json", Body=json.dumps(product_template))
    before = inventory(cloud)
    stack_id = client.create_stack(
        StackName="TapStack-pp-1",
        TemplateURL="https://versions.s3.us-east-1.amazonaws.com/newest.json",
        Parameters=[
            {"ParameterKey": "EnvironmentSuffix", "ParameterValue": "dev"},
            {"ParameterKey": "OpsEmails", "ParameterValue": "ops@example.com"},
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        OnFailure="DO_NOTHING",
    )["StackId"]
    stack = finished(client, stack_id)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack["StackStatusReason"]
    (database,) = cloud.client("rds").describe_db_instances()["DBInstances"]
    assert (database["MultiAZ"], database["StorageEncrypted"], database["PubliclyAccessible"]) == (
        True,
        True,
        False,
    )
    client.delete_stack(StackName=stack_id)
    stack = finished(client, stack_id)
    assert stack["StackStatus"] == "DELETE_COMPLETE", stack["StackStatusReason"]
    assert inventory(cloud) == before
