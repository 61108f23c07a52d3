from typing import Any

import pytest
from engine.errors import (
    ChangeSetFailedError,
    ChangeSetInProgressError,
    DataLossError,
    MessageInvalidError,
    StackBusyError,
    StackUnusableError,
)
from engine.models import PlanRequest
from plan.changes import plan

STACK = "TapStack-pp-wp3ziihdnvmse"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/1234"
CHANGE_SET_ID = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/rec/5678"


@pytest.fixture
def cloudformation(stubbed: Any) -> Any:
    return stubbed("cloudformation")


@pytest.fixture
def request_to(request_of: Any) -> Any:
    def build(name: str, **changes: Any) -> Any:
        return PlanRequest.model_validate(request_of(name, parameters={"EnvironmentSuffix": "dev"}) | changes)

    return build


def stack_is(stub: Any, status: str | None) -> Any:
    if status is None:
        message = f"Stack with id {STACK} does not exist"
        stub.add_client_error("describe_stacks", "ValidationError", message, 400)
        return
    stack = {"StackName": STACK, "StackId": STACK_ID, "StackStatus": status, "CreationTime": 0}
    stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK})


def change_set_is(stub: Any, status: str, reason: str = "", changes: Any = (), next_token: Any = None) -> Any:
    described = {
        "StackName": STACK,
        "StackId": STACK_ID,
        "ChangeSetId": CHANGE_SET_ID,
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
            "StackName": STACK,
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
        plan(client, request, "TapStackExecution")


@pytest.mark.parametrize("status", ["CREATE_PENDING", "CREATE_IN_PROGRESS"])
def test_later_looks_wait_for_that_change_set(cloudformation: Any, request_to: Any, status: str) -> None:
    client, stub = cloudformation
    stack_is(stub, "REVIEW_IN_PROGRESS")
    change_set_is(stub, status)
    with pytest.raises(ChangeSetInProgressError, match="still computing"):
        plan(client, request_to("provision"), "TapStackExecution")


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
        plan(client, request_to("update"), "TapStackExecution")
    assert made[0]["ChangeSetType"] == "UPDATE"
    assert "OnStackFailure" not in made[0]


def test_a_ready_change_set_is_handed_on_with_the_changes_of_all_pages(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    one, two = change("Alarm", "AWS::CloudWatch::Alarm"), change("Topic", "AWS::SNS::Topic", "Add")
    change_set_is(stub, "CREATE_COMPLETE", changes=[one], next_token="more")
    change_set_is(stub, "CREATE_COMPLETE", changes=[two])
    planned = plan(client, request_to("update"), "TapStackExecution").to_json()
    assert planned == {
        "stackId": STACK_ID,
        "changeSetArn": CHANGE_SET_ID,
        "changes": [
            {
                "logicalId": "Alarm",
                "type": "AWS::CloudWatch::Alarm",
                "action": "Modify",
                "replacement": "False",
            },
            {"logicalId": "Topic", "type": "AWS::SNS::Topic", "action": "Add", "replacement": "False"},
        ],
    }


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
    stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ID})
    planned = plan(client, request_to("update"), "TapStackExecution")
    assert (planned.stack_id, planned.change_set_arn) == (STACK_ID, None)


def test_a_launch_that_can_not_be_planned_leaves_no_empty_stack_behind(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "REVIEW_IN_PROGRESS")
    change_set_is(stub, "FAILED", "Parameter VpcCidr failed to satisfy constraint")
    stub.add_response("delete_stack", {}, {"StackName": STACK_ID})
    with pytest.raises(ChangeSetFailedError, match="Parameter VpcCidr failed to satisfy constraint"):
        plan(client, request_to("provision"), "TapStackExecution")


@pytest.mark.parametrize(
    ("resource_type", "action", "replacement", "words"),
    [
        ("AWS::RDS::DBInstance", "Modify", "True", "would be replaced: the database"),
        ("AWS::RDS::DBInstance", "Modify", "Conditional", "might be replaced: the database"),
        ("AWS::RDS::DBInstance", "Remove", "False", "would be removed: the database"),
        ("AWS::KMS::Key", "Modify", "True", "could no longer be read"),
        ("AWS::S3::Bucket", "Remove", "False", "the backups in it would be deleted"),
        ("AWS::SecretsManager::Secret", "Modify", "True", "the password in it would be lost"),
        ("Custom::EmptyBucketOnDelete", "Remove", "False", "the backups in the bucket would be deleted"),
    ],
)
def test_an_update_that_would_lose_data_is_refused_and_its_change_set_removed(
    cloudformation: Any, request_to: Any, resource_type: str, action: str, replacement: str, words: str
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    harmless = change("Alarm", "AWS::CloudWatch::Alarm", replacement="True")
    dangerous = change("Precious", resource_type, action, replacement)
    change_set_is(stub, "CREATE_COMPLETE", changes=[harmless, dangerous])
    stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ID})
    with pytest.raises(DataLossError) as refused:
        plan(client, request_to("update"), "TapStackExecution")
    assert f"- Precious ({resource_type}) " in str(refused.value)
    assert words in str(refused.value)
    assert "Alarm" not in str(refused.value)


def conditional(*causes: tuple[str, str]) -> Any:
    targets = [{"Attribute": "Properties", "Name": name, "RequiresRecreation": when} for name, when in causes]
    changed = change("Database", "AWS::RDS::DBInstance", replacement="Conditional")
    changed["ResourceChange"]["Details"] = [{"Target": target} for target in targets]
    return changed


def test_what_rds_changes_in_place_is_let_through_though_cloudformation_can_not_tell(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    harmless = conditional(("BackupRetentionPeriod", "Conditionally"), ("AllocatedStorage", "Never"))
    change_set_is(stub, "CREATE_COMPLETE", changes=[harmless])
    planned = plan(client, request_to("update"), "TapStackExecution")
    assert planned.change_set_arn == CHANGE_SET_ID
    assert planned.changes[0].replacement == "Conditional"


def refers_to(cause: str, evaluation: str = "Dynamic") -> Any:
    changed = change("Database", "AWS::RDS::DBInstance", replacement="Conditional")
    target = {"Attribute": "Properties", "Name": "KmsKeyId", "RequiresRecreation": "Always"}
    source = {"Evaluation": evaluation, "ChangeSource": "ResourceAttribute", "CausingEntity": cause}
    changed["ResourceChange"]["Details"] = [{"Target": target, **source}]
    return changed


def test_the_arn_of_a_key_that_changes_in_place_stays_so_the_database_does(
    cloudformation: Any, request_to: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    key = change("Key", "AWS::KMS::Key")
    change_set_is(stub, "CREATE_COMPLETE", changes=[key, refers_to("Key.Arn")])
    assert plan(client, request_to("update"), "TapStackExecution").change_set_arn == CHANGE_SET_ID


@pytest.mark.parametrize(
    ("key_is_replaced", "reference"),
    [
        ("True", refers_to("Key.Arn")),
        ("False", refers_to("OtherKey.Arn")),
        ("False", refers_to("Key.Arn", evaluation="Static")),
        ("False", refers_to("Key.Something")),
    ],
)
def test_any_other_new_key_of_a_database_is_refused(
    cloudformation: Any, request_to: Any, key_is_replaced: str, reference: Any
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    key = change("Key", "AWS::Logs::LogGroup", replacement=key_is_replaced)
    change_set_is(stub, "CREATE_COMPLETE", changes=[key, reference])
    stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ID})
    with pytest.raises(DataLossError, match="Database"):
        plan(client, request_to("update"), "TapStackExecution")


@pytest.mark.parametrize("cause", [("Engine", "Conditionally"), ("KmsKeyId", "Always")])
def test_one_dangerous_cause_among_harmless_ones_is_enough_to_refuse(
    cloudformation: Any, request_to: Any, cause: tuple[str, str]
) -> None:
    client, stub = cloudformation
    stack_is(stub, "CREATE_COMPLETE")
    change_set_is(stub, "CREATE_COMPLETE", changes=[conditional(("MultiAZ", "Conditionally"), cause)])
    stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ID})
    with pytest.raises(DataLossError, match=f"might be replaced because of .*{cause[0]}"):
        plan(client, request_to("update"), "TapStackExecution")


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_a_stack_that_is_changing_is_busy(cloudformation: Any, request_to: Any, status: str) -> None:
    client, stub = cloudformation
    stack_is(stub, status)
    with pytest.raises(StackBusyError, match=f"is {status}"):
        plan(client, request_to("update"), "TapStackExecution")


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("ROLLBACK_COMPLETE", "Terminate this provisioned product"),
        ("DELETE_FAILED", "Terminate this provisioned product"),
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback"),
    ],
)
def test_a_stack_that_can_not_be_updated_is_explained(
    cloudformation: Any, request_to: Any, status: str, advice: str
) -> None:
    client, stub = cloudformation
    stack_is(stub, status)
    with pytest.raises(StackUnusableError, match=advice):
        plan(client, request_to("update"), "TapStackExecution")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "DELETE_FAILED", "CREATE_IN_PROGRESS"])
def test_terminating_only_finds_the_stack(cloudformation: Any, request_to: Any, status: str) -> None:
    client, stub = cloudformation
    stack_is(stub, status)
    planned = plan(client, request_to("terminate"), "TapStackExecution").to_json()
    assert planned == {"stackId": STACK_ID, "changeSetArn": None, "changes": []}


def test_terminating_what_does_not_exist_plans_nothing(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, None)
    assert plan(client, request_to("terminate"), "TapStackExecution").stack_id is None


def test_terminating_waits_for_nobody_during_an_update(cloudformation: Any, request_to: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, "UPDATE_ROLLBACK_IN_PROGRESS")
    with pytest.raises(StackBusyError):
        plan(client, request_to("terminate"), "TapStackExecution")


def test_a_message_without_artifact_is_named(cloudformation: Any, request_to: Any, event: Any) -> None:
    client, stub = cloudformation
    stack_is(stub, None)
    message = {key: value for key, value in event("provision").items() if key != "artifact"}
    with pytest.raises(MessageInvalidError, match="artifact: Field required"):
        plan(client, request_to("provision", message=message), "TapStackExecution")
