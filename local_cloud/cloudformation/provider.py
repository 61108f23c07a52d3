"""What stack operations need of a resource type, and what they give it."""

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
    """The operation ended while this resource was under way."""


class ProviderError(Exception):
    """The resource cannot be handled; the message is the event's reason."""


class HandlerError(ProviderError):
    """A resource handler gives up with a message and a handler error code of its own."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(
            f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, '
            f"HandlerErrorCode: {code})"
        )


@dataclass
class Call:
    """One handling of one resource.

    Attributes:
        tags: CloudFormation's own tags (aws:cloudformation:...), to be put on a new resource.
        client: gives a boto3 client with the operation's credentials.
        initiated: tells the operation the physical id as soon as it exists: a failure after that cleans up.
        cancelled: set when the operation does not want the resource any more.
        data: what a custom resource answered, for Fn::GetAtt.
        final_snapshot: whether a delete has to leave a snapshot (DeletionPolicy Snapshot).
        rollback: whether an update takes an earlier one back.
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
        """Let AWS seconds pass. Raises CancelledError when the operation ends meanwhile."""
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
    """How an existing resource's tags are changed.

    Attributes:
        tag, untag: boto3 client methods.
        key: the parameter that names the resource to them; `value` is a format string for it.
        extra: further parameters of both.
        system: whether CloudFormation's own tags (aws:cloudformation:...) go onto a new resource, too.
    """

    tag: str = "tag_resource"
    untag: str = "untag_resource"
    key: str = "ResourceArn"
    value: str = "{id}"
    extra: Mapping[str, str] = field(default_factory=dict)
    system: bool = True


class Provider(Protocol):
    """What the stack operations need of a resource type."""

    @property
    def name(self) -> str | None:
        """The property of a custom name: such a resource cannot be replaced under the same name."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """What Fn::GetAtt can ask for."""

    @property
    def tagging(self) -> Tagging | None:
        """How the resource is tagged; None when stack tags do not go onto it."""

    def create(self, call: Call, properties: Properties) -> str:
        """Create the resource, wait until it is usable, and return its physical id (what Ref gives)."""

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        """Change the resource in place and return its physical id, which only custom resources may change."""

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        """Delete the resource and wait until it is gone. One that is gone already is a success."""

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        """Read what Fn::GetAtt asks for."""


class Types:
    """The resource types that this cloud can handle."""

    def __init__(self, providers: Mapping[str, Provider], custom: Provider) -> None:
        self.providers, self.custom = providers, custom

    def __getitem__(self, resource_type: str) -> Provider:
        return self.custom if is_custom(resource_type) else self.providers[resource_type]
