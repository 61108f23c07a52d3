"""SQS's API over HTTP, with a message attribute that moto lacks."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.sqs.responses import SQSResponse

from .models import LocalSQS


class LocalSQSResponse(SQSResponse):
    """Adds the system attribute DeadLetterQueueSourceArn to messages."""

    @property
    def sqs_backend(self) -> LocalSQS:
        """The SQS of the account."""
        found = super().sqs_backend
        assert isinstance(found, LocalSQS)
        return found

    def receive_message(self) -> ActionResult:
        """Receive messages. A dead letter tells the queue from which it was moved."""
        answer = super().receive_message()
        result: Any = answer.result
        wanted = {*self._get_param("AttributeNames", []), *self._get_param("MessageSystemAttributeNames", [])}
        if wanted & {"All", "DeadLetterQueueSourceArn"}:
            sources = self.sqs_backend.get_queue(self._get_queue_name()).dead_letter_sources()
            for shown in result.get("Messages", []):
                if source := sources.get(shown["MessageId"]):
                    shown.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
        return answer
