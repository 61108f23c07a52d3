"""What every handler is wrapped in: log context, trace, and AWS errors in words."""

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

# What polling raises until there is an answer: no fault, and nothing in the message but names and statuses.
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

    Our log lines and annotations carry the record id, and no event, result or message of an error: those hold
    tokens and parameters. Lambda itself logs and traces the message of an error that is raised, polling too;
    ours may quote an input, never a token.

    Raises:
        EngineError: in place of botocore's errors, so that the state machine can tell what to retry and the
            catalog user reads a sentence.
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
    """Write the one line that says what became of an event. Of errors it has the name alone."""
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
    """Return errors instead of raising them, so that the trace does not take polling for a fault."""
    try:
        return handler(event, context)
    except ClientError as error:
        return translate(error).with_traceback(error.__traceback__)
    except (ConnectionError, HTTPClientError, ResponseParserError) as error:
        reason = type(error).__name__
        return ThrottledError(_BUSY.format(call="a service", reason=reason)).with_traceback(
            error.__traceback__
        )
    except BotoCoreError as error:  # boto3 itself refuses what an API would; its words may quote inputs
        unasked = f"AWS could not be asked for what the operation needs ({type(error).__name__}). Give this "
        return AWSRefusedError(f"{unasked}text to the platform team.").with_traceback(error.__traceback__)
    except Exception as error:
        return error


def count(name: str, **dimensions: str) -> None:
    """Add one to a metric of the engine."""
    measure(name, 1, **dimensions)


def measure(name: str, value: float, unit: str = MetricUnit.Count.value, **dimensions: str) -> None:
    """Publish a value of a metric. Each call is a data point of its own, with its own dimensions."""
    metrics.add_metric(name=name, unit=unit, value=value)
    for dimension, of in dimensions.items():
        metrics.add_dimension(dimension, of)
    metrics.flush_metrics()


_BUSY = (
    "AWS was too busy to answer {call} ({reason}). Your inputs are not at fault: try again in some minutes."
)
# That these can answer so for good is reported (aws-cloudformation/rain issue 477, aws-cdk-cli issue 1483).
_FAILING_FOR_GOOD = {"CreateChangeSet", "DeleteStack"}
_THROTTLED = {"TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "PriorRequestNotComplete"}
# Sessions are taken anew for each try.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}


def translate(error: ClientError) -> EngineError:
    """Put an AWS error into the words of the engine."""
    code, reason = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    call = error.operation_name
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "InternalFailure" and call in _FAILING_FOR_GOOD:
        return AWSFailedError(
            f"AWS failed at {call} by an error of its own, again and again. Your inputs are not at fault: "
            "try again later. If it stays so, ask the platform team to open an AWS Support case."
        )
    if "Throttl" in code or code in _THROTTLED | _EXPIRED or status >= 500:
        return ThrottledError(_BUSY.format(call=call, reason=code))
    if code in _DENIED:
        named = re.search(r"perform:? (\S+:\S+)(?: on resource:? (\S+))?", reason)
        action, resource = named.groups() if named else (call, None)
        on = f" on {resource}" if resource else ""
        ours = f"A role lacks the permission for {action}{on}. Ask the platform team to grant it."
        return PermissionMissingError(quoting(ours, reason))
    ours = f"AWS refused {call} ({code}). Correct what it names, then try again."
    return AWSRefusedError(quoting(ours, reason))
