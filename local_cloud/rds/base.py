"""What the parts of RDS share: instances, time and events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds.models import DBSnapshot, Event, RDSBackend

from ..moto_seam import Local
from .resources import DBInstance

# CreateDBSnapshot's reference, and what RDS says of instances in another status.
USABLE = ("available", "storage-optimization")


class RDSBase(Local, RDSBackend):
    """RDS without what its API adds, part by part; `models.LocalRDS` has all of it."""

    def instance(self, identifier: str) -> DBInstance:
        """Return the instance of an identifier or ARN.

        Raises:
            moto.rds.exceptions.DBInstanceNotFoundError: there is none.
        """
        [found] = self.describe_db_instances(identifier)
        assert isinstance(found, DBInstance)
        return found

    def instances(self) -> list[DBInstance]:
        """Return every instance, those that are being deleted included."""
        return [each for each in list(self.databases.values()) if isinstance(each, DBInstance)]

    def later(self, aws_seconds: float, work: Callable[[], None]) -> None:
        """Do `work` in a thread after `aws_seconds`, unless the cloud stops before."""

        def run() -> None:
            self.clock.sleep(aws_seconds)
            if not self.clock.stopping.is_set():
                work()

        threading.Thread(target=run, name="rds", daemon=True).start()

    def become(self, database: DBInstance, status: str, *of: str) -> bool:
        """Move an instance to a status if it is still there and in one of `of`; returns whether it was."""
        there = self.databases.get(database.db_instance_identifier) is database and database.status in of
        if there:
            database.status = status
        return there

    def pass_through(self, database: DBInstance, status: str, aws_seconds: float) -> None:
        """Let an instance be in a status for a while, and available after it."""
        database.status = status

        def over() -> None:
            self.become(database, "available", status)

        self.later(aws_seconds, over)

    def record(self, source: DBInstance | DBSnapshot, event_id: str, category: str, message: str) -> None:
        """Record and publish an event of "Amazon RDS event categories and event messages"."""
        event = Event.__new__(Event)  # its __init__ knows a handful of messages only
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
        """Return the events of the time that is asked for, and of any of the categories.

        Args:
            source_identifier: of these events alone.
            source_type: the kind of the source, such as "db-instance".
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
