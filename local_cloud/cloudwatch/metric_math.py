"""Metric math: the part of it that alarms here use (CloudWatch User Guide, "Using metric math").

A data point that an operand lacks is missing from the result. FILL gives it a value, and the functions of a
list take the data points that are there.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping

from moto.cloudwatch.exceptions import ValidationError

# Id of a query -> its data point in a period; None if it is missing.
Values = Mapping[str, float | None]
Formula = Callable[[Values], float | None]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_OF_LISTS: dict[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum}


def formula(expression: str, ids: Collection[str]) -> Formula:
    """Return what computes an expression.

    It consists of numbers, ids, `+ - * /`, FILL with a number, and MAX, MIN or SUM of a list.

    Raises:
        ValidationError: it refers to an id that is not in `ids`.
        NotImplementedError: it has something else in it.
    """
    try:
        return _compiled(ast.parse(expression, mode="eval").body, ids)
    except (SyntaxError, _UnknownError):
        raise NotImplementedError(f"the metric math expression {expression}") from None


class _UnknownError(Exception):
    pass


def _compiled(node: ast.expr, ids: Collection[str]) -> Formula:
    match node:
        case ast.Constant(value=int() | float() as number):
            return lambda _: float(number)
        case ast.Name(id=name):
            if name not in ids:
                raise ValidationError(
                    f"The expression refers to {name}, and no metric of the alarm has this id."
                )
            return lambda values: values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _binary(operator.sub, lambda _: 0.0, _compiled(operand, ids))
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _OPERATORS:
            return _binary(_OPERATORS[type(kind)], _compiled(left, ids), _compiled(right, ids))
        case ast.Call(
            func=ast.Name(id="FILL"), args=[series, ast.Constant() | ast.UnaryOp() as filler], keywords=[]
        ):
            return _filled(_compiled(series, ids), _compiled(filler, ()))
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=parts)], keywords=[]) if name in _OF_LISTS:
            return _of_list(_OF_LISTS[name], [_compiled(part, ids) for part in parts])
    raise _UnknownError


def _binary(work: Callable[[float, float], float], left: Formula, right: Formula) -> Formula:
    def compute(values: Values) -> float | None:
        one, other = left(values), right(values)
        if one is None or other is None:
            return None
        try:
            return work(one, other)
        except ZeroDivisionError:
            return None

    return compute


def _filled(series: Formula, filler: Formula) -> Formula:
    def compute(values: Values) -> float | None:
        found = series(values)
        return filler(values) if found is None else found

    return compute


def _of_list(work: Callable[[list[float]], float], parts: list[Formula]) -> Formula:
    def compute(values: Values) -> float | None:
        found = [value for part in parts if (value := part(values)) is not None]
        return work(found) if found else None

    return compute
