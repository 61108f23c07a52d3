"""Launches that fail: what the user reads, what is left, and what can be done next."""

import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.kms import models as kms_models
from tests.support.inventory import inventory, left_with
from tests.support.launches import Catalog, outputs, product_of, reason
from tests.support.machinery import stacks_ever

NO_CAPACITY = "We currently do not have sufficient db.r6g.xlarge capacity in the zones you requested"
INPUTS = {"EnvironmentSuffix": "failing", "OpsEmails": "ops@example.com"}


@pytest.fixture(scope="module")
def failed(cloud: Cloud, oldest: Catalog) -> dict[str, Any]:
    """A launch whose database could not be created."""
    cloud.faults.stack.fail("AWS::RDS::DBInstance", NO_CAPACITY)
    return oldest.provision("failing", **INPUTS)


def test_a_database_that_cannot_be_created_is_named_with_its_reason_and_leaves_nothing_behind(
    cloud: Cloud, oldest: Catalog, failed: dict[str, Any]
) -> None:
    # WHEN a launch has failed because of its database
    # THEN the record says which resource it was and why, once
    assert failed["RecordDetail"]["Status"] == "FAILED"
    assert reason(failed).startswith(
        "The launch failed at DatabaseInstance (AWS::RDS::DBInstance), was undone "
    )
    assert reason(failed).endswith(f" AWS said: {NO_CAPACITY}.")
    assert "left nothing behind" in reason(failed)
    assert oldest.answers(failed) == ["FAILED"]
    # AND the product may be updated or terminated, and there is nothing of it
    assert oldest.status(product_of(failed)) == "TAINTED"
    assert left_with(cloud, INPUTS["EnvironmentSuffix"]) == []
    assert stacks_ever(cloud, product_of(failed)) == ["DELETE_COMPLETE"]


def test_an_update_after_a_failed_launch_launches_again(
    cloud: Cloud, oldest: Catalog, failed: dict[str, Any]
) -> None:
    # GIVEN a launch that has failed
    product = product_of(failed)

    # WHEN it is updated with the same inputs, once the cause is gone
    updated = oldest.update(product, **INPUTS)

    # THEN there is a database
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert oldest.status(product) == "AVAILABLE"
    identifier = outputs(updated)["DatabaseIdentifier"]
    [database] = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    assert database["DBInstanceStatus"] == "available"
    # AND it can be terminated
    assert oldest.terminate(product)["RecordDetail"]["Status"] == "SUCCEEDED"
    assert left_with(cloud, INPUTS["EnvironmentSuffix"]) == []


@pytest.fixture(scope="module")
def refused(oldest: Catalog) -> dict[str, Any]:
    """A launch with two wrong inputs."""
    return oldest.provision("refused", EnvironmentSuffix="Bad_Suffix", OpsEmails="nope")


def test_wrong_inputs_are_all_listed_in_words_and_create_nothing(
    cloud: Cloud, oldest: Catalog, refused: dict[str, Any]
) -> None:
    assert refused["RecordDetail"]["Status"] == "FAILED"
    first, suffix, emails, last = reason(refused).splitlines()
    assert first == "Nothing was created or changed, because the inputs break these rules:"
    assert suffix.startswith("- EnvironmentSuffix: must be 2 to 20 characters of a-z, 0-9 and -")
    assert suffix.endswith('(given: "Bad_Suffix")')
    assert emails.startswith("- OpsEmails: must be email addresses such as ops@example.com")
    assert emails.endswith('(given: "nope")')
    assert last == "Nothing was launched: update this provisioned product to try again, or terminate it."
    assert oldest.answers(refused) == ["FAILED"]
    assert oldest.status(product_of(refused)) == "TAINTED"
    assert stacks_ever(cloud, product_of(refused)) == []
    assert left_with(cloud, "Bad_Suffix") == []


def test_a_product_without_anything_is_terminated_once(
    cloud: Cloud, oldest: Catalog, refused: dict[str, Any]
) -> None:
    # GIVEN a launch that has failed before anything was created
    product = product_of(refused)

    # WHEN it is terminated, and once more while that is under way
    under_way = oldest.start_terminate(product)
    with pytest.raises(ClientError, match="still under change"):
        oldest.start_terminate(product)

    # THEN it is gone, and cannot be terminated again
    terminated = oldest.ended(under_way)
    assert terminated["RecordDetail"]["Status"] == "SUCCEEDED", reason(terminated)
    assert oldest.answers(terminated) == ["SUCCEEDED"]
    assert stacks_ever(cloud, product) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        oldest.start_terminate(product)


def test_a_launch_whose_resources_have_failed_is_terminated(cloud: Cloud, oldest: Catalog) -> None:
    # GIVEN another launch that has failed after something was created
    cloud.faults.stack.fail("AWS::EC2::VPC", "The maximum number of VPCs has been reached.")
    failed = oldest.provision("fails-too", EnvironmentSuffix="fails-too", OpsEmails="ops@example.com")
    assert "The maximum number of VPCs has been reached." in reason(failed)

    # WHEN it is terminated
    terminated = oldest.terminate(product_of(failed))

    # THEN it is gone
    assert terminated["RecordDetail"]["Status"] == "SUCCEEDED", reason(terminated)
    assert left_with(cloud, "fails-too") == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        oldest.status(product_of(failed))


def test_a_launch_that_fails_a_minute_after_its_key_was_made_leaves_nothing(
    cloud: Cloud, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a KMS for which the tags of a new key do not count yet
    monkeypatch.setattr(kms_models, "CHANGES_COUNT_AFTER", math.inf)
    before = inventory(cloud)
    keys = len(cloud.client("kms").list_keys()["Keys"])

    # WHEN something that needs the key can't be created
    cloud.faults.stack.fail("AWS::SNS::Topic", "Topic limit exceeded.")
    failed = catalog.provision("early", EnvironmentSuffix="early", OpsEmails="ops@example.com")

    # THEN the key is scheduled for deletion, and everything else is gone
    assert "Topic limit exceeded." in reason(failed)
    assert "left nothing behind" in reason(failed)
    assert stacks_ever(cloud, product_of(failed)) == ["DELETE_COMPLETE"]
    assert left_with(cloud, "early") == []
    assert len(cloud.client("kms").list_keys()["Keys"]) == keys + 1
    assert inventory(cloud) - before == set()
