"""The export of every automated snapshot to the backup bucket, without Lambda code."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from product_template.acknowledgements import SERVERLESS, acknowledge
from product_template.encryption import Encryption, arn, on_behalf_of
from product_template.export_workflow import export_workflow
from product_template.naming import Naming
from product_template.roles import service_role

PREFIX = "exports"
# RDS User Guide, "Amazon RDS event categories and event messages": an automated snapshot was created.
AUTOMATED_SNAPSHOT_CREATED = "RDS-EVENT-0091"


class Exports(Construct):
    """A state machine that exports a snapshot as Apache Parquet, and the rule that starts it.

    If an export fails, its execution fails, so the state machine's metrics show whether exports work.

    Attributes:
        workflow: the state machine.
        rule: the EventBridge rule.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        naming: Naming,
        encryption: Encryption,
        database: str,
        bucket: s3.Bucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self._naming = naming
        self._database = database
        self._name = naming.of("export-workflow")
        export_role = self._export_role(encryption, bucket)
        log = encryption.log_group(self, "Log", f"/aws/vendedlogs/states/{self._name}")
        self.workflow = sfn.StateMachine(
            self,
            "Workflow",
            state_machine_name=self._name,
            comment="Exports an automated snapshot to the backup bucket",
            definition_body=sfn.DefinitionBody.from_chainable(
                export_workflow(
                    self,
                    database=database,
                    bucket=bucket.bucket_name,
                    prefix=PREFIX,
                    role_arn=export_role.role_arn,
                    key_arn=encryption.key.key_arn,
                )
            ),
            query_language=sfn.QueryLanguage.JSONATA,
            role=self._workflow_role(encryption, export_role).without_policy_updates(),
            timeout=cdk.Duration.days(1),
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=True),
            tracing_enabled=True,
        )
        self.rule = self._rule()

    def _export_role(self, encryption: Encryption, bucket: s3.Bucket) -> iam.Role:
        """Make the role that RDS writes the export with (RDS, "Providing access to an Amazon S3 bucket")."""
        objects = bucket.arn_for_objects(f"{PREFIX}/*")
        return service_role(
            self,
            "ExportRole",
            naming=self._naming,
            kind="export",
            service="export.rds.amazonaws.com",
            when=on_behalf_of(arn("rds", "*")),
            statements=[
                iam.PolicyStatement(
                    actions=["s3:PutObject*", "s3:GetObject*", "s3:DeleteObject*"],
                    resources=[objects],
                ),
                iam.PolicyStatement(
                    actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[bucket.bucket_arn]
                ),
                iam.PolicyStatement(
                    actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                    resources=[encryption.key.key_arn],
                ),
            ],
            wildcards=dict.fromkeys(
                (
                    "Action::s3:PutObject*",
                    "Action::s3:GetObject*",
                    "Action::s3:DeleteObject*",
                    f"Resource::{objects}",
                ),
                "R12: RDS refuses a role without these (RDS User Guide, Providing access to an Amazon S3 "
                "bucket); they hold below exports/ in this one bucket.",
            ),
        )

    def _workflow_role(self, encryption: Encryption, export_role: iam.Role) -> iam.Role:
        snapshots = arn("rds", f"snapshot:rds:{self._database}-*")
        return service_role(
            self,
            "WorkflowRole",
            naming=self._naming,
            kind="export-workflow",
            service="states.amazonaws.com",
            when=on_behalf_of(arn("states", f"stateMachine:{self._name}")),
            statements=[
                iam.PolicyStatement(actions=["rds:StartExportTask"], resources=[snapshots]),
                # It supports no resource-level permissions (Service Authorization Reference).
                iam.PolicyStatement(actions=["rds:DescribeExportTasks"], resources=["*"]),
                iam.PolicyStatement(
                    actions=["iam:PassRole"],
                    resources=[export_role.role_arn],
                    conditions={"StringEquals": {"iam:PassedToService": "export.rds.amazonaws.com"}},
                ),
                # RDS makes a grant for the export, with the permissions of whoever starts it.
                iam.PolicyStatement(
                    actions=["kms:CreateGrant", "kms:DescribeKey"], resources=[encryption.key.key_arn]
                ),
                *_logging_and_tracing(),
            ],
            wildcards={
                "Resource::*": "R24: log delivery, traces and DescribeExportTasks support no resource-level "
                "permissions.",
                f"Resource::{snapshots}": "R12: an automated snapshot's name ends in the time it was taken.",
            },
        )

    def _rule(self) -> events.CfnRule:
        name = self._naming.of("export-rule")
        role = service_role(
            self,
            "RuleRole",
            naming=self._naming,
            kind="export-rule",
            service="events.amazonaws.com",
            when=on_behalf_of(arn("events", f"rule/{name}")),
            statements=[
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[self.workflow.state_machine_arn]
                )
            ],
        )
        rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description="Exports each automated snapshot of the database",
            event_pattern={
                "source": ["aws.rds"],
                "detail-type": ["RDS DB Snapshot Event"],
                "detail": {
                    "EventID": [AUTOMATED_SNAPSHOT_CREATED],
                    # A snapshot's name continues with the year. Without 20, snapshots of database-prod-eu
                    # would start executions for database-prod, which export nothing but count as exports.
                    "SourceIdentifier": [{"prefix": f"rds:{self._database}-20"}],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Workflow", arn=self.workflow.state_machine_arn, role_arn=role.role_arn
                )
            ],
        )
        acknowledge(
            rule,
            "EventBusDLQ",
            SERVERLESS,
            because="R14: export-start-alarm fires when an event could not be delivered. The event holds "
            "only the snapshot's name, which RDS keeps; the runbook says how to export it by hand.",
        )
        return rule


def _logging_and_tracing() -> list[iam.PolicyStatement]:
    """Allow what Step Functions needs to write logs and traces; none of it has resource-level permissions.

    Step Functions Developer Guide, "Logging using CloudWatch Logs" and "Trace with AWS X-Ray".
    """
    return [
        iam.PolicyStatement(
            actions=[
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            resources=["*"],
        ),
        iam.PolicyStatement(
            actions=[
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            resources=["*"],
        ),
    ]
