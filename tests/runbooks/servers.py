"""PostgreSQL servers of the local cloud, without the cloud, on which the queries of runbooks run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local_cloud.rds.postgresql import roles
from local_cloud.rds.postgresql import server as local
from local_cloud.rds.postgresql.servers import Servers

MAJORS = (14, 17)
MASTER = "dbadmin"
PASSWORD = "correct horse battery staple"
HOST = "database-dev.aaaaaaaaaa.us-east-1.rds.amazonaws.com"
_SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "wal_level": "logical",
    "max_prepared_transactions": "10",
    "autovacuum": "off",
    "statement_timeout": "60s",  # no test hangs
}


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        major: its major version.
        local: the local cloud's server.
        root_certificate: what clients verify it with.
    """

    major: int
    local: local.Server
    root_certificate: Path

    def connect(self, database: str, user: str = MASTER, password: str = PASSWORD) -> psycopg.Connection[Any]:
        """Log in as clients of the product do; each statement is a transaction of its own."""
        return psycopg.connect(
            host=HOST,
            hostaddr=self.local.address,
            port=self.local.port,
            dbname=database,
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self.root_certificate),
            autocommit=True,
        )

    def as_rds(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Log in as the superuser, which RDS keeps to itself."""
        return self.local.admin(database)


@contextmanager
def running(major: int) -> Iterator[Server]:
    """Start a server with a new data folder, and stop it afterwards.

    Raises:
        local_cloud.rds.postgresql.packages.NoServerError: there is none for this machine.
    """
    servers = Servers()
    try:
        server = servers.new(str(major), "server", 5432)
        server.create()
        server.configure(_SETTINGS, servers.authority.issue(HOST), master=MASTER, force_ssl=True)
        server.start()
        with server.admin("postgres") as admin:
            roles.set_up(admin, MASTER, PASSWORD)
            roles.own_databases(admin, MASTER, None)
        yield Server(major, server, servers.bundle)
    finally:
        servers.end()
