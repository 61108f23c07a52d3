"""What a launch can choose. The template's Parameters section is the only description of these rules."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk

from product_template.instance_classes import SIZES
from product_template.release_line import ReleaseLine

# The patterns use only syntax that means the same in Java, Python and JavaScript.
SUFFIX_PATTERN = r"^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,19}$"
SUFFIX_RULE = (
    "must be 2 to 20 characters of a-z, 0-9 and -, start with a letter, not end with - and not contain --"
)
EMAIL_PATTERN = (
    r"^[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$"
)
DATABASE_NAME_PATTERN = (
    r"^(?!(?:db|default|group|order|rdsadmin|table|template0|template1|user)$)[a-z][a-z0-9_]{0,62}$"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
VPC_CIDR_PATTERN = (
    rf"^(?:10\.{_OCTET}|172\.(?:1[6-9]|2[0-9]|3[01])|192\.168)\.{_OCTET}\.{_OCTET}/(?:1[6-9]|2[0-2])$"
)


class Parameters:
    """The stack's parameters, grouped and labelled for the CloudFormation console."""

    def __init__(self, stack: cdk.Stack, environment_suffix: str | None, line: ReleaseLine) -> None:
        """Declare the parameters on `stack`.

        Args:
            stack: the stack that gets them.
            environment_suffix: the suffix, if the caller knows it; None makes it a parameter.
            line: the release line.

        Raises:
            ValueError: the suffix breaks the rule for suffixes.
        """
        self._stack = stack
        self._groups: list[dict[str, Any]] = []
        self._labels: dict[str, Any] = {}
        self._environment(environment_suffix)
        self._database()
        self._database_version(line)
        self._network()
        stack.template_options.metadata = {
            "AWS::CloudFormation::Interface": {
                "ParameterGroups": self._groups,
                "ParameterLabels": self._labels,
            }
        }

    def _environment(self, environment_suffix: str | None) -> None:
        self._group("Environment")
        self.environment_suffix = self._suffix(environment_suffix)
        self.ops_emails = self._add(
            "OpsEmails",
            "Ops emails",
            type="CommaDelimitedList",
            description=(
                "Email addresses that alarms and database events are sent to, separated by commas. "
                "Each address has to confirm a first mail."
            ),
            allowed_pattern=EMAIL_PATTERN,
            constraint_description="must be email addresses such as ops@example.com, separated by commas",
        ).value_as_list

    def _database(self) -> None:
        self._group("Database")
        self.database_name = self._add(
            "DatabaseName",
            "Database name",
            default="payments",
            description=(
                "Name of the first database: 1 to 63 characters of a-z, 0-9 and _, starting with a letter. "
                "It cannot be changed after the launch."
            ),
            allowed_pattern=DATABASE_NAME_PATTERN,
            constraint_description=(
                "must be 1 to 63 characters of a-z, 0-9 and _, start with a letter, and be none of the "
                "reserved names db, default, group, order, rdsadmin, table, template0, template1, user"
            ),
        ).value_as_string
        self.instance_class = self._add(
            "InstanceClass",
            "Instance class",
            default="db.r6g.xlarge",
            description=(
                f"Size of the primary and of its standby: one of {', '.join(SIZES)}. "
                "A change makes the database fail over."
            ),
            allowed_values=list(SIZES),
            constraint_description=f"must be one of {', '.join(SIZES)}",
        ).value_as_string
        self.allocated_storage = self._number(
            "AllocatedStorage",
            "Storage (GiB)",
            default=100,
            limits=(20, 65536),
            description="Storage to begin with, in GiB, from 20 to 65536. It can grow but never shrink.",
        )
        self.max_allocated_storage = self._number(
            "MaxAllocatedStorage",
            "Storage ceiling (GiB)",
            default=500,
            limits=(22, 65536),
            description=(
                "Ceiling in GiB, from 22 to 65536, up to which storage grows by itself. It has to exceed "
                "AllocatedStorage by at least 10 percent; 26 percent or more is sensible."
            ),
        )
        self.backup_retention_days = self._number(
            "BackupRetentionDays",
            "Backup retention (days)",
            default=7,
            limits=(1, 35),
            description="Days, from 1 to 35, back to which the database can be restored to any second.",
        )

    def _database_version(self, line: ReleaseLine) -> None:
        """Declare the choices about the version of PostgreSQL.

        `major_version_upgrade` is None in a release line that upgrades no other.
        """
        enrolled = "open-source-rds-extended-support"
        self.engine_lifecycle_support = self._add(
            "EngineLifecycleSupport",
            "RDS Extended Support",
            default=enrolled,
            description=(
                "What happens when RDS ends the standard support of this major version of PostgreSQL. "
                f"{enrolled}: the database stays on it, and AWS bills RDS Extended Support by the vCPU-hour. "
                f"{enrolled}-disabled: RDS upgrades it to a later major version by itself. "
                "It cannot be changed after the launch."
            ),
            allowed_values=[enrolled, f"{enrolled}-disabled"],
            constraint_description=f"must be {enrolled} or {enrolled}-disabled",
        ).value_as_string
        self.major_version_upgrade = (
            line.upgrades and self._upgrade_consent(line.upgrades.postgresql, line.postgresql).value_as_string
        )

    def _upgrade_consent(self, before: str, after: str) -> cdk.CfnParameter:
        """Declare the consent to one major version. The next one needs another consent."""
        return self._add(
            "AllowMajorVersionUpgrade",
            "Upgrade PostgreSQL to major version",
            default="none",
            description=(
                f"Consent to the major version upgrade of a database that still runs PostgreSQL {before}: "
                f"{after} gives it, none does not. The database is down during the upgrade, and the only way "
                "back is to restore the snapshot taken before. A new database needs no consent."
            ),
            allowed_values=["none", after],
            constraint_description=f"must be none or {after}",
        )

    def _network(self) -> None:
        self._group("Network")
        self.vpc_cidr = self._add(
            "VpcCidr",
            "VPC address range",
            default="10.0.0.0/16",
            description=(
                "Private IPv4 range of the network, with a prefix from /16 to /22, such as 10.0.0.0/16. "
                "Choose one that overlaps no network it will be peered with. "
                "It cannot be changed after the launch."
            ),
            allowed_pattern=VPC_CIDR_PATTERN,
            constraint_description=(
                "must be an IPv4 range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 "
                "with a prefix from /16 to /22, such as 10.0.0.0/16"
            ),
        ).value_as_string

    def _suffix(self, given: str | None) -> str:
        if given is None:
            return self._add(
                "EnvironmentSuffix",
                "Environment suffix",
                description=(
                    "Ends the name of every resource, such as dev or prod: 2 to 20 characters of a-z, 0-9 "
                    "and -, starting with a letter, without -- and without - at the end. No two databases "
                    "of an account can share it, and it cannot be changed after the launch."
                ),
                allowed_pattern=SUFFIX_PATTERN,
                constraint_description=SUFFIX_RULE,
            ).value_as_string
        if not cdk.Token.is_unresolved(given) and not re.fullmatch(SUFFIX_PATTERN, given):
            raise ValueError(f"environment_suffix {SUFFIX_RULE}, but is {given!r}")
        return given

    def _group(self, label: str) -> None:
        self._groups.append({"Label": {"default": label}, "Parameters": []})

    def _number(self, name: str, label: str, *, limits: tuple[int, int], **definition: Any) -> str:
        """Declare a whole number and return its reference as a string token."""
        smallest, largest = limits
        return self._add(
            name,
            label,
            type="Number",
            min_value=smallest,
            max_value=largest,
            constraint_description=f"must be a whole number from {smallest} to {largest}",
            **definition,
        ).value_as_string

    def _add(self, name: str, label: str, *, description: str, **definition: Any) -> cdk.CfnParameter:
        """Declare a parameter. Without a default, its description begins with "Required."."""
        self._groups[-1]["Parameters"].append(name)
        self._labels[name] = {"default": label}
        if "default" not in definition:
            description = f"Required. {description}"
        return cdk.CfnParameter(self._stack, name, description=description, **definition)
