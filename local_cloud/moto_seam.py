"""Where the local cloud meets moto.

moto has no plug-in interface. A service of the local cloud is a subclass of moto's backend, which `cloud.py`
puts in its place, with its answers beside it: `models`, `responses` and `urls`, as in moto. moto looks for
`urls` beside the module of the backend. What no subclass reaches is patched while a cloud runs: see PATCHES.
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

# moto's backends are dictionaries that no thread may change while another walks over them. The other services
# are not among these because their calls wait: for messages, for functions, for each other.
TURNS = {
    service: threading.RLock()
    for service in ("cloudwatch", "ec2", "iam", "kms", "logs", "rds", "secretsmanager")
}


class Local:
    """What a backend of the local cloud has beside moto's: the cloud that runs in this process.

    One cloud a process, since moto keeps its state in module variables.
    """

    clock: ClassVar[Clock]
    identity: ClassVar[Identity]
    bus: ClassVar[Bus]
    faults: ClassVar[Faults]

    def stop(self) -> None:
        """End what this backend runs: the cloud stops. `clock.stopping` is set and the server has ended."""


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
    """An attribute of moto that is replaced while a cloud runs.

    Attributes:
        sum: what `sum_of` says of the attribute in the locked moto. If it says something else: read what has
            changed there, mend the replacement if need be, then write the new sum.
        why: why no subclass does.
    """

    sum: str
    why: str


_ASL = "moto.stepfunctions.parser.asl.component"
_TASKS = f"{_ASL}.state.exec.state_task"

PATCHES: dict[str, Patch] = {
    # Every service: all requests and answers go through these, and moto makes its responses itself.
    "moto.core.responses.BaseResponse.call_action": Patch(
        "34a17a4a", "what fails inside is answered as AWS answers it; services with shared state take turns"
    ),
    "moto.core.responses.BaseResponse._get_action_from_method_and_request_uri": Patch(
        "a3de16ec", "speed: asked four times a request"
    ),
    "moto.core.responses.method_names_from_class": Patch("9dbac89d", "speed: asked at every request"),
    "moto.core.base_backend.BackendDict._create_account_specific_backend": Patch(
        "1eb9c6b3", "speed: one lock for every look into any backend, and hundreds of threads before it"
    ),
    "moto.core.serialize.AttributePicker.get_possible_keys": Patch(
        "306eb8ad", "speed: asked for every attribute of every answer"
    ),
    "moto.core.serialize.XFormedAttributePicker.get_possible_keys": Patch("57deb766", "speed: as above"),
    "moto.core.errors.warn": Patch("714ba843", "services send error codes that botocore's models lack"),
    "werkzeug.routing.rules.Rule._compile_builder": Patch(
        "0d6c1d55", "speed: compiles for every URL of every operation what makes such URLs; moto makes none"
    ),
    "moto.ec2.models.core.TaggedEC2Resource.get_tags": Patch(
        "a8e6f391", "speed: compares an id with every resource there has ever been; the base of twenty models"
    ),
    # IAM and S3.
    "moto.core.authorization.ActionAuthenticatorMixin._authenticate_and_authorize_normal_action": Patch(
        "ffde8b2e", "every service asks it what the caller may do; moto makes its responses itself"
    ),
    "moto.s3.models.FakeBucket.get_permission": Patch(
        "b3db6065", "applies a Deny whether its condition holds or not; moto makes its buckets itself"
    ),
    # EventBridge: moto makes its rules inside PutRule, and delivers to them inside PutEvents.
    "moto.events.models.Rule.send_to_targets": Patch(
        "82e81923", "events go where permissions let them in, and to functions, topics and state machines"
    ),
    "moto.iam.models.PARTITION_NAMES": Patch(
        "adf68f01", "speed: looking for a caller fills IAM of every partition with 1,500 policies"
    ),
    # Step Functions: our parser makes our components of a definition where one method of moto's makes them.
    f"{_ASL}.state.wait.wait_function.wait_function.WaitFunction._wait_interval": Patch(
        "2baecc23", "waits in the time of the cloud; the base of six classes, each made in a place of its own"
    ),
    f"{_ASL}.common.string.string_expression.eval_jsonata_expression": Patch(
        "696d3245", "refuses variables in JSONPath states, of which moto makes None; a function of a module"
    ),
    f"{_TASKS}.lambda_eval_utils.boto_client_for": Patch(
        "1f44dc2a", "calls as the role of the execution; each integration has the function in its module"
    ),
    f"{_TASKS}.service.state_task_service_sqs.boto_client_for": Patch("1f44dc2a", "as above"),
    f"{_TASKS}.service.state_task_service_sns.boto_client_for": Patch("1f44dc2a", "as above"),
    f"{_TASKS}.service.state_task_service_events.boto_client_for": Patch("1f44dc2a", "as above"),
}

_replacements: dict[str, tuple[Any, str, Any, Any]] = {}


def patch(owner: Any, name: str) -> Callable[[Replacement], Replacement]:
    """Put what is decorated in the place of an attribute of moto while a cloud runs.

    A function gets what it replaces as its first argument. A property or a static method stays one. Anything
    that can't be called is put there as it is.

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
    """Return the name of an attribute as PATCHES has it."""
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"


def sum_of(attribute: Any) -> str:
    """Return eight digits that change when the source of a function, or a value, changes."""
    function = _function(attribute)
    code = inspect.unwrap(function) if function else None
    text = textwrap.dedent(inspect.getsource(code)) if inspect.isfunction(code) else repr(attribute)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def sums() -> dict[str, str]:
    """Return what is patched -> the sum of what moto has there."""
    return {name: sum_of(original) for name, (_, _, original, _) in _replacements.items()}


def apply_patches() -> Callable[[], None]:
    """Put every replacement in its place. Returns what takes them all back."""
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
