"""Step Functions' API over HTTP, with all fields and pages of AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.stepfunctions.responses import StepFunctionResponse

from .execution import LocalExecution
from .models import LocalStepFunctions, backend, executions_of


class LocalStepFunctionsResponse(StepFunctionResponse):
    """Answers about executions, with all fields and pages of AWS."""

    @property
    def stepfunction_backend(self) -> LocalStepFunctions:
        """The backend of the local cloud; in moto a setting chooses between two."""
        return backend()

    def stop_execution(self) -> ActionResult:
        """Abort an execution, with the error and the cause that the caller gives."""
        execution = self._execution()
        now = datetime.now(UTC)
        if execution.status == "RUNNING":
            execution.error, execution.cause = self._get_param("error"), self._get_param("cause")
            execution.stop(now, execution.error, execution.cause)
        return ActionResult({"stopDate": execution.stop_date or now})

    def describe_execution(self) -> ActionResult:
        """Describe an execution."""
        execution = self._execution()
        shown = _summary(execution) | {
            "input": execution.execution_input,
            "inputDetails": {"included": True},
            "error": execution.error,
            "cause": execution.cause,
        }
        if execution.status == "SUCCEEDED":
            shown |= {
                "output": json.dumps(execution.output, separators=(",", ":")),
                "outputDetails": {"included": True},
            }
        return ActionResult({key: value for key, value in shown.items() if value is not None})

    def list_executions(self) -> ActionResult:
        """List the executions of a state machine, newest first."""
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        status = self._get_param("statusFilter")
        found = [each for each in reversed(executions_of(machine)) if status in (None, each.status)]
        return ActionResult(self._page("executions", [_summary(execution) for execution in found]))

    def get_execution_history(self) -> ActionResult:
        """List the events of an execution, oldest first unless reverseOrder is set."""
        events: list[Any] = self._execution().to_history_output()["events"]
        for event in events:
            event["timestamp"] = datetime.fromisoformat(event["timestamp"])
        return ActionResult(self._page("events", events[::-1] if self._get_param("reverseOrder") else events))

    def _execution(self) -> LocalExecution:
        return self.stepfunction_backend.find_execution(self._get_param("executionArn"))

    def _page(self, name: str, items: list[Any]) -> dict[str, Any]:
        token = self._get_param("nextToken") or "0"
        if not token.isdigit():
            raise ServiceException("InvalidToken", f"Invalid Token: '{token}'")
        start, size = int(token), int(self._get_param("maxResults") or 100) or 100
        page: dict[str, Any] = {name: items[start : start + size]}
        return page | {"nextToken": str(start + size)} if start + size < len(items) else page


def _summary(execution: LocalExecution) -> dict[str, Any]:
    return {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date,
        "stopDate": execution.stop_date,
        "redriveCount": 0,
    }
