"""The restore's page, typed as written: what was deleted comes back."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.long.drills.product import READ, Product
from tests.support.account import eventually
from tests.support.documentation import under

PAGE = "docs/runbook/restore.md"


@pytest.fixture
def restored(product: Product) -> str:
    return f"restored-{product.suffix}"


def test_a_restore_to_the_second_before_a_delete_brings_the_rows_back(
    product: Product, written: str, restored: str
) -> None:
    # GIVEN rows that were deleted in a second after the one to restore to
    second = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    eventually(lambda: datetime.now(UTC) > second + timedelta(seconds=1))
    product.psql("DELETE FROM payment;")
    eventually(lambda: product.described["LatestRestorableTime"] >= second, 60)

    # WHEN the blocks of the page are pasted
    blocks = under(PAGE, "To a point in time", "sh") + under(PAGE, "What a restored database lacks", "sh")
    value = second.strftime("%Y-%m-%dT%H:%M:%SZ")
    filled = [block.replace("<2026-11-22T10:15:00Z>", value) for block in blocks]
    product.shell(*filled)

    # THEN the rows are in the copy, from which the page has them copied back
    assert product.psql(READ, restored) == written
    copied = product.psql("COPY payment TO STDOUT;", restored)
    product.psql(f"COPY payment FROM STDIN;\n{copied}\n\\.\n")
    assert product.psql(READ) == written

    # AND the copy can be deleted as the page says
    product.shell(*under(PAGE, "To delete the copy", "sh"))
    eventually(lambda: restored not in product.instances(), 60)


def test_a_snapshot_brings_the_rows_back(product: Product, written: str, restored: str) -> None:
    rds, snapshot = product.cloud.client("rds"), f"by-hand-{product.suffix}"
    rds.create_db_snapshot(DBInstanceIdentifier=product.identifier, DBSnapshotIdentifier=snapshot)
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=snapshot, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=restored,
        DBSnapshotIdentifier=snapshot,
        DBSubnetGroupName=f"subnet-group-{product.suffix}",
        DBParameterGroupName=product.described["DBParameterGroups"][0]["DBParameterGroupName"],
        VpcSecurityGroupIds=[product.described["VpcSecurityGroups"][0]["VpcSecurityGroupId"]],
    )
    eventually(lambda: product.instances()[restored] == "available", 60)
    assert product.psql(READ, restored) == written
    product.shell(*under(PAGE, "To delete the copy", "sh"))
    eventually(lambda: restored not in product.instances(), 60)
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)
