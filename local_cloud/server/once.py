"""Speed: does once what moto repeats in each request. Nothing here changes an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from moto.core import errors, responses
from moto.core.base_backend import BackendDict
from moto.core.responses import BaseResponse
from moto.core.serialize import AttributePicker, AttributePickerContext, XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.iam import models as iam_models
from moto.utilities.utils import get_partition
from werkzeug.routing import Rule

from ..account import REGION
from ..moto_seam import patch

patch(iam_models, "PARTITION_NAMES")([get_partition(REGION)])
_method_names = cache(method_names_from_class)
_possible_keys: dict[tuple[Any, type, type, Any, str], list[str]] = {}


@patch(responses, "method_names_from_class")
def _cached_method_names(_: Any, owner: type) -> Any:
    return _method_names(owner)


@patch(Rule, "_compile_builder")
def _compile_when_asked(
    original: Callable[..., Callable[..., tuple[str, str]]], rule: Rule, append_unknown: bool = True
) -> Callable[..., tuple[str, str]]:
    """Compile a rule's builder of URLs at its first call. moto has thousands of rules and calls none."""
    return lambda self, **values: original(rule, append_unknown)(self, **values)


@patch(BackendDict, "_create_account_specific_backend")
def _create(original: Callable[..., None], backends: Any, account: str) -> None:
    if account not in backends:
        original(backends, account)


@patch(BaseResponse, "_get_action_from_method_and_request_uri")
def _route(original: Callable[..., str | None], response: BaseResponse, request: Any) -> str | None:
    known: tuple[Any, str | None] | None = vars(response).get("_routed")
    if known is None or known[0] is not request:
        known = vars(response)["_routed"] = (request, original(response, request))
    return known[1]


@patch(AttributePicker, "get_possible_keys")
@patch(XFormedAttributePicker, "get_possible_keys")
def _keys(original: Callable[..., Iterable[str]], picker: Any, context: AttributePickerContext) -> list[str]:
    """Keep the result: it depends only on the classes, the shape (a member of one structure) and the key.

    It also depends on the method: the subclass's method calls the base's, which returns fewer keys.
    """
    asked = (original, type(picker), type(context.obj), context.shape, context.key)
    if asked not in _possible_keys:
        _possible_keys[asked] = list(original(picker, context))
    return _possible_keys[asked]


@patch(TaggedEC2Resource, "get_tags")
def _tags(_: Any, resource: Any) -> list[dict[str, str]]:
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id or ""), "")
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
        for key, value in tags.items()
    ]


@patch(errors, "warn")
def _stay_silent(_: Any, *arguments: Any, **named: Any) -> None:
    """Do not warn of error codes that botocore's models lack: AWS's services send such codes."""
