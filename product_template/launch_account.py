"""What the account of a launch has to provide, by the names that the product and the catalog share.

The stack of the roles makes it (catalog_stack/permissions): CatalogStack in the account of the catalog, and
LaunchRoles elsewhere. The names never change: the launch constraint, the engine and the templates go by them,
and a version that was launched keeps naming them for years.
"""

from __future__ import annotations

# Service Catalog and the engine launch, update and terminate with it.
LAUNCH_ROLE = "SCLaunch-TapStack"
# CloudFormation makes, changes and deletes a TapStack with it.
EXECUTION_ROLE = "TapStackExecution"
# The managed policy that no role of a TapStack can go beyond.
PERMISSIONS_BOUNDARY = "TapStackBoundary"
# Which roles a TapStack needs as it is synthesized today. Raise it when the product needs a right that
# earlier roles do not give: the engine then refuses to launch it until the roles have been deployed anew.
ROLES_VERSION = 1
