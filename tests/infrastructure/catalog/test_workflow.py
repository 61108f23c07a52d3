"""The state machine's definition, as synthesized."""

import json
from itertools import accumulate, takewhile
from typing import Any

import pytest

STEPS = [
    "Validate inputs",
    "Plan changes",
    "Take snapshot",
    "Apply changes",
    "Wait for stack",
    "Verify promises",
    "Subscribe ops emails",
    "Delete snapshots",
]
KEEP = "Keep unconfirmed"
REPORTS = ["Report success", "Report termination", "Report failure"]


@pytest.fixture(scope="module")
def machine(catalog_template: Any) -> Any:
    [machine] = [
        resource["Properties"]
        for resource in catalog_template["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    return machine


@pytest.fixture(scope="module")
def definition(machine: Any) -> Any:
    """The definition with each function's logical id in the place of its ARN."""
    parts = machine["DefinitionString"]["Fn::Join"][1]
    return json.loads("".join(part if isinstance(part, str) else _id(part) for part in parts))


def _id(part: Any) -> str:
    return str(part["Ref"] if "Ref" in part else part["Fn::GetAtt"][0])


@pytest.fixture(scope="module")
def tasks(definition: Any) -> dict[str, Any]:
    return {name: state for name, state in definition["States"].items() if state["Type"] == "Task"}


def test_the_states_are_the_steps_people_name(tasks: dict[str, Any]) -> None:
    assert set(tasks) == {*STEPS, *REPORTS, KEEP}


def test_the_machine_speaks_jsonata(definition: Any) -> None:
    assert definition["QueryLanguage"] == "JSONata"


@pytest.mark.parametrize("name", [*STEPS, "Report success", "Report termination"])
def test_whatever_fails_is_reported(tasks: dict[str, Any], name: str) -> None:
    *_, caught = tasks[name]["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "Report failure")


@pytest.mark.parametrize("name", STEPS)
def test_what_service_catalog_does_not_confirm_is_asked_again_for_ten_minutes_and_kept_not_answered(
    tasks: dict[str, Any], name: str
) -> None:
    kept = [caught["ErrorEquals"] for caught in tasks[name]["Catch"] if caught["Next"] == KEEP]
    asked = [retry for retry in tasks[name]["Retry"] if "RecordNotFoundError" in retry["ErrorEquals"]]
    if name == "Verify promises":  # it changes nothing
        assert (kept, asked) == ([], [])
    else:
        assert kept == [["RecordNotFoundError", "RecordMismatchError"]]
        assert 600 <= waited(asked[0]) < 720


def test_what_is_kept_for_a_person_has_no_token_and_ends_without_an_answer(tasks: dict[str, Any]) -> None:
    keep = tasks[KEEP]
    assert keep["End"]
    assert keep["Arguments"]["MessageBody"].keys() == {
        "kind", "recordId", "provisionedProductId", "executionArn", "reason"
    }  # fmt: skip


def test_a_failure_that_cannot_be_reported_fails_the_execution_under_its_own_name(
    definition: Any, tasks: dict[str, Any]
) -> None:
    assert tasks["Report failure"]["Catch"] == [
        {"ErrorEquals": ["States.ALL"], "Next": "Not reported", "Output": "{% $states.input %}"}
    ]
    assert definition["States"]["Not reported"]["Type"] == "Fail"


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_retried_when_lambda_fails_for_a_moment(tasks: dict[str, Any], name: str) -> None:
    retried = {error for retry in tasks[name]["Retry"] for error in retry["ErrorEquals"]}
    assert {"Lambda.ServiceException", "Sandbox.Timedout"} <= retried
    assert "States.ALL" not in retried


@pytest.mark.parametrize("name", STEPS)
def test_a_throttled_step_waits_for_hours_each_time_a_random_while(
    definition: Any, tasks: dict[str, Any], name: str
) -> None:
    [retry] = [retry for retry in tasks[name]["Retry"] if "ThrottledError" in retry["ErrorEquals"]]
    assert "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
    assert retry["JitterStrategy"] == "FULL"
    on_average = waited(retry) / 2
    assert definition["TimeoutSeconds"] - 2 * 3600 < on_average < definition["TimeoutSeconds"] - 1800


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_retried_for_hours_unless_it_is_refused(tasks: dict[str, Any], name: str) -> None:
    refused, anything = tasks[name]["Retry"]
    assert (refused["ErrorEquals"], refused["MaxAttempts"]) == (["AWSRefusedError"], 0)
    assert anything["ErrorEquals"] == ["States.ALL"]
    assert 2 * 3600 < waited(anything) < 4 * 3600


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Wait for stack", "StackInProgressError"),
        ("Plan changes", "RollbackInProgressError"),
        ("Plan changes", "StackInProgressError"),
        ("Take snapshot", "SnapshotInProgressError"),
        ("Delete snapshots", "SnapshotInProgressError"),
    ],
)
def test_a_wait_for_aws_outlasts_the_machine(
    definition: Any, tasks: dict[str, Any], name: str, error: str
) -> None:
    [polling] = [retry for retry in tasks[name]["Retry"] if error in retry["ErrorEquals"]]
    assert polling["MaxDelaySeconds"] == 120
    assert waited(polling) > definition["TimeoutSeconds"] == 6 * 3600


def test_a_stack_that_takes_twenty_minutes_is_looked_at_a_dozen_times(tasks: dict[str, Any]) -> None:
    [polling] = [r for r in tasks["Wait for stack"]["Retry"] if r["ErrorEquals"] == ["StackInProgressError"]]
    looks = takewhile(lambda seconds: seconds < 20 * 60, accumulate(delays(polling)))
    assert len([0.0, *looks]) == 12


def waited(retry: Any) -> float:
    return sum(delays(retry))


def delays(retry: Any) -> list[float]:
    growing = (
        retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt for attempt in range(retry["MaxAttempts"])
    )
    return [min(float(delay), float(retry["MaxDelaySeconds"])) for delay in growing]


def test_only_reports_see_the_token(tasks: dict[str, Any]) -> None:
    def sees_it(state: Any) -> bool:
        payload = json.dumps(state["Arguments"])
        return "token" in payload or "Execution.Input %" in payload or "$states.context %" in payload

    assert {name for name, state in tasks.items() if sees_it(state)} == set(REPORTS)


def test_the_log_holds_no_execution_data(machine: Any) -> None:
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_the_machine_is_traced_and_keeps_its_history_under_our_key(machine: Any) -> None:
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
