from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.iam.trust import FORWARDED
from tests.support.account import Account, allow, document, refusal

ROOT = "arn:aws:iam::123456789012:root"


def trusting(account: Account, name: str, principal: dict[str, Any], **condition: dict[str, Any]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    role = account.client("iam").create_role(
        RoleName=name, Path="/engine/", AssumeRolePolicyDocument=document(statement)
    )
    return str(role["Role"]["Arn"])


def test_a_role_is_refused_to_whom_it_does_not_trust_in_the_words_of_sts(
    cloud: Cloud, account: Account
) -> None:
    role = trusting(account, "closed", {"Service": "lambda.amazonaws.com"})
    said = refusal(cloud.client("sts").assume_role, RoleArn=role, RoleSessionName="me")
    assert said == (
        "AccessDenied: User: arn:aws:iam::123456789012:user/administrator is not authorized to perform: "
        f"sts:AssumeRole on resource: {role}"
    )


def test_a_role_that_does_not_exist_is_refused_like_one_that_does_not_trust(cloud: Cloud) -> None:
    missing = "arn:aws:iam::123456789012:role/missing"
    assert refusal(cloud.client("sts").assume_role, RoleArn=missing, RoleSessionName="me").startswith(
        "AccessDenied: User: "
    )


def test_the_session_of_a_role_is_who_it_says(cloud: Cloud, account: Account) -> None:
    role = trusting(account, "open", {"Service": "states.amazonaws.com"})
    identity = cloud.identity.client("sts", role, "session-1", "states.amazonaws.com").get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/open/session-1"


def test_a_service_is_held_to_the_resource_it_acts_for(cloud: Cloud, account: Account) -> None:
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
    role = trusting(
        account, "for-one", {"Service": "states.amazonaws.com"}, ArnLike={"aws:SourceArn": machine}
    )
    cloud.identity.credentials(role, "session", "states.amazonaws.com", machine)
    with pytest.raises(ClientError, match="not authorized"):
        cloud.identity.credentials(role, "session", "states.amazonaws.com", f"{machine}-other")


def test_trust_in_a_whole_account_still_needs_the_callers_own_permission(
    cloud: Cloud, account: Account
) -> None:
    target = trusting(
        account, "launch", {"AWS": ROOT}, ArnLike={"aws:PrincipalArn": "arn:aws:iam::123456789012:role/may-*"}
    )
    account.role("may-and-can", "lambda.amazonaws.com", allow("sts:AssumeRole", resource=target))
    account.role(
        "may-but-cannot",
        "lambda.amazonaws.com",
        allow("sts:AssumeRole", resource=f"{target}-2"),
    )
    account.role("can-but-may-not", "lambda.amazonaws.com", allow("sts:AssumeRole"))

    def attempt(name: str) -> None:
        arn = f"arn:aws:iam::123456789012:role/{name}"
        sts = cloud.identity.client("sts", arn, "session", "lambda.amazonaws.com")
        sts.assume_role(RoleArn=target, RoleSessionName="chained")

    attempt("may-and-can")
    for name in ("may-but-cannot", "can-but-may-not"):
        with pytest.raises(ClientError, match=f"assumed-role/{name}/session is not authorized"):
            attempt(name)


def test_a_role_named_in_the_trust_policy_needs_no_permission_of_its_own(
    cloud: Cloud, account: Account
) -> None:
    named = account.role("named", "lambda.amazonaws.com")
    target = trusting(account, "trusts-named", {"AWS": named})
    sts = cloud.identity.client("sts", named, "session", "lambda.amazonaws.com")
    sts.assume_role(RoleArn=target, RoleSessionName="chained")


def test_a_forwarded_session_goes_on_as_the_role_that_called(cloud: Cloud, account: Account) -> None:
    role = account.role("caller", "lambda.amazonaws.com")
    assert (
        cloud.identity.client("sts", role, "on", FORWARDED)
        .get_caller_identity()["Arn"]
        .endswith("/caller/on")
    )


def test_a_role_may_call_only_actions_that_its_policies_name(cloud: Cloud, account: Account) -> None:
    role = account.role("reader", "lambda.amazonaws.com", allow("sqs:ListQueues"))
    sqs = cloud.identity.client("sqs", role, "session", "lambda.amazonaws.com")
    sqs.list_queues()
    who = "arn:aws:sts::123456789012:assumed-role/reader/session"
    assert refusal(sqs.create_queue, QueueName="q") == (
        f"AccessDeniedException: User: {who} is not authorized to perform: sqs:CreateQueue on resource: "
        "arn:aws:sqs:us-east-1:123456789012:q"
    )
