import json
from typing import Any

import msgspec
import pytest
from botocore.stub import ANY
from engine.change_report import by_verb
from engine.errors import StackFailedError, StackInProgressError
from engine.models import Change, Finished, Output, WaitRequest
from engine.stacks import HOLD_DATA
from wait.progress import when_finished

from tests.support.stacks import NAME, STACK_ID, events_are


def confirmed() -> None:
    """Confirm every operation."""


@pytest.fixture
def request_to(request_of: Any) -> Any:
    def build(name: str, stack_id: Any = STACK_ID, changes: Any = ()) -> WaitRequest:
        return msgspec.convert(request_of(name, stackId=stack_id, changes=changes), WaitRequest)

    return build


def stack_is(stub: Any, status: str, **more: Any) -> Any:
    stack = {"StackName": NAME, "StackId": STACK_ID, "StackStatus": status, "CreationTime": 0, **more}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK_ID})


@pytest.mark.parametrize("kind", ["provision", "update"])
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE"])
def test_a_finished_stack_gives_its_outputs(
    cloudformation: Any, request_to: Any, kind: str, status: str
) -> None:
    client, stub = cloudformation
    request = request_to(kind)
    outputs = [
        {"OutputKey": "Port", "OutputValue": "5432"},
        {"OutputKey": "Host", "OutputValue": "db", "Description": "Where it is."},
    ]
    stack_is(stub, status, Outputs=outputs)
    events_are(stub, request.record_id, (NAME, status, ""))
    if status == "CREATE_COMPLETE":
        stub.add_response("set_stack_policy", {}, None)
    assert when_finished(client, request, confirmed).outputs == [
        Output(key="Port", value="5432"),
        Output(key="Host", value="db", description="Where it is."),
    ]


@pytest.mark.parametrize("kind", ["provision", "update"])
def test_a_stack_that_was_created_is_protected_at_once(
    cloudformation: Any, request_to: Any, kind: str
) -> None:
    # GIVEN a launch, or an update that had to launch, that has just succeeded
    client, stub = cloudformation
    request = request_to(kind)
    stack_is(stub, "CREATE_COMPLETE")
    events_are(stub, request.record_id, (NAME, "CREATE_COMPLETE", ""))
    stub.add_response("set_stack_policy", {}, {"StackName": STACK_ID, "StackPolicyBody": ANY})
    policies = []
    client.meta.events.register_first(
        "provide-client-params.cloudformation.SetStackPolicy",
        lambda params, **_: policies.append(json.loads(params["StackPolicyBody"])),
    )
    # WHEN it is noticed, THEN CloudFormation is told what must not be lost
    when_finished(client, request, confirmed)
    allowed, denied = policies[0]["Statement"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "Update:*")
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Replace", "Update:Delete"])
    assert denied["Condition"]["StringEquals"]["ResourceType"] == list(HOLD_DATA)


def test_what_has_really_changed_is_told_with_the_properties_that_were_planned(
    cloudformation: Any, request_to: Any
) -> None:
    # GIVEN an update that was planned to change a role too, which turned out to stay as it is
    client, stub = cloudformation
    planned = [
        {"logicalId": "Database", "type": "T", "action": "Modify", "properties": ["MultiAZ", "Tags"]},
        {"logicalId": "Group", "type": "T", "action": "Modify", "replacement": "Conditional"},
        {"logicalId": "Role", "type": "T", "action": "Modify", "properties": ["Policies"]},
    ]
    request = request_to("update", changes=planned)
    stack_is(stub, "UPDATE_COMPLETE")
    events_are(
        stub,
        request.record_id,
        (NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
        ("Alarm", "CREATE_IN_PROGRESS", ""),
        ("Alarm", "CREATE_COMPLETE", ""),
        (
            "Group",
            "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource",
            1,
        ),
        ("Group", "UPDATE_COMPLETE", "", 2),
        ("Database", "UPDATE_IN_PROGRESS", ""),
        ("Database", "UPDATE_COMPLETE", ""),
        (NAME, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("Group", "DELETE_COMPLETE", "", 1),
        ("Topic", "DELETE_COMPLETE", ""),
        (NAME, "UPDATE_COMPLETE", ""),
    )
    # WHEN it has succeeded, THEN the role is not among the changes
    resource = "AWS::RDS::DBInstance"
    assert when_finished(client, request, confirmed).changes == [
        Change(logical_id="Alarm", type=resource, action="Add"),
        Change(logical_id="Database", type=resource, action="Modify", properties=["MultiAZ", "Tags"]),
        Change(logical_id="Group", type=resource, action="Modify", replacement="True"),
        Change(logical_id="Topic", type=resource, action="Remove"),
    ]


def test_what_an_update_could_not_delete_is_told_with_its_name_and_the_reason(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    request = request_to("update")
    stack_is(stub, "UPDATE_COMPLETE")
    events_are(
        stub,
        request.record_id,
        ("Group", "UPDATE_COMPLETE", "", 2),
        (NAME, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("Group", "DELETE_FAILED", "not authorized", 1),
        ("Topic", "DELETE_FAILED", "is busy"),
        ("Queue", "DELETE_FAILED", "is busy"),
        ("Queue", "DELETE_COMPLETE", ""),
        (NAME, "UPDATE_COMPLETE", ""),
    )
    changes = when_finished(client, request, confirmed).changes
    assert [(change.logical_id, change.action) for change in changes] == [
        ("Group", "Modify"),
        ("Group", "Leave"),
        ("Queue", "Remove"),
        ("Topic", "Leave"),
    ]
    assert next(iter(by_verb(changes))) == "left behind"
    assert by_verb(changes)["left behind"][0].endswith(": not authorized)")


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "REVIEW_IN_PROGRESS",
    ],
)
def test_a_stack_that_has_not_come_to_rest_is_in_progress(
    cloudformation: Any, request_to: Any, status: str
) -> None:
    client, stub = cloudformation
    stack_is(stub, status)
    with pytest.raises(StackInProgressError, match=status):
        when_finished(client, request_to("provision"), confirmed)


def test_an_update_whose_events_are_not_there_yet_is_not_taken_for_done(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    events_are(stub, "rec-of-the-launch", (NAME, "CREATE_COMPLETE", ""))
    described = {"StackId": STACK_ID, "ChangeSetId": "id", "Status": "CREATE_COMPLETE", "Changes": []}
    stub.add_response("describe_change_set", described, None)
    with pytest.raises(StackInProgressError):
        when_finished(client, request_to("update"), confirmed)


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_an_update_without_changes_is_done(cloudformation: Any, request_to: Any, status: str) -> None:
    client, stub = cloudformation
    stack_is(stub, status)
    events_are(stub, "rec-of-another-update", (NAME, status, ""))
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", "no", 404)
    assert when_finished(client, request_to("update"), confirmed) == Finished()


def test_a_failed_launch_says_what_to_do_and_then_names_every_cause(
    cloudformation: Any, request_to: Any
) -> None:
    # GIVEN a launch in which one resource failed and others were cancelled for it
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, "DELETE_COMPLETE")
    events_are(
        stub,
        request.record_id,
        (NAME, "CREATE_IN_PROGRESS", "User Initiated"),
        ("Bucket", "CREATE_FAILED", "Resource creation cancelled"),
        ("Database", "CREATE_FAILED", "No capacity for db.r6g.xlarge."),
        ("Alarm", "CREATE_FAILED", "Something later"),
        (NAME, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Database, Bucket]."),
    )
    # WHEN it has come to rest, THEN the user reads the cause
    with pytest.raises(StackFailedError) as failed:
        when_finished(client, request, confirmed)
    assert str(failed.value) == (
        "The launch failed at Database (AWS::RDS::DBInstance), Alarm (AWS::RDS::DBInstance), was undone and "
        "left nothing behind. Correct the cause, then update this provisioned product to try again, or "
        "terminate it. AWS said: Database (AWS::RDS::DBInstance): No capacity for db.r6g.xlarge; Alarm "
        "(AWS::RDS::DBInstance): Something later."
    )


@pytest.mark.parametrize(
    ("kind", "status", "advice"),
    [
        ("update", "UPDATE_ROLLBACK_COMPLETE", "everything is as it was before"),
        (
            "terminate",
            "DELETE_FAILED",
            "Remove what blocks the deletion, then terminate this .* product again",
        ),
        ("provision", "ROLLBACK_COMPLETE", "then terminate this provisioned product\\. AWS said: Nope"),
        ("update", "UPDATE_FAILED", "Do not terminate .* would delete the database"),
    ],
)
def test_each_way_to_fail_has_its_advice(
    cloudformation: Any, request_to: Any, kind: str, status: str, advice: str
) -> None:
    client, stub = cloudformation
    request = request_to(kind)
    stack_is(stub, status)
    events_are(stub, request.record_id, ("Database", "UPDATE_FAILED", "Nope"))
    with pytest.raises(StackFailedError, match=advice):
        when_finished(client, request, confirmed)


def test_an_update_that_could_not_be_undone_names_both_causes(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    request = request_to("update")
    stack_is(stub, "UPDATE_ROLLBACK_FAILED")
    events_are(
        stub,
        request.record_id,
        ("Alarm", "UPDATE_FAILED", "Bad threshold."),
        ("Database", "UPDATE_FAILED", "Resource update cancelled"),
        (NAME, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Alarm]."),
        ("Database", "UPDATE_FAILED", "Not available."),
        (NAME, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: [Database]."),
    )
    with pytest.raises(StackFailedError) as failed:
        when_finished(client, request, confirmed)
    assert str(failed.value) == (
        "The update failed at Alarm (AWS::RDS::DBInstance), and undoing it failed as well at Database "
        "(AWS::RDS::DBInstance). Do not terminate this provisioned product: that would delete the database. "
        "Remove the second cause, then update again: that first continues to undo this update. AWS said: Bad "
        "threshold; when undoing Database (AWS::RDS::DBInstance): Not available."
    )


@pytest.mark.parametrize("status", ["DELETE_FAILED", "ROLLBACK_FAILED"])
def test_a_launch_that_could_not_be_undone_names_both_causes_to_who_never_terminated(
    cloudformation: Any, request_to: Any, status: str
) -> None:
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, status)
    events_are(
        stub,
        request.record_id,
        (NAME, "CREATE_IN_PROGRESS", "User Initiated"),
        ("Database", "CREATE_FAILED", "No capacity."),
        (NAME, f"{status.split('_')[0]}_IN_PROGRESS", "The following resource(s) failed to create"),
        ("Database", "DELETE_COMPLETE", ""),
        ("Vpc", "DELETE_FAILED", "It has dependencies."),
        (NAME, status, "The following resource(s) failed to delete: [Vpc]."),
    )
    with pytest.raises(StackFailedError) as failed:
        when_finished(client, request, confirmed)
    assert str(failed.value) == (
        "The launch failed at Database (AWS::RDS::DBInstance), and undoing it failed as well at Vpc "
        f"(AWS::RDS::DBInstance): parts of stack {NAME} are left. Remove the second cause, then terminate "
        "this provisioned product. AWS said: No capacity; when undoing Vpc (AWS::RDS::DBInstance): It has "
        "dependencies."
    )


def test_a_termination_that_fails_names_every_resource_and_what_became_of_the_database(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    request = request_to("terminate")
    stack_is(stub, "DELETE_FAILED")
    reasons = [("Database", "Protected."), ("Group", "In use. " * 300), ("Vpc", "It has dependencies.")]
    events_are(
        stub,
        request.record_id,
        (NAME, "DELETE_IN_PROGRESS", "User Initiated"),
        *((name, "DELETE_FAILED", reason) for name, reason in reasons),
        (NAME, "DELETE_FAILED", "The following resource(s) failed to delete"),
    )
    with pytest.raises(StackFailedError) as failed:
        when_finished(client, request, confirmed)
    told = str(failed.value)
    assert told.startswith(
        f"Stack {NAME} could not be deleted as a whole: it failed at Database (AWS::RDS::DBInstance), Group "
        "(AWS::RDS::DBInstance), Vpc (AWS::RDS::DBInstance). The database is still there, with its "
        "automated backups. Everything that does not depend on these resources is gone. Remove what blocks "
        "the deletion, then terminate this provisioned product again. AWS said: Database "
        "(AWS::RDS::DBInstance): Protected; Group"
    )
    assert told.endswith("…; Vpc (AWS::RDS::DBInstance): It has dependencies.")
    assert len(told) <= 2048


def test_failures_of_earlier_operations_are_not_blamed(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    request = request_to("update")
    stack_is(stub, "UPDATE_ROLLBACK_COMPLETE", StackStatusReason="Rolled back")
    old = {"StackId": STACK_ID, "EventId": "1", "StackName": NAME, "Timestamp": 0}
    events = [
        {**old, "ClientRequestToken": request.record_id, "ResourceStatus": "UPDATE_ROLLBACK_COMPLETE"},
        {
            **old,
            "ClientRequestToken": "earlier",
            "ResourceStatus": "UPDATE_FAILED",
            "LogicalResourceId": "Old",
        },
    ]
    stub.add_response("describe_stack_events", {"StackEvents": events}, None)
    with pytest.raises(
        StackFailedError, match=r"^The update failed and was undone; .* AWS said: Rolled back\.$"
    ):
        when_finished(client, request, confirmed)


def test_a_deletion_is_done_when_the_stack_is_gone(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    request = request_to("terminate")
    stack_is(stub, "DELETE_COMPLETE")
    events_are(stub, request.record_id, (NAME, "DELETE_COMPLETE", ""))
    assert when_finished(client, request, confirmed) == Finished()


def test_a_deletion_is_not_done_before_it_has_begun(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, "DELETE_FAILED")
    events_are(stub, "an-earlier-attempt", ("Bucket", "DELETE_FAILED", "not empty"))
    with pytest.raises(StackInProgressError):
        when_finished(client, request_to("terminate"), confirmed)


def test_there_is_no_waiting_for_what_never_existed(cloudformation: Any, request_to: Any) -> None:
    client, _ = cloudformation
    assert when_finished(client, request_to("terminate", None), confirmed) == Finished()
