"""Open psql on a database of a served cloud, as the master user and with the server verified."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.request import ProxyHandler, build_opener

import boto3
from botocore.config import Config

from ..account import REGION
from ..rds.postgresql import packages
from .refusals import RefusedError


def psql(endpoint: str, identifier: str, arguments: list[str]) -> None:
    """Become psql.

    Args:
        endpoint: the URL of the cloud.
        identifier: of the DB instance; empty if there is only one.
        arguments: what psql gets besides.

    Raises:
        RefusedError: there is no such database, or none that takes connections now.
        NoServerError: this machine has no psql, and none could be fetched.
    """
    database = _database(endpoint, identifier)
    settings: dict[str, Any] = {
        "endpoint_url": endpoint, "region_name": REGION,
        "aws_access_key_id": "local", "aws_secret_access_key": "local",
        "config": Config(proxies={}),  # those of the environment lead out of this machine
    }  # fmt: skip
    [instance] = boto3.client("rds", **settings).describe_db_instances(
        DBInstanceIdentifier=database["identifier"]
    )["DBInstances"]
    if database["secretArn"] is None:
        raise RefusedError(
            f"RDS does not manage the password of {database['identifier']}, so no secret has it. Let RDS "
            f"manage it: aws rds modify-db-instance --db-instance-identifier {database['identifier']} "
            "--manage-master-user-password --apply-immediately. Or, if you know the password, run psql with "
            f"PGHOSTADDR={database['hostaddr']} yourself."
        )
    value = boto3.client("secretsmanager", **settings).get_secret_value(SecretId=database["secretArn"])
    secret = json.loads(value["SecretString"])
    # The server's certificate names the endpoint, which no DNS knows: libpq connects to hostaddr.
    environment = os.environ | {
        "PGHOST": database["host"],
        "PGHOSTADDR": database["hostaddr"],
        "PGPORT": str(database["port"]),
        "PGDATABASE": instance.get("DBName", "postgres"),
        "PGUSER": secret["username"],
        "PGPASSWORD": secret["password"],
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": database["caFile"],
    }
    program = packages.client() / "psql"
    os.execve(program, [str(program), *arguments], environment)


def _database(endpoint: str, identifier: str) -> dict[str, Any]:
    # The proxies of the environment lead out of this machine.
    with build_opener(ProxyHandler({})).open(f"{endpoint}/_local/databases") as answer:
        databases: list[dict[str, Any]] = json.load(answer)
    named = [each for each in databases if identifier in ("", each["identifier"])]
    if not named:
        there = ", ".join(each["identifier"] for each in databases)
        raise RefusedError(
            f"There is no database {identifier} here: there {'is ' + there if there else 'is none yet'}."
            if identifier
            else "There is no database yet: launch the product, and wait until it is AVAILABLE."
        )
    if len(named) > 1:
        names = " or ".join(f"--instance {each['identifier']}" for each in named)
        raise RefusedError(f"There is more than one database: name it with {names}.")
    if named[0]["pid"] is None:
        raise RefusedError(
            f"{named[0]['identifier']} is {named[0]['status']} and takes no connections. Your data are "
            "unchanged; try again when it is available."
        )
    return named[0]
