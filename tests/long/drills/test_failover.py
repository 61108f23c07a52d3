"""The failover drill as its page says, with a client that writes all the time."""

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

import psycopg
import pytest

from tests.long.drills.product import READ, Product
from tests.support.account import eventually
from tests.support.documentation import under

PAGE, HEADING = "docs/runbook/failover-drill.md", "Failover drill"
# What a driver does after these: connect anew, and repeat what was not committed.
GONE = ("57P01", "57P02", "57P03", "08")


@dataclass
class Writer:
    """A client that writes a number each time, until it is stopped.

    Attributes:
        product: whose database it writes to.
        committed: the numbers whose commit it has heard of, with the time of each.
        failures: the errors in between.
    """

    product: Product
    committed: dict[int, float] = field(default_factory=dict)
    failures: list[psycopg.OperationalError] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Writer":
        self._connection = self.product.connection()
        with psycopg.connect(**self._connection) as client:
            client.execute("CREATE TABLE written (number bigint PRIMARY KEY)")
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        eventually(lambda: self.committed)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._end.is_set():
            try:
                with psycopg.connect(**self._connection, autocommit=True) as client:
                    while not self._end.is_set():
                        # The last commit may have been made, and only the answer lost.
                        client.execute("INSERT INTO written VALUES (%s) ON CONFLICT DO NOTHING", [number])
                        self.committed[number] = time.monotonic()
                        number += 1
                        self._end.wait(0.001)
            except psycopg.OperationalError as error:
                self.failures.append(error)
                self._end.wait(0.01)


@pytest.fixture(scope="module")
def drilled(product: Product, written: str) -> "Drill":
    note, begin = under(PAGE, HEADING, "sh")
    heard = len(product.mails())
    before = product.shell(note)
    with Writer(product) as writer:
        began = time.monotonic()
        product.shell(note, begin)
        eventually(lambda: writer.failures)
        product.become("available")
        after = product.shell(note)
        ended = time.monotonic()
        eventually(lambda: max(writer.committed.values()) > ended)
    eventually(lambda: "failover completed" in "".join(mail.body for mail in product.mails()[heard:]))
    mails = [mail.body for mail in product.mails()[heard:] if product.identifier in mail.body]
    return Drill(writer, began, ended, before.split(), after.split(), mails, written)


@dataclass(frozen=True)
class Drill:
    writer: Writer
    began: float
    ended: float
    before: list[str]
    after: list[str]
    mails: list[str]
    written: str


def test_the_zones_change_places(drilled: Drill) -> None:
    assert drilled.before[:2] == ["available", "True"]
    assert drilled.after[2:] == drilled.before[:1:-1]


def test_writes_stop_and_go_on_and_nobody_had_to_do_anything(drilled: Drill) -> None:
    times = list(drilled.writer.committed.values())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    longest = gaps.index(max(gaps))
    # One gap, in which every failure is; how long it is, is the local cloud's to say and not AWS's.
    assert drilled.began < times[longest + 1] < drilled.ended
    assert {error.sqlstate for error in drilled.writer.failures} <= {None, *GONE[:3]}


def test_no_committed_row_is_missing(drilled: Drill) -> None:
    with drilled.writer.product.connect() as client:
        kept = {number for (number,) in client.execute("SELECT number FROM written").fetchall()}
    assert kept == drilled.writer.committed.keys()
    assert drilled.writer.product.psql(READ) == drilled.written


def test_the_mails_say_that_it_began_and_ended_and_no_alarm_fires(drilled: Drill) -> None:
    text = "\n".join(drilled.mails)
    assert "Multi-AZ instance failover started" in text
    assert "Multi-AZ instance failover completed" in text
    assert "ALARM" not in text
