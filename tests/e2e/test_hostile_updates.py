"""Updates that would lose data or that nothing could undo are refused before anything changes."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from engine.errors import DataLossError
from plan.losses import refuse_losses

from local_cloud.cloud import Cloud
from tests.support.inventory import inventory
from tests.support.launches import BY_HAND, Catalog, outputs, product_of, reason
from tests.support.machinery import eventually, release
from tests.support.versions import ALL, OLDEST

DATABASE, BUCKET = "DatabaseInstance", "BackupsBucket"
SUFFIX = "hostile"
GIB = 1024**3
# A resource, a property, and a value that somebody might give it.
REPLACING = [
    (DATABASE, "DBInstanceIdentifier", "database-renamed"),
    (DATABASE, "DBSubnetGroupName", "other-subnets"),
    (DATABASE, "KmsKeyId", "alias/aws/rds"),
    (DATABASE, "StorageEncrypted", False),
    (BUCKET, "BucketName", "other-bucket"),
]
Change = tuple[str, str, Any]


@pytest.fixture(scope="module")
def before_the_launch(cloud: Cloud) -> set[str]:
    return inventory(cloud)


@pytest.fixture(scope="module")
def product(oldest: Catalog, before_the_launch: set[str]) -> str:  # noqa: ARG001
    launched = oldest.provision(SUFFIX, EnvironmentSuffix=SUFFIX, OpsEmails="ops@example.com")
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    return product_of(launched)


@pytest.fixture
def stack(product: str) -> str:
    return f"TapStack-{product}"


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            REPLACING,
            [
                f"- {BUCKET} (AWS::S3::Bucket) would be replaced because of BucketName: the backups in it",
                f"- {DATABASE} (AWS::RDS::DBInstance) would be replaced because of DBInstanceIdentifier, "
                "DBSubnetGroupName, KmsKeyId, StorageEncrypted: the database and its automated backups would",
            ],
        ),
        (
            [(DATABASE, "ManageMasterUserPassword", False)],
            [f"- {DATABASE} (AWS::RDS::DBInstance) would lose its secret because of Manage"],
        ),
        (
            [(DATABASE, "EngineVersion", "19")],
            [
                "- Product version: would upgrade the database from PostgreSQL 14.",
                "to 19, and RDS does not up",
            ],
        ),
    ],
)
def test_a_version_that_was_released_by_mistake_is_refused_with_what_it_would_do(
    cloud: Cloud,
    publish: Callable[[str], Catalog],
    product: str,
    stack: str,
    changes: list[Change],
    lines: list[str],
) -> None:
    # GIVEN a version that differs from the running one where it must not
    content, before = altered(changes), state(cloud, stack)
    release(cloud, content)

    # WHEN a product is updated to it
    refused = publish(content).update(product)

    # THEN its owner reads what would have been lost, and nothing has changed
    assert refused["RecordDetail"]["Status"] == "FAILED"
    assert [line for line in lines if line not in reason(refused)] == [], reason(refused)
    assert state(cloud, stack) == before


@pytest.mark.parametrize("change", REPLACING, ids=lambda change: change[1])
def test_where_the_engine_would_refuse_and_is_not_asked_the_stack_policy_refuses(
    cloud: Cloud, publish: Callable[[str], Catalog], stack: str, change: Change
) -> None:
    # GIVEN a change set of an administrator with one such change
    publish(altered([change]))
    cloudformation, (_, database) = cloud.client("cloudformation"), state(cloud, stack)
    name = change[1]
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        TemplateURL=BY_HAND,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": key, "UsePreviousValue": True} for key in ("EnvironmentSuffix", "OpsEmails")
        ],
    )
    cloudformation.get_waiter("change_set_create_complete").wait(
        StackName=stack, ChangeSetName=name, WaiterConfig={"Delay": 0.05}
    )
    planned = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)["Changes"]
    with pytest.raises(DataLossError, match=name):
        refuse_losses([each["ResourceChange"] for each in planned])

    # WHEN it is executed nevertheless
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=name, ClientRequestToken=name)

    # THEN CloudFormation does not touch what holds data
    def said(field: str) -> list[str]:
        happened = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return [event.get(field, "") for event in happened if event.get("ClientRequestToken") == name]

    eventually(lambda: "UPDATE_ROLLBACK_COMPLETE" in said("ResourceStatus"), "the update is undone")
    assert "denied by stack policy" in "".join(said("ResourceStatusReason"))
    assert state(cloud, stack)[1] == database


def test_a_version_that_somebody_has_tampered_with_is_refused(
    cloud: Cloud, publish: Callable[[str], Catalog], product: str, stack: str
) -> None:
    before = state(cloud, stack)
    refused = publish(altered([(DATABASE, "PubliclyAccessible", True)])).update(product)
    assert "has not released this version's template: its SHA-256 is" in reason(refused)
    assert state(cloud, stack) == before


def test_all_that_stands_against_another_major_version_is_said_at_once(
    cloud: Cloud, postgresql_17: Catalog, product: str, stack: str
) -> None:
    # GIVEN a database that is nearly full
    before = state(cloud, stack)
    cloud.faults.database.set_free_storage(f"database-{SUFFIX}", GIB)

    # WHEN somebody updates its product to PostgreSQL 17 and does not know what that means
    refused = postgresql_17.update(product, AllocatedStorage="50")
    cloud.faults.database.clear()

    # THEN nothing has changed
    assert [line.split(" (")[0] for line in reason(refused).splitlines()[1:]] == [
        "- AllowMajorVersionUpgrade: must be 17 for this version, which upgrades the database from "
        f"PostgreSQL {before[1]['EngineVersion']} to 17. The database is out of service meanwhile, and the "
        "only way back is a restore. Try it with a restored copy first",
        f"- Database database-{SUFFIX}: had only 1.0 GiB of its 100 GiB free within the last hour. A major "
        "version upgrade needs at least 20%: raise AllocatedStorage first, in an update of its own",
        "- AllocatedStorage: can't be less than the 100 GiB that the database has: storage never shrinks",
    ]
    assert state(cloud, stack) == before


def test_a_major_upgrade_has_a_way_back_and_none_down_and_the_end_leaves_nothing(
    cloud: Cloud,
    catalog: Catalog,
    postgresql_17: Catalog,
    product: str,
    stack: str,
    before_the_launch: set[str],
) -> None:
    # WHEN the owner consents
    _, old = state(cloud, stack)
    upgraded = postgresql_17.update(product, AllowMajorVersionUpgrade="17")

    # THEN the database is the same with another version, and the record names the snapshot from before
    assert upgraded["RecordDetail"]["Status"] == "SUCCEEDED", reason(upgraded)
    before = state(cloud, stack)
    assert before[1]["EngineVersion"].startswith("17.")
    assert before[1]["DbiResourceId"] == old["DbiResourceId"]
    name = outputs(upgraded)["PreUpgradeSnapshot"]
    [snapshot] = cloud.client("rds").describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    assert (snapshot["Status"], snapshot["EngineVersion"]) == ("available", old["EngineVersion"])

    # WHEN it is to go back to PostgreSQL 14 THEN that is refused
    refused = catalog.update(product)
    assert "back to 14, and RDS can't downgrade" in reason(refused)
    assert state(cloud, stack) == before

    # WHEN the product is terminated THEN the snapshot goes, too
    ended = catalog.terminate(product)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert inventory(cloud) - before_the_launch == set()


def altered(changes: list[Change]) -> str:
    """Return the version that runs, with some properties changed."""
    template = copy.deepcopy(ALL[OLDEST])
    for resource, name, value in changes:
        template["Resources"][resource]["Properties"][name] = value
    return json.dumps(template)


def state(cloud: Cloud, stack: str) -> tuple[list[Any], dict[str, Any]]:
    """The stack's events, its change sets that wait for execution, and its database."""
    cloudformation = cloud.client("cloudformation")
    happened = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    waiting = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=f"database-{SUFFIX}")
    database: dict[str, Any] = found["DBInstances"][0]
    database.pop("LatestRestorableTime", None)  # goes on with the clock
    database.setdefault("PendingModifiedValues", {})
    return [happened[0], *waiting], database
