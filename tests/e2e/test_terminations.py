"""P8, P21: a termination finds everything that AWS would not delete before it deletes anything."""

from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.inventory import inventory, left_with
from tests.support.launches import Aws, Catalog, outputs, product_of, reason
from tests.support.machinery import stacks_ever

SUFFIX = "protected"
INPUTS = {"EnvironmentSuffix": SUFFIX, "OpsEmails": "ops@example.com", "VpcCidr": "10.31.0.0/16"}


@pytest.fixture(scope="module")
def launched(catalog: Catalog) -> dict[str, Any]:
    """A product on offer, launched. The last test terminates it."""
    record = catalog.provision(SUFFIX, **INPUTS)
    assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
    return record


def _lasting(cloud: Cloud) -> set[str]:
    """Name everything in the account but subscriptions, which SNS drops unconfirmed after some days."""
    return {each for each in inventory(cloud) if not each.startswith("sns Subscriptions")}


def test_all_that_blocks_a_termination_is_listed_at_once(
    catalog: Catalog, cloud: Cloud, launched: dict[str, Any]
) -> None:
    # GIVEN what others have in the product's network, and protections of all kinds
    ec2, s3, product = cloud.client("ec2"), cloud.client("s3"), product_of(launched)
    given = outputs(launched)
    stacks, stack = cloud.client("cloudformation"), f"TapStack-{product}"
    stacks.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    recovery_point = cloud.faults.database.back_up_continuously(given["DatabaseIdentifier"])
    of_type = stacks.describe_stack_resources(StackName=stack)["StackResources"]
    resources = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in of_type}
    vpc = next(one["PhysicalResourceId"] for one in of_type if one["ResourceType"] == "AWS::EC2::VPC")
    clients = resources[next(name for name in resources if name.startswith("NetworkClientSecurityGroup"))]
    private = next(
        one["PhysicalResourceId"]
        for one in of_type
        if one["ResourceType"] == "AWS::EC2::Subnet" and "Private" in one["LogicalResourceId"]
    )
    interface = ec2.create_network_interface(SubnetId=private, Groups=[clients], Description="an app")
    interface_id = interface["NetworkInterface"]["NetworkInterfaceId"]
    group = ec2.create_security_group(GroupName="app", Description="d", VpcId=vpc)["GroupId"]
    bucket = next(
        one["PhysicalResourceId"]
        for one in of_type
        if one["ResourceType"] == "AWS::S3::Bucket" and one["PhysicalResourceId"].startswith("backup-")
    )
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    s3.put_object(Bucket=bucket, Key="dump", Body=b"a backup")
    s3.put_object_legal_hold(Bucket=bucket, Key="dump", LegalHold={"Status": "ON"})

    # WHEN it is terminated
    refused = catalog.terminate(product)

    # THEN each is named, and nothing else is taken for one
    assert refused["RecordDetail"]["Status"] == "FAILED"
    lines = reason(refused).splitlines()[1:-1]
    assert [line.split(" ", 4)[:4] for line in lines] == [
        ["-", "stack", stack, "has"],
        ["-", "DB", "instance", given["DatabaseIdentifier"]],
        ["-", "bucket", bucket, "holds"],
        ["-", "network", "interface", interface_id],
        ["-", "security", "group", f"{group}:"],
    ]
    assert recovery_point in lines[1]
    assert "such as dump (legal hold)" in lines[2]

    # AND each can be removed; the next test terminates what is left
    stacks.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    cloud.faults.database.clear()
    ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    ec2.delete_security_group(GroupId=group)
    s3.put_object_legal_hold(Bucket=bucket, Key="dump", LegalHold={"Status": "OFF"})


def test_a_protected_database_keeps_its_whole_product_until_the_protection_is_off(
    aws: Aws, catalog: Catalog, cloud: Cloud, launched: dict[str, Any]
) -> None:
    # GIVEN a database that somebody protects, and backups in the bucket
    database, product = outputs(launched)["DatabaseIdentifier"], product_of(launched)
    protect = ("rds", "modify-db-instance", "--db-instance-identifier", database)
    aws(*protect, "--deletion-protection", "--apply-immediately")
    s3 = cloud.client("s3")
    buckets = [one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].endswith(f"-{SUFFIX}")]
    for bucket in buckets:
        s3.put_object(Bucket=bucket, Key="kept", Body=b"a backup")
    before = _lasting(cloud)

    # WHEN it is terminated
    refused = catalog.terminate(product)

    # THEN it is said why and what to do, and everything is still there
    assert refused["RecordDetail"]["Status"] == "FAILED"
    assert reason(refused).splitlines() == [
        "Nothing was deleted, and the database runs as before. This keeps AWS from deleting the product:",
        f"- DB instance {database} has deletion protection, which somebody set by hand. If nobody needs its "
        f"data: aws rds modify-db-instance --db-instance-identifier {database} --no-deletion-protection "
        "--apply-immediately",
        "Ask the owners, remove all of it, then terminate this provisioned product again.",
    ]
    assert len(buckets) == 2
    assert [s3.get_object(Bucket=each, Key="kept")["Body"].read() for each in buckets] == [b"a backup"] * 2
    assert before <= _lasting(cloud)
    assert stacks_ever(cloud, product) == ["CREATE_COMPLETE"]

    # AND once somebody does what it was told, the product goes, and nothing of it is left
    aws(*protect, "--no-deletion-protection", "--apply-immediately")
    ended = catalog.terminate(product)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert left_with(cloud, SUFFIX) == []
