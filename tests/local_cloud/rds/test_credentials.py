"""The managed secret is the real password, rotates, and belongs to RDS. A dead server keeps its data.

Sources: RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager", "Failing over a
Multi-AZ DB instance for Amazon RDS", "Renaming a DB instance"; Secrets Manager API Reference, RotateSecret.
"""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.postgresql import packages
from tests.support.account import eventually, refusal
from tests.support.rds import available, connection, create, databases, delete, described

NAMED = {"DBInstanceIdentifier": "db"}


@pytest.fixture(scope="module")
def speed() -> float:
    return 6_000


@pytest.fixture(scope="module")
def cloud(speed: float) -> Iterator[Cloud]:
    try:
        packages.server("17")
    except packages.NoServerError as error:
        pytest.skip(str(error))
    with Cloud(speed=speed, databases=True) as cloud:
        yield cloud


@pytest.fixture(scope="module", autouse=True)
def instance(rds: Any) -> Iterator[None]:
    """An instance in two zones, with a server."""
    create(rds, "db", MultiAZ=True, EngineVersion="17", DBName="app")
    available(rds, "db")
    yield
    delete(rds, "db")


@pytest.fixture(scope="module")
def secrets(cloud: Cloud) -> Any:
    return cloud.client("secretsmanager")


def page(cloud: Cloud) -> dict[str, Any]:
    [found] = databases(cloud)
    return found


def password(secrets: Any, arn: str, stage: str = "AWSCURRENT") -> str:
    value = json.loads(secrets.get_secret_value(SecretId=arn, VersionStage=stage)["SecretString"])
    assert value["username"] == "dbadmin"
    return str(value["password"])


def connect(cloud: Cloud, word: str | None = None) -> psycopg.Connection:
    database = page(cloud)
    word = word or password(cloud.client("secretsmanager"), database["secretArn"])
    return psycopg.connect(**connection(database, word, "app"), autocommit=True)


def secret_of(rds: Any) -> dict[str, Any]:
    return dict(described(rds, "db")["MasterUserSecret"])


def test_rds_rotates_the_secret_and_open_connections_go_on(cloud: Cloud, rds: Any, secrets: Any) -> None:
    arn = secret_of(rds)["SecretArn"]
    old = password(secrets, arn)
    with connect(cloud) as pooled:
        rds.modify_db_instance(**NAMED, RotateMasterUserPassword=True, ApplyImmediately=True)
        assert secret_of(rds)["SecretStatus"] == "rotating"
        available(rds, "db")
        assert secret_of(rds)["SecretStatus"] == "active"
        assert pooled.execute("SELECT 1").fetchone() == (1,)
    assert password(secrets, arn) != old == password(secrets, arn, "AWSPREVIOUS")
    told = secrets.describe_secret(SecretId=arn)
    assert sorted(told["VersionIdsToStages"].values()) == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    assert told["LastRotatedDate"] <= told["NextRotationDate"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(cloud, old)
    connect(cloud).close()


def test_the_schedule_of_a_managed_secret_changes_and_nothing_else_of_it(rds: Any, secrets: Any) -> None:
    named = {"SecretId": secret_of(rds)["SecretArn"]}
    assert secrets.describe_secret(**named)["RotationRules"] == {"AutomaticallyAfterDays": 7}
    rules = {"ScheduleExpression": "rate(30 days)"}
    secrets.rotate_secret(**named, RotationRules=rules, RotateImmediately=False)
    told = secrets.describe_secret(**named)
    assert (told["RotationEnabled"], told["RotationRules"], told["OwningService"]) == (True, rules, "rds")
    managed = "InvalidRequestException: The secret is managed by another service"
    assert refusal(secrets.put_secret_value, **named, SecretString="{}").startswith(managed)
    assert refusal(secrets.update_secret, **named, Description="d").startswith(managed)
    assert refusal(secrets.delete_secret, **named, RecoveryWindowInDays=7).startswith(managed)
    assert refusal(secrets.tag_resource, **named, Tags=[{"Key": "k", "Value": "v"}]).startswith(managed)


def test_a_secret_rotates_after_seven_days(cloud: Cloud, rds: Any, secrets: Any) -> None:
    arn = secret_of(rds)["SecretArn"]
    old = password(secrets, arn)
    days = {"AutomaticallyAfterDays": 7}
    cloud.clock.speed, speed = 1_000_000, cloud.clock.speed
    secrets.rotate_secret(SecretId=arn, RotationRules=days, RotateImmediately=False)
    cloud.clock.speed = speed  # it only has to be high when the wait begins
    assert eventually(lambda: password(secrets, arn) != old)
    assert described(rds, "db")["DBInstanceStatus"] == "available"
    connect(cloud).close()


def test_secrets_manager_has_rds_rotate_at_once(cloud: Cloud, rds: Any, secrets: Any) -> None:
    arn = secret_of(rds)["SecretArn"]
    old = password(secrets, arn)
    secrets.rotate_secret(SecretId=arn)
    assert eventually(lambda: password(secrets, arn) != old)
    assert eventually(lambda: secret_of(rds)["SecretStatus"] == "active")
    connect(cloud).close()


def test_a_managed_password_takes_no_other_one(rds: Any) -> None:
    assert "ManageMasterUserPassword is turned on" in refusal(
        rds.modify_db_instance, **NAMED, MasterUserPassword="a-new-password", ApplyImmediately=True
    )
    assert "must specify apply immediately" in refusal(
        rds.modify_db_instance, **NAMED, RotateMasterUserPassword=True
    )


def test_a_server_that_is_killed_fails_over_and_keeps_what_was_committed(cloud: Cloud, rds: Any) -> None:
    with connect(cloud) as client:
        client.execute("CREATE TABLE kept AS SELECT generate_series(1, 5000) AS number")
    zone, before = described(rds, "db")["AvailabilityZone"], page(cloud)
    os.kill(before["pid"], signal.SIGKILL)
    assert eventually(lambda: described(rds, "db")["AvailabilityZone"] != zone)
    available(rds, "db")
    assert page(cloud)["hostaddr"] == before["hostaddr"]
    with connect(cloud) as client:
        assert client.execute("SELECT count(*) FROM kept").fetchone() == (5000,)
    events = rds.describe_events(SourceIdentifier="db", SourceType="db-instance")["Events"]
    assert "Multi-AZ instance failover started." in [event["Message"] for event in events]


def test_a_failover_cuts_a_writer_which_goes_on_at_the_same_address(cloud: Cloud, rds: Any) -> None:
    with connect(cloud) as writer:
        writer.execute("CREATE TABLE written (number int)")
        rds.reboot_db_instance(**NAMED, ForceFailover=True)
        with pytest.raises(psycopg.OperationalError):
            writer.execute("INSERT INTO written VALUES (1)")
    available(rds, "db")
    with connect(cloud) as writer:
        writer.execute("INSERT INTO written VALUES (2)")
        assert writer.execute("SELECT number FROM written").fetchall() == [(2,)]


def test_a_new_class_restarts_the_server_and_a_new_name_gets_a_certificate(cloud: Cloud, rds: Any) -> None:
    before = page(cloud)["pid"]
    rds.modify_db_instance(**NAMED, DBInstanceClass="db.r6g.xlarge", ApplyImmediately=True)
    available(rds, "db")
    assert page(cloud)["pid"] not in (None, before)
    for old, new in (("db", "renamed"), ("renamed", "db")):
        rds.modify_db_instance(DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True)
        assert eventually(partial(has_name, cloud, new))
        available(rds, new)
        connect(cloud).close()


def test_a_changed_port_restarts_the_server_there(cloud: Cloud, rds: Any) -> None:
    rds.modify_db_instance(**NAMED, DBPortNumber=5433)
    assert eventually(lambda: described(rds, "db")["Endpoint"]["Port"] == 5433)
    available(rds, "db")
    assert page(cloud)["port"] == 5433
    connect(cloud).close()


def has_name(cloud: Cloud, name: str) -> bool:
    return bool(page(cloud)["identifier"] == name)


def test_a_stopped_server_refuses_connections_and_starts_with_its_data(cloud: Cloud, rds: Any) -> None:
    with connect(cloud) as client:
        client.execute("CREATE TABLE stays (number int)")
    rds.stop_db_instance(**NAMED)
    with pytest.raises(psycopg.OperationalError):
        connect(cloud)
    assert eventually(lambda: described(rds, "db")["DBInstanceStatus"] == "stopped")
    rds.start_db_instance(**NAMED)
    available(rds, "db")
    with connect(cloud) as client:
        assert client.execute("SELECT count(*) FROM stays").fetchone() == (0,)
