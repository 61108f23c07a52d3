"""Evaluates JSONata in state machines with jsonata-python; moto evaluates none."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]  # jsonata-python has no types
from jsonata.utils import Utils  # type: ignore[import-untyped]  # jsonata-python has no types
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.eval.environment import Environment

from ..moto_seam import patch


class UndefinedError(ValueError):
    """An expression has no value where it must have one."""


class LocalStringJSONata(StringJSONata):
    """A {% … %} string of a state."""

    def _eval_body(self, env: Environment) -> None:
        store = env.variable_store
        # moto sets these two to None between states. On AWS they do not exist then.
        absent = [key for key in ("result", "errorOutput") if env.states._states_data.get(key) is None]
        states = {key: value for key, value in env.states._states_data.items() if key not in absent}
        variables = {**store._outer_scope, **store._inner_scope, "states": states}
        try:
            env.stack.append(evaluate(self.expression, variables))
        except Exception as error:
            undefined = isinstance(error, UndefinedError)
            what = (
                "returned nothing (undefined)." if undefined else f"threw an error during evaluation. {error}"
            )
            raise _failure(env, f"The JSONata expression '{self.expression}' {what}") from error


@patch(string_expression, "eval_jsonata_expression")
def _refuse(_: Any, expression: str) -> Any:
    raise NotImplementedError(f"The local cloud evaluates JSONata in {{% %}} strings only, not: {expression}")


def evaluate(expression: str, variables: dict[str, Any]) -> Any:
    """Return the value of `expression`, as plain JSON.

    Args:
        expression: JSONata without the {% %}.
        variables: the values of the names after a dollar sign.

    Raises:
        UndefinedError: the expression has no value, for example because a name in it does not exist.
        Exception: jsonata-python raises several classes for faults, some of them Python's own.
    """
    # To convert all variables takes longer than to evaluate, so only those that the expression names are.
    named = {name: value for name, value in variables.items() if f"${name}" in expression}
    plain = json.loads(json.dumps(named, default=_timestamp))
    bindings = {name: _with_nulls(value) for name, value in plain.items()}
    compiled = _compiled(expression)
    with _ONE_AT_A_TIME:
        Jsonata.CURRENT.jsonata = compiled  # its functions look for it here, in every thread
        result = compiled.evaluate(None, bindings)
    if result is None:
        raise UndefinedError(expression)
    return _plain(result)


# jsonata-python does not promise that two threads may evaluate an expression at once.
_ONE_AT_A_TIME = threading.Lock()


@functools.lru_cache(maxsize=1000)
def _compiled(expression: str) -> Jsonata:
    """Parse an expression, and keep it: to parse takes a hundred times as long as to evaluate."""
    compiled = Jsonata(expression)
    compiled.set_output_convert_nulls(False)  # Step Functions distinguishes undefined and null
    for name, function in _FUNCTIONS.items():
        compiled.register_lambda(name, function)
    return compiled


def _timestamp(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_nulls(value: Any) -> Any:
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _with_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nulls(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError("returned an unsupported result type.")


def _partition(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + int(size)] for start in range(0, len(items), int(size))]


def _range(first: int, last: int, step: int) -> list[int]:
    return list(range(int(first), int(last) + (1 if step > 0 else -1), int(step)))


_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _random(seed: float | None = None) -> float:
    return random.Random(seed).random()


def _no_eval(*_: Any) -> Any:
    raise NotImplementedError("$eval is not available in Step Functions")


# "JSONata functions provided by Step Functions". Of JSONata's own functions, only $eval is missing there.
_FUNCTIONS = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": lambda text: _with_nulls(json.loads(text)),
    "eval": _no_eval,
}


def _failure(env: Environment, cause: str) -> FailureEventException:
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    fault = {"cause": cause, "error": name.error_name, "location": env.next_field_name or ""}
    details: Any = {"evaluationFailedEventDetails": fault | {"state": env.next_state_name or ""}}
    failure = FailureEventException(FailureEvent(env, name, HistoryEventType.EvaluationFailed, details))
    shown: Any = {"evaluationFailedEventDetails": failure.get_evaluation_failed_event_details()}
    env.event_manager.add_event(env.event_history_context, HistoryEventType.EvaluationFailed, shown)
    return failure
