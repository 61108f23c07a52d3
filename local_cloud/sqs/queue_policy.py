"""What a queue's own policy says of a request, where moto lets everybody do everything."""

from __future__ import annotations

from dataclasses import replace

from moto.core.responses import BaseResponse
from moto.sqs.responses import SQSResponse

from ..iam.policies import Caller, resource_allows, resource_denies
from ..iam.trust import AccessDenied
from .models import find_queue

# SQS Developer Guide, "Amazon SQS API permissions": a batch needs what its single operation needs.
BATCHES = {
    f"{operation}Batch": operation
    for operation in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def check_policy(response: BaseResponse, caller: Caller, operation: str) -> None:
    """Check what the policy of the queue that a request names says of the caller.

    A service has no other permission than what the queue gives it. For a principal of the account IAM
    decides, unless the queue refuses: an explicit Deny counts for administrators, too ("Policy evaluation
    logic", IAM user guide). What a queue alone allows to a role is not enough in here, where it is on AWS.

    Raises:
        AccessDenied: it does not let the caller in.
    """
    assert isinstance(response, SQSResponse)
    queue = find_queue(response._get_queue_name())
    if queue is None:
        return
    action, arn = f"sqs:{BATCHES.get(operation, operation)}", queue.queue_arn
    # The loopback port stands for the service, which has TLS.
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
