"""Rules on the version of PostgreSQL: RDS's upgrade targets, the user's consent, and a ready database."""

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
# RDS gives no figure. The product's own alarm warns below this share. pg_upgrade writes new system catalogs.
# RDS needed six hours to undo an upgrade from 14 to 17 that ran out of storage (status.preset.io, "RDS
# Upgrade Failure in Production US East 1").
_LEAST_FREE_PERCENT = 20
_GIB = 1024**3


def major_upgrade(launch: Launch, database: DBInstanceTypeDef | None) -> str | None:
    """Return the major version to which the update would upgrade the database; None if it would not."""
    wanted = launch.given(DATABASE, "EngineVersion")
    if database is None or wanted is None or _major(wanted.value) <= _major(database["EngineVersion"]):
        return None
    return str(_major(wanted.value))


def violations(account: Account, launch: Launch, database: DBInstanceTypeDef | None) -> list[Violation]:
    """Return the violations of the rules on versions of PostgreSQL by an update of `database`."""
    wanted, engine = launch.given(DATABASE, "EngineVersion"), launch.given(DATABASE, "Engine")
    if database is None or wanted is None or engine is None:
        return []
    live, version = database["EngineVersion"], wanted.value
    if is_version(live, version):
        return []
    if numbers(version) < numbers(live):
        rule = (
            f"would downgrade the database from PostgreSQL {live} to {version}, and RDS can't downgrade. "
            f"Choose a version with PostgreSQL {_major(live)} or newer"
        )
        return [Violation(VERSION, rule)]
    found = _not_offered(account, engine.value, live, version)
    if major := major_upgrade(launch, database):
        found += [*_without_consent(launch, live, major), *_not_ready(account, database)]
    return found


def _not_offered(account: Account, engine: str, live: str, version: str) -> list[Violation]:
    targets = account.upgrade_targets(engine, live)
    # If a template has only a major version, RDS chooses the minor version, and refuses one that is not a
    # target (civiform/civiform 7516). The engine takes RDS's default version for that choice.
    chosen = account.default_version(engine, version) if version.isdigit() else version
    if chosen in targets:
        return []
    newest = {_major(target): target for target in sorted(targets, key=numbers)}
    offers = f"It upgrades to {', '.join(newest.values())} at most" if newest else "It upgrades to none"
    rule = (
        f"would upgrade the database from PostgreSQL {live} to {chosen or version}, and RDS does not upgrade "
        f"{live} to that. {offers}: choose a version with one of these, or let RDS install a newer minor "
        f"version of {_major(live)} first"
    )
    return [Violation(VERSION, rule)]


def _without_consent(launch: Launch, live: str, major: str) -> list[Violation]:
    if _CONSENT not in launch.template.parameters:
        rule = (
            f"would upgrade the database from PostgreSQL {live} to {major}, and has no input {_CONSENT} for "
            "your consent: choose another version"
        )
        return [Violation(VERSION, rule)]
    given = launch.parameters.get(
        _CONSENT, major
    )  # if the template refuses the value, that is a violation already
    if given == major:
        return []
    rule = (
        f"must be {major} for this version, which upgrades the database from PostgreSQL {live} to {major}. "
        "The database is out of service meanwhile, and the only way back is a restore. Try it with a "
        "restored copy first"
    )
    return [Violation(_CONSENT, rule, given)]


def _not_ready(account: Account, database: DBInstanceTypeDef) -> list[Violation]:
    """Return what speaks against a major version upgrade, as far as nobody needs to log in to see it.

    `plan` checks for pending changes, because they speak against every update. The RDS User Guide lists what
    RDS itself checks first ("How to perform a major version upgrade").
    """
    broken = []
    if database["DBInstanceStatus"] != "available":
        broken.append(
            f"is {database['DBInstanceStatus']}, and RDS upgrades only an available one: wait for that"
        )
    if not database["BackupRetentionPeriod"]:
        broken.append(
            "has no automated backups, and only with them RDS takes a snapshot right before an upgrade: "
            "turn them on first"
        )
    replicas = [
        *database.get("ReadReplicaDBInstanceIdentifiers", []),
        *database.get("ReadReplicaDBClusterIdentifiers", []),
    ]
    if replicas:
        broken.append(
            f"has read replicas ({', '.join(replicas)}), which do not belong to this product, and which "
            "RDS would upgrade or cut off: promote or delete them first"
        )
    broken += _replicating(account, database) + _filling(account, database)
    return [Violation(f"Database {database['DBInstanceIdentifier']}", rule) for rule in broken]


def _replicating(account: Account, database: DBInstanceTypeDef) -> list[str]:
    """Find logical replication. Replication slots, at which RDS's check fails, and zero-ETL need it."""
    groups = [group["DBParameterGroupName"] for group in database.get("DBParameterGroups", [])]
    return [
        f"has rds.logical_replication on in parameter group {group}. RDS does not upgrade a database "
        "with logical replication slots, and the new parameter group turns it off: drop the slots, then "
        "reset the parameter"
        for group in groups
        if account.db_parameters(group).get("rds.logical_replication") == "1"
    ]


def _filling(account: Account, database: DBInstanceTypeDef) -> list[str]:
    free, allocated = account.free_storage(database["DBInstanceIdentifier"]), database["AllocatedStorage"]
    if free is None:
        return ["has no FreeStorageSpace in CloudWatch for the last hour: try again when it has"]
    if free >= allocated * _GIB * _LEAST_FREE_PERCENT / 100:
        return []
    return [
        f"had only {free / _GIB:.1f} GiB of its {allocated} GiB free within the last hour. A major "
        f"version upgrade needs at least {_LEAST_FREE_PERCENT}%: raise AllocatedStorage first, in an update "
        "of its own"
    ]


def _major(version: str) -> int:
    return numbers(version)[0]
