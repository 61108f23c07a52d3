"""An operation reaches the engine only through queues that let Service Catalog in."""

import json
from collections.abc import Iterator

import pytest

from tests.support.service_catalog import SERVICE, Shop, document

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:ServiceCatalogExternalProvisionOperationQueue"
KEY_ACTIONS = ["kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey"]
US = {"Service": SERVICE}


@pytest.fixture
def queue(shop: Shop) -> Iterator[dict[str, str]]:
    """The attributes of the provision queue, to be changed by the test and restored after it."""
    sqs, url = shop.cloud.client("sqs"), shop.engine.urls["Provision"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    yield {"Policy": policy}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy, "KmsMasterKeyId": ""})


def reaches_the_engine(shop: Shop, attributes: dict[str, str]) -> bool:
    shop.cloud.client("sqs").set_queue_attributes(
        QueueUrl=shop.engine.urls["Provision"], Attributes=attributes
    )
    record = shop.launch()
    message = shop.engine.receive("Provision")
    assert shop.status(record["ProvisionedProductId"]) == "UNDER_CHANGE"
    assert shop.record(record["RecordId"])["Status"] == "IN_PROGRESS"
    return message is not None


@pytest.mark.parametrize(
    ("condition", "reached"),
    [
        ({"StringLike": {"aws:SourceAccount": ["111111111111", "123456789012"]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:servicecatalog:*"}}, False),
    ],
)
def test_conditions_of_the_queue_policy_are_about_the_launching_account(
    shop: Shop, queue: dict[str, str], condition: dict[str, dict[str, str]], reached: bool
) -> None:
    queue["Policy"] = document(
        Principal=US, Action="sqs:SendMessage", Resource=QUEUE_ARN, Condition=condition
    )
    assert reaches_the_engine(shop, queue) is reached


@pytest.mark.parametrize(
    "policy",
    [
        document(Principal={"Service": "events.amazonaws.com"}, Action="sqs:SendMessage", Resource=QUEUE_ARN),
        document(Principal=US, Action="sqs:ReceiveMessage", Resource=QUEUE_ARN),
        document(Principal=US, Action="sqs:SendMessage", Resource=QUEUE_ARN.replace("Provision", "Update")),
        document(Effect="Deny", Principal="*", Action="sqs:SendMessage", Resource="*"),
    ],
)
def test_an_operation_stays_under_change_when_the_queue_does_not_let_us_in(
    shop: Shop, queue: dict[str, str], policy: str
) -> None:
    queue["Policy"] = policy
    assert not reaches_the_engine(shop, queue)


@pytest.mark.parametrize(("actions", "reached"), [(KEY_ACTIONS, True), (KEY_ACTIONS[:3], False)])
def test_a_customer_key_of_the_queue_has_to_let_us_in_too(
    shop: Shop, queue: dict[str, str], actions: list[str], reached: bool
) -> None:
    policy = json.loads(document(Principal=US, Action=actions, Resource="*"))
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    policy["Statement"].append({"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"})
    key = shop.cloud.client("kms").create_key(Policy=json.dumps(policy))["KeyMetadata"]
    queue["KmsMasterKeyId"] = key["KeyId"]
    assert reaches_the_engine(shop, queue) is reached
