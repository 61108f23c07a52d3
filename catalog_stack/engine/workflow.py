"""The state machine: which states there are, in which order, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from .task import THROTTLED, TRANSIENT, Keep, Task, from_input, from_result, from_variables


def workflow(scope: Construct, verbs: Mapping[str, lambda_.IFunction], unconfirmed: sqs.IQueue) -> sfn.Chain:
    """Return the states from a received operation to its one answer; `verbs` are the functions, by verb.

    An operation that Service Catalog does not confirm ends in the queue `unconfirmed`, without an answer.
    """
    request = from_input("kind", "recordId", "provisionedProductId", "message")
    # Only `make confirm` puts it into an execution's input.
    request |= {"confirmed": "{% $states.context.Execution.Input.confirmed = true %}"}
    answer = from_input("kind", "recordId", "provisionedProductId", "token")
    parameters, outputs = from_variables("parameters"), from_variables("outputs")
    stack, change_set = from_variables("stackId"), from_variables("changeSetArn")
    changes, version = from_variables("changes"), from_variables("engineVersion")
    product_version = from_variables("productVersion")
    # `Report failure` reads these, so they have values from the first state on.
    done = from_variables("snapshotId", "began")
    nothing_yet: dict[str, Any] = {"snapshotId": "{% null %}", "began": False}
    begun: dict[str, Any] = {"began": True}

    def task(name: str, verb: str, needs: dict[str, str], gives: Mapping[str, Any] | None = None) -> Task:
        return Task(scope, name, verbs[verb], needs, gives)

    validate = task(
        "Validate inputs",
        "validate",
        request,
        from_result("parameters", "productVersion", "engineVersion", "majorUpgrade") | nothing_yet,
    )
    plan = task(
        "Plan changes", "plan", request | parameters, from_result("stackId", "changeSetArn", "changes")
    )
    snapshot = task("Take snapshot", "snapshot", request | stack | change_set, from_result("snapshotId"))
    apply = task("Apply changes", "apply", request | stack | change_set, begun)
    wait = task("Wait for stack", "wait", request | stack | changes, from_result("outputs", "changes"))
    verify = task("Verify promises", "verify", request | stack | version)
    subscribe = task(
        "Subscribe ops emails",
        "subscribe",
        request | parameters | product_version | outputs | changes,
        from_result("subscriptions"),
    )
    results = outputs | changes | from_variables("snapshotId", "subscriptions")
    success = task("Report success", "report", answer | {"status": "SUCCEEDED"} | results)
    cleanup = task("Delete snapshots", "snapshot", request)
    termination = task("Report termination", "report", answer | {"status": "SUCCEEDED"})
    error = {"status": "FAILED", "error": "{% $states.input %}"}
    failure = task("Report failure", "report", answer | done | error)
    upgrades = sfn.Condition.jsonata("{% $majorUpgrade %}")
    terminates = sfn.Condition.jsonata("{% $states.context.Execution.Input.kind = 'TERMINATE' %}")

    steps = [validate, plan, snapshot, apply, wait, verify, subscribe, cleanup]
    reports = [success, termination, failure]
    for step in steps:
        step.retry(*TRANSIENT, every=2, at_most=60, attempts=8)
        # About five hours, a minute each on average. That leaves time to answer before the machine's timeout.
        step.retry(*THROTTLED, every=2, at_most=120, attempts=300, spread=True)
    for step in (plan, apply):  # half an hour, since the service may never recover
        step.retry("AWSFailedError", every=2, at_most=120, attempts=30, spread=True)
    plan.retry("ChangeSetInProgressError", every=5, at_most=20, attempts=60)
    # More attempts than fit into the machine's timeout, because nobody knows how long a database takes.
    for step, polling in (
        (plan, ("RollbackInProgressError", "StackInProgressError")),
        (snapshot, ("SnapshotInProgressError",)),
        (wait, ("StackInProgressError",)),
        (cleanup, ("SnapshotInProgressError",)),
    ):
        step.retry(*polling, every=30, at_most=120, attempts=1000)
    # An `apply` that failed may have begun the change nevertheless.
    known_after = {validate: nothing_yet, apply: begun}
    keep = Keep(scope, "Keep unconfirmed", unconfirmed)
    for step in steps:
        if step is not verify:  # which changes nothing
            # Ten minutes: a new record may not be visible at once.
            step.retry("RecordNotFoundError", every=5, at_most=60, attempts=15)
            step.add_catch(
                keep, errors=["RecordNotFoundError", "RecordMismatchError"], assign=known_after.get(step)
            )
    for report in reports:
        report.retry("AWSRefusedError", attempts=0)  # the same report would be refused again
        report.retry("States.ALL", every=10, at_most=300, attempts=40)
    for state in [*steps, success, termination]:
        state.add_catch(failure, errors=["States.ALL"], assign=known_after.get(state))
    # If the report fails, the execution fails with the operation's error, and the safety net reports that.
    unreported = sfn.Fail.jsonata(
        scope, "Not reported", error="{% $states.input.Error %}", cause="{% $states.input.Cause %}"
    )
    failure.add_catch(unreported, errors=["States.ALL"], outputs="{% $states.input %}")

    return (
        sfn.Chain.start(validate)
        .next(plan)
        .next(
            sfn.Choice.jsonata(scope, "Major version upgrade?")
            .when(upgrades, snapshot)
            .afterwards(include_otherwise=True)
        )
        .next(apply)
        .next(wait)
        .next(
            sfn.Choice.jsonata(scope, "Terminated?")
            .when(terminates, cleanup.next(termination))
            .otherwise(verify.next(subscribe).next(success))
        )
    )
