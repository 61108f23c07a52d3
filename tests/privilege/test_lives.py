"""What roles ask for in whole lives, judged by an IAM simulator against the synthesized policies."""

from fnmatch import fnmatchcase

import pytest

from local_cloud.policies import Caller, decides
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


def unneeded(policies: Policies, requests: set[Request]) -> set[tuple[str, str]]:
    """Roles and actions that are granted, do not come up, and have no reason."""
    seen = actions_seen(requests)
    return {
        (role, action)
        for role, documents in policies.items()
        for action in actions_of(documents) - seen.get(role, set())
        if not not_seen(role, action)
    }


def test_the_simulator_allows_whatever_a_role_asked_for(lived: Lives) -> None:
    verdicts = judge(lived.policies, lived.requests)
    assert {one: verdict for one, verdict in verdicts.items() if not verdict.allowed} == {}


def test_every_granted_action_is_used_or_has_a_reason(lived: Lives) -> None:
    assert unneeded(lived.policies, set(lived.requests)) == set()


@pytest.mark.parametrize("role", ["TapStackExecution", "SCLaunch-TapStack", "EnginePlanRole"])
def test_an_unneeded_action_is_found(lived: Lives, role: str) -> None:
    [arn] = [each for each in lived.policies if role in each]
    more = {"Effect": "Allow", "Action": ["rds:CreateDBSnapshot", "s3:DeleteObject"], "Resource": "*"}
    policies = lived.policies | {arn: [*lived.policies[arn], {"Version": "2012-10-17", "Statement": [more]}]}
    assert unneeded(policies, set(lived.requests)) == {
        (arn, "rds:CreateDBSnapshot"),
        (arn, "s3:DeleteObject"),
    }


def test_without_any_one_statement_something_that_was_asked_for_is_refused(lived: Lives) -> None:
    """A statement of which nothing was asked for has to consist of actions with a reason."""
    policies, cases, statements = {}, [], {}
    for role, documents in lived.policies.items():
        for path, statement in enumerate(one for document in documents for one in document["Statement"]):
            key, actions = f"{role} without {path}", actions_of([{"Statement": [statement]}])
            statements[key] = role, statement, actions
            policies[key] = [
                document | {"Statement": [one for one in document["Statement"] if one is not statement]}
                for document in documents
            ]
            cases += [(key, one) for one in lived.requests if one.role == role and one.action in actions]
    refused = {
        key
        for (key, _), verdict in zip(cases, judge_each(policies, cases), strict=True)
        if not verdict.allowed
    }
    assert [
        (role, statement)
        for key, (role, statement, actions) in statements.items()
        if key not in refused and not all(not_seen(role, action) for action in actions)
    ] == []


def test_the_local_cloud_decides_as_the_simulator_does(lived: Lives) -> None:
    """Also on what is almost what was asked for: other names, and without the tags or the calling service."""
    variants = set()
    for one in lived.requests:
        other = one.resource.replace("lived", "other").replace("TapStack-", "Payments-")
        variants |= {one, one._replace(context=()), one._replace(resource=other)}
    verdicts = judge(lived.policies, variants)
    differ = {
        one: verdict
        for one, verdict in verdicts.items()
        if not verdict.error
        and verdict.allowed
        != decides(lived.policies[one.role], one.action, one.resource, Caller(context=dict(one.context)))
    }
    assert differ == {}
    assert not all(verdict.allowed for verdict in verdicts.values())
