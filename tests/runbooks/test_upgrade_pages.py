"""The queries on the page about upgrades find what would stop the upgrade, and what is to do after it."""

import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from local_cloud.rds.postgresql import packages
from tests.runbooks.scenes import OWNER, UPGRADING, application, ask, filled
from tests.runbooks.servers import HOST, PASSWORD, Server
from tests.support.documentation import under

BEFORE = "Days before: what would stop it"
AFTERWARDS = "Right afterwards"

HOLDS_IDS = """
CREATE TABLE fatal_plain (a regproc);
CREATE TABLE fatal_array (a regoper[]);
CREATE DOMAIN checked AS regprocedure;
CREATE TABLE fatal_domain (a checked);
CREATE TYPE pair AS (label text, dictionary regdictionary);
CREATE TABLE fatal_composite (a pair);
CREATE TYPE nested AS (inner_pairs pair[]);
CREATE DOMAIN many AS nested[];
CREATE TABLE fatal_depth (a many);
CREATE TABLE fatal_rights (a aclitem[]);
CREATE TABLE fatal_system_row (a pg_catalog.pg_class);
CREATE MATERIALIZED VIEW fatal_stored AS SELECT 'english'::regconfig AS a;
CREATE TABLE fatal_partitioned (id int, a regnamespace) PARTITION BY LIST (id);
CREATE TABLE fatal_partition PARTITION OF fatal_partitioned DEFAULT;
CREATE TABLE fatal_row (a fatal_plain);
CREATE TABLE kept (a regclass, b regrole, c regtype[], d text, e int[]);
CREATE VIEW not_stored AS SELECT a FROM fatal_plain;
"""
FATAL = {
    "fatal_plain", "fatal_array", "fatal_domain", "fatal_composite", "fatal_depth", "fatal_rights",
    "fatal_system_row", "fatal_stored", "fatal_partition", "fatal_row",
}  # fmt: skip


def test_columns_that_hold_internal_ids_are_found_at_whatever_depth(server: Server, database: str) -> None:
    with application(server, database) as app:
        app.execute(HOLDS_IDS)

    found = ask(server, database, UPGRADING, BEFORE)[2]

    assert {each["table"] for each in found} == FATAL


def test_only_own_views_on_statistics_are_found(server: Server, database: str) -> None:
    with application(server, database) as app:
        app.execute("CREATE VIEW on_activity AS SELECT pid FROM pg_stat_activity")
        app.execute("CREATE VIEW on_extension AS SELECT query FROM pg_stat_statements")
        app.execute("CREATE MATERIALIZED VIEW on_sizes AS SELECT datname FROM pg_stat_database")
        app.execute("CREATE TABLE payment (id int, pg_stat_ text)")
        app.execute("CREATE VIEW harmless AS SELECT id, 'pg_stat_activity' AS named FROM payment")

    found = ask(server, database, UPGRADING, BEFORE)[6]

    assert {each["view"] for each in found} == {"on_activity", "on_extension", "on_sizes"}


def test_what_else_would_stop_it_is_found(server: Server, database: str) -> None:
    with server.connect(database) as master:
        # First: it would wait for the end of the prepared transaction.
        master.execute("SELECT pg_create_logical_replication_slot('reader', 'test_decoding')")
        master.execute("CREATE DATABASE half_dropped")
    with application(server, database) as app:
        app.execute("CREATE TABLE payment (id int)")
        app.execute("BEGIN")
        app.execute("INSERT INTO payment VALUES (1)")
        app.execute("PREPARE TRANSACTION 'left'")
        app.execute("SELECT lo_create(0)")
    with server.as_rds() as rds:
        rds.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped'")
    try:
        prepared, slots, _, half_dropped, extensions, [objects], _ = ask(server, database, UPGRADING, BEFORE)
    finally:
        with server.connect(database) as master:
            master.execute("DROP DATABASE half_dropped")

    assert [(each["gid"], each["owner"]) for each in prepared] == [("left", OWNER)]
    assert [each["slot_name"] for each in slots] == ["reader"]
    assert [each["datname"] for each in half_dropped] == ["half_dropped"]
    assert "pg_stat_statements" in [each["extname"] for each in extensions]
    assert objects["count"] == 1


def test_an_outdated_extension_and_an_invalid_index_are_found(server: Server, database: str) -> None:
    with application(server, database) as app:
        app.execute("CREATE TABLE payment (id int)")
        app.execute("INSERT INTO payment VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            app.execute("CREATE UNIQUE INDEX CONCURRENTLY half_built ON payment (id)")
    with server.as_rds(database) as rds:
        rds.execute("DROP EXTENSION pg_stat_statements")
        rds.execute("CREATE EXTENSION pg_stat_statements VERSION '1.6'")

    [extensions] = ask(server, database, UPGRADING, AFTERWARDS)
    [indexes] = ask(server, database, UPGRADING, AFTERWARDS, block=1)

    assert [(each["name"], each["installed_version"]) for each in extensions] == [
        ("pg_stat_statements", "1.6")
    ]
    assert indexes == [{"index": "half_built", "table": "payment"}]


class TestTheLoopOverTheDatabases:
    """The shell runs what the page says, with psql as a reader has it."""

    def test_analyzes_all_of_them_and_names_what_it_could_not(
        self, server: Server, database: str, tmp_path: Path
    ) -> None:
        # GIVEN tables as a major upgrade leaves them, without statistics, in two databases
        with application(server, database) as app:
            app.execute("CREATE TABLE payment (id int, region text) PARTITION BY LIST (region)")
            app.execute("CREATE TABLE payment_rest PARTITION OF payment DEFAULT")
            app.execute("INSERT INTO payment SELECT id, 'eu' FROM generate_series(1, 1000) id")
        with server.as_rds() as rds:
            rds.execute('CREATE DATABASE "of others"')
        try:
            with server.as_rds("of others") as rds:
                rds.execute("CREATE TABLE foreign_table (id int)")

            said = self._run(server, tmp_path, AFTERWARDS, "ANALYZE")
        finally:
            with server.as_rds() as rds:
                rds.execute('DROP DATABASE "of others"')

        # THEN the planner knows all tables that are the master user's to analyze, partitioned ones as well
        with server.as_rds(database) as rds:
            known = rds.execute(
                "SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public'"
            ).fetchall()
        assert {name for (name,) in known} == {"payment", "payment_rest"}

        # AND the other one is named, and nothing else
        assert [line for line in said.splitlines() if "NOT ANALYZED" in line] == [
            "NOT ANALYZED: foreign_table"
        ]

    def test_checks_all_of_them(self, server: Server, database: str, tmp_path: Path) -> None:
        with application(server, database) as app:
            app.execute("CREATE TABLE payment (a regproc[])")
        (tmp_path / "checks.sql").write_text(under(UPGRADING, BEFORE, "sql")[0])

        said = self._run(server, tmp_path, BEFORE, "checks.sql")

        assert " payment | a      | regproc[]" in said.partition(f"== {database}\n")[2]
        assert "ERROR" not in said
        assert "NOT CHECKED" not in said

    def _run(self, server: Server, folder: Path, heading: str, holds: str) -> str:
        shutil.copy(server.root_certificate, folder / "global-bundle.pem")
        [connect] = under(UPGRADING, "To run psql in every database", "sh")
        [loop] = [block for block in under(UPGRADING, heading, "sh") if holds in block]
        done = subprocess.run(
            ["bash", "-c", filled(connect, {"DatabaseEndpoint": HOST}) + loop],
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": f"{packages.client()}:/usr/bin:/bin", "PGHOSTADDR": server.local.address},
        )
        return done.stdout + done.stderr
