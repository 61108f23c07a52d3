"""What a permissions boundary leaves of a role's rights, and what IAM refuses about it."""

from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.iam.access import accesses
from local_cloud.iam.policies import Caller, identity_allows, identity_may, resource_grants
from tests.support.account import ACCOUNT, Account, allow, document, refusal

BUCKET = "arn:aws:s3:::orders"
MISSING = f"arn:aws:iam::{ACCOUNT}:policy/missing"
LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def boundary(cloud: Cloud) -> str:
    """A policy that allows reading objects, and nothing else."""
    policy = cloud.client("iam").create_policy(
        PolicyName="reading",
        PolicyDocument=document(
            allow("s3:GetObject"), {"Effect": "Deny", "Action": "s3:*", "Resource": f"{BUCKET}/secret"}
        ),
    )
    return str(policy["Policy"]["Arn"])


@pytest.fixture
def bounded(cloud: Cloud, boundary: str) -> Iterator[Caller]:
    """An administrator within that boundary."""
    iam = cloud.client("iam")
    iam.create_role(
        RoleName="bounded", AssumeRolePolicyDocument=document(LAMBDA), PermissionsBoundary=boundary
    )
    iam.put_role_policy(RoleName="bounded", PolicyName="all", PolicyDocument=document(allow("*")))
    yield Caller(
        ACCOUNT,
        f"arn:aws:iam::{ACCOUNT}:role/bounded",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/bounded/session",
    )
    iam.delete_role_policy(RoleName="bounded", PolicyName="all")
    iam.delete_role(RoleName="bounded")


def may(caller: Caller, action: str, key: str = "one") -> bool:
    return identity_allows(caller.arn, action, f"{BUCKET}/{key}", caller)


def test_a_role_may_do_what_its_policies_and_its_boundary_both_allow(bounded: Caller) -> None:
    assert may(bounded, "s3:GetObject")
    assert not may(bounded, "s3:PutObject")
    assert identity_may(bounded.arn, "s3:GetObject")
    assert not identity_may(bounded.arn, "s3:PutObject")


def test_a_boundary_gives_nothing_and_its_denials_count(cloud: Cloud, bounded: Caller) -> None:
    assert not may(bounded, "s3:GetObject", "secret")
    nothing = document(allow("sqs:SendMessage"))
    cloud.client("iam").put_role_policy(RoleName="bounded", PolicyName="all", PolicyDocument=nothing)
    assert not may(bounded, "s3:GetObject")


def test_without_its_boundary_a_role_may_do_all_that_its_policies_allow(
    cloud: Cloud, bounded: Caller
) -> None:
    cloud.client("iam").delete_role_permissions_boundary(RoleName="bounded")
    assert may(bounded, "s3:PutObject")


def test_requests_beyond_the_boundary_are_refused(cloud: Cloud, bounded: Caller) -> None:
    sqs = cloud.identity.client("sqs", bounded.arn, "session", "lambda.amazonaws.com")
    assert "not authorized to perform: sqs:ListQueues" in refusal(sqs.list_queues)


@pytest.mark.parametrize(
    ("principal", "condition", "granted"),
    [
        ("arn:aws:iam::123456789012:role/bounded", {}, False),
        ("arn:aws:sts::123456789012:assumed-role/bounded/session", {}, True),
        ("*", {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/bounded"}}, True),
        ("123456789012", {}, False),
    ],
)
def test_a_boundary_limits_what_a_resource_grants_to_the_role_but_not_to_its_session_or_to_everybody(
    bounded: Caller, principal: str, condition: dict[str, Any], granted: bool
) -> None:
    statement = allow("s3:*", resource=f"{BUCKET}/*") | {"Principal": {"AWS": principal}}
    policy = document(statement | {"Condition": condition})
    assert resource_grants(policy, "s3:PutObject", f"{BUCKET}/one", bounded) is granted
    assert not resource_grants(policy, "s3:PutObject", f"{BUCKET}/secret", bounded)


@pytest.mark.usefixtures("bounded")
def test_a_boundary_that_does_not_exist_is_refused(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    said = f"NoSuchEntity: Scope ARN: {MISSING} does not exist or is not attachable."
    role = {"RoleName": "other", "AssumeRolePolicyDocument": document(LAMBDA)}
    assert refusal(iam.create_role, **role, PermissionsBoundary=MISSING) == said
    assert refusal(iam.put_role_permissions_boundary, RoleName="bounded", PermissionsBoundary=MISSING) == said


@pytest.mark.usefixtures("bounded")
def test_a_policy_stays_as_long_as_it_is_a_boundary_or_attached(
    cloud: Cloud, account: Account, boundary: str
) -> None:
    iam = cloud.client("iam")
    in_use = "DeleteConflict: Cannot delete a policy attached to entities."
    assert refusal(iam.delete_policy, PolicyArn=boundary) == in_use
    account.role("attached", "lambda.amazonaws.com")
    policy = iam.create_policy(PolicyName="used", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="attached", PolicyArn=policy)
    assert refusal(iam.delete_policy, PolicyArn=policy) == in_use
    iam.detach_role_policy(RoleName="attached", PolicyArn=policy)
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(allow("s3:*")), SetAsDefault=True)
    assert "you must delete the policy's versions" in refusal(iam.delete_policy, PolicyArn=policy)
    iam.delete_policy_version(PolicyArn=policy, VersionId="v1")
    iam.delete_policy(PolicyArn=policy)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("PutRolePolicy", {}),
        ("DeleteRolePolicy", {}),
        ("AttachRolePolicy", {"PolicyArn": MISSING}),
        ("DetachRolePolicy", {"PolicyArn": MISSING}),
        ("DeleteRolePermissionsBoundary", {}),
    ],
)
def test_changing_a_roles_policies_is_judged_by_the_boundary_that_it_has(
    boundary: str, operation: str, parameters: dict[str, str]
) -> None:
    [asked] = accesses("iam", operation, {"RoleName": "bounded", **parameters})
    assert asked.context["iam:PermissionsBoundary"] == boundary


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("operation", ["CreateRole", "PutRolePermissionsBoundary"])
def test_giving_a_role_a_boundary_is_judged_by_that_boundary(operation: str) -> None:
    [asked] = accesses("iam", operation, {"RoleName": "bounded", "PermissionsBoundary": MISSING})
    assert asked.context == {"iam:PermissionsBoundary": MISSING}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("operation", ["UpdateAssumeRolePolicy", "UpdateRole", "DeleteRole"])
def test_changing_a_roles_trust_is_not_judged_by_its_boundary(operation: str) -> None:
    [asked] = accesses("iam", operation, {"RoleName": "bounded"})
    assert asked.context == {}
