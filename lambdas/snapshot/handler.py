"""States "Take snapshot" and "Delete snapshots". They poll by their Retry."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.models import SnapshotRequest
from engine.record import confirmed_session

from snapshot.snapshots import snapshot


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the id of the snapshot, if the operation has one, or raise until it is available."""
    request = msgspec.convert(event, SnapshotRequest)
    session = confirmed_session(request, context)
    rds = session.client("rds", config=CLIENT_CONFIG)
    return {"snapshotId": snapshot(rds, session.client("cloudformation", config=CLIENT_CONFIG), request)}
