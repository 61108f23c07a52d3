"""The function that EventBridge runs every quarter of an hour, also the second consumer of dead letters."""

from __future__ import annotations

import functools
import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.batch import each_message
from engine.entry_point import entry_point
from engine.safety_net import SafetyNet

from sweep.leftovers import sweep


@functools.cache
def safety_net() -> SafetyNet:
    """Return the safety net, made when an event first needs it."""
    return SafetyNet.of_engine(os.environ["STATE_MACHINE_ARN"], os.environ["UNREPORTED_QUEUE_URL"])


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answer what nobody has answered, or the dead letters that Lambda delivers."""
    if "Records" in event:
        return each_message(event, safety_net().answer_delivered)
    sweep(safety_net(), os.environ["DEAD_LETTERS_QUEUE_URL"])
    return {}
