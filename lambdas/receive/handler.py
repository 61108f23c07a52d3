"""The consumer of the three queues into which Service Catalog puts operations."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.batch import each_message
from engine.entry_point import CLIENT_CONFIG, entry_point

from receive.messages import start

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@functools.cache
def sfn() -> SFNClient:
    """Return the engine's own client, made when an event first needs it."""
    return boto3.client("stepfunctions", config=CLIENT_CONFIG)


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Start executions. A message that fails returns to its queue, and at last to the dead-letter queue."""
    return each_message(event, receive)


def receive(message: dict[str, Any]) -> None:
    """Start the execution for one message, as Lambda delivers it."""
    start(sfn(), os.environ["STATE_MACHINE_ARN"], message["eventSourceARN"], message["body"])
