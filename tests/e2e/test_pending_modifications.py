"""P7: an update changes in the database what it was asked for, and its report has the live values."""

import json
import shlex
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds.models import backend
from tests.support.launches import Aws, Catalog, outputs, product_of, reason
from tests.support.machinery import eventually

SUFFIX = "pending"
DATABASE = f"database-{SUFFIX}"


@pytest.fixture(scope="module")
def product(aws: Aws, cloud: Cloud, oldest: Catalog) -> str:
    launched = oldest.provision(SUFFIX, EnvironmentSuffix=SUFFIX, OpsEmails="pending@example.com")
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    [mail] = [mail for mail in cloud.mailbox.to("pending@example.com") if SUFFIX in mail.todo]
    aws(*shlex.split(mail.todo)[1:])
    return product_of(launched)


class Database:
    """The product's DB instance, changed by somebody who bypasses Service Catalog."""

    def __init__(self, cloud: Cloud) -> None:
        self.rds = cloud.client("rds")

    def now(self) -> dict[str, Any]:
        [found] = self.rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"]
        found.pop("LatestRestorableTime", None)  # goes on with the clock
        return {"PendingModifiedValues": {}, **found}

    def leave_pending(self, **values: Any) -> None:
        self.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, ApplyImmediately=False, **values)

    def modify(self, **values: Any) -> None:
        self.rds.modify_db_instance(DBInstanceIdentifier=DATABASE, ApplyImmediately=True, **values)
        self.await_rest()

    def await_rest(self) -> None:
        eventually(lambda: bool(self.now()["DBInstanceStatus"] == "available"), "the database is available")


@pytest.fixture
def database(cloud: Cloud, product: str) -> Database:  # noqa: ARG001
    return Database(cloud)


def succeeded(record: dict[str, Any]) -> str:
    """Return what an update that succeeded has changed."""
    assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
    return outputs(record)["Changes"]


def test_the_report_of_an_update_has_old_and_new_values_of_the_live_database(
    cloud: Cloud, oldest: Catalog, product: str, database: Database
) -> None:
    # WHEN a product that nobody touched is updated THEN it is told what its database was and is
    changes = succeeded(oldest.update(product, BackupRetentionDays="14"))
    assert changes == "changed: DatabaseInstance (BackupRetentionPeriod 7 -> 14)"
    assert database.now()["BackupRetentionPeriod"] == 14

    # AND so are those who get the alerts
    [mail] = [
        mail for mail in cloud.mailbox.to("pending@example.com") if mail.subject == "pending was updated"
    ]
    assert changes in mail.body.splitlines()


def test_those_who_get_the_alerts_are_told_of_a_failover(cloud: Cloud, database: Database) -> None:
    # WHEN somebody tries a failover, as the drill says
    before = len(cloud.mailbox.to("pending@example.com"))
    database.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    database.await_rest()

    # THEN RDS's events reach them: the topic and its key let RDS in
    mails = cloud.mailbox.to("pending@example.com")[before:]
    assert [json.loads(mail.body)["Event Message"] for mail in mails] == [
        "Multi-AZ instance failover started.",
        "DB instance restarted",
        "Multi-AZ instance failover completed",
    ]


def test_an_update_leaves_pending_what_somebody_left_pending(
    oldest: Catalog, product: str, database: Database
) -> None:
    # GIVEN a newer minor version than that of the database, and a larger class, for the maintenance window
    newest = database.now()["EngineVersion"]
    backend().databases[DATABASE].engine_version = "14.22"
    pending = {"DBInstanceClass": "db.r6g.2xlarge", "EngineVersion": newest}
    database.leave_pending(**pending)
    before = database.now()

    # WHEN somebody else updates the retention of backups
    refused = oldest.update(product, BackupRetentionDays="21")

    # THEN that is refused by name, both are still pending, and nothing has changed
    assert refused["RecordDetail"]["Status"] == "FAILED"
    lines = reason(refused).splitlines()
    assert lines[0].startswith(
        f"Nothing was changed, because this update would do more to DB instance {DATABASE}"
    )
    assert lines[1:3] == [
        "- DBInstanceClass: db.r6g.xlarge now, db.r6g.2xlarge pending",
        f"- EngineVersion: 14.22 now, {newest} pending",
    ]
    assert database.now() == before
    assert before["PendingModifiedValues"] == pending
    assert oldest.answers(refused) == ["FAILED"]

    # WHEN an update does not touch the database THEN it is done
    succeeded(oldest.update(product, OpsEmails="pending@example.com,dba@example.com"))
    assert database.now() == before

    # WHEN the minor version was taken back, and an update asks for the class THEN it is done
    database.leave_pending(EngineVersion="14.22")
    changes = succeeded(oldest.update(product, BackupRetentionDays="21", InstanceClass="db.r6g.2xlarge"))
    assert "BackupRetentionPeriod 14 -> 21, DBInstanceClass db.r6g.xlarge -> db.r6g.2xlarge" in changes
    after = database.now()
    assert (after["EngineVersion"], after["PendingModifiedValues"]) == ("14.22", {})


def test_an_update_does_not_reboot_for_parameters_that_somebody_left_waiting(
    oldest: Catalog, product: str, database: Database
) -> None:
    # GIVEN a static parameter that somebody has set
    [group] = database.now()["DBParameterGroups"]
    parameter = {"ParameterName": "track_io_timing", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    name = group["DBParameterGroupName"]
    database.rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[parameter])

    # WHEN the product is updated THEN the database is not rebooted
    refused = oldest.update(product, BackupRetentionDays="22")
    assert f"- {name}: parameters are pending a reboot, and the update would reboot" in reason(refused)
    assert database.now()["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"

    # WHEN somebody has rebooted it THEN an update is done
    database.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE)
    database.await_rest()
    succeeded(oldest.update(product, BackupRetentionDays="22"))


def test_what_was_set_by_hand_is_kept_or_asked_about(
    oldest: Catalog, product: str, database: Database
) -> None:
    # GIVEN protections that somebody has added, and storage that has grown by itself
    database.modify(DeletionProtection=True, BackupRetentionPeriod=30, AllocatedStorage=150)

    # WHEN an update would give up the older backups THEN it is refused
    before = database.now()
    refused = oldest.update(product, BackupRetentionDays="25")
    assert (
        "- BackupRetentionPeriod: 30 now, set by hand in place of 22; it would become 25. "
        "BackupRetentionDays=30 keeps it" in reason(refused)
    )
    assert database.now() == before

    # WHEN an update keeps them THEN it is done, and the rest stays
    succeeded(oldest.update(product, BackupRetentionDays="30"))
    after = database.now()
    assert (after["DeletionProtection"], after["BackupRetentionPeriod"]) == (True, 30)
    assert after["AllocatedStorage"] == 150

    # WHEN nobody asks for another one any more THEN fewer may be asked for
    assert "BackupRetentionPeriod 30 -> 25" in succeeded(oldest.update(product, BackupRetentionDays="25"))


def test_the_end_leaves_nothing_of_the_database(oldest: Catalog, product: str, database: Database) -> None:
    database.modify(DeletionProtection=False)
    ended = oldest.terminate(product)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert not [name for name in backend().databases if name == DATABASE]
