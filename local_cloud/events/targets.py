"""The targets of rules: which ones the local cloud delivers to, and how."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends
from moto.events.exceptions import ValidationException
from moto.events.models import Rule
from moto.sns.exceptions import SNSException

from ..account import ACCOUNT_ID, REGION
from ..cloudwatch.models import backend as cloudwatch
from ..iam.identity import Identity
from ..iam.policies import Caller, resource_allows
from ..iam.trust import service_caller
from ..kms.key_policy import service_may_use
from ..sns.models import backend as sns
from ..sqs.models import find_queue

log = logging.getLogger(__name__)

PRINCIPAL = "events.amazonaws.com"
UNSUPPORTED = (
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "HttpParameters",
    "InputTransformer",
    "KinesisParameters",
    "RunCommandParameters",
)


class NotDeliveredError(Exception):
    """A target could not take the event."""


def check(target: dict[str, Any]) -> None:
    """Check that the local cloud can deliver to a target.

    Args:
        target: an entry of Targets, as PutTargets has it.

    Raises:
        ValidationException: the local cloud does not deliver to it, or a state machine lacks its RoleArn.
    """
    if refused := [name for name in UNSUPPORTED if target.get(name)]:
        raise ValidationException(f"The local cloud does not deliver events with {refused[0]}.")
    path = target.get("InputPath", "$")
    if not all(part.isidentifier() for part in path.replace("-", "_").split(".")[1:]) or not path.startswith(
        "$"
    ):
        raise ValidationException(f"The local cloud takes paths like $.detail as InputPath, not {path}.")
    service = target["Arn"].split(":")[2]
    if service not in _DELIVERIES:
        raise ValidationException(f"The local cloud does not deliver events to {target['Arn']}.")
    if service == "states" and not target.get("RoleArn"):
        raise ValidationException(f"RoleArn is required for target {target['Arn']}.")


def send(identity: Identity, rule: Rule, event: dict[str, Any]) -> None:
    """Deliver an event to every target of a rule.

    An undeliverable event goes to the target's dead-letter queue at once. AWS retries for 24 hours first.
    """
    for target in list(rule.targets):
        body = _input(target, event)
        try:
            _DELIVERIES[target["Arn"].split(":")[2]](identity, rule, target, body)
        except (NotDeliveredError, ClientError) as error:
            log.warning("rule %s did not reach %s: %s", rule.name, target["Arn"], error)
            cloudwatch().publish("AWS/Events", "FailedInvocations", 1, {"RuleName": rule.name})
            if queue_arn := target.get("DeadLetterConfig", {}).get("Arn"):
                _to_dead_letters(identity, rule, queue_arn, target, body, error)


def _input(target: dict[str, Any], event: dict[str, Any]) -> str:
    if target.get("Input"):
        return str(target["Input"])
    value: Any = event
    for part in target.get("InputPath", "$").split(".")[1:]:
        value = value.get(part, {})
    return json.dumps(value)


def _caller(rule: Rule) -> Caller:
    return service_caller(PRINCIPAL, rule.arn)


def _sqs(identity: Identity, rule: Rule) -> Any:
    return identity.client("sqs", principal=PRINCIPAL, source_arn=rule.arn)


def _require(allowed: bool, action: str, rule: Rule) -> None:
    if not allowed:
        raise NotDeliveredError(f"the target's policy does not let {PRINCIPAL} do {action} for {rule.arn}")


def _to_function(identity: Identity, rule: Rule, target: dict[str, Any], body: str) -> None:
    function = lambda_backends[ACCOUNT_ID][REGION].get_function(target["Arn"])
    policy = {"Statement": function.policy.statements}
    _require(
        resource_allows(policy, "lambda:InvokeFunction", target["Arn"], _caller(rule)),
        "lambda:InvokeFunction",
        rule,
    )
    identity.client("lambda").invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=body)


def _to_queue(identity: Identity, rule: Rule, target: dict[str, Any], body: str) -> None:
    queue = find_queue(target["Arn"])
    if queue is None:
        raise NotDeliveredError("the queue does not exist")
    _require(
        resource_allows(queue.policy, "sqs:SendMessage", target["Arn"], _caller(rule)),
        "sqs:SendMessage",
        rule,
    )
    if queue.kms_master_key_id:
        _require(
            service_may_use(queue.kms_master_key_id, "kms:GenerateDataKey", _caller(rule)),
            "kms:GenerateDataKey",
            rule,
        )
    url = f"{identity.endpoint}/{ACCOUNT_ID}/{queue.name}"
    group = target.get("SqsParameters", {})
    _sqs(identity, rule).send_message(QueueUrl=url, MessageBody=body, **group)


def _to_topic(_: Identity, rule: Rule, target: dict[str, Any], body: str) -> None:
    try:
        sns().publish_for(_caller(rule), target["Arn"], body)
    except SNSException as error:
        raise NotDeliveredError(str(error)) from error


def _to_state_machine(identity: Identity, rule: Rule, target: dict[str, Any], body: str) -> None:
    client = identity.client("stepfunctions", target["RoleArn"], "EventBridge", PRINCIPAL, rule.arn)
    client.start_execution(stateMachineArn=target["Arn"], name=str(uuid.uuid4()), input=body)


_DELIVERIES = {"lambda": _to_function, "sqs": _to_queue, "sns": _to_topic, "states": _to_state_machine}


def _to_dead_letters(
    identity: Identity, rule: Rule, queue_arn: str, target: dict[str, Any], body: str, error: Exception
) -> None:
    facts = {"ERROR_CODE": type(error).__name__, "ERROR_MESSAGE": str(error)}
    facts |= {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"]}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in facts.items()}
    queue = find_queue(queue_arn)
    if queue is None or not resource_allows(queue.policy, "sqs:SendMessage", queue_arn, _caller(rule)):
        log.warning("rule %s may not send to its dead-letter queue %s", rule.name, queue_arn)
        return
    url = f"{identity.endpoint}/{ACCOUNT_ID}/{queue.name}"
    _sqs(identity, rule).send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
