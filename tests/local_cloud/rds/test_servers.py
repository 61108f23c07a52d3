"""A server goes with its instance: through wrong parameters and crashes, and to the end.

Sources: RDS User Guide, "Viewing Amazon RDS DB instance status" and "Amazon RDS event categories and event
messages" (RDS-EVENT-0020, 0021, 0031 and 0035).
"""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from local_cloud.rds.postgresql.server import Server
from tests.support.account import eventually
from tests.support.processes import runs
from tests.support.rds import available, connect, create, delete, described

FIRST, SECOND = "correct-horse-battery", "staple-of-another-horse"
NAMED = {"DBInstanceIdentifier": "db"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=20_000, databases=True) as cloud:
        yield cloud


def has(rds: Any, status: str) -> bool:
    return bool(described(rds, "db")["DBInstanceStatus"] == status)


def set_connections(rds: Any, number: int) -> None:
    change = {
        "ParameterName": "max_connections",
        "ParameterValue": str(number),
        "ApplyMethod": "pending-reboot",
    }
    rds.modify_db_parameter_group(DBParameterGroupName="group", Parameters=[change])


@pytest.fixture(scope="module")
def server(rds: Any) -> Server:
    """The server of "db", whose first parameter group let it not start."""
    rds.create_db_parameter_group(
        DBParameterGroupName="group", DBParameterGroupFamily="postgres17", Description="d"
    )
    set_connections(rds, 262_143)  # the most by itself, too many with other processes
    create(
        rds, "db", EngineVersion="17", DBName="app", DBParameterGroupName="group",
        ManageMasterUserPassword=False, MasterUserPassword=FIRST,
    )  # fmt: skip
    assert eventually(lambda: has(rds, "incompatible-parameters"))
    set_connections(rds, 50)
    rds.reboot_db_instance(**NAMED)
    available(rds, "db")
    server = backend().instance("db").server
    assert server
    return server


@pytest.fixture
def events(rds: Any) -> Any:
    """The messages of the instance's events that are new since the last call."""

    def messages() -> list[str]:
        found = rds.describe_events(SourceIdentifier="db", SourceType="db-instance")["Events"]
        return [str(event["Message"]) for event in found]

    seen = len(messages())
    return lambda: messages()[seen:]


@pytest.mark.usefixtures("server")
def test_parameters_that_no_server_takes_are_told_and_a_reboot_with_better_ones_helps(
    rds: Any, cloud: Cloud
) -> None:
    found = rds.describe_events(SourceIdentifier="db", SourceType="db-instance")["Events"]
    messages = [event["Message"] for event in found]
    assert messages[0].startswith("Database instance put into incompatible-parameters.")
    assert "max_connections" in messages[0]
    assert messages[-1] == "DB instance restarted"
    with connect(cloud, "db", FIRST) as client:
        assert client.execute("SHOW max_connections").fetchone() == ("50",)


@pytest.mark.usefixtures("server")
def test_a_new_password_counts_from_its_change_on(rds: Any, cloud: Cloud) -> None:
    rds.modify_db_instance(**NAMED, MasterUserPassword=SECOND, ApplyImmediately=True)
    assert has(rds, "resetting-master-credentials")
    available(rds, "db")
    connect(cloud, "db", SECOND).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(cloud, "db", FIRST)
    rds.modify_db_instance(**NAMED, MasterUserPassword=FIRST, ApplyImmediately=True)
    available(rds, "db")


def test_a_server_that_dies_in_one_zone_recovers_what_was_committed(
    rds: Any, cloud: Cloud, server: Server, events: Any
) -> None:
    with connect(cloud, "db", FIRST) as client:
        client.execute("CREATE TABLE kept AS SELECT generate_series(1, 5000) AS number")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: "Recovery of the DB instance is complete" in events())
    available(rds, "db")
    with connect(cloud, "db", FIRST) as client:
        assert client.execute("SELECT count(*) FROM kept").fetchone() == (5000,)
    assert events() == [
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be "
        "recovered.",
        "DB instance restarted",
        "Recovery of the DB instance is complete",
    ]


def test_a_deleted_instance_leaves_no_process_no_file_and_a_free_port(rds: Any, server: Server) -> None:
    pid = server.pid
    assert pid
    assert server.folder.exists()
    delete(rds, "db")
    assert not server.folder.exists()
    assert not runs(pid)
    with socket.socket() as another:
        another.bind((server.address, server.port))


def test_an_instance_that_is_deleted_while_its_server_is_made_leaves_nothing(rds: Any) -> None:
    folder = backend().servers.folder
    create(rds, "db", EngineVersion="17")
    assert eventually(lambda: list(folder.glob("db-*")))
    delete(rds, "db")
    assert not list(folder.glob("db-*"))


def test_an_instance_whose_data_are_lost_has_failed(
    rds: Any, events: Any, caplog: pytest.LogCaptureFixture
) -> None:
    create(rds, "db", EngineVersion="17")
    available(rds, "db")
    rds.stop_db_instance(**NAMED)
    assert eventually(lambda: has(rds, "stopped"))
    server = backend().instance("db").server
    assert server
    shutil.rmtree(server.data)
    before = len(events())
    rds.start_db_instance(**NAMED)
    assert eventually(lambda: has(rds, "failed"))
    assert "db has failed" in caplog.text
    assert events()[before:] == [
        "DB instance put into failed. RDS recommends that you initiate a point-in-time-restore."
    ]
    delete(rds, "db")
