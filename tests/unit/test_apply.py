from typing import Any

import msgspec
import pytest
from apply.changes import apply
from botocore.exceptions import ClientError
from botocore.stub import ANY
from engine.models import ApplyRequest

from tests.support.stacks import STACK_ID

CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/rec/5678"


@pytest.fixture
def request_to(request_of: Any) -> Any:
    def build(name: str, stack_id: Any = STACK_ID, change_set: Any = CHANGE_SET) -> Any:
        return msgspec.convert(request_of(name, stackId=stack_id, changeSetArn=change_set), ApplyRequest)

    return build


def stack_is(stub: Any, status: str) -> Any:
    stack = {"StackName": "TapStack", "StackId": STACK_ID, "StackStatus": status, "CreationTime": 0}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK_ID})


def events_are(stub: Any, *tokens: Any) -> Any:
    events = [
        {"StackId": STACK_ID, "EventId": token, "StackName": "n", "Timestamp": 0, "ClientRequestToken": token}
        for token in tokens
    ]
    stub.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": STACK_ID})


def test_a_launch_executes_its_change_set_under_the_record_id(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, "REVIEW_IN_PROGRESS")
    name = request.record_id
    expected = {"StackName": STACK_ID, "ChangeSetName": name, "ClientRequestToken": name}
    stub.add_response("execute_change_set", {}, expected)
    apply(client, request)


def test_before_an_update_cloudformation_is_told_what_must_not_be_lost(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    stub.add_response("set_stack_policy", {}, {"StackName": STACK_ID, "StackPolicyBody": ANY})
    stub.add_response("execute_change_set", {}, None)
    apply(client, request_to("update"))


def test_a_repeated_execution_of_ours_is_fine(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, "CREATE_IN_PROGRESS")
    stub.add_client_error("execute_change_set", "InvalidChangeSetStatus", "EXECUTE_IN_PROGRESS", 400)
    events_are(stub, "somebody-else", request.record_id)
    apply(client, request)


@pytest.mark.parametrize("status", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"])
def test_a_repeated_execution_without_an_event_yet_is_fine(
    cloudformation: Any, request_to: Any, status: str
) -> None:
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, "CREATE_IN_PROGRESS")
    stub.add_client_error("execute_change_set", "InvalidChangeSetStatus", status, 400)
    events_are(stub)
    asked = {"StackName": STACK_ID, "ChangeSetName": request.record_id, "IncludePropertyValues": True}
    stub.add_response("describe_change_set", {"ExecutionStatus": status}, asked)
    apply(client, request)


def test_a_change_set_that_can_not_be_executed_is_an_error(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_IN_PROGRESS")
    stub.add_client_error("execute_change_set", "InvalidChangeSetStatus", "OBSOLETE", 400)
    events_are(stub, "somebody-else")
    stub.add_response("describe_change_set", {"ExecutionStatus": "OBSOLETE"}, None)
    with pytest.raises(ClientError, match="OBSOLETE"):
        apply(client, request_to("provision"))


def test_terminating_deletes_the_stack_with_the_role_it_was_made_with(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    request = request_to("terminate", change_set=None)
    expected = {"StackName": STACK_ID, "ClientRequestToken": request.record_id}
    stub.add_response("delete_stack", {}, expected)
    apply(client, request)


@pytest.mark.parametrize(("name", "stack_id"), [("terminate", None), ("update", STACK_ID)])
def test_nothing_planned_is_nothing_done(
    cloudformation: Any, request_to: Any, name: str, stack_id: Any
) -> None:
    client, _ = cloudformation
    apply(client, request_to(name, stack_id, None))
