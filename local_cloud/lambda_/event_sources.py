"""What makes Lambda functions run by itself: SQS event source mappings here, EventBridge in `event_bus`."""

from __future__ import annotations

import time
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.sqs import models as sqs_models
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from ..account import ACCOUNT_ID, REGION
from ..events import bus as event_bus
from ..iam.policies import Caller, identity_allows
from ..world import World
from .configuration import Function
from .queue_poller import Poller

# What Lambda calls with the role of the function ("Execution role permissions" for SQS).
CONSUMER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
UNSUPPORTED = ("FilterCriteria", "KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig")


def install(world: World) -> None:
    """Poll queues from threads of their own, where moto runs the function inside SendMessage."""
    event_bus.install(world)
    _guard_queues(world)
    pollers: dict[str, Poller] = {}

    def create(self: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        function = self.get_function(spec.get("FunctionName", ""))
        queue = _queue(spec.get("EventSourceArn", ""))
        _check(self, spec, function, queue)
        mapping = EventSourceMapping(  # type: ignore[abstract]  # moto does not fill in what it does not use
            spec | {"RegionName": REGION, "AccountId": ACCOUNT_ID, "FunctionArn": function.function_arn}
        )
        self._event_source_mappings[mapping.uuid] = mapping
        pollers[mapping.uuid] = Poller(world, mapping, queue)
        return mapping

    def update(self: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        mapping = self.get_event_source_mapping(uuid)
        if mapping:
            named = spec.get("FunctionName") or mapping.function_arn
            _check(self, spec, self.get_function(named), _queue(mapping.event_source_arn), uuid)
            original_update(self, uuid, spec)
            if (window := spec.get("MaximumBatchingWindowInSeconds")) is not None:
                mapping.max_batch_window = window
            pollers.pop(uuid).stop()
            pollers[uuid] = Poller(world, mapping, _queue(mapping.event_source_arn))
        return mapping

    def delete(self: LambdaBackend, uuid: str) -> EventSourceMapping | None:
        if uuid in pollers:
            pollers.pop(uuid).stop()
        mapping: EventSourceMapping | None = original_delete(self, uuid)
        return mapping

    def list_mappings(self: LambdaBackend, source: str, function_name: str) -> list[EventSourceMapping]:
        wanted = self.get_function(function_name).function_arn if function_name else None
        return [
            mapping
            for mapping in list(self._event_source_mappings.values())  # others are made meanwhile
            if source in (None, mapping.event_source_arn) and wanted in (None, mapping.function_arn)
        ]

    def stop() -> None:
        while pollers:
            pollers.popitem()[1].stop()

    world.patch(LambdaBackend, "create_event_source_mapping", create)
    world.patch(LambdaBackend, "list_event_source_mappings", list_mappings)
    original_update = world.patch(LambdaBackend, "update_event_source_mapping", update)
    original_delete = world.patch(LambdaBackend, "delete_event_source_mapping", delete)
    world.at_stop.append(stop)


def _queue(arn: str) -> Any:
    if ":sqs:" not in arn:
        raise InvalidParameterValueException(f"The local cloud polls SQS queues only, not {arn}.")
    queue = sqs_backends[ACCOUNT_ID][REGION].queues.get(arn.rpartition(":")[2])
    if queue is None or queue.queue_arn != arn:
        raise InvalidParameterValueException(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist"
        )
    return queue


def _check(
    backend: LambdaBackend,
    spec: dict[str, Any],
    function: Function,
    queue: Any,
    uuid: str | None = None,
) -> None:
    """Check what CreateEventSourceMapping checks of a mapping from a queue to a function."""
    if refused := [name for name in UNSUPPORTED if spec.get(name)]:
        raise InvalidParameterValueException(
            f"The local cloud has no event source mappings with {refused[0]}."
        )
    for mapping in list(backend._event_source_mappings.values()):
        ends = (mapping.event_source_arn, mapping.function_arn)
        if ends == (queue.queue_arn, function.function_arn) and mapping.uuid != uuid:
            raise _conflict(mapping)
    if queue.visibility_timeout < function.timeout:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function timeout: "
            f"{function.timeout} seconds"
        )
    if spec.get("BatchSize", 0) > 10 and not spec.get("MaximumBatchingWindowInSeconds"):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    concurrency = spec.get("ScalingConfig", {}).get("MaximumConcurrency", 2)
    if not 2 <= concurrency <= 1000:
        raise InvalidParameterValueException(f"MaximumConcurrency is between 2 and 1000, not {concurrency}")
    caller = Caller(ACCOUNT_ID, function.role)
    for action in CONSUMER_ACTIONS:
        if not identity_allows(function.role, action, queue.queue_arn, caller):
            name = action.partition(":")[2]
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {name} on SQS"
            )


def _conflict(mapping: EventSourceMapping) -> JsonRESTError:
    error = JsonRESTError(
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {mapping.event_source_arn} ") and function '
        f'(" {mapping.function_arn} ") already exists. Please update or delete the existing mapping with '
        f"UUID {mapping.uuid}",
    )
    error.code = 409
    return error


def _guard_queues(world: World) -> None:
    """Make moto's queues safe for several threads, let time pass as in the world, dead letters say whence.

    DeadLetterQueueSourceArn is the queue that a message was moved from last.
    """

    def receive(
        self: SQSBackend, queue_name: str, count: int, wait_seconds: int, *arguments: Any
    ) -> list[Message]:
        with self.get_queue(queue_name)._messages_lock:  # given up while it waits for messages
            waits = world.clock.seconds(wait_seconds)
            messages: list[Message] = original_receive(self, queue_name, count, waits, *arguments)
            return messages

    def is_retained(self: SQSBackend, queue_name: str, message: Message) -> bool:
        # moto's counts all messages, in four ways, for each message that is received.
        seconds = self.get_queue(queue_name).message_retention_period  # type: ignore[attr-defined]
        return bool((message.sent_timestamp or 0) / 1000 + seconds > time.time())

    def wait_for_messages(self: Queue, wait_seconds: int) -> None:
        original_wait(self, world.clock.seconds(wait_seconds))

    def change_visibility(self: SQSBackend, queue_name: str, *arguments: Any, **named: Any) -> None:
        with (lock := self.get_queue(queue_name)._messages_lock):
            original_change(self, queue_name, *arguments, **named)
            lock.notify_all()

    def delete(self: Queue, receipt_handle: str) -> None:
        with self._messages_lock:
            original_delete(self, receipt_handle)

    def delay(self: Message, delay_seconds: int) -> None:
        self.delayed_until = (time.time() + world.clock.seconds(int(delay_seconds))) * 1000

    def add(self: Queue, message: Any) -> None:
        before = getattr(message, "queue_arn", None)
        if before not in (None, self.queue_arn):
            message.dead_letter_source = before
        message.queue_arn = self.queue_arn
        original_add(self, message)

    def answer_receive(self: SQSResponse) -> ActionResult:
        """Add the one system attribute that moto does not know."""
        answer: ActionResult = original_answer(self)
        result: Any = answer.result
        wanted = {*self._get_param("AttributeNames", []), *self._get_param("MessageSystemAttributeNames", [])}
        if wanted & {"All", "DeadLetterQueueSourceArn"}:
            queue: Any = self.sqs_backend.get_queue(self._get_queue_name())
            sources = {each.id: getattr(each, "dead_letter_source", None) for each in list(queue._messages)}
            for shown in result.get("Messages", []):
                if source := sources.get(shown["MessageId"]):
                    shown.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
        return answer

    original_add = world.patch(Queue, "add_message", add)
    original_answer = world.patch(SQSResponse, "receive_message", answer_receive)
    original_receive = world.patch(SQSBackend, "receive_message", receive)
    original_wait = world.patch(Queue, "wait_for_messages", wait_for_messages)
    original_change = world.patch(SQSBackend, "change_message_visibility", change_visibility)
    original_delete = world.patch(Queue, "delete_message", delete)
    world.patch(SQSBackend, "is_message_valid_based_on_retention_period", is_retained)
    world.patch(Message, "delay", delay)
    # moto makes four dates of it, for every message that waits at every look at its queue.
    world.patch(sqs_models, "unix_time_millis", lambda: time.time() * 1000)
