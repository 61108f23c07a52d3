"""Stack policies: which updates of which resources they allow."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from .errors import ValidationError


class PolicyDeniedError(Exception):
    """The stack policy does not allow this update of a resource."""


def check_policy_body(body: str) -> None:
    """Raise ValidationError unless a text is a stack policy."""
    try:
        statements = json.loads(body)["Statement"]
    except (ValueError, KeyError, TypeError):
        raise ValidationError("Error validating stack policy: Invalid stack policy") from None
    for statement in _list(statements):
        if statement.get("Effect") not in ("Allow", "Deny") or statement.get("Principal") not in (
            "*",
            {"AWS": "*"},
        ):
            raise ValidationError("Error validating stack policy: Invalid stack policy")


def check_allowed(body: str | None, action: str, logical_id: str, resource_type: str) -> None:
    """Raise PolicyDeniedError unless the policy allows `action` (Update:Modify, :Replace or :Delete).

    A stack without a policy allows every update. A policy denies what it does not allow.
    """
    if body is None:
        return
    allowed = False
    for number, statement in enumerate(_list(json.loads(body)["Statement"]), start=1):
        if not _matches(statement, action, logical_id, resource_type):
            continue
        if statement["Effect"] == "Deny":
            # The words are from public reports: the statement's own action and resource.
            actions, resources = statement.get("Action", action), statement.get("Resource", logical_id)
            raise PolicyDeniedError(
                f"Action denied by stack policy: Statement [#{number}] does not allow "
                f"[{_first(actions, action)}] for resource "
                f"[{_first(resources, f'LogicalResourceId/{logical_id}')}];"
            )
        allowed = True
    if not allowed:
        raise PolicyDeniedError(
            f"Action not allowed by stack policy: no statement allows [{action}] for resource [{logical_id}]"
        )


def _matches(statement: dict[str, Any], action: str, logical_id: str, resource_type: str) -> bool:
    actions = (
        _any(statement.get("Action"), action)
        if "Action" in statement
        else not _any(statement["NotAction"], action)
    )
    name = f"LogicalResourceId/{logical_id}"
    resources = (
        _any(statement["Resource"], name)
        if "Resource" in statement
        else not _any(statement["NotResource"], name)
    )
    conditions = [
        _any(keys["ResourceType"], resource_type)
        for keys in statement.get("Condition", {}).values()
        if "ResourceType" in keys
    ]
    return actions and resources and all(conditions)


def _any(patterns: Any, text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in _list(patterns))


def _first(patterns: Any, text: str) -> str:
    return next((pattern for pattern in _list(patterns) if fnmatchcase(text, pattern)), text)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
