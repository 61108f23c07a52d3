"""What roles request in a product's life, checked by an IAM simulator against the synthesized policies."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from local_cloud.iam.policies import Caller, decides
from local_cloud.kms import key_policy
from tests.privilege.exceptions import NOT_SEEN
from tests.privilege.life import Lives, Policies, Request, actions_of, actions_seen
from tests.privilege.simulator import judge, judge_each


def not_seen(role: str, action: str) -> bool:
    """Whether an exception says why the action does not come up in the lives."""
    name = role.rpartition("/")[2]
    return any(
        fnmatchcase(name, pattern) and any(fnmatchcase(action, each) for each in actions)
        for roles in NOT_SEEN.values()
        for pattern, actions in roles.items()
    )


def unseen(policies: Policies, requests: set[Request]) -> set[tuple[str, str]]:
    """Roles and actions that are granted and do not come up."""
    seen = actions_seen(requests)
    return {
        (role, granted)
        for role, documents in policies.items()
        for granted in actions_of(documents)
        if not any(fnmatchcase(action, granted) for action in seen.get(role, set()))
    }


def unneeded(policies: Policies, requests: set[Request]) -> set[tuple[str, str]]:
    """Roles and actions that are granted, do not come up, and have no reason."""
    return {(role, action) for role, action in unseen(policies, requests) if not not_seen(role, action)}


@pytest.fixture(scope="module")
def idle(lived: Lives) -> list[tuple[str, dict[str, Any]]]:
    """The statements of each role that no request needs."""
    policies, cases, statements = {}, [], {}
    for role, documents in lived.policies.items():
        for number, statement in enumerate(one for document in documents for one in document["Statement"]):
            key, actions = f"{role} without {number}", actions_of([{"Statement": [statement]}])
            statements[key] = role, statement
            policies[key] = [
                document | {"Statement": [one for one in document["Statement"] if one is not statement]}
                for document in documents
            ]
            cases += [
                (key, one)
                for one in lived.requests
                if one.role == role and any(fnmatchcase(one.action, granted) for granted in actions)
            ]
    verdicts = zip(cases, judge_each(policies, lived.boundaries, lived.keys, cases), strict=True)
    refused = {key for (key, _), verdict in verdicts if not verdict.allowed}
    return [statements[key] for key in statements if key not in refused]


def test_the_simulator_allows_whatever_a_role_asked_for(lived: Lives) -> None:
    verdicts = judge(lived.policies, lived.boundaries, lived.keys, lived.requests)
    assert {one: verdict for one, verdict in verdicts.items() if not verdict.allowed} == {}


def test_every_granted_action_is_used_or_has_a_reason(lived: Lives) -> None:
    assert unneeded(lived.policies, set(lived.requests)) == set()


def test_every_action_that_a_key_policy_gives_a_role_is_used_or_has_a_reason(lived: Lives) -> None:
    assert {role.rpartition("/")[2] for role in given_by_keys(lived)} == {
        "TapStackExecution", "SCLaunch-TapStack"
    }  # fmt: skip
    assert {(role, action) for role, action in unseen_of_keys(lived) if not not_seen(role, action)} == set()


def test_no_reason_is_out_of_date(lived: Lives, idle: list[tuple[str, dict[str, Any]]]) -> None:
    """Each pattern is about something that is granted and does not come up, at least not in a statement."""
    found = unseen(lived.policies, set(lived.requests)) | unseen_of_keys(lived)
    found |= {
        (role, action) for role, statement in idle for action in actions_of([{"Statement": [statement]}])
    }
    excused = {(role.rpartition("/")[2], action) for role, action in found}
    assert [
        (role, pattern)
        for roles in NOT_SEEN.values()
        for role, patterns in roles.items()
        for pattern in patterns
        if not any(fnmatchcase(name, role) and fnmatchcase(action, pattern) for name, action in excused)
    ] == []


@pytest.mark.parametrize("role", ["TapStackExecution", "SCLaunch-TapStack", "EnginePlanRole"])
def test_an_unneeded_action_is_found(lived: Lives, role: str) -> None:
    [arn] = [each for each in lived.policies if role in each]
    more = {"Effect": "Allow", "Action": ["rds:PromoteReadReplica", "s3:DeleteObject"], "Resource": "*"}
    policies = lived.policies | {arn: [*lived.policies[arn], {"Version": "2012-10-17", "Statement": [more]}]}
    assert unneeded(policies, set(lived.requests)) == {
        (arn, "rds:PromoteReadReplica"),
        (arn, "s3:DeleteObject"),
    }


def test_without_any_one_statement_something_that_was_asked_for_is_refused(
    idle: list[tuple[str, dict[str, Any]]],
) -> None:
    """A statement that no request used may only have actions with a reason."""
    assert [
        (role, statement)
        for role, statement in idle
        if not all(not_seen(role, action) for action in actions_of([{"Statement": [statement]}]))
    ] == []


def test_the_local_cloud_decides_as_the_simulator_does(lived: Lives) -> None:
    """Also for requests with another name, without the tags or without the calling service."""
    variants = set()
    for one in lived.requests:
        other = one.resource.replace("lived", "other").replace("TapStack-", "Payments-")
        variants |= {one, one._replace(context=()), one._replace(resource=other)}
    verdicts = judge(lived.policies, lived.boundaries, lived.keys, variants)
    differ = {
        one: verdict
        for one, verdict in verdicts.items()
        if not verdict.error and verdict.allowed != decided(lived, one)
    }
    assert differ == {}
    assert not all(verdict.allowed for verdict in verdicts.values())


def decided(lived: Lives, one: Request) -> bool:
    """What the local cloud says."""
    caller = Caller(account=one.role.split(":")[4], arn=one.role, context=dict(one.context))

    def iam() -> bool:
        # The roles of the product are gone by now, but not the documents of their policies and boundaries.
        asked = one.action, one.resource, caller
        boundary = lived.boundaries.get(one.role)
        return decides(lived.policies[one.role], *asked) and (boundary is None or decides(boundary, *asked))

    policy = lived.keys.get(one.resource)
    return key_policy.decides(policy, one.resource, one.action, caller, iam) if policy else iam()


def given_by_keys(lived: Lives) -> Policies:
    """What the policies of keys give to roles by their ARNs, as policies of these roles."""
    found: Policies = {}
    for policy in lived.keys.values():
        for statement in policy["Statement"]:
            if role := statement.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn"):
                found.setdefault(role, []).append({"Statement": [statement]})
    return found


def unseen_of_keys(lived: Lives) -> set[tuple[str, str]]:
    """Roles and actions that a key's policy gives and that do not come up for a key."""
    return unseen(given_by_keys(lived), {one for one in lived.requests if one.resource in lived.keys})
