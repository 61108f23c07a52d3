"""A major upgrade from 14 to 17: what stops it, what is in the database afterwards, and the way back.

python -m pytest --numprocesses 0 tests/long/databases
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from tests.support.rds import available, connect, create, described, snapshot_available

PASSWORD = "correct-horse-battery"
GROUP = "postgres14"
RIGHTS = """
SELECT array_agg(item::text ORDER BY item::text) FROM pg_database, unnest(datacl) AS item
WHERE datname = 'app'
"""
SETTINGS = {"max_prepared_transactions": "10", "rds.logical_replication": "1"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=20_000, databases=True) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def rds(cloud: Cloud) -> Any:
    client = cloud.client("rds")
    subnets = cloud.client("ec2").describe_subnets()["Subnets"][:2]
    client.create_db_subnet_group(
        DBSubnetGroupName="two",
        DBSubnetGroupDescription="d",
        SubnetIds=[subnet["SubnetId"] for subnet in subnets],
    )
    client.create_db_parameter_group(
        DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres14", Description="d"
    )
    client.modify_db_parameter_group(
        DBParameterGroupName=GROUP,
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in SETTINGS.items()
        ],
    )
    return client


def fourteen(rds: Any, name: str) -> None:
    create(
        rds, name, EngineVersion="14", DBName="app", DBParameterGroupName=GROUP, BackupRetentionPeriod=1,
        ManageMasterUserPassword=False, MasterUserPassword=PASSWORD,
    )  # fmt: skip
    available(rds, name)


def upgraded(rds: Any, name: str) -> str:
    """Upgrade an instance, and return the version that it has then."""
    rds.modify_db_instance(
        DBInstanceIdentifier=name, EngineVersion="17", AllowMajorVersionUpgrade=True,
        DBParameterGroupName="default.postgres17", ApplyImmediately=True,
    )  # fmt: skip
    version: str = available(rds, name)["EngineVersion"]
    return version


def value(client: psycopg.Connection[Any], query: str) -> Any:
    row = client.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_an_upgrade_keeps_everything_and_its_snapshot_is_the_way_back(rds: Any, cloud: Cloud) -> None:
    # GIVEN a database of 14 with what databases have
    fourteen(rds, "kept")
    with connect(cloud, "kept", PASSWORD) as client:
        client.execute("CREATE TABLE payment (number serial PRIMARY KEY)")
        client.execute("INSERT INTO payment SELECT FROM generate_series(1, 5000)")
        client.execute("CREATE ROLE owner; GRANT owner TO dbadmin; ALTER TABLE payment OWNER TO owner")
        client.execute("CREATE EXTENSION hstore")
        client.execute("CREATE DATABASE \"a 'second' one\"")
        client.execute("ALTER DATABASE app SET work_mem = '5MB'")
        client.execute("SELECT lo_from_bytea(4711, 'large')")
        client.execute("REVOKE CONNECT ON DATABASE app FROM PUBLIC")
        rights = value(client, RIGHTS)

    # WHEN it is upgraded THEN all of it is there, under the same password
    assert upgraded(rds, "kept").startswith("17.")
    with connect(cloud, "kept", PASSWORD) as client:
        assert client.info.server_version // 10_000 == 17
        assert value(client, "SELECT count(*) FROM payment") == 5000
        assert value(client, "SELECT tableowner FROM pg_tables WHERE tablename = 'payment'") == "owner"
        assert value(client, "SELECT nextval('payment_number_seq')") == 5001
        assert value(client, "SELECT convert_from(lo_get(4711), 'UTF8')") == "large"
        assert value(client, "SHOW work_mem") == "5MB"
        assert value(client, RIGHTS) == rights
        client.execute("DROP EXTENSION hstore")
    with connect(cloud, "kept", PASSWORD, database="a 'second' one"):
        pass
    with pytest.raises(psycopg.OperationalError, match='database "rdsadmin"'):
        connect(cloud, "kept", PASSWORD, database="rdsadmin")

    # AND the snapshot from before is a database of 14
    before = [
        each["DBSnapshotIdentifier"]
        for each in rds.describe_db_snapshots(DBInstanceIdentifier="kept")["DBSnapshots"]
        if "preupgrade" in each["DBSnapshotIdentifier"]
    ]
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=before[0], TargetDBSnapshotIdentifier="way-back")
    snapshot_available(rds, "way-back")
    rds.restore_db_instance_from_db_snapshot(DBSnapshotIdentifier="way-back", DBInstanceIdentifier="back")
    assert available(rds, "back")["EngineVersion"].startswith("14.")
    with connect(cloud, "back", PASSWORD) as client:
        assert client.info.server_version // 10_000 == 14
        assert value(client, "SELECT count(*) FROM payment") == 5000


@pytest.mark.parametrize(
    ("makes", "says"),
    [
        (
            "SELECT pg_create_logical_replication_slot('consumer', 'pgoutput')",
            "it has one or more logical replication slots. Please drop all logical replication slots and",
        ),
        (
            "BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'left'",
            "There are uncommitted prepared transactions. Please commit or rollback all prepared",
        ),
        (
            "CREATE TYPE pair AS (a int, b regproc); CREATE TABLE t (pairs pair[])",
            "in database 'app' need to be corrected before upgrade:\n-- The [\"reg*\"] data types are used",
        ),
        ("CREATE TABLE t (rights aclitem)", '-- The ["aclitem"] data types are used in user tables.'),
        (
            "CREATE VIEW v AS SELECT * FROM pg_stat_activity",
            "-- The database has views or materialized views that depend on 'pg_stat_activity'.",
        ),
    ],
)
def test_a_precheck_stops_an_upgrade_and_says_why_in_a_log_file(
    rds: Any, cloud: Cloud, request: pytest.FixtureRequest, makes: str, says: str
) -> None:
    # GIVEN something that pg_upgrade can't take along
    name = f"stopped-{request.node.callspec.indices['makes']}"
    fourteen(rds, name)
    with connect(cloud, name, PASSWORD) as client:
        client.execute("CREATE TABLE payment AS SELECT generate_series(1, 5000)")
        client.execute(makes.encode())

    # WHEN the instance is upgraded THEN it is as before
    assert upgraded(rds, name).startswith("14.")
    with connect(cloud, name, PASSWORD) as client:
        assert value(client, "SELECT count(*) FROM payment") == 5000
    messages = [
        each["Message"]
        for each in rds.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]
    ]
    assert "The DB engine version upgrade failed. The engine version upgrade rollback succeeded." in messages

    # AND the log says why
    server = backend().instance(name).server
    assert server
    [log] = Path(server.logs).glob("pg_upgrade_precheck.log.*")
    assert says in log.read_text()
    assert described(rds, name)["DBInstanceStatus"] == "available"
