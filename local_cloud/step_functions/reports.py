"""Reports about executions: events to EventBridge, and lines to CloudWatch Logs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.logging import (
    CloudWatchLoggingConfiguration,
    CloudWatchLoggingSession,
    HistoryLog,
)
from moto.stepfunctions.parser.backend.execution import Execution

from ..cloudwatch.models import backend as cloudwatch
from ..logs.models import backend as logs
from ..moto_seam import Local


class LocalLoggingSession(CloudWatchLoggingSession):
    """Writes the events of an execution to its log group."""

    def publish_history_log(self, history_log: HistoryLog) -> None:
        """Write an event to the log group. If the group was deleted, the line is lost, as on AWS."""
        group = self.configuration.log_group_name
        if group not in logs().groups:
            return
        moment = datetime.fromisoformat(str(history_log["event_timestamp"]))
        milliseconds = int(moment.timestamp() * 1000)
        machine = self.configuration.state_machine_arn.rpartition(":")[2]
        stream = f"states/{machine}/{moment:%Y-%m-%d-%H-%M}/local"
        line = {
            "id": history_log["id"],
            "type": HistoryEventType(history_log["type"]).value,
            "details": history_log.get("details") or {},
            "redrive_count": "0",
            "previous_event_id": history_log["previous_event_id"],
            "event_timestamp": str(milliseconds),
            "execution_arn": history_log["execution_arn"],
        }
        message = json.dumps(line, default=str)
        logs().write(group, stream, [{"timestamp": milliseconds, "message": message}])


def logging_session(machine: StateMachine, execution_arn: str) -> LocalLoggingSession | None:
    """Return the logging of an execution, or None if it is off."""
    settings: Any = {"includeExecutionData": False} | machine.loggingConfiguration
    configuration = CloudWatchLoggingConfiguration.from_logging_configuration(machine.arn, settings)
    return LocalLoggingSession(execution_arn, configuration) if configuration else None


# Status -> the metric that counts it ("Monitoring Step Functions metrics using Amazon CloudWatch").
_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def publish(execution: Execution) -> None:
    """Count an execution, and send "Step Functions Execution Status Change" to the default event bus.

    With a customer managed key, the event has no input and output. The guide promises no plaintext outside of
    the key's reach, and does not mention this event, so no rule should rely on them.
    """
    machine: Any = execution.state_machine
    if metric := _METRICS.get(execution.status):
        cloudwatch().publish("AWS/States", metric, 1, {"StateMachineArn": machine.arn})
    encrypted = machine.encryptionConfiguration["type"] == "CUSTOMER_MANAGED_KMS_KEY"
    output = json.dumps(execution.output) if execution.status == "SUCCEEDED" else None
    detail = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000) if execution.stop_date else None,
        "input": None if encrypted else execution.execution_input,
        "output": None if encrypted else output,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": None,
        "inputDetails": {"included": not encrypted},
        "outputDetails": None if output is None else {"included": not encrypted},
        "error": None if encrypted else execution.error,
        "cause": None if encrypted else execution.cause,
    }
    Local.bus.publish(
        "aws.states", "Step Functions Execution Status Change", detail, [execution.execution_arn]
    )
