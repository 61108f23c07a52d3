"""Checks of Step Functions that moto leaves out: names, definitions and roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from moto.core.exceptions import ServiceException
from moto.stepfunctions.exceptions import InvalidName

from ..account import ACCOUNT_ID
from ..iam import trust
from ..iam.policies import Caller, identity_allows
from .parser import parse
from .tasks import SERVICES

# "Names" in the API reference of StartExecution.
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff]{1,80}")
_INTEGRATION = "arn:aws:states:::"
# "IAM Policies for logging to CloudWatch Logs" in the Step Functions guide.
LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)


class InvalidDefinition(ServiceException):
    """The Amazon States Language definition cannot be run."""

    code = "InvalidDefinition"


class AccessDenied(ServiceException):
    """The role of the state machine lacks a permission that its configuration needs."""

    code = "AccessDeniedException"


def check_name(name: str) -> None:
    """Check the name of a state machine or an execution.

    Raises:
        InvalidName: a character is not allowed, or the length is not 1 to 80.
    """
    if not NAME.fullmatch(name):
        raise InvalidName(f"Invalid Name: '{name}'")


def check_role(role_arn: str, machine_arn: str) -> None:
    """Check that a role trusts Step Functions.

    Raises:
        AccessDenied: its trust policy does not let the state machine assume it.
    """
    try:
        trust.check_assume_role(trust.service_caller("states.amazonaws.com", machine_arn), role_arn)
    except trust.AccessDenied:
        raise AccessDenied(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized "
            "to assume the provided role."
        ) from None


def check_logging(role_arn: str, logging: dict[str, Any] | None) -> None:
    """Check that a role may deliver the logs of a loggingConfiguration.

    Raises:
        AccessDenied: the role lacks an action in LOG_DELIVERY.
    """
    if not logging or logging.get("level", "OFF") == "OFF":
        return
    caller = Caller(ACCOUNT_ID, role_arn)
    if not all(identity_allows(role_arn, action, "*", caller) for action in LOG_DELIVERY):
        raise AccessDenied("The state machine IAM Role is not authorized to access the Log Destination")


def check_definition(definition: str) -> None:
    """Check that a definition is valid, and that the local cloud runs it as AWS does.

    Raises:
        InvalidDefinition: with all problems, or with the parser's first one.
    """
    try:
        parse(definition)
        problems = list(_problems(json.loads(definition), ""))
    except Exception as error:  # moto has no class of its own for a syntax error
        problems = [f"SCHEMA_VALIDATION_FAILED: {error}"]
    if problems:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{'; '.join(problems)}'")


def _problems(machine: dict[str, Any], path: str) -> Iterator[str]:
    states = machine["States"]
    reached = {machine["StartAt"]}
    if machine["StartAt"] not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: {machine['StartAt']} at {path}/StartAt"
    for name, state in states.items():
        where = f"{path}/States/{name}"
        yield from (f"The local cloud does not {what} at {where}" for what in _not_emulated(state))
        for target in _targets(state):
            reached.add(target)
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {where}"
        inner = [
            *state.get("Branches", []),
            *filter(None, [state.get("ItemProcessor"), state.get("Iterator")]),
        ]
        for index, branch in enumerate(inner):
            yield from _problems(branch, f"{where}/{index}")
    for name in states:
        if name not in reached:
            yield f"MISSING_TRANSITION_TARGET: State '{name}' is not reachable. at {path}/States/{name}"


def _not_emulated(state: dict[str, Any]) -> Iterator[str]:
    if "Credentials" in state:
        yield "run tasks with Credentials"
    if "ItemReader" in state or "ResultWriter" in state:
        yield "keep the items of a Map state in S3"
    if state["Type"] == "Task":
        resource = state["Resource"]
        service = resource.removeprefix(_INTEGRATION).partition(":")[0]
        if resource.endswith((".sync", ".sync:2", ".waitForTaskToken")):
            yield f"wait for the job behind {resource}"
        elif resource.startswith(_INTEGRATION) and service not in {"aws-sdk", *SERVICES}:
            yield f"run tasks of {service}"


def _targets(state: dict[str, Any]) -> Iterator[str]:
    for part in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        if "Next" in part:
            yield part["Next"]
    if "Default" in state:
        yield state["Default"]
