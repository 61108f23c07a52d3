"""The synthesized state machine in an interpreter of its language, with stand-ins for its functions."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import Account
from tests.support.workflow import ANSWERS, STAND_IN, Execution, definition


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=5000) as cloud:
        cloud.clock.shortest_wait = 0.001
        yield cloud


@pytest.fixture(scope="package")
def role(cloud: Cloud) -> str:
    def policy(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    services = {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]}
    iam = cloud.client("iam")
    role = iam.create_role(
        RoleName="StandIn", AssumeRolePolicyDocument=policy(Principal=services, Action="sts:AssumeRole")
    )["Role"]
    iam.put_role_policy(RoleName="StandIn", PolicyName="All", PolicyDocument=policy(Action="*", Resource="*"))
    return str(role["Arn"])


@pytest.fixture(scope="package")
def unconfirmed(cloud: Cloud) -> str:
    """The queue for what Service Catalog does not confirm."""
    return Account(cloud).queue("Unconfirmed")[0]


@pytest.fixture(scope="package")
def machine(cloud: Cloud, role: str, unconfirmed: str, catalog_template: Any) -> str:
    functions = {verb: Account(cloud).function(verb, STAND_IN, Role=role) for verb in ANSWERS}
    created = cloud.client("stepfunctions").create_state_machine(
        name="Workflow", roleArn=role, definition=definition(catalog_template, functions, unconfirmed)
    )
    return str(created["stateMachineArn"])


@pytest.fixture(scope="package")
def run(cloud: Cloud, machine: str) -> Callable[..., Execution]:
    """Run one operation; arguments name a verb and give its answers, one for each call.

    `more` is in the execution's input besides.
    """
    states = cloud.client("stepfunctions")
    numbers = count(1)

    def run(kind: str = "PROVISION", more: Any = None, **answers: Sequence[Mapping[str, Any]]) -> Execution:
        number = next(numbers)
        operation = {
            "kind": kind,
            "token": f"token-{number}",
            "recordId": f"rec-{number}",
            "provisionedProductId": json.dumps(
                {verb: [answer] for verb, answer in ANSWERS.items()} | answers
            ),
            "message": {
                "operation": f"{kind}_PRODUCT",
                "parameters": [{"key": "DatabaseName", "value": "db"}],
            },
            **(more or {}),
        }
        execution = states.start_execution(
            stateMachineArn=machine, name=f"pp-1-rec-{number}", input=json.dumps(operation)
        )["executionArn"]
        while (status := states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            time.sleep(0.01)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return Execution(operation, status, [event for page in pages for event in page["events"]], execution)

    return run
