"""Where the local cloud meets moto.

moto has no plug-in interface. Each service here is a subclass of moto's backend, and `cloud.py` puts it in
that backend's place. Its files have moto's names: `models`, `responses`, `urls`. moto looks for `urls` beside
the module of the backend. PATCHES lists what no subclass can change. README.md says how to work with this.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from .account import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from moto.core.base_backend import BackendDict

    from .clock import Clock
    from .events.bus import Bus
    from .faults import Faults
    from .iam.identity import Identity

Backend = TypeVar("Backend")
Replacement = TypeVar("Replacement")

# Requests to one of these services take turns: no thread may change a backend's dictionaries while another
# iterates over them. The other services are not here: their requests wait for messages or functions.
TURNS = {
    service: threading.RLock()
    for service in ("cloudwatch", "ec2", "iam", "kms", "logs", "rds", "secretsmanager")
}


class Local:
    """What every backend of ours adds to moto's: access to the running cloud.

    The attributes are those of the class: moto keeps its state in modules, so a process has one cloud.
    """

    clock: ClassVar[Clock]
    identity: ClassVar[Identity]
    bus: ClassVar[Bus]
    faults: ClassVar[Faults]
    databases_run: ClassVar[bool]

    def stop(self) -> None:
        """End the backend's threads and processes. `clock.stopping` is set, and the server has ended."""


def running(backends: BackendDict[Any], kind: type[Backend]) -> Backend:
    """Return a service's backend in the cloud that runs.

    Args:
        backends: moto's backends of the service.
        kind: the class that the local cloud puts there.
    """
    found = backends[ACCOUNT_ID][REGION]
    assert isinstance(found, kind), "no local cloud is running"
    return found


@dataclass(frozen=True)
class Patch:
    """Why we replace an attribute of moto while a cloud runs.

    Attributes:
        sum: `sum_of` the attribute in the locked moto. If a new moto changes it, read what moto has changed,
            correct our replacement if necessary, and then write the new sum here.
        why: what the replacement does, and why a subclass could not.
    """

    sum: str
    why: str


_ASL = "moto.stepfunctions.parser.asl.component"
_TASKS = f"{_ASL}.state.exec.state_task"

PATCHES: dict[str, Patch] = {
    # Every service: all requests and answers go through these, and moto makes its responses itself.
    "moto.core.responses.BaseResponse.call_action": Patch(
        "34a17a4a", "answers a failure inside as AWS does; requests to services with shared state take turns"
    ),
    "moto.core.responses.BaseResponse._get_action_from_method_and_request_uri": Patch(
        "a3de16ec", "speed: moto calls it four times in each request"
    ),
    "moto.core.responses.method_names_from_class": Patch("9dbac89d", "speed: moto calls it in each request"),
    "moto.core.base_backend.BackendDict._create_account_specific_backend": Patch(
        "1eb9c6b3", "speed: one lock guards every access to any backend, and hundreds of threads wait for it"
    ),
    "moto.core.serialize.AttributePicker.get_possible_keys": Patch(
        "306eb8ad", "speed: moto calls it for each attribute of each answer"
    ),
    "moto.core.serialize.XFormedAttributePicker.get_possible_keys": Patch("57deb766", "speed: as above"),
    "moto.core.errors.warn": Patch(
        "714ba843", "no warnings: services do send error codes that botocore's models lack"
    ),
    "werkzeug.routing.rules.Rule._compile_builder": Patch(
        "0d6c1d55",
        "speed: it compiles a builder of URLs for each of thousands of rules, and moto builds no URL",
    ),
    "moto.ec2.models.core.TaggedEC2Resource.get_tags": Patch(
        "a8e6f391",
        "speed: it compares the id with that of every resource, past ones too; base of twenty models",
    ),
    # IAM and S3.
    "moto.core.authorization.ActionAuthenticatorMixin._authenticate_and_authorize_normal_action": Patch(
        "ffde8b2e", "decides what the caller may do; the base of the responses of all services"
    ),
    "moto.s3.models.FakeBucket.get_permission": Patch(
        "b3db6065", "moto ignores the condition of a Deny; moto makes its buckets itself"
    ),
    # EventBridge: moto makes its rules inside PutRule, and delivers to them inside PutEvents.
    "moto.events.models.Rule.send_to_targets": Patch(
        "82e81923", "delivers also to functions, topics and state machines, and only where policies allow it"
    ),
    "moto.iam.models.PARTITION_NAMES": Patch(
        "adf68f01", "speed: a search for the caller would load 1,500 policies for each partition of AWS"
    ),
    # Step Functions: our parser makes a component itself where one method of moto's makes it. Not so these.
    f"{_ASL}.state.wait.wait_function.wait_function.WaitFunction._wait_interval": Patch(
        "2baecc23", "waits in the cloud's time; the base of six classes, each made in another place"
    ),
    f"{_ASL}.common.string.string_expression.eval_jsonata_expression": Patch(
        "696d3245", "refuses variables in JSONPath states, which moto reads as None; a function of a module"
    ),
    f"{_TASKS}.lambda_eval_utils.boto_client_for": Patch(
        "1f44dc2a", "calls with the role of the execution; a function in the module of each integration"
    ),
    f"{_TASKS}.service.state_task_service_sqs.boto_client_for": Patch("1f44dc2a", "as above"),
    f"{_TASKS}.service.state_task_service_sns.boto_client_for": Patch("1f44dc2a", "as above"),
    f"{_TASKS}.service.state_task_service_events.boto_client_for": Patch("1f44dc2a", "as above"),
}

_replacements: dict[str, tuple[Any, str, Any, Any]] = {}


def patch(owner: Any, name: str) -> Callable[[Replacement], Replacement]:
    """Replace an attribute of moto by the decorated function while a cloud runs.

    The function gets the original as its first argument. A property stays a property, and a static method
    stays one. To replace a value that is no function, call the decorator with the new value.

    Args:
        owner: a class or a module of moto.
        name: the attribute. PATCHES has it as "module.Class.name".
    """
    original = inspect.getattr_static(owner, name)

    def register(replacement: Replacement) -> Replacement:
        _replacements[target(owner, name)] = (owner, name, original, _bound(replacement, original))
        return replacement

    return register


def target(owner: Any, name: str) -> str:
    """Return the key of an attribute in PATCHES."""
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"


def sum_of(attribute: Any) -> str:
    """Return eight hexadecimal digits: a hash of a function's source, or of another value's `repr`."""
    function = _function(attribute)
    code = inspect.unwrap(function) if function else None
    text = textwrap.dedent(inspect.getsource(code)) if inspect.isfunction(code) else repr(attribute)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def sums() -> dict[str, str]:
    """Return the key in PATCHES of each attribute that we replace -> the sum of moto's original."""
    return {name: sum_of(original) for name, (_, _, original, _) in _replacements.items()}


def apply_patches() -> Callable[[], None]:
    """Replace every attribute in question. Returns a function that restores moto's."""
    for owner, name, _, replacement in _replacements.values():
        setattr(owner, name, replacement)

    def undo() -> None:
        for owner, name, original, _ in _replacements.values():
            setattr(owner, name, original)

    return undo


def _function(attribute: Any) -> Any:
    if isinstance(attribute, property):
        return attribute.fget
    if isinstance(attribute, staticmethod | classmethod):
        return attribute.__func__
    return attribute if callable(attribute) else None


def _bound(replacement: Any, original: Any) -> Any:
    function = _function(original)
    if function is None or not callable(replacement):
        return replacement

    @functools.wraps(function)
    def replaced(*arguments: Any, **named: Any) -> Any:
        return replacement(function, *arguments, **named)

    if isinstance(original, property):
        return property(replaced)
    return staticmethod(replaced) if isinstance(original, staticmethod) else replaced
