"""The queries on an alarm's page find the cause, and what the page says to do removes it."""

import pytest

from tests.runbooks.scenes import ALARMS, OWNER, Session, application, ask, filled, run, send, until
from tests.runbooks.servers import Server
from tests.support.documentation import under


@pytest.fixture
def accounts(server: Server, database: str) -> str:
    with application(server, database) as app:
        app.execute("CREATE TABLE account (id int PRIMARY KEY, balance int)")
        app.execute("INSERT INTO account SELECT id, 100 FROM generate_series(1, 5) id")
    return database


def _take(session: Session, account: int) -> None:
    session.execute("BEGIN")
    session.execute(f"UPDATE account SET balance = 0 WHERE id = {account}")


def _wait_for(session: Session, account: int) -> None:
    send(session, f"UPDATE account SET balance = 1 WHERE id = {account}")


def test_load_names_the_root_of_a_chain_and_none_of_its_victims(server: Server, accounts: str) -> None:
    with (
        application(server, accounts) as root,
        application(server, accounts) as middle,
        application(server, accounts) as last,
    ):
        _take(root, 1)
        _take(middle, 2)
        _wait_for(middle, 1)
        _wait_for(last, 2)
        until(server, "count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

        [[named]] = ask(server, accounts, ALARMS, "load")
        assert (named["pid"], named["sessions_behind"]) == (root.info.backend_pid, 2)
        assert named["state"] == "idle in transaction"

        _end(server, accounts, root)
        until(
            server,
            "count(*) = 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%id = 1'",
        )


def test_load_shows_a_prepared_transaction_that_blocks_as_pid_0(server: Server, accounts: str) -> None:
    with application(server, accounts) as gone, application(server, accounts) as victim:
        _take(gone, 1)
        gone.execute("PREPARE TRANSACTION 'left'")
        _wait_for(victim, 1)
        until(server, "count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

        [[named]] = ask(server, accounts, ALARMS, "load")
        assert (named["pid"], named["sessions_behind"], named["state"]) == (0, 1, None)


def test_transaction_ids_names_the_idle_writer_the_prepared_transaction_and_the_slot(
    server: Server, accounts: str
) -> None:
    with application(server, accounts) as writer, application(server, accounts) as gone:
        _take(writer, 1)
        _take(gone, 2)
        gone.execute("PREPARE TRANSACTION 'left'")
        with server.as_rds() as rds:
            # A session idle in transaction after a write holds vacuum back without any snapshot.
            [held] = rds.execute(
                "SELECT backend_xid IS NOT NULL, backend_xmin IS NOT NULL"
                " FROM pg_stat_activity WHERE pid = %s",
                [writer.info.backend_pid],
            ).fetchall()
        assert held == (True, False)

        databases, holders = ask(server, accounts, ALARMS, "transaction-ids")

        assert accounts in [each["datname"] for each in databases]
        assert [(each["holder"], each["name"]) for each in holders] == [
            ("session", str(writer.info.backend_pid)),
            ("prepared transaction", "left"),
        ]
        assert "idle in transaction" in holders[0]["details"]


def test_transaction_ids_names_a_slot_that_nobody_reads(server: Server, accounts: str) -> None:
    with server.connect(accounts) as master:
        master.execute("SELECT pg_create_logical_replication_slot('forgotten', 'test_decoding')")

    _, [holder] = ask(server, accounts, ALARMS, "transaction-ids")
    assert (holder["holder"], holder["name"]) == ("replication slot", "forgotten")
    assert "not read" in holder["details"]

    [[slot]] = ask(server, accounts, ALARMS, "replication-slot")
    assert (slot["slot_name"], slot["active"]) == ("forgotten", False)
    with server.connect(accounts) as master:
        run(master, filled(under(ALARMS, "replication-slot", "sql")[1], {"slot_name": "forgotten"}))
    assert ask(server, accounts, ALARMS, "replication-slot") == [[]]


@pytest.mark.parametrize(("decision", "balance"), [("COMMIT", 0), ("ROLLBACK", 100)])
def test_a_prepared_transaction_of_another_role_is_ended_without_superuser_rights(
    server: Server, accounts: str, decision: str, balance: int
) -> None:
    with application(server, accounts) as gone:
        _take(gone, 1)
        gone.execute("PREPARE TRANSACTION 'left'")

    values = {"owner": OWNER, "gid": "left", "COMMIT or ROLLBACK": decision}
    with server.connect(accounts) as master:
        run(master, filled(under(ALARMS, "transaction-ids", "sql")[1], values))

    with application(server, accounts) as app:
        assert app.execute("SELECT balance FROM account WHERE id = 1").fetchone() == (balance,)


def test_the_oldest_tables_are_listed_and_can_be_vacuumed_by_the_database_owner(
    server: Server, accounts: str
) -> None:
    [tables] = ask(server, accounts, ALARMS, "transaction-ids", block=2)
    assert {"age", "size", "owner"} < set(tables[0])
    assert max(each["age"] for each in tables) == tables[0]["age"]

    with server.connect(accounts) as master:
        notices: list[str | None] = []
        master.add_notice_handler(lambda notice: notices.append(notice.severity))
        run(master, filled(under(ALARMS, "transaction-ids", "sql")[3], {"table": "account"}))
        assert notices
        assert "WARNING" not in notices


def test_cpu_lists_what_runs_and_the_statement_can_be_cancelled(server: Server, accounts: str) -> None:
    with application(server, accounts) as busy:
        send(busy, "SELECT pg_sleep(600)")
        until(server, "count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

        [[named]] = ask(server, accounts, ALARMS, "cpu")
        assert (named["pid"], named["query"]) == (busy.info.backend_pid, "SELECT pg_sleep(600)")

        with server.connect(accounts) as master:
            cancel = under(ALARMS, "To end a session", "sql")[0]
            assert run(master, filled(cancel, {"pid": str(named["pid"])})) == [[{"pg_cancel_backend": True}]]
        until(server, "count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")


def test_connections_lists_who_is_idle_in_transaction(server: Server, accounts: str) -> None:
    with application(server, accounts) as idle:
        _take(idle, 1)
        taken, open_transactions = ask(server, accounts, ALARMS, "connections")
        assert {"usename": OWNER, "application_name": "", "state": "idle in transaction", "count": 1} in taken
        assert [each["pid"] for each in open_transactions] == [idle.info.backend_pid]


def test_storage_shows_the_size_of_every_database_even_of_those_that_refuse_logins(
    server: Server, database: str
) -> None:
    [sizes] = ask(server, database, ALARMS, "storage")
    assert {database, "rdsadmin"} <= {each["datname"] for each in sizes}


def _end(server: Server, database: str, session: Session) -> None:
    with server.connect(database) as master:
        end = under(ALARMS, "To end a session", "sql")[1]
        run(master, filled(end, {"pid": str(session.info.backend_pid)}))
