"""The names of an account's roles that a version of the product knows.

They never change: a version that was launched keeps naming them for years.
"""

# CloudFormation creates, changes and deletes TapStack stacks with it.
EXECUTION_ROLE = "TapStackExecution"
# Service Catalog and the engine launch, update and terminate with it.
LAUNCH_ROLE = "SCLaunch-TapStack"
