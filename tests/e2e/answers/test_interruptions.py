"""Operations that somebody or something interrupts: each gets its one answer nevertheless."""

import json
from typing import Any

from local_cloud.cloud import Cloud
from tests.support.inventory import left_with
from tests.support.launches import Catalog, product_of, reason, record_of
from tests.support.machinery import (
    EXECUTION_ENDED,
    SWEEP,
    dead_letters,
    eventually,
    executions,
    history,
    paused,
    rule_is,
)

WRONG = {"EnvironmentSuffix": "Bad_Suffix", "OpsEmails": "ops@example.com"}  # a launch that fails at once


def test_an_execution_that_an_administrator_stops_is_answered_and_its_product_can_be_terminated(
    cloud: Cloud, oldest: Catalog
) -> None:
    # GIVEN a launch that is under way
    stall = cloud.faults.stack.stall("AWS::EC2::VPC")
    launched = oldest.start_provision("stopped", EnvironmentSuffix="stopped", OpsEmails="ops@example.com")
    assert stall.reached.wait(20)

    # WHEN its execution is stopped
    [execution] = executions(cloud, of=record_of(launched))
    cloud.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])

    # THEN the user is told, once
    record = oldest.ended(launched)
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert "An administrator stopped the operation" in reason(record)
    assert oldest.answers(record) == ["FAILED"]
    assert oldest.status(product_of(record)) == "TAINTED"

    # AND what was left half done goes with the product
    stall.release()
    terminated = oldest.terminate(product_of(record))
    assert terminated["RecordDetail"]["Status"] == "SUCCEEDED", reason(terminated)
    assert left_with(cloud, "stopped") == []


def test_an_answer_that_cannot_be_given_for_hours_is_given_when_it_can(cloud: Cloud, oldest: Catalog) -> None:
    # GIVEN that the function that reports cannot run
    with paused(cloud, "Report"):
        # WHEN a launch fails, and so does every attempt to report it
        launched = oldest.start_provision("unreported", **WRONG)
        eventually(
            lambda: [one["status"] for one in executions(cloud, of=record_of(launched))] == ["FAILED"],
            "the execution has given up",
        )
        assert oldest.status(product_of(launched)) == "UNDER_CHANGE"

    # THEN the report of the dead execution gets through once it can
    record = oldest.ended(launched)
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert oldest.answers(record) == ["FAILED"]
    assert oldest.status(product_of(record)) == "TAINTED"


def test_an_operation_whose_step_lambda_refuses_to_run_waits_for_its_turn(
    cloud: Cloud, oldest: Catalog
) -> None:
    # GIVEN that all executions reserved for a step are busy
    with paused(cloud, "Validate"):
        # WHEN a product is launched THEN its step is tried again and again
        launched = oldest.start_provision("throttled", **WRONG)
        eventually(lambda: len(executions(cloud, of=record_of(launched))) == 1, "the execution has started")
        [execution] = executions(cloud, of=record_of(launched))
        eventually(lambda: _refusals(cloud, execution) > 2, "Lambda has refused the step")

    # AND it goes on as soon as there is room
    record = oldest.ended(launched)
    assert "EnvironmentSuffix: " in reason(record)
    assert oldest.answers(record) == ["FAILED"]


def _refusals(cloud: Cloud, execution: dict[str, Any]) -> int:
    errors = (
        event.get(
            "lambdaFunctionFailedEventDetails", event.get("lambdaFunctionScheduleFailedEventDetails", {})
        )
        for event in history(cloud, execution)
    )
    return [error.get("error") for error in errors].count("Lambda.TooManyRequestsException")


def test_an_operation_that_cannot_be_started_is_answered(cloud: Cloud, oldest: Catalog) -> None:
    # GIVEN that the function that receives operations cannot run
    with paused(cloud, "Receive"):
        # WHEN a product is launched
        record = oldest.provision("unreceived", **WRONG)

    # THEN the message has become a dead letter, and that is answered
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert "The provisioning engine failed (OperationNotStarted)" in reason(record)
    assert oldest.answers(record) == ["FAILED"]
    assert oldest.status(product_of(record)) == "TAINTED"
    assert executions(cloud, of=record_of(record)) == []


def test_what_has_been_answered_is_not_answered_again_when_its_message_turns_up(
    cloud: Cloud, oldest: Catalog
) -> None:
    # GIVEN an operation that has succeeded
    refused = oldest.provision("answered", **WRONG)
    terminated = oldest.terminate(product_of(refused))
    given = given_to(cloud, terminated)

    # WHEN its message turns up among the dead letters, whole and without what its execution is named after
    message = given["message"] | {"token": given["token"]}
    anonymous = {key: value for key, value in message.items() if key != "provisionedProductId"}
    dead_letters(cloud).send(json.dumps(message), json.dumps(anonymous))

    # THEN both are done with, and the record stays as it is
    eventually(lambda: dead_letters(cloud).depth() == 0, "the dead letters are gone")
    record = cloud.client("servicecatalog").describe_record(Id=record_of(terminated))
    assert record["RecordDetail"]["Status"] == "SUCCEEDED"
    assert oldest.answers(terminated) == ["SUCCEEDED"]


def given_to(cloud: Cloud, record: dict[str, Any]) -> Any:
    [execution] = executions(cloud, of=record_of(record))
    described = cloud.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    return json.loads(described["input"])


# A part of the safety net that is switched off, and what only the sweep can then answer.


def test_without_the_rule_a_stopped_execution_is_swept(cloud: Cloud, oldest: Catalog) -> None:
    with rule_is(cloud, "disabled", EXECUTION_ENDED):
        stall = cloud.faults.stack.stall("AWS::EC2::VPC")
        launched = oldest.start_provision("swept", EnvironmentSuffix="swept", OpsEmails="ops@example.com")
        assert stall.reached.wait(20)
        [execution] = executions(cloud, of=record_of(launched))
        cloud.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
        assert oldest.status(product_of(launched)) == "UNDER_CHANGE"
        with rule_is(cloud, "enabled", SWEEP):
            record = oldest.ended(launched)
    stall.release()
    assert "An administrator stopped the operation" in reason(record)
    assert oldest.answered_once(record)
    assert oldest.terminate(product_of(record))["RecordDetail"]["Status"] == "SUCCEEDED"


def test_without_their_consumer_dead_letters_are_swept(cloud: Cloud, oldest: Catalog) -> None:
    with dead_letters(cloud).held():
        with paused(cloud, "Receive"):
            launched = oldest.start_provision("unconsumed", **WRONG)
            eventually(lambda: dead_letters(cloud).depth() == 1, "a dead letter")
        with rule_is(cloud, "enabled", SWEEP):
            record = oldest.ended(launched)
        eventually(lambda: dead_letters(cloud).depth() == 0, "the dead letter is gone")
    assert "The provisioning engine failed (OperationNotStarted)" in reason(record)
    assert oldest.answered_once(record)


def test_without_the_function_that_reports_failures_are_swept_with_their_reason(
    cloud: Cloud, oldest: Catalog
) -> None:
    with paused(cloud, "Report"), rule_is(cloud, "enabled", SWEEP):
        record = oldest.ended(oldest.start_provision("unreportable", **WRONG))
        # The sweep also answers what Lambda gave up on meanwhile.
        eventually(lambda: dead_letters(cloud).depth() == 0, "no dead letter is left")
    assert "EnvironmentSuffix: " in reason(record)
    assert oldest.answered_once(record)


def test_without_the_function_that_reports_an_operation_that_never_started_is_answered_all_the_same(
    cloud: Cloud, oldest: Catalog
) -> None:
    # GIVEN that neither can an operation be started, nor its dead letter be read by the one that reports
    with paused(cloud, "Report"), paused(cloud, "Receive"):
        # WHEN a product is launched THEN the other consumer of dead letters answers, before any sweep
        record = oldest.provision("neither", **WRONG)
    assert "The provisioning engine failed (OperationNotStarted)" in reason(record)
    assert oldest.answered_once(record)
