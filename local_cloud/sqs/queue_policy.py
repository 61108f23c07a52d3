"""Evaluates the policy of a queue; moto allows every request."""

from __future__ import annotations

from dataclasses import replace

from moto.core.responses import BaseResponse
from moto.sqs.responses import SQSResponse

from ..iam.policies import Caller, resource_allows, resource_denies
from ..iam.trust import AccessDenied
from .models import find_queue

# SQS Developer Guide, "Amazon SQS API permissions": a batch needs the action of its single operation.
BATCHES = {
    f"{operation}Batch": operation
    for operation in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def check_policy(response: BaseResponse, caller: Caller, operation: str) -> None:
    """Check whether the policy of the queue in a request lets the caller in.

    An AWS service needs the queue's permission. For a principal of the account IAM decides, unless the queue
    has an explicit Deny, which counts for administrators, too ("Policy evaluation logic", IAM user guide).
    On AWS, a role also gets in by the queue's policy alone; here it does not.

    Raises:
        AccessDenied: the queue's policy does not let the caller in.
    """
    assert isinstance(response, SQSResponse)
    queue = find_queue(response._get_queue_name())
    if queue is None:
        return
    action, arn = f"sqs:{BATCHES.get(operation, operation)}", queue.queue_arn
    # A request to the loopback port counts as one with TLS.
    asking = replace(caller, context={**caller.context, "aws:SecureTransport": "true"})
    if caller.service:
        refused = not resource_allows(queue.policy, action, arn, asking)
    else:
        refused = resource_denies(queue.policy, action, arn, asking)
    if refused:
        denied = AccessDenied(caller, action, arn)
        if not caller.service:
            denied.message += " with an explicit deny in a resource-based policy"
        raise denied
