"""Writes the logs of Lambda functions to CloudWatch Logs."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from typing import Any

from ..account import ACCOUNT_ID, REGION
from ..iam.policies import Caller, identity_allows
from ..logs.models import backend as logs
from .functions import LocalFunction
from .runtime import Answer

SYSTEM_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


def write(function: LocalFunction, stream: str, request_id: str, answer: Answer) -> None:
    """Write the output of one invocation between the START, END and REPORT lines of Lambda.

    Lambda writes with the function's role. Nothing is logged without logs:CreateLogStream and
    logs:PutLogEvents, and a missing log group is created only with logs:CreateLogGroup.
    """
    group = function.logging_config["LogGroup"]
    if not _ready(function, group, stream):
        return
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in _messages(function, request_id, answer)]
    if events:
        logs().write(group, stream, events)


def _ready(function: LocalFunction, group: str, stream: str) -> bool:
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{group}"
    if not all(
        _may(function, action, f"{arn}:log-stream:{stream}")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ):
        return False
    if group not in logs().groups:
        if not _may(function, "logs:CreateLogGroup", arn):
            return False
        logs().create_log_group(group, {})
    return True


def _may(function: LocalFunction, action: str, resource: str) -> bool:
    return identity_allows(function.role, action, resource, Caller(ACCOUNT_ID, function.role))


def _messages(function: LocalFunction, request_id: str, answer: Answer) -> list[str]:
    output = [line for line in answer.output.split("\n") if line.strip()]
    if function.logging_config["LogFormat"] == "JSON":
        return _json_messages(function, request_id, answer, output)
    milliseconds = answer.seconds * 1000
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {function.memory_size} MB\t"
        f"Max Memory Used: {answer.memory} MB\t"
    )
    if answer.init_seconds:
        report += f"Init Duration: {answer.init_seconds * 1000:.2f} ms\t"
    failure = []
    if answer.error and answer.error["errorType"] in ("Sandbox.Timedout", "Runtime.ExitError"):
        reason = answer.error["errorMessage"].partition("Error: ")[2]
        failure = [f"{_now()} {request_id} {reason}"]
    return [
        f"START RequestId: {request_id} Version: {function.version}",
        *output,
        *failure,
        f"END RequestId: {request_id}",
        report,
    ]


def _json_messages(function: LocalFunction, request_id: str, answer: Answer, output: list[str]) -> list[str]:
    if SYSTEM_LEVELS[function.logging_config["SystemLogLevel"]] > SYSTEM_LEVELS["INFO"]:
        return output
    metrics: dict[str, Any] = {
        "durationMs": round(answer.seconds * 1000, 3),
        "billedDurationMs": math.ceil(answer.seconds * 1000),
        "memorySizeMB": function.memory_size,
        "maxMemoryUsedMB": answer.memory,
    }
    if answer.init_seconds:
        metrics["initDurationMs"] = round(answer.init_seconds * 1000, 3)
    record = {"requestId": request_id, "metrics": metrics, "status": "success"}
    if answer.error:
        timed_out = answer.error["errorType"] == "Sandbox.Timedout"
        record |= {"status": "timeout" if timed_out else "error", "errorType": answer.error["errorType"]}
    return [
        _platform("platform.start", {"requestId": request_id, "version": str(function.version)}),
        *output,
        _platform("platform.report", record),
    ]


def _platform(kind: str, record: dict[str, Any]) -> str:
    return json.dumps({"time": _now(), "type": kind, "record": record})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
