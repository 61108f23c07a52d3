"""Trouble ends in the mail that names its page of the runbook, and in a second mail: OK."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

import psycopg
import pytest

from product_template.releasing import released_versions, tables
from tests.long.drills.product import Product
from tests.support.account import eventually
from tests.support.documentation import ROOT, under
from tests.support.versions import NEWEST

Trouble = Callable[[Product], AbstractContextManager[None]]


@contextmanager
def plaintext(product: Product) -> Iterator[None]:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        product.connect(sslmode="disable")
    yield


@contextmanager
def authentication(product: Product) -> Iterator[None]:
    for _ in range(11):
        with pytest.raises(psycopg.OperationalError, match="authentication failed for user"):
            product.connect(password="guessed")
    yield


@contextmanager
def deadlock(product: Product) -> Iterator[None]:
    with product.connect() as one, product.connect() as other:
        one.execute("CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY)")
        one.execute("INSERT INTO account VALUES (1), (2) ON CONFLICT DO NOTHING")
        for client, own in ((one, 1), (other, 2)):
            client.execute("BEGIN")
            client.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [own])
        errors: list[psycopg.Error] = []

        def wait_for(client: psycopg.Connection[Any], row: int) -> None:
            try:
                client.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [row])
            except psycopg.errors.DeadlockDetected as error:
                errors.append(error)
            client.execute("ROLLBACK")

        waiting = threading.Thread(target=wait_for, args=(one, 2))
        waiting.start()
        wait_for(other, 1)
        waiting.join()
        assert [error.sqlstate for error in errors] == ["40P01"]
    yield


@contextmanager
def connection_slots(product: Product) -> Iterator[None]:
    """Take every connection, until PostgreSQL refuses one: more than the connections alarm allows."""
    settings = product.connection() | {"sslmode": "require"}  # reading the bundle 1,600 times takes 10 s
    refused: list[str] = []

    def take(_: int) -> None:
        try:
            sessions.enter_context(closing(psycopg.connect(**settings)))
        except psycopg.OperationalError as error:
            refused.append(str(error))

    with ExitStack() as sessions:
        # The reserved slots are among these, so some are refused.
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(take, range(int(product.ask("SHOW max_connections")))))
        assert "remaining connection slots are reserved" in "".join(refused)
        yield


@contextmanager
def load(product: Product) -> Iterator[None]:
    """More sessions wait for a lock than the class has processors."""
    with product.connect() as root, ExitStack() as victims:
        root.execute("CREATE TABLE IF NOT EXISTS contended ()")
        root.execute("BEGIN")
        root.execute("LOCK TABLE contended")
        for _ in range(3):
            victim = victims.enter_context(closing(product.connect()))
            victim.pgconn.send_query(b"LOCK TABLE contended; SELECT count(*) FROM contended")
        yield
        [first, *_] = under("docs/runbook/alarms.md", "load", "sql")
        with product.connect() as on_call:
            row = on_call.execute(first.encode()).fetchone()
        assert row
        assert row[:2] == (root.info.backend_pid, 3)


@contextmanager
def cpu(product: Product) -> Iterator[None]:
    """More sessions compute than the class has processors."""
    with ExitStack() as sessions:
        for _ in range(4):
            busy = sessions.enter_context(closing(product.connect()))
            busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000) a")
        yield
        [listed, *_] = under("docs/runbook/alarms.md", "cpu", "sql")
        with product.connect() as on_call:
            running = on_call.execute(listed.encode()).fetchall()
            assert len(running) == 4
            [cancel, *_] = under("docs/runbook/alarms.md", "To end a session", "sql")
            for pid, *_ in running:
                on_call.execute(cancel.replace("<pid>", str(pid)).encode())


@contextmanager
def heartbeat(product: Product) -> Iterator[None]:
    rds = product.cloud.client("rds")
    rds.stop_db_instance(DBInstanceIdentifier=product.identifier)
    product.become("stopped")
    yield
    rds.start_db_instance(DBInstanceIdentifier=product.identifier)
    product.become("available")


# The alarms that each trouble raises.
TROUBLES: dict[Trouble, tuple[str, ...]] = {
    plaintext: ("plaintext",),
    authentication: ("authentication",),
    deadlock: ("deadlock",),
    load: ("load",),
    cpu: ("cpu",),
    connection_slots: ("connection-slots", "connections"),
    heartbeat: ("heartbeat",),
}
RAISED = [kind for kinds in TROUBLES.values() for kind in kinds]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_mail_tells_of_it_with_the_page_that_helps_and_another_when_it_is_over(
    product: Product, trouble: Trouble
) -> None:
    heard = {kind: len(product.alarm_mails(kind)) for kind in TROUBLES[trouble]}

    def mail(kind: str, state: str) -> str:
        """The body of the first new mail about a state, as soon as it is there."""

        def look() -> list[str]:
            new = product.alarm_mails(kind)[heard[kind] :]
            return [each.body for each in new if each.subject.startswith(f"{state}: ")]

        return eventually(look, 30)[0]

    with trouble(product):
        for kind in TROUBLES[trouble]:
            assert f"What to do: docs/runbook/alarms.md#{kind}" in mail(kind, "ALARM")
    for kind in TROUBLES[trouble]:
        mail(kind, "OK")


def test_every_alarm_is_raised_here_or_its_page_says_why_not() -> None:
    resources = released_versions.templates()[NEWEST[2]]["Resources"].values()
    alarms = {
        tables.alarm_slug(each["Properties"])
        for each in resources
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    page = (ROOT / "docs" / "operate" / "drills.md").read_text()
    listed = page.partition("## What no drill can raise")[2]
    assert {*RAISED, *(kind for kind in alarms if f"#{kind})" in listed)} == alarms
    assert [kind for kind in RAISED if f"#{kind})" in listed] == []
