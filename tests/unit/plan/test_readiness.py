from typing import Any

import msgspec
import pytest
from engine.errors import (
    DatabaseNotModifiableError,
    RollbackFailedError,
    RollbackInProgressError,
    StackBusyError,
    StackDeletedError,
    StackUnusableError,
)
from engine.models import PlanRequest
from plan.database import require_modifiable
from plan.readiness import change_set_type

from tests.support.databases import database
from tests.support.stacks import NAME, STACK_ID, deleted_stacks_are, events_are


@pytest.fixture
def request_to(request_of: Any) -> Any:
    return lambda name: msgspec.convert(request_of(name, parameters={}), PlanRequest)


def stack(status: str) -> Any:
    return {"StackName": NAME, "StackId": STACK_ID, "StackStatus": status}


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_at_rest_is_updated(cloudformation: Any, request_to: Any, status: str) -> None:
    client, _ = cloudformation
    assert change_set_type(client, request_to("update"), stack(status)) == "UPDATE"


def test_the_empty_stack_of_a_change_set_is_created(cloudformation: Any, request_to: Any) -> None:
    client, _ = cloudformation
    assert change_set_type(client, request_to("update"), stack("REVIEW_IN_PROGRESS")) == "CREATE"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_a_stack_that_somebody_changes_is_busy(cloudformation: Any, request_to: Any, status: str) -> None:
    client, _ = cloudformation
    with pytest.raises(StackBusyError, match=f"is {status}"):
        change_set_type(client, request_to("update"), stack(status))


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("ROLLBACK_COMPLETE", "never launched completely. Terminate this provisioned product"),
        ("DELETE_FAILED", "parts of it are gone. Terminate this provisioned product again"),
        ("UPDATE_FAILED", "Do not terminate this provisioned product: that would delete the database"),
        (
            "IMPORT_ROLLBACK_FAILED",
            "Do not terminate this provisioned product: that would delete the database",
        ),
    ],
)
def test_a_stack_that_can_not_be_updated_is_explained(
    cloudformation: Any, request_to: Any, status: str, advice: str
) -> None:
    client, _ = cloudformation
    with pytest.raises(StackUnusableError, match=advice):
        change_set_type(client, request_to("update"), stack(status))


def test_a_failed_rollback_is_continued_once_for_a_record(cloudformation: Any, request_to: Any) -> None:
    # GIVEN a stack whose rollback failed during another record
    client, stub = cloudformation
    request = request_to("update")
    token = f"{request.record_id}-rollback"
    events_are(stub, "rec-of-another", ("Database", "UPDATE_FAILED", "Not now"))
    # WHEN it is looked at, THEN the rollback goes on
    stub.add_response("continue_update_rollback", {}, {"StackName": STACK_ID, "ClientRequestToken": token})
    with pytest.raises(RollbackInProgressError):
        change_set_type(client, request, stack("UPDATE_ROLLBACK_FAILED"))
    # AND if it has failed again, the reason is named, and it is not tried any more
    failures = [
        ("Role", "UPDATE_FAILED", "Resource update cancelled"),
        ("Key", "UPDATE_FAILED", "No."),
        ("Alarm", "UPDATE_FAILED", "No."),
    ]
    events_are(stub, token, *failures, (NAME, "UPDATE_ROLLBACK_FAILED", "[Key, Role]"))
    with pytest.raises(RollbackFailedError) as failed:
        change_set_type(client, request, stack("UPDATE_ROLLBACK_FAILED"))
    assert "failed again at Key (AWS::RDS::DBInstance), Alarm (AWS::RDS::DBInstance). Do not" in str(
        failed.value
    )
    assert str(failed.value).endswith(
        "AWS said: Key (AWS::RDS::DBInstance): No; Alarm (AWS::RDS::DBInstance): No."
    )
    assert "continue the rollback without Key, Alarm (CloudFormation console" in str(failed.value)


@pytest.mark.parametrize(
    "status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"]
)
def test_a_rollback_is_waited_for_whoever_began_it(cloudformation: Any, request_to: Any, status: str) -> None:
    client, _ = cloudformation
    with pytest.raises(RollbackInProgressError, match="still undoing an earlier update"):
        change_set_type(client, request_to("update"), stack(status))


def test_an_update_of_a_stack_that_somebody_deleted_does_not_launch_an_empty_database(
    cloudformation: Any, request_to: Any
) -> None:
    # GIVEN a stack that was launched at the second try, and then deleted
    client, stub = cloudformation
    deleted_stacks_are(stub, "the-failed-launch", "the-launch")
    launch = [(NAME, "CREATE_COMPLETE", ""), (NAME, "DELETE_COMPLETE", "")]
    events_are(stub, "rec-of-the-launch", *launch, stack_id="the-launch")
    # WHEN it is updated, THEN that is refused
    with pytest.raises(StackDeletedError, match="deleted on 02 November 2026 at 17:05 UTC"):
        change_set_type(client, request_to("update"), None)


def test_an_update_after_nothing_but_failed_launches_launches(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    deleted_stacks_are(stub, "the-failed-launch")
    launch = [(NAME, "CREATE_IN_PROGRESS", ""), ("Key", "CREATE_COMPLETE", ""), (NAME, "DELETE_COMPLETE", "")]
    events_are(stub, "rec-of-the-launch", *launch, stack_id="the-failed-launch")
    assert change_set_type(client, request_to("update"), None) == "CREATE"


def test_a_launch_does_not_ask_what_was_before(cloudformation: Any, request_to: Any) -> None:
    client, _ = cloudformation
    assert change_set_type(client, request_to("provision"), None) == "CREATE"


def modification(*names: str) -> Any:
    return {
        "LogicalResourceId": "Database",
        "PhysicalResourceId": "database-dev",
        "ResourceType": "AWS::RDS::DBInstance",
        "Action": "Modify",
        "Details": [{"Target": {"Attribute": "Properties", "Name": name}} for name in names],
    }


def status_is(stub: Any, status: str) -> None:
    stub.add_response(
        "describe_db_instances",
        {"DBInstances": [database(DBInstanceStatus=status)]},
        {"DBInstanceIdentifier": "database-dev"},
    )


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("available", ["EngineVersion"]),
        ("storage-optimization", ["BackupRetentionPeriod"]),
        ("storage-full", ["AllocatedStorage", "Tags"]),
    ],
)
def test_a_database_that_rds_modifies_now_may_be_changed(stubbed: Any, status: str, names: list[str]) -> None:
    rds, stub = stubbed("rds")
    status_is(stub, status)
    require_modifiable(lambda: rds, [modification(*names)])


@pytest.mark.parametrize(
    ("status", "names", "advice"),
    [
        ("backing-up", ["MultiAZ"], "Update again then"),
        ("maintenance", ["Tags"], "Update again then"),
        ("incompatible-parameters", ["MultiAZ"], "give this text to the platform team"),
        ("stopped", ["MultiAZ"], "Start it, then update again"),
        ("storage-optimization", ["AllocatedStorage"], "only after it has optimized it"),
        ("storage-full", ["MultiAZ"], "Update with more AllocatedStorage"),
    ],
)
def test_a_database_that_rds_does_not_modify_now_is_left_alone(
    stubbed: Any, status: str, names: list[str], advice: str
) -> None:
    rds, stub = stubbed("rds")
    status_is(stub, status)
    with pytest.raises(DatabaseNotModifiableError, match=f"in the status {status}.*{advice}"):
        require_modifiable(lambda: rds, [modification(*names)])


def test_a_database_that_somebody_deleted_is_missed(stubbed: Any) -> None:
    rds, stub = stubbed("rds")
    stub.add_client_error("describe_db_instances", "DBInstanceNotFound", "DBInstance not found", 404)
    with pytest.raises(DatabaseNotModifiableError, match="database-dev does not exist any more"):
        require_modifiable(lambda: rds, [modification("MultiAZ")])


def test_what_does_not_touch_the_database_does_not_ask_for_it() -> None:
    def rds() -> Any:
        raise AssertionError

    alarm = modification("Threshold") | {"ResourceType": "AWS::CloudWatch::Alarm"}
    require_modifiable(rds, [alarm, modification(), modification("MultiAZ") | {"Action": "Add"}])
