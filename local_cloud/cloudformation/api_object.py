"""A resource type whose resources a service's API creates, updates, reads and deletes one by one."""
# Api's methods are described by Provider.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from ..account import ACCOUNT_ID, REGION
from .arguments import arguments, plain_tags, tag_arguments
from .provider import Call, Properties, ProviderError, Tagging


@dataclass(frozen=True, kw_only=True)
class Api:
    """A resource type that is one API object.

    Attributes:
        service: boto3's name of the service.
        create_call, update_call, delete_call, read_call: boto3 client methods. An update gets what changed.
        resend: whether an update gets all properties instead, as with Put... calls.
        id: the physical id: a JMESPath into create's answer, or a format string of properties if it has
            braces.
        key: the parameters that name the resource to the other calls: one name; or names for the parts of
            the id, split at "|"; or format strings of the id and the properties.
        api_id: gives the API's own id of the resource, if that is not the physical id.
        name: the property that carries a custom name; without it, one is generated, in lower case if `lower`.
        renames: properties, at any depth, whose parameter has another name than theirs.
        reshape: rewrites the properties into the parameters' structure.
        extra, update_extra: parameters that always go with create and update.
        own: properties for `after` only, not for the create and update calls.
        updated_after: properties that `after` handles on updates only.
        after: further calls after a create (old is {}) or an update.
        before_delete: calls before the delete.
        attributes: Fn::GetAtt names to a JMESPath into read's answer, or a format string of the properties,
            the id and the name (the last part of an ARN or URL) if it has braces.
        ready: a JMESPath into read's answer that is true when the resource is usable.
        every: AWS seconds between two checks of `ready`.
        gone: error codes that mean that the resource does not exist.
        tag_kind: EC2's ResourceType in TagSpecifications.
        seconds, delete_seconds: how long it takes in AWS seconds, where the API here returns at once.
    """

    service: str
    create_call: str
    id: str
    key: tuple[str, ...] | Mapping[str, str]
    delete_call: str
    update_call: str | None = None
    read_call: str | None = None
    resend: bool = False
    api_id: Callable[[Call, str], str] | None = None
    name: str | None = None
    name_limit: int = 64
    lower: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    reshape: Callable[[Properties], Properties] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    update_extra: Mapping[str, Any] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    updated_after: tuple[str, ...] = ()
    after: Callable[[Call, str, Properties, Properties], None] | None = None
    before_delete: Callable[[Call, str, Properties], None] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    ready: str | None = None
    every: float = 10
    gone: tuple[str, ...] = ()
    tag_kind: str = ""
    tagging: Tagging | None = None
    seconds: float | Callable[[Properties], float] = 0
    delete_seconds: float = 0

    def create(self, call: Call, properties: Properties) -> str:
        client = call.client(self.service)
        given = dict(properties)
        if self.name and self.name not in given:
            name = call.generated_name(self.name_limit)
            given[self.name] = name.lower() if self.lower else name
        parameters = self._arguments(client, self.create_call, self._sent(given, self.own)) | dict(self.extra)
        if self.tagging and (
            tags := dict(call.tags if self.tagging.system else {}) | plain_tags(properties.get("Tags"))
        ):
            parameters |= tag_arguments(client, self.create_call, tags, self.tag_kind)
        answer = getattr(client, self.create_call)(**parameters)
        physical_id = str(_read(self.id, answer, given))
        call.initiated(physical_id)
        if self.after:
            self.after(call, physical_id, {}, given)
        self._stabilise(call, physical_id, properties)
        return physical_id

    def _sent(self, properties: Properties, handled: tuple[str, ...]) -> Properties:
        if self.tagging:
            handled = (*handled, "Tags")
        return {key: value for key, value in properties.items() if key not in handled}

    def _arguments(self, client: Any, method: str, properties: Properties) -> dict[str, Any]:
        return arguments(
            client, method, self.reshape(properties) if self.reshape else properties, self.renames
        )

    def _stabilise(self, call: Call, physical_id: str, properties: Properties) -> None:
        call.wait(self.seconds(properties) if callable(self.seconds) else self.seconds)
        while self.ready and not jmespath.search(self.ready, self._answer(call, physical_id, properties)):
            call.wait(self.every)

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        handled = (*self.own, *self.updated_after)
        sent = self._sent({key: value for key, value in new.items() if old.get(key) != value}, handled)
        removed = [key for key in self._sent(old, handled) if key not in new]
        if sent or removed:
            self._send_update(call, physical_id, sent, removed, new)
        if self.after:
            self.after(call, physical_id, old, new)
        if self.tagging:
            tags = plain_tags(old.get("Tags")), plain_tags(new.get("Tags"))
            retag(self.tagging, self.service, call, self._api_id(call, physical_id), *tags)
        if sent:
            self._stabilise(call, physical_id, new)
        return physical_id

    def _send_update(
        self, call: Call, physical_id: str, sent: Properties, removed: list[str], new: Properties
    ) -> None:
        client = call.client(self.service)
        if self.update_call is None:
            raise ProviderError(
                f"The local CloudFormation cannot update {', '.join([*sent, *removed])} of "
                f"{call.resource_type}"
            )
        if removed and not self.resend:
            raise ProviderError(
                f"The local CloudFormation cannot remove {', '.join(removed)} from {call.resource_type}"
            )
        if self.resend:
            sent = self._sent(new, (*self.own, *self.updated_after))
        parameters = self._arguments(client, self.update_call, sent) | dict(self.update_extra)
        getattr(client, self.update_call)(**parameters | self._key(call, self.update_call, physical_id, new))

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        client = call.client(self.service)
        try:
            if self.before_delete:
                self.before_delete(call, physical_id, properties)
            getattr(client, self.delete_call)(**self._key(call, self.delete_call, physical_id, properties))
        except ClientError as error:
            if error.response["Error"]["Code"] not in self.gone:
                raise
        call.wait(self.delete_seconds)

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        path = self.attributes[name]
        answer = {} if "{" in path else self._answer(call, physical_id, properties)
        name = physical_id.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        return _read(path, answer, properties | {"id": physical_id, "name": name})

    def _answer(self, call: Call, physical_id: str, properties: Properties) -> Any:
        assert self.read_call, f"{call.resource_type} has no read call"
        return getattr(call.client(self.service), self.read_call)(
            **self._key(call, self.read_call, physical_id, properties)
        )

    def _api_id(self, call: Call, physical_id: str) -> str:
        return self.api_id(call, physical_id) if self.api_id else physical_id

    def _key(self, call: Call, method: str, physical_id: str, properties: Properties) -> dict[str, Any]:
        client, api_id = call.client(self.service), self._api_id(call, physical_id)
        if isinstance(self.key, Mapping):
            values = {name: _read(text, {}, properties | {"id": api_id}) for name, text in self.key.items()}
        elif len(self.key) > 1:
            values = dict(zip(self.key, api_id.split("|"), strict=True))
        else:
            values = {self.key[0]: api_id}
        members = input_members(client, method)
        # DescribeX takes the plural of what DeleteX takes: VpcId and VpcIds.
        values = {f"{name}s" if f"{name}s" in members else name: value for name, value in values.items()}
        return arguments(client, method, values, {})


def input_members(client: Any, method: str) -> set[str]:
    """The parameter names of a boto3 client method."""
    operation = client.meta.method_to_api_mapping[method]
    return set(client.meta.service_model.operation_model(operation).input_shape.members)


def _read(path: str, answer: Any, values: Mapping[str, Any]) -> Any:
    if "{" in path:
        return path.format(**values, account=ACCOUNT_ID, region=REGION)
    return jmespath.search(path, answer)


def retag(
    tagging: Tagging, service: str, call: Call, physical_id: str, old: dict[str, str], new: dict[str, str]
) -> None:
    """Set the tags of `new`, and remove those that only `old` has."""
    client = call.client(service)
    key = {tagging.key: tagging.value.format(id=physical_id, account=ACCOUNT_ID, region=REGION)}
    key = arguments(client, tagging.tag, key | dict(tagging.extra), {})
    if added := {name: text for name, text in new.items() if old.get(name) != text}:
        getattr(client, tagging.tag)(**key, **tag_arguments(client, tagging.tag, added))
    if removed := [name for name in old if name not in new]:
        members = input_members(client, tagging.untag)
        names = next(
            ({m: removed} for m in members if m.lower() == "tagkeys"),
            {"Tags": [{"Key": name} for name in removed]},
        )
        getattr(client, tagging.untag)(**key, **names)
