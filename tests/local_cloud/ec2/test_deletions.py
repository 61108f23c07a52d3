"""What AWS refuses to delete, and that CloudFormation deletes the rest all the same."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import Account, allow, eventually, refusal
from tests.support.rds import available, create, delete


@pytest.fixture(scope="module")
def speed() -> float:
    return 3_000


@pytest.fixture
def vpc(cloud: Cloud) -> str:
    return str(cloud.client("ec2").create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"])


def test_a_database_in_a_continuous_backup_plan_keeps_its_automated_backups(rds: Any, cloud: Cloud) -> None:
    create(rds, "planned")
    available(rds, "planned")
    recovery_point = cloud.faults.database.back_up_continuously("planned")
    [described] = rds.describe_db_instances(DBInstanceIdentifier="planned")["DBInstances"]
    assert described["AwsBackupRecoveryPointArn"] == recovery_point
    asked = {"DBInstanceIdentifier": "planned", "SkipFinalSnapshot": True}
    for more in ({}, {"DeleteAutomatedBackups": True}):
        refused = refusal(rds.delete_db_instance, **asked, **more)
        assert refused.startswith("InvalidParameterCombination: ")
        assert f"{recovery_point}. NoDeleteAutomatedBackups must be specified." in refused
    cloud.faults.database.clear()
    delete(rds, "planned")


def test_a_protected_database_stays_and_what_does_not_depend_on_it_goes(cloud: Cloud) -> None:
    # GIVEN a stack whose database is protected by hand
    client, rds = cloud.client("cloudformation"), cloud.client("rds")
    of_database = {
        "DBInstanceIdentifier": "stays", "Engine": "postgres", "DBInstanceClass": "db.r6g.large",
        "AllocatedStorage": "100", "MasterUsername": "u", "MasterUserPassword": "password",
    }  # fmt: skip
    resources = {
        "Database": {"Type": "AWS::RDS::DBInstance", "Properties": of_database, "DeletionPolicy": "Delete"},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "goes"}},
    }
    client.create_stack(StackName="partly", TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName="partly", WaiterConfig={"Delay": 0.05})
    rds.modify_db_instance(DBInstanceIdentifier="stays", DeletionProtection=True)
    # WHEN the stack is deleted
    client.delete_stack(StackName="partly")
    eventually(
        lambda: client.describe_stacks(StackName="partly")["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    )
    # THEN the database is all that is left
    statuses = {
        one["LogicalResourceId"]: (one["ResourceStatus"], one.get("ResourceStatusReason", ""))
        for one in client.describe_stack_resources(StackName="partly")["StackResources"]
    }
    assert "Cannot delete protected DB Instance" in statuses["Database"][1]
    assert cloud.client("sns").list_topics()["Topics"] == []
    # AND it goes when nobody protects it any more
    available(rds, "stays")
    rds.modify_db_instance(DBInstanceIdentifier="stays", DeletionProtection=False)
    client.delete_stack(StackName="partly")
    eventually(lambda: not rds.describe_db_instances()["DBInstances"])


def test_a_group_that_another_one_refers_to_stays(cloud: Cloud, vpc: str) -> None:
    ec2 = cloud.client("ec2")
    named, names = (
        ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in "ab"
    )
    own = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": named}]}
    ec2.authorize_security_group_ingress(GroupId=named, IpPermissions=[own])
    ec2.authorize_security_group_ingress(GroupId=names, IpPermissions=[own])
    assert refusal(ec2.delete_security_group, GroupId=named) == (
        f"DependencyViolation: resource {named} has a dependent object"
    )
    ec2.delete_security_group(GroupId=names)
    ec2.delete_security_group(GroupId=named)
    ec2.delete_vpc(VpcId=vpc)


def test_a_network_with_connections_of_others_stays(cloud: Cloud, vpc: str) -> None:
    ec2 = cloud.client("ec2")
    kept = f"DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted."
    other = ec2.create_vpc(CidrBlock="10.51.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=vpc)["VpcPeeringConnection"]
    assert refusal(ec2.delete_vpc, VpcId=vpc) == kept
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    gateway = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]
    assert refusal(ec2.delete_vpc, VpcId=vpc) == kept
    ec2.delete_egress_only_internet_gateway(
        EgressOnlyInternetGatewayId=gateway["EgressOnlyInternetGatewayId"]
    )
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    assert refusal(ec2.delete_vpc, VpcId=vpc) == kept
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_vpc(VpcId=vpc)


@pytest.mark.parametrize("lacking", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_deleting_a_version_of_an_object_takes_both_permissions(account: Account, lacking: str) -> None:
    administrator, name = account.client("s3"), f"of-{lacking[3:].lower()}"
    administrator.create_bucket(Bucket=name)
    administrator.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    version = administrator.put_object(Bucket=name, Key="one", Body=b"1")["VersionId"]
    both = {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    role = account.role(name, "lambda.amazonaws.com", allow(*both - {lacking}))
    s3 = account.cloud.identity.client("s3", role, "session", "lambda.amazonaws.com")
    objects = {"Objects": [{"Key": "one", "VersionId": version}]}
    assert f"not authorized to perform: {lacking} " in refusal(s3.delete_objects, Bucket=name, Delete=objects)


def test_what_keeps_an_object_is_told(cloud: Cloud) -> None:
    s3, until = cloud.client("s3"), (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="free", Body=b"1", ChecksumAlgorithm="SHA256")
    s3.put_object(
        Bucket="locked", Key="kept", Body=b"1", ChecksumAlgorithm="SHA256", ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )  # fmt: skip
    retention = s3.get_object_retention(Bucket="locked", Key="kept")["Retention"]
    assert retention == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    asked = {"Bucket": "locked", "Key": "free"}
    assert refusal(s3.get_object_retention, **asked).startswith("NoSuchObjectLockConfiguration: ")
    assert s3.get_object(**asked)["Body"].read() == b"1"
