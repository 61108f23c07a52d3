"""DB instances for tests of RDS."""

import json
import urllib.request
from typing import Any

import psycopg

from local_cloud.cloud import Cloud


def create(rds: Any, name: str, **more: Any) -> dict[str, Any]:
    request = {
        "DBInstanceClass": "db.r6g.large",
        "Engine": "postgres",
        "EngineVersion": "16",
        "AllocatedStorage": 50,
        "MasterUsername": "dbadmin",
        "ManageMasterUserPassword": True,
    }
    instance: dict[str, Any] = rds.create_db_instance(
        DBInstanceIdentifier=name, DBSubnetGroupName="two", **request | more
    )["DBInstance"]
    return instance


def available(rds: Any, name: str) -> dict[str, Any]:
    """Wait until an instance is available, and describe it."""
    rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 1500}
    )
    return described(rds, name)


def described(rds: Any, name: str) -> dict[str, Any]:
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    found: dict[str, Any] = instance
    return found


def delete(rds: Any, name: str) -> None:
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 500}
    )


def snapshot_available(rds: Any, name: str) -> dict[str, Any]:
    """Wait until a snapshot is available, and describe it."""
    rds.get_waiter("db_snapshot_available").wait(
        DBSnapshotIdentifier=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 1500}
    )
    [found] = rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    snapshot: dict[str, Any] = found
    return snapshot


def connect(cloud: Cloud, name: str, password: str, database: str = "app") -> psycopg.Connection[Any]:
    """Log in to an instance's server as its master user; each statement is a transaction of its own."""
    with urllib.request.urlopen(f"{cloud.endpoint}/_local/databases") as answer:
        [found] = [each for each in json.load(answer) if each["identifier"] == name]
    return psycopg.connect(
        host=found["host"],
        hostaddr=found["hostaddr"],
        port=found["port"],
        sslmode="verify-full",
        sslrootcert=found["caFile"],
        user="dbadmin",
        password=password,
        dbname=database,
        autocommit=True,
    )
