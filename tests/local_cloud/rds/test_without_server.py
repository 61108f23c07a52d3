"""A machine that can't run a server: the instance is there all the same, and the log says why."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from local_cloud.rds.postgresql import packages
from tests.support.account import eventually
from tests.support.rds import available, create, described


@pytest.fixture(scope="module", autouse=True)
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=20_000, databases=True) as cloud:
        yield cloud


def test_an_instance_whose_port_is_taken_everywhere_has_no_server(
    rds: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        create(rds, "taken", Port=other.getsockname()[1])
        available(rds, "taken")
    assert backend().instance("taken").server is None
    assert "taken runs without a server. Port" in caplog.text
    assert "End that program" in caplog.text


def test_an_instance_whose_programs_do_not_run_here_has_no_server(
    rds: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "server", lambda _: tmp_path / "bin")
    create(rds, "foreign")
    available(rds, "foreign")
    assert backend().instance("foreign").server is None
    assert "foreign runs without a server. initdb: [Errno" in caplog.text


def test_a_new_instance_whose_parameters_do_not_let_the_server_start_is_incompatible(rds: Any) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="huge", DBParameterGroupFamily="postgres16", Description="huge"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="huge",
        Parameters=[
            {
                "ParameterName": "max_locks_per_transaction",
                "ParameterValue": "2147483639",
                "ApplyMethod": "pending-reboot",
            }
        ],
    )
    create(rds, "huge", DBParameterGroupName="huge")
    eventually(lambda: described(rds, "huge")["DBInstanceStatus"] == "incompatible-parameters")
