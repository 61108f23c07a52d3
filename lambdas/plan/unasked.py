"""What an update would do to the DB instance besides what it is asked for.

CloudFormation makes every change of the instance, of tags too, with ApplyImmediately, and RDS then applies
whatever else is pending (RDS User Guide, "Using the schedule modifications setting"). The handler of
AWS::RDS::DBInstance (aws-cloudformation-resource-providers-rds: Translator.modifyDbInstanceRequest,
UpdateHandler) sends each property that differs between the old and the new template, whatever the instance
has, and ManageMasterUserPassword always. Then it reboots for parameters that wait for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.database import in_template, is_version, settings, text
from engine.errors import UnaskedChangesError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# Storage grows by itself and never shrinks; what becomes of versions is checked with the inputs.
_MOVES_BY_ITSELF = {"AllocatedStorage", "EngineVersion"}
# For these the instance restarts anyway, or gets other parameters.
_RESTARTS = {"DBInstanceClass", "DBParameterGroupName", "EngineVersion"}
# What CloudFormation tells of a value that another resource has yet to get.
_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


@dataclass
class _Asked:
    """A property that the update changes from one template's value to the other's.

    Attributes:
        before, after: the values; empty if CloudFormation does not tell one.
        given: the input that asks for it; empty if the product version does.
    """

    before: str = ""
    after: str = ""
    given: str = ""


def refuse_unasked(instance: DBInstanceTypeDef, change: ResourceChangeTypeDef, changing: set[str]) -> None:
    """Raise if an update that changes the properties in `changing` would change more of the instance.

    Raises:
        UnaskedChangesError: says what, with the values, and what to do.
    """
    asked = _asked(change, changing)
    pending, waiting = _pending(instance, asked), _waiting_for_reboot(instance, changing)
    if instance["DBInstanceStatus"] == "storage-full":
        # It is out of service, and RDS takes nothing but storage then: what is pending can't be taken back.
        pending = waiting = []
    by_hand = _set_by_hand(instance, asked)
    if not (pending or waiting or by_hand):
        return
    name = instance["DBInstanceIdentifier"]
    modify = f"aws rds modify-db-instance --db-instance-identifier {name}"
    advice = []
    if pending:
        advice.append(
            "RDS applies all that is pending together with any change by CloudFormation, at once. Apply it "
            f"in a window of your choice ({modify} --apply-immediately with the pending values), or take it "
            "back (the same command with the present values, all of them at once)."
        )
    if waiting:
        advice.append(
            "Reboot the database in a window of your choice (aws rds reboot-db-instance "
            f"--db-instance-identifier {name})."
        )
    if by_hand:
        advice.append(f"Give the input that keeps what was set by hand, or take it back first ({modify}).")
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
        # Of a list or structure, CloudFormation tells the parts that change, by their paths.
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
        f"{group['DBParameterGroupName']}: parameters wait for a reboot, and the update would reboot"
        for group in instance.get("DBParameterGroups", [])
        if group.get("ParameterApplyStatus") == "pending-reboot"
    ]


def _set_by_hand(instance: DBInstanceTypeDef, asked: dict[str, _Asked]) -> list[str]:
    lines, now = [], settings(instance)
    left_out = set(_MOVES_BY_ITSELF)
    if "EngineVersion" in asked:  # another version needs another group, whichever there is
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
