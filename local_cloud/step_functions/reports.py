"""What Step Functions tells others about an execution: events to EventBridge, lines to CloudWatch Logs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from moto.logs.models import logs_backends
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.event.logging import (
    CloudWatchLoggingConfiguration,
    CloudWatchLoggingSession,
    HistoryLog,
)
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

from ..account import ACCOUNT_ID, REGION
from ..world import World

# "CloudWatch Logs" in the Step Functions guide: these fields of an event's details are execution data.
EXECUTION_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")


def install(world: World) -> None:
    """Publish what becomes of executions, and write their events to the log group of the state machine."""

    def terminated(self: BaseExecutionWorkerCommunication) -> None:
        original_terminated(self)
        if not world.clock.stopping.is_set():
            publish(world, self.execution)

    def publish_history_log(self: CloudWatchLoggingSession, history_log: HistoryLog) -> None:
        _write(self, history_log)

    def remove_data(details_body: dict[str, Any]) -> None:
        for name in EXECUTION_DATA:
            details_body.pop(name, None)

    original_terminated = world.patch(BaseExecutionWorkerCommunication, "terminated", terminated)
    world.patch(CloudWatchLoggingSession, "publish_history_log", publish_history_log)
    world.patch(EventManager, "_remove_data_from_history_log", staticmethod(remove_data))


def logging_session(machine: StateMachine, execution_arn: str) -> CloudWatchLoggingSession | None:
    """Return where an execution's events are logged, or None when logging is off."""
    settings: Any = {"includeExecutionData": False} | machine.loggingConfiguration
    configuration = CloudWatchLoggingConfiguration.from_logging_configuration(machine.arn, settings)
    return CloudWatchLoggingSession(execution_arn, configuration) if configuration else None


def _write(session: CloudWatchLoggingSession, event: HistoryLog) -> None:
    backend = logs_backends[ACCOUNT_ID][REGION]
    group = session.configuration.log_group_name
    if group not in backend.groups:
        return  # the log group was deleted under the state machine; AWS drops the lines, too
    moment = datetime.fromisoformat(str(event["event_timestamp"]))
    milliseconds = int(moment.timestamp() * 1000)
    stream = (
        f"states/{session.configuration.state_machine_arn.rpartition(':')[2]}/{moment:%Y-%m-%d-%H-%M}/local"
    )
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)
    line = {
        "id": event["id"],
        "type": HistoryEventType(event["type"]).value,
        "details": event.get("details") or {},
        "redrive_count": "0",
        "previous_event_id": event["previous_event_id"],
        "event_timestamp": str(milliseconds),
        "execution_arn": event["execution_arn"],
    }
    backend.put_log_events(
        group, stream, [{"timestamp": milliseconds, "message": json.dumps(line, default=str)}]
    )


def publish(world: World, execution: Any) -> None:
    """Send "Step Functions Execution Status Change" to the default event bus.

    What the executions of a state machine with a customer managed key carry is left out: the guide promises
    no plaintext beyond the key's reach and does not mention this event, so a rule should not rely on it.
    """
    encrypted = execution.state_machine.encryptionConfiguration["type"] == "CUSTOMER_MANAGED_KMS_KEY"
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
    world.bus.publish(
        "aws.states", "Step Functions Execution Status Change", detail, [execution.execution_arn]
    )
