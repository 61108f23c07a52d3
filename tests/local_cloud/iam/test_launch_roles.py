"""An account with the roles and without the catalog: a TapStack by hand, and a stack in the wrong hands."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from app import build
from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import deploy
from local_cloud.rds.models import backend
from tests.support.account import ACCOUNT, Account, allow, document, eventually, refusal

ROLES = f"arn:aws:iam::{ACCOUNT}:role"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/TapStackBoundary"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PARAMETERS = {"OpsEmails": "ops@example.com"}
STACK = "TapStack-pp-victim"
EVERYTHING = {"PolicyName": "all", "PolicyDocument": json.loads(document(allow("*")))}
TAGS = [{"Key": "tapstack:provisioned-product-id", "Value": "pp-victim"}]


@pytest.fixture(scope="module")
def speed() -> float:
    return 20_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = {
        "environmentSuffix": "dev",
        "catalog:hubAccount": ACCOUNT,
        "aws:cdk:bundling-stacks": [],
        "@aws-cdk/core:explicitStackTags": True,
    }
    return Path(build(context=context, outdir=str(tmp_path_factory.mktemp("cdk.out"))).synth().directory)


@pytest.fixture(scope="module")
def account(cloud: Cloud, app: Path) -> Account:
    """An account into which nothing but the roles was deployed."""
    deploy(cloud, app, "LaunchRoles")
    return Account(cloud)


def test_a_tapstack_is_deployed_without_the_catalog_and_exports_its_snapshots(
    cloud: Cloud, account: Account, app: Path
) -> None:
    outputs = deploy(cloud, app, "TapStack", parameters=PARAMETERS)
    assert outputs["DatabaseIdentifier"] == "database-dev"
    backend().take_automated_snapshot("database-dev")
    states = account.client("stepfunctions")
    [machine] = states.list_state_machines()["stateMachines"]

    def ended() -> list[str]:
        found = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        return [each["status"] for each in found if each["status"] != "RUNNING"]

    assert eventually(ended) == ["SUCCEEDED"]
    in_use = "DeleteConflict: Cannot delete a policy attached to entities."
    assert refusal(account.client("iam").delete_policy, PolicyArn=BOUNDARY) == in_use


def role(**properties: Any) -> dict[str, Any]:
    """A role as an attacker would have it: anybody of the account may take it."""
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "empty-bucket-role-victim",
            "Path": "/tapstack/",
            "AssumeRolePolicyDocument": json.loads(document(trust)),
            **properties,
        },
    }


def policy(name: str, path: str = "/tapstack/", **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "ManagedPolicyName": name,
            "Path": path,
            "PolicyDocument": json.loads(document(allow("*"))),
            **properties,
        },
    }


def inline(victim: str) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [victim], **EVERYTHING}}


class Attacker:
    """Somebody with cloudformation:* and nothing else, who updates a stack of the product."""

    def __init__(self, cloud: Cloud, session: str) -> None:
        self.stacks = cloud.identity.client("cloudformation", session, "attacker", "lambda.amazonaws.com")

    def update(self, **resources: Any) -> tuple[str, str]:
        """Update to a template of their own. Returns the stack's status and why it failed."""
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alert-topic-victim"}}
        body = json.dumps({"Resources": {"Topic": topic, **resources}})
        seen = self._events()
        self.stacks.update_stack(StackName=STACK, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        status = self._at_rest()
        if status == "UPDATE_ROLLBACK_FAILED":  # a boundary is not set back either
            self.stacks.continue_update_rollback(StackName=STACK, ResourcesToSkip=list(resources))
            status = self._at_rest()
        new = [event for event in self._events() if event not in seen]
        failed = [e["ResourceStatusReason"] for e in new if e["ResourceStatus"].endswith("_FAILED")]
        return status, " ".join(failed)

    def _at_rest(self) -> str:
        while True:
            status = str(self.stacks.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.02)

    def _events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.stacks.describe_stack_events(StackName=STACK)["StackEvents"]
        return events


@pytest.fixture(scope="module")
def attacker(cloud: Cloud, account: Account) -> Attacker:
    """A stack as the engine makes it, and somebody who may change it."""
    body = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alert-topic-victim"}}}
    stacks = account.client("cloudformation")
    stacks.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps({"Resources": body}),
        RoleARN=f"{ROLES}/TapStackExecution",
        Tags=TAGS,
    )
    stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 0.05})
    account.role("attacker", "lambda.amazonaws.com", allow("cloudformation:*"))
    return Attacker(cloud, f"{ROLES}/attacker")


@pytest.mark.parametrize(
    ("attempt", "refused"),
    [
        ({"R": role()}, "iam:CreateRole"),
        ({"R": role(PermissionsBoundary=ADMINISTRATOR)}, "iam:CreateRole"),
        ({"R": role(PermissionsBoundary=BOUNDARY, Path="/")}, "iam:CreateRole"),
        (
            {"R": role(PermissionsBoundary=BOUNDARY, RoleName="SCLaunch-TapStack", Path="/")},
            "iam:CreateRole",
        ),
        (
            {"R": role(PermissionsBoundary=BOUNDARY, ManagedPolicyArns=[ADMINISTRATOR])},
            "iam:AttachRolePolicy",
        ),
        (
            {"R": role(PermissionsBoundary=BOUNDARY, RoleName="with-a-policy", Policies=[EVERYTHING])},
            "iam:PutRolePolicy",
        ),
        ({"P": policy("TapStackBoundary", path="/")}, "iam:CreatePolicy"),
        ({"P": policy("execution", Roles=["TapStackExecution"])}, "iam:AttachRolePolicy"),
        ({"P": policy("launch", Roles=["SCLaunch-TapStack"])}, "iam:AttachRolePolicy"),
        ({"P": inline("TapStackExecution")}, "iam:PutRolePolicy"),
        ({"P": inline("SCLaunch-TapStack")}, "iam:PutRolePolicy"),
    ],
)
def test_no_stack_makes_a_role_beyond_the_boundary_nor_widens_one_that_is_there(
    attacker: Attacker, attempt: dict[str, Any], refused: str
) -> None:
    status, why = attacker.update(**attempt)
    assert status == "UPDATE_ROLLBACK_COMPLETE", why
    assert f"not authorized to perform: {refused}" in why


def test_a_role_of_an_attacker_can_do_nothing_beyond_the_boundary(attacker: Attacker, cloud: Cloud) -> None:
    # GIVEN a role with the boundary, a policy with every right, and a trust that lets the account in
    taken = {"RoleName": "taken"}
    bounded = role(PermissionsBoundary=BOUNDARY, ManagedPolicyArns=[{"Ref": "P"}], **taken)
    status, why = attacker.update(P=policy("taken"), R=bounded)
    assert status == "UPDATE_COMPLETE", why

    # AND somebody else's key, which has the engine's tag
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in TAGS]
    foreign = cloud.client("kms").create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    cloud.clock.sleep(600)

    # WHEN somebody takes the role
    def session(service: str) -> Any:
        return cloud.identity.client(service, f"{ROLES}/tapstack/taken")

    # THEN it can do what some role of a TapStack can, and no more
    assert session("ec2").describe_security_groups()["SecurityGroups"]
    beyond = [
        (session("iam").create_user, {"UserName": "mine"}),
        (
            session("iam").create_policy_version,
            {"PolicyArn": BOUNDARY, "PolicyDocument": document(allow("*"))},
        ),
        (session("rds").describe_db_instances, {}),
        (session("kms").generate_data_key, {"KeyId": foreign, "KeySpec": "AES_256"}),
        (session("sns").publish, {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:payments", "Message": "x"}),
        (session("sts").assume_role, {"RoleArn": f"{ROLES}/SCLaunch-TapStack", "RoleSessionName": "mine"}),
    ]
    for call, arguments in beyond:
        assert "is not authorized to perform" in refusal(call, **arguments)

    # AND its boundary can neither be changed nor taken off
    for changed, action in (
        (role(PermissionsBoundary=ADMINISTRATOR, **taken), "iam:PutRolePermissionsBoundary"),
        (role(**taken), "iam:DeleteRolePermissionsBoundary"),
    ):
        status, why = attacker.update(R=changed)
        assert status == "UPDATE_ROLLBACK_COMPLETE", why
        assert f"not authorized to perform: {action}" in why
