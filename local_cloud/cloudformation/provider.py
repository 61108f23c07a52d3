"""The interface between stack operations and resource types."""

from __future__ import annotations

import secrets
import string
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..moto_seam import Local
from .template import is_custom

Properties = dict[str, Any]


class CancelledError(Exception):
    """The operation was cancelled while the provider handled this resource."""


class ProviderError(Exception):
    """A provider can't handle the resource. The message is the reason in the event."""


class HandlerError(ProviderError):
    """A resource handler of AWS's fails with this message and handler error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(
            f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, '
            f"HandlerErrorCode: {code})"
        )


@dataclass
class Call:
    """The creation, update, reading or deletion of one resource.

    Attributes:
        tags: CloudFormation's own tags (aws:cloudformation:...) for a new resource.
        client: returns a boto3 client of a service with the operation's role.
        initiated: tells the operation the physical id as soon as there is one, so that a rollback deletes it.
        cancelled: set when the operation is cancelled.
        data: what a custom resource answered, for Fn::GetAtt.
        final_snapshot: whether a deletion has to take a snapshot first (DeletionPolicy Snapshot).
        rollback: whether an update rolls an earlier one back.
    """

    logical_id: str
    resource_type: str
    stack_name: str
    stack_id: str
    tags: Mapping[str, str]
    client: Callable[[str], Any]
    initiated: Callable[[str], None]
    cancelled: threading.Event
    data: dict[str, Any]
    final_snapshot: bool = False
    rollback: bool = False

    def wait(self, aws_seconds: float) -> None:
        """Wait some AWS seconds. Raises CancelledError when the operation is cancelled meanwhile."""
        self.cancelled.wait(Local.clock.seconds(aws_seconds))
        if self.cancelled.is_set() or Local.clock.stopping.is_set():
            raise CancelledError

    def generated_name(self, limit: int = 64) -> str:
        """Make a physical name as CloudFormation does: stack, logical id and twelve random characters."""
        suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        room = limit - len(suffix) - 2
        logical_id = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        return f"{self.stack_name[: room - len(logical_id)]}-{logical_id}-{suffix}"


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How to change the tags of an existing resource.

    Attributes:
        tag, untag: boto3 client methods.
        key: their parameter for the resource; `value` is a format string of its value.
        extra: further parameters for both.
        system: whether a new resource also gets CloudFormation's own tags (aws:cloudformation:...).
    """

    tag: str = "tag_resource"
    untag: str = "untag_resource"
    key: str = "ResourceArn"
    value: str = "{id}"
    extra: Mapping[str, str] = field(default_factory=dict)
    system: bool = True


class Provider(Protocol):
    """Handles the resources of one type for stack operations."""

    @property
    def name(self) -> str | None:
        """The property with a custom name. A resource can't be replaced by one with the same name."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes that Fn::GetAtt can read."""

    @property
    def tagging(self) -> Tagging | None:
        """How to tag the resource; None if stack tags do not apply to it."""

    def create(self, call: Call, properties: Properties) -> str:
        """Create the resource, wait until it is usable, and return its physical id (what Ref gives)."""

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        """Change the resource and return its physical id. Only a custom resource may return another one."""

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        """Delete the resource and wait until it is gone. It succeeds if the resource is gone already."""

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        """Return an attribute for Fn::GetAtt."""


class Types:
    """The resource types that the local cloud can handle."""

    def __init__(self, providers: Mapping[str, Provider], custom: Provider) -> None:
        self.providers, self.custom = providers, custom

    def __getitem__(self, resource_type: str) -> Provider:
        return self.custom if is_custom(resource_type) else self.providers[resource_type]
