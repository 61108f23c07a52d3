"""The states that an operation goes through, from its message to its one answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.workflow import ANSWERS

STEPS = [
    "Validate inputs",
    "Plan changes",
    "Apply changes",
    "Wait for stack",
    "Verify promises",
    "Subscribe ops emails",
]
VERB = dict(zip(STEPS, ("validate", "plan", "apply", "wait", "verify", "subscribe"), strict=True))
CHOICES = ["Major version upgrade?", "Terminated?"]
UPGRADE = {"parameters": {}, "productVersion": "2.0.0", "engineVersion": "17", "majorUpgrade": True}
SNAPSHOT = "pre-upgrade-rec-1-database-dev"
OUTPUTS = [{"key": "Port", "value": "5432", "description": "Where it listens"}]
PLANNED, DONE = ANSWERS["plan"]["changes"], ANSWERS["wait"]["changes"]

Run = Callable[..., Any]


def without(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in operation.items() if key != name}


def error(name: str, message: str = "") -> dict[str, str]:
    return {"raise": name, "message": message}


WAITS = [error("SnapshotInProgressError")] * 3


@pytest.mark.parametrize("kind", ["PROVISION", "UPDATE"])
def test_a_launch_and_an_update_take_every_step_and_report_success(run: Run, kind: str) -> None:
    execution = run(kind)
    assert execution.status == "SUCCEEDED"
    assert [state for state in execution.states if state not in CHOICES] == [*STEPS, "Report success"]
    assert execution.given("Report success") == [
        {
            **without(execution.operation, "message"),
            "state": "Report success",
            "status": "SUCCEEDED",
            "changes": DONE,
            "outputs": OUTPUTS,
            "subscriptions": [{"email": "a@x.com", "status": "pending confirmation"}],
            "snapshotId": None,
        }
    ]


def test_an_upgrade_to_another_major_version_has_its_snapshot_before_anything_changes(run: Run) -> None:
    execution = run("UPDATE", validate=[UPGRADE], snapshot=[*WAITS, {"snapshotId": SNAPSHOT}])
    assert [state for state in execution.states if state not in CHOICES] == [
        *STEPS[:2], "Take snapshot", *STEPS[2:], "Report success",
    ]  # fmt: skip
    tries = execution.given("Take snapshot")
    assert len(tries) == 1 + len(WAITS)
    assert (tries[0]["stackId"], tries[0]["changeSetArn"]) == ("arn:stack", "arn:change-set")
    [report] = execution.given("Report success")
    assert report["snapshotId"] == SNAPSHOT


def test_an_upgrade_without_its_snapshot_changes_nothing(run: Run) -> None:
    execution = run("UPDATE", validate=[UPGRADE], snapshot=[error("SnapshotFailedError", "is failed")])
    assert execution.states[-2:] == ["Take snapshot", "Report failure"]
    [report] = execution.given("Report failure")
    assert report["snapshotId"] is None


def test_an_upgrade_that_fails_is_reported_with_its_snapshot(run: Run) -> None:
    execution = run("UPDATE", validate=[UPGRADE], wait=[error("StackFailedError")])
    [report] = execution.given("Report failure")
    assert report["snapshotId"] == SNAPSHOT


def test_a_termination_ends_with_the_stack_and_reports_success(run: Run) -> None:
    execution = run(
        "TERMINATE",
        validate=[{"parameters": {}, "productVersion": None, "engineVersion": None, "majorUpgrade": False}],
        plan=[{"stackId": None, "changeSetArn": None, "changes": []}],
        snapshot=[*WAITS, {"snapshotId": None}],
    )
    assert execution.status == "SUCCEEDED"
    assert [state for state in execution.states if state not in CHOICES] == [
        *STEPS[:4], "Delete snapshots", "Report termination",
    ]  # fmt: skip
    assert len(execution.given("Delete snapshots")) == 1 + len(WAITS)
    [report] = execution.given("Report termination")
    assert (report["status"], "outputs" in report) == ("SUCCEEDED", False)


def test_each_step_gets_the_request_and_what_it_needs_of_earlier_ones(run: Run) -> None:
    execution = run()
    request = without(execution.operation, "token") | {"confirmed": False}
    parameters = {"EnvironmentSuffix": "dev", "OpsEmails": 'a@x.com,"b"@x.com'}
    needs: dict[str, dict[str, Any]] = {
        "Validate inputs": {},
        "Plan changes": {"parameters": parameters},
        "Apply changes": {"stackId": "arn:stack", "changeSetArn": "arn:change-set"},
        "Wait for stack": {"stackId": "arn:stack", "changes": PLANNED},
        "Verify promises": {"stackId": "arn:stack", "engineVersion": "14"},
        "Subscribe ops emails": {
            "parameters": parameters,
            "productVersion": "1.2.0",
            "outputs": OUTPUTS,
            "changes": DONE,
        },
    }
    for step, needed in needs.items():
        assert execution.given(step) == [request | needed | {"state": step}], step


def test_nothing_to_change_is_passed_on_as_such(run: Run) -> None:
    execution = run("UPDATE", plan=[{"stackId": "arn:stack", "changeSetArn": None, "changes": []}])
    [payload] = execution.given("Apply changes")
    assert payload["changeSetArn"] is None
    assert execution.status == "SUCCEEDED"


@pytest.mark.parametrize("outputs", [[], [OUTPUTS[0], OUTPUTS[0]]])
def test_none_or_several_outputs_arrive_as_a_list(run: Run, outputs: list[Any]) -> None:
    [report] = run(wait=[{"outputs": outputs, "changes": []}]).given("Report success")
    assert report["outputs"] == outputs


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_is_reported_once_with_its_reason(run: Run, step: str) -> None:
    execution = run(**{VERB[step]: [error("PromiseBrokenError", 'It is not "Multi-AZ" \\ at all')]})
    assert execution.status == "SUCCEEDED"  # the failure has been answered
    assert execution.states[-2:] == [step, "Report failure"]
    [report] = execution.given("Report failure")
    assert report["status"] == "FAILED"
    assert report["token"] == execution.operation["token"]
    assert report["error"]["Error"] == "PromiseBrokenError"
    assert 'not \\"Multi-AZ\\"' in report["error"]["Cause"]
    assert report["began"] == (STEPS.index(step) >= STEPS.index("Apply changes"))


def test_a_result_that_is_not_as_agreed_is_reported_as_well(run: Run) -> None:
    execution = run(plan=[{"changes": []}])
    [report] = execution.given("Report failure")
    assert report["error"]["Error"] == "States.QueryEvaluationError"


def test_waiting_polls_until_the_stack_has_come_to_rest(run: Run) -> None:
    execution = run(wait=[*[error("StackInProgressError")] * 12, {"outputs": [], "changes": []}])
    assert len(execution.given("Wait for stack")) == 13
    assert execution.states.count("Wait for stack") == 1
    assert execution.states[-1] == "Report success"


def test_planning_polls_until_the_changes_are_known(run: Run) -> None:
    plan = {"stackId": "arn:stack", "changeSetArn": "arn:change-set", "changes": []}
    execution = run(plan=[*[error("ChangeSetInProgressError")] * 3, plan])
    assert len(execution.given("Plan changes")) == 4
    assert execution.states[-1] == "Report success"


def test_planning_waits_for_a_rollback(run: Run) -> None:
    execution = run("UPDATE", plan=[*[error("RollbackInProgressError")] * 3, ANSWERS["plan"]])
    assert len(execution.given("Plan changes")) == 4
    assert execution.states[-1] == "Report success"


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_throttled_or_killed_tries_again(run: Run, step: str) -> None:
    execution = run(
        **{VERB[step]: [error("ThrottledError"), error("Runtime.ExitError"), error("StackFailedError")]}
    )
    assert len(execution.given(step)) == 3
    assert execution.states[-2:] == [step, "Report failure"]


@pytest.mark.parametrize("step", ["Plan changes", "Apply changes"])
def test_an_operation_that_cloudformation_fails_to_begin_is_reported_after_some_tries(
    run: Run, step: str
) -> None:
    execution = run(**{VERB[step]: [error("AWSFailedError")]})
    assert len(execution.given(step)) == 31
    assert execution.states[-2:] == [step, "Report failure"]


def test_throttling_is_waited_out(run: Run) -> None:
    execution = run(verify=[*[error("ThrottledError", "AWS was too busy")] * 40, {}])
    assert len(execution.given("Verify promises")) == 41
    assert execution.states[-1] == "Report success"


def test_a_step_that_runs_out_of_time_again_and_again_is_reported(run: Run) -> None:
    execution = run(verify=[error("Sandbox.Timedout")])
    assert len(execution.given("Verify promises")) == 9
    assert execution.states[-1] == "Report failure"


def test_a_report_is_tried_again_until_it_arrives(run: Run) -> None:
    execution = run(report=[error("ThrottledError"), error("EndpointError"), {}])
    assert len(execution.given("Report success")) == 3
    assert execution.states[-1] == "Report success"


def test_a_success_that_is_refused_is_reported_as_a_failure(run: Run) -> None:
    execution = run(report=[error("AWSRefusedError", "outputs too long"), {}])
    assert len(execution.given("Report success")) == 1
    assert execution.states[-1] == "Report failure"
    assert execution.status == "SUCCEEDED"


def test_a_failure_that_is_refused_fails_the_execution_with_its_reason_for_the_nets_to_see(run: Run) -> None:
    wrong = error("InvalidInputsError", 'The suffix is "Bad_Suffix"')
    execution = run(validate=[wrong], report=[error("AWSRefusedError")])
    assert execution.status == "FAILED"
    failed = execution.events[-1]["executionFailedEventDetails"]
    assert failed["error"] == "InvalidInputsError"
    assert json.loads(failed["cause"])["errorMessage"] == 'The suffix is "Bad_Suffix"'
    assert len(execution.given("Report failure")) == 1


def test_only_reports_get_the_token(run: Run) -> None:
    execution = run()
    for step in STEPS:
        assert execution.operation["token"] not in str(execution.given(step))


def test_a_record_that_is_not_visible_yet_is_asked_for_again(run: Run) -> None:
    execution = run(validate=[*[error("RecordNotFoundError")] * 5, ANSWERS["validate"]])
    assert len(execution.given("Validate inputs")) == 6
    assert execution.states[-1] == "Report success"


@pytest.mark.parametrize("name", ["RecordNotFoundError", "RecordMismatchError"])
def test_what_service_catalog_does_not_confirm_is_kept_without_its_token_and_not_answered(
    cloud: Cloud, run: Run, unconfirmed: str, name: str
) -> None:
    said = 'Record "rec-1" has ended'
    execution = run("TERMINATE", validate=[error(name, said)])
    assert execution.status == "SUCCEEDED"
    assert execution.states == ["Validate inputs", "Keep unconfirmed"]
    sqs = cloud.client("sqs")
    [kept] = sqs.receive_message(QueueUrl=unconfirmed)["Messages"]
    sqs.delete_message(QueueUrl=unconfirmed, ReceiptHandle=kept["ReceiptHandle"])
    given = execution.operation
    assert json.loads(kept["Body"]) == {
        "kind": "TERMINATE",
        "recordId": given["recordId"],
        "provisionedProductId": given["provisionedProductId"],
        "executionArn": execution.arn,
        "reason": said,
    }


@pytest.mark.parametrize(
    ("step", "begun"), [("Plan changes", False), ("Apply changes", True), ("Subscribe ops emails", True)]
)
def test_what_is_not_confirmed_any_more_in_the_middle_is_kept_with_what_it_may_have_changed(
    cloud: Cloud, run: Run, unconfirmed: str, step: str, begun: bool
) -> None:
    said = "Record rec-1 has ended: it is FAILED."
    execution = run(**{step.split()[0].lower(): [error("RecordMismatchError", said)]})
    assert execution.states[-2:] == [step, "Keep unconfirmed"]
    sqs = cloud.client("sqs")
    [kept] = sqs.receive_message(QueueUrl=unconfirmed)["Messages"]
    sqs.delete_message(QueueUrl=unconfirmed, ReceiptHandle=kept["ReceiptHandle"])
    more = " Changes of its stack may have begun." if begun else ""
    assert json.loads(kept["Body"])["reason"] == said + more


def test_a_persons_word_reaches_every_step_that_asks(run: Run) -> None:
    execution = run(more={"confirmed": True})
    for step in STEPS:
        assert execution.given(step)[0]["confirmed"] is True
