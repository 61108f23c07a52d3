"""The rule that an account has the roles that a version needs."""

from __future__ import annotations

from engine.account import Account
from engine.errors import RolesOutdatedError
from engine.template import Template


def require(account: Account, template: Template, product_version: str, launch_role_arn: str) -> None:
    """Check that an account has the roles that a version needs.

    Raises:
        RolesOutdatedError: the account has older roles.
    """
    needed = template.metadata.needs.roles_version
    present = account.roles_version(launch_role_arn)
    if present >= needed:
        return
    owner = launch_role_arn.split(":")[4]
    has = f"version {present}" if present else "older roles that have no version"
    raise RolesOutdatedError(
        f"Version {product_version} needs version {needed} of the roles, and account {owner} has {has}. "
        "Nothing was created or changed. Ask the platform team to deploy stack LaunchRoles in account "
        f"{owner}, or CatalogStack if that is the account of the catalog, then try again."
    )
