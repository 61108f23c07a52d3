"""Every query in README and docs/ runs, and one with an unfilled gap changes nothing."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.runbooks.scenes import OWNER, application, filled, made_database, run, statements
from tests.runbooks.servers import Server
from tests.support.documentation import Block, blocks

QUERIES = blocks("sql")
GAP = re.compile("<[^<>=]+>")
WITH_GAPS = [block for block in QUERIES if GAP.search(block.text)]


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """One database for all queries."""
    with made_database(server) as name:
        yield name


@pytest.fixture(scope="module")
def gaps(server: Server, database: str) -> Iterator[dict[str, str]]:
    """What a reader fills in, for a database that has everything the pages are about."""
    with application(server, database) as app, application(server, database) as to_be_ended:
        app.execute("CREATE TABLE payment (id int)")
        app.execute("BEGIN")
        app.execute("INSERT INTO payment VALUES (1)")
        app.execute("PREPARE TRANSACTION 'left'")
        with server.connect(database) as master:
            master.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
        yield {
            "pid": str(to_be_ended.info.backend_pid),
            "table": "payment",
            "owner": OWNER,
            "gid": "left",
            "COMMIT or ROLLBACK": "ROLLBACK",
            "slot_name": "forgotten",
        }


@pytest.mark.parametrize("block", QUERIES, ids=str)
def test_it_runs(server: Server, database: str, gaps: dict[str, str], block: Block) -> None:
    text = filled(block.text, gaps)
    assert not GAP.search(text), "a gap that the test can't fill: add it to the fixture"
    with server.connect(database) as master:
        run(master, text)


@pytest.mark.parametrize("block", WITH_GAPS, ids=str)
def test_it_is_refused_while_a_gap_is_left(server: Server, database: str, block: Block) -> None:
    with server.connect(database) as master:
        for statement in statements(block.text):
            if GAP.search(statement):
                with pytest.raises((psycopg.errors.SyntaxError, psycopg.errors.UndefinedObject)):
                    master.execute(statement)
