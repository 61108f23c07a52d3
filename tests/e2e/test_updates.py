"""Updates of one launched product: some are done, some are refused."""

import shlex
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.service_catalog.models import backend
from tests.support.launches import Aws, Catalog, outputs, product_of, reason
from tests.support.machinery import eventually, stacks_ever
from tests.support.versions import OLDEST

NO_CHANGES = "none: the stack was already as asked for"


@pytest.fixture(scope="module")
def launched(aws: Aws, cloud: Cloud, oldest: Catalog) -> dict[str, Any]:
    """A product, launched while CloudFormation throttled. Each test leaves it so that it can be updated."""
    cloud.faults.stack.throttle_action("DescribeStacks", 2)
    launched = oldest.provision("updated", EnvironmentSuffix="updated", OpsEmails="first@example.com")
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    _confirm(aws, cloud, "first@example.com")
    return launched


@pytest.fixture
def product(launched: dict[str, Any]) -> str:
    return product_of(launched)


@pytest.fixture
def stack(product: str) -> str:
    return f"TapStack-{product}"


@pytest.fixture
def before(cloud: Cloud, stack: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The stack's events and its database before the test."""
    return _events(cloud, stack), _database(cloud, stack)


def test_a_throttling_cloudformation_delays_a_launch_and_does_not_fail_it(
    oldest: Catalog, launched: dict[str, Any]
) -> None:
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    assert oldest.answers(launched) == ["SUCCEEDED"]


def test_an_update_that_only_changes_emails_touches_no_resource_and_tells_nobody_but_them(
    aws: Aws, cloud: Cloud, oldest: Catalog, product: str, stack: str, before: Any
) -> None:
    # WHEN only the emails change
    updated = oldest.update(product, EnvironmentSuffix=None, OpsEmails="second@example.com")

    # THEN each one's fate is told
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert outputs(updated)["OpsEmailSubscriptions"].split("; ") == [
        "second@example.com: pending confirmation",
        "first@example.com: unsubscribed",
    ]
    _confirm(aws, cloud, "second@example.com")
    # AND no resource was touched
    assert {one["ResourceType"] for one in _events(cloud, stack) if one not in before[0]} == {
        "AWS::CloudFormation::Stack"
    }
    assert outputs(updated)["Changes"] == NO_CHANGES


def test_an_update_that_mentions_nothing_succeeds_and_changes_nothing(
    cloud: Cloud, oldest: Catalog, product: str, stack: str, before: Any
) -> None:
    # WHEN an update gives no parameters
    updated = oldest.update(product)

    # THEN all stays, the emails too
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert oldest.answers(updated) == ["SUCCEEDED"]
    assert outputs(updated)["OpsEmails"] == "second@example.com"
    assert "second@example.com: already subscribed" in outputs(updated)["OpsEmailSubscriptions"]
    assert outputs(updated)["Changes"] == NO_CHANGES
    assert (_events(cloud, stack), _database(cloud, stack)) == before


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
    stack: str,
    before: Any,
    changed: dict[str, str],
    words: str,
) -> None:
    # WHEN an update would replace the database, or cut it off
    refused = oldest.update(product, **changed)

    # THEN it is refused with the input that is the cause, and nothing has changed
    assert refused["RecordDetail"]["Status"] == "FAILED"
    assert words in reason(refused)
    assert next(iter(changed)) in reason(refused)
    assert oldest.answers(refused) == ["FAILED"]
    assert oldest.status(product) == "TAINTED"
    assert (_events(cloud, stack), _database(cloud, stack)) == before


def test_an_update_of_the_database_is_refused_while_rds_does_not_modify_it(
    cloud: Cloud, oldest: Catalog, product: str, stack: str, before: Any
) -> None:
    # GIVEN a database that RDS is backing up
    identifier = before[1]["DBInstanceIdentifier"]
    cloud.faults.database.set_status(identifier, "backing-up")

    # WHEN it is to be changed
    refused = oldest.update(product, BackupRetentionDays="14")

    # THEN that is refused, and nothing has changed
    assert reason(refused).startswith(f"DB instance {identifier} is in the status backing-up. ")
    assert oldest.answers(refused) == ["FAILED"]
    assert oldest.status(product) == "TAINTED"
    cloud.faults.database.clear()
    assert (_events(cloud, stack), _database(cloud, stack)) == before


def test_a_failed_rollback_is_continued_by_the_next_update_which_then_does_its_own_work(
    cloud: Cloud, oldest: Catalog, product: str, stack: str
) -> None:
    # GIVEN a database that can't be changed, nor changed back, nor changed back at the second try
    cloud.faults.stack.fail("AWS::RDS::DBInstance", "Not today.", on="update", times=3)

    # WHEN it is updated THEN the failure names both causes
    stuck = oldest.update(product, BackupRetentionDays="14")
    at = "at DatabaseInstance (AWS::RDS::DBInstance)"
    assert reason(stuck).startswith(f"The update failed {at}, and undoing it failed as well {at}. Do not ")
    undoing = "when undoing DatabaseInstance (AWS::RDS::DBInstance): Not today."
    assert reason(stuck).endswith(f"AWS said: Not today; {undoing}")
    assert _status(cloud, stack) == "UPDATE_ROLLBACK_FAILED"

    # WHEN it is updated again THEN the rollback goes on, and its failure says what else can be done
    again = oldest.update(product, BackupRetentionDays="14")
    assert f", and that failed again {at}. " in reason(again)
    assert "Resources to skip" in reason(again)
    assert oldest.answers(again) == ["FAILED"]
    assert oldest.status(product) == "TAINTED"

    # WHEN the cause is gone THEN an update undoes the first one and succeeds
    updated = oldest.update(product, BackupRetentionDays="14")
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert oldest.answers(updated) == ["SUCCEEDED"]
    assert oldest.status(product) == "AVAILABLE"
    assert outputs(updated)["Changes"] == "changed: DatabaseInstance (BackupRetentionPeriod 7 -> 14)"
    assert _database(cloud, stack)["BackupRetentionPeriod"] == 14

    # AND those who get the alerts are told of this update, and were of none that changed nothing
    mails = cloud.mailbox.to("second@example.com")
    [mail] = [mail for mail in mails if mail.subject == "updated was updated"]
    assert f"({product}) was updated and now has version {OLDEST}." in mail.body
    assert "changed: DatabaseInstance (BackupRetentionPeriod 7 -> 14)" in mail.body
    assert f"record {updated['RecordDetail']['RecordId']}" in mail.body


def test_a_product_whose_update_failed_is_updated_and_takes_no_other_operation_meanwhile(
    cloud: Cloud, oldest: Catalog, product: str, stack: str
) -> None:
    # GIVEN an update that failed and was undone
    cloud.faults.stack.fail("AWS::RDS::DBInstance", "Not today.", on="update")
    failed = oldest.update(product, BackupRetentionDays="21")
    assert "everything is as it was before" in reason(failed)
    assert (oldest.status(product), _status(cloud, stack)) == ("TAINTED", "UPDATE_ROLLBACK_COMPLETE")

    # WHEN another one is under way
    stall = cloud.faults.stack.stall("AWS::RDS::DBInstance", on="update")
    under_way = oldest.start_update(product, BackupRetentionDays="21")
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
    assert _database(cloud, stack)["BackupRetentionPeriod"] == 21


def test_an_update_that_only_changes_tags_changes_them_in_place(
    cloud: Cloud, oldest: Catalog, product: str, stack: str
) -> None:
    # GIVEN tags that Service Catalog sends otherwise than at the launch, as after a change of TagOptions
    backend().state.provisioned_products[product].tags["team"] = "ledger"

    # WHEN nothing else changes
    updated = oldest.update(product)

    # THEN every resource has the new tag, and is the one it was
    assert updated["RecordDetail"]["Status"] == "SUCCEEDED", reason(updated)
    assert "DatabaseInstance (Tags)" in outputs(updated)["Changes"]
    assert {part.split(":")[0] for part in outputs(updated)["Changes"].split("; ")} == {"changed"}
    assert {"Key": "team", "Value": "ledger"} in _database(cloud, stack)["TagList"]


def test_an_update_of_a_stack_that_somebody_deleted_launches_no_empty_database_in_its_place(
    cloud: Cloud, oldest: Catalog, product: str, stack: str
) -> None:
    # GIVEN a stack that somebody has deleted in CloudFormation
    cloud.client("cloudformation").delete_stack(StackName=stack)
    eventually(lambda: stacks_ever(cloud, product) == ["DELETE_COMPLETE"], "the stack is gone")

    # WHEN the product is updated
    refused = oldest.update(product, EnvironmentSuffix=None, OpsEmails="nope")

    # THEN that is refused, and nothing was created
    assert reason(refused).startswith(f"Stack {stack} was deleted on ")
    assert oldest.answers(refused) == ["FAILED"]
    assert oldest.status(product) == "TAINTED"
    assert stacks_ever(cloud, product) == ["DELETE_COMPLETE"]

    # AND it can be terminated
    assert oldest.terminate(product)["RecordDetail"]["Status"] == "SUCCEEDED"


def _confirm(aws: Aws, cloud: Cloud, email: str) -> None:
    """Follow the link in the only mail to an address: `aws sns confirm-subscription …`."""
    [mail] = cloud.mailbox.to(email)
    aws(*shlex.split(mail.todo)[1:])


def _status(cloud: Cloud, stack: str) -> str:
    return str(cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def _events(cloud: Cloud, stack: str) -> list[dict[str, Any]]:
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events")
    return [event for page in pages.paginate(StackName=stack) for event in page["StackEvents"]]


def _database(cloud: Cloud, stack: str) -> dict[str, Any]:
    [deployed] = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    given = {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=given["DatabaseIdentifier"])
    database: dict[str, Any] = found["DBInstances"][0]
    database.pop("LatestRestorableTime", None)  # goes on with the clock
    return database
