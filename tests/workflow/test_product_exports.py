"""The product's state machine that exports a snapshot, in an interpreter of its language.

RDS's two calls are answered by functions in their place; everything else is as synthesized.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import Account

# A snapshot's date chooses what RDS does with it.
STAND_IN = """
import collections

calls = collections.Counter()
STATUSES = {
    "01": ["STARTING", "IN_PROGRESS", "COMPLETE"],
    "02": ["IN_PROGRESS", "FAILED"],
    "03": ["CANCELED"],
    "04": ["COMPLETE"],
}

def handle(event, context):
    task = event["ExportTaskIdentifier"]
    day = task.split("-")[-3]
    calls[task] += 1
    if context.function_name == "startExportTask":
        if day == "04":
            raise type("Rds.ExportTaskAlreadyExistsException", (Exception,), {})(task)
        return event
    status = STATUSES[day][min(calls[task], len(STATUSES[day])) - 1]
    cause = {"FailureCause": "The bucket is gone."} if status == "FAILED" else {}
    return {"ExportTasks": [{"ExportTaskIdentifier": task, "Status": status} | cause]}
"""


@pytest.fixture(scope="module")
def export(cloud: Cloud, role: str, product_template: Any) -> Callable[[str], Any]:
    """Run the workflow on RDS's event about a snapshot."""
    filled = {
        "EnvironmentSuffix": "dev",
        "AWS::Partition": "aws",
        "BackupsBucket": "backup-bucket-dev",
        "ExportsExportRole": "arn:export-role",
        "EncryptionKey": "arn:key",
    }
    properties = product_template["Resources"]["ExportsWorkflow"]["Properties"]
    definition = "".join(
        part if isinstance(part, str) else filled[part.get("Ref") or part["Fn::GetAtt"][0]]
        for part in properties["DefinitionString"]["Fn::Join"][1]
    )
    for call in ("startExportTask", "describeExportTasks"):
        function = Account(cloud).function(call, STAND_IN, Role=role)
        definition = definition.replace(f"arn:aws:states:::aws-sdk:rds:{call}", function)
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(name="export-workflow", roleArn=role, definition=definition)

    def export(snapshot: str) -> Any:
        event = {
            "source": "aws.rds",
            "detail-type": "RDS DB Snapshot Event",
            "detail": {
                "EventID": "RDS-EVENT-0091",
                "SourceIdentifier": snapshot,
                "SourceArn": f"arn:aws:rds:us-east-1:123456789012:snapshot:{snapshot}",
            },
        }
        execution = states.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(event)
        )["executionArn"]
        while (ended := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.01)
        history = states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        entered = [
            one["stateEnteredEventDetails"]["name"] for one in history if "stateEnteredEventDetails" in one
        ]
        scheduled = [
            json.loads(one["lambdaFunctionScheduledEventDetails"]["input"])
            for one in history
            if "lambdaFunctionScheduledEventDetails" in one
        ]
        return ended | {"states": entered, "calls": scheduled}

    return export


def test_a_snapshot_is_exported_under_its_name_and_watched_until_it_is_there(
    export: Callable[[str], Any],
) -> None:
    execution = export("rds:database-dev-2026-11-01-06-03")
    look = ["Wait for export", "Look at export", "Exported?"]
    assert execution["status"] == "SUCCEEDED"
    assert execution["states"] == ["Ours?", "Start export", *look, *look, *look, "Exported"]
    assert execution["calls"][0] == {
        "ExportTaskIdentifier": "rds-database-dev-2026-11-01-06-03",
        "SourceArn": "arn:aws:rds:us-east-1:123456789012:snapshot:rds:database-dev-2026-11-01-06-03",
        "S3BucketName": "backup-bucket-dev",
        "S3Prefix": "exports",
        "IamRoleArn": "arn:export-role",
        "KmsKeyId": "arn:key",
    }
    assert execution["calls"][-1] == {"ExportTaskIdentifier": "rds-database-dev-2026-11-01-06-03"}


def test_a_failed_export_fails_with_rds_reason(export: Callable[[str], Any]) -> None:
    execution = export("rds:database-dev-2026-11-02-06-03")
    assert (execution["status"], execution["error"], execution["cause"]) == (
        "FAILED",
        "Export FAILED",
        "The bucket is gone.",
    )


def test_a_cancelled_export_is_none(export: Callable[[str], Any]) -> None:
    execution = export("rds:database-dev-2026-11-03-06-03")
    assert (execution["error"], execution["cause"]) == ("Export CANCELED", "RDS names no cause")


def test_a_second_event_of_a_snapshot_starts_no_second_export(export: Callable[[str], Any]) -> None:
    execution = export("rds:database-dev-2026-11-04-06-03")
    assert execution["status"] == "SUCCEEDED"
    assert execution["states"].count("Start export") == 1
    assert execution["states"][-1] == "Exported"


@pytest.mark.parametrize(
    "snapshot",
    [
        "rds:database-dev-2-2026-11-01-06-03",
        "rds:database-dev2-2026-11-01-06-03",
        "by-hand",
        "rds:database-dev-",
    ],
)
def test_the_snapshot_of_another_database_is_let_be(export: Callable[[str], Any], snapshot: str) -> None:
    execution = export(snapshot)
    assert (execution["status"], execution["calls"]) == ("SUCCEEDED", [])
    assert execution["states"] == ["Ours?", "Another database's"]
