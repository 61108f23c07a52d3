"""Changes of the DB instance that an update would make although nobody asked for them.

CloudFormation makes every change of the DB instance, also of tags, with ApplyImmediately. RDS then applies
all other pending changes, too (RDS User Guide, "Using the schedule modifications setting"). The handler of
AWS::RDS::DBInstance (aws-cloudformation-resource-providers-rds: Translator.modifyDbInstanceRequest,
UpdateHandler) sends each property that differs between the old and the new template, whatever value the DB
instance has, and always sends ManageMasterUserPassword. Then it reboots the DB instance if parameters are
pending a reboot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.database import in_template, is_version, settings, text
from engine.errors import UnaskedChangesError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# Storage grows by itself and never shrinks. `validate` checks the version.
_MOVES_BY_ITSELF = {"AllocatedStorage", "EngineVersion"}
# For these the DB instance restarts anyway, or gets another parameter group.
_RESTARTS = {"DBInstanceClass", "DBParameterGroupName", "EngineVersion"}
# CloudFormation's placeholder for a value that it knows only after another change.
_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


@dataclass
class _Asked:
    """A property that differs between the old and the new template.

    Attributes:
        before, after: the values; empty if the change set does not have one.
        given: the input that causes the change; empty if the version does.
    """

    before: str = ""
    after: str = ""
    given: str = ""


def refuse_unasked(instance: DBInstanceTypeDef, change: ResourceChangeTypeDef, changing: set[str]) -> None:
    """Raise if an update that changes the properties in `changing` would also make other changes.

    Raises:
        UnaskedChangesError: the message lists the changes with their values, and says what to do.
    """
    asked = _asked(change, changing)
    pending, waiting = _pending(instance, asked), _waiting_for_reboot(instance, changing)
    if instance["DBInstanceStatus"] == "storage-full":
        # RDS takes nothing but more storage in this status, so nobody could take pending changes back.
        pending = waiting = []
    by_hand = _set_by_hand(instance, asked)
    if not (pending or waiting or by_hand):
        return
    name = instance["DBInstanceIdentifier"]
    modify = f"aws rds modify-db-instance --db-instance-identifier {name}"
    advice = []
    if pending:
        advice.append(
            "RDS applies all pending changes at once, together with any change by CloudFormation. Apply them "
            f"in a window of your choice ({modify} --apply-immediately with the pending values), or take "
            "them back (the same command with the present values, all of them at once)."
        )
    if waiting:
        advice.append(
            "Reboot the database in a window of your choice (aws rds reboot-db-instance "
            f"--db-instance-identifier {name})."
        )
    if by_hand:
        advice.append(
            f"Give the input that keeps the value set by hand, or first set the old value again ({modify})."
        )
    lines = "\n".join(f"- {line}" for line in (*pending, *waiting, *by_hand))
    raise UnaskedChangesError(
        f"Nothing was changed, because this update would do more to DB instance {name} than you asked for:\n"
        f"{lines}\n{' '.join(advice)} Then update again."
    )


def _asked(change: ResourceChangeTypeDef, changing: set[str]) -> dict[str, _Asked]:
    found: dict[str, _Asked] = {}
    for detail in change.get("Details", []):
        target = detail.get("Target", {})
        name = target.get("Name", "")
        if name not in changing:
            continue
        one = found.setdefault(name, _Asked())
        # Other paths are of the parts of a list or structure: their values are not the property's.
        if target.get("Path") == f"/Properties/{name}":
            one.before, one.after = target.get("BeforeValue", ""), target.get("AfterValue", "")
        if detail.get("ChangeSource") == "ParameterReference":
            one.given = detail.get("CausingEntity", "")
    return found


def _pending(instance: DBInstanceTypeDef, asked: dict[str, _Asked]) -> list[str]:
    lines, now = [], settings(instance)
    for name, value in instance.get("PendingModifiedValues", {}).items():
        setting, pending = in_template(name), text(value)
        wanted = asked.get(setting, _Asked()).after
        if not pending or (wanted and _is(setting, pending, wanted)):
            continue
        if setting == "MasterUserPassword":
            lines.append(f"{setting}: another one is pending")
        else:
            lines.append(f"{setting}: {now.get(setting, 'none')} now, {pending} pending")
    return lines


def _waiting_for_reboot(instance: DBInstanceTypeDef, changing: set[str]) -> list[str]:
    if changing & _RESTARTS:
        return []
    return [
        f"{group['DBParameterGroupName']}: parameters are pending a reboot, and the update would reboot"
        for group in instance.get("DBParameterGroups", [])
        if group.get("ParameterApplyStatus") == "pending-reboot"
    ]


def _set_by_hand(instance: DBInstanceTypeDef, asked: dict[str, _Asked]) -> list[str]:
    lines, now = [], settings(instance)
    left_out = set(_MOVES_BY_ITSELF)
    if "EngineVersion" in asked:  # another version needs another parameter group
        left_out.add("DBParameterGroupName")
    for setting, one in asked.items():
        live = now.get(setting)
        if live is None or not one.before or not one.after or setting in left_out:
            continue
        if not (_is(setting, live, one.before) or _is(setting, live, one.after)):
            keep = f". {one.given}={live} keeps it" if one.given else ""
            by_hand = f"{setting}: {live} now, set by hand in place of {one.before}"
            after = "another" if one.after == _UNKNOWN else one.after
            lines.append(f"{by_hand}; it would become {after}{keep}")
    if "MasterUserSecret" not in instance:
        lines.append(
            "ManageMasterUserPassword: false now, set by hand; it would become true, with another password"
        )
    return lines


def _is(setting: str, actual: str, wanted: str) -> bool:
    if setting == "EngineVersion":
        return is_version(actual, wanted)
    return actual.casefold() == wanted.casefold()
