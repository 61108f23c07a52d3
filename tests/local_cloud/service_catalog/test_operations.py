"""Launch, update and terminate: what is refused, and what the engine is told."""

import re
from typing import Any

import pytest

from tests.support.account import refusal
from tests.support.service_catalog import LAUNCH_ROLE, TEMPLATE, Shop, document

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UNDER_CHANGE = (
    "ValidationException: Can't {} provisioned product because it's still under change or its status does "
    "not allow further operation"
)


def test_the_message_of_a_provision_is_what_was_seen_on_aws(shop: Shop) -> None:
    record = shop.launch(
        ProvisioningParameters=[{"Key": "Env", "Value": "dev"}], Tags=[{"Key": "t", "Value": "1"}]
    )
    assert record["Status"] == "CREATED"
    message = shop.engine.receive("Provision")
    assert shop.record(record["RecordId"])["Status"] == "IN_PROGRESS"
    path, token = message["artifact"].pop("path"), message.pop("token")
    assert message == {
        "operation": "PROVISION_PRODUCT",
        "provisionedProductId": record["ProvisionedProductId"],
        "provisionedProductName": record["ProvisionedProductName"],
        "productId": shop.product_id,
        "provisioningArtifactId": shop.artifact_id,
        "recordId": record["RecordId"],
        "launchRoleArn": LAUNCH_ROLE,
        "artifact": {"type": "AWS_S3"},
        "identity": {
            "principal": "AIDACKCEVSQ6C2EXAMPLE",
            "awsAccountId": "123456789012",
            "organizationId": None,
        },
        "parameters": [{"key": "Env", "value": "dev"}],
        "tags": [{"key": "t", "value": "1"}],
    }
    assert re.fullmatch(UUID, token)
    copy = rf"S3://sc-[0-9a-f]{{32}}-us-east-1/out/[0-9a-f]{{32}}/([0-9a-f]{{32}}-){{3}}\d{{13}}-{UUID}"
    assert re.fullmatch(copy, path)
    assert re.fullmatch(r"pp-[a-z0-9]{13}", record["ProvisionedProductId"])
    assert re.fullmatch(r"rec-[a-z0-9]{13}", record["RecordId"])


def test_the_copy_of_the_artifact_is_read_with_the_launch_role_if_it_may(shop: Shop) -> None:
    _, message = shop.launched()
    bucket, key = message["artifact"]["path"].split("/", 3)[2:]
    read = shop.cloud.identity.client("s3", LAUNCH_ROLE, principal="servicecatalog.amazonaws.com").get_object
    assert refusal(read, Bucket=bucket, Key=key).startswith("AccessDenied")
    iam = shop.cloud.client("iam")
    condition = {"StringEquals": {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}}
    tagged = document(Action="s3:GetObject", Resource="*", Condition=condition)
    iam.put_role_policy(RoleName="SCLaunch-Demo", PolicyName="Artifact", PolicyDocument=tagged)
    assert read(Bucket=bucket, Key=key)["Body"].read() == TEMPLATE
    iam.delete_role_policy(RoleName="SCLaunch-Demo", PolicyName="Artifact")


def test_every_message_has_a_fresh_copy_and_a_fresh_token(shop: Shop) -> None:
    messages = [shop.launched()[1], shop.launched()[1]]
    assert len({message["artifact"]["path"] for message in messages}) == 2
    assert len({message["token"] for message in messages}) == 2


def test_the_message_of_an_update_has_null_for_previous_values_and_nothing_of_what_was_left_out(
    shop: Shop,
) -> None:
    given = [{"Key": "Env", "Value": "dev"}, {"Key": "Size", "Value": "1"}, {"Key": "Left", "Value": "x"}]
    product_id = shop.available(ProvisioningParameters=given)
    version = shop.add_version("2.0.0")
    record = shop.client.update_provisioned_product(
        ProvisionedProductId=product_id,
        ProvisioningArtifactName="2.0.0",
        ProductId=shop.product_id,
        ProvisioningParameters=[
            {"Key": "Env", "UsePreviousValue": True, "Value": "ignored"},
            {"Key": "Size", "Value": "2"},
            {"Key": "NeverGiven", "UsePreviousValue": True},
        ],
    )["RecordDetail"]
    message = shop.engine.receive("Update")
    assert message["operation"] == record["RecordType"] == "UPDATE_PROVISIONED_PRODUCT"
    assert message["provisioningArtifactId"] == version
    assert message["parameters"] == [
        {"key": "Env", "value": None},
        {"key": "Size", "value": "2"},
        {"key": "NeverGiven", "value": None},
    ]


def test_the_message_of_a_termination_has_neither_product_nor_artifact_nor_parameters(shop: Shop) -> None:
    product_id = shop.available(ProvisioningParameters=[{"Key": "Env", "Value": "dev"}])
    shop.client.terminate_provisioned_product(ProvisionedProductId=product_id, IgnoreErrors=True)
    message = shop.engine.receive("Terminate")
    assert message["operation"] == "TERMINATE_PROVISIONED_PRODUCT"
    common = {
        "token",
        "operation",
        "provisionedProductId",
        "provisionedProductName",
        "recordId",
        "launchRoleArn",
    }
    assert message.keys() == common | {"identity"}


def test_while_under_change_nothing_else_may_be_done(shop: Shop) -> None:
    product_id, _ = shop.launched()
    client = shop.client
    assert refusal(client.update_provisioned_product, ProvisionedProductId=product_id) == UNDER_CHANGE.format(
        "update"
    )
    told = refusal(client.terminate_provisioned_product, ProvisionedProductId=product_id, IgnoreErrors=True)
    assert told == UNDER_CHANGE.format("terminate")


def test_a_product_in_error_can_only_be_terminated(shop: Shop) -> None:
    product_id, message = shop.launched()
    shop.engine.answer("provision_product", message, "FAILED")
    assert refusal(shop.client.update_provisioned_product, ProvisionedProductId=product_id).startswith(
        "Validation"
    )
    shop.client.terminate_provisioned_product(ProvisionedProductId=product_id)
    assert shop.engine.receive("Terminate")["provisionedProductId"] == product_id


def test_the_same_provision_token_launches_once(shop: Shop) -> None:
    arguments = {"ProvisionedProductName": "once", "ProvisionToken": "token-1"}
    first, second = shop.launch(**arguments), shop.launch(**arguments)
    assert first["RecordId"] == second["RecordId"]
    assert shop.engine.receive("Provision")["recordId"] == first["RecordId"]
    assert shop.engine.receive("Provision") is None
    told = refusal(shop.launch, ProvisionedProductName="twice", ProvisionToken="token-1")
    assert told.startswith("InvalidParametersException")


def test_the_name_of_a_provisioned_product_is_free_again_after_its_end(shop: Shop) -> None:
    product_id, message = shop.launched(ProvisionedProductName="payments")
    assert "already exists" in refusal(shop.launch, ProvisionedProductName="payments")
    shop.engine.provisioned(message)
    shop.client.terminate_provisioned_product(ProvisionedProductName="payments")
    shop.engine.terminated(shop.engine.receive("Terminate"))
    assert shop.launched(ProvisionedProductName="payments")[0] != product_id


def test_ids_and_names_mean_the_same(shop: Shop) -> None:
    product = shop.client.describe_product_as_admin(Id=shop.product_id)["ProductViewDetail"][
        "ProductViewSummary"
    ]
    path = shop.client.list_launch_paths(ProductId=shop.product_id)["LaunchPathSummaries"][0]
    by_name = shop.client.provision_product(
        ProductName=product["Name"],
        ProvisioningArtifactName="1.0.0",
        PathName=path["Name"],
        ProvisionedProductName="by-name",
    )["RecordDetail"]
    assert by_name["PathId"] == path["Id"]
    assert by_name["ProvisioningArtifactId"] == shop.artifact_id
    assert shop.engine.receive("Provision")["productId"] == shop.product_id


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ProductName": "x"}, "InvalidParametersException"),
        ({"ProvisioningArtifactName": "1.0.0"}, "InvalidParametersException"),
        ({"ProvisioningArtifactId": "pa-0000000000000"}, "ResourceNotFoundException"),
        ({"ProductId": "prod-0000000000000"}, "ResourceNotFoundException"),
        ({"PathId": "lpv3-0000000000000"}, "ResourceNotFoundException"),
        ({"ProvisionedProductName": "-x"}, "ValidationException"),
        ({"ProvisioningParameters": [{"Key": "a", "Value": "x" * 4097}]}, "ValidationException"),
        ({"ProvisioningParameters": [{"Key": "a"}]}, "InvalidParametersException"),
        ({"ProvisioningParameters": [{"Key": "a", "Value": "1"}] * 2}, "InvalidParametersException"),
        ({"Tags": [{"Key": "a", "Value": "1"}] * 2}, "InvalidParametersException"),
        ({"Tags": [{"Key": "aws:a", "Value": "1"}]}, "InvalidParametersException"),
        ({"NotificationArns": ["arn:aws:sns:us-east-1:123456789012:t"]}, "InvalidParametersException"),
        ({"ProvisioningPreferences": {"StackSetRegions": ["us-east-1"]}}, "InvalidParametersException"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(shop: Shop, arguments: dict[str, Any], code: str) -> None:
    assert refusal(shop.launch, **arguments).startswith(code)


def test_deprecated_versions_are_for_updates_to_no_older_version_and_inactive_ones_for_nobody(
    shop: Shop,
) -> None:
    old, current = shop.add_version("3.0.0"), shop.add_version("3.1.0")
    product_id = shop.available(ProvisioningArtifactId=current)

    def mark(artifact_id: str, **more: Any) -> None:
        shop.client.update_provisioning_artifact(
            ProductId=shop.product_id, ProvisioningArtifactId=artifact_id, **more
        )

    for artifact_id in (old, current):
        mark(artifact_id, Guidance="DEPRECATED")
    assert "deprecated" in refusal(shop.launch, ProvisioningArtifactId=current)
    update = shop.client.update_provisioned_product
    assert "deprecated" in refusal(update, ProvisionedProductId=product_id, ProvisioningArtifactId=old)
    update(ProvisionedProductId=product_id, ProvisioningArtifactId=current)
    message = shop.engine.receive("Update")
    assert message["provisioningArtifactId"] == current
    shop.engine.updated(message)
    mark(current, Active=False)
    assert refusal(shop.launch, ProvisioningArtifactId=current).startswith("ResourceNotFoundException")
    offered = {
        version["Id"]: version["Guidance"]
        for version in shop.client.describe_product(Id=shop.product_id)["ProvisioningArtifacts"]
    }
    assert offered[old] == "DEPRECATED"
    assert current not in offered
    for version in ({"ProvisioningArtifactId": current}, {}):
        told = refusal(update, ProvisionedProductId=product_id, **version)
        assert told.startswith("ResourceNotFoundException")


def test_a_product_without_launch_constraint_is_not_launched(shop: Shop) -> None:
    product = shop.offer()
    product_id = product["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
    shop.client.associate_product_with_portfolio(ProductId=product_id, PortfolioId=shop.portfolio_id)
    told = refusal(
        shop.launch, ProductId=product_id, ProvisioningArtifactId=product["ProvisioningArtifactDetail"]["Id"]
    )
    assert told == (
        "InvalidParametersException: EXTERNAL provisioning artifacts only support provisioning with launch "
        "roles specified using launch constraints."
    )


def test_products_of_other_types_are_not_launched(shop: Shop) -> None:
    product = shop.offer("CLOUD_FORMATION_TEMPLATE")
    told = refusal(shop.launch, ProductId=product["ProductViewDetail"]["ProductViewSummary"]["ProductId"])
    assert told.startswith("OperationNotSupportedException")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ProvisioningParameters": [{"Key": "New"}]}, "InvalidParametersException"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "InvalidParametersException"),
        ({"ProvisioningArtifactId": "pa-0000000000000"}, "ResourceNotFoundException"),
        ({"ProvisionedProductName": "x"}, "InvalidParametersException"),
    ],
)
def test_an_update_that_cannot_be_is_refused_and_leaves_the_product_available(
    shop: Shop, arguments: dict[str, Any], code: str
) -> None:
    product_id = shop.available()
    told = refusal(shop.client.update_provisioned_product, **{"ProvisionedProductId": product_id} | arguments)
    assert told.startswith(code)
    assert shop.status(product_id) == "AVAILABLE"


def test_what_external_products_do_not_have_is_refused(shop: Shop) -> None:
    product_id = shop.available()
    client = shop.client
    assert refusal(
        client.terminate_provisioned_product, ProvisionedProductId=product_id, RetainPhysicalResources=True
    ).startswith("InvalidParametersException")
    assert refusal(
        client.create_provisioned_product_plan,
        PlanName="plan",
        PlanType="CLOUDFORMATION",
        ProductId=shop.product_id,
        ProvisionedProductName="x",
        ProvisioningArtifactId=shop.artifact_id,
    ).startswith("InvalidParametersException")
    assert refusal(
        client.update_provisioned_product_properties,
        ProvisionedProductId=product_id,
        ProvisionedProductProperties={"OWNER": "x"},
    ).startswith("OperationNotSupportedException")
    assert refusal(client.get_provisioned_product_outputs, ProvisionedProductId=product_id).startswith(
        "OperationNotSupportedException"
    )
    assert refusal(client.list_portfolio_access, PortfolioId=shop.portfolio_id).startswith(
        "OperationNotSupportedException: The local cloud does not emulate"
    )


def test_records_and_products_are_found_again(shop: Shop) -> None:
    product_id, message = shop.launched(ProvisionedProductName="findable")
    outputs = [{"OutputKey": f"Key{number}", "OutputValue": "x"} for number in range(3)]
    shop.engine.provisioned(message, Outputs=outputs)
    client = shop.client
    history = client.list_record_history(SearchFilter={"Key": "provisionedproduct", "Value": product_id})
    assert [record["RecordId"] for record in history["RecordDetails"]] == [message["recordId"]]
    assert (
        client.describe_provisioned_product(Name="findable")["ProvisionedProductDetail"]["Id"] == product_id
    )
    found = client.search_provisioned_products(Filters={"SearchQuery": ["name:findable", "status:AVAILABLE"]})
    assert [(each["Id"], each["ProvisioningArtifactName"]) for each in found["ProvisionedProducts"]] == [
        (product_id, "1.0.0")
    ]
    scanned = client.get_paginator("scan_provisioned_products").paginate(PaginationConfig={"PageSize": 2})
    assert product_id in [each["Id"] for page in scanned for each in page["ProvisionedProducts"]]
    first = client.describe_record(Id=message["recordId"], PageSize=2)
    second = client.describe_record(Id=message["recordId"], PageSize=2, PageToken=first["NextPageToken"])
    assert first["RecordOutputs"] + second["RecordOutputs"] == outputs
    assert "NextPageToken" not in second
    assert refusal(client.describe_record, Id=message["recordId"], PageToken="x").startswith(
        "InvalidParameters"
    )
    assert refusal(client.describe_record, Id="rec-0000000000000").startswith("ResourceNotFoundException")


def test_tag_options_of_the_portfolio_become_tags_of_the_launch(shop: Shop) -> None:
    client = shop.client
    options = [
        client.create_tag_option(Key=key, Value=value)["TagOptionDetail"]["Id"]
        for key, value in (("cost", "1"), ("cost", "2"), ("project", "a"))
    ]
    for option in options:
        client.associate_tag_option_with_resource(ResourceId=shop.portfolio_id, TagOptionId=option)
    assert "cost is required" in refusal(shop.launch)
    assert "cost must have one of" in refusal(shop.launch, Tags=[{"Key": "cost", "Value": "3"}])
    record = shop.launch(Tags=[{"Key": "cost", "Value": "2"}])
    tags = [{"key": "cost", "value": "2"}, {"key": "project", "value": "a"}]
    assert shop.engine.receive("Provision")["tags"] == tags
    assert {"Key": "project", "Value": "a"} in record["RecordTags"]
    assert refusal(client.delete_tag_option, Id=options[0]).startswith("ResourceInUseException")
    for option in options:
        client.disassociate_tag_option_from_resource(ResourceId=shop.portfolio_id, TagOptionId=option)
        client.delete_tag_option(Id=option)
