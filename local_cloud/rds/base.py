"""What the parts of RDS share: how to find instances, let time pass and publish events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds.models import DBParameterGroup, DBSnapshot, Event, RDSBackend

from ..moto_seam import Local
from .events import EVENTS, KINDS, Occurrence, deliver
from .resources import DBInstance

log = logging.getLogger(__name__)

# The API reference of CreateDBSnapshot, and reports of how RDS refuses instances in another status.
USABLE = ("available", "storage-optimization")


class RDSBase(Local, RDSBackend):
    """The base of the parts from which `models.LocalRDS` is made."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._work: set[threading.Thread] = set()

    def stop(self) -> None:
        """Wait for work that has begun."""
        super().stop()
        for thread in list(self._work):
            thread.join()

    def instance(self, identifier: str) -> DBInstance:
        """Return the instance of an identifier or ARN.

        Raises:
            moto.rds.exceptions.DBInstanceNotFoundError: there is none.
        """
        [found] = self.describe_db_instances(identifier)
        assert isinstance(found, DBInstance)
        return found

    def instances(self) -> list[DBInstance]:
        """Return every instance, including those that RDS deletes now."""
        return [each for each in list(self.databases.values()) if isinstance(each, DBInstance)]

    def later(self, aws_seconds: float, work: Callable[[], None], database: DBInstance | None = None) -> None:
        """Call `work` in a thread after `aws_seconds`, unless the cloud stops before.

        Args:
            aws_seconds: how long to wait.
            work: what to do.
            database: the instance that it changes. Its work comes one after the other. If some work raises an
                exception, a warning tells so, and the instance has the status "failed" for good.
        """

        def run() -> None:
            self.clock.sleep(aws_seconds)
            with database.turn if database else nullcontext():
                try:
                    if not self.clock.stopping.is_set():
                        work()
                except Exception:
                    # Its server may end below it, when the cloud stops or a request deletes the instance.
                    if not (self.clock.stopping.is_set() or (database and database.status == "deleting")):
                        self._fail(database)
            self._work.discard(thread)

        thread = threading.Thread(target=run, name="rds", daemon=True)
        self._work.add(thread)
        thread.start()

    def _fail(self, database: DBInstance | None) -> None:
        if database is None:
            log.warning("work of RDS has ended with an error", exc_info=True)
            return
        log.warning(
            "%s has failed: this local cloud could not go on with it", database.db_instance_identifier,
            exc_info=True,
        )  # fmt: skip
        database.status = "failed"
        self.record(database, "RDS-EVENT-0031", status="failed")

    def has_status(self, database: DBInstance, *statuses: str) -> bool:
        """Say whether an instance still exists and has one of some statuses."""
        there = self.databases.get(database.db_instance_identifier) is database
        return there and database.status in statuses

    def become(self, database: DBInstance, status: str, *of: str) -> bool:
        """Set the status of an instance that exists with a status in `of`. Returns whether it did."""
        there = self.has_status(database, *of)
        if there:
            database.status = status
        return there

    def pass_through(
        self, database: DBInstance, status: str, aws_seconds: float, last: Callable[[], None] | None = None
    ) -> None:
        """Give an instance a status for some AWS seconds, then call `last`, and then give it "available"."""
        database.status = status

        def over() -> None:
            if self.has_status(database, status):
                if last:
                    last()
                self.become(database, "available", status)  # unless a request has deleted it meanwhile

        self.later(aws_seconds, over, database)

    def record(self, source: DBInstance | DBSnapshot | DBParameterGroup, event_id: str, **facts: Any) -> None:
        """Record an event, and publish it to EventBridge and to the topics of event subscriptions.

        Args:
            source: what it happened to.
            event_id: a key of EVENTS.
            facts: what its words name.
        """
        category, words = EVENTS[event_id]
        kind, now = KINDS[source.resource_type], datetime.now(UTC)
        message = words.format(**facts)
        event = Event.__new__(Event)  # moto's __init__ knows only a handful of messages
        event.source_identifier, event.source_type = source.resource_id, kind.source_type
        event.message, event.event_categories = message, [category]
        event.source_arn, event.date = source.arn, now
        self.events.append(event)
        date = source.created if isinstance(source, DBSnapshot) else now
        detail = {
            "EventCategories": [category],
            "SourceType": kind.bus_type,
            "SourceArn": source.arn,
            "Date": date.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SourceIdentifier": source.resource_id,
            "Message": message,
            "EventID": event_id,
        }
        self.bus.publish("aws.rds", f"RDS {kind.name} Event", detail, [source.arn])
        deliver(
            list(self.event_subscriptions.values()),
            Occurrence(kind, source.resource_id, source.arn, event_id, category, message, now),
        )

    def describe_events(
        self,
        source_identifier: str | None = None,
        source_type: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        duration: int = 60,
        event_categories: list[str] | None = None,
        **_: Any,
    ) -> list[Event]:
        """Return the events in a period, and in any of the categories.

        Args:
            source_identifier: only events of this source.
            source_type: the type of that source, such as "db-instance".
            start_time: `duration` before the end if None.
            end_time: now if None.
            duration: minutes.
            event_categories: all if None or empty.
        """
        until = end_time or datetime.now(UTC)
        since = start_time or until - timedelta(minutes=duration)
        return [
            event
            for event in super().describe_events(source_identifier, source_type)
            if since.replace(tzinfo=None) <= event.date.replace(tzinfo=None) <= until.replace(tzinfo=None)
            and (not event_categories or set(event_categories) & set(event.event_categories))
        ]
