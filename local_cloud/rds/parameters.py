"""What RDS answers about the parameters of DB parameter groups, and how they change.

Sources: the RDS API reference (DescribeDBParameters, DescribeEngineDefaultParameters, ModifyDBParameterGroup,
ResetDBParameterGroup); the user guide's "Specifying DB parameters". The words of refusals are from public
reports (hashicorp/terraform 11820, crossplane-contrib/provider-aws 1681, ankane/pghero 66,
cloudformation-coverage-roadmap 703, cloud-gov/terraform-provision 2177), except three, which README's Guesses
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import DBParameterGroupNotFoundError
from moto.rds.models import DBParameterGroup

from ..moto_seam import TURNS
from .exceptions import Refused
from .families import FAMILIES, Parameter, parameters
from .formulas import is_formula
from .offers import page
from .resources import DBInstance
from .serving import ServingBackend

_MOST = 20  # parameters in a request
_APPLYING = 10  # AWS seconds until a dynamic parameter is in force; a guess
_SOURCES = ("user", "system", "engine-default")


class ParameterBackend(ServingBackend):
    """RDS's parameters of groups and families."""

    def parameter_group(self, name: str) -> DBParameterGroup:
        """Return a parameter group. Here a default one is made when somebody asks for it.

        Raises:
            moto.rds.exceptions.DBParameterGroupNotFoundError: there is none.
        """
        family = name.removeprefix("default.")
        if name not in self.db_parameter_groups and name == f"default.{family}" and family in FAMILIES:
            self.create_db_parameter_group(
                {
                    "db_parameter_group_name": name,
                    "db_parameter_group_family": family,
                    "description": f"Default parameter group for {family}",
                }
            )
        group = self.db_parameter_groups.get(name)
        if group is None:
            raise DBParameterGroupNotFoundError(name)
        return group

    def create_db_parameter_group(self, db_parameter_group_kwargs: dict[str, Any]) -> DBParameterGroup:
        """Create a parameter group of a family that RDS has."""
        family = db_parameter_group_kwargs.get("db_parameter_group_family")
        if family and family not in FAMILIES:
            raise Refused(
                "InvalidParameterValue",
                f"ParameterGroupFamily {family} is not a valid parameter group family",
            )
        return super().create_db_parameter_group(db_parameter_group_kwargs)

    def db_parameters(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DescribeDBParameters; `wanted` is the request."""
        group = self.parameter_group(wanted["DBParameterGroupName"])
        return _listed(wanted, str(group.family), group.parameters)

    def modify_db_parameter_group(
        self, db_parameter_group_name: str, db_parameter_group_parameters: Any
    ) -> DBParameterGroup:
        """Change parameters, all or none.

        A dynamic one with the apply method "immediate" is soon in force. The others need a reboot.
        """
        changes = [dict(one.items()) for one in db_parameter_group_parameters]
        group = self._modifiable(db_parameter_group_name, changes)
        for change in changes:
            _check(self._parameter(group, change), change)
        group = super().modify_db_parameter_group(db_parameter_group_name, changes)
        for change in changes:
            self.record(
                group, "RDS-EVENT-0037", parameter=change["ParameterName"],
                value=change.get("ParameterValue"), method=change["ApplyMethod"],
            )  # fmt: skip
        self._let_follow(group, {change["ParameterName"]: change["ApplyMethod"] for change in changes})
        return group

    def reset_db_parameter_group(
        self, name: str, changes: list[dict[str, Any]], *, everything: bool
    ) -> DBParameterGroup:
        """Take back what somebody has set, of these parameters or of all."""
        group = self._modifiable(name, changes)
        for change in changes:
            _check_method(self._parameter(group, change), change)
        known = parameters(str(group.family))
        methods = {change["ParameterName"]: change["ApplyMethod"] for change in changes}
        if everything:
            # "dynamic parameters are updated immediately and static parameters are set to pending-reboot"
            methods = {
                each: "pending-reboot" if known[each].static else "immediate" for each in group.parameters
            }
        for each in methods:
            group.parameters.pop(each, None)
        self._let_follow(group, methods)
        return group

    def _modifiable(self, name: str, changes: list[dict[str, Any]]) -> DBParameterGroup:
        group = self.parameter_group(name)
        if name.startswith("default."):
            raise Refused("InvalidParameterValue", "Cannot modify a default parameter group.")
        if len(changes) > _MOST:
            raise Refused(
                "InvalidParameterCombination",
                f"Cannot modify more than {_MOST} parameters in a single request",
            )
        return group

    def _parameter(self, group: DBParameterGroup, change: dict[str, Any]) -> Parameter:
        name = change.get("ParameterName", "")
        found = parameters(str(group.family)).get(name)
        if found is None:
            raise Refused("InvalidParameterValue", f"Could not find parameter with name: {name}")
        if not found.modifiable:
            raise Refused("InvalidParameterValue", f"The parameter {name} cannot be modified.")
        return found

    def _let_follow(self, group: DBParameterGroup, methods: dict[str, str]) -> None:
        """Let the group's instances follow a change; `methods` are the apply methods by name."""
        for database in self.instances():
            if database.parameter_group != group.name:
                continue
            set_now = database.parameter_values
            changed = {name for name in methods if set_now.get(name) != database.in_force.get(name)}
            if any(methods[name] == "pending-reboot" for name in changed):
                database.parameter_apply_status = "pending-reboot"
            # A group that the instance doesn't have yet in force waits for the reboot as a whole.
            if not changed or database.group_in_force != group.name:
                continue
            self._apply_at_once(database, {name for name in changed if methods[name] == "immediate"})

    def _apply_at_once(self, database: DBInstance, names: set[str]) -> None:
        if not names:
            return
        if database.parameter_apply_status == "in-sync":
            database.parameter_apply_status = "applying"

        def applied() -> None:
            with TURNS["rds"]:
                set_now = database.parameter_values
                kept = {name: value for name, value in database.in_force.items() if name not in names}
                database.in_force = kept | {name: set_now[name] for name in names & set_now.keys()}
                self.reconfigure(database)
                if database.parameter_apply_status == "applying":
                    database.parameter_apply_status = "in-sync"

        self.later(_APPLYING, applied, database)


def engine_defaults(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Answer DescribeEngineDefaultParameters; `wanted` is the request."""
    family = wanted["DBParameterGroupFamily"]
    if family not in FAMILIES:
        raise Refused(
            "InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family"
        )
    return {"EngineDefaults": {"DBParameterGroupFamily": family, **_listed(wanted, family, {})}}


def _listed(wanted: Mapping[str, Any], family: str, changed: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    names = {
        name
        for each in wanted.get("Filters") or []
        if each["Name"] == "parameter-name"
        for name in each["Values"]
    }
    source = wanted.get("Source")
    if source is not None and source not in _SOURCES:
        raise Refused("InvalidParameterValue", f"Invalid parameter source: {source}")
    found = [
        answer
        for each in parameters(family).values()
        if not names or each.name in names
        for answer in [_described(each, changed.get(each.name))]
        if source in (None, answer["Source"])
    ]
    return page(wanted, "Parameters", found, lambda answer: answer)


def _described(parameter: Parameter, change: dict[str, Any] | None) -> dict[str, Any]:
    value = change["ParameterValue"] if change else parameter.value
    # Observed: a parameter that nobody has set has the apply method pending-reboot, dynamic or not.
    answer = {
        "ParameterName": parameter.name,
        "ParameterValue": value,
        "Description": parameter.description,
        "Source": "user" if change else "engine-default" if value is None else "system",
        "ApplyType": "static" if parameter.static else "dynamic",
        "DataType": parameter.data_type,
        "AllowedValues": parameter.allowed or None,
        "IsModifiable": parameter.modifiable,
        "ApplyMethod": change["ApplyMethod"] if change else "pending-reboot",
    }
    return {name: given for name, given in answer.items() if given is not None}


def _check(parameter: Parameter, change: dict[str, Any]) -> None:
    _check_method(parameter, change)
    value = change.get("ParameterValue", "")
    if any(mark in value for mark in "{}()") and parameter.data_type in ("integer", "float"):
        if not is_formula(value):
            raise Refused("InvalidParameterValue", f"invalid parameter value: {value}")
    elif not _allows(parameter, value):
        raise Refused(
            "InvalidParameterValue",
            f"Value: {value} is outside of range: {parameter.allowed} for parameter: {parameter.name}",
        )


def _check_method(parameter: Parameter, change: dict[str, Any]) -> None:
    method = change.get("ApplyMethod")
    if method not in ("immediate", "pending-reboot"):
        raise Refused("InvalidParameterValue", f"Invalid apply method: {method}")
    if parameter.static and method == "immediate":
        raise Refused("InvalidParameterCombination", "cannot use immediate apply method for static parameter")


def _allows(parameter: Parameter, value: str) -> bool:
    if not parameter.allowed:
        return True
    if parameter.data_type not in ("integer", "float"):
        items = value.split(",") if parameter.data_type == "list" else [value]
        return {item.strip() for item in items if item} <= set(parameter.allowed.split(","))
    # The least value may be negative, so the sign that parts the two is the first after a character.
    least, _, most = parameter.allowed[1:].partition("-")
    try:
        number = int(value) if parameter.data_type == "integer" else float(value)
    except ValueError:
        return False
    return float(parameter.allowed[0] + least) <= number <= float(most)
