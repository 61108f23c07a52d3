"""The synthesized state machine in an interpreter of its language, with stand-ins for its functions."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.local_cloud.conftest import Account

ANSWERS: dict[str, Any] = {
    "validate": {
        "parameters": {"EnvironmentSuffix": "dev", "OpsEmails": 'a@x.com,"b"@x.com'},
        "productVersion": "1.2.0",
        "engineVersion": "14",
        "majorUpgrade": False,
    },
    "plan": {"stackId": "arn:stack", "changeSetArn": "arn:change-set", "changes": [{"logicalId": "Planned"}]},
    "snapshot": {"snapshotId": "pre-upgrade-rec-1-database-dev"},
    "apply": {},
    "wait": {
        "outputs": [{"key": "Port", "value": "5432", "description": "Where it listens"}],
        "changes": [{"logicalId": "Done"}],
    },
    "verify": {},
    "subscribe": {"subscriptions": [{"email": "a@x.com", "status": "pending confirmation"}]},
    "report": {},
}
# Gives the answers of its verb in turn; the last one stays. {"raise": name} raises an error of that name.
# The answers travel in the provisioned product's id, because that is what every function is given.
STAND_IN = """
import collections, json

calls = collections.Counter()

def handle(event, context):
    answers = json.loads(event["provisionedProductId"])[context.function_name]
    answer = answers[min(calls[event["recordId"]], len(answers) - 1)]
    calls[event["recordId"]] += 1
    if "raise" in answer:
        raise type(answer["raise"], (Exception,), {})(answer["message"])
    return answer
"""


@dataclass(frozen=True)
class Execution:
    """An execution that has ended: what it was started with and what happened."""

    operation: dict[str, Any]
    status: str
    events: list[dict[str, Any]]
    arn: str

    @property
    def states(self) -> list[str]:
        """The names of the states entered, in order."""
        return [event["stateEnteredEventDetails"]["name"] for event in self.events if _enters_a_state(event)]

    def given(self, state: str) -> list[dict[str, Any]]:
        """What the function of a state was given, once for each try."""
        found, current = [], ""
        for event in self.events:
            if _enters_a_state(event):
                current = event["stateEnteredEventDetails"]["name"]
            elif current == state and "lambdaFunctionScheduledEventDetails" in event:
                found.append(json.loads(event["lambdaFunctionScheduledEventDetails"]["input"]))
        return found


def _enters_a_state(event: dict[str, Any]) -> bool:
    return "stateEnteredEventDetails" in event


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=5000) as cloud:
        cloud.world.shortest_wait = 0.001
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


def definition(template: Any, functions: Mapping[str, str], queue: str) -> str:
    """Return the synthesized definition with stand-ins for its functions and its queue."""
    resources = template["Resources"]
    [machine] = [r for r in resources.values() if r["Type"] == "AWS::StepFunctions::StateMachine"]

    def text(part: Any) -> str:
        if isinstance(part, str):
            return part
        if "Ref" in part:
            return "aws" if part["Ref"] == "AWS::Partition" else queue
        handler = resources[part["Fn::GetAtt"][0]]["Properties"]["Handler"]
        return functions[handler.split(".")[0]]

    return "".join(text(part) for part in machine["Properties"]["DefinitionString"]["Fn::Join"][1])
