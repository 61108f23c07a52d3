"""DB parameter groups and DB subnet groups: which ones an instance may use, and which ones can't be deleted.

Sources: the RDS API reference (DeleteDBParameterGroup, DeleteDBSubnetGroup).
"""

from __future__ import annotations

from typing import Any

from moto.rds.models import DBParameterGroup, DBSubnetGroup

from .exceptions import Refused
from .offers import ENGINE, major_of
from .parameters import ParameterBackend


class GroupBackend(ParameterBackend):
    """RDS's groups."""

    def check_family(self, name: str, version: str) -> None:
        """Raise Refused unless a parameter group fits this engine version.

        The words of the refusal are from public reports.
        """
        family = f"{ENGINE}{major_of(version)}"
        group = self.parameter_group(name)
        if group.family != family:
            raise Refused(
                "InvalidParameterCombination",
                f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for "
                f"this instance. Use a parameter group with DBParameterGroupFamily {family}.",
            )

    def delete_db_parameter_group(self, db_parameter_group_name: str) -> DBParameterGroup:
        """Delete a parameter group, unless an instance uses it."""
        if any(item.db_parameter_group_name == db_parameter_group_name for item in self.instances()):
            raise Refused(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group "
                f"{db_parameter_group_name}, so the group cannot be deleted",
            )
        return super().delete_db_parameter_group(db_parameter_group_name)

    def create_subnet_group(
        self, subnet_name: str, description: str, subnets: list[Any], tags: list[dict[str, str]]
    ) -> DBSubnetGroup:
        """Create a subnet group, unless the name is taken. The refusal's words are from public reports."""
        if subnet_name in self.subnet_groups:
            raise Refused(
                "DBSubnetGroupAlreadyExists", f"The DB subnet group '{subnet_name}' already exists."
            )
        return super().create_subnet_group(subnet_name, description, subnets, tags)

    def delete_subnet_group(self, subnet_name: str) -> DBSubnetGroup:
        """Delete a subnet group, unless an instance uses it."""
        for database in self.instances():
            group = getattr(database, "db_subnet_group", None)
            if group is not None and group.name == subnet_name:
                raise Refused(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: "
                    f"{database.db_instance_identifier} is still using it.",
                )
        return super().delete_subnet_group(subnet_name)
