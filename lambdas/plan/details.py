"""How much of what a change set says about a resource really changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef


def changed_in_place(changes: Iterable[ResourceChangeTypeDef]) -> set[str]:
    """Return the logical ids of the resources that keep their physical ids, for certain."""
    return {change["LogicalResourceId"] for change in changes if change.get("Replacement") == "False"}


def names_what_stays(detail: ResourceChangeDetailTypeDef, in_place: set[str]) -> bool:
    """Tell whether a property only refers to the id or ARN of a resource that changes in place.

    CloudFormation does not look that far: it expects every reference to a changed resource to change as well,
    and says so with Evaluation Dynamic.
    """
    resource, _, attribute = detail.get("CausingEntity", "").partition(".")
    return (
        detail.get("Evaluation") == "Dynamic"
        and detail.get("ChangeSource") in ("ResourceReference", "ResourceAttribute")
        and resource in in_place
        and (not attribute or attribute.endswith(("Arn", "Id")))
    )


def properties(change: ResourceChangeTypeDef, in_place: set[str]) -> list[str]:
    """Return the names of what changes of a resource: properties, and "Tags", "Metadata" and the like."""
    targets = [
        detail.get("Target", {})
        for detail in change.get("Details", [])
        if not names_what_stays(detail, in_place)
    ]
    return sorted({target.get("Name") or target.get("Attribute", "") for target in targets} - {""})
