"""What the parts of RDS share: refusals, time, events and the instances they are about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException
from moto.rds.models import DBInstance, DBSnapshot, Event, RDSBackend, rds_backends

from ..account import ACCOUNT_ID, REGION
from ..world import World

# CreateDBSnapshot's reference, and what RDS says of instances in another status.
USABLE = ("available", "storage-optimization")


class Refused(ServiceException):
    """RDS refuses; code and message come with it."""


def install(world: World) -> None:
    """Answer DescribeEvents for the time that is asked for."""

    def describe_events(
        self: RDSBackend,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        duration: int = 60,
        event_categories: list[str] | None = None,
        **more: Any,
    ) -> list[Event]:
        until = end_time or datetime.now(UTC)
        since = start_time or until - timedelta(minutes=duration)
        return [
            event
            for event in original(self, **more)
            if since.replace(tzinfo=None) <= event.date.replace(tzinfo=None) <= until.replace(tzinfo=None)
            and (not event_categories or set(event_categories) & set(event.event_categories))
        ]

    original = world.patch(RDSBackend, "describe_events", describe_events)


def backend() -> RDSBackend:
    """Return moto's RDS of this account and region."""
    found: RDSBackend = rds_backends[ACCOUNT_ID][REGION]
    return found


def later(world: World, aws_seconds: float, work: Callable[[], None]) -> None:
    """Do `work` in a thread after `aws_seconds`, unless the cloud stops before."""

    def run() -> None:
        world.clock.sleep(aws_seconds)
        if not world.clock.stopping.is_set():
            work()

    threading.Thread(target=run, name="rds", daemon=True).start()


def become(database: DBInstance, status: str, *of: str) -> bool:
    """Move an instance to a status if it is still there and in one of `of`; returns whether it was."""
    there = backend().databases.get(database.db_instance_identifier) is database and database.status in of
    if there:
        database.status = status
    return there


def record(world: World, source: DBInstance | DBSnapshot, event_id: str, category: str, message: str) -> None:
    """Record and publish an event of "Amazon RDS event categories and event messages"."""
    event = Event.__new__(Event)  # its __init__ knows a handful of messages only
    event.source_identifier, event.source_type = source.resource_id, source.event_source_type
    event.message, event.event_categories = message, [category]
    event.source_arn, event.date = source.arn, datetime.now(UTC)
    backend().events.append(event)
    kind, name = ("SNAPSHOT", "Snapshot") if isinstance(source, DBSnapshot) else ("DB_INSTANCE", "Instance")
    date = source.created if isinstance(source, DBSnapshot) else event.date
    detail = {
        "EventCategories": [category],
        "SourceType": kind,
        "SourceArn": source.arn,
        "Date": date.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SourceIdentifier": source.resource_id,
        "Message": message,
        "EventID": event_id,
    }
    world.bus.publish("aws.rds", f"RDS DB {name} Event", detail, [source.arn])
