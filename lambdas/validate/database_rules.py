"""RDS's rules for a database: storage, backups, and the instance classes that it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.account import Account
from engine.database import is_version

from validate.launch import DATABASE, Given, Launch
from validate.violations import Violation

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


def violations(launch: Launch, database: DBInstanceTypeDef | None) -> list[Violation]:
    """Return the violations of the rules on storage, backups and Extended Support."""
    found = []
    whole: dict[str, int] = {}
    for name in ("AllocatedStorage", "MaxAllocatedStorage", "BackupRetentionPeriod"):
        given = launch.given(DATABASE, name)
        if given is None:
            continue
        try:
            whole[name] = int(given.value)
        except ValueError:
            found.append(Violation(given.input, "must be a whole number", given.value))
    allocated, most = (launch.given(DATABASE, name) for name in ("AllocatedStorage", "MaxAllocatedStorage"))
    if allocated and "AllocatedStorage" in whole:
        found += _growth(launch, allocated, whole["AllocatedStorage"], database)
        if most and "MaxAllocatedStorage" in whole:
            of_what = (whole["AllocatedStorage"], allocated.input)
            if database and launch.current.get(most.input) != most.value:
                of_what = max(of_what, (database["AllocatedStorage"], "the storage of the database"))
            found += _ceiling(most, whole["MaxAllocatedStorage"], *of_what)
    return found + _lifecycle_support(launch, database)


def _ceiling(most: Given, ceiling: int, allocated: int, of_what: str) -> list[Violation]:
    # At least 10% more, or RDS answers "Invalid max storage size" (RDS User Guide, "Managing capacity
    # automatically with storage autoscaling").
    least = _tenth_more(allocated)
    if ceiling >= least:
        return []
    rule = f"must be at least 10% more than {of_what} ({allocated}), so {least} or more"
    return [Violation(most.input, rule, most.value)]


def _growth(
    launch: Launch, allocated: Given, wanted: int, database: DBInstanceTypeDef | None
) -> list[Violation]:
    """Refuse less storage than the database has, and growth of less than 10%. Storage also grows by itself.

    RDS refuses both (RDS User Guide, "Increasing DB instance storage capacity"), also in the rollback. The
    stack's present value is fine, because CloudFormation does not send it.
    """
    if database is None or launch.current.get(allocated.input) == allocated.value:
        return []
    has = database["AllocatedStorage"]
    least = _tenth_more(has)
    if wanted == has or wanted >= least:
        return []
    if wanted < has:
        rule = f"can't be less than the {has} GiB that the database has: storage never shrinks"
    else:
        rule = f"must be at least 10% more than the {has} GiB that the database has, so {least} or more"
    return [Violation(allocated.input, rule, allocated.value)]


def _tenth_more(gib: int) -> int:
    return -(-gib * 11 // 10)


def _lifecycle_support(launch: Launch, database: DBInstanceTypeDef | None) -> list[Violation]:
    """Refuse another EngineLifecycleSupport than the database has.

    The update would fail half-way (aws-cloudformation-resource-providers-rds, UpdateHandler).
    """
    has = database.get("EngineLifecycleSupport") if database else None
    wanted = launch.given(DATABASE, "EngineLifecycleSupport")
    if has is None or wanted is None or wanted.value == has:
        return []
    rule = f"can't be changed after the launch, because CloudFormation does not change it: leave it at {has}"
    return [Violation(wanted.input, rule, wanted.value)]


def not_offered(account: Account, launch: Launch, database: DBInstanceTypeDef | None) -> list[Violation]:
    """Check that RDS offers the instance class for the version, with Multi-AZ, in the zones of the subnets.

    It does not check a class and version that the database has already: an update must not fail because RDS
    offers them no longer.
    """
    instance_class = launch.given(DATABASE, "DBInstanceClass")
    engine = launch.given(DATABASE, "Engine")
    version = launch.given(DATABASE, "EngineVersion")
    if not (instance_class and engine and version):
        return []
    if (
        database is not None
        and database["DBInstanceClass"] == instance_class.value
        and is_version(database["EngineVersion"], version.value)
    ):
        return []
    zones = account.zones()
    groups = launch.template.properties("AWS::RDS::DBSubnetGroup", "SubnetIds")
    wanted = set(launch.zones_of((subnet for group in groups for subnet in group), zones)) or set(zones)
    for option in account.orderable(engine.value, instance_class.value):
        usable = option["MultiAZCapable"] and is_version(option["EngineVersion"], version.value)
        if usable and len(wanted & {zone["Name"] for zone in option["AvailabilityZones"]}) >= 2:
            return []
    rule = (
        f"is a class that RDS does not offer for {engine.value} {version.value} with a standby in two of the "
        f"zones {', '.join(sorted(wanted))}: choose another"
    )
    return [Violation(instance_class.input, rule, instance_class.value)]
