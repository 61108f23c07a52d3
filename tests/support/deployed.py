"""Facts in the synthesized CatalogStack that other code states, too."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.reading import text

NAMESPACE = "TapStackEngine"


class Deployed:
    """CatalogStack of a cloud assembly."""

    def __init__(self, assembly: Path) -> None:
        self.names = [file.name.removesuffix(".template.json") for file in assembly.glob("*.template.json")]
        self.template = json.loads((assembly / "CatalogStack.template.json").read_text())
        self.functions = {
            function["Handler"].split(".")[0]: function
            for name, function in self._of_type("AWS::Lambda::Function").items()
            if name.startswith("Engine")
        }

    def _of_type(self, kind: str) -> dict[str, Any]:
        return {
            name: each["Properties"]
            for name, each in self.template["Resources"].items()
            if each["Type"] == kind
        }

    def values(self, kind: str, name: str) -> list[Any]:
        """Return a property of all resources of a type that have it."""
        return [each[name] for each in self._of_type(kind).values() if name in each]

    def _allowed(self, action: str) -> Iterator[tuple[str, Any]]:
        """Yield each resource that some role may do an action on, and the statement that allows it."""
        for policy in self._of_type("AWS::IAM::ManagedPolicy").values():
            for statement in policy["PolicyDocument"]["Statement"]:
                if action in _listed(statement["Action"]):
                    yield from ((text(resource), statement) for resource in _listed(statement["Resource"]))

    def names_for(self, action: str, after: str) -> set[str]:
        """Return how the names begin that some role may do an action on. In the ARN they follow `after`."""
        return {resource.partition(after)[2].removesuffix("*") for resource, _ in self._allowed(action)}

    def passed_roles(self) -> set[tuple[str, str]]:
        """Return which roles of the product some role may pass, and to which service."""
        return {
            (resource.partition(":role/tapstack/")[2].removesuffix("-*"), service)
            for resource, statement in self._allowed("iam:PassRole")
            if ":role/tapstack/" in resource
            for service in [statement["Condition"]["StringEquals"]["iam:PassedToService"]]
        }

    def reported_statuses(self) -> list[str]:
        """Return the statuses of ended executions that a rule gives to `report`."""
        patterns = self.values("AWS::Events::Rule", "EventPattern")
        [pattern] = [each for each in patterns if each["source"] == ["aws.states"]]
        return list(pattern["detail"]["status"])

    def sweeps_every(self) -> timedelta:
        """Return the rate of the one schedule."""
        [rate] = self.values("AWS::Events::Rule", "ScheduleExpression")
        return timedelta(minutes=int(rate.removeprefix("rate(").removesuffix(" minutes)")))

    def handled_errors(self) -> set[str]:
        """Return the errors of the engine's own that states retry or catch."""
        [machine] = self._of_type("AWS::StepFunctions::StateMachine").values()
        definition = json.loads(text(machine["DefinitionString"]))
        handlers = [
            handler
            for state in definition["States"].values()
            for handler in (*state.get("Retry", []), *state.get("Catch", []))
        ]
        return {
            name
            for handler in handlers
            for name in handler["ErrorEquals"]
            if name.endswith("Error") and "." not in name
        }

    def watched_metrics(self) -> set[str]:
        """Return the engine's own metrics that alarms and dashboard look at."""
        [dashboard] = self.values("AWS::CloudWatch::Dashboard", "DashboardBody")
        alarms = json.dumps(self._of_type("AWS::CloudWatch::Alarm"))
        return {
            *re.findall(rf'\["{NAMESPACE}","(\w+)"', text(dashboard)),
            *re.findall(rf'"MetricName": "(\w+)", "Namespace": "{NAMESPACE}"', alarms),
        }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
