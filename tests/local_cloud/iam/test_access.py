"""What requests ask IAM for, apart from the action of their name."""

from typing import Any

import pytest

from local_cloud.iam.access import Access, accesses

HERE = "us-east-1:123456789012"
TAGS = [{"Key": "team", "Value": "payments"}]
ASKED_WITH_TAGS = {"aws:RequestTag/team": "payments"}


def asked(service: str, operation: str, **parameters: Any) -> list[tuple[str, str | None]]:
    return [(access.action, access.resource) for access in accesses(service, operation, parameters)]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "resource"),
    [
        ("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "a"}, f"arn:aws:rds:{HERE}:db:a"),
        (
            "rds",
            "ListTagsForResource",
            {"ResourceName": f"arn:aws:rds:{HERE}:es:a"},
            f"arn:aws:rds:{HERE}:es:a",
        ),
        ("iam", "CreateRole", {"RoleName": "a", "Path": "/b/"}, "arn:aws:iam::123456789012:role/b/a"),
        ("logs", "CreateLogGroup", {"logGroupName": "/a/b"}, f"arn:aws:logs:{HERE}:log-group:/a/b"),
        (
            "cloudwatch",
            "PutDashboard",
            {"DashboardName": "a"},
            "arn:aws:cloudwatch::123456789012:dashboard/a",
        ),
        ("cloudformation", "DescribeStacks", {"StackName": "a"}, f"arn:aws:cloudformation:{HERE}:stack/a/*"),
        ("cloudformation", "ListStacks", {}, "*"),
        ("ec2", "DescribeVpcs", {"VpcIds": ["vpc-0123456789abcdef0"]}, "*"),
        (
            "ec2",
            "DeleteVpc",
            {"VpcId": "vpc-0123456789abcdef0"},
            f"arn:aws:ec2:{HERE}:vpc/vpc-0123456789abcdef0",
        ),
        (
            "sqs",
            "ReceiveMessage",
            {"QueueUrl": "http://127.0.0.1:5000/123456789012/a"},
            f"arn:aws:sqs:{HERE}:a",
        ),
        ("polly", "DescribeVoices", {}, None),
    ],
)
def test_a_request_is_about_the_resource_that_it_names(
    service: str, operation: str, parameters: dict[str, Any], resource: str | None
) -> None:
    assert asked(service, operation, **parameters) == [(f"{service}:{operation}", resource)]


def test_creating_with_tags_asks_for_the_tagging_too() -> None:
    assert accesses("sns", "CreateTopic", {"Name": "a", "Tags": TAGS}) == [
        Access("sns:CreateTopic", f"arn:aws:sns:{HERE}:a", ASKED_WITH_TAGS),
        Access("sns:TagResource", f"arn:aws:sns:{HERE}:a", ASKED_WITH_TAGS),
    ]


def test_a_snapshot_asks_for_itself_and_for_its_database_and_its_tags_only_for_itself() -> None:
    names = {"DBSnapshotIdentifier": "a", "DBInstanceIdentifier": "b"}
    assert accesses("rds", "CreateDBSnapshot", {**names, "Tags": TAGS}) == [
        Access("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:snapshot:a", ASKED_WITH_TAGS),
        Access("rds:CreateDBSnapshot", f"arn:aws:rds:{HERE}:db:b", ASKED_WITH_TAGS),
        Access("rds:AddTagsToResource", f"arn:aws:rds:{HERE}:snapshot:a", ASKED_WITH_TAGS),
    ]


def test_creating_in_ec2_asks_about_what_is_used_and_what_is_new() -> None:
    specification = [{"ResourceType": "subnet", "Tags": TAGS}]
    assert asked("ec2", "CreateSubnet", VpcId="vpc-0123456789abcdef0", TagSpecifications=specification) == [
        ("ec2:CreateSubnet", f"arn:aws:ec2:{HERE}:subnet/*"),
        ("ec2:CreateSubnet", f"arn:aws:ec2:{HERE}:vpc/vpc-0123456789abcdef0"),
        ("ec2:CreateTags", f"arn:aws:ec2:{HERE}:subnet/*"),
    ]


def test_giving_a_service_a_role_asks_for_passing_it() -> None:
    role = "arn:aws:iam::123456789012:role/a"
    assert accesses("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "RoleArn": role}]})[1:] == [
        Access("iam:PassRole", role, {"iam:PassedToService": "events.amazonaws.com"})
    ]


def test_attaching_a_policy_is_about_the_role_and_names_the_policy() -> None:
    policy = "arn:aws:iam::123456789012:policy/p"
    [access] = accesses("iam", "AttachRolePolicy", {"RoleName": "a", "PolicyArn": policy})
    assert access == Access(
        "iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/a", {"iam:PolicyARN": policy}
    )


@pytest.mark.usefixtures("cloud")
def test_a_database_with_a_managed_password_asks_for_the_secret_and_the_keys() -> None:
    key = f"arn:aws:kms:{HERE}:key/k"
    actions = asked(
        "rds",
        "CreateDBInstance",
        DBInstanceIdentifier="a",
        KmsKeyId=key,
        ManageMasterUserPassword=True,
        MasterUserSecretKmsKeyId=key,
    )
    assert ("kms:CreateGrant", key) in actions
    assert ("kms:GenerateDataKey", key) in actions
    assert ("secretsmanager:CreateSecret", f"arn:aws:secretsmanager:{HERE}:secret:rds!db-*") in actions


def test_tagging_through_the_tagging_api_asks_each_service() -> None:
    topic = f"arn:aws:sns:{HERE}:a"
    assert asked("tag", "TagResources", ResourceARNList=[topic], Tags={"team": "payments"}) == [
        ("tag:TagResources", "*"),
        ("sns:TagResource", topic),
    ]
