"""The safety net: it answers the operations that the state machine did not, or never will, answer.

Several parts of the net may find the same operation, so each first asks Service Catalog whether it has been
answered. If Service Catalog does not tell, all of them give the same answer with the same idempotency token:
the first one counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from engine import answer, record
from engine.entry_point import CLIENT_CONFIG, count, logger, translate
from engine.errors import PermissionMissingError
from engine.models import Failure, Report
from engine.operation import KINDS, Operation, execution_name
from engine.reasons import count_failure, explained
from engine.wire import MalformedError, read

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

# The errors with which Service Catalog refuses an answer, whether another one came first or not.
_REFUSALS = ("InvalidParametersException", "ResourceNotFoundException")


class StillRunningError(Exception):
    """Step Functions calls an execution RUNNING after its event that the execution has ended.

    DescribeExecution "is eventually consistent" (Step Functions API Reference).
    """


class UnanswerableError(Exception):
    """A message lacks what an answer needs. Only a person can find out which operation it belongs to."""


@dataclass(frozen=True)
class SafetyNet:
    """Answers the operations that it finds unanswered.

    Attributes:
        servicecatalog, sfn, sqs: the engine's own clients.
        state_machine_arn: the state machine that does operations.
        unreported_queue_url: the queue in which what nobody can answer waits for a person. An alarm
            watches it.
    """

    servicecatalog: ServiceCatalogClient
    sfn: SFNClient
    sqs: SQSClient
    state_machine_arn: str
    unreported_queue_url: str

    @classmethod
    def of_engine(cls, state_machine_arn: str, unreported_queue_url: str) -> SafetyNet:
        """Return a safety net with the engine's own clients, which have the role of the function."""
        return cls(
            boto3.client("servicecatalog", config=CLIENT_CONFIG),
            boto3.client("stepfunctions", config=CLIENT_CONFIG),
            boto3.client("sqs", config=CLIENT_CONFIG),
            state_machine_arn,
            unreported_queue_url,
        )

    def answer_execution(self, execution_arn: str) -> None:
        """Report the failure of an execution's operation, if the execution ended without an answer."""
        self._answer_lost(self.sfn.describe_execution(executionArn=execution_arn))

    def answer_event(self, event: dict[str, Any]) -> None:
        """Do as `answer_execution` with the execution of an event.

        Raises:
            StillRunningError: the execution does not seem to have ended yet. Lambda tries the event again.
        """
        execution = self.sfn.describe_execution(executionArn=event["detail"]["executionArn"])
        if execution["status"] == "RUNNING":
            raise StillRunningError(execution["executionArn"])
        self._answer_lost(execution)

    def answer_dead_letter(self, body: str, source: str | None) -> None:
        """Do as `answer_message`, but put a message that nobody can answer into the unreported queue."""
        try:
            self.answer_message(body, source)
        except UnanswerableError as error:
            logger.error("A dead letter cannot be answered", extra={"reason": str(error)})
            self._keep(body)

    def answer_delivered(self, message: dict[str, Any]) -> None:
        """Do as `answer_dead_letter` with a message of the queue as Lambda delivers it."""
        self.answer_dead_letter(message["body"], message["attributes"].get("DeadLetterQueueSourceArn"))

    def keep_execution(self, execution_arn: str) -> None:
        """Put an event about an execution that nobody could answer into the unreported queue."""
        self._keep(json.dumps({"source": "aws.states", "detail": {"executionArn": execution_arn}}))

    def _keep(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.unreported_queue_url, MessageBody=body)

    def answer_message(self, body: str, source: str | None) -> None:
        """Report the failure of an operation that never started, or of an execution.

        Args:
            body: Service Catalog's message, an event about an execution, or Lambda's invocation record of an
                event that a function could not handle.
            source: ARN of the queue in which the message was before (DeadLetterQueueSourceArn).

        Raises:
            UnanswerableError: the message lacks what an answer needs.
        """
        message = _parse(body)
        if execution_arn := _execution_in(message):
            self.answer_execution(execution_arn)
        else:
            self._answer_operation(_read(message, source))

    def _answer_lost(self, execution: DescribeExecutionOutputTypeDef) -> None:
        if execution["status"] not in LOST:
            return
        try:
            operation = read(json.loads(execution["input"]), Operation)
        except MalformedError:
            # Somebody started it by hand with another input: nobody waits for an answer.
            logger.warning("No operation's execution", extra={"execution": execution["executionArn"]})
            return
        self._answer(operation.failed(_failure(execution), began=True))

    def _answer_operation(self, operation: Operation) -> None:
        if operation.provisioned_product_id:  # `receive` starts no execution without it
            name = execution_name(operation.provisioned_product_id, operation.record_id)
            executions = self.state_machine_arn.replace(":stateMachine:", ":execution:")
            try:
                # `receive` may have started it and failed afterwards, so that the message came back.
                return self.answer_execution(f"{executions}:{name}")
            except self.sfn.exceptions.ExecutionDoesNotExist:
                pass
        return self._answer(operation.failed(Failure(error="OperationNotStarted")))

    def _answer(self, report: Report) -> None:
        logger.set_correlation_id(report.record_id)
        seen = self._record_status(report.record_id)
        if seen in ("SUCCEEDED", "FAILED"):
            logger.info("Answered already", extra={"kind": report.kind})
            return
        failure = explained(report)
        try:
            answer.notify(
                self.servicecatalog,
                report.kind,
                report.token,
                report.record_id,
                report.provisioned_product_id,
                failure=failure,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSALS:
                raise
            logger.warning("Service Catalog refused a late report")
            count("LateReportRefused")
            if seen:
                raise  # the next try sees whether another answer came first
        else:
            logger.warning("Reported by the safety net", extra={"kind": report.kind})
            count("ReportedByNet")
            count_failure(report)

    def _record_status(self, record_id: str) -> str | None:
        """Return the status of a record; None if the engine can't see it, as in another account."""
        try:
            found = record.find(self.servicecatalog, record_id)
        except ClientError as error:
            logger.info("Record not visible", extra={"reason": error.response["Error"]["Code"]})
            return None if isinstance(translate(error), PermissionMissingError) else "UNKNOWN"
        return found["Status"] if found else None


# The statuses of an execution that ended without an answer. After an answer, also FAILED, it is SUCCEEDED.
LOST: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")


def _failure(execution: DescribeExecutionOutputTypeDef) -> Failure:
    status, error = execution["status"], execution.get("error", "Unknown")
    if status == "TIMED_OUT":
        return Failure(error="States.Timeout")
    if status == "ABORTED" and error != "OperationEnded":
        return Failure(error="Aborted")
    return Failure(error=error, cause=execution.get("cause", ""))


def _parse(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise UnanswerableError("The body is not JSON.") from None
    if isinstance(message, dict) and "requestPayload" in message:
        message = message["requestPayload"]  # "Capturing records of Lambda asynchronous invocations"
    if not isinstance(message, dict):
        raise UnanswerableError("The body is not a JSON object.")
    return message


def _execution_in(message: dict[str, Any]) -> str | None:
    """Return the ARN of the execution if the message is an event of Step Functions."""
    match message:
        case {"source": "aws.states", "detail": {"executionArn": str(execution_arn)}}:
            return execution_arn
    return None


def _read(message: dict[str, Any], source: str | None) -> Operation:
    """Read an operation. Its queue tells the kind more reliably than the field `operation` of the message."""
    kind = KINDS.get((source or "").rsplit(":", 1)[-1]) or str(message.get("operation")).split("_")[0]
    try:
        return read({**message, "kind": kind}, Operation)
    except MalformedError:
        raise UnanswerableError(
            "The body lacks the token, the record id or the kind of the operation."
        ) from None
