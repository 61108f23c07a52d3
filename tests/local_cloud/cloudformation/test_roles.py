"""Roles of a stack, and the role of a stack."""

import json
from typing import Any

from local_cloud.cloud import Cloud
from tests.support.account import ACCOUNT, allow, document
from tests.support.cloudformation import finished, reasons, template, topic

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"
NAMED = ["CAPABILITY_NAMED_IAM"]


def role(**properties: Any) -> dict[str, Any]:
    trust = {"Version": "2012-10-17", "Statement": []}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": trust, **properties},
    }


def boundary(cloud: Cloud) -> str | None:
    found = cloud.client("iam").get_role(RoleName="r")["Role"].get("PermissionsBoundary")
    return found["PermissionsBoundaryArn"] if found else None


def test_a_roles_boundary_is_set_changed_and_taken_off(cloud: Cloud, client: Any) -> None:
    body = template(R=role(PermissionsBoundary=READ_ONLY))
    client.create_stack(StackName="demo", TemplateBody=body, Capabilities=NAMED)
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE"
    assert boundary(cloud) == READ_ONLY
    for changed, wanted in ((role(PermissionsBoundary=AUDIT), AUDIT), (role(), None)):
        client.update_stack(StackName="demo", TemplateBody=template(R=changed), Capabilities=NAMED)
        assert finished(client, "demo")["StackStatus"] == "UPDATE_COMPLETE"
        assert boundary(cloud) == wanted


def test_a_role_whose_boundary_does_not_exist_fails(client: Any) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    body = template(R=role(PermissionsBoundary=missing))
    client.create_stack(StackName="demo", TemplateBody=body, Capabilities=NAMED)
    finished(client, "demo")
    assert f"Scope ARN: {missing} does not exist or is not attachable." in reasons(client, "demo")["R"]


def test_an_update_goes_on_with_the_stacks_role_although_its_caller_may_pass_none(
    cloud: Cloud, client: Any
) -> None:
    iam = cloud.client("iam")

    def made(name: str, service: str, *actions: str) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document(allow(*actions)))
        return str(arn)

    service_role = made("of-the-stack", "cloudformation.amazonaws.com", "sns:*")
    client.create_stack(StackName="demo", TemplateBody=template(A=topic("a")), RoleARN=service_role)
    finished(client, "demo")
    caller = made("caller", "lambda.amazonaws.com", "cloudformation:*")
    theirs = cloud.identity.client("cloudformation", caller, "session", "lambda.amazonaws.com")
    theirs.update_stack(StackName="demo", TemplateBody=template(A=topic("a"), B=topic("b")))
    assert finished(client, "demo")["StackStatus"] == "UPDATE_COMPLETE"
    topics = json.dumps(cloud.client("sns").list_topics()["Topics"])
    assert f":{ACCOUNT}:b" in topics
