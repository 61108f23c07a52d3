"""The settings of a DB instance: RDS's values under the property names of AWS::RDS::DBInstance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# DescribeDBInstances, also in PendingModifiedValues, has other names than AWS::RDS::DBInstance for these.
_OTHER_NAMES = {
    "EnabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "IAMDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "PerformanceInsightsEnabled": "EnablePerformanceInsights",
}
_SETTINGS = {
    *_OTHER_NAMES,
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "DBInstanceIdentifier",
    "DatabaseInsightsMode",
    "DedicatedLogVolume",
    "DeletionProtection",
    "EngineLifecycleSupport",
    "EngineVersion",
    "Iops",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "MultiAZ",
    "NetworkType",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "StorageThroughput",
    "StorageType",
}


def settings(instance: DBInstanceTypeDef) -> dict[str, str]:
    """Return the settings of a DB instance by property name. None of them is secret."""
    described: Mapping[str, object] = instance
    groups = [group["DBParameterGroupName"] for group in instance.get("DBParameterGroups", [])]
    firewalls = [group["VpcSecurityGroupId"] for group in instance.get("VpcSecurityGroups", [])]
    found = {
        **{in_template(name): described[name] for name in _SETTINGS if name in described},
        "DBParameterGroupName": groups,
        "ManageMasterUserPassword": "MasterUserSecret" in instance,
        "VPCSecurityGroups": sorted(firewalls),
    }
    return {name: text(value) for name, value in found.items() if value not in (None, [])}


def in_template(name: str) -> str:
    """Return the property name of a setting, given the name in DescribeDBInstances."""
    return _OTHER_NAMES.get(name, name)


def text(value: object) -> str:
    """Return a setting as a template has it; a list or structure in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items())
    return str(value)


def is_version(actual: str, wanted: str) -> bool:
    """Return whether `actual` is `wanted`, or a minor version of it, as 14.22 is of 14."""
    return numbers(actual)[: len(numbers(wanted))] == numbers(wanted)


def numbers(version: str) -> list[int]:
    """Return the numbers in a version: 14 and 22 for 14.22; Extended Support appends, say, -rds.20270301."""
    return [int(number) for number in re.findall(r"\d+", version)]
