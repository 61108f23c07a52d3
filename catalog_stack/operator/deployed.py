"""The deployed engine, found by its stack's outputs: executions, queues, and the function `report`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3

from .operation import Operation, OperationNotFoundError, RefusedError, of_execution, of_message

STACK = "CatalogStack"
REGION = "us-east-1"  # the only one of this product
# The statuses of an execution that ended without an answer. One that answered, even FAILED, has SUCCEEDED.
LOST = ("FAILED", "TIMED_OUT", "ABORTED")
_SAFETY_NET_QUEUES = {"dead letters": "DeadLettersUrl", "unreported": "UnreportedUrl"}
_UNCONFIRMED = "UnconfirmedUrl"
# The hub account can't read records of other accounts, so it lists their lost executions for this long.
UNKNOWN_SINCE = timedelta(days=14)


class DeployedEngine:
    """The engine in the account and at the endpoint that the environment names, as for the `aws` command."""

    def __init__(self) -> None:
        self._session = boto3.Session(region_name=REGION)
        self._sfn: Any = self._session.client("stepfunctions")
        self._sqs: Any = self._session.client("sqs")

    @cached_property
    def _outputs(self) -> dict[str, str]:
        stack = self._session.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def operations(self) -> Iterator[Operation]:
        """Yield operations that are under way, that ended while their record is open, or that failed to end.

        Those last are in the queues dead letters and unreported.
        """
        for execution in self._executions("RUNNING"):
            if (found := self._describe(execution)).record_id:  # else somebody started it by hand
                yield found
        since = datetime.now(UTC) - UNKNOWN_SINCE
        for status in LOST:
            for execution in self._executions(status):
                found = self._describe(execution)
                if not found.record_id:
                    continue
                record = self.record_status(found.record_id)
                if record == "OPEN" or (record is None and execution["stopDate"] > since):
                    yield found
        for name, output in _SAFETY_NET_QUEUES.items():
            for message in self._messages(self._outputs[output]):
                yield of_message(message, name, self._outputs[output])

    def unconfirmed(self, record_id: str | None = None) -> list[Operation]:
        """Return the operations that Service Catalog did not confirm: all, or those of a record.

        Raises:
            OperationNotFoundError: there is none of that record.
        """
        url = self._outputs[_UNCONFIRMED]
        kept = [of_message(message, "unconfirmed", url) for message in self._messages(url)]
        if record_id is None:
            return kept
        if found := [operation for operation in kept if operation.record_id == record_id]:
            return found
        raise OperationNotFoundError(
            f"No operation of record {record_id} waits for confirmation. To see those that do: make "
            "operations. If somebody else has just listed them, try again in half a minute. The queue keeps "
            "them for 14 days."
        )

    def confirm(self, operation: Operation) -> None:
        """Start an operation again on a person's word. Its token comes from its execution.

        Raises:
            RefusedError: its message names an execution of another operation, or it was confirmed before.
        """
        described = self._sfn.describe_execution(executionArn=operation.execution_arn)
        # Not only the engine can write messages. What starts must be what the person has read.
        if of_execution(described, "ended").identity != operation.identity:
            raise RefusedError(
                f"The message of record {operation.record_id} names an execution of another operation, so it "
                f"is forged. Nothing was started. Drop it: make drop RECORD={operation.record_id}"
            )
        again = json.dumps(json.loads(described["input"]) | {"confirmed": True})
        try:
            self._sfn.start_execution(
                stateMachineArn=self._outputs["StateMachineArn"],
                name=f"confirmed-{described['name'].removeprefix('confirmed-')}",
                input=again,
            )
        except self._sfn.exceptions.ExecutionAlreadyExists:
            raise RefusedError(
                f"Record {operation.record_id} was confirmed before, and Service Catalog contradicts: "
                f"{operation.reason} Nothing was started. Drop it: make drop RECORD={operation.record_id}"
            ) from None

    def drop(self, operation: Operation) -> None:
        """Delete the message of an operation."""
        if operation.message:
            queue_url, receipt = operation.message
            self._sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)

    def find(self, record_id: str) -> Operation:
        """Return the operation of a record, wherever the engine keeps it.

        Raises:
            OperationNotFoundError: the engine keeps nothing of it.
        """
        for execution in self._executions():
            if execution["name"].endswith(f"-{record_id}"):
                return self._describe(execution)
        for found in self.operations():
            if found.record_id == record_id:
                return found
        if hidden := self.hidden():
            raise OperationNotFoundError(f"The engine shows nothing of record {record_id}. {hidden}")
        raise OperationNotFoundError(
            f"The engine has nothing of record {record_id}: no execution of the last 90 days, no message of "
            "the last 14. Check the id with: aws servicecatalog list-record-history --access-level-filter "
            "Key=Account,Value=self. If its product is stuck nevertheless, only AWS Support can free it."
        )

    def hidden(self) -> str | None:
        """Return a sentence that says how many messages are in flight and so can't be listed, or None."""
        number = 0
        for output in _SAFETY_NET_QUEUES.values():
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=self._outputs[output], AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
            )["Attributes"]
            number += int(attributes["ApproximateNumberOfMessagesNotVisible"])
        if not number:
            return None
        return (
            f"Messages that the engine is trying to answer and that can't be shown meanwhile: {number}. Try "
            "again in six minutes, or stop the tries: docs/runbook/engine.md, dead-letter."
        )

    def report_failed(self, operation: Operation, reason: str) -> None:
        """Let the engine's function `report` tell Service Catalog that the operation failed.

        Raises:
            RefusedError: the function failed, most likely because Service Catalog refused its report.
        """
        failure = {"status": "FAILED", "error": {"Error": "OperationEnded", "Cause": reason}}
        answer = self._session.client("lambda").invoke(
            FunctionName=self._outputs["ReportFunctionName"],
            Payload=json.dumps({"state": "make unstick", **operation.answer, **failure}),
        )
        if answer.get("FunctionError"):
            error = json.loads(answer["Payload"].read())
            raise RefusedError(
                f"Record {operation.record_id} was not answered: {error.get('errorMessage', error)} "
                f"Its status is {self.record_status(operation.record_id) or 'not visible from this account'}."
            )
        self.drop(operation)

    def stop(self, operation: Operation, reason: str) -> None:
        """Stop the operation's execution. The safety net gives the same answer as `report_failed`."""
        self._sfn.stop_execution(executionArn=operation.execution_arn, error="OperationEnded", cause=reason)

    def record_status(self, record_id: str) -> str | None:
        """Return the status of a record, OPEN while it is under way; None for a record of another account."""
        service_catalog = self._session.client("servicecatalog")
        try:
            status = service_catalog.describe_record(Id=record_id)["RecordDetail"]["Status"]
        except service_catalog.exceptions.ResourceNotFoundException:
            return None
        return status if status in ("SUCCEEDED", "FAILED") else "OPEN"

    def _executions(self, status: str | None = None) -> Iterator[Any]:
        wanted = {"statusFilter": status} if status else {}
        pages = self._sfn.get_paginator("list_executions").paginate(
            stateMachineArn=self._outputs["StateMachineArn"], PaginationConfig={"PageSize": 1000}, **wanted
        )
        return (execution for page in pages for execution in page["executions"])

    def _describe(self, execution: Any) -> Operation:
        described = self._sfn.describe_execution(executionArn=execution["executionArn"])
        state = self._state(execution) if described["status"] == "RUNNING" else "ended"
        return of_execution(described, state)

    def _state(self, execution: Any) -> str:
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=execution["executionArn"], reverseOrder=True, includeExecutionData=False
        )
        events = (event for page in pages for event in page["events"])
        entered = (
            event["stateEnteredEventDetails"]["name"]
            for event in events
            if "stateEnteredEventDetails" in event
        )
        return str(next(entered, "starting"))

    def _messages(self, queue_url: str) -> list[Any]:
        """Return every visible message of a queue. SQS does not show those in flight."""
        seen: dict[str, Any] = {}
        while messages := self._sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=30,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp", "DeadLetterQueueSourceArn"],
        ).get("Messages"):
            seen |= {message["MessageId"]: message for message in messages}
        for message in seen.values():
            self._sqs.change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return list(seen.values())
