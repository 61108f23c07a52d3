"""The permissions boundary is what the product's roles need together, and nothing takes a role beyond it."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local_cloud.iam.policies import Caller, decides, listed
from tests.privilege.life import PRODUCT, Lives, Policies, Request
from tests.privilege.simulator import Verdict, judge

ACCOUNT = "arn:aws:iam::123456789012"
BOUNDARY = f"{ACCOUNT}:policy/TapStackBoundary"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OURS = {"kms:ResourceAliases": "alias/key-lived"}
Allowed = tuple[str, str, dict[str, str]]


def product_roles(policies: Policies) -> list[str]:
    return [role for role in policies if PRODUCT in role]


def allowed_by(documents: list[dict[str, Any]]) -> Iterator[Allowed]:
    """Each action with each resource of a statement, and the condition keys of that statement."""
    for document in documents:
        for statement in document["Statement"]:
            keys = statement.get("Condition", {}).get("StringEquals", {})
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield action, resource, keys


def test_every_role_of_a_product_has_the_boundary_and_nobody_else(lived: Lives) -> None:
    assert product_roles(lived.policies)
    assert set(lived.boundaries) == set(product_roles(lived.policies))


def test_the_boundary_allows_all_that_a_role_of_the_product_is_allowed(lived: Lives) -> None:
    refused = [
        (role, action, resource)
        for role in product_roles(lived.policies)
        for action, resource, keys in allowed_by(lived.policies[role])
        if not decides(lived.boundaries[role], action, resource, Caller(context=OURS | keys))
    ]
    assert refused == []


def test_the_boundary_allows_nothing_that_no_role_of_the_product_is_allowed(lived: Lives) -> None:
    needed = [one for role in product_roles(lived.policies) for one in allowed_by(lived.policies[role])]
    boundary = next(iter(lived.boundaries.values()))
    beyond = [
        (action, resource)
        for action, resource, _ in allowed_by(boundary)
        if not any(action == one and fnmatchcase(on, resource) for one, on, _ in needed)
    ]
    assert beyond == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateUser", f"{ACCOUNT}:user/mine"),
        ("iam:PutRolePolicy", f"{ACCOUNT}:role/tapstack/empty-bucket-role-lived"),
        ("iam:PassRole", f"{ACCOUNT}:role/TapStackExecution"),
        ("sts:AssumeRole", f"{ACCOUNT}:role/SCLaunch-TapStack"),
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("rds:DeleteDBInstance", "arn:aws:rds:us-east-1:123456789012:db:database-lived"),
        ("s3:GetObject", "arn:aws:s3:::payments/one"),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1"),
        ("kms:Decrypt", KEY),
    ],
)
def test_a_role_that_an_attacker_makes_administrator_is_kept_within_the_boundary(
    lived: Lives, action: str, resource: str
) -> None:
    stolen = product_roles(lived.policies)[0]
    within = Request(stolen, "ec2:DescribeSecurityGroups", "*", ())
    beyond = Request(stolen, action, resource, ())
    verdicts = judge({stolen: [EVERYTHING]}, lived.boundaries, lived.keys, [within, beyond])
    assert (verdicts[within].allowed, verdicts[beyond].allowed) == (True, False)
    assert not verdicts[beyond].error


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("kms:ResourceAliases", "alias/key-lived", True),
        ("kms:ResourceAliases", "alias/payments,alias/orders", False),
        ("aws:ResourceTag/tapstack:provisioned-product-id", "pp-1", False),
    ],
)
def test_it_is_the_alias_of_a_key_that_brings_it_within_the_boundary_and_no_tag(
    lived: Lives, key: str, value: str, allowed: bool
) -> None:
    """The execution role can tag every key, and can give an alias only to a key that lets it in."""
    stolen = product_roles(lived.policies)[0]
    asked = Request(stolen, "kms:Decrypt", KEY, ((key, value),))
    verdict = judge({stolen: [EVERYTHING]}, lived.boundaries, {}, [asked])[asked]
    assert verdict == Verdict(allowed=allowed)
    boundary = lived.boundaries[stolen]
    assert decides(boundary, asked.action, KEY, Caller(context={key: value})) is allowed


@pytest.mark.parametrize(
    ("action", "resource", "boundary", "allowed"),
    [
        ("iam:CreateRole", "role/tapstack/any", BOUNDARY, True),
        ("iam:CreateRole", "role/tapstack/any", None, False),
        ("iam:CreateRole", "role/tapstack/any", ADMINISTRATOR, False),
        ("iam:CreateRole", "role/any", BOUNDARY, False),
        ("iam:PutRolePolicy", "role/tapstack/any", BOUNDARY, False),
        ("iam:DeleteRolePolicy", "role/tapstack/any", BOUNDARY, False),
        ("iam:AttachRolePolicy", "role/tapstack/any", BOUNDARY, True),
        ("iam:AttachRolePolicy", "role/tapstack/any", None, False),
        ("iam:AttachRolePolicy", "role/TapStackExecution", BOUNDARY, False),
        ("iam:DetachRolePolicy", "role/tapstack/any", None, False),
        ("iam:PutRolePermissionsBoundary", "role/tapstack/any", BOUNDARY, False),
        ("iam:PutRolePermissionsBoundary", "role/tapstack/any", ADMINISTRATOR, False),
        ("iam:DeleteRolePermissionsBoundary", "role/tapstack/any", BOUNDARY, False),
        ("iam:CreatePolicyVersion", "policy/TapStackBoundary", None, False),
        ("iam:DeletePolicy", "policy/TapStackBoundary", None, False),
        ("iam:UpdateAssumeRolePolicy", "role/SCLaunch-TapStack", None, False),
        ("iam:UpdateAssumeRolePolicy", "role/TapStackExecution", None, False),
        ("iam:UpdateAssumeRolePolicy", "role/tapstack-engine/any", None, False),
        ("iam:TagRole", "role/SCLaunch-TapStack", None, False),
    ],
)
def test_whoever_changes_a_stack_gives_rights_only_to_roles_with_the_boundary(
    lived: Lives, action: str, resource: str, boundary: str | None, allowed: bool
) -> None:
    context = {"iam:PermissionsBoundary": boundary} if boundary else {}
    if action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy"):
        context["iam:PolicyARN"] = f"{ACCOUNT}:policy/tapstack/any"
    execution = f"{ACCOUNT}:role/TapStackExecution"
    asked = Request(execution, action, f"{ACCOUNT}:{resource}", tuple(context.items()))
    verdict = judge(lived.policies, lived.boundaries, lived.keys, [asked])[asked]
    assert verdict.allowed is allowed
    assert not verdict.error


def test_nobody_but_cloudformation_makes_roles_or_changes_what_they_may_do(lived: Lives) -> None:
    """Neither the launch role nor a function of the engine."""
    verbs = ("iam:Create", "iam:Put", "iam:Attach", "iam:Detach", "iam:Delete", "iam:Update", "iam:Set")
    assert {
        role
        for role, documents in lived.policies.items()
        for action, _, _ in allowed_by(documents)
        if action.startswith(verbs) or action in ("*", "iam:*")
    } == {f"{ACCOUNT}:role/TapStackExecution"}
