import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from engine.answer import notify, presentable
from engine.errors import AWSRefusedError
from engine.models import Failure, Report
from engine.reasons import count_failure, error_class, explained, reason
from report import handler
from report.outcome import send

IDENTIFIER = {"UniqueTag": {"Key": "tapstack:provisioned-product-id", "Value": "pp-1"}}


def report(kind: str, status: str = "SUCCEEDED", **more: Any) -> Any:
    ids = {"token": "t-1", "recordId": "rec-1", "provisionedProductId": "pp-1"}
    return msgspec.convert({"kind": kind, "status": status, **ids, **more}, Report)


def lambda_failure(error: Any, message: str) -> Any:
    cause = {"errorMessage": message, "errorType": error, "requestId": "r", "stackTrace": ["secret path"]}
    return Failure(error=error, cause=json.dumps(cause))


def test_a_provision_is_answered_with_its_outputs_subscriptions_and_identifier(stubbed: Any) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    stub.add_response(
        "notify_provision_product_engine_workflow_result",
        {},
        {
            "WorkflowToken": "t-1",
            "RecordId": "rec-1",
            "Status": "SUCCEEDED",
            "IdempotencyToken": "rec-1-SUCCEEDED",
            "ResourceIdentifier": IDENTIFIER,
            "Outputs": [
                {"OutputKey": "Endpoint", "OutputValue": "db.example.com", "Description": "Where it is."},
                {"OutputKey": "Port", "OutputValue": "5432"},
                {
                    "OutputKey": "OpsEmailSubscriptions",
                    "OutputValue": "a@example.com: pending confirmation; b@example.com: already subscribed",
                    "Description": "Each ops email and its subscription to the alert topic. A "
                    "pending one gets alerts after somebody has followed the link in the confirmation email.",
                },
            ],
        },
    )
    send(
        servicecatalog,
        report(
            "PROVISION",
            outputs=[
                {"key": "Endpoint", "value": "db.example.com", "description": "Where it is."},
                {"key": "Port", "value": "5432"},
            ],
            subscriptions=[
                {"email": "a@example.com", "status": "pending confirmation"},
                {"email": "b@example.com", "status": "already subscribed"},
            ],
        ),
    )


def test_a_failed_provision_carries_the_identifier_or_the_user_would_not_see_the_reason(stubbed: Any) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    stub.add_response(
        "notify_provision_product_engine_workflow_result",
        {},
        {
            "WorkflowToken": "t-1",
            "RecordId": "rec-1",
            "Status": "FAILED",
            "IdempotencyToken": "rec-1-FAILED",
            "ResourceIdentifier": IDENTIFIER,
            "FailureReason": "Two things are wrong. Nothing was launched: update this provisioned product to "
            "try again, or terminate it.",
        },
    )
    error = lambda_failure("InvalidInputsError", "Two things are wrong.")
    send(servicecatalog, report("PROVISION", "FAILED", error=error))


@pytest.mark.parametrize(
    ("kind", "operation", "more"),
    [
        ("UPDATE", "notify_update_provisioned_product_engine_workflow_result", {"Outputs": ANY}),
        ("TERMINATE", "notify_terminate_provisioned_product_engine_workflow_result", {}),
    ],
)
def test_update_and_terminate_send_only_what_their_operations_take(
    stubbed: Any, kind: str, operation: str, more: Any
) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    expected = {"WorkflowToken": "t-1", "RecordId": "rec-1", "Status": "SUCCEEDED"}
    stub.add_response(operation, {}, {**expected, "IdempotencyToken": "rec-1-SUCCEEDED", **more})
    send(servicecatalog, report(kind))


def test_an_update_says_what_it_changed_resource_by_resource(stubbed: Any) -> None:
    changes = [
        {"logicalId": "Topic", "type": "T", "action": "Modify"},
        {"logicalId": "Database", "type": "T", "action": "Modify", "properties": ["EngineVersion", "Tags"]},
        {"logicalId": "Role", "type": "T", "action": "Modify", "replacement": "True"},
        {"logicalId": "Dashboard", "type": "T", "action": "Add"},
        {"logicalId": "Old", "type": "T", "action": "Remove"},
    ]
    assert changes_told(stubbed, changes) == (
        "changed: Database (EngineVersion, Tags), Topic; replaced: Role; removed: Old; added: Dashboard"
    )


def test_an_update_without_changes_says_so(stubbed: Any) -> None:
    assert changes_told(stubbed, []) == "none: the stack was already as asked for"


def test_a_major_upgrade_says_which_snapshot_leads_back_whether_it_succeeds_or_not(stubbed: Any) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    operation = "notify_update_provisioned_product_engine_workflow_result"
    always = {"WorkflowToken": ANY, "RecordId": ANY, "IdempotencyToken": ANY}
    name = "pre-upgrade-1-database-dev"
    snapshot = {"OutputKey": "PreUpgradeSnapshot", "OutputValue": name, "Description": ANY}
    told = {"Status": "SUCCEEDED", "Outputs": [ANY, snapshot]}
    stub.add_response(operation, {}, always | told)
    send(servicecatalog, report("UPDATE", snapshotId=name))

    told = {
        "Status": "FAILED",
        "FailureReason": f"It broke. Snapshot {name} has the database as it was before.",
    }
    stub.add_response(operation, {}, always | told)
    error = lambda_failure("StackFailedError", "It broke.")
    send(servicecatalog, report("UPDATE", "FAILED", snapshotId=name, error=error))


@pytest.mark.parametrize(
    ("kind", "told", "advice"),
    [
        ("PROVISION", "AWS is busy.", "update or terminate this provisioned product"),
        ("TERMINATE", "AWS is busy.", "terminate it again"),
        ("UPDATE", "Stack TapStack-pp-1 is UPDATE_FAILED. Update again.", None),
    ],
)
def test_a_failure_after_changes_may_have_begun_says_what_to_do_about_the_stack(
    stubbed: Any, kind: str, told: str, advice: str | None
) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    begun = "Changes of stack TapStack-pp-1 may have begun: see its events, and when it is at rest"
    reported = {"WorkflowToken": ANY, "RecordId": ANY, "IdempotencyToken": ANY, "Status": "FAILED"}
    if kind == "PROVISION":
        reported["ResourceIdentifier"] = ANY
    operations = {"PROVISION": "provision_product", "UPDATE": "update_provisioned_product"}
    operation = operations.get(kind, "terminate_provisioned_product")
    stub.add_response(
        f"notify_{operation}_engine_workflow_result",
        {},
        reported | {"FailureReason": told + (f" {begun}, {advice}." if advice else "")},
    )
    send(servicecatalog, report(kind, "FAILED", began=True, error=lambda_failure("ThrottledError", told)))


@pytest.mark.parametrize(
    "name", ["PermissionMissingError", "ThrottledError", "AWSRefusedError", "LaunchRoleDeniedError"]
)
def test_a_termination_that_could_not_look_says_that_nothing_was_deleted(name: str) -> None:
    error = lambda_failure(name, "A role lacks the permission for ec2:X. AWS said: denied.")
    told = explained(report("TERMINATE", "FAILED", error=error))
    assert told == "A role lacks the permission for ec2:X. Nothing was deleted. AWS said: denied."


def test_what_is_added_to_a_reason_comes_before_the_words_of_aws() -> None:
    error = lambda_failure("AWSRefusedError", "AWS refused DeleteStack (X). AWS said: it is protected.")
    told = explained(report("TERMINATE", "FAILED", began=True, error=error))
    assert told.startswith("AWS refused DeleteStack (X). Changes of stack TapStack-pp-1 may have begun: ")
    assert told.endswith("terminate it again. AWS said: it is protected.")


def changes_told(stubbed: Any, changes: Any) -> Any:
    servicecatalog, stub = stubbed("servicecatalog")
    told: list[Any] = []
    event = "provide-client-params.servicecatalog.NotifyUpdateProvisionedProductEngineWorkflowResult"
    servicecatalog.meta.events.register(event, lambda params, **_: told.append(params.get("Outputs")))
    stub.add_response("notify_update_provisioned_product_engine_workflow_result", {}, None)
    send(servicecatalog, report("UPDATE", changes=changes))
    [[output]] = told
    assert output["OutputKey"] == "Changes"
    return output["OutputValue"]


def test_an_update_that_was_undone_needs_no_look_at_the_stack() -> None:
    told = "It broke. The update was undone; everything is as it was before."
    error = lambda_failure("StackFailedError", told)
    assert explained(report("UPDATE", "FAILED", began=True, error=error)) == told


@pytest.mark.parametrize("error", ["States.Timeout", "OperationEnded", "Aborted"])
@pytest.mark.parametrize(
    ("kind", "advice"),
    [("UPDATE", "update or terminate this provisioned product."), ("TERMINATE", "terminate it again.")],
)
def test_what_was_ended_from_outside_advises_what_its_product_can_still_do(
    kind: str, error: str, advice: str
) -> None:
    told = explained(report(kind, "FAILED", began=True, error=Failure(error=error, cause="Too late.")))
    assert told.endswith(advice)
    assert "may have begun" not in told


@pytest.fixture
def answering() -> Iterator[Stubber]:
    """Record what Service Catalog answers to the report Lambda."""
    with Stubber(handler.servicecatalog()) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_the_states_report_reaches_service_catalog(answering: Stubber, context: Any) -> None:
    answering.add_response("notify_terminate_provisioned_product_engine_workflow_result", {}, None)
    assert handler.handle(report("TERMINATE").to_json(), context) == {}


def test_a_states_report_that_is_refused_is_raised_so_that_it_is_tried_again(
    answering: Stubber, context: Any
) -> None:
    operation = "notify_update_provisioned_product_engine_workflow_result"
    answering.add_client_error(operation, "InvalidParametersException", "no")
    with pytest.raises(AWSRefusedError):
        handler.handle(report("UPDATE").to_json(), context)


def test_a_failure_is_counted_by_its_reason(
    answering: Stubber, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.add_response("notify_update_provisioned_product_engine_workflow_result", {}, None)
    error = lambda_failure("DataLossError", "no")
    handler.handle(report("UPDATE", "FAILED", error=error).to_json(), context)
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Kind"] for line in counted if "OperationFailed" in line] == ["UPDATE"]
    assert [line["Reason"] for line in counted if "FailureReason" in line] == ["DataLossError"]


@pytest.mark.parametrize(
    ("failure", "counted"),
    [
        (lambda_failure("StackFailedError", "no capacity"), "StackFailedError"),
        (Failure(error="States.Timeout"), "States.Timeout"),
        (Failure(error="OperationNotStarted"), "OperationNotStarted"),
        (lambda_failure("KeyError", "'boom'"), "Unforeseen"),
        (lambda_failure("x" * 300, ""), "Unforeseen"),
        (None, "Unforeseen"),
    ],
)
def test_the_reasons_that_are_counted_are_few(failure: Any, counted: str) -> None:
    assert error_class(failure) == counted


@pytest.mark.parametrize(
    ("failure", "platforms"),
    [
        (lambda_failure("InvalidInputsError", "no"), False),
        (lambda_failure("StackFailedError", "no capacity"), False),
        (lambda_failure("ThrottledError", "busy"), False),
        (Failure(error="Aborted"), False),
        (lambda_failure("LaunchRoleDeniedError", "no"), True),
        (lambda_failure("KeyError", "'boom'"), True),
        (Failure(error="Runtime.ExitError"), True),
    ],
)
def test_a_failure_that_no_input_avoids_is_counted_for_the_platform_team(
    failure: Any, platforms: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    count_failure(report("UPDATE", "FAILED", error=failure))
    assert ('"PlatformFailure"' in capsys.readouterr().out) == platforms


def test_a_refused_report_is_not_swallowed(stubbed: Any) -> None:
    servicecatalog, stub = stubbed("servicecatalog")
    stub.add_client_error(
        "notify_provision_product_engine_workflow_result", "InvalidParametersException", "no"
    )
    with pytest.raises(ClientError):
        notify(servicecatalog, "PROVISION", "t", "rec-1", "pp-1")


def test_a_foreseen_error_reaches_the_user_as_it_is() -> None:
    failure = lambda_failure("StackFailedError", "Database (AWS::RDS::DBInstance): no capacity. Try again.")
    assert (
        reason(report("UPDATE", "FAILED", error=failure))
        == "Database (AWS::RDS::DBInstance): no capacity. Try again."
    )


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (Failure(error="States.Timeout"), "took longer than the provisioning engine waits"),
        (Failure(error="Aborted"), "An administrator stopped the operation"),
        (lambda_failure("KeyError", "'boom'"), "The provisioning engine failed (KeyError)"),
        (
            lambda_failure("Sandbox.Timedout", "Task timed out after 30.00 seconds"),
            "failed (Sandbox.Timedout)",
        ),
        (
            Failure(error="States.QueryEvaluationError", cause="at $.x"),
            "failed (States.QueryEvaluationError)",
        ),
        (Failure(error="Lambda.Unknown", cause="[1]"), "failed (Lambda.Unknown)"),
        (None, "failed (Unknown)"),
    ],
)
def test_any_other_error_is_a_sentence_with_the_record_and_without_internals(failure: Any, says: str) -> None:
    text = reason(report("UPDATE", "FAILED", error=failure))
    assert says in text
    assert "boom" not in text
    assert "secret path" not in text
    assert "rec-1" in text or "update or terminate" in text


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("\x1b[31mred\x1b[0m alert\x00", "red alert"),
        ("fire \U0001f525 here", "fire  here"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("", "The operation failed without a reason."),
        ("\x07", "The operation failed without a reason."),
        ("x" * 2048, "x" * 2048),
        ("x" * 2049, "x" * 2047 + "…"),
    ],
)
def test_a_reason_is_made_what_service_catalog_accepts(raw: str, sent: str) -> None:
    assert presentable(raw) == sent


def test_a_token_does_not_show_when_a_report_is_printed() -> None:
    assert "t-1" not in repr(report("UPDATE"))
