"""The provisioning engine: three queues, nine functions, one state machine and two safety nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from .function import TIMEOUT, EngineFunction, bundled_code
from .roles import EXECUTION_ROLE, LAUNCH_ROLE, SERVICE_CATALOG, read_artifacts
from .workflow import workflow

MACHINE = "TapStackEngine"


class Engine(Construct):
    """Does what Service Catalog puts into its queues, and answers every operation exactly once.

    Service Catalog finds queues and parser by name alone (Administrator Guide, "External engines for Service
    Catalog"), so an account has at most one such engine in a region.

    Args:
        scope: the stack.
        construct_id: its id.
        key: encrypts queues, logs, and the state machine's definition and history.
        log_retention: for every log group of the engine.
        accounts: the accounts whose users may launch, the engine's own among them.

    Attributes:
        dead_letters: messages that could not be received. `report` answers them.
        unreported: failures that `report` could not tell Service Catalog about. Only a person can.
        machine: the state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
        accounts: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self._log_retention = log_retention
        self._accounts = accounts
        self._code = bundled_code()
        self.dead_letters = self._queue("DeadLetters")
        self.unreported = self._queue("Unreported")

        self._parser()
        report = self._function("report", self._may_report())
        self.machine = self._machine(
            {
                "validate": self._function("validate", self._may_launch()),
                "plan": self._function("plan", self._may_launch(), {"EXECUTION_ROLE_NAME": EXECUTION_ROLE}),
                "apply": self._function("apply", self._may_launch()),
                "wait": self._function("wait", self._may_launch()),
                "verify": self._function("verify", self._may_launch()),
                "subscribe": self._function("subscribe", self._may_launch()),
                "report": report,
            }
        )
        self._receive_operations()
        self._report_what_was_lost(report)

    def _parser(self) -> None:
        parser = self._function(
            "parse_parameters",
            # It reads with its own right when an administrator looks at a version outside of any portfolio.
            [*self._may_launch(), read_artifacts()],
            name="ServiceCatalogExternalParameterParser",
        )
        for number, account in enumerate(self._accounts):
            parser.add_permission(
                f"ServiceCatalog{number}",
                principal=iam.ServicePrincipal(SERVICE_CATALOG),
                source_account=account,
            )

    def _receive_operations(self) -> None:
        receive = self._function(
            "receive", self._may_start(), {"STATE_MACHINE_ARN": self.machine.state_machine_arn}
        )
        for operation in ("Provision", "Update", "Terminate"):
            queue = self._queue(
                operation,
                name=f"ServiceCatalogExternal{operation}OperationQueue",
                dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=3),
            )
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(SERVICE_CATALOG)],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": self._accounts}},
                )
            )
            receive.add_event_source(sources.SqsEventSource(queue, report_batch_item_failures=True))

    def _report_what_was_lost(self, report: lambda_.Function) -> None:
        """Answer for messages nobody received and executions that ended without an answer."""
        report.add_event_source(sources.SqsEventSource(self.dead_letters, report_batch_item_failures=True))
        # EventBridge hands the event over; if the function then fails, it is Lambda that tries again.
        lambda_.CfnEventInvokeConfig(
            self,
            "ReportAgain",
            function_name=report.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=Duration.hours(6).to_seconds(),
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=self.unreported.queue_arn
                )
            ),
        )
        events.Rule(
            self,
            "ExecutionEndedUnanswered",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[targets.LambdaFunction(report, dead_letter_queue=self.unreported)],
        )

    def _machine(self, functions: Mapping[str, lambda_.IFunction]) -> sfn.StateMachine:
        return sfn.StateMachine(
            self,
            "Workflow",
            # Named, because the CDK binds the role's right to the key to an ARN made of this name.
            state_machine_name=MACHINE,
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(workflow(self, functions)),
            timeout=Duration.hours(6),
            tracing_enabled=True,
            encryption_configuration=sfn.CustomerManagedEncryptionConfiguration(self._key),
            # Execution data holds Service Catalog's token, so the log gets none of it. With this prefix the
            # group does not lengthen the account's log resource policy, whose size is limited.
            logs=sfn.LogOptions(
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
                destination=self._log_group("WorkflowLog", f"/aws/vendedlogs/states/{MACHINE}"),
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _function(
        self,
        verb: str,
        permissions: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> EngineFunction:
        return EngineFunction(
            self,
            verb,
            code=self._code,
            log_group=self._log_group(f"{verb}Log"),
            permissions=permissions,
            environment=environment,
            name=name,
        )

    def _queue(
        self,
        construct_id: str,
        *,
        name: str | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            queue_name=name,
            dead_letter_queue=dead_letter_queue,
            encryption_master_key=self._key,
            enforce_ssl=True,
            # Six times the consumer's timeout (Lambda Developer Guide, "Using Lambda with Amazon SQS").
            visibility_timeout=Duration.seconds(6 * TIMEOUT.to_seconds()),
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _log_group(self, construct_id: str, name: str | None = None) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            construct_id,
            log_group_name=name,
            retention=self._log_retention,
            encryption_key=self._key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _may_launch(self) -> list[iam.PolicyStatement]:
        roles = [
            f"arn:{Stack.of(self).partition}:iam::{account}:role/{LAUNCH_ROLE}" for account in self._accounts
        ]
        return [iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)]

    def _may_start(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                actions=["states:StartExecution"], resources=[self._states_arn("stateMachine", MACHINE)]
            ),
            self._use_key("kms:Decrypt", "kms:GenerateDataKey"),
        ]

    def _may_report(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                actions=[
                    "servicecatalog:NotifyProvisionProductEngineWorkflowResult",
                    "servicecatalog:NotifyUpdateProvisionedProductEngineWorkflowResult",
                    "servicecatalog:NotifyTerminateProvisionedProductEngineWorkflowResult",
                ],
                resources=["*"],  # these actions know no resource
            ),
            # With a customer key, the event of a lost execution has no input; the execution has.
            iam.PolicyStatement(
                actions=["states:DescribeExecution"],
                resources=[self._states_arn("execution", f"{MACHINE}:*")],
            ),
            self._use_key("kms:Decrypt"),
            # What Lambda does in the function's name with an event that it could not handle.
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.unreported.queue_arn]),
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self._key.key_arn]
            ),
        ]

    def _use_key(self, *actions: str) -> iam.PolicyStatement:
        """Allow using the machine's key, and that only by way of Step Functions."""
        return iam.PolicyStatement(
            actions=list(actions),
            resources=[self._key.key_arn],
            conditions={
                "StringEquals": {
                    "kms:EncryptionContext:aws:states:stateMachineArn": self._states_arn(
                        "stateMachine", MACHINE
                    )
                }
            },
        )

    def _states_arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
