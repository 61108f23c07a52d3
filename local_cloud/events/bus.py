"""EventBridge: the events of this cloud's services, and rules that take events to their targets."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.awslambda.models import lambda_backends
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends
from moto.sqs.models import sqs_backends

from ..account import ACCOUNT_ID, REGION
from ..iam.policies import Caller, resource_allows
from ..iam.trust import service_caller
from ..kms.key_policy import service_may_use
from ..sns import notifications
from . import schedules

if TYPE_CHECKING:
    from ..world import World

log = logging.getLogger(__name__)

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


def install(world: World) -> None:
    """Deliver events to functions, queues, topics and state machines, where permissions let them in."""

    def put_rule(self: EventsBackend, name: str, **named: Any) -> Rule:
        schedule = named.get("scheduled_expression")
        seconds = schedules.period(schedule) if schedule else None
        rule: Rule = original_put_rule(self, name, **named)
        if seconds is not None:
            schedules.start(world, rule, seconds, lambda: _send(world, rule, _scheduled_event(rule)))
        return rule

    def put_targets(
        self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            _check(target)
        original_put_targets(self, name, event_bus_arn, targets)

    def put_events(self: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        refused = {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
        own = [index for index, event in enumerate(events) if event.get("Source", "").startswith("aws.")]
        entries = iter(original_put_events(self, [event for i, event in enumerate(events) if i not in own]))
        return [refused if index in own else next(entries) for index in range(len(events))]

    def send_to_targets(self: Rule, original_event: dict[str, Any], transform_input: bool = True) -> None:  # noqa: ARG001
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        if not isinstance(event["time"], str):
            event["time"] = _time(datetime.fromtimestamp(float(event["time"]), UTC))
        deliver(world, self, event)

    original_put_rule = world.patch(EventsBackend, "put_rule", put_rule)
    original_put_targets = world.patch(EventsBackend, "put_targets", put_targets)
    original_put_events = world.patch(EventsBackend, "put_events", put_events)
    world.patch(Rule, "send_to_targets", send_to_targets)


@dataclass(eq=False)
class Bus:
    """The default event bus, for the services of this cloud."""

    world: World

    def publish(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Send a service's own event to every rule that matches it."""
        event = _event(source, detail_type, detail, resources)
        for rule in list(events_backends[ACCOUNT_ID][REGION].event_buses["default"].rules.values()):
            deliver(self.world, rule, event)


def _event(source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": _time(datetime.now(UTC)),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }


def _scheduled_event(rule: Rule) -> dict[str, Any]:
    return _event("aws.events", "Scheduled Event", {}, [rule.arn])


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(target: dict[str, Any]) -> None:
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


def deliver(world: World, rule: Rule, event: Any) -> None:
    """Take `event` to the targets of `rule` if it matches."""
    if (
        rule.state == "ENABLED"
        and rule.event_pattern.get_pattern()
        and rule.event_pattern.matches_event(event)
    ):
        _send(world, rule, event)


def _send(world: World, rule: Rule, event: Any) -> None:
    """Take `event` to the targets of `rule`.

    What cannot be delivered goes to the dead-letter queue of the target at once: AWS retries for a day first.
    """
    for target in list(rule.targets):
        body = _input(target, event)
        try:
            _DELIVERIES[target["Arn"].split(":")[2]](world, rule, target, body)
        except (NotDeliveredError, ClientError, LookupError) as error:
            log.warning("rule %s did not reach %s: %s", rule.name, target["Arn"], error)
            queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
            if queue_arn:
                _to_dead_letters(world, rule, queue_arn, target, body, error)
        except BotoCoreError:
            if not world.clock.stopping.is_set():  # the connection went with the cloud
                raise


def _input(target: dict[str, Any], event: dict[str, Any]) -> str:
    if target.get("Input"):
        return str(target["Input"])
    value: Any = event
    for part in target.get("InputPath", "$").split(".")[1:]:
        value = value.get(part, {})
    return json.dumps(value)


def _caller(rule: Rule) -> Caller:
    return service_caller("events.amazonaws.com", rule.arn)


def _sqs(world: World, rule: Rule) -> Any:
    return world.identity.client("sqs", principal="events.amazonaws.com", source_arn=rule.arn)


def _require(allowed: bool, action: str, rule: Rule) -> None:
    if not allowed:
        raise NotDeliveredError(
            f"the target's policy does not let events.amazonaws.com do {action} for {rule.arn}"
        )


def _to_function(world: World, rule: Rule, target: dict[str, Any], body: str) -> None:
    function = lambda_backends[ACCOUNT_ID][REGION].get_function(target["Arn"])
    policy = {"Statement": function.policy.statements}
    _require(
        resource_allows(policy, "lambda:InvokeFunction", target["Arn"], _caller(rule)),
        "lambda:InvokeFunction",
        rule,
    )
    world.identity.client("lambda").invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=body)


def _to_queue(world: World, rule: Rule, target: dict[str, Any], body: str) -> None:
    queue: Any = sqs_backends[ACCOUNT_ID][REGION].queues[target["Arn"].rpartition(":")[2]]
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
    url = f"{world.identity.endpoint}/{ACCOUNT_ID}/{queue.name}"
    group = target.get("SqsParameters", {})
    _sqs(world, rule).send_message(QueueUrl=url, MessageBody=body, **group)


def _to_topic(_: World, rule: Rule, target: dict[str, Any], body: str) -> None:
    try:
        notifications.publish(target["Arn"], _caller(rule), None, body)
    except notifications.AuthorizationError as error:
        raise NotDeliveredError(str(error)) from error


def _to_state_machine(world: World, rule: Rule, target: dict[str, Any], body: str) -> None:
    principal = "events.amazonaws.com"
    client = world.identity.client("stepfunctions", target["RoleArn"], "EventBridge", principal, rule.arn)
    client.start_execution(stateMachineArn=target["Arn"], name=str(uuid.uuid4()), input=body)


_DELIVERIES = {"lambda": _to_function, "sqs": _to_queue, "sns": _to_topic, "states": _to_state_machine}


def _to_dead_letters(
    world: World, rule: Rule, queue_arn: str, target: dict[str, Any], body: str, error: Exception
) -> None:
    facts = {"ERROR_CODE": type(error).__name__, "ERROR_MESSAGE": str(error)}
    facts |= {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"]}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in facts.items()}
    queue = sqs_backends[ACCOUNT_ID][REGION].queues.get(queue_arn.rpartition(":")[2])
    if queue is None or not resource_allows(queue.policy, "sqs:SendMessage", queue_arn, _caller(rule)):
        log.warning("rule %s may not send to its dead-letter queue %s", rule.name, queue_arn)
        return
    url = f"{world.identity.endpoint}/{ACCOUNT_ID}/{queue.name}"
    _sqs(world, rule).send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
