"""The safety net. It answers what the state machine did not: a rule on ended executions, and a sweep."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from product_template.acknowledgements import SERVERLESS, acknowledge


def report_ended_executions(
    scope: Construct, report: lambda_.Function, machine: sfn.IStateMachine, dead_letters: sqs.IQueue
) -> None:
    """Let `report` answer for executions that ended without an answer.

    Args:
        scope: the construct it belongs to.
        report: the function.
        machine: the state machine.
        dead_letters: takes the events that Lambda gives up on. `report` tries them again for days.
    """
    # EventBridge only hands the event over. If the function fails, Lambda tries again.
    lambda_.CfnEventInvokeConfig(
        scope,
        "ReportAgain",
        function_name=report.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=Duration.hours(6).to_seconds(),
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.queue_arn)
        ),
    )
    events.Rule(
        scope,
        "ExecutionEndedUnanswered",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={
                "stateMachineArn": [machine.state_machine_arn],
                "status": ["FAILED", "TIMED_OUT", "ABORTED"],
            },
        ),
        targets=[targets.LambdaFunction(report, dead_letter_queue=dead_letters)],
    )


def sweep_regularly(scope: Construct, sweep: lambda_.Function) -> None:
    """Run `sweep` every quarter of an hour."""
    every = Duration.minutes(15)
    once = lambda_.CfnEventInvokeConfig(
        scope,
        "SweepOnce",
        function_name=sweep.function_name,
        qualifier="$LATEST",
        # The next sweep does the same work.
        maximum_retry_attempts=0,
        maximum_event_age_in_seconds=every.to_seconds(),
    )
    rule = events.Rule(
        scope,
        "QuarterOfAnHour",
        schedule=events.Schedule.rate(every),
        targets=[targets.LambdaFunction(sweep)],
    )
    nothing = "R24: the event holds nothing. The next comes in a quarter of an hour, or an alarm fires."
    acknowledge(once, "LambdaAsyncFailureDestination", SERVERLESS, because=nothing)
    acknowledge(rule, "EventBusDLQ", SERVERLESS, because=nothing)
