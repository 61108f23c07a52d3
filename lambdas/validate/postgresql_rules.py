"""Which version of PostgreSQL a database may be upgraded to: what RDS offers, what the user consents to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.account import Account
from engine.database import is_version, numbers

from validate.launch import DATABASE, Launch
from validate.violations import Violation

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

_CONSENT = "AllowMajorVersionUpgrade"
VERSION = "Product version"
# RDS names no figure. This is the share below which the product's own alarm warns. pg_upgrade writes the
# system catalogs anew; an upgrade from 14 to 17 that ran out of storage was undone by RDS after six hours
# (status.preset.io, "RDS Upgrade Failure in Production US East 1").
_LEAST_FREE_PERCENT = 20
_GIB = 1024**3


def major_upgrade(launch: Launch, database: DBInstanceTypeDef | None) -> str | None:
    """Return the major version that the update would take the database to; None if it has it, or is newer."""
    wanted = launch.given(DATABASE, "EngineVersion")
    if database is None or wanted is None or _major(wanted.value) <= _major(database["EngineVersion"]):
        return None
    return str(_major(wanted.value))


def violations(account: Account, launch: Launch, database: DBInstanceTypeDef | None) -> list[Violation]:
    """Return the rules about engine versions that an update of `database` would break."""
    wanted, engine = launch.given(DATABASE, "EngineVersion"), launch.given(DATABASE, "Engine")
    if database is None or wanted is None or engine is None:
        return []
    live, version = database["EngineVersion"], wanted.value
    if is_version(live, version):
        return []
    if numbers(version) < numbers(live):
        rule = (
            f"would take the database from PostgreSQL {live} back to {version}, and RDS can't downgrade. "
            f"Choose a version with PostgreSQL {_major(live)} or newer"
        )
        return [Violation(VERSION, rule)]
    found = _not_offered(account, engine.value, live, version)
    if major := major_upgrade(launch, database):
        found += [*_without_consent(launch, live, major), *_not_ready(account, database)]
    return found


def _not_offered(account: Account, engine: str, live: str, version: str) -> list[Violation]:
    targets = account.upgrade_targets(engine, live)
    # Given a major version alone, RDS takes a minor of its choice and refuses when that one is no target
    # (civiform/civiform 7516); which one, is taken to be what it calls the default.
    chosen = account.default_version(engine, version) if version.isdigit() else version
    if chosen in targets:
        return []
    newest = {_major(target): target for target in sorted(targets, key=numbers)}
    offers = f"It upgrades to {', '.join(newest.values())} at most" if newest else "It upgrades to none"
    rule = (
        f"would take the database from PostgreSQL {live} to {chosen or version}, and RDS does not upgrade "
        f"{live} to that. {offers}: choose a version with one of these, or let RDS install a newer minor "
        f"version of {_major(live)} first"
    )
    return [Violation(VERSION, rule)]


def _without_consent(launch: Launch, live: str, major: str) -> list[Violation]:
    if _CONSENT not in launch.template.parameters:
        rule = (
            f"would take the database from PostgreSQL {live} to {major}, and has no input {_CONSENT} to "
            "consent to that: choose another version"
        )
        return [Violation(VERSION, rule)]
    given = launch.parameters.get(_CONSENT, major)  # a value that the template refuses is reported already
    if given == major:
        return []
    rule = (
        f"must be {major} for this version, which takes the database from PostgreSQL {live} to {major}: it "
        "is out of service meanwhile, and the only way back is a restore. Try it with a restored copy first"
    )
    return [Violation(_CONSENT, rule, given)]


def _not_ready(account: Account, database: DBInstanceTypeDef) -> list[Violation]:
    """Return what stands against a major upgrade, as far as it can be seen without logging in.

    What is pending stands against every update: `plan` looks at it. What RDS itself checks first: RDS User
    Guide, "How to perform a major version upgrade".
    """
    broken = []
    if database["DBInstanceStatus"] != "available":
        broken.append(
            f"is {database['DBInstanceStatus']}, and a major version upgrade begins with an available one: "
            "wait until it is"
        )
    if not database["BackupRetentionPeriod"]:
        broken.append(
            "has no automated backups, and RDS takes a snapshot right before an upgrade only with them: "
            "switch them on first"
        )
    replicas = [
        *database.get("ReadReplicaDBInstanceIdentifiers", []),
        *database.get("ReadReplicaDBClusterIdentifiers", []),
    ]
    if replicas:
        broken.append(
            f"has read replicas ({', '.join(replicas)}), which are no part of this product and which RDS "
            "would upgrade or cut off: promote or delete them first"
        )
    broken += _replicating(account, database) + _filling(account, database)
    return [Violation(f"Database {database['DBInstanceIdentifier']}", rule) for rule in broken]


def _replicating(account: Account, database: DBInstanceTypeDef) -> list[str]:
    """Logical replication slots, which RDS's check finds, need this; so do zero-ETL integrations."""
    groups = [group["DBParameterGroupName"] for group in database.get("DBParameterGroups", [])]
    return [
        f"has rds.logical_replication on in parameter group {group}. RDS upgrades nothing with logical "
        "replication slots, and the new parameter group has it off: drop the slots, then reset the parameter"
        for group in groups
        if account.parameters(group).get("rds.logical_replication") == "1"
    ]


def _filling(account: Account, database: DBInstanceTypeDef) -> list[str]:
    free, allocated = account.free_storage(database["DBInstanceIdentifier"]), database["AllocatedStorage"]
    if free is None:
        return ["has no FreeStorageSpace in CloudWatch for the last hour: try again when it has"]
    if free >= allocated * _GIB * _LEAST_FREE_PERCENT / 100:
        return []
    return [
        f"had only {free / _GIB:.1f} GiB of its {allocated} GiB free within the last hour. Begin a major "
        f"version upgrade with {_LEAST_FREE_PERCENT}% at least: raise AllocatedStorage first, in an update "
        "of its own"
    ]


def _major(version: str) -> int:
    return numbers(version)[0]
