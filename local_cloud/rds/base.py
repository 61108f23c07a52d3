"""What the parts of RDS share: how to find instances, let time pass and publish events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds.models import DBSnapshot, Event, RDSBackend

from ..moto_seam import Local
from .resources import DBInstance

# The API reference of CreateDBSnapshot, and reports of how RDS refuses instances in another status.
USABLE = ("available", "storage-optimization")


class RDSBase(Local, RDSBackend):
    """The base of the parts from which `models.LocalRDS` is made."""

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

    def later(self, aws_seconds: float, work: Callable[[], None]) -> None:
        """Call `work` in a thread after `aws_seconds`, unless the cloud stops before."""

        def run() -> None:
            self.clock.sleep(aws_seconds)
            if not self.clock.stopping.is_set():
                work()

        threading.Thread(target=run, name="rds", daemon=True).start()

    def become(self, database: DBInstance, status: str, *of: str) -> bool:
        """Set the status of an instance that exists with a status in `of`. Returns whether it did."""
        there = self.databases.get(database.db_instance_identifier) is database and database.status in of
        if there:
            database.status = status
        return there

    def pass_through(self, database: DBInstance, status: str, aws_seconds: float) -> None:
        """Give an instance a status for some AWS seconds, and then "available"."""
        database.status = status

        def over() -> None:
            self.become(database, "available", status)

        self.later(aws_seconds, over)

    def record(self, source: DBInstance | DBSnapshot, event_id: str, category: str, message: str) -> None:
        """Record and publish an event of "Amazon RDS event categories and event messages"."""
        event = Event.__new__(Event)  # moto's __init__ knows only a handful of messages
        event.source_identifier, event.source_type = source.resource_id, source.event_source_type
        event.message, event.event_categories = message, [category]
        event.source_arn, event.date = source.arn, datetime.now(UTC)
        self.events.append(event)
        of_snapshot = isinstance(source, DBSnapshot)
        kind, name = ("SNAPSHOT", "Snapshot") if of_snapshot else ("DB_INSTANCE", "Instance")
        date = source.created if of_snapshot else event.date
        detail = {
            "EventCategories": [category],
            "SourceType": kind,
            "SourceArn": source.arn,
            "Date": date.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SourceIdentifier": source.resource_id,
            "Message": message,
            "EventID": event_id,
        }
        self.bus.publish("aws.rds", f"RDS DB {name} Event", detail, [source.arn])

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
