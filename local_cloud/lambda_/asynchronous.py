"""Asynchronous invocation of Lambda functions: retries, destinations and the dead-letter queue."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.core.exceptions import JsonRESTError

from ..account import ACCOUNT_ID
from .environments import PRINCIPAL, Environments
from .functions import LocalFunction
from .runtime import Answer

log = logging.getLogger(__name__)

# "How Lambda handles errors and retries with asynchronous invocation": one minute, then two, for function
# errors; from one second to five minutes, doubling, while the function is throttled; six hours in all.
ERROR_DELAYS = (60.0, 120.0)
THROTTLED_DELAYS = (1.0, 300.0)
MAXIMUM_AGE = 6 * 3600


def check_destination(arn: str) -> None:
    """Check that the local cloud delivers to a destination; an empty ARN means that there is none.

    Raises:
        InvalidParameterValueException: it is neither a queue nor a topic.
    """
    if arn and arn.split(":")[2] not in ("sqs", "sns"):
        raise InvalidParameterValueException(
            f"The local cloud delivers to SQS queues and SNS topics as destinations, not to {arn}."
        )


def send(environments: Environments, function: LocalFunction, request_id: str, payload: str) -> None:
    """Accept an event for a function, and return before the function has run."""
    event = _Event(environments, function, request_id, payload)
    threading.Thread(target=event.process, name=f"event for {function.function_name}", daemon=True).start()


class _Event:
    def __init__(
        self, environments: Environments, function: LocalFunction, request_id: str, payload: str
    ) -> None:
        self.environments = environments
        self.clock = environments.clock
        self.function = function
        self.request_id = request_id
        self.payload = payload
        self.attempts = 0
        self.config: dict[str, Any] = (
            function.event_invoke_config[0].config if function.event_invoke_config else {}
        )

    def process(self) -> None:
        """Invoke until success or the last attempt, then send to the destination or the dead-letter queue."""
        try:
            answer = self._run()
            if answer is not None and not self.clock.stopping.is_set():
                self._conclude(*answer)
        except Exception:
            if not self.clock.stopping.is_set():
                log.exception("an event for %s was lost", self.function.function_name)

    def _run(self) -> tuple[Answer | None, str] | None:
        retries = self.config.get("MaximumRetryAttempts", len(ERROR_DELAYS))
        left = self.config.get("MaximumEventAgeInSeconds", MAXIMUM_AGE)
        throttled, longest = THROTTLED_DELAYS
        while not self.clock.stopping.is_set():
            try:
                answer = self.environments.invoke(self.function, self.payload)
            except JsonRESTError:  # throttled
                delay, throttled = throttled, min(throttled * 2, longest)
                if delay > left:
                    return None, "EventAgeExceeded"
            else:
                self.attempts += 1
                if answer.error is None:
                    return answer, "Success"
                if self.attempts > retries:
                    return answer, "RetriesExhausted"
                delay = ERROR_DELAYS[self.attempts - 1]
                if delay > left:
                    return answer, "EventAgeExceeded"
            left -= delay
            self.clock.sleep(delay)
        return None

    def _conclude(self, answer: Answer | None, condition: str) -> None:
        outcome = "OnSuccess" if condition == "Success" else "OnFailure"
        destination = self.config.get("DestinationConfig", {}).get(outcome, {}).get("Destination")
        if destination:
            self._deliver(destination, json.dumps(self._record(answer, condition)), {})
        dead_letters = self.function.dead_letter_config.get("TargetArn")
        if dead_letters and condition != "Success":
            message = (answer.error or {}).get("errorMessage", "") if answer else "Rate Exceeded."
            attributes = {
                "RequestID": {"DataType": "String", "StringValue": self.request_id},
                "ErrorCode": {"DataType": "Number", "StringValue": "200" if answer else "429"},
                "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "-"},
            }
            self._deliver(dead_letters, self.payload, attributes)

    def _record(self, answer: Answer | None, condition: str) -> dict[str, Any]:
        """Return the invocation record ("Capturing records of Lambda asynchronous invocations")."""
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": f"{self.function.function_arn}:{self.function.version}",
                "condition": condition,
                "approximateInvokeCount": self.attempts,
            },
            "requestPayload": json.loads(self.payload),
        }
        if answer:
            record["responseContext"] = {"statusCode": 200, "executedVersion": str(self.function.version)}
            if answer.error:
                record["responseContext"]["functionError"] = "Unhandled"
            record["responsePayload"] = answer.error or json.loads(answer.result or "null")
        return record

    def _deliver(self, arn: str, body: str, attributes: dict[str, Any]) -> None:
        """Send with the function's role, as Lambda does."""
        identity, function, service = self.environments.identity, self.function, arn.split(":")[2]
        client = identity.client(
            service, function.role, function.function_name, PRINCIPAL, function.function_arn
        )
        if service == "sqs":
            url = f"{identity.endpoint}/{ACCOUNT_ID}/{arn.rpartition(':')[2]}"
            client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
        else:
            client.publish(TopicArn=arn, Message=body, MessageAttributes=attributes)
