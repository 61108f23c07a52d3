"""The poller of an event source mapping: it takes messages from an SQS queue to a function."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.models import EventSourceMapping, lambda_backends
from moto.sqs.models import Message

from ..account import ACCOUNT_ID, REGION
from ..clock import Clock
from ..iam.identity import Identity
from ..iam.policies import Caller
from ..kms.key_policy import service_may_use
from ..sqs.models import LocalMessage, LocalQueue
from ..sqs.models import backend as sqs

log = logging.getLogger(__name__)

# "Configuring scaling behavior for SQS event source mappings": Lambda starts with five batches at a time.
INITIAL_CONCURRENCY = 5
RETRY_SECONDS = 60


class Poller:
    """Polls until stopped. Each batch runs in its own thread, at most MaximumConcurrency at a time.

    A message stays invisible while its function runs, in real time. After a failure, the rest of the queue's
    visibility timeout passes in the cloud's time.
    """

    def __init__(
        self, clock: Clock, identity: Identity, mapping: EventSourceMapping, queue: LocalQueue
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._mapping = mapping
        self._queue = queue
        self._backend = sqs()
        self._stopped = threading.Event()
        concurrency = (mapping.scaling_config or {}).get("MaximumConcurrency", INITIAL_CONCURRENCY)
        self._free = threading.Semaphore(concurrency)
        if mapping.enabled:
            name = f"poll {queue.name}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """Stop polling. A running batch ends by itself."""
        self._stopped.set()
        with self._queue._messages_lock:
            self._queue._messages_lock.notify_all()
        self._free.release()

    def _run(self) -> None:
        while self._wait_for_messages():
            if not self._may_decrypt():
                log.warning("%s may not use the key of %s", self._mapping.function_arn, self._queue.name)
                self._stopped.wait(self._clock.seconds(RETRY_SECONDS))
                continue
            self._free.acquire()
            if self._stopped.is_set() or self._queue_is_gone():
                return
            batch = self._receive()
            if batch:
                threading.Thread(target=self._process, args=(batch,), name="batch", daemon=True).start()
            else:
                self._free.release()

    def _may_decrypt(self) -> bool:
        """Say whether the function's role may decrypt messages that a key of the account encrypts."""
        key_id = self._queue.kms_master_key_id
        role = lambda_backends[ACCOUNT_ID][REGION].get_function(self._mapping.function_arn).role
        by_way_of_sqs = {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}
        return not key_id or service_may_use(
            key_id, "kms:Decrypt", Caller(ACCOUNT_ID, role, role, context=by_way_of_sqs)
        )

    def _queue_is_gone(self) -> bool:
        return self._backend.queues.get(self._queue.name) is not self._queue

    def _wait_for_messages(self) -> bool:
        with self._queue._messages_lock:
            while not self._stopped.is_set():
                if self._queue.messages:
                    return True
                self._queue._messages_lock.wait(self._seconds_until_visible())
        return False

    def _seconds_until_visible(self) -> float | None:
        moments = [max(message.visible_at, message.delayed_until) for message in self._queue._messages]
        return max(0.001, min(moments) / 1000 - time.time()) if moments else None

    def _receive(self) -> list[Message]:
        if window := self._mapping.max_batch_window:
            with self._queue._messages_lock:
                full = self._mapping.batch_size
                self._queue._messages_lock.wait_for(
                    lambda: self._stopped.is_set() or len(self._queue.messages) >= full,
                    self._clock.seconds(window),
                )
        visibility = self._queue.visibility_timeout
        return self._backend.receive_message(
            self._queue.name, self._mapping.batch_size, 0, visibility, ["All"]
        )

    def _process(self, batch: list[Message]) -> None:
        started = time.monotonic()
        try:
            failed = self._failed(batch)
            for message in batch:
                if message.id not in failed and not self._queue_is_gone():
                    self._backend.delete_message(self._queue.name, str(message.receipt_handle))
            self._return(failed, self._queue.visibility_timeout - (time.monotonic() - started))
        except Exception:
            if not self._clock.stopping.is_set():
                log.exception("a batch from %s was not processed", self._queue.name)
        finally:
            self._free.release()

    def _failed(self, batch: list[Message]) -> set[str]:
        """Run the function, and return the ids of the messages that failed."""
        everything = {message.id for message in batch}
        event = {"Records": [self._record(message) for message in batch]}
        client = self._identity.client("lambda")
        try:
            answer = client.invoke(FunctionName=self._mapping.function_arn, Payload=json.dumps(event))
        except ClientError as error:
            if not self._clock.stopping.is_set():
                log.info("%s was not invoked: %s", self._mapping.function_arn, error)
            return everything
        if answer.get("FunctionError"):
            return everything
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return set()
        return _reported(json.loads(answer["Payload"].read()), everything)

    def _return(self, failed: set[str], aws_seconds: float) -> None:
        with self._queue._messages_lock:
            for message in self._queue._messages:
                if message.id in failed:
                    message.visible_at = (time.time() + self._clock.seconds(aws_seconds)) * 1000
            self._queue._messages_lock.notify_all()

    def _record(self, message: Message) -> dict[str, Any]:
        """Return a message as "Example SQS message event" of the Lambda guide shows it."""
        record: dict[str, Any] = {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": str(message.sent_timestamp),
                "SenderId": message.sender_id,
                "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            },
            "messageAttributes": {
                name: _attribute(attribute) for name, attribute in message.message_attributes.items()
            },
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.queue_arn,
            "awsRegion": REGION,
        }
        if message.message_attributes:
            record["md5OfMessageAttributes"] = message.attribute_md5
        if isinstance(message, LocalMessage) and message.dead_letter_source:
            record["attributes"]["DeadLetterQueueSourceArn"] = message.dead_letter_source
        if message.group_id:
            record["attributes"]["MessageGroupId"] = message.group_id
        return record


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute["DataType"],
    }
    for theirs, ours in (("StringValue", "stringValue"), ("BinaryValue", "binaryValue")):
        if attribute.get(theirs):
            value = attribute[theirs]
            shown[ours] = value.decode() if isinstance(value, bytes) else value
    return shown


def _reported(answer: Any, everything: set[str]) -> set[str]:
    """Return the failed messages of a partial batch response; all of them if the response is invalid.

    Source: Lambda guide, "Reporting batch item failures".
    """
    if answer is None or answer == {}:
        return set()
    if not isinstance(answer, dict):
        return everything
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return everything
    identifiers: set[Any] = {
        item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures
    }
    return identifiers if identifiers <= everything else everything
