"""The states of the state machine that exports one snapshot."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct


def export_workflow(
    scope: Construct, *, database: str, bucket: str, prefix: str, role_arn: str, key_arn: str
) -> sfn.IChainable:
    """Return the states. Their input is RDS's event about a snapshot.

    The export task is named after the snapshot. So a second event about the same snapshot starts no second
    export, but waits for the first.
    """
    wait = sfn.Wait(scope, "Wait for export", time=sfn.WaitTime.duration(cdk.Duration.minutes(5)))
    start = _call(
        scope,
        "Start export",
        "startExportTask",
        {
            "ExportTaskIdentifier": "{% $task %}",
            "SourceArn": "{% $states.input.detail.SourceArn %}",
            "S3BucketName": bucket,
            "S3Prefix": prefix,
            "IamRoleArn": role_arn,
            "KmsKeyId": key_arn,
        },
    )
    exists = "Rds.ExportTaskAlreadyExistsException"
    start.add_retry(errors=[exists], max_attempts=0)
    start.add_catch(wait, errors=[exists])
    look = _call(scope, "Look at export", "describeExportTasks", {"ExportTaskIdentifier": "{% $task %}"})
    for call in (start, look):
        call.add_retry(interval=cdk.Duration.minutes(1), backoff_rate=2, max_attempts=5)

    is_ours = (
        f"$match($states.input.detail.SourceIdentifier, /^rds:{database}-\\d{{4}}(-\\d\\d){{4}}$/)"
        " ? true : false"
    )
    # The rule compares prefixes only: rds:database-a-20 matches snapshots of database-a-2024, too.
    ours = sfn.Choice.jsonata(scope, "Ours?").when(
        _holds(is_ours),
        start.next(wait).next(look).next(_verdict(scope, wait)),
        assign={"task": "{% $replace($states.input.detail.SourceIdentifier, ':', '-') %}"},
    )
    return ours.otherwise(sfn.Succeed.jsonata(scope, "Another database's"))


def _verdict(scope: Construct, wait: sfn.Wait) -> sfn.Choice:
    """Decide by the statuses of an export task (RDS API reference, "ExportTask")."""
    status = "$states.input.ExportTasks[0].Status"
    cause = "$states.input.ExportTasks[0].FailureCause"
    failed = sfn.Fail.jsonata(
        scope,
        "Not exported",
        error=f"{{% 'Export ' & {status} %}}",
        cause=f"{{% {cause} ? {cause} : 'RDS names no cause' %}}",
    )
    return (
        sfn.Choice.jsonata(scope, "Exported?")
        .when(_holds(f"{status} = 'COMPLETE'"), sfn.Succeed.jsonata(scope, "Exported"))
        .when(_holds(f"{status} in ['STARTING', 'IN_PROGRESS']"), wait)
        .otherwise(failed)
    )


def _holds(expression: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% {expression} %}}")


def _call(scope: Construct, state: str, action: str, parameters: dict[str, str]) -> tasks.CallAwsService:
    # The state machine's role has the permissions; `iam_resources` would only matter to a role of the CDK's.
    return tasks.CallAwsService.jsonata(
        scope, state, service="rds", action=action, parameters=parameters, iam_resources=["*"]
    )
