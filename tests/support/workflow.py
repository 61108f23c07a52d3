"""The state machine with stand-ins for its functions, which answer what a test gives them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


# Returns its verb's answers in turn, the last one repeatedly. {"raise": name} raises an error of that name.
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
        """The events that the function of a state got, one for each try."""
        found, current = [], ""
        for event in self.events:
            if _enters_a_state(event):
                current = event["stateEnteredEventDetails"]["name"]
            elif current == state and "lambdaFunctionScheduledEventDetails" in event:
                found.append(json.loads(event["lambdaFunctionScheduledEventDetails"]["input"]))
        return found


def _enters_a_state(event: dict[str, Any]) -> bool:
    return "stateEnteredEventDetails" in event


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
