"""Updates of one launched product: the ones that are done, and the ones that are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.faults import faults
from tests.e2e.conftest import Catalog, outputs, product_of, reason


@pytest.fixture(scope="module")
def launched(cloud: Cloud, oldest: Catalog) -> Iterator[dict[str, Any]]:
    """A launch while CloudFormation was throttling. Each test leaves it as it may be updated again."""
    faults(cloud.world).throttle_action("DescribeStacks", 2)
    record = oldest.provision("updated", EnvironmentSuffix="updated", OpsEmails="first@example.com")
    yield record
    oldest.terminate(product_of(record))


@pytest.fixture
def product(launched: dict[str, Any]) -> str:
    return product_of(launched)


@pytest.fixture
def events(cloud: Cloud, product: str) -> list[dict[str, Any]]:
    """What had happened to the stack before the test."""
    return _events(cloud, product)


def test_a_throttling_cloudformation_delays_a_launch_and_does_not_fail_it(
    oldest: Catalog, launched: dict[str, Any]
) -> None:
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    assert oldest.answers(launched) == ["SUCCEEDED"]


def test_emails_that_were_never_confirmed_are_reported_as_expiring_when_they_are_removed(
    cloud: Cloud, oldest: Catalog, product: str, events: list[dict[str, Any]]
) -> None:
    # WHEN only the emails change
    updated = oldest.update(product, EnvironmentSuffix=None, OpsEmails="second@example.com")

    # THEN each one's fate is told
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert outputs(updated)["OpsEmailSubscriptions"].split("; ") == [
        "second@example.com: pending confirmation",
        "first@example.com: removed, but was never confirmed: expires by itself",
    ]
    assert len(cloud.world.mailbox.to("second@example.com")) == 1
    # AND no resource was touched
    assert {event["ResourceType"] for event in _events(cloud, product) if event not in events} == {
        "AWS::CloudFormation::Stack"
    }


def test_an_update_that_mentions_nothing_succeeds_and_changes_nothing(
    cloud: Cloud, oldest: Catalog, product: str, events: list[dict[str, Any]]
) -> None:
    # GIVEN the emails as the last update has left them
    before = cloud.client("cloudformation").describe_stacks(StackName=f"TapStack-{product}")["Stacks"]
    emails = next(one["OutputValue"] for one in before[0]["Outputs"] if one["OutputKey"] == "OpsEmails")

    # WHEN an update gives no parameters
    updated = oldest.update(product)

    # THEN all stays, the emails too
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert oldest.answers(updated) == ["SUCCEEDED"]
    assert outputs(updated)["OpsEmails"] == emails
    assert f"{emails}: pending confirmation" in outputs(updated)["OpsEmailSubscriptions"]
    assert _events(cloud, product) == events


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"DatabaseName": "ledger"}, "DatabaseInstance (AWS::RDS::DBInstance) would be replaced because of"),
        ({"EnvironmentSuffix": "moved"}, "BackupsBucket (AWS::S3::Bucket) would be replaced because of"),
        ({"VpcCidr": "10.99.0.0/16"}, "VpcCidr: can't be changed after the launch"),
    ],
)
def test_an_update_that_would_lose_data_or_the_network_is_refused_and_changes_nothing(
    cloud: Cloud,
    oldest: Catalog,
    product: str,
    events: list[dict[str, Any]],
    changed: dict[str, str],
    words: str,
) -> None:
    # GIVEN the database as it is
    before = _database(cloud, product)

    # WHEN an update would replace it, or cut it off
    refused = oldest.update(product, **changed)

    # THEN it is refused with the input that is the cause, and nothing has changed
    assert refused["RecordDetail"]["Status"] == "FAILED"
    assert words in reason(refused)
    assert next(iter(changed)) in reason(refused)
    assert oldest.answers(refused) == ["FAILED"]
    assert oldest.status(product) == "TAINTED"
    assert _events(cloud, product) == events
    assert _database(cloud, product) == before


def test_a_product_whose_update_was_refused_is_updated_and_takes_no_other_operation_meanwhile(
    cloud: Cloud, oldest: Catalog, product: str
) -> None:
    # GIVEN an update that was refused
    oldest.update(product, BackupRetentionDays="99")
    assert oldest.status(product) == "TAINTED"

    # WHEN another one is under way
    stall = faults(cloud.world).stall("AWS::RDS::DBInstance", on="update")
    under_way = oldest.start_update(product, BackupRetentionDays="14")
    assert stall.reached.wait(20)

    # THEN neither an update nor a termination is accepted
    with pytest.raises(ClientError, match="still under change"):
        oldest.start_update(product)
    with pytest.raises(ClientError, match="still under change"):
        oldest.start_terminate(product)

    # AND the one that was under way succeeds
    stall.release()
    updated = oldest.ended(under_way)
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert oldest.answers(updated) == ["SUCCEEDED"]
    assert oldest.status(product) == "AVAILABLE"
    assert _database(cloud, product)["BackupRetentionPeriod"] == 14


def _events(cloud: Cloud, product: str) -> list[dict[str, Any]]:
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events")
    return [
        event for page in pages.paginate(StackName=f"TapStack-{product}") for event in page["StackEvents"]
    ]


def _database(cloud: Cloud, product: str) -> dict[str, Any]:
    [stack] = cloud.client("cloudformation").describe_stacks(StackName=f"TapStack-{product}")["Stacks"]
    given = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=given["DatabaseIdentifier"])
    database: dict[str, Any] = found["DBInstances"][0]
    database.pop("LatestRestorableTime", None)  # goes on with the clock
    return database
