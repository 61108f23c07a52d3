"""The provisioning engine: queues, functions, a state machine and the safety net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from product_template.acknowledgements import SERVERLESS, SOLUTIONS, acknowledge
from product_template.launch_account import EXECUTION_ROLE
from product_template.releasing import released_versions

from ..permissions.engine import MACHINE_ARN, to_launch, to_receive, to_report, to_start, to_sweep
from ..permissions.launch_roles import SERVICE_CATALOG, read_artifacts, read_records
from ..permissions.policy import Permission
from .function import EngineFunction, bundled_code
from .machine import LOG_GROUP, EngineMachine
from .queue import EngineQueue
from .safety_net import report_ended_executions, sweep_regularly

# The first step, and each one that changes something, asks Service Catalog to confirm the operation.
CONFIRM = ("validate", "plan", "snapshot", "apply", "wait", "subscribe")


class Engine(Construct):
    """Does the operations that Service Catalog puts into its queues, and answers each one exactly once.

    Service Catalog finds the queues and the parser by their fixed names (Administrator Guide, "External
    engines for Service Catalog"), so an account has at most one such engine in a region.

    Args:
        scope: the stack.
        construct_id: its id.
        versions: the directory of the versions that it launches.
        key: encrypts queues, logs, and the state machine's definition and history.
        log_retention: for every log group of the engine.
        accounts: the accounts whose users may launch, the hub account included.
        step_concurrency: how many operations may be in one step at the same time, for steps that call
            CloudFormation or RDS; 0 sets no limit.
        refuse_own_principals: whether the queues for operations refuse messages from principals of this
            account.

    Attributes:
        operations: the queues that Service Catalog puts operations into.
        dead_letters: messages that `receive` could not take, and events of ended executions that `report`
            could not handle. `report` and `sweep` both poll this queue and answer what is in it. If one of
            them fails on a message, the other gets it after the visibility timeout.
        unreported: operations that could not be answered. `sweep` tries again; the rest needs a person.
        unconfirmed: operations that Service Catalog does not confirm. A person confirms or drops them.
        functions: by verb.
        machine: the state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        versions: Path,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
        accounts: Sequence[str],
        step_concurrency: int,
        refuse_own_principals: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self._refuse_own_principals = refuse_own_principals
        self._key = key
        self._step_concurrency = step_concurrency
        self.functions: dict[str, EngineFunction] = {}
        self._log_retention = log_retention
        self._accounts = accounts
        self._code = bundled_code()
        self.unreported = EngineQueue(self, "Unreported", key=key)
        last = "R24: only a person can decide about what is in it, and an alarm tells them."
        self.unconfirmed = EngineQueue(self, "Unconfirmed", key=key)
        for queue in (self.unreported, self.unconfirmed):
            acknowledge(queue, "SQS3", SOLUTIONS, because=last)
            acknowledge(queue, "SQSRedrivePolicy", SERVERLESS, because=last)
        # A message is tried every six minutes for a hundred hours: maxReceiveCount is 1000 at most.
        self.dead_letters = EngineQueue(
            self,
            "DeadLetters",
            key=key,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.unreported, max_receive_count=1000),
        )

        self._parser()
        report = self._report()
        self.machine = EngineMachine(
            self,
            "Workflow",
            functions={
                # Lambda takes 4 KB of environment variables, which is enough for fifty versions.
                "validate": self._step("validate", {"RELEASED": _released(versions)}, calls_apis=True),
                "plan": self._step("plan", {"EXECUTION_ROLE_NAME": EXECUTION_ROLE}, calls_apis=True),
                "snapshot": self._step("snapshot", calls_apis=True),
                "apply": self._step("apply", calls_apis=True),
                "wait": self._step("wait", calls_apis=True),
                "verify": self._step("verify", calls_apis=True),
                "subscribe": self._step("subscribe"),
                "report": report,
            },
            unconfirmed=self.unconfirmed,
            key=key,
            log_group=self._log_group("WorkflowLog", LOG_GROUP),
        )
        self.operations = self._receive_operations()
        sweep = self._sweep()
        # Lambda polls for both: if one function is broken, the other still gets some of the messages.
        for function in (report, sweep):
            self.dead_letters.feed(function)
        report_ended_executions(self, report, self.machine, self.dead_letters)
        sweep_regularly(self, sweep)

    def _report(self) -> EngineFunction:
        return self._function(
            "report",
            [
                *to_receive(self._key.key_arn, [self.dead_letters.queue_arn]),
                *to_report(self._key.key_arn, [self.dead_letters.queue_arn, self.unreported.queue_arn]),
            ],
            {"STATE_MACHINE_ARN": MACHINE_ARN, "UNREPORTED_QUEUE_URL": self.unreported.queue_url},
            undelivered="R24: the on-failure destination takes its events, with the error.",
        )

    def _sweep(self) -> EngineFunction:
        return self._function(
            "sweep",
            [
                *to_receive(self._key.key_arn, [self.dead_letters.queue_arn]),
                *to_sweep(self._key.key_arn, [self.unreported.queue_arn]),
                *to_report(self._key.key_arn, [self.unreported.queue_arn]),
            ],
            {
                "STATE_MACHINE_ARN": MACHINE_ARN,
                "DEAD_LETTERS_QUEUE_URL": self.dead_letters.queue_url,
                "UNREPORTED_QUEUE_URL": self.unreported.queue_url,
            },
            undelivered="R24: its events hold nothing; the next one comes after a quarter of an hour.",
            # Enough for a thousand answers, and less than the visibility timeout of the queues it empties.
            timeout=Duration.minutes(5),
        )

    def _parser(self) -> None:
        parser = self._function(
            "parse_parameters",
            # When an administrator views a version outside a portfolio, there is no launch role: the function
            # reads the artifact with its own permissions.
            [*to_launch(self._accounts), read_artifacts()],
            undelivered="R5: Service Catalog, its caller, waits for the answer that is the launch form.",
            name="ServiceCatalogExternalParameterParser",
        )
        for number, account in enumerate(self._accounts):
            parser.add_permission(
                f"ServiceCatalog{number}",
                principal=iam.ServicePrincipal(SERVICE_CATALOG),
                source_account=account,
            )

    def _receive_operations(self) -> list[EngineQueue]:
        queues = [
            EngineQueue(
                self,
                operation,
                key=self._key,
                name=f"ServiceCatalogExternal{operation}OperationQueue",
                # Five tries take half an hour, in which a throttled or broken function can recover. Five is
                # the least that the Lambda Developer Guide advises ("Using Lambda with Amazon SQS").
                dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=5),
            )
            for operation in ("Provision", "Update", "Terminate")
        ]
        receive = self._function(
            "receive",
            [
                *to_receive(self._key.key_arn, [queue.queue_arn for queue in queues]),
                *to_start(self._key.key_arn),
            ],
            {"STATE_MACHINE_ARN": self.machine.state_machine_arn},
            undelivered="R4: the messages of launches that it cannot receive stay in queues with a "
            "dead-letter queue.",
        )
        for queue in queues:
            queue.let_service_catalog_send(self._accounts)
            if self._refuse_own_principals:
                queue.refuse_own_principals()
            queue.feed(receive)
        return queues

    def _step(
        self, verb: str, environment: Mapping[str, str] | None = None, *, calls_apis: bool = False
    ) -> EngineFunction:
        """Make the function of a step. `calls_apis` of CloudFormation or RDS limits its concurrency."""
        return self._function(
            verb,
            [*to_launch(self._accounts), *([read_records()] if verb in CONFIRM else [])],
            environment,
            undelivered="R4: the state machine, its caller, waits for the answer and handles the error.",
            concurrency=self._step_concurrency if calls_apis else 0,
        )

    def _function(
        self,
        verb: str,
        permissions: Sequence[Permission],
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> EngineFunction:
        self.functions[verb] = function = EngineFunction(
            self,
            verb,
            code=self._code,
            log_group=self._log_group(f"{verb}Log"),
            permissions=permissions,
            environment=environment,
            **options,
        )
        return function

    def _log_group(self, construct_id: str, name: str | None = None) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            construct_id,
            log_group_name=name,
            retention=self._log_retention,
            encryption_key=self._key,
            removal_policy=RemovalPolicy.DESTROY,
        )


def _released(versions: Path) -> str:
    """Return `version=SHA-256` for every released version, separated by commas."""
    return ",".join(
        f"{name.removesuffix(released_versions.ENDING)}={digest}"
        for name, digest in released_versions.digests(versions).items()
    )
