"""The execution role against AWS's registry schemas: what the product's resources need, and nothing else."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from product_template.releasing import released_versions
from product_template.releasing.release import synthesize
from tests.privilege.exceptions import GRANTED_BESIDES, NOT_GRANTED, ON_EVERYTHING
from tests.privilege.synthesized import (
    ACCOUNT,
    EXECUTION_ROLE,
    Statement,
    actions_of,
    allows,
    given_by_key,
    handlers_of,
    resolved,
    roles_of,
)

# The actions that create resources with a name, and the ARN with this name.
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


@pytest.fixture(scope="module")
def roles(catalog_template: Any) -> dict[str, list[Statement]]:
    """All statements about each role: of its own policies, and of the product's key policy."""
    found, by_key = roles_of(catalog_template), given_by_key(synthesize())
    return {role: [*own, *by_key.get(role, [])] for role, own in found.items()}


@pytest.fixture(scope="module")
def products() -> list[Any]:
    """Every version on offer, since all of them can be launched, and the product as it is now."""
    return [*released_versions.templates().values(), synthesize()]


@pytest.fixture(scope="module")
def handlers(products: list[Any]) -> dict[str, set[str]]:
    """The actions that CloudFormation causes for each resource type of the product, per AWS's own schemas."""
    types = {resource["Type"] for product in products for resource in product["Resources"].values()}
    found = {
        resource_type: {
            action for handler, actions in of_type.items() if handler != "list" for action in actions
        }
        for resource_type, of_type in handlers_of(types).items()
    }
    assert types - found.keys() == {each for each in types if each.startswith("Custom::")}
    return found


def missing(allowed: set[str], handlers: dict[str, set[str]]) -> set[tuple[str, str]]:
    """What resource types need and the role lacks, without the features that the product does not use."""
    left_out = [pattern for patterns in NOT_GRANTED.values() for pattern in patterns]
    return {
        (resource_type, action)
        for resource_type, actions in handlers.items()
        for action in actions - allowed
        if not any(fnmatchcase(action, pattern) for pattern in left_out)
    }


def unneeded(allowed: set[str], handlers: dict[str, set[str]]) -> set[str]:
    """What the role is allowed and no resource type needs."""
    needed = {action for actions in handlers.values() for action in actions}
    return allowed - needed - {action for actions in GRANTED_BESIDES.values() for action in actions}


def test_cloudformation_may_do_what_each_resource_of_the_product_needs(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    assert missing(actions_of(roles[EXECUTION_ROLE]), handlers) == set()


def test_cloudformation_may_do_nothing_that_no_resource_of_the_product_needs(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    assert unneeded(actions_of(roles[EXECUTION_ROLE]), handlers) == set()


def test_without_any_one_statement_a_resource_lacks_something_or_its_scope_is_lost(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    """If other statements have the same actions, this one must be about other resources."""
    role = roles[EXECUTION_ROLE]
    besides = {action for actions in GRANTED_BESIDES.values() for action in actions}
    for statement in role:
        others = [one for one in role if one is not statement]
        lost = set(statement["Action"]) - actions_of(others)
        scopes = [
            (one["Resource"], one.get("Condition"))
            for one in others
            if set(one["Action"]) & set(statement["Action"])
        ]
        assert (
            missing(actions_of(others), handlers)
            or lost & besides
            or (statement["Resource"], statement.get("Condition")) not in scopes
        ), statement


@pytest.mark.parametrize("action", ["iam:CreateUser", "ec2:RunInstances", "rds:RestoreDBInstanceFromS3"])
def test_an_unneeded_action_of_cloudformation_is_found(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]], action: str
) -> None:
    assert unneeded({*actions_of(roles[EXECUTION_ROLE]), action}, handlers) == {action}


def test_no_exception_is_out_of_date(
    roles: dict[str, list[Statement]], handlers: dict[str, set[str]]
) -> None:
    allowed = actions_of(roles[EXECUTION_ROLE])
    needed = {action for actions in handlers.values() for action in actions}
    left_out = [pattern for patterns in NOT_GRANTED.values() for pattern in patterns]
    assert [
        pattern for pattern in left_out if not any(fnmatchcase(one, pattern) for one in needed - allowed)
    ] == []
    besides = {action for actions in GRANTED_BESIDES.values() for action in actions}
    assert besides <= allowed - needed


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


def test_cloudformation_may_create_each_named_resource_under_its_name(
    roles: dict[str, list[Statement]], products: list[Any]
) -> None:
    refused = []
    resources = [one for product in products for one in product["Resources"].items()]
    for logical_id, resource in resources:
        if resource["Type"] in CREATED_BY_NAME:
            action, arn = CREATED_BY_NAME[resource["Type"]]
            name = "arn:aws:" + arn.format(account=ACCOUNT, **resolved(resource["Properties"]))
            if not allows(roles[EXECUTION_ROLE], action, name):
                refused.append((logical_id, action, name))
    assert refused == []
