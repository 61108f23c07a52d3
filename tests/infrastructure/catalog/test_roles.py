"""Each role can do its work, and nothing else."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

from product_template.launch_account import ROLES_VERSION
from product_template.releasing.release import synthesize
from tests.privilege.synthesized import (
    ACCOUNT,
    EXECUTION_ROLE,
    LAUNCH_ROLE,
    Statement,
    actions_of,
    allows,
    given_by_key,
    resolved,
    roles_of,
    statements,
)

LAMBDAS = Path(__file__).parents[3] / "lambdas"


@pytest.fixture(scope="module")
def roles(catalog_template: Any) -> dict[str, list[Statement]]:
    return roles_of(catalog_template)


@pytest.fixture(scope="module")
def tap_stack() -> Any:
    return synthesize()


@pytest.fixture(scope="module")
def trust(catalog_template: Any) -> dict[str, list[Statement]]:
    return {
        role["Properties"]["RoleName"]: statements(role["Properties"]["AssumeRolePolicyDocument"])
        for role in catalog_template["Resources"].values()
        if role["Type"] == "AWS::IAM::Role" and "RoleName" in role["Properties"]
    }


def test_no_role_is_allowed_an_action_by_a_pattern(roles: dict[str, list[Statement]]) -> None:
    assert {
        (name, action) for name, role in roles.items() for action in actions_of(role) if "*" in action
    } == set()


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("rds:DeleteDBInstance", f"arn:aws:rds:us-east-1:{ACCOUNT}:db:payments"),
        ("s3:DeleteBucket", "arn:aws:s3:::payments"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::backup-bucket-444455556666-dev"),
        ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{LAUNCH_ROLE}"),
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
    )
    for statement in roles[EXECUTION_ROLE]:
        if any(action.startswith(careful) for action in statement["Action"]):
            assert statement["Condition"] == {
                "StringLike": {"aws:ResourceTag/tapstack:provisioned-product-id": "pp-*"}
            }


def test_iam_lets_no_role_get_at_a_key_but_for_what_making_one_asks(
    roles: dict[str, list[Statement]],
) -> None:
    """No permission depends on a key's tag, because others can give the tag to another key."""
    of_keys = {
        (name, action, resource)
        for name in (EXECUTION_ROLE, LAUNCH_ROLE)
        for statement in roles[name]
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("kms:") and not resource.endswith(":alias/key-*")
    }
    assert of_keys == {
        (EXECUTION_ROLE, "kms:CreateKey", "*"),
        (EXECUTION_ROLE, "kms:ListAliases", "*"),
        (EXECUTION_ROLE, "kms:TagResource", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"),
    }


def test_the_products_key_names_no_role_that_an_account_without_the_catalog_lacks(tap_stack: Any) -> None:
    principals = {
        json.dumps(statement["Principal"])
        for resource in tap_stack["Resources"].values()
        if resource["Type"] == "AWS::KMS::Key"
        for statement in resolved(resource["Properties"]["KeyPolicy"]["Statement"])
        if "Service" not in statement["Principal"]
    }
    assert principals == {'{"AWS": "*"}', f'{{"AWS": "arn:aws:iam::{ACCOUNT}:root"}}'}


def test_the_products_key_lets_in_the_accounts_two_roles_which_decrypt_only_by_way_of_services(
    tap_stack: Any,
) -> None:
    given = given_by_key(tap_stack)
    assert given.keys() == {EXECUTION_ROLE, LAUNCH_ROLE}
    uses = {"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
    for name, role in given.items():
        here = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        for statement in role:
            assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": here}
            if uses & set(statement["Action"]):
                assert set(statement["Action"]) <= uses
                assert statement["Condition"]["StringEquals"].keys() == {"kms:ViaService"}


def test_only_cloudformation_takes_the_execution_role(trust: dict[str, list[Statement]]) -> None:
    [statement] = trust[EXECUTION_ROLE]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    # AWS does not document that CloudFormation sends this key. Without it, a condition refuses every launch.
    assert "Condition" not in statement


def test_service_catalog_and_the_engine_take_the_launch_role(trust: dict[str, list[Statement]]) -> None:
    service_catalog, engine = trust[LAUNCH_ROLE]
    assert service_catalog["Principal"] == {"Service": "servicecatalog.amazonaws.com"}
    assert service_catalog["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert engine["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert engine["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/tapstack-engine/*"}
    }


def test_every_function_has_a_role_of_its_own_and_the_launch_role_trusts_those_of_the_engine(
    catalog_template: Any,
) -> None:
    used = {
        logical_id: resource["Properties"]["Role"]["Fn::GetAtt"][0]
        for logical_id, resource in catalog_template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert len(set(used.values())) == len(used)
    for function, role in used.items():
        properties = catalog_template["Resources"][role]["Properties"]
        assert (properties.get("Path") == "/tapstack-engine/") == function.startswith("Engine")
        assert len(properties["ManagedPolicyArns"]) == 1


def test_no_role_has_a_policy_that_is_not_managed(catalog_template: Any) -> None:
    resources = catalog_template["Resources"].values()
    assert not [resource for resource in resources if resource["Type"] == "AWS::IAM::Policy"]
    assert not [r for r in resources if r["Type"] == "AWS::IAM::Role" and "Policies" in r["Properties"]]


def test_cloudformation_gives_rights_only_to_roles_with_the_boundary(
    roles: dict[str, list[Statement]],
) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/TapStackBoundary"
    conditions = {
        action: statement.get("Condition", {}).get("StringEquals")
        for statement in roles[EXECUTION_ROLE]
        for action in statement["Action"]
        if (action.endswith("RolePolicy") and not action.startswith("iam:Get")) or action == "iam:CreateRole"
    }
    del conditions["iam:UpdateAssumeRolePolicy"]  # IAM has no such condition for it
    assert conditions.keys() == {"iam:CreateRole", "iam:AttachRolePolicy", "iam:DetachRolePolicy"}
    assert all(one == {"iam:PermissionsBoundary": boundary} for one in conditions.values())


def test_the_boundary_is_outside_the_path_in_which_stacks_write_policies(
    catalog_template: Any, roles: dict[str, list[Statement]]
) -> None:
    policies = [
        r["Properties"] for r in catalog_template["Resources"].values() if "ManagedPolicy" in r["Type"]
    ]
    [boundary] = [one for one in policies if one.get("ManagedPolicyName") == "TapStackBoundary"]
    arn = f"arn:aws:iam::{ACCOUNT}:policy{boundary['Path']}TapStackBoundary"
    for action in ("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy"):
        assert not allows(roles[EXECUTION_ROLE], action, arn)


def test_the_launch_role_says_which_roles_these_are_and_can_not_change_it(
    catalog_template: Any, roles: dict[str, list[Statement]]
) -> None:
    [launch] = [
        resource["Properties"]
        for resource in catalog_template["Resources"].values()
        if resource["Properties"].get("RoleName") == LAUNCH_ROLE
    ]
    assert {"Key": "tapstack:roles-version", "Value": str(ROLES_VERSION)} in launch["Tags"]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{LAUNCH_ROLE}"
    assert allows(roles[LAUNCH_ROLE], "iam:GetRole", arn)
    for name, action in ((LAUNCH_ROLE, "iam:TagRole"), (EXECUTION_ROLE, "iam:UntagRole")):
        assert not allows(roles[name], action, arn)


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


# S3's actions whose names differ from those of their operations (Service Authorization Reference).
S3_ACTIONS = {
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "ListObjectVersions": "ListBucketVersions",
}


def calls() -> dict[str, set[str]]:
    """The AWS operations in the functions' code, by their names in boto3, with their possible IAM actions."""
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
                action = S3_ACTIONS.get(operation, operation)
                found.setdefault(xform_name(operation), set()).add(f"{prefix}:{action}")
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


def test_the_engine_takes_and_deletes_only_snapshots_of_its_own(roles: dict[str, list[Statement]]) -> None:
    here = f"arn:aws:rds:us-east-1:{ACCOUNT}"
    tag = "tapstack:provisioned-product-id"
    of_snapshots = [
        (action, statement["Resource"], statement["Condition"])
        for statement in roles[LAUNCH_ROLE]
        for action in statement["Action"]
        if action in ("rds:CreateDBSnapshot", "rds:DeleteDBSnapshot")
    ]
    ours, to_be_ours = f"aws:ResourceTag/{tag}", f"aws:RequestTag/{tag}"
    assert sorted(of_snapshots, key=str) == [
        ("rds:CreateDBSnapshot", [f"{here}:db:database-*"], {"StringLike": {ours: "pp-*"}}),
        ("rds:CreateDBSnapshot", [f"{here}:snapshot:pre-upgrade-*"], {"StringLike": {to_be_ours: "pp-*"}}),
        ("rds:DeleteDBSnapshot", [f"{here}:snapshot:pre-upgrade-*"], {"StringLike": {ours: "pp-*"}}),
    ]


def test_managed_policies_fit_into_iams_quota(catalog_template: Any) -> None:
    """IAM does not count white space ("IAM and AWS STS quotas", IAM User Guide)."""
    sizes = {
        logical_id: len(json.dumps(resolved(r["Properties"]["PolicyDocument"]), separators=(",", ":")))
        for template in (catalog_template, synthesize())
        for logical_id, r in template["Resources"].items()
        if r["Type"] == "AWS::IAM::ManagedPolicy"
    }
    assert [name for name in sizes if name.startswith("LaunchRolesBoundary")]
    assert {name: size for name, size in sizes.items() if size > 6_144} == {}
