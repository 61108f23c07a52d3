"""How one resource type is made, changed, read and deleted through its service's API."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jmespath
from botocore.exceptions import ClientError

from ..world import ACCOUNT_ID, REGION, World
from .arguments import arguments, plain_tags, tag_arguments

Properties = dict[str, Any]


class Cancelled(Exception):  # noqa: N818 - a signal from the operation, not a failure of the resource
    """The operation ended while this resource was under way."""


class ProviderError(Exception):
    """The resource cannot be handled; the message is the event's reason."""


@dataclass
class Call:
    """One handling of one resource.

    Attributes:
        tags: CloudFormation's own tags (aws:cloudformation:...), to be put on a new resource.
        client: gives a boto3 client with the operation's credentials.
        initiated: tells the operation the physical id as soon as it exists, so that a failure after that cleans up.
        cancelled: set when the operation does not want the resource any more.
        data: what a custom resource answered, for Fn::GetAtt.
        final_snapshot: whether a delete has to leave a snapshot (DeletionPolicy Snapshot).
    """

    world: World
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

    def wait(self, aws_seconds: float) -> None:
        """Let AWS seconds pass. Raises Cancelled when the operation ends meanwhile."""
        if aws_seconds > 0:
            self.cancelled.wait(max(aws_seconds / self.world.speed, self.world.shortest_wait))
        if self.cancelled.is_set():
            raise Cancelled

    def generated_name(self, limit: int = 64) -> str:
        """Make a physical name as CloudFormation does: stack, logical id and twelve random characters."""
        suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        room = limit - len(suffix) - 2
        logical_id = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        return f"{self.stack_name[: room - len(logical_id)]}-{logical_id}-{suffix}"


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How an existing resource's tags are changed."""

    tag: str = "tag_resource"
    untag: str = "untag_resource"
    key: str = "ResourceArn"
    value: str = "{id}"
    extra: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, kw_only=True)
class Api:
    """A resource type that is one API object.

    Attributes:
        create, update, delete, read: boto3 client methods. `update` equal to `create` sends all properties again,
            another one only what changed.
        id: the physical id: a JMESPath into create's answer, or a format string of properties when it has braces.
        key: the parameters that name the resource to the other calls; their values are the parts of the id, split
            at "|", or for a mapping its format strings.
        name: the property that carries a custom name; without it, one is generated.
        lower: whether generated names are in lower case.
        renames: properties whose parameter has another name than theirs.
        attributes: Fn::GetAtt names to a JMESPath into read's answer, or a format string when it has braces.
        own: properties that `after` handles; the create and update calls do not get them.
        after: further calls after a create (old is {}) or an update.
        before_delete: calls before the delete.
        ready: a JMESPath into read's answer that is true when the resource is usable.
        gone: error codes that mean there is no such resource.
        seconds, delete_seconds: AWS seconds that it takes where the API itself does not take them.
    """

    service: str
    create_call: str
    id: str
    key: tuple[str, ...] | Mapping[str, str]
    delete_call: str | None
    update_call: str | None = None
    read_call: str | None = None
    name: str | None = None
    name_limit: int = 64
    lower: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    delete_extra: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[Call, str, Properties, Properties], None] | None = None
    before_delete: Callable[[Call, str, Properties], None] | None = None
    ready: str | None = None
    gone: tuple[str, ...] = ()
    tag_kind: str = ""
    tagging: Tagging | None = None
    seconds: float = 0
    delete_seconds: float = 0

    def create(self, call: Call, properties: Properties) -> str:
        client = call.client(self.service)
        given = dict(properties)
        if self.name and self.name not in given:
            name = call.generated_name(self.name_limit)
            given[self.name] = name.lower() if self.lower else name
        parameters = arguments(client, self.create_call, self._sent(given), self.renames) | dict(self.extra)
        if self.tagging and (tags := dict(call.tags) | plain_tags(properties.get("Tags"))):
            parameters |= tag_arguments(client, self.create_call, tags, self.tag_kind)
        answer = getattr(client, self.create_call)(**parameters)
        physical_id = _read(self.id, answer, given)
        call.initiated(physical_id)
        if self.after:
            self.after(call, physical_id, {}, given)
        self._stabilise(call, physical_id)
        return physical_id

    def _sent(self, properties: Properties) -> Properties:
        handled = (*self.own, "Tags") if self.tagging else self.own
        return {key: value for key, value in properties.items() if key not in handled}

    def _stabilise(self, call: Call, physical_id: str) -> None:
        call.wait(self.seconds)
        while self.ready and not jmespath.search(self.ready, self._answer(call, physical_id)):
            call.wait(10)

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        client = call.client(self.service)
        sent = self._sent({key: value for key, value in new.items() if old.get(key) != value})
        removed = [key for key in self._sent(old) if key not in new]
        if sent or removed:
            self._send_update(call, client, physical_id, sent, removed, new)
        if self.after:
            self.after(call, physical_id, old, new)
        if self.tagging:
            tags = plain_tags(old.get("Tags")), plain_tags(new.get("Tags"))
            retag(self.tagging, self.service, call, physical_id, *tags)
        if sent:
            self._stabilise(call, physical_id)
        return physical_id

    def _send_update(
        self, call: Call, client: Any, physical_id: str, sent: Properties, removed: list[str], new: Properties
    ) -> None:
        if self.update_call is None:
            raise ProviderError(f"The local CloudFormation cannot update {', '.join([*sent, *removed])} of {call.resource_type}")
        if self.update_call == self.create_call:
            sent = self._sent(new)
            sent |= {self.name: physical_id} if self.name and self.name not in sent else {}
        elif removed:
            raise ProviderError(f"The local CloudFormation cannot remove {', '.join(removed)} from {call.resource_type}")
        parameters = arguments(client, self.update_call, sent, self.renames)
        extra = self.extra if self.update_call == self.create_call else {}
        getattr(client, self.update_call)(**(parameters | dict(extra) | self._key(client, self.update_call, physical_id)))

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        if self.delete_call is None:
            return
        client = call.client(self.service)
        try:
            if self.before_delete:
                self.before_delete(call, physical_id, properties)
            parameters = self._key(client, self.delete_call, physical_id) | dict(self.delete_extra)
            getattr(client, self.delete_call)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] not in self.gone:
                raise
        call.wait(self.delete_seconds)

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        path = self.attributes[name]
        answer = {} if "{" in path else self._answer(call, physical_id)
        return _read(path, answer, properties | {"id": physical_id})

    def _answer(self, call: Call, physical_id: str) -> Any:
        assert self.read_call, f"{call.resource_type} has no read call"
        client = call.client(self.service)
        return getattr(client, self.read_call)(**self._key(client, self.read_call, physical_id))

    def _key(self, client: Any, method: str, physical_id: str) -> dict[str, Any]:
        if isinstance(self.key, Mapping):
            values = {name: _read(text, {}, {"id": physical_id}) for name, text in self.key.items()}
        else:
            values = dict(zip(self.key, physical_id.split("|"), strict=True)) if len(self.key) > 1 else {self.key[0]: physical_id}
        members = input_members(client, method)
        # DescribeX takes the plural of what DeleteX takes: VpcId and VpcIds.
        values = {name if name in members else f"{name}s" if f"{name}s" in members else name: value for name, value in values.items()}
        return arguments(client, method, values, {})


def input_members(client: Any, method: str) -> set[str]:
    """The parameter names of a boto3 client method."""
    operation = client.meta.method_to_api_mapping[method]
    return set(client.meta.service_model.operation_model(operation).input_shape.members)


def _read(path: str, answer: Any, values: Mapping[str, Any]) -> Any:
    if "{" in path and not path.startswith("@"):
        return path.format(**values, account=ACCOUNT_ID, region=REGION)
    return jmespath.search(path.removeprefix("@"), answer)


def retag(
    tagging: Tagging, service: str, call: Call, physical_id: str, old: dict[str, str], new: dict[str, str]
) -> None:
    """Make the resource's tags those of `new`, removing what only `old` had."""
    client = call.client(service)
    key = {tagging.key: tagging.value.format(id=physical_id, account=ACCOUNT_ID, region=REGION)}
    key = arguments(client, tagging.tag, key | dict(tagging.extra), {})
    if added := {name: text for name, text in new.items() if old.get(name) != text}:
        getattr(client, tagging.tag)(**key, **tag_arguments(client, tagging.tag, added))
    if removed := [name for name in old if name not in new]:
        members = input_members(client, tagging.untag)
        names = next(({m: removed} for m in members if m.lower() == "tagkeys"), {"Tags": [{"Key": name} for name in removed]})
        getattr(client, tagging.untag)(**key, **names)
