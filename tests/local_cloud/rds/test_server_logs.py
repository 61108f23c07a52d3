"""The log of an instance's server reaches CloudWatch Logs and whoever downloads it; its metrics are its own.

Sources: RDS API Reference, DescribeDBLogFiles and DownloadDBLogFilePortion; RDS User Guide, "RDS for
PostgreSQL database log files" and "Amazon CloudWatch metrics for Amazon RDS". How an entry of several lines
looks in CloudWatch Logs: pgbadger, issue 521. How a portion ends at 1 MiB: aws-sdk-js, issue 1463.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds import models
from local_cloud.rds.metrics import measurements
from local_cloud.rds.resources import DBInstance
from tests.support.account import eventually, refusal
from tests.support.rds import available, create, delete, described

GROUP = "/aws/rds/instance/db/"
LOCK = "select pg_advisory_xact_lock(%s)"
Connect = Callable[..., psycopg.Connection]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=6_000, databases=True) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def database(rds: Any) -> DBInstance:
    """An instance "db" that exports its log."""
    create(
        rds, "db", EngineVersion="17", ManageMasterUserPassword=False, MasterUserPassword="secret-of-dbadmin",
        EnableCloudwatchLogsExports=["postgresql"],
    )  # fmt: skip
    available(rds, "db")
    return models.backend().instance("db")


@pytest.fixture
def connect(database: DBInstance) -> Connect:
    server = database.server
    assert server

    def connection(**more: Any) -> psycopg.Connection:
        return psycopg.connect(
            hostaddr=server.address, port=server.port, dbname="postgres", autocommit=True,
            **{"user": "dbadmin", "password": "secret-of-dbadmin", "sslmode": "require"} | more,
        )  # fmt: skip

    return connection


@pytest.fixture
def shipped(cloud: Cloud) -> Callable[..., str]:
    """Wait for an event in a log group that has all these words, and return its message."""
    logs = cloud.client("logs")

    def look(group: str, words: tuple[str, ...]) -> str | None:
        found = logs.get_paginator("filter_log_events").paginate(logGroupName=f"{GROUP}{group}")
        try:
            messages = [str(event["message"]) for page in found for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return next((one for one in messages if all(word in one for word in words)), None)

    def wait(*words: str, group: str = "postgresql") -> str:
        return str(eventually(lambda: look(group, words)))

    return wait


@pytest.fixture
def admin(database: DBInstance) -> Iterator[psycopg.Connection]:
    """A session of RDS's own superuser."""
    assert database.server
    with database.server.admin("postgres") as session:
        yield session


@pytest.fixture
def folder(database: DBInstance) -> Path:
    """The folder with the server's log files."""
    assert database.server
    return database.server.logs


def lines(rds: Any, name: str, **request: Any) -> Any:
    return rds.download_db_log_file_portion(DBInstanceIdentifier="db", LogFileName=name, **request)


def test_a_failed_login_is_in_the_log_group(
    cloud: Cloud, connect: Connect, shipped: Callable[..., str]
) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(password="wrong")
    message = shipped('authentication failed for user "dbadmin"')
    assert ":dbadmin@postgres:[" in message
    [stream] = cloud.client("logs").describe_log_streams(logGroupName=f"{GROUP}postgresql")["logStreams"]
    assert stream["logStreamName"] == "db.0"


def test_an_attempt_without_encryption_is_in_the_log_group(
    connect: Connect, shipped: Callable[..., str]
) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(sslmode="disable")
    assert shipped("no pg_hba.conf entry", "no encryption")


def test_a_deadlock_is_in_the_log_group_and_its_details_are_another_event(
    connect: Connect, shipped: Callable[..., str], admin: psycopg.Connection
) -> None:
    admin.execute("grant set on parameter deadlock_timeout to dbadmin")
    with connect() as victim, connect() as other:
        victim.execute("set deadlock_timeout = '10ms'")
        for session, key in ((victim, 1), (other, 2)):
            session.execute("begin")
            session.execute(LOCK, [key])
        with ThreadPoolExecutor() as threads:
            threads.submit(other.execute, LOCK, [1])
            eventually(lambda: admin.execute("select from pg_locks where not granted").rowcount)
            with pytest.raises(psycopg.errors.DeadlockDetected):
                victim.execute(LOCK, [2])
            victim.execute("rollback")
    assert "\n" not in shipped("deadlock detected")
    assert "\n\tProcess" in shipped("DETAIL:", "waits for")


def test_a_deleted_log_group_is_created_again_for_the_next_line(
    cloud: Cloud, connect: Connect, shipped: Callable[..., str]
) -> None:
    shipped("ready to accept connections")
    cloud.client("logs").delete_log_group(logGroupName=f"{GROUP}postgresql")
    with pytest.raises(psycopg.OperationalError):
        connect(user="next")
    assert shipped('authentication failed for user "next"')


def test_lines_from_before_the_export_stay_out_and_logs_of_upgrades_have_a_group_of_their_own(
    cloud: Cloud, rds: Any, connect: Connect, folder: Path, shipped: Callable[..., str]
) -> None:
    def export(**types: list[str]) -> None:
        rds.modify_db_instance(DBInstanceIdentifier="db", CloudwatchLogsExportConfiguration=types)
        available(rds, "db")

    export(EnableLogTypes=["upgrade"], DisableLogTypes=["postgresql"])
    with pytest.raises(psycopg.OperationalError):
        connect(user="before")
    [log] = folder.glob("postgresql.log.*")
    eventually(lambda: 'user "before"' in log.read_text())
    upgrade = folder / "pg_upgrade_internal.log.1"
    for line in ("one", "two"):  # with the second, the thread has also read the whole log once
        with upgrade.open("a") as file:
            file.write(f"{line}\n")
        assert shipped(line, group="upgrade") == line
    export(EnableLogTypes=["postgresql"], DisableLogTypes=["upgrade"])
    with pytest.raises(psycopg.OperationalError):
        connect(user="after")
    shipped('user "after"')
    found = cloud.client("logs").filter_log_events(logGroupName=f"{GROUP}postgresql")["events"]
    assert not [event for event in found if "before" in event["message"]]


def test_a_log_file_is_downloaded_in_portions(rds: Any, folder: Path) -> None:
    name = "error/pg_upgrade_server.log.2"
    (folder / "pg_upgrade_server.log.2").write_text("1\n2\n3\n4\n5\n")
    listed = rds.describe_db_log_files(DBInstanceIdentifier="db", FilenameContains="server.log")
    [file] = listed["DescribeDBLogFiles"]
    assert (file["LogFileName"], file["Size"]) == (name, 10)
    for bounds in ({"FileSize": 10}, {"FileLastWritten": file["LastWritten"] + 1}):
        one = rds.describe_db_log_files(DBInstanceIdentifier="db", FilenameContains="server.log", **bounds)
        assert one["DescribeDBLogFiles"] == []

    first = lines(rds, name, Marker="0", NumberOfLines=2)
    assert (first["LogFileData"], first["AdditionalDataPending"]) == ("1\n2\n", True)
    rest = lines(rds, name, Marker=first["Marker"])
    assert (rest["LogFileData"], rest["AdditionalDataPending"]) == ("3\n4\n5\n", False)
    assert lines(rds, name, Marker=rest["Marker"])["LogFileData"] == ""
    assert lines(rds, name, NumberOfLines=2)["LogFileData"] == "4\n5\n"
    assert lines(rds, name)["LogFileData"] == "1\n2\n3\n4\n5\n"


def test_a_portion_ends_after_a_mebibyte_in_the_middle_of_a_line(rds: Any, folder: Path) -> None:
    (folder / "pg_upgrade_server.log.3").write_text("x" * 2**20 + "end\n")
    first = lines(rds, "error/pg_upgrade_server.log.3", Marker="0")
    assert first["LogFileData"] == "x" * 2**20 + "\n [Your log message was truncated]\n"
    assert first["AdditionalDataPending"]
    assert lines(rds, "error/pg_upgrade_server.log.3", Marker=first["Marker"])["LogFileData"] == "end\n"


def test_rds_refuses_to_show_binary_data_and_files_that_do_not_exist(rds: Any, folder: Path) -> None:
    (folder / "pg_upgrade_server.log.4").write_bytes(b"\x01\n")
    request = {"DBInstanceIdentifier": "db", "LogFileName": "error/pg_upgrade_server.log.4"}
    refused = refusal(rds.download_db_log_file_portion, **request)
    assert refused.startswith("InvalidParameterValue: This file contains binary data")
    refused = refusal(rds.download_db_log_file_portion, **request | {"LogFileName": "error/no.log"})
    assert refused == "DBLogFileNotFoundFault: DBLog File: error/no.log is not found on the db"


def test_metrics_count_sessions_of_clients_and_the_lag_of_a_replication_slot(
    connect: Connect, database: DBInstance, admin: psycopg.Connection
) -> None:
    assert eventually(lambda: measurements(database)["DatabaseConnections"] == 0)
    assert "OldestReplicationSlotLag" not in measurements(database)
    with connect() as one, connect():
        assert eventually(lambda: measurements(database)["DatabaseConnections"] == 2)
        one.execute("select pg_create_physical_replication_slot('slot', true)")
        assert eventually(lambda: "OldestReplicationSlotLag" in measurements(database))
    found = measurements(database)
    [wal] = admin.execute("select sum(size)::bigint from pg_ls_waldir()").fetchone() or [0]
    assert found["TransactionLogsDiskUsage"] == wal
    assert 0 < database.allocated_storage * 2**30 - found["FreeStorageSpace"] < 2**30
    assert 0 < found["MaximumUsedTransactionIDs"] < 1_000_000
    assert 0 <= found["CPUUtilization"] <= 100


def test_an_instance_whose_server_hangs_or_stops_measures_nothing_until_it_answers_again(
    rds: Any, database: DBInstance, shipped: Callable[..., str]
) -> None:
    pid = database.server.pid if database.server else None
    assert pid
    os.kill(pid, signal.SIGSTOP)
    assert eventually(lambda: measurements(database) == {})
    os.kill(pid, signal.SIGCONT)
    assert eventually(lambda: measurements(database))

    rds.stop_db_instance(DBInstanceIdentifier="db")
    assert shipped("database system is shut down")
    assert eventually(lambda: measurements(database) == {})
    assert eventually(lambda: described(rds, "db")["DBInstanceStatus"] == "stopped")
    rds.start_db_instance(DBInstanceIdentifier="db")
    available(rds, "db")
    assert eventually(lambda: measurements(database))


def test_the_log_of_a_deleted_instance_is_shipped_to_its_end(cloud: Cloud, rds: Any, folder: Path) -> None:
    delete(rds, "db")
    assert not folder.exists()
    found = cloud.client("logs").filter_log_events(logGroupName=f"{GROUP}postgresql")["events"]
    assert found[-1]["message"].endswith("database system is shut down")
