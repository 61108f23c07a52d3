"""The roles and the permissions boundary that the account of a launch must have, by name.

catalog_stack/permissions makes them: CatalogStack has them in the hub account, the stack LaunchRoles in other
accounts. Never change the names: the launch constraint, the engine and the templates use them, and a launched
version uses them for years.
"""

from __future__ import annotations

# Service Catalog and the engine launch, update and terminate with it.
LAUNCH_ROLE = "SCLaunch-TapStack"
# CloudFormation creates, changes and deletes a TapStack with it.
EXECUTION_ROLE = "TapStackExecution"
# The managed policy that is the permissions boundary of every role of a TapStack.
PERMISSIONS_BOUNDARY = "TapStackBoundary"
# The roles version that a TapStack synthesized today needs. Raise it when the product needs a permission that
# earlier roles do not have: the engine then refuses to launch it until the roles have been deployed again.
ROLES_VERSION = 1
