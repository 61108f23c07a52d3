"""The promises of the product, read from the stack's resources: CREATE_COMPLETE does not prove them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import stacks
from engine.database import is_version
from engine.errors import PromiseBrokenError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


def check(
    cloudformation: CloudFormationClient,
    rds: RDSClient,
    cloudwatch: CloudWatchClient,
    stack_id: str,
    engine_version: str | None,
) -> None:
    """Compare the stack's resources with the promises.

    Args:
        cloudformation: describes the stack.
        rds: describes its database.
        cloudwatch: describes its alarms.
        stack_id: the stack.
        engine_version: the version of PostgreSQL that the database must run, such as 17; None if unknown.

    Raises:
        PromiseBrokenError: the stack breaks promises; the message lists all of them.
    """
    physical: dict[str, list[str]] = {}
    for resource in stacks.resources(cloudformation, stack_id):
        physical.setdefault(resource["ResourceType"], []).append(resource["PhysicalResourceId"])
    keys = physical.get("AWS::KMS::Key", [])
    broken = []
    databases = physical.get("AWS::RDS::DBInstance", [])
    if not databases:
        broken.append("The stack has no database.")
    for identifier in databases:
        database = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
        defects = [*_database_defects(database, keys), *_version_defects(database, engine_version)]
        broken += [f"Database {identifier} {defect}." for defect in defects]
        broken += _plaintext_defects(rds, database)
    broken += _alarm_defects(
        cloudwatch, physical.get("AWS::CloudWatch::Alarm", []), physical.get("AWS::SNS::Topic", [])
    )
    if broken:
        raise PromiseBrokenError(
            "The stack was deployed, but it is not what the product promises:\n"
            + "\n".join(f"- {line}" for line in broken)
            + "\nThe stack is still there. Give this text to the platform team before you use the database."
        )


def _database_defects(database: DBInstanceTypeDef, keys: list[str]) -> list[str]:
    subnets = database.get("DBSubnetGroup", {}).get("Subnets", [])
    zones = {subnet["SubnetAvailabilityZone"]["Name"] for subnet in subnets}
    encrypted = database.get("StorageEncrypted", False)
    checks = {
        "has no standby in a second zone (Multi-AZ is off)": database.get("MultiAZ", False),
        "is not encrypted": encrypted,
        # RDS gives the key's ARN, CloudFormation its id.
        "is not encrypted with the stack's own key": not encrypted
        or database.get("KmsKeyId", "").rsplit("/", 1)[-1] in keys,
        "is publicly accessible": not database.get("PubliclyAccessible", True),
        f"has subnets in {len(zones)} Availability Zone(s) instead of two or more": len(zones) >= 2,
        "has no automated backups, so no point-in-time recovery": database.get("BackupRetentionPeriod", 0)
        >= 1,
    }
    return [defect for defect, holds in checks.items() if not holds]


def _version_defects(database: DBInstanceTypeDef, engine_version: str | None) -> list[str]:
    """Find an upgrade that RDS gave up after its own check.

    The DB instance is then available again with its old version, although ModifyDBInstance succeeded.
    Infrastructure tools take that for success (ministryofjustice/cloud-platform 7726).
    """
    live = database["EngineVersion"]
    if engine_version is None or is_version(live, engine_version):
        return []
    return [
        f"runs PostgreSQL {live} instead of {engine_version}: see pg_upgrade_precheck.log among its logs, "
        "and its events in the RDS console"
    ]


def _plaintext_defects(rds: RDSClient, database: DBInstanceTypeDef) -> list[str]:
    broken = []
    for group in database.get("DBParameterGroups", []):
        name = group["DBParameterGroupName"]
        pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=name)
        values = {
            parameter["ParameterName"]: parameter.get("ParameterValue")
            for page in pages
            for parameter in page["Parameters"]
            if "ParameterName" in parameter
        }
        if values.get("rds.force_ssl") != "1":
            broken.append(f"Parameter group {name} allows connections without TLS (rds.force_ssl is not 1).")
    return broken


def _alarm_defects(cloudwatch: CloudWatchClient, names: list[str], topics: list[str]) -> list[str]:
    if not names:
        return ["The stack has no alarms."]
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNames=names[:100], AlarmTypes=["MetricAlarm"]
    )
    alarms = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    broken = [f"Alarm {name} does not exist." for name in names if name not in alarms]
    for name, alarm in alarms.items():
        if not alarm.get("ActionsEnabled") or not set(topics) & set(alarm.get("AlarmActions", [])):
            broken.append(f"Alarm {name} does not reach the alert topic.")
    return broken
