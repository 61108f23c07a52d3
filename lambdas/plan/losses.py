"""Changes that would destroy data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import DataLossError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef

_LOSSES = {
    "AWS::RDS::DBInstance": "the database and its automated backups would be deleted",
    "AWS::KMS::Key": "what it encrypts, the database included, could no longer be read",
    "AWS::S3::Bucket": "the backups in it would be deleted",
    "AWS::SecretsManager::Secret": "the password in it would be lost",
    # CloudFormation tells it to clean up, whatever the reason it goes for.
    "Custom::EmptyBucketOnDelete": "the backups in the bucket would be deleted",
}


# Conditional in the schema of AWS::RDS::DBInstance, but its handler (ImmutabilityHelper in
# aws-cloudformation-resource-providers-rds) never asks for a replacement because of these.
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


def refuse_losses(changes: list[ResourceChangeTypeDef]) -> None:
    """Raise if changes would replace or remove something that holds data.

    Raises:
        DataLossError: lists what would be lost, and because of which input.
    """
    kept = {change["LogicalResourceId"] for change in changes if change.get("Replacement") == "False"}
    losses = [line for line in (_loss(change, kept) for change in changes) if line]
    if losses:
        raise DataLossError(
            "This update was refused because it would destroy data, and nothing was changed:\n"
            + "\n".join(losses)
            + "\nUndo the input or version that causes it. If you need the change, launch a new database and "
            "migrate the data."
        )


def _loss(change: ResourceChangeTypeDef, kept: set[str]) -> str | None:
    """Return the line of the refusal for a change that would lose data, or None.

    Args:
        change: what CloudFormation would do to one resource.
        kept: the logical ids of the resources that change in place.
    """
    consequence = _LOSSES.get(change["ResourceType"])
    if consequence is None:
        return None
    causes = [
        detail
        for detail in change.get("Details", [])
        if detail.get("Target", {}).get("RequiresRecreation", "Never") != "Never"
    ]
    if change["Action"] == "Remove":
        verb = "would be removed"
    elif change.get("Replacement") == "True":
        verb = "would be replaced"
    elif change.get("Replacement") == "Conditional" and not _is_in_place(
        change["ResourceType"], causes, kept
    ):
        verb = "might be replaced"
    else:
        return None
    names = sorted({detail.get("CausingEntity") or detail["Target"].get("Name", "") for detail in causes})
    because = f" because of {', '.join(names)}" if names else ""
    return f"- {change['LogicalResourceId']} ({change['ResourceType']}) {verb}{because}: {consequence}."


def _is_in_place(resource_type: str, causes: list[ResourceChangeDetailTypeDef], kept: set[str]) -> bool:
    """Tell whether a replacement that CloudFormation calls Conditional, as it can't tell, is none."""
    return bool(causes) and all(
        _names_what_stays(detail, kept)
        or (
            detail["Target"]["RequiresRecreation"] == "Conditionally"
            and detail["Target"].get("Name") in _UPDATED_IN_PLACE.get(resource_type, ())
        )
        for detail in causes
    )


def _names_what_stays(detail: ResourceChangeDetailTypeDef, kept: set[str]) -> bool:
    """Tell whether a property only refers to the id or ARN of a resource that changes in place.

    CloudFormation does not look that far: it expects every reference to a changed resource to change as well,
    and says so with Evaluation Dynamic.
    """
    resource, _, attribute = detail.get("CausingEntity", "").partition(".")
    return (
        detail.get("Evaluation") == "Dynamic"
        and detail.get("ChangeSource") in ("ResourceReference", "ResourceAttribute")
        and resource in kept
        and (not attribute or attribute.endswith(("Arn", "Id")))
    )
