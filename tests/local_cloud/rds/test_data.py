"""Data follow the operations: snapshots, restores and points in time of a server that runs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from tests.support.account import eventually
from tests.support.rds import available, connect, create, described, snapshot_available

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=20_000, databases=True) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def source(rds: Any, cloud: Cloud) -> str:
    """An instance with a table of 5,000 rows, and a snapshot "full" of it."""
    create(
        rds, "source", EngineVersion="17", DBName="app", BackupRetentionPeriod=1,
        ManageMasterUserPassword=False, MasterUserPassword=PASSWORD,
    )  # fmt: skip
    available(rds, "source")
    with connect(cloud, "source", PASSWORD) as client:
        client.execute("CREATE TABLE payment AS SELECT generate_series(1, 5000) AS number")
    rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="full")
    snapshot_available(rds, "full")
    available(rds, "source")
    return "source"


def rows(cloud: Cloud, instance: str, password: str = PASSWORD) -> int:
    with connect(cloud, instance, password) as client:
        [(count,)] = client.execute("SELECT count(*) FROM payment").fetchall()
    return int(count)


def test_a_restore_to_the_second_before_a_delete_brings_the_rows_back(
    rds: Any, cloud: Cloud, source: str
) -> None:
    with connect(cloud, source, PASSWORD) as client:
        client.execute("INSERT INTO payment VALUES (5001)")
        # RDS restores to whole seconds. The insert is in the one before.
        inserted = datetime.now(UTC)
        before = inserted.replace(microsecond=0) + timedelta(seconds=1)
        eventually(lambda: datetime.now(UTC) > before)
        client.execute("DELETE FROM payment")
    eventually(lambda: described(rds, source)["LatestRestorableTime"] >= before)
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier="before", RestoreTime=before
    )
    available(rds, "before")
    assert rows(cloud, "before") == 5001
    assert rows(cloud, source) == 0


def test_a_snapshot_holds_the_data_of_its_moment_also_in_a_copy_whose_source_is_gone(
    rds: Any, cloud: Cloud, source: str
) -> None:
    with connect(cloud, source, PASSWORD) as client:
        client.execute("CREATE TABLE later ()")
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="full", TargetDBSnapshotIdentifier="copy")
    snapshot_available(rds, "copy")
    rds.delete_db_snapshot(DBSnapshotIdentifier="full")
    rds.restore_db_instance_from_db_snapshot(
        DBSnapshotIdentifier="copy", DBInstanceIdentifier="restored", ManageMasterUserPassword=True
    )
    secret = available(rds, "restored")["MasterUserSecret"]["SecretArn"]
    value = cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    password = json.loads(value)["password"]
    assert rows(cloud, "restored", password) == 5000
    with connect(cloud, "restored", password) as client:
        assert client.execute("SELECT to_regclass('later')").fetchone() == (None,)


def test_a_snapshots_data_go_with_it(rds: Any, source: str) -> None:
    folder = backend().servers.folder

    def snapshots() -> set[Path]:
        return set(folder.glob("snapshot-*"))

    before = snapshots()
    rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier="short")
    snapshot_available(rds, "short")
    assert len(snapshots() - before) == 1
    rds.delete_db_snapshot(DBSnapshotIdentifier="short")
    assert snapshots() == before
