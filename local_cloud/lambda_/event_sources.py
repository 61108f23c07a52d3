"""What makes Lambda functions run by itself: SQS event source mappings here, EventBridge in `events`."""

from __future__ import annotations

from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.core.exceptions import JsonRESTError
from moto.sqs.models import sqs_backends

from ..account import ACCOUNT_ID, REGION
from ..iam.policies import Caller, identity_allows
from ..world import World
from .configuration import Function
from .queue_poller import Poller

# What Lambda calls with the role of the function ("Execution role permissions" for SQS).
CONSUMER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
UNSUPPORTED = ("FilterCriteria", "KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig")


def install(world: World) -> None:
    """Poll queues from threads of their own, where moto runs the function inside SendMessage."""
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
