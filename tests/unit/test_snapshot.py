"""The snapshot before a major version upgrade, and its deletion with the product."""

from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from engine.errors import SnapshotFailedError, SnapshotInProgressError
from engine.models import SnapshotRequest
from snapshot.snapshots import snapshot

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/TapStack-pp-wp3ziihdnvmse/1"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/rec/1"
TRACER = {"Key": "tapstack:provisioned-product-id", "Value": "pp-wp3ziihdnvmse"}


@pytest.fixture
def rds(stubbed: Any) -> Any:
    return stubbed("rds")


@pytest.fixture
def cloudformation(stubbed: Any) -> Any:
    """A stack with a database."""
    client, stub = stubbed("cloudformation")
    resources = [
        {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical_id, **RESTING}
        for name, kind, physical_id in (
            ("Key", "AWS::KMS::Key", "1234"),
            ("Database", "AWS::RDS::DBInstance", "database-dev"),
        )
    ]
    stub.add_response("list_stack_resources", {"StackResourceSummaries": resources}, {"StackName": STACK})
    return client, stub


RESTING: Any = {"LastUpdatedTimestamp": "2026-11-22T12:00:00Z", "ResourceStatus": "CREATE_COMPLETE"}


@pytest.fixture
def upgrade(request_of: Any) -> SnapshotRequest:
    request = request_of("update", stackId=STACK, changeSetArn=CHANGE_SET)
    return msgspec.convert(request, SnapshotRequest)


@pytest.fixture
def name(upgrade: SnapshotRequest) -> str:
    return f"pre-upgrade-{upgrade.record_id}-database-dev"


def there_is(stub: Any, name: str, status: str | None) -> None:
    asked = {"DBSnapshotIdentifier": name}
    if status is None:
        stub.add_client_error("describe_db_snapshots", "DBSnapshotNotFound", "not found", 404)
    else:
        found = {"DBSnapshots": [{"DBSnapshotIdentifier": name, "Status": status}]}
        stub.add_response("describe_db_snapshots", found, asked)


def database_is(stub: Any, status: str) -> None:
    found = {"DBInstances": [{"DBInstanceIdentifier": "database-dev", "DBInstanceStatus": status}]}
    stub.add_response("describe_db_instances", found, {"DBInstanceIdentifier": "database-dev"})


def test_the_first_look_takes_the_snapshot_under_the_operations_name_and_the_products_tag(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, None)
    asked = {"DBSnapshotIdentifier": name, "DBInstanceIdentifier": "database-dev", "Tags": [TRACER]}
    stub.add_response("create_db_snapshot", {}, asked)
    with pytest.raises(SnapshotInProgressError, match=f"Snapshot {name} was not ready"):
        snapshot(client, cloudformation[0], upgrade)


@pytest.mark.parametrize(("status", "database"), [("creating", None), ("available", "backing-up")])
def test_later_looks_wait_for_it_and_for_the_database(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str, status: str, database: str | None
) -> None:
    client, stub = rds
    there_is(stub, name, status)
    if database:
        database_is(stub, database)
    with pytest.raises(SnapshotInProgressError):
        snapshot(client, cloudformation[0], upgrade)


def test_a_snapshot_that_is_there_lets_the_upgrade_go_on(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, "available")
    database_is(stub, "available")
    assert snapshot(client, cloudformation[0], upgrade) == name


def test_a_snapshot_that_fails_ends_the_upgrade_and_removes_what_was_planned(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, "failed")
    gone = {"StackName": STACK, "ChangeSetName": upgrade.record_id}
    cloudformation[1].add_response("delete_change_set", {}, gone)
    with pytest.raises(
        SnapshotFailedError, match=rf"Nothing was changed\. Correct .* Snapshot {name} is failed\."
    ):
        snapshot(client, cloudformation[0], upgrade)


def test_a_plan_that_can_not_be_removed_does_not_hide_why_the_snapshot_failed(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, "failed")
    cloudformation[1].add_client_error("delete_change_set", "InternalFailure", "", 500)
    with pytest.raises(SnapshotFailedError, match="is failed"):
        snapshot(client, cloudformation[0], upgrade)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SnapshotQuotaExceeded", r"AWS refused CreateDBSnapshot \(Snap.* AWS said: no\.$"),
        ("InvalidDBInstanceState", r"AWS refused CreateDBSnapshot \(Invalid.* AWS said: no\.$"),
        ("AccessDenied", "lacks the permission for CreateDBSnapshot"),
    ],
)
def test_a_snapshot_that_rds_refuses_ends_the_upgrade_in_its_words(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str, code: str, words: str
) -> None:
    client, stub = rds
    there_is(stub, name, None)
    stub.add_client_error("create_db_snapshot", code, "no", 400)
    gone = {"StackName": STACK, "ChangeSetName": upgrade.record_id}
    cloudformation[1].add_response("delete_change_set", {}, gone)
    with pytest.raises(SnapshotFailedError, match=words):
        snapshot(client, cloudformation[0], upgrade)


def test_a_busy_rds_is_asked_again_and_the_plan_stays(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, None)
    stub.add_client_error("create_db_snapshot", "ThrottlingException", "slow down", 400)
    with pytest.raises(ClientError, match="slow down"):
        snapshot(client, cloudformation[0], upgrade)


def test_a_snapshot_that_was_made_a_moment_ago_is_waited_for(
    rds: Any, cloudformation: Any, upgrade: SnapshotRequest, name: str
) -> None:
    client, stub = rds
    there_is(stub, name, None)
    stub.add_client_error("create_db_snapshot", "DBSnapshotAlreadyExists", "already", 400)
    with pytest.raises(SnapshotInProgressError):
        snapshot(client, cloudformation[0], upgrade)


def test_the_name_is_one_that_rds_takes(rds: Any, cloudformation: Any, request_of: Any) -> None:
    request = request_of("update", stackId=STACK, changeSetArn=CHANGE_SET) | {"recordId": "rec_A--b"}
    client, stub = rds
    there_is(stub, "pre-upgrade-rec-a-b-database-dev", "creating")
    with pytest.raises(SnapshotInProgressError):
        snapshot(client, cloudformation[0], msgspec.convert(request, SnapshotRequest))


@pytest.mark.parametrize("absent", ["stackId", "changeSetArn"])
def test_an_update_that_changes_nothing_needs_no_snapshot(request_of: Any, absent: str) -> None:
    request = request_of("update", stackId=STACK, changeSetArn=CHANGE_SET) | {absent: None}
    unasked: Any = None
    assert snapshot(unasked, unasked, msgspec.convert(request, SnapshotRequest)) is None


@pytest.fixture
def termination(request_of: Any) -> SnapshotRequest:
    return msgspec.convert(request_of("terminate"), SnapshotRequest)


def listed(name: str, status: str = "available", product: str = "pp-wp3ziihdnvmse") -> Any:
    tags = [{"Key": TRACER["Key"], "Value": product}]
    return {"DBSnapshotIdentifier": name, "Status": status, "TagList": tags}


def test_a_termination_deletes_the_products_own_snapshots_and_no_others(
    rds: Any, termination: SnapshotRequest
) -> None:
    client, stub = rds
    pages = [
        [listed("pre-upgrade-1-database-dev"), listed("by-hand"), {"DBSnapshotIdentifier": "pre-upgrade-3"}],
        [listed("pre-upgrade-2-database-dev", "failed"), listed("pre-upgrade-4", product="pp-other")],
    ]
    stub.add_response(
        "describe_db_snapshots", {"DBSnapshots": pages[0], "Marker": "more"}, {"SnapshotType": "manual"}
    )
    stub.add_response("describe_db_snapshots", {"DBSnapshots": pages[1]}, None)
    for number in (1, 2):
        stub.add_response(
            "delete_db_snapshot", {}, {"DBSnapshotIdentifier": f"pre-upgrade-{number}-database-dev"}
        )
    unasked: Any = None
    assert snapshot(client, unasked, termination) is None


def test_a_termination_without_snapshots_deletes_none(rds: Any, termination: SnapshotRequest) -> None:
    client, stub = rds
    stub.add_response("describe_db_snapshots", {"DBSnapshots": []}, None)
    unasked: Any = None
    assert snapshot(client, unasked, termination) is None


def test_a_snapshot_that_is_gone_by_now_and_one_that_is_still_being_taken(
    rds: Any, termination: SnapshotRequest
) -> None:
    client, stub = rds
    found = [listed("pre-upgrade-1-database-dev", "creating"), listed("pre-upgrade-2-database-dev")]
    stub.add_response("describe_db_snapshots", {"DBSnapshots": found}, None)
    stub.add_client_error("delete_db_snapshot", "DBSnapshotNotFound", "gone", 404)
    unasked: Any = None
    with pytest.raises(
        SnapshotInProgressError, match=r"waiting: pre-upgrade-1-database-dev \(creating\)\. Term"
    ):
        snapshot(client, unasked, termination)


@pytest.mark.parametrize(("status", "stays"), [("failed", True), ("available", False)])
def test_a_failed_snapshot_that_rds_does_not_delete_holds_up_no_termination(
    rds: Any, termination: SnapshotRequest, status: str, stays: bool
) -> None:
    client, stub = rds
    found = [listed("pre-upgrade-1-database-dev", status)]
    stub.add_response("describe_db_snapshots", {"DBSnapshots": found}, None)
    stub.add_client_error("delete_db_snapshot", "InvalidDBSnapshotState", "in use", 400)
    unasked: Any = None
    with nullcontext() if stays else pytest.raises(ClientError, match="in use"):
        snapshot(client, unasked, termination)
