"""Servers without a cloud: they end with the process that made them, and keep out whom RDS keeps out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_cloud.rds.postgresql import roles
from local_cloud.rds.postgresql.servers import Servers
from tests.support.account import eventually
from tests.support.processes import runs

_KILLED = """
import time
from local_cloud.rds.postgresql.servers import Servers
servers = Servers()
server = servers.new("17", "db", 5432)
server.create()
server.configure({}, servers.authority.issue("db"), master="dbadmin", force_ssl=True)
server.start()
print(servers.folder, server.pid, flush=True)
time.sleep(600)
"""


def test_a_cloud_that_is_killed_leaves_no_server_and_no_file() -> None:
    cloud = subprocess.Popen([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE, text=True)
    assert cloud.stdout
    folder, pid = cloud.stdout.readline().split()
    assert Path(folder).exists()
    cloud.kill()
    cloud.wait()
    cloud.stdout.close()
    assert eventually(lambda: not Path(folder).exists())
    assert eventually(lambda: not runs(int(pid)))


def test_a_password_does_not_let_a_user_in_who_logs_in_with_iam() -> None:
    """RDS User Guide, "IAM database authentication": with rds_iam, IAM takes precedence over a password."""
    servers = Servers()
    try:
        server = servers.new("17", "db", 5432)
        server.create()
        server.configure({}, servers.authority.issue("db"), master="dbadmin", force_ssl=False)
        server.start()
        with server.admin("postgres") as admin:
            roles.set_up(admin, "dbadmin", "of-dbadmin")
            admin.execute("CREATE ROLE application LOGIN PASSWORD 'of-application' IN ROLE rds_iam")
        for mode in ("require", "disable"):
            client: dict[str, Any] = {
                "host": server.address,
                "port": 5432,
                "dbname": "postgres",
                "sslmode": mode,
            }
            psycopg.connect(**client, user="dbadmin", password="of-dbadmin").close()
            with pytest.raises(psycopg.OperationalError, match="rejects connection"):
                psycopg.connect(**client, user="application", password="of-application")
    finally:
        servers.end()
