from typing import Any

import msgspec
import pytest
from engine.errors import (
    ChangeSetFailedError,
    ChangeSetInProgressError,
    DatabaseNotModifiableError,
    DataLossError,
    MessageInvalidError,
    UnaskedChangesError,
)
from engine.models import Planned, PlanRequest
from plan.changes import plan

from tests.support.databases import database
from tests.support.stacks import NAME, STACK_ID

CHANGE_SET_ID = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/rec/5678"


@pytest.fixture
def request_to(request_of: Any) -> Any:
    def build(name: str, **changes: Any) -> Any:
        return msgspec.convert(
            request_of(name, parameters={"EnvironmentSuffix": "dev"}) | changes, PlanRequest
        )

    return build


def stack_is(stub: Any, status: str | None) -> Any:
    if status is None:
        message = f"Stack with id {NAME} does not exist"
        stub.add_client_error("describe_stacks", "ValidationError", message, 400)
        return
    stack = {"StackName": NAME, "StackId": STACK_ID, "StackStatus": status, "CreationTime": 0}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": NAME})


def change_set_is(stub: Any, status: str, reason: str = "", changes: Any = (), next_token: Any = None) -> Any:
    described = {
        "StackName": NAME,
        "StackId": STACK_ID,
        "ChangeSetId": CHANGE_SET_ID,
        "ChangeSetName": "rec-1",
        "Status": status,
        "StatusReason": reason,
        "Changes": list(changes),
    }
    if next_token:
        described["NextToken"] = next_token
    stub.add_response("describe_change_set", described, None)


def change(logical_id: Any, resource_type: str, action: str = "Modify", replacement: str = "False") -> Any:
    details = {
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "Action": action,
        "Replacement": replacement,
    }
    return {"Type": "Resource", "ResourceChange": details}


PROPERTY = {
    "Target": {"Attribute": "Properties", "Name": "MultiAZ", "RequiresRecreation": "Conditionally"},
    "Evaluation": "Static",
    "ChangeSource": "DirectModification",
}


def planned(client: Any, request: PlanRequest, rds: Any = None) -> Planned:
    return plan(client, lambda: rds, request, "TapStackExecution")


def test_the_first_look_makes_one_change_set_that_creates_the_stack(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    request = request_to("provision")
    stack_is(stub, None)
    path = request.message["artifact"]["path"].removeprefix("S3://")
    bucket, key = path.split("/", 1)
    stub.add_response(
        "create_change_set",
        {"Id": CHANGE_SET_ID, "StackId": STACK_ID},
        {
            "StackName": NAME,
            "ChangeSetName": request.record_id,
            "ChangeSetType": "CREATE",
            "Description": f"Service Catalog record {request.record_id}",
            "TemplateURL": f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}",
            "Parameters": [{"ParameterKey": "EnvironmentSuffix", "ParameterValue": "dev"}],
            "Tags": [
                {"Key": "finops_project_name", "Value": "project-a"},
                {"Key": "finops_project_number", "Value": "2222"},
                {"Key": "tapstack:provisioned-product-id", "Value": "pp-wp3ziihdnvmse"},
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "RoleARN": "arn:aws:iam::123456789012:role/TapStackExecution",
            "OnStackFailure": "DELETE",
        },
    )
    with pytest.raises(ChangeSetInProgressError):
        planned(client, request)


@pytest.mark.parametrize("status", ["CREATE_PENDING", "CREATE_IN_PROGRESS"])
def test_later_looks_wait_for_that_change_set(cloudformation: Any, request_to: Any, status: str) -> None:
    client, stub = cloudformation
    stack_is(stub, "REVIEW_IN_PROGRESS")
    change_set_is(stub, status)
    with pytest.raises(ChangeSetInProgressError, match="still creating"):
        planned(client, request_to("provision"))


def test_an_existing_stack_is_updated(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, "UPDATE_ROLLBACK_COMPLETE")
    stub.add_client_error("describe_change_set", "ChangeSetNotFound", "ChangeSet [rec] does not exist", 404)
    made = []
    stub.add_response("create_change_set", {"Id": CHANGE_SET_ID, "StackId": STACK_ID}, None)
    client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: made.append(params)
    )
    with pytest.raises(ChangeSetInProgressError):
        planned(client, request_to("update"))
    assert made[0]["ChangeSetType"] == "UPDATE"
    assert "OnStackFailure" not in made[0]


def test_a_ready_change_set_is_handed_on_with_the_changes_of_all_pages(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    one, two = change("Alarm", "AWS::CloudWatch::Alarm"), change("Topic", "AWS::SNS::Topic", "Add")
    one["ResourceChange"]["Details"] = [PROPERTY, {"Target": {"Attribute": "Tags"}}, PROPERTY]
    change_set_is(stub, "CREATE_COMPLETE", changes=[one], next_token="more")
    change_set_is(stub, "CREATE_COMPLETE", changes=[two])
    result = planned(client, request_to("update")).to_json()
    assert result == {
        "stackId": STACK_ID,
        "changeSetArn": CHANGE_SET_ID,
        "changes": [
            {
                "logicalId": "Alarm",
                "type": "AWS::CloudWatch::Alarm",
                "action": "Modify",
                "replacement": "False",
                "properties": ["MultiAZ", "Tags"],
                "settings": {},
            },
            {
                "logicalId": "Topic",
                "type": "AWS::SNS::Topic",
                "action": "Add",
                "replacement": "False",
                "properties": [],
                "settings": {},
            },
        ],
    }


def test_a_reference_to_a_database_that_might_have_been_replaced_is_not_taken_for_a_change(
    cloudformation: Any, request_to: Any, stubbed: Any
) -> None:
    # GIVEN an alarm that refers to a database which CloudFormation can't tell whether it replaces
    client, stub = cloudformation
    rds, rds_stub = stubbed("rds")
    rds_stub.add_response("describe_db_instances", {"DBInstances": [database()]}, None)
    modified = change("Database", "AWS::RDS::DBInstance", replacement="Conditional")
    modified["ResourceChange"] |= {"PhysicalResourceId": "database-dev", "Details": [PROPERTY]}
    alarm = change("Alarm", "AWS::CloudWatch::Alarm", replacement="Conditional")
    refers = {"Evaluation": "Dynamic", "ChangeSource": "ResourceReference", "CausingEntity": "Database"}
    alarm["ResourceChange"]["Details"] = [
        PROPERTY | {"Target": {"Attribute": "Properties", "Name": "Threshold"}},
        refers | {"Target": {"Attribute": "Properties", "Name": "Dimensions"}},
    ]
    stack_is(stub, "CREATE_COMPLETE")
    change_set_is(stub, "CREATE_COMPLETE", changes=[modified, alarm])
    # WHEN the changes are told THEN the reference is none of them
    told = planned(client, request_to("update"), rds).changes
    assert [one.properties for one in told] == [["MultiAZ"], ["Threshold"]]
    # AND the settings of the database go along, to be compared with what comes of them
    assert [one.settings.get("MultiAZ") for one in told] == ["true", None]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. "
        "Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_a_plan_without_change_set(
    cloudformation: Any, request_to: Any, reason: str
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    change_set_is(stub, "FAILED", reason)
    stub.add_response("delete_change_set", {}, {"StackName": STACK_ID, "ChangeSetName": "rec-1"})
    result = planned(client, request_to("update"))
    assert (result.stack_id, result.change_set_arn) == (STACK_ID, None)


def test_a_launch_that_can_not_be_planned_leaves_no_empty_stack_behind(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "REVIEW_IN_PROGRESS")
    change_set_is(stub, "FAILED", "Parameter VpcCidr failed to satisfy constraint")
    stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    with pytest.raises(ChangeSetFailedError, match="Parameter VpcCidr failed to satisfy constraint"):
        planned(client, request_to("provision"))


def test_an_update_that_would_lose_data_is_refused_and_its_change_set_removed(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    change_set_is(stub, "CREATE_COMPLETE", changes=[change("Key", "AWS::KMS::Key", "Remove")])
    stub.add_response("delete_change_set", {}, {"StackName": STACK_ID, "ChangeSetName": "rec-1"})
    with pytest.raises(DataLossError, match="- Key "):
        planned(client, request_to("update"))


@pytest.mark.parametrize(
    ("found", "error", "words"),
    [
        (
            {"DBInstanceStatus": "backing-up"},
            DatabaseNotModifiableError,
            "database-dev is in the status backing-up",
        ),
        ({"PendingModifiedValues": {"Iops": 4000}}, UnaskedChangesError, "Iops: none now, 4000 pending"),
    ],
)
def test_an_update_that_the_database_is_not_ready_for_is_refused_and_its_change_set_removed(
    cloudformation: Any, request_to: Any, stubbed: Any, found: Any, error: type[Exception], words: str
) -> None:
    client, stub = cloudformation
    rds, rds_stub = stubbed("rds")
    stack_is(stub, "CREATE_COMPLETE")
    modified = change("Database", "AWS::RDS::DBInstance")
    modified["ResourceChange"] |= {"PhysicalResourceId": "database-dev", "Details": [PROPERTY]}
    change_set_is(stub, "CREATE_COMPLETE", changes=[modified])
    stub.add_response("delete_change_set", {}, {"StackName": STACK_ID, "ChangeSetName": "rec-1"})
    rds_stub.add_response("describe_db_instances", {"DBInstances": [database(**found)]}, None)
    with pytest.raises(error, match=words):
        planned(client, request_to("update"), rds)


@pytest.mark.parametrize(("name", "tidied"), [("provision", "delete_stack"), ("update", "delete_change_set")])
def test_what_can_not_be_tidied_up_does_not_hide_why_the_operation_was_refused(
    cloudformation: Any, request_to: Any, name: str, tidied: str, logged: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "REVIEW_IN_PROGRESS" if name == "provision" else "CREATE_COMPLETE")
    change_set_is(stub, "FAILED", "Parameter VpcCidr failed to satisfy constraint")
    stub.add_client_error(tidied, "InternalFailure", "", 500)
    with pytest.raises(ChangeSetFailedError, match="AWS said: Parameter VpcCidr failed to satisfy"):
        planned(client, request_to(name))
    assert [line["reason"] for line in logged()] == ["ClientError"]


def test_a_message_without_artifact_is_named(cloudformation: Any, request_to: Any, event: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, None)
    message = {key: value for key, value in event("provision").items() if key != "artifact"}
    with pytest.raises(MessageInvalidError, match="Object missing required field `artifact`"):
        planned(client, request_to("provision", message=message))
