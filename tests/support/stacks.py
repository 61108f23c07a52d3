"""CloudFormation's recorded answers about the product's stack."""

from datetime import UTC, datetime
from typing import Any

NAME = "TapStack-pp-wp3ziihdnvmse"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{NAME}/1234"


def events_are(stub: Any, token: str, *events: Any, stack_id: str = STACK_ID) -> None:
    """Record the events of an operation, oldest first, as CloudFormation gives them: newest first.

    Each is (logical id, status, reason), and the number of the physical resource where there are several.
    """
    wire = [
        {
            "StackId": stack_id,
            "EventId": "1",
            "StackName": NAME,
            "Timestamp": 0,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": stack_id if logical_id == NAME else f"{logical_id}-{number}",
            "ResourceType": "AWS::CloudFormation::Stack" if logical_id == NAME else "AWS::RDS::DBInstance",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "ClientRequestToken": token,
        }
        for logical_id, status, reason, number in (_numbered(*event) for event in events)
    ]
    stub.add_response("describe_stack_events", {"StackEvents": wire[::-1]}, {"StackName": stack_id})


def deleted_stacks_are(stub: Any, *stack_ids: str) -> None:
    """Record the stacks that ListStacks tells as deleted, the oldest first."""
    summaries = [
        {
            "StackName": NAME,
            "StackId": stack_id,
            "StackStatus": "DELETE_COMPLETE",
            "CreationTime": datetime(2026, 11, day, tzinfo=UTC),
            "DeletionTime": datetime(2026, 11, day, 17, 5, tzinfo=UTC),
        }
        for day, stack_id in enumerate(stack_ids, start=1)
    ]
    other = {**summaries[0], "StackName": "Other", "StackId": "other"}
    stub.add_response(
        "list_stacks", {"StackSummaries": [*summaries, other]}, {"StackStatusFilter": ["DELETE_COMPLETE"]}
    )


def _numbered(logical_id: str, status: str, reason: str, number: int = 1) -> tuple[str, str, str, int]:
    return logical_id, status, reason, number
