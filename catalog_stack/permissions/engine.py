"""What the engine's functions and its state machine may do."""

from __future__ import annotations

from collections.abc import Iterable

from product_template.launch_account import LAUNCH_ROLE

from ..settings import REGION
from .policy import Permission, allow, arn, log_and_trace

MACHINE = "TapStackEngine"
MACHINE_ARN = arn("states", f"stateMachine:{MACHINE}")

_BY_WAY_OF_SQS = {"StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}}
_OF_THE_MACHINE = {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": MACHINE_ARN}}


def to_launch(accounts: Iterable[str]) -> list[Permission]:
    """Assume the launch role of every account that launches."""
    roles = [arn("iam", f"role/{LAUNCH_ROLE}", region="", account=account) for account in accounts]
    return [allow("sts", "AssumeRole", on=roles)]


def to_receive(key: str, queues: list[str]) -> list[Permission]:
    """Let Lambda, with the function's role, receive messages from queues that `key` encrypts."""
    return [
        # Lambda Developer Guide, "Configuring a queue to use with Lambda": the execution role needs these.
        allow("sqs", "DeleteMessage GetQueueAttributes ReceiveMessage", on=queues),
        allow("kms", "Decrypt", on=key, when=_BY_WAY_OF_SQS),
    ]


def to_start(key: str) -> list[Permission]:
    """Start executions, whose input `key` encrypts."""
    return [
        allow("states", "StartExecution", on=MACHINE_ARN),
        allow("kms", "Decrypt GenerateDataKey", on=key, when=_OF_THE_MACHINE),
    ]


def to_report(key: str, queues: list[str]) -> list[Permission]:
    """Answer Service Catalog, and send what could not be answered to `queues`."""
    return [
        allow(
            "servicecatalog",
            """
                DescribeRecord
                NotifyProvisionProductEngineWorkflowResult
                NotifyTerminateProvisionedProductEngineWorkflowResult
                NotifyUpdateProvisionedProductEngineWorkflowResult
            """,
            on="*",
            why="R4: the engine answers Service Catalog; these support no resource-level permissions.",
        ),
        # With a customer-managed key, the event of an ended execution lacks the input, so the function reads
        # it from the execution. A dead letter may belong to an execution, too.
        allow(
            "states",
            "DescribeExecution",
            on=arn("states", f"execution:{MACHINE}:*"),
            why="R4: one execution an operation; its name is made of the ids that Service Catalog gives.",
        ),
        allow("kms", "Decrypt", on=key, when=_OF_THE_MACHINE),
        # The function sends messages that it cannot answer. Lambda, with its role, sends failed events.
        allow("sqs", "SendMessage", on=queues),
        allow("kms", "GenerateDataKey", on=key, when=_BY_WAY_OF_SQS),
    ]


def to_sweep(key: str, queues: list[str]) -> list[Permission]:
    """Find executions, and empty queues that `key` encrypts."""
    return [
        allow("states", "ListExecutions", on=MACHINE_ARN),
        allow("sqs", "DeleteMessage ReceiveMessage", on=queues),
        allow("kms", "Decrypt", on=key, when=_BY_WAY_OF_SQS),
    ]


def to_run(key: str, functions: list[str], unconfirmed: str) -> list[Permission]:
    """Run the state machine: invoke its functions, encrypt its history with `key`, log and trace.

    It sends operations that Service Catalog does not confirm to the queue `unconfirmed`.
    """
    return [
        allow("lambda", "InvokeFunction", on=functions),
        allow("sqs", "SendMessage", on=unconfirmed),
        allow("kms", "Decrypt GenerateDataKey", on=key, when=_BY_WAY_OF_SQS),
        allow("kms", "Decrypt GenerateDataKey", on=key, when=_OF_THE_MACHINE),
        # Step Functions Developer Guide, "Data at rest encryption": logs of an encrypted state machine.
        allow(
            "kms",
            "GenerateDataKey",
            on=key,
            when={"StringEquals": {"kms:EncryptionContext:SourceArn": arn("logs", "*")}},
        ),
        *log_and_trace(),
    ]
