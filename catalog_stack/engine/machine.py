"""The state machine as a resource: its role, its log and its encryption."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ..permissions.engine import MACHINE, MACHINE_ARN, to_run
from ..permissions.policy import managed_policy
from .workflow import workflow

# A log group with this prefix adds nothing to the account's Logs resource policy, whose size is limited.
LOG_GROUP = f"/aws/vendedlogs/states/{MACHINE}"


class EngineMachine(sfn.StateMachine):
    """Takes an operation from its message to its answer.

    Args:
        scope: the construct it belongs to, as do its states and its role.
        construct_id: its id.
        functions: by verb.
        unconfirmed: takes operations that Service Catalog does not confirm.
        key: encrypts its definition and its history.
        log_group: named `LOG_GROUP`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, lambda_.IFunction],
        unconfirmed: sqs.IQueue,
        key: kms.IKey,
        log_group: logs.ILogGroup,
    ) -> None:
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            # Step Functions Developer Guide, "Creating an IAM role for your state machine".
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": MACHINE_ARN},
                },
            ),
            managed_policies=[
                managed_policy(
                    scope,
                    f"{construct_id}Policy",
                    "All that the TapStack engine's state machine may do",
                    to_run(
                        key.key_arn,
                        [each.function_arn for each in functions.values()],
                        unconfirmed.queue_arn,
                    ),
                )
            ],
        )
        super().__init__(
            scope,
            construct_id,
            # A fixed name, so that the policies of what it uses can name it.
            state_machine_name=MACHINE,
            role=role.without_policy_updates(),
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(workflow(scope, functions, unconfirmed)),
            timeout=Duration.hours(6),
            tracing_enabled=True,
            encryption_configuration=sfn.CustomerManagedEncryptionConfiguration(key),
            # Execution data holds Service Catalog's token, so the log gets none of it.
            logs=sfn.LogOptions(level=sfn.LogLevel.ALL, include_execution_data=False, destination=log_group),
            removal_policy=RemovalPolicy.DESTROY,
        )
