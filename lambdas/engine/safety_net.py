"""The safety nets: they answer operations that the state machine has not answered and never will.

Several nets may hold the same operation, so each first looks whether it was answered. Where it can't see
that, it gives the same answer as the others, with the same idempotency token: the first answer counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
from botocore.exceptions import ClientError

from engine import catalog, record
from engine.entry_point import CLIENT_CONFIG, count, logger, translate
from engine.errors import PermissionMissingError
from engine.models import Answerable, Failure, Kind, Report
from engine.operations import KINDS, execution_name
from engine.reasons import count_failure, explained
from engine.wire import MalformedError, read

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

# What Service Catalog refuses a report with. It does not say whether because the operation has been answered.
_REFUSALS = ("InvalidParametersException", "ResourceNotFoundException")


class StillRunningError(Exception):
    """Step Functions says of an execution that it runs, after an event that it has ended.

    DescribeExecution "is eventually consistent" (Step Functions API Reference).
    """


class UnanswerableError(Exception):
    """A message does not hold what an answer needs. Only a person can find out what it belongs to."""


class Operation(Answerable, frozen=True):
    """What is needed of an execution's input, or of a message, to answer it."""

    kind: Kind
    # Service Catalog takes the answer to a provision without it, too, if it then does not show the reason.
    provisioned_product_id: str | None = None

    def failed(self, failure: Failure, *, began: bool = False) -> Report:
        """Return the report that the operation failed; `began` if it may have changed its stack."""
        return Report(**msgspec.structs.asdict(self), status="FAILED", error=failure, began=began)


@dataclass(frozen=True)
class SafetyNet:
    """Answers whatever is found unanswered.

    Attributes:
        servicecatalog, sfn, sqs: the engine's own clients.
        state_machine_arn: the state machine that does operations.
        unreported_queue_url: where what cannot be answered waits for a person.
    """

    servicecatalog: ServiceCatalogClient
    sfn: SFNClient
    sqs: SQSClient
    state_machine_arn: str
    unreported_queue_url: str

    @classmethod
    def of_engine(cls, state_machine_arn: str, unreported_queue_url: str) -> SafetyNet:
        """Make the clients, too: the engine's own, with the role of the function."""
        return cls(
            boto3.client("servicecatalog", config=CLIENT_CONFIG),
            boto3.client("stepfunctions", config=CLIENT_CONFIG),
            boto3.client("sqs", config=CLIENT_CONFIG),
            state_machine_arn,
            unreported_queue_url,
        )

    def answer_execution(self, execution_arn: str) -> None:
        """Report the failure of an execution, if it ended without an answer."""
        self._answer_lost(self.sfn.describe_execution(executionArn=execution_arn))

    def answer_event(self, event: dict[str, Any]) -> None:
        """Report what the event of an execution that ended is about.

        Raises:
            StillRunningError: it does not seem to have ended yet; Lambda tries the event again.
        """
        execution = self.sfn.describe_execution(executionArn=event["detail"]["executionArn"])
        if execution["status"] == "RUNNING":
            raise StillRunningError(execution["executionArn"])
        self._answer_lost(execution)

    def answer_dead_letter(self, body: str, source: str | None) -> None:
        """Do as `answer_message`, but put what nobody can answer where an alarm shows it."""
        try:
            self.answer_message(body, source)
        except UnanswerableError as error:
            logger.error("A dead letter cannot be answered", extra={"reason": str(error)})
            self._keep(body)

    def answer_record(self, letter: dict[str, Any]) -> None:
        """Do as `answer_dead_letter` with a record of Lambda's event about the queue."""
        self.answer_dead_letter(letter["body"], letter["attributes"].get("DeadLetterQueueSourceArn"))

    def keep_execution(self, execution_arn: str) -> None:
        """Put an execution that could not be answered among the unreported, as an event about it."""
        self._keep(json.dumps({"source": "aws.states", "detail": {"executionArn": execution_arn}}))

    def _keep(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.unreported_queue_url, MessageBody=body)

    def answer_message(self, body: str, source: str | None) -> None:
        """Report the failure of what a message is about: an operation that never started, or an execution.

        Args:
            body: an operation of Service Catalog, an event about an execution, or Lambda's record of such an
                event that a function could not handle.
            source: ARN of the queue that the message could not be received from (DeadLetterQueueSourceArn).

        Raises:
            UnanswerableError: there is nobody to answer.
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
            # Somebody started it by hand, with something else: nobody waits for an answer.
            logger.warning("No operation's execution", extra={"execution": execution["executionArn"]})
            return
        self._answer(operation.failed(_failure(execution), began=True))

    def _answer_operation(self, operation: Operation) -> None:
        if operation.provisioned_product_id:  # without it nothing is started
            name = execution_name(f"{operation.provisioned_product_id}-{operation.record_id}")
            executions = self.state_machine_arn.replace(":stateMachine:", ":execution:")
            try:
                # `receive` may have started it and then not have got as far as saying so.
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
            catalog.notify(
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
                raise  # whoever tries again sees that another answer came first, or finds it still open
        else:
            logger.warning("Reported by a net", extra={"kind": report.kind})
            count("ReportedByNet")
            count_failure(report)

    def _record_status(self, record_id: str) -> str | None:
        """Return the status of a record; None for another account's, which can't be seen."""
        try:
            found = record.find(self.servicecatalog, record_id)
        except ClientError as error:
            logger.info("Record not visible", extra={"reason": error.response["Error"]["Code"]})
            return None if isinstance(translate(error), PermissionMissingError) else "UNKNOWN"
        return found["Status"] if found else None


# How an execution ends that has not answered; one that has answered, be it with a failure, SUCCEEDED.
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
    """Return the execution that an event of Step Functions is about."""
    match message:
        case {"source": "aws.states", "detail": {"executionArn": str(execution_arn)}}:
            return execution_arn
    return None


def _read(message: dict[str, Any], source: str | None) -> Operation:
    """Read an operation; its queue tells the kind more reliably than what the message calls itself."""
    kind = KINDS.get((source or "").rsplit(":", 1)[-1]) or str(message.get("operation")).split("_")[0]
    try:
        return read({**message, "kind": kind}, Operation)
    except MalformedError:
        raise UnanswerableError(
            "The body lacks the token, the record, or what kind of operation it is."
        ) from None
