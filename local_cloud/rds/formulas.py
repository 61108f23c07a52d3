"""RDS's formulas in values of parameters: the user guide's "Specifying DB parameters".

`DBInstanceClassMemory` is here all the memory of the instance class. RDS takes off what the system and its
own processes use, and does not say how much: every value of ours is a little higher.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

VARIABLES = ("AllocatedStorage", "DBInstanceClassMemory", "DBInstanceVCPU", "EndPointPort", "TrueIfReplica")
_FUNCTIONS = {"GREATEST": max, "LEAST": min, "SUM": lambda *terms: sum(terms), "log": math.log2}


def is_formula(text: str) -> bool:
    """Say whether a text is a formula that RDS knows."""
    try:
        evaluate(text, dict.fromkeys(VARIABLES, 2**34))
    except ValueError:
        return False
    return True


def evaluate(text: str, variables: Mapping[str, float]) -> int:
    """Return the value of a formula such as "LEAST({DBInstanceClassMemory/9531392},5000)", cut to an integer.

    Raises:
        ValueError: it isn't a formula.
    """
    source = re.sub(r"\$?\{", "(", text).replace("}", ")")
    # Outside of braces a variable is only a text.
    outside = re.sub(r"\{[^{}]*\}", "", text)
    try:
        if any(name in outside for name in VARIABLES):
            raise ValueError(f"no formula: {text}")
        return math.floor(_value(ast.parse(source.strip(), mode="eval").body, variables))
    except (SyntaxError, ArithmeticError) as error:
        raise ValueError(f"no formula: {text}") from error


def _value(node: ast.expr, variables: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, variables)
        case ast.Name(id=name) if name in variables:
            return variables[name]
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, variables) * _value(right, variables)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value(left, variables) / _value(right, variables)
        case ast.Call(func=ast.Name(id=name), args=terms) if name in _FUNCTIONS and terms:
            function: Any = _FUNCTIONS[name]
            return float(function(*(_value(term, variables) for term in terms)))
    raise ValueError(f"no formula: {ast.unparse(node)}")


def hardware(instance_class: str) -> dict[str, Any]:
    """Return what DescribeInstanceTypes says of the EC2 type of a class; nothing if moto does not know it."""
    found: dict[str, Any] = INSTANCE_TYPES.get(instance_class.removeprefix("db."), {})
    return found


def of_class(instance_class: str) -> dict[str, float]:
    """Return DBInstanceClassMemory, in bytes, and DBInstanceVCPU.

    A class has what the EC2 type of its name has ("Hardware specifications for DB instance classes").

    Raises:
        NotImplementedError: the data have no such type.
    """
    found = hardware(instance_class)
    if not found:
        raise NotImplementedError(f"the memory of {instance_class}, which its parameters depend on")
    return {
        "DBInstanceClassMemory": found["MemoryInfo"]["SizeInMiB"] * 2**20,
        "DBInstanceVCPU": found["VCpuInfo"]["DefaultVCpus"],
    }
