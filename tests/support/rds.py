"""DB instances for tests of RDS."""

import json
from typing import Any
from urllib.request import ProxyHandler, build_opener

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


def databases(cloud: Cloud) -> list[dict[str, Any]]:
    """What the local cloud tells of the servers of its instances."""
    # The proxies of the environment lead out of this machine.
    with build_opener(ProxyHandler({})).open(f"{cloud.endpoint}/_local/databases") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def served(cloud: Cloud, name: str) -> dict[str, Any]:
    """What it tells of the server of one instance."""
    [found] = [each for each in databases(cloud) if each["identifier"] == name]
    return found


def connection(entry: dict[str, Any], password: str, database: str) -> dict[str, Any]:
    """The settings with which libpq connects to a server as its master user, and verifies it."""
    return {
        "host": entry["host"],
        "hostaddr": entry["hostaddr"],
        "port": entry["port"],
        "dbname": database,
        "user": "dbadmin",
        "password": password,
        "sslmode": "verify-full",
        "sslrootcert": entry["caFile"],
    }


def connect(cloud: Cloud, name: str, password: str, database: str = "app") -> psycopg.Connection[Any]:
    """Log in to an instance's server as its master user; each statement is a transaction of its own."""
    return psycopg.connect(**connection(served(cloud, name), password, database), autocommit=True)
