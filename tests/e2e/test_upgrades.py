"""R5: a product is upgraded by its version, and ends without a trace."""

from local_cloud.cloud import Cloud
from tests.e2e.account import inventory
from tests.e2e.conftest import Catalog, outputs, product_of, reason

HOLDS_DATA = {"AWS::RDS::DBInstance", "AWS::KMS::Key", "AWS::S3::Bucket"}


def test_an_upgrade_keeps_what_holds_data_says_what_it_changed_and_the_end_leaves_nothing(
    catalog: Catalog, oldest: Catalog, cloud: Cloud
) -> None:
    # GIVEN a product of the first version
    before = inventory(cloud)
    launched = oldest.provision("upgraded", EnvironmentSuffix="upgraded", OpsEmails="a@example.com")
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    product = product_of(launched)
    held = _holding_data(cloud, product)
    assert {kind for kind, _, _ in held} == HOLDS_DATA

    # WHEN it is updated to the newest version, which has one input more, with all values kept
    upgraded = catalog.update(product, EnvironmentSuffix=None, OpsEmails=None, EngineLifecycleSupport=None)

    # THEN what held data is the same, and the record says what changed
    assert upgraded["RecordDetail"]["Status"] == "SUCCEEDED", reason(upgraded)
    assert held <= _holding_data(cloud, product)
    changes = outputs(upgraded)["Changes"]
    assert "added: " in changes
    assert "DatabaseInstance" in changes.partition("changed: ")[2].partition(";")[0]
    assert catalog.status(product) == "AVAILABLE"

    # WHEN it is terminated THEN nothing is left in the account that was not there before
    ended = catalog.terminate(product)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert inventory(cloud) - before == set()


def _holding_data(cloud: Cloud, product: str) -> set[tuple[str, str, str]]:
    pages = (
        cloud.client("cloudformation")
        .get_paginator("list_stack_resources")
        .paginate(StackName=f"TapStack-{product}")
    )
    return {
        (resource["ResourceType"], resource["LogicalResourceId"], resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] in HOLDS_DATA
    }
