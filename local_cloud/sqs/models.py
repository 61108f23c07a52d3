"""SQS's queues and messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from ..moto_seam import Local, running


class LocalMessage(Message):
    """A message. Its delay passes in the cloud's time.

    Attributes:
        queue_arn: the queue that it is in.
        dead_letter_source: the queue from which it was moved last (DeadLetterQueueSourceArn).
    """

    def __init__(self, message: Message, queue_arn: str) -> None:
        vars(self).update(vars(message))
        self.queue_arn = queue_arn
        self.dead_letter_source: str | None = None
        if self.delayed_until:  # moto has added the delay in real seconds
            now = time.time()
            self.delayed_until = (now + Local.clock.seconds(self.delayed_until / 1000 - now)) * 1000

    # SQS asks this of every message at each look into a queue, and moto makes two dates each time.
    @property
    def visible(self) -> bool:
        """Whether a receiver may get it."""
        return time.time() * 1000 > self.visible_at

    @property
    def delayed(self) -> bool:
        """Whether its delay has not passed yet."""
        return time.time() * 1000 < self.delayed_until


class LocalQueue(Queue):
    """A queue that threads share, and that waits in the cloud's time.

    Attributes:
        kms_master_key_id: the KMS key of the queue; None if SQS encrypts with its own.
        message_retention_period: real seconds.
        visibility_timeout: real seconds for receivers through the API, AWS seconds for Lambda's pollers.
    """

    # moto sets these by name, so mypy does not see them.
    kms_master_key_id: str | None
    message_retention_period: int
    visibility_timeout: int

    def add_message(self, message: Message) -> None:
        """Add a new message, or a dead letter from another queue."""
        if isinstance(message, LocalMessage):
            message.dead_letter_source, message.queue_arn = message.queue_arn, self.queue_arn
        else:
            message = LocalMessage(message, self.queue_arn)
        super().add_message(message)

    def delete_message(self, receipt_handle: str) -> None:
        """Delete a message."""
        with self._messages_lock:
            super().delete_message(receipt_handle)

    def wait_for_messages(self, timeout: int) -> None:
        """Wait until a message is visible, for `timeout` AWS seconds at most."""
        with self._messages_lock:
            self._messages_lock.wait_for(lambda: self.messages, Local.clock.seconds(timeout))

    def dead_letter_sources(self) -> dict[str, str | None]:
        """Return the id of each message -> the queue from which it was moved last."""
        return {
            message.id: message.dead_letter_source
            for message in list(self._messages)
            if isinstance(message, LocalMessage)
        }

    def measurements(self) -> dict[str, float]:
        """Return what SQS publishes about the queue in this minute; the age is in AWS seconds.

        Source: SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
        """
        now, messages = time.time(), list(self._messages)
        waiting = [message for message in messages if not message.delayed]
        visible = sum(message.visible for message in waiting)
        sent = min((message.sent_timestamp or 0 for message in messages), default=now * 1000)
        return {
            "ApproximateAgeOfOldestMessage": max(now - sent / 1000, 0) * Local.clock.speed,
            "ApproximateNumberOfMessagesDelayed": float(len(messages) - len(waiting)),
            "ApproximateNumberOfMessagesNotVisible": float(len(waiting) - visible),
            "ApproximateNumberOfMessagesVisible": float(visible),
        }


class LocalSQS(Local, SQSBackend):
    """SQS. Several threads may receive from a queue."""

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Queue:
        """Create a queue, or return an existing one with the same attributes."""
        if name in self.queues:
            return super().create_queue(name, tags, **kwargs)
        queue = LocalQueue(  # type: ignore[abstract]  # moto's class lacks methods that nobody calls
            name, self.region_name, self.account_id, **kwargs
        )
        queue.tags = tags or {}
        self.queues[name] = queue
        return queue

    def get_queue(self, queue_name: str) -> LocalQueue:
        """Return a queue by its name.

        Raises:
            moto.sqs.exceptions.QueueDoesNotExist: there is none.
        """
        queue = super().get_queue(queue_name)
        assert isinstance(queue, LocalQueue)
        return queue

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Receive up to `count` messages; wait for the first of them for some AWS seconds."""
        waits: Any = self.clock.seconds(wait_seconds_timeout)  # moto's type allows whole seconds only
        with self.get_queue(queue_name)._messages_lock:  # `wait_for_messages` releases it
            return super().receive_message(
                queue_name, count, waits, visibility_timeout, message_attribute_names
            )

    def change_message_visibility(
        self, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        """Change a message's visibility timeout, and wake the receivers that wait."""
        with (lock := self.get_queue(queue_name)._messages_lock):
            super().change_message_visibility(queue_name, receipt_handle, visibility_timeout)
            lock.notify_all()

    def measured(self) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
        """Yield the dimensions of each queue, and its values by metric."""
        for queue in list(self.queues.values()):
            assert isinstance(queue, LocalQueue)
            yield {"QueueName": queue.name}, queue.measurements()

    def is_message_valid_based_on_retention_period(self, queue_name: str, message: Message) -> bool:
        """Say whether a message is within the retention period. moto counts all messages to answer this."""
        seconds = self.get_queue(queue_name).message_retention_period
        return (message.sent_timestamp or 0) / 1000 + seconds > time.time()


def backend() -> LocalSQS:
    """Return the SQS of the running local cloud."""
    return running(sqs_backends, LocalSQS)


def find_queue(arn: str) -> LocalQueue | None:
    """Return the queue with an ARN or a name, or None."""
    queue = backend().queues.get(arn.rpartition(":")[2])
    assert queue is None or isinstance(queue, LocalQueue)
    return queue
