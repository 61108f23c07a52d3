"""Changes that would destroy data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import DataLossError
from engine.stacks import HOLD_DATA

from plan.details import changed_in_place, names_what_stays

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef

# The schema of AWS::RDS::DBInstance calls a replacement for these conditional, but the handler
# (aws-cloudformation-resource-providers-rds, ImmutabilityHelper) never asks for one.
_UPDATED_IN_PLACE = {
    "AWS::RDS::DBInstance": {
        "AutoMinorVersionUpgrade",
        "BackupRetentionPeriod",
        "DBParameterGroupName",
        "MultiAZ",
        "PreferredMaintenanceWindow",
        "StorageType",
    }
}


# The PolicyAction of a resource that its DeletionPolicy or UpdateReplacePolicy retains outside of the stack.
_LEFT_BEHIND = {"Retain", "ReplaceAndRetain"}


def refuse_losses(changes: list[ResourceChangeTypeDef]) -> None:
    """Raise if changes would, or might, replace or remove a resource that holds data.

    A resource that gets another logical id counts, too: CloudFormation creates a new one and removes the old.

    Raises:
        DataLossError: the message lists what would be lost, and the inputs that cause it.
    """
    in_place = changed_in_place(changes)
    losses = [line for line in (_loss(change, in_place) for change in changes) if line]
    if losses:
        raise DataLossError(
            "The engine refused this update because it would destroy data. Nothing was changed:\n"
            + "\n".join(losses)
            + "\nUndo the change of the input or version that causes this. If you need it, launch a new "
            "database and migrate the data."
        )


def _loss(change: ResourceChangeTypeDef, in_place: set[str]) -> str | None:
    """Return the line of the refusal for a change that would lose data, or None.

    Args:
        change: what CloudFormation would do to one resource.
        in_place: the logical ids of the resources that change in place.
    """
    resource_type, action = change["ResourceType"], change["Action"]
    subject = f"- {change['LogicalResourceId']} ({resource_type})"
    if resource_type == "AWS::CloudFormation::Stack" and action != "Add":
        return (
            f"{subject} would change, and the change set does not show what would happen to the data in it."
        )
    consequence = HOLD_DATA.get(resource_type)
    if consequence is None or action == "Add":
        return None
    causes = [
        detail
        for detail in change.get("Details", [])
        if detail.get("Target", {}).get("RequiresRecreation", "Never") != "Never"
    ]
    if action == "Remove":
        verb = "would be removed"
    elif change.get("Replacement") == "True":
        verb = "would be replaced"
    elif change.get("Replacement") == "False" or _is_in_place(resource_type, causes, in_place):
        return _lost_secret(subject, change)
    else:
        verb = "might be replaced"
    names = sorted({detail.get("CausingEntity") or detail["Target"].get("Name", "") for detail in causes})
    because = f" because of {', '.join(names)}" if names else ""
    if change.get("PolicyAction") in _LEFT_BEHIND:
        consequence = "it would be left behind, and nobody would update, watch or delete it any more"
    return f"{subject} {verb}{because}: {consequence}."


def _lost_secret(subject: str, change: ResourceChangeTypeDef) -> str | None:
    """Return the line for a DB instance that would stay and lose its secret.

    RDS deletes a secret when it stops managing it (RDS User Guide, "Password management with Amazon RDS and
    AWS Secrets Manager").
    """
    names = [detail.get("Target", {}).get("Name") for detail in change.get("Details", [])]
    if change["ResourceType"] != "AWS::RDS::DBInstance" or "ManageMasterUserPassword" not in names:
        return None
    consequence = HOLD_DATA["AWS::SecretsManager::Secret"]
    return f"{subject} would lose its secret because of ManageMasterUserPassword: {consequence}."


def _is_in_place(resource_type: str, causes: list[ResourceChangeDetailTypeDef], in_place: set[str]) -> bool:
    """Return whether a resource is surely not replaced, although its Replacement is Conditional."""
    return bool(causes) and all(
        names_what_stays(detail, in_place)
        or (
            detail["Target"]["RequiresRecreation"] == "Conditionally"
            and detail["Target"].get("Name") in _UPDATED_IN_PLACE.get(resource_type, ())
        )
        for detail in causes
    )
