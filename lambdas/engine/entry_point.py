"""The wrapper of every handler: it logs, traces and puts AWS's errors into words."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004
from botocore.parsers import ResponseParserError

from engine.errors import (
    AWSFailedError,
    AWSRefusedError,
    ChangeSetInProgressError,
    EngineError,
    PermissionMissingError,
    RollbackInProgressError,
    SnapshotInProgressError,
    StackInProgressError,
    ThrottledError,
)
from engine.wording import quoting

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

# Polling raises these until there is a result: no failures. Their messages have only names and statuses.
_PROGRESS = (ChangeSetInProgressError, RollbackInProgressError, SnapshotInProgressError, StackInProgressError)

logger = Logger()
metrics = Metrics()

CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=20
)


@functools.cache
def tracer() -> Tracer:
    """Return the tracer, made at the first event: loading X-Ray's SDK takes a quarter of loading boto3."""
    return Tracer(patch_modules=["botocore"])


def entry_point(handler: Handler) -> Handler:
    """Make a function a Lambda handler.

    Our log lines and annotations have the record id. They never have an event, a result or the message of an
    error, because those hold tokens and parameters. Lambda itself logs and traces the message of a raised
    error, also of polling: our messages may quote an input, but never a token.

    Raises:
        EngineError: in place of botocore's errors, so that the state machine knows what to retry and the user
            reads a sentence.
    """

    @functools.wraps(handler)
    def traced(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        started = time.monotonic()
        with tracer().provider.in_subsegment(name="## handle") as subsegment:
            subsegment.put_annotation("recordId", str(event.get("recordId", "")))
            outcome = _outcome(handler, event, context)
        _log(event, outcome, time.monotonic() - started)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    logged: Handler = logger.inject_lambda_context(correlation_id_path="recordId", clear_state=True)(traced)
    return logged


def _log(event: dict[str, Any], outcome: dict[str, Any] | Exception, seconds: float) -> None:
    """Write the one line about the outcome of an event. It has the name of an error, but not its message."""
    polls = isinstance(outcome, _PROGRESS)
    failed = isinstance(outcome, Exception)
    line = {
        "state": event.get("state"),
        "kind": event.get("kind"),
        "outcome": type(outcome).__name__ if failed else "Done",
        "seconds": round(seconds, 3),
    }
    if failed and not polls:
        logger.warning("Step failed", extra=line)
    else:
        logger.info(str(outcome) if polls else "Step done", extra=line)


def _outcome(handler: Handler, event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | Exception:
    """Return errors instead of raising them, so that the trace does not show polling as a fault."""
    try:
        return handler(event, context)
    except ClientError as error:
        return translate(error).with_traceback(error.__traceback__)
    except (ConnectionError, HTTPClientError, ResponseParserError) as error:
        reason = type(error).__name__
        return ThrottledError(_BUSY.format(call="a service", reason=reason)).with_traceback(
            error.__traceback__
        )
    except BotoCoreError as error:  # boto3 refuses a call by itself; its words may quote inputs
        failed = f"The engine could not call AWS ({type(error).__name__})."
        return AWSRefusedError(f"{failed} Give this text to the platform team.").with_traceback(
            error.__traceback__
        )
    except Exception as error:
        return error


def count(name: str, **dimensions: str) -> None:
    """Add one to a metric of the engine."""
    measure(name, 1, **dimensions)


def measure(name: str, value: float, unit: str = MetricUnit.Count.value, **dimensions: str) -> None:
    """Publish one data point of a metric. Each call has dimensions of its own."""
    metrics.add_metric(name=name, unit=unit, value=value)
    for dimension, of in dimensions.items():
        metrics.add_dimension(dimension, of)
    metrics.flush_metrics()


_BUSY = (
    "AWS was too busy to answer {call} ({reason}). Your inputs are not at fault: try again in a few minutes."
)
# These calls can fail for good (reports: aws-cloudformation/rain issue 477, aws-cdk-cli issue 1483).
_FAILING_FOR_GOOD = {"CreateChangeSet", "DeleteStack"}
_THROTTLED = {"TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete"}
# Each try takes a new session.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}


def translate(error: ClientError) -> EngineError:
    """Put an AWS error into the words of the engine."""
    code, reason = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    call = error.operation_name
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "InternalFailure" and call in _FAILING_FOR_GOOD:
        return AWSFailedError(
            f"AWS answered {call} with an internal error, again and again. Your inputs are not at fault: try "
            "again later. If it still fails, ask the platform team to open an AWS Support case."
        )
    if "Throttl" in code or code in _THROTTLED | _EXPIRED or status >= 500:
        return ThrottledError(_BUSY.format(call=call, reason=code))
    if code in _DENIED:
        named = re.search(r"perform:? (\S+:\S+)(?: on resource:? (\S+))?", reason)
        action, resource = named.groups() if named else (call, None)
        on = f" on {resource}" if resource else ""
        ours = f"A role lacks the permission for {action}{on}. Ask the platform team to grant it."
        return PermissionMissingError(quoting(ours, reason))
    ours = f"AWS refused {call} ({code}). Correct what AWS names, then try again."
    return AWSRefusedError(quoting(ours, reason))
