"""Troubles of a database, and running the SQL of the runbooks in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.runbooks.servers import Server
from tests.support.documentation import under

OWNER = "application"
ALARMS = "docs/runbook/alarms.md"
UPGRADING = "docs/use/upgrading.md"

Session = psycopg.Connection[Any]
_NUMBERS = count(1)


@contextmanager
def made_database(server: Server) -> Iterator[str]:
    """Make a database of the master user's in which the application may create, and remove all of it."""
    name = f"payments_{next(_NUMBERS)}"
    with server.connect("postgres") as master:
        master.execute(f"CREATE DATABASE {name}")
    with server.as_rds(name) as rds:
        rds.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}")
        rds.execute("CREATE EXTENSION pg_stat_statements")
    yield name
    with server.as_rds(name) as rds:
        for (gid,) in rds.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
            rds.execute(f"ROLLBACK PREPARED '{gid}'")
        rds.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    with server.as_rds() as rds:
        rds.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def application(server: Server, database: str) -> Iterator[Session]:
    """A session of the application, closed at the end."""
    session = server.connect(database, user=OWNER)
    try:
        yield session
    finally:
        session.close()


def send(session: Session, statement: str) -> None:
    """Send a statement that does not come back soon."""
    session.pgconn.send_query(statement.encode())


def statements(block: str) -> list[str]:
    """Split a block of SQL; none of ours has a semicolon anywhere else."""
    lines = [line for line in block.splitlines() if not line.startswith("--")]
    return [each.strip() for each in "\n".join(lines).split(";") if each.strip()]


def filled(block: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        block = block.replace(f"<{name}>", value)
    return block


def run(session: Session, block: str) -> list[list[dict[str, Any]]]:
    """Run a block as psql does, statement by statement, and return the rows of each."""
    answers = []
    for statement in statements(block):
        cursor = session.cursor(row_factory=dict_row).execute(statement)
        answers.append(cursor.fetchall() if cursor.description else [])
    return answers


def ask(server: Server, database: str, page: str, heading: str, block: int = 0) -> list[list[dict[str, Any]]]:
    """Run a block of a page as the master user."""
    with server.connect(database) as master:
        return run(master, under(page, heading, "sql")[block])


def until(server: Server, condition: str) -> None:
    """Wait until the server says that a condition holds."""
    with server.as_rds() as rds:
        for _ in range(10_000):
            if rds.execute(f"SELECT {condition}").fetchone() == (True,):
                return
    raise AssertionError(f"never: {condition}")
