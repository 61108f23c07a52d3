"""The state machine: which states there are, in which order, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

# What Step Functions reports when Lambda itself, and not the function, fails or is busy.
_LAMBDA_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]


def workflow(scope: Construct, functions: Mapping[str, lambda_.IFunction]) -> sfn.Chain:
    """Return the states between a received operation and the one answer that Service Catalog gets."""

    def task(
        name: str, verb: str, payload: dict[str, str], gives: dict[str, object] | None = None
    ) -> tasks.LambdaInvoke:
        return _task(scope, name, functions[verb], payload, gives)

    request = _input("kind", "recordId", "provisionedProductId", "message")
    answer = _input("kind", "recordId", "provisionedProductId", "token")

    validate = task("Validate inputs", "validate", request, _result("parameters"))
    plan = task("Plan changes", "plan", request | _given("parameters"), _result("stackId", "changeSetArn"))
    apply = task("Apply changes", "apply", request | _given("stackId", "changeSetArn"))
    # A terminated stack has nobody to subscribe; its report gets an empty list.
    wait = task(
        "Wait for stack", "wait", request | _given("stackId"), _result("outputs") | {"subscriptions": []}
    )
    verify = task("Verify promises", "verify", request | _given("stackId"))
    subscribe = task(
        "Subscribe ops emails",
        "subscribe",
        request | _given("parameters", "outputs"),
        _result("subscriptions"),
    )
    success = task(
        "Report success", "report", answer | {"status": "SUCCEEDED"} | _given("outputs", "subscriptions")
    )
    failure = task("Report failure", "report", answer | {"status": "FAILED", "error": "{% $states.input %}"})

    steps = [validate, plan, apply, wait, verify, subscribe]
    _retry(steps, [*_LAMBDA_ERRORS, "ThrottledError"], every=2, at_most=60, attempts=8)
    _retry([plan], ["ChangeSetInProgressError"], every=2, at_most=10, attempts=60)
    # More attempts than fit into the machine's timeout: an RDS operation takes as long as it takes.
    _retry([wait], ["StackInProgressError"], every=15, at_most=60, attempts=1000)
    _retry([success, failure], ["States.ALL"], every=10, at_most=300, attempts=40)
    for state in [*steps, success]:
        state.add_catch(failure, errors=["States.ALL"])

    answered = sfn.Succeed.jsonata(scope, "Answered")
    failure.next(answered)
    success.next(answered)
    verify.next(subscribe).next(success)
    terminated = sfn.Choice.jsonata(scope, "Terminated?")
    terminated.when(sfn.Condition.jsonata(f"{{% {_INPUT}.kind = 'TERMINATE' %}}"), success).otherwise(verify)
    return sfn.Chain.start(validate).next(plan).next(apply).next(wait).next(terminated)


_INPUT = "$states.context.Execution.Input"


def _input(*names: str) -> dict[str, str]:
    return {name: f"{{% {_INPUT}.{name} %}}" for name in names}


def _given(*variables: str) -> dict[str, str]:
    return {name: f"{{% ${name} %}}" for name in variables}


def _result(*names: str) -> dict[str, object]:
    return {name: f"{{% $states.result.{name} %}}" for name in names}


def _task(
    scope: Construct,
    name: str,
    function: lambda_.IFunction,
    payload: dict[str, str],
    gives: dict[str, object] | None,
) -> tasks.LambdaInvoke:
    return tasks.LambdaInvoke.jsonata(
        scope,
        name,
        lambda_function=function,
        payload=sfn.TaskInput.from_object(payload),
        payload_response_only=True,
        retry_on_service_exceptions=False,
        assign=gives,
    )


def _retry(
    states: Iterable[tasks.LambdaInvoke], errors: list[str], *, every: int, at_most: int, attempts: int
) -> None:
    for state in states:
        state.add_retry(
            errors=errors,
            interval=Duration.seconds(every),
            max_delay=Duration.seconds(at_most),
            backoff_rate=1.5,
            max_attempts=attempts,
        )
