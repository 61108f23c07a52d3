"""Custom resources: a Lambda function makes them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from moto.s3.models import S3Backend, s3_backends

from ..account import REGION
from ..moto_seam import Local
from .provider import Call, Properties, ProviderError, Tagging

_BUCKET = f"cloudformation-custom-resource-response-{REGION.replace('-', '')}"
_OWNER = "999999999999"  # on AWS an account of CloudFormation's has the bucket
_TIMEOUT = 3600  # AWS seconds, when there is no ServiceTimeout
_SHORTEST_TIMEOUT = 600.0  # real seconds: a fast clock does not make a function run faster


def _responses() -> S3Backend:
    return s3_backends[_OWNER]["aws"]


class CustomResource:
    """Custom::* and AWS::CloudFormation::CustomResource.

    The function gets a presigned URL, and PUTs its answer there.
    """

    name: str | None = None
    tagging: Tagging | None = None
    attributes: Mapping[str, str] = MappingProxyType({})  # the function may answer with any

    def create(self, call: Call, properties: Properties) -> str:
        """Send Create and return the physical id that the function chose."""
        answer = self._send(call, "Create", properties)
        physical_id = str(answer["PhysicalResourceId"])
        call.initiated(physical_id)
        return physical_id

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        """Send Update. If the answer has another physical id, the caller deletes the old resource."""
        identity = {"PhysicalResourceId": physical_id}
        answer = self._send(call, "Update", new, identity | {"OldResourceProperties": _stringified(old)})
        new_id = str(answer["PhysicalResourceId"])
        if new_id != physical_id:
            self.delete(call, physical_id, old)
        return new_id

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        """Send Delete."""
        self._send(call, "Delete", properties, {"PhysicalResourceId": physical_id})

    def attribute(self, call: Call, physical_id: str, name: str, _properties: Properties) -> Any:
        """Return what the function answered under `name` in Data."""
        if name not in call.data:
            raise ProviderError(
                f"CustomResource attribute error: Vendor response doesn't contain {name} attribute in "
                f"object {physical_id}"
            )
        return call.data[name]

    def _send(
        self, call: Call, kind: str, properties: Properties, more: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        request_id = str(uuid.uuid4())
        if _BUCKET not in _responses().buckets:
            _responses().create_bucket(_BUCKET, REGION)
        s3 = Local.identity.client("s3")
        request = {
            "RequestType": kind,
            "ResponseURL": s3.generate_presigned_url(
                "put_object", {"Bucket": _BUCKET, "Key": request_id}, 7200
            ),
            "StackId": call.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": call.logical_id,
            "ResourceType": call.resource_type,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": _stringified(properties),
        } | dict(more or {})
        call.client("lambda").invoke(
            FunctionName=properties["ServiceToken"], InvocationType="Event", Payload=json.dumps(request)
        )
        answer = self._answer(call, request_id, float(properties.get("ServiceTimeout", _TIMEOUT)))
        if answer.get("Status") != "SUCCESS":
            raise ProviderError(
                "Received response status [FAILED] from custom resource. Message returned: "
                f"{answer.get('Reason', '')} (RequestId: {request_id})"
            )
        if kind != "Delete" and not answer.get("PhysicalResourceId"):
            raise ProviderError("Invalid PhysicalResourceId")
        call.data.clear()
        call.data.update(answer.get("Data") or {})
        return answer

    def _answer(self, call: Call, key: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + max(timeout / Local.clock.speed, _SHORTEST_TIMEOUT)
        while time.monotonic() < deadline:
            written = _responses().get_object(_BUCKET, key)
            if written is None:
                call.wait(1)
                continue
            try:
                answer: dict[str, Any] = json.loads(written.value)
            except ValueError:
                raise ProviderError("Invalid Response object: it is not JSON") from None
            return answer
        raise ProviderError(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs "
            f"for requestId [{key}]. If you are using the Python cfn-response module, you may need to update "
            "your Lambda function code so that CloudFormation can attach the updated version."
        )


def _stringified(value: Any) -> Any:
    """Turn numbers and booleans into strings, as CloudFormation does for the function (user guide)."""
    if isinstance(value, dict):
        return {key: _stringified(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_stringified(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
