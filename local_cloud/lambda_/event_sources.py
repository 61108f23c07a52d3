"""Event source mappings: which queues Lambda may poll for which functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventSourceMapping
from moto.core.exceptions import JsonRESTError

from ..account import ACCOUNT_ID
from ..iam.policies import Caller, identity_allows
from ..sqs.models import LocalQueue, find_queue
from .functions import LocalFunction

# The actions that the function's role needs ("Execution role permissions" for SQS).
CONSUMER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
UNSUPPORTED = ("FilterCriteria", "KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig")


def queue_of(arn: str) -> LocalQueue:
    """Return the queue that a mapping names as its EventSourceArn.

    Raises:
        InvalidParameterValueException: it is not the ARN of an SQS queue, or the queue does not exist.
    """
    if ":sqs:" not in arn:
        raise InvalidParameterValueException(f"The local cloud polls SQS queues only, not {arn}.")
    queue = find_queue(arn)
    if queue is None or queue.queue_arn != arn:
        raise InvalidParameterValueException(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist"
        )
    return queue


def check(
    others: Iterable[EventSourceMapping], spec: dict[str, Any], function: LocalFunction, queue: LocalQueue
) -> None:
    """Check a mapping from a queue to a function as CreateEventSourceMapping does.

    Args:
        others: all other mappings of the account.
        spec: the request.
        function: its function.
        queue: its queue.

    Raises:
        InvalidParameterValueException: Lambda, or the local cloud, has no such mappings.
        moto.core.exceptions.JsonRESTError: ResourceConflictException, the mapping exists already.
    """
    if refused := [name for name in UNSUPPORTED if spec.get(name)]:
        raise InvalidParameterValueException(
            f"The local cloud has no event source mappings with {refused[0]}."
        )
    for mapping in others:
        if (mapping.event_source_arn, mapping.function_arn) == (queue.queue_arn, function.function_arn):
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
