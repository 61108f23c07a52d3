"""The DB instance as RDS describes it, in the words of a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

# What DescribeDBInstances calls otherwise than AWS::RDS::DBInstance, in PendingModifiedValues too.
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
    """Return what can be set of an instance, by the names of AWS::RDS::DBInstance. None of it is secret."""
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
    """Return what AWS::RDS::DBInstance calls a setting."""
    return _OTHER_NAMES.get(name, name)


def text(value: object) -> str:
    """Write a setting as a template would, a list or structure in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items())
    return str(value)


def is_version(actual: str, wanted: str) -> bool:
    """Tell whether 14.22 is a 14; a template may leave the minor version to RDS."""
    return numbers(actual)[: len(numbers(wanted))] == numbers(wanted)


def numbers(version: str) -> list[int]:
    """Return 14.22 as 14 and 22; versions in Extended Support end in -rds.20270301."""
    return [int(number) for number in re.findall(r"\d+", version)]
