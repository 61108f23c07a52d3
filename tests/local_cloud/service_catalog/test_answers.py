"""What becomes of a record and its provisioned product when the engine reports."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from local_cloud.faults.api import before
from local_cloud.service_catalog.models import backend
from tests.support.account import refusal
from tests.support.service_catalog import GATHER, TRUST, Shop, document

REASON = "the suffix is taken"


def outcomes(record_id: str) -> list[str]:
    return [answer.outcome for answer in backend().state.record(record_id).answers]


def test_a_successful_provision_makes_the_product_available_and_shows_its_outputs(shop: Shop) -> None:
    product_id, message = shop.launched()
    outputs = [{"OutputKey": "vpc_id", "OutputValue": "vpc-1", "Description": "The VPC"}]
    shop.engine.provisioned(message, Outputs=outputs)
    record = shop.client.describe_record(Id=message["recordId"])
    assert record["RecordDetail"]["Status"] == "SUCCEEDED"
    assert record["RecordOutputs"] == outputs
    detail = shop.client.describe_provisioned_product(Id=product_id)["ProvisionedProductDetail"]
    assert detail["Status"] == "AVAILABLE"
    assert detail["LastSuccessfulProvisioningRecordId"] == message["recordId"]


def test_a_successful_provision_gathers_the_resources_in_a_group_as_the_launch_role(shop: Shop) -> None:
    product_id, message = shop.launched()
    shop.engine.provisioned(message)
    groups = shop.cloud.client("resource-groups")
    query = groups.get_group_query(Group=f"SC-123456789012-{product_id}")["GroupQuery"]["ResourceQuery"][
        "Query"
    ]
    assert json.loads(query)["TagFilters"] == [{"Key": "demo:id", "Values": [product_id]}]


def test_tags_of_the_launch_are_put_on_what_carries_the_unique_tag(shop: Shop) -> None:
    product_id, message = shop.launched(Tags=[{"Key": "team", "Value": "payments"}])
    topic = shop.cloud.client("sns").create_topic(
        Name=f"topic-{product_id}", Tags=[{"Key": "demo:id", "Value": product_id}]
    )["TopicArn"]
    shop.engine.provisioned(message)
    tags = shop.cloud.client("sns").list_tags_for_resource(ResourceArn=topic)["Tags"]
    assert {"Key": "team", "Value": "payments"} in tags


def test_success_without_a_resource_identifier_is_refused_and_changes_nothing(shop: Shop) -> None:
    product_id, message = shop.launched()
    told = refusal(shop.engine.answer, operation="provision_product", message=message)
    assert told == (
        "InvalidParametersException: A ResourceIdentifier is required for a workflow Status of 'SUCCEEDED'."
    )
    assert shop.status(product_id) == "UNDER_CHANGE"
    shop.engine.provisioned(message)
    assert shop.status(product_id) == "AVAILABLE"


def test_a_failed_provision_without_identifier_is_an_error_and_hides_the_reason(shop: Shop) -> None:
    product_id, message = shop.launched()
    shop.engine.answer("provision_product", message, "FAILED", FailureReason=REASON)
    record = shop.record(message["recordId"])
    assert record["Status"] == "FAILED"
    assert [error["Description"] for error in record["RecordErrors"]] == ["Internal failure."]
    assert shop.status(product_id) == "ERROR"


def test_a_failed_provision_with_identifier_is_tainted_and_says_why(shop: Shop) -> None:
    product_id, message = shop.launched()
    shop.engine.provisioned(message, "FAILED", FailureReason=REASON)
    assert [error["Description"] for error in shop.record(message["recordId"])["RecordErrors"]] == [REASON]
    assert shop.status(product_id) == "TAINTED"


@pytest.mark.parametrize("policy", [None, GATHER.replace("tag:*", "tag:GetResources")])
def test_a_launch_role_that_may_not_gather_leaves_an_error_although_all_went_well(
    shop: Shop, policy: str | None
) -> None:
    product_id, message = shop.launched()
    iam = shop.cloud.client("iam")
    if policy:
        iam.put_role_policy(RoleName="SCLaunch-Demo", PolicyName="Gather", PolicyDocument=policy)
    else:
        nobody = TRUST.replace("servicecatalog", "ec2")
        iam.update_assume_role_policy(RoleName="SCLaunch-Demo", PolicyDocument=nobody)
    shop.engine.provisioned(message)
    iam.put_role_policy(RoleName="SCLaunch-Demo", PolicyName="Gather", PolicyDocument=GATHER)
    iam.update_assume_role_policy(RoleName="SCLaunch-Demo", PolicyDocument=TRUST)
    assert shop.record(message["recordId"])["Status"] == "FAILED"
    assert shop.status(product_id) == "ERROR"


def test_a_failed_update_taints_and_keeps_the_version(shop: Shop) -> None:
    product_id = shop.available()
    version = shop.add_version("failing")
    update = shop.client.update_provisioned_product
    update(ProvisionedProductId=product_id, ProvisioningArtifactId=version)
    message = shop.engine.receive("Update")
    shop.engine.updated(message, "FAILED", FailureReason=REASON)
    detail = shop.client.describe_provisioned_product(Id=product_id)["ProvisionedProductDetail"]
    assert (detail["Status"], detail["StatusMessage"]) == ("TAINTED", REASON)
    assert detail["ProvisioningArtifactId"] == shop.artifact_id
    update(ProvisionedProductId=product_id)
    message = shop.engine.receive("Update")
    assert message["provisioningArtifactId"] == shop.artifact_id
    shop.engine.updated(message)
    assert shop.status(product_id) == "AVAILABLE"


def test_a_terminated_product_is_gone_with_its_group_and_its_records_stay(shop: Shop) -> None:
    product_id = shop.available()
    shop.client.terminate_provisioned_product(ProvisionedProductId=product_id)
    message = shop.engine.receive("Terminate")
    shop.engine.terminated(message)
    told = refusal(shop.client.describe_provisioned_product, Id=product_id)
    assert told.startswith("ResourceNotFoundException")
    assert shop.record(message["recordId"])["Status"] == "SUCCEEDED"
    groups = shop.cloud.client("resource-groups").list_groups()["Groups"]
    assert f"SC-123456789012-{product_id}" not in [group["Name"] for group in groups]


def test_a_failed_termination_leaves_an_error_that_can_be_terminated_again(shop: Shop) -> None:
    product_id = shop.available()
    shop.client.terminate_provisioned_product(ProvisionedProductId=product_id, IgnoreErrors=True)
    shop.engine.terminated(shop.engine.receive("Terminate"), "FAILED", FailureReason=REASON)
    assert shop.status(product_id) == "ERROR"
    shop.client.terminate_provisioned_product(ProvisionedProductId=product_id)
    assert shop.engine.receive("Terminate")["provisionedProductId"] == product_id


def test_the_same_answer_twice_is_taken_once(shop: Shop) -> None:
    _, message = shop.launched()
    token = f"{message['recordId']}-SUCCEEDED"
    shop.engine.provisioned(message, IdempotencyToken=token)
    shop.engine.provisioned(message, IdempotencyToken=token)
    assert outcomes(message["recordId"]) == ["accepted", "repeated"]


def test_the_same_answer_four_times_at_once_is_taken_once(shop: Shop) -> None:
    _, message = shop.launched()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(shop.engine.provisioned, message, IdempotencyToken=message["recordId"])
    assert outcomes(message["recordId"]) == ["accepted", "repeated", "repeated", "repeated"]


def test_an_answer_does_not_wait_for_that_of_another_record(shop: Shop) -> None:
    slow_product, slow = shop.launched()
    _, quick = shop.launched()
    reached, go_on = Event(), Event()

    def hold() -> None:
        reached.set()
        go_on.wait(10)

    # GIVEN an answer whose resources are still being gathered
    faults = shop.cloud.faults.api
    fault = faults.add(
        lambda call: call.operation == "CreateGroup" and slow_product in call.text, before(hold)
    )
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(shop.engine.provisioned, slow)
        assert reached.wait(10)
        # WHEN another record's answer comes
        shop.engine.provisioned(quick)
        # THEN it is taken before the first one
        assert outcomes(quick["recordId"]) == ["accepted"]
        assert outcomes(slow["recordId"]) == []
        go_on.set()
        answering.result()
    faults.remove(fault)
    assert outcomes(slow["recordId"]) == ["accepted"]


def test_another_answer_to_a_finished_record_is_refused(shop: Shop) -> None:
    product_id, message = shop.launched()
    shop.engine.provisioned(message)
    told = refusal(shop.engine.provisioned, message=message, status="FAILED", FailureReason=REASON)
    assert told.startswith("InvalidParametersException")
    assert outcomes(message["recordId"]) == ["accepted", "refused"]
    assert shop.status(product_id) == "AVAILABLE"


@pytest.mark.parametrize(
    ("operation", "changed", "code"),
    [
        ("update_provisioned_product", {}, "InvalidParametersException"),
        ("terminate_provisioned_product", {}, "InvalidParametersException"),
        ("provision_product", {"WorkflowToken": "0f8b7a0e-0000"}, "InvalidParametersException"),
        ("provision_product", {"RecordId": "rec-0000000000000"}, "ResourceNotFoundException"),
        ("provision_product", {"FailureReason": "x" * 2049}, "ValidationException"),
        ("provision_product", {"FailureReason": "\x1b[31mred"}, "ValidationException"),
        ("provision_product", {"FailureReason": "\N{FIRE}"}, "ValidationException"),
        ("provision_product", {"IdempotencyToken": "-x"}, "ValidationException"),
        ("provision_product", {"IdempotencyToken": "x" * 129}, "ValidationException"),
        ("provision_product", {"Status": "DONE"}, "ValidationException"),
        (
            "provision_product",
            {"ResourceIdentifier": {"UniqueTag": {"Key": "a*b", "Value": "x"}}},
            "ValidationException",
        ),
        (
            "provision_product",
            {"ResourceIdentifier": {"UniqueTag": {"Key": "a"}}},
            "InvalidParametersException",
        ),
    ],
)
def test_a_wrong_answer_is_refused(shop: Shop, operation: str, changed: dict[str, Any], code: str) -> None:
    product_id, message = shop.launched()
    told = refusal(shop.engine.answer, operation=operation, message=message, **{"status": "FAILED"} | changed)
    assert told.startswith(code)
    assert shop.status(product_id) == "UNDER_CHANGE"


def test_a_role_that_may_not_notify_cannot_answer(shop: Shop) -> None:
    _, message = shop.launched()
    trust = document(Principal="*", Action="sts:AssumeRole")
    role = shop.cloud.client("iam").create_role(RoleName="Powerless", AssumeRolePolicyDocument=trust)["Role"]
    client = shop.cloud.identity.client("servicecatalog", role["Arn"])
    told = refusal(
        client.notify_provision_product_engine_workflow_result,
        WorkflowToken=message["token"],
        RecordId=message["recordId"],
        Status="FAILED",
    )
    assert told.startswith("AccessDenied")
    assert outcomes(message["recordId"]) == []
