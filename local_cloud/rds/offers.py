"""The PostgreSQL versions and instance classes that RDS offers in us-east-1.

Versions and classes come from cfn-lint's data, which its authors take from DescribeDBEngineVersions and
DescribeOrderableDBInstanceOptions. That data is older; `NOT_CREATABLE_SINCE` adds what AWS Health announced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from ..account import REGION
from .exceptions import Refused

ENGINE = "postgres"
MAJORS = ("14", "15", "16", "17", "18")
# AWS Health, "RDS for PostgreSQL minor versions 14.18 and 14.19 end of standard support": 1 October 2026.
NOT_CREATABLE_SINCE = {"14.18", "14.19"}
# The minor numbers of a major are this much lower than those of 14: 14.20, 15.15, 16.11, 17.7 and 18.1 came
# out together. A major upgrade needs a minor that is at least as new.
RELEASE_OFFSETS = {"14": 0, "15": 5, "16": 9, "17": 13, "18": 19}
# us-east-1e has no current instance classes.
ZONES = tuple(f"{REGION}{letter}" for letter in "abcdf")
# "Amazon RDS DB instance storage": GiB for RDS for PostgreSQL.
STORAGE = {"gp2": (20, 65536), "gp3": (20, 65536), "io1": (100, 65536), "io2": (100, 65536)}
_DATA = "data/schemas/extensions/aws_rds_dbinstance"
_PAGE = 100
T = TypeVar("T")


@cache
def versions() -> dict[str, bool]:
    """Return every full version, oldest first -> whether RDS still creates instances of it."""
    known = _values("engine_version.json", "EngineVersion", "then")
    gone = _values("engine_version_deprecated.json", "EngineVersion", "if") | NOT_CREATABLE_SINCE
    minors = [version for version in known if re.fullmatch(rf"({'|'.join(MAJORS)})\.\d+", version)]
    return {version: version not in gone for version in sorted(minors, key=_number)}


def default_version(major: str) -> str:
    """Return the full version that RDS chooses for a major version: here always the newest."""
    creatable = [version for version, creatable in versions().items() if creatable]
    return [version for version in creatable if major_of(version) == major][-1]


def upgrade_targets(version: str) -> list[str]:
    """Return the versions that an instance of `version` can be upgraded to."""
    return [
        target
        for target, creatable in versions().items()
        if creatable and _number(target) > _number(version) and _release(target) >= _release(version)
    ]


@cache
def instance_classes(version: str) -> tuple[str, ...]:
    """Return the DB instance classes for a version in this region."""
    for branch in _load("db_instance_class.json")["allOf"]:
        conditions = branch["if"]["properties"]
        if conditions["Engine"].get("const") == ENGINE and re.search(
            conditions["EngineVersion"]["pattern"], version
        ):
            return tuple(sorted(branch["then"]["properties"]["DBInstanceClass"]["enum"]))
    return ()


def check_class(instance_class: str, version: str) -> None:
    """Raise Refused if RDS has no instances of this class with this engine version."""
    if instance_class not in instance_classes(version):
        raise Refused(
            "InvalidParameterCombination",
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass="
            f"{instance_class}, Engine={ENGINE}, EngineVersion={version}, LicenseModel=postgresql-license. "
            "For supported combinations of instance class and database engine version, see the "
            "documentation.",
        )


@cache
def _load(name: str) -> dict[str, Any]:
    # Importing cfn-lint takes two seconds; its files are enough.
    package = find_spec("cfnlint")
    assert package is not None
    assert package.origin is not None
    data: dict[str, Any] = json.loads((Path(package.origin).parent / _DATA / name).read_text())
    return data


def _values(name: str, field: str, part: str) -> set[str]:
    for branch in _load(name)["allOf"]:
        if branch["if"]["properties"].get("Engine", {}).get("const") == ENGINE:
            return set(branch[part]["properties"][field]["enum"])
    raise LookupError(f"cfn-lint's {name} has nothing about {ENGINE}")


def major_of(version: str) -> str:
    """Return the major version of a full one."""
    return version.partition(".")[0]


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _release(version: str) -> int:
    major, minor = version.split(".")
    return int(minor) + RELEASE_OFFSETS[major]


def engine_versions(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Answer DescribeDBEngineVersions for PostgreSQL; `wanted` is the request."""
    # A major version selects all its minor versions.
    asked = wanted.get("EngineVersion", "")
    found = [
        version
        for version, creatable in versions().items()
        if wanted.get("Engine", ENGINE) == ENGINE
        and (version == asked or version.startswith(f"{asked}.") or not asked)
        and wanted.get("DBParameterGroupFamily") in (None, f"postgres{major_of(version)}")
        and (creatable or wanted.get("IncludeAll"))
    ]
    if wanted.get("DefaultOnly"):
        major = major_of(asked) or MAJORS[-1]
        found = [version for version in found if version == default_version(major)]
    return page(wanted, "DBEngineVersions", found, _version)


def _version(version: str) -> dict[str, Any]:
    major = major_of(version)
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "MajorEngineVersion": major,
        "DBParameterGroupFamily": f"postgres{major}",
        "DBEngineDescription": "PostgreSQL",
        "DBEngineVersionDescription": f"PostgreSQL {version}",
        "Status": "available" if versions()[version] else "deprecated",
        "ExportableLogTypes": ["postgresql", "upgrade"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": True,
        "ValidUpgradeTarget": [
            {
                "Engine": ENGINE,
                "EngineVersion": target,
                "Description": f"PostgreSQL {target}",
                "AutoUpgrade": target == default_version(major),
                "IsMajorVersionUpgrade": not target.startswith(f"{major}."),
            }
            for target in upgrade_targets(version)
        ],
    }


def orderable_options(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Answer DescribeOrderableDBInstanceOptions for PostgreSQL; `wanted` is the request."""
    found = [
        (version, instance_class, storage)
        for version, creatable in versions().items()
        if creatable and wanted["Engine"] == ENGINE and wanted.get("EngineVersion") in (None, version)
        for instance_class in instance_classes(version)
        if wanted.get("DBInstanceClass") in (None, instance_class)
        for storage in STORAGE
        if wanted.get("LicenseModel") in (None, "postgresql-license") and wanted.get("Vpc") in (None, True)
    ]
    return page(wanted, "OrderableDBInstanceOptions", found, _option)


def _option(offer: tuple[str, str, str]) -> dict[str, Any]:
    version, instance_class, storage = offer
    least, most = STORAGE[storage]
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "DBInstanceClass": instance_class,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": [{"Name": zone} for zone in ZONES],
        "MultiAZCapable": True,
        "ReadReplicaCapable": True,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": storage,
        "SupportsIops": storage != "gp2",
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "SupportsEnhancedMonitoring": True,
        "SupportsStorageAutoscaling": True,
        "MinStorageSize": least,
        "MaxStorageSize": most,
    }


def page(
    wanted: Mapping[str, Any], name: str, items: list[T], describe: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of an answer: what Marker and MaxRecords of the request ask for, at most 100 items."""
    start, size = int(wanted.get("Marker") or 0), int(wanted.get("MaxRecords") or _PAGE)
    found: dict[str, Any] = {name: [describe(item) for item in items[start : start + size]]}
    return found | {"Marker": str(start + size)} if start + size < len(items) else found
