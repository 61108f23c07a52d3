"""TapStack: a highly available PostgreSQL database with everything it needs around it."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from product_template.backups import Backups
from product_template.database import Database
from product_template.encryption import Encryption
from product_template.exports import Exports
from product_template.instance_classes import ByInstanceClass
from product_template.launch_account import PERMISSIONS_BOUNDARY, ROLES_VERSION
from product_template.monitoring import Monitoring
from product_template.naming import Naming
from product_template.network import Network
from product_template.outputs import Outputs
from product_template.parameters import Parameters
from product_template.release_line import POSTGRESQL_14, ReleaseLine


class TapStack(cdk.Stack):
    """One database with its network, key, backups and alarms. Deleting the stack deletes all of it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_suffix: str | None = None,
        line: ReleaseLine = POSTGRESQL_14,
        **kwargs: Any,
    ) -> None:
        """Build the stack.

        Args:
            scope: the app.
            construct_id: the stack's id.
            environment_suffix: the end of every resource's name; None makes it a parameter of the stack.
            line: the release line, which decides the major version of PostgreSQL.
            **kwargs: those of `aws_cdk.Stack`. Leave `env` out, so that the launch chooses the zones.
        """
        super().__init__(
            scope,
            construct_id,
            description=f"TapStack: highly available PostgreSQL {line.postgresql} on Amazon RDS",
            # Every role of the stack gets it, because the execution role may create no role without it.
            permissions_boundary=cdk.PermissionsBoundary.from_name(PERMISSIONS_BOUNDARY),
            **kwargs,
        )
        parameters = Parameters(self, environment_suffix, line)
        naming = Naming(parameters.environment_suffix)
        by_class = ByInstanceClass(self, parameters.instance_class)

        encryption = Encryption(self, "Encryption", naming=naming)
        network = Network(self, "Network", naming=naming, encryption=encryption, cidr=parameters.vpc_cidr)
        database = Database(
            self,
            "Database",
            line=line,
            parameters=parameters,
            by_class=by_class,
            naming=naming,
            network=network,
            encryption=encryption,
        )
        backups = Backups(self, "Backups", naming=naming, encryption=encryption)
        exports = Exports(
            self,
            "Exports",
            naming=naming,
            encryption=encryption,
            database=database.identifier,
            bucket=backups.bucket,
        )
        monitoring = Monitoring(
            self,
            "Monitoring",
            parameters=parameters,
            by_class=by_class,
            naming=naming,
            encryption=encryption,
            network=network,
            database=database,
            exports=exports,
        )
        Outputs(
            self,
            "Outputs",
            parameters=parameters,
            network=network,
            encryption=encryption,
            database=database,
            backups=backups,
            monitoring=monitoring,
        )
        # The engine reads this before a launch (lambdas/validate/roles.py).
        self.add_metadata("TapStack", {"RolesVersion": ROLES_VERSION})
        cdk.RemovalPolicies.of(self).destroy()

    def _allocate_logical_id(self, element: cdk.CfnElement) -> str:
        """Use the construct's path without the CDK's hash: people read these ids when a launch fails."""
        path = element.node.path.split("/")[1:]
        return "".join(part for part in path if part not in ("Default", "Resource"))
