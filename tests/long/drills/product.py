"""A launched product whose database is a server, as its users and the people on call have it."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local_cloud.cloud import Cloud
from local_cloud.rds.postgresql import packages
from local_cloud.sns.mailbox import Mail
from product_template.releasing.version import Version
from tests.support.account import eventually
from tests.support.launches import Aws, Catalog, on_offer, outputs, product_of, reason
from tests.support.rds import connection, served
from tests.support.versions import NEWEST

ON_CALL = "on-call@example.com"
# The class with the fewest connections.
PARAMETERS = {"OpsEmails": ON_CALL, "InstanceClass": "db.r6g.large"}

WRITE = """
CREATE TABLE payment (id int PRIMARY KEY, amount numeric NOT NULL, note text NOT NULL);
INSERT INTO payment SELECT id, id / 100.0, md5(id::text) FROM generate_series(1, 5000) id;
"""
READ = "SELECT count(*), sum(amount), md5(string_agg(note, ',' ORDER BY id)) FROM payment;"


@dataclass
class Product:
    """A launched product, with the ops address confirmed.

    Attributes:
        catalog: the catalog, with the version chosen.
        id: of the provisioned product.
        suffix: its EnvironmentSuffix.
        outputs: its outputs.
    """

    catalog: Catalog
    id: str
    suffix: str
    outputs: dict[str, str]

    @classmethod
    def launch(cls, cloud: Cloud, line: int) -> "Product":
        """Launch the newest version of a release line, and confirm what the mail asks to confirm."""
        catalog, suffix = on_offer(cloud, NEWEST[line]), f"drill{line}"
        record = catalog.provision(
            suffix, EnvironmentSuffix=suffix, VpcCidr=f"10.{line}.0.0/16", **PARAMETERS
        )
        assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
        product = cls(catalog, product_of(record), suffix, outputs(record))
        product.confirm()
        return product

    @property
    def cloud(self) -> Cloud:
        return self.catalog.cloud

    @property
    def identifier(self) -> str:
        return self.outputs["DatabaseIdentifier"]

    @property
    def described(self) -> dict[str, Any]:
        """The instance as RDS describes it."""
        described = self.cloud.client("rds").describe_db_instances(DBInstanceIdentifier=self.identifier)
        instance: dict[str, Any] = described["DBInstances"][0]
        return instance

    def confirm(self) -> None:
        """Type the commands of the mails that ask for a confirmation."""
        aws = Aws(self.cloud.endpoint)
        for mail in self.cloud.mailbox.to(ON_CALL):
            if mail.todo and f"-{self.suffix}" in mail.todo + mail.body:
                aws(*shlex.split(mail.todo)[1:])

    def become(self, status: str) -> None:
        """Wait for a status of the instance."""
        eventually(lambda: self.described["DBInstanceStatus"] == status, 60)

    def instances(self) -> dict[str, str]:
        """The statuses of all instances in the account, by identifier."""
        found = self.cloud.client("rds").describe_db_instances()["DBInstances"]
        return {each["DBInstanceIdentifier"]: each["DBInstanceStatus"] for each in found}

    def entry(self, identifier: str = "") -> dict[str, Any]:
        """What the local cloud tells of an instance's server; the product's own if none is named."""
        return served(self.cloud, identifier or self.identifier)

    def connection(self, identifier: str = "") -> dict[str, Any]:
        """The settings of libpq for the master user of an instance.

        A restored one without a secret of its own has the password that the product's had.
        """
        entry = self.entry(identifier)
        secret = entry["secretArn"] or self.entry()["secretArn"]
        value = self.cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        return connection(entry, json.loads(value)["password"], "payments")

    def server_folder(self) -> Path:
        """The folder of the instance's server."""
        return Path(self.entry()["caFile"]).parent / str(self.described["DbiResourceId"])

    def connect(self, **other: Any) -> psycopg.Connection[Any]:
        """Log in; each statement is a transaction of its own."""
        return psycopg.connect(**self.connection() | other, autocommit=True)

    def ask(self, query: str) -> Any:
        """Return the one value that a query answers."""
        with self.connect() as client:
            row = client.execute(query.encode()).fetchone()
        assert row
        return row[0]

    def psql(self, text: str, identifier: str = "") -> str:
        """Type a text into psql, with the product's own PsqlCommand. Returns what it prints."""
        connection = self.connection(identifier)
        command = self.outputs["PsqlCommand"].replace(self.outputs["DatabaseEndpoint"], connection["host"])
        options = "--no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1"
        done = subprocess.run(
            ["bash", "-c", f"{command} {options}"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(connection["sslrootcert"]).parent,
            env={
                "PATH": f"{packages.client()}:/usr/bin:/bin",
                "PGHOSTADDR": connection["hostaddr"],
                "PGPASSWORD": connection["password"],
            },
        )
        return done.stdout.strip()

    def shell(self, *blocks: str, **values: str) -> str:
        """Paste blocks of a page into one shell, with each `<name>` in them filled in. Returns its output."""
        text = "\n".join(blocks)
        for name, value in {"suffix": self.suffix, **values}.items():
            text = text.replace(f"<{name}>", value)
        # The loops look at the status each half minute, which is longer than the whole drill. Version 1 of
        # the command ignores AWS_ENDPOINT_URL for rds.
        settings = (
            "sleep() { command sleep 0.1; }\n"
            f'aws() {{ command aws --endpoint-url {self.cloud.endpoint} "$@"; }}\n'
        )
        done = subprocess.run(
            ["bash", "-c", settings + text],
            capture_output=True,
            text=True,
            timeout=30,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": os.environ.get("HOME", "/"),
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_PAGER": "",
            },
        )
        assert not done.stderr, done.stderr
        return done.stdout

    def mails(self) -> list[Mail]:
        """The mails to the people on call, of this product or its account, without confirmations."""
        return [mail for mail in self.cloud.mailbox.to(ON_CALL) if not mail.todo]

    def alarm_mails(self, kind: str) -> list[Mail]:
        """The mails of an alarm."""
        return [mail for mail in self.mails() if f'"{kind}-alarm-{self.suffix}"' in mail.subject]

    def update(self, version: Version | None = None, **parameters: str) -> None:
        """Update the product, to another version if one is given."""
        if version:
            self.catalog = self.catalog.offering(version)
        kept: dict[str, str | None] = dict.fromkeys(("EnvironmentSuffix", "VpcCidr", *PARAMETERS))
        record = self.catalog.update(self.id, **kept | parameters)
        assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
        self.outputs = outputs(record)
