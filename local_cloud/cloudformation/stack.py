"""A stack and its history, as CloudFormation keeps them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..account import ACCOUNT_ID, REGION
from .parameters import Parameter
from .template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, eq=False)
class Specification:
    """What a stack shall be: a template and the values of its parameters."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...] = ()


@dataclass
class StackResource:
    """The present state of one resource of a stack."""

    logical_id: str
    type: str
    definition: Mapping[str, Any]
    physical_id: str = ""
    status: str = ""
    reason: str = ""
    updated: datetime = field(default_factory=now)
    properties: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class ChangeSet:
    """A change set; `changes` is in the shape of DescribeChangeSet."""

    name: str
    id: str
    type: str
    target: Specification
    role_arn: str | None
    on_failure: str | None
    description: str
    token: str | None
    created: datetime = field(default_factory=now)
    status: str = "CREATE_PENDING"
    reason: str = ""
    execution_status: str = "UNAVAILABLE"
    changes: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Stack:
    """One stack, with its history.

    Attributes:
        specification: that of the last successful operation, or of the one under way.
        undo: what a rollback needs, as long as the update can roll back.
        operation: the thread of the operation under way, and the event that cancels it.
    """

    name: str
    id: str
    specification: Specification | None
    status: str = ""
    reason: str = ""
    role_arn: str | None = None
    caller_role_arn: str | None = None
    on_failure: str = "ROLLBACK"
    termination_protection: bool = False
    policy: str | None = None
    token: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    resources: dict[str, StackResource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    undo: Undo | None = None
    operation: threading.Thread | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    # Held while a thread reads the status and then sets it: a deletion may come in when a creation ends.
    turn: threading.Lock = field(default_factory=threading.Lock)

    def set_status(self, status: str, reason: str = "") -> None:
        """Move the stack to a status and record the event."""
        self.status, self.reason = status, reason
        self._record(self.name, self.id, STACK_TYPE, status, reason, None)

    def set_resource_status(self, resource: StackResource, status: str, reason: str = "") -> None:
        """Move a resource to a status and record the event."""
        resource.status, resource.reason, resource.updated = status, reason, now()
        self._record(
            resource.logical_id,
            resource.physical_id,
            resource.type,
            status,
            reason,
            json.dumps(resource.properties),
        )

    def _record(
        self, logical_id: str, physical_id: str, kind: str, status: str, reason: str, properties: str | None
    ) -> None:
        event = {
            "StackId": self.id,
            "StackName": self.name,
            "EventId": str(uuid.uuid4()) if kind == STACK_TYPE else f"{logical_id}-{status}-{uuid.uuid4()}",
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical_id,
            "ResourceType": kind,
            "Timestamp": now(),
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
            "ResourceProperties": properties,
            "ClientRequestToken": self.token,
        }
        self.events.append({key: value for key, value in event.items() if value is not None})


@dataclass
class Undo:
    """What an update has done so far, for its rollback.

    Attributes:
        specification: the one before the update.
        abandoned: the one of the update.
        resources: the resources that the update touched, as they were before.
        made: the new physical resources, for new logical ids or instead of the `replaced` ones.
    """

    specification: Specification
    abandoned: Specification
    resources: dict[str, StackResource] = field(default_factory=dict)
    made: list[StackResource] = field(default_factory=list)
    replaced: list[StackResource] = field(default_factory=list)

    def leftovers(self, current: Iterable[StackResource]) -> list[StackResource]:
        """Return the old and new physical resources of the update that are not in `current`."""
        kept = {id(item) for item in current}
        return [item for item in [*self.made, *self.replaced] if id(item) not in kept]


def new_stack_id(name: str) -> str:
    """Return an ARN for a new stack."""
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{name}/{uuid.uuid4()}"
