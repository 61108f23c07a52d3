"""Who may do what: each role can do its work, and nothing beyond it."""

import ast
import json
import re
from fnmatch import fnmatchcase
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

Statement = dict[str, Any]

# AWS publishes these; cfn-lint brings a copy.
SCHEMAS = Path(str(distribution("cfn-lint").locate_file("cfnlint"))) / "data" / "schemas" / "resources"
LAMBDAS = Path(__file__).parents[2] / "lambdas"
ACCOUNT = "111122223333"
EXECUTION_ROLE = "TapStackExecution"
LAUNCH_ROLE = "SCLaunch-TapStack"


def lines(text: str) -> list[str]:
    return text.split()


# Actions in the resource types' schemas that a TapStack never causes, because it does without the feature.
UNUSED = {
    "transferred, elastic or private addresses of anything but a NAT gateway": lines(
        """ec2:AcceptAddressTransfer ec2:AssociateAddress ec2:AssociateNatGatewayAddress
        ec2:DisassociateNatGatewayAddress ec2:AssignPrivateNatGatewayAddress
        ec2:UnassignPrivateNatGatewayAddress"""
    ),
    "VPN gateways, IPv6, tenancy, encryption controls, VPC Lattice and endpoints of other regions": lines(
        """ec2:AttachVpnGateway ec2:DetachVpnGateway ec2:AssociateSubnetCidrBlock
        ec2:DisassociateSubnetCidrBlock ec2:ModifyVpcTenancy ec2:CreateVpcEncryptionControl
        ec2:DescribeVpcEncryptionControls vpc-lattice:* vpce:AllowMultiRegion"""
    ),
    "users and groups, managed policies and permission boundaries": lines(
        """iam:*UserPolicy iam:*GroupPolicy iam:AttachRolePolicy iam:DetachRolePolicy
        iam:*RolePermissionsBoundary iam:ListRoles"""
    ),
    "a function's network, file system, concurrency, signing, layers, versions and package in S3": lines(
        """lambda:*FunctionConcurrency lambda:GetCodeSigningConfig lambda:DeleteFunctionCodeSigningConfig
        lambda:GetLayerVersion lambda:Put* lambda:PassCapacityProvider lambda:AssociateRuntimeAlias
        lambda:PublishVersion elasticfilesystem:* s3files:* s3:GetObject s3:GetObjectVersion"""
    ),
    "data protection, deliveries, resource policies and indexes of logs": lines(
        """logs:PutDataProtectionPolicy logs:DeleteDataProtectionPolicy logs:CreateLogDelivery
        logs:PutResourcePolicy logs:DeleteResourcePolicy logs:PutIndexPolicy logs:DeleteIndexPolicy
        logs:PutBearerTokenAuthentication logs:PutLogGroupDeletionProtection s3:REST.PUT.OBJECT firehose:*"""
    ),
    "replicas, restores, snapshots, clusters and roles of databases": lines(
        """rds:AddRoleToDBInstance rds:RemoveRoleFromDBInstance rds:CreateDBInstanceReadReplica
        rds:RestoreDBInstanceFromDBSnapshot rds:RestoreDBInstanceToPointInTime rds:PromoteReadReplica
        rds:StartDBInstanceAutomatedBackupsReplication rds:StopDBInstanceAutomatedBackupsReplication
        rds:CreateDBSnapshot"""
    ),
    "what else a bucket may have, from analytics to websites": lines(
        """s3:PutAnalyticsConfiguration s3:DeleteBucketAnalyticsConfiguration s3:PutBucketCORS
        s3:DeleteBucketCors s3:PutInventoryConfiguration s3:PutMetricsConfiguration
        s3:DeleteBucketMetricsConfiguration s3:PutBucketNotification s3:PutBucketReplication
        s3:PutReplicationConfiguration s3:DeleteBucketReplication s3:PutBucketWebsite
        s3:DeleteBucketWebsite s3:PutAccelerateConfiguration s3:*ObjectAcl s3:PutBucketAcl
        s3:PutBucketObjectLockConfiguration s3:PutObjectLockConfiguration
        s3:PutIntelligentTieringConfiguration s3:CreateBucketMetadata* s3:UpdateBucketMetadata*
        s3:DeleteBucketMetadata* s3:PutBucketAbac s3:PutBucketLogging s3:DeleteObject
        s3:DeleteBucketLifecycle s3:DeleteBucketEncryption s3tables:*"""
    ),
    "subscriptions in the template and data protection of topics": lines(
        "sns:Subscribe sns:Unsubscribe sns:PutDataProtectionPolicy"
    ),
}
# Actions that the schemas' handlers do not list.
NEEDED_BESIDES = {
    "invoking the function behind a custom resource": ["lambda:InvokeFunction"],
    "tags, which the schemas name apart from their handlers": lines(
        "ec2:DescribeTags iam:ListRoleTags lambda:ListTags"
    ),
    "a master secret that RDS manages": ["secretsmanager:RotateSecret"],
}
# Everything but reading that is allowed on every resource without a condition.
ON_EVERYTHING = {
    "a new resource of EC2 has no id yet": lines(
        """ec2:AllocateAddress ec2:CreateInternetGateway ec2:CreateNatGateway ec2:CreateRouteTable
        ec2:CreateSecurityGroup ec2:CreateSubnet ec2:CreateVpc ec2:CreateVpcEndpoint"""
    ),
    "a new resource group has no ARN yet": ["resource-groups:CreateGroup"],
    "the action knows no resource": lines(
        """sns:Unsubscribe tag:TagResources tag:UntagResources xray:PutTelemetryRecords xray:PutTraceSegments
        servicecatalog:NotifyProvisionProductEngineWorkflowResult
        servicecatalog:NotifyUpdateProvisionedProductEngineWorkflowResult
        servicecatalog:NotifyTerminateProvisionedProductEngineWorkflowResult
        logs:CreateLogDelivery logs:DeleteLogDelivery logs:UpdateLogDelivery logs:PutResourcePolicy"""
    ),
}
# How the resources that have a name are created, and the ARN that this name makes.
CREATED_BY_NAME = {
    "AWS::CloudWatch::Alarm": (
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:us-east-1:{account}:alarm:{AlarmName}",
    ),
    "AWS::IAM::Role": ("iam:CreateRole", "iam::{account}:role{Path}{RoleName}"),
    "AWS::KMS::Alias": ("kms:CreateAlias", "kms:us-east-1:{account}:{AliasName}"),
    "AWS::Lambda::Function": ("lambda:CreateFunction", "lambda:us-east-1:{account}:function:{FunctionName}"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "logs:us-east-1:{account}:log-group:{LogGroupName}"),
    "AWS::RDS::DBInstance": ("rds:CreateDBInstance", "rds:us-east-1:{account}:db:{DBInstanceIdentifier}"),
    "AWS::RDS::DBParameterGroup": (
        "rds:CreateDBParameterGroup",
        "rds:us-east-1:{account}:pg:{DBParameterGroupName}",
    ),
    "AWS::RDS::DBSubnetGroup": (
        "rds:CreateDBSubnetGroup",
        "rds:us-east-1:{account}:subgrp:{DBSubnetGroupName}",
    ),
    "AWS::RDS::EventSubscription": (
        "rds:CreateEventSubscription",
        "rds:us-east-1:{account}:es:{SubscriptionName}",
    ),
    "AWS::S3::Bucket": ("s3:CreateBucket", "s3:::{BucketName}"),
    "AWS::SNS::Topic": ("sns:CreateTopic", "sns:us-east-1:{account}:{TopicName}"),
}


def resolved(value: Any) -> Any:
    """A value of a template as it is for the suffix `dev` in the account."""
    known = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "EnvironmentSuffix": "dev",
    }
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(str(resolved(part)) for part in parts)
        case {"Ref": str(name)}:
            return known.get(name, f"<{name}>")
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case dict():
            return {key: resolved(item) for key, item in value.items()}
        case list():
            return [resolved(item) for item in value]
    return value


def statements(document: Any) -> list[Statement]:
    """A policy's statements, with lists where IAM also takes a single string."""
    return [
        {
            **statement,
            **{
                key: [statement[key]] if isinstance(statement[key], str) else statement[key]
                for key in ("Action", "Resource")
                if key in statement
            },
        }
        for statement in resolved(document["Statement"])
    ]


@pytest.fixture(scope="module")
def roles(catalog_template: Any) -> dict[str, list[Statement]]:
    """All statements of each role, by its name where it has one and by its logical id elsewhere."""
    template = catalog_template["Resources"]
    found: dict[str, list[Statement]] = {}
    for logical_id, role in template.items():
        if role["Type"] == "AWS::IAM::Role":
            properties = role["Properties"]
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            documents += [
                template[policy["Ref"]]["Properties"]["PolicyDocument"]
                for policy in properties.get("ManagedPolicyArns", [])
            ]
            documents += [
                policy["Properties"]["PolicyDocument"]
                for policy in template.values()
                if policy["Type"] == "AWS::IAM::Policy"
                and {"Ref": logical_id} in policy["Properties"]["Roles"]
            ]
            found[properties.get("RoleName", logical_id)] = [
                statement for document in documents for statement in statements(document)
            ]
    return found


@pytest.fixture(scope="module")
def trust(catalog_template: Any) -> dict[str, list[Statement]]:
    return {
        role["Properties"]["RoleName"]: statements(role["Properties"]["AssumeRolePolicyDocument"])
        for role in catalog_template["Resources"].values()
        if role["Type"] == "AWS::IAM::Role" and "RoleName" in role["Properties"]
    }


@pytest.fixture(scope="module")
def handlers(product_template: Any) -> dict[str, set[str]]:
    """The actions that CloudFormation causes for each resource type of the product, per AWS's own schemas."""
    types = {resource["Type"] for resource in product_template["Resources"].values()}
    found = {}
    for file in SCHEMAS.glob("*.json"):
        schema = json.loads(file.read_text())
        if schema.get("typeName") in types:
            found[schema["typeName"]] = {
                action
                for handler, details in schema["handlers"].items()
                if handler != "list"
                for action in details.get("permissions", [])
            }
    return found


def actions_of(role: list[Statement]) -> set[str]:
    return {action for statement in role for action in statement["Action"]}


def allows(role: list[Statement], action: str, arn: str) -> bool:
    return any(
        action in statement["Action"] and any(fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        for statement in role
    )


def test_no_role_is_allowed_an_action_by_a_pattern(roles: dict[str, list[Statement]]) -> None:
    assert {
        (name, action) for name, role in roles.items() for action in actions_of(role) if "*" in action
    } == set()


def test_what_is_allowed_on_every_resource_is_reading_or_has_a_reason(
    roles: dict[str, list[Statement]],
) -> None:
    reasoned = {action for actions in ON_EVERYTHING.values() for action in actions}
    on_everything = {
        action
        for role in roles.values()
        for statement in role
        if statement["Resource"] == ["*"] and "Condition" not in statement
        for action in statement["Action"]
        if not action.split(":")[1].startswith(("Describe", "Get", "List"))
    }
    assert on_everything == reasoned


def test_cloudformation_may_do_what_each_resource_of_the_product_needs(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    allowed = actions_of(roles[EXECUTION_ROLE])
    unused = [pattern for patterns in UNUSED.values() for pattern in patterns]
    missing = {
        (resource_type, action)
        for resource_type, actions in handlers.items()
        for action in actions - allowed
        if not any(fnmatchcase(action, pattern) for pattern in unused)
    }
    assert missing == set()


def test_cloudformation_may_do_nothing_that_no_resource_of_the_product_needs(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    needed = {action for actions in handlers.values() for action in actions}
    needed |= {action for actions in NEEDED_BESIDES.values() for action in actions}
    assert actions_of(roles[EXECUTION_ROLE]) - needed == set()


def test_cloudformation_may_create_each_named_resource_under_its_name(
    roles: dict[str, list[Statement]], product_template: Any
) -> None:
    refused = []
    for logical_id, resource in product_template["Resources"].items():
        if resource["Type"] in CREATED_BY_NAME:
            action, arn = CREATED_BY_NAME[resource["Type"]]
            name = "arn:aws:" + arn.format(account=ACCOUNT, **resolved(resource["Properties"]))
            if not allows(roles[EXECUTION_ROLE], action, name):
                refused.append((logical_id, action, name))
    assert refused == []


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("rds:DeleteDBInstance", f"arn:aws:rds:us-east-1:{ACCOUNT}:db:payments"),
        ("s3:DeleteBucket", "arn:aws:s3:::payments"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::backup-bucket-444455556666-dev"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{LAUNCH_ROLE}"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{EXECUTION_ROLE}"),
        ("sns:DeleteTopic", f"arn:aws:sns:us-east-1:{ACCOUNT}:payments"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/payments"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:payments"),
        ("rds:CreateDBInstance", f"arn:aws:rds:eu-west-1:{ACCOUNT}:db:database-dev"),
    ],
)
def test_cloudformation_may_not_touch_what_is_not_of_the_product(
    roles: dict[str, list[Statement]], action: str, arn: str
) -> None:
    assert action in actions_of(roles[EXECUTION_ROLE])
    assert not allows(roles[EXECUTION_ROLE], action, arn)


def test_deleting_and_changing_what_has_random_ids_needs_the_engines_tag(
    roles: dict[str, list[Statement]],
) -> None:
    careful = (
        "ec2:Delete",
        "ec2:Modify",
        "ec2:Detach",
        "ec2:Release",
        "ec2:Revoke",
        "kms:ScheduleKeyDeletion",
    )
    for statement in roles[EXECUTION_ROLE]:
        if any(action.startswith(careful) for action in statement["Action"]):
            assert statement["Condition"] == {
                "StringLike": {"aws:ResourceTag/tapstack:provisioned-product-id": "pp-*"}
            }


def test_only_cloudformation_takes_the_execution_role(trust: dict[str, list[Statement]]) -> None:
    [statement] = trust[EXECUTION_ROLE]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    # A condition on a key that CloudFormation is not documented to send would refuse every launch.
    assert "Condition" not in statement


def test_service_catalog_and_the_engine_take_the_launch_role(trust: dict[str, list[Statement]]) -> None:
    service_catalog, engine = trust[LAUNCH_ROLE]
    assert service_catalog["Principal"] == {"Service": "servicecatalog.amazonaws.com"}
    assert service_catalog["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert engine["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert engine["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/tapstack-engine/*"}
    }


def test_every_function_has_a_role_of_its_own_that_the_launch_role_trusts(catalog_template: Any) -> None:
    resources = catalog_template["Resources"].values()
    used = [
        r["Properties"]["Role"]["Fn::GetAtt"][0] for r in resources if r["Type"] == "AWS::Lambda::Function"
    ]
    assert len(set(used)) == len(used)
    for role in used:
        properties = catalog_template["Resources"][role]["Properties"]
        assert properties["Path"] == "/tapstack-engine/"
        assert len(properties["ManagedPolicyArns"]) == 1


def test_no_role_has_a_policy_that_is_not_managed(catalog_template: Any) -> None:
    resources = catalog_template["Resources"].values()
    assert not [resource for resource in resources if resource["Type"] == "AWS::IAM::Policy"]
    assert not [r for r in resources if r["Type"] == "AWS::IAM::Role" and "Policies" in r["Properties"]]


def test_the_engine_hands_out_the_execution_role_and_only_to_cloudformation(
    roles: dict[str, list[Statement]],
) -> None:
    passing = [statement for statement in roles[LAUNCH_ROLE] if "iam:PassRole" in statement["Action"]]
    assert [(statement["Resource"], statement["Condition"]) for statement in passing] == [
        (
            [f"arn:aws:iam::{ACCOUNT}:role/{EXECUTION_ROLE}"],
            {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        )
    ]


def test_the_engine_may_call_what_its_code_calls(roles: dict[str, list[Statement]]) -> None:
    of_functions = {
        action for name, role in roles.items() if name != EXECUTION_ROLE for action in actions_of(role)
    }
    refused = {operation: actions for operation, actions in calls().items() if not actions & of_functions}
    assert refused == {}


def calls() -> dict[str, set[str]]:
    """The AWS operations in the functions' code by their names in Python, and the actions they may be."""
    code = "\n".join(file.read_text() for file in LAMBDAS.rglob("*.py"))
    services = set(re.findall(r"""client\(["']([a-z0-9-]+)["']""", code))
    assert {"cloudformation", "rds", "servicecatalog", "stepfunctions"} <= services
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(code.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    } | set(re.findall(r"""get_paginator\(["'](\w+)["']\)""", code))
    found: dict[str, set[str]] = {}
    for service in services:
        prefix = {"stepfunctions": "states", "service-quotas": "servicequotas"}.get(service, service)
        for operation in Session().get_service_model(service).operation_names:
            if xform_name(operation) in called:
                found.setdefault(xform_name(operation), set()).add(f"{prefix}:{operation}")
    assert {"create_change_set", "describe_db_instances", "subscribe"} <= set(found)
    return found


def test_the_engine_changes_only_stacks_of_its_own(roles: dict[str, list[Statement]]) -> None:
    for statement in roles[LAUNCH_ROLE]:
        if {"cloudformation:DeleteStack", "cloudformation:ExecuteChangeSet"} & set(statement["Action"]):
            assert statement["Resource"] == [f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/TapStack-*"]


def test_the_engine_subscribes_to_the_products_topic(
    roles: dict[str, list[Statement]], product_template: Any
) -> None:
    [topic] = [r for r in product_template["Resources"].values() if r["Type"] == "AWS::SNS::Topic"]
    name = resolved(topic["Properties"]["TopicName"])
    assert allows(roles[LAUNCH_ROLE], "sns:Subscribe", f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}")
    assert not allows(roles[LAUNCH_ROLE], "sns:Subscribe", f"arn:aws:sns:us-east-1:{ACCOUNT}:payments")


def test_policies_fit_into_iams_quotas(catalog_template: Any) -> None:
    for policy in catalog_template["Resources"].values():
        if policy["Type"] == "AWS::IAM::ManagedPolicy":
            document = json.dumps(resolved(policy["Properties"]["PolicyDocument"]), separators=(",", ":"))
            assert len(document) < 6144
        if policy["Type"] == "AWS::IAM::Role":
            inline = json.dumps(resolved(policy["Properties"].get("Policies", [])), separators=(",", ":"))
            assert len(inline) < 10240
