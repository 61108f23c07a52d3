"""DB instances for tests of RDS."""

from typing import Any


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
        DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    return described(rds, name)


def described(rds: Any, name: str) -> dict[str, Any]:
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    found: dict[str, Any] = instance
    return found


def delete(rds: Any, name: str) -> None:
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.05})
