"""The task states of the machine: what each one passes on, what it returns, and when it retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

# Lambda failed, and may not fail again. Every verb may safely run again.
TRANSIENT = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    # A function was killed or timed out; the error's name has changed over time ("Handling errors in Step
    # Functions workflows", Developer Guide; Lambda's own runtime).
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
]
# Lambda, or a service that the function called, throttled. Waiting loses nothing.
THROTTLED = ["Lambda.TooManyRequestsException", "ThrottledError"]


class Task(tasks.LambdaInvoke):
    """A state that invokes a function with `payload` and the state's name, and assigns what it `gives`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        function: lambda_.IFunction,
        payload: Mapping[str, str],
        gives: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            scope,
            name,
            query_language=sfn.QueryLanguage.JSONATA,
            lambda_function=function,
            # The state's name is for the log line of the function.
            payload=sfn.TaskInput.from_object({"state": name, **payload}),
            payload_response_only=True,
            retry_on_service_exceptions=False,  # `retry` says what each state does
            assign=gives,
        )

    def retry(
        self, *errors: str, attempts: int, every: int = 1, at_most: int = 60, spread: bool = False
    ) -> None:
        """Retry after `every` seconds, then after one and a half times as long, up to `at_most`.

        With `spread`, each wait is a random part of that, so that executions do not all retry together.
        """
        self.add_retry(
            errors=list(errors),
            interval=Duration.seconds(every),
            backoff_rate=1.5,
            max_delay=Duration.seconds(at_most),
            max_attempts=attempts,
            jitter_strategy=sfn.JitterType.FULL if spread else None,
        )


class Keep(tasks.SqsSendMessage):
    """A state that sends an operation and its error to a queue, without the token.

    The variable `began` says whether a change of the stack may have begun.
    """

    def __init__(self, scope: Construct, name: str, queue: sqs.IQueue) -> None:
        kept = from_input("kind", "recordId", "provisionedProductId") | {
            "executionArn": "{% $states.context.Execution.Id %}",
            "reason": "{% $parse($states.input.Cause).errorMessage"
            " & ($began ? ' Changes of its stack may have begun.' : '') %}",
        }
        super().__init__(
            scope,
            name,
            query_language=sfn.QueryLanguage.JSONATA,
            queue=queue,
            message_body=sfn.TaskInput.from_object(kept),
        )
        self.add_retry(
            errors=["States.ALL"],
            interval=Duration.seconds(10),
            backoff_rate=1.5,
            max_delay=Duration.seconds(300),
            max_attempts=40,
        )


def from_input(*names: str) -> dict[str, str]:
    """Return, by name, the JSONata expressions for fields of the execution's input."""
    return {name: f"{{% $states.context.Execution.Input.{name} %}}" for name in names}


def from_variables(*names: str) -> dict[str, str]:
    """Return, by name, the JSONata expressions for variables that earlier tasks assigned."""
    return {name: f"{{% ${name} %}}" for name in names}


def from_result(*names: str) -> dict[str, str]:
    """Return, by name, the JSONata expressions for fields of a task's own result."""
    return {name: f"{{% $states.result.{name} %}}" for name in names}
