"""Which of the changes in a change set are real."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef


def changed_in_place(changes: Iterable[ResourceChangeTypeDef]) -> set[str]:
    """Return the logical ids of the resources that certainly keep their physical ids."""
    return {change["LogicalResourceId"] for change in changes if change.get("Replacement") == "False"}


def names_what_stays(detail: ResourceChangeDetailTypeDef, in_place: set[str]) -> bool:
    """Return whether a change is only a reference to the id or ARN of a resource that changes in place.

    Such a value stays the same. CloudFormation does not evaluate the reference: it lists each reference to a
    changed resource as a change, with Evaluation=Dynamic.
    """
    resource, _, attribute = detail.get("CausingEntity", "").partition(".")
    return (
        detail.get("Evaluation") == "Dynamic"
        and detail.get("ChangeSource") in ("ResourceReference", "ResourceAttribute")
        and resource in in_place
        and (not attribute or attribute.endswith(("Arn", "Id")))
    )


def properties(change: ResourceChangeTypeDef, in_place: set[str]) -> list[str]:
    """Return the names of a resource's changed properties, and "Tags", "Metadata" and the like."""
    targets = [
        detail.get("Target", {})
        for detail in change.get("Details", [])
        if not names_what_stays(detail, in_place)
    ]
    return sorted({target.get("Name") or target.get("Attribute", "") for target in targets} - {""})
