"""An update changes in the database only what it was asked to."""

from typing import Any

import pytest
from engine.errors import UnaskedChangesError
from plan.unasked import refuse_unasked

from tests.support.databases import database


def change(name: str, before: Any, after: Any, given: str = "") -> Any:
    """A change of a property, by an input or by the product version."""
    target = {"Attribute": "Properties", "Name": name, "Path": f"/Properties/{name}"}
    target |= {"BeforeValue": str(before), "AfterValue": str(after)}
    source = {"ChangeSource": "ParameterReference", "CausingEntity": given}
    # If an input changes a property, CloudFormation lists a second, dynamic detail of the change.
    more = {"Target": target, "ChangeSource": "DirectModification"}
    details = [{"Target": target, **source}] if given else []
    return {"ResourceType": "AWS::RDS::DBInstance", "Action": "Modify", "Details": [*details, more]}


RETENTION = change("BackupRetentionPeriod", 7, 14, "BackupRetentionDays")
TAGS = {"Details": [{"Target": {"Attribute": "Tags"}}]}


def names(changed: Any) -> set[str]:
    return {detail["Target"].get("Name", "Tags") for detail in changed["Details"]}


def refused(changed: Any, **found: Any) -> str:
    with pytest.raises(UnaskedChangesError) as error:
        refuse_unasked(database(**found), changed, names(changed))  # type: ignore[arg-type]
    return str(error.value)


def done(changed: Any, **found: Any) -> None:
    refuse_unasked(database(**found), changed, names(changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [RETENTION, TAGS])
def test_a_database_that_nobody_touched_is_updated(changed: Any) -> None:
    done(changed)


@pytest.mark.parametrize("changed", [RETENTION, TAGS])
@pytest.mark.parametrize(
    ("pending", "line"),
    [
        ({"DBInstanceClass": "db.r6g.2xlarge"}, "DBInstanceClass: db.r6g.xlarge now, db.r6g.2xlarge pending"),
        ({"EngineVersion": "14.23"}, "EngineVersion: 14.22 now, 14.23 pending"),
        ({"MultiAZ": False}, "MultiAZ: true now, false pending"),
        ({"CACertificateIdentifier": "rds-ca-ecc384-g1"}, "none now, rds-ca-ecc384-g1 pending"),
        ({"IAMDatabaseAuthenticationEnabled": False}, "EnableIAMDatabaseAuthentication: none now, false"),
        ({"ProcessorFeatures": [{"Name": "coreCount", "Value": "4"}]}, "Name coreCount, Value 4 pending"),
        ({"PendingCloudwatchLogsExports": {"LogTypesToDisable": ["upgrade"]}}, "LogTypesToDisable upgrade"),
    ],
)
def test_what_somebody_left_pending_stops_every_update_of_the_database(
    changed: Any, pending: Any, line: str
) -> None:
    text = refused(changed, PendingModifiedValues=pending)
    assert text.startswith(
        "Nothing was changed, because this update would do more to DB instance database-dev"
    )
    assert line in text
    assert "modify-db-instance --db-instance-identifier database-dev --apply-immediately with the" in text


def test_a_pending_password_is_not_told() -> None:
    text = refused(RETENTION, PendingModifiedValues={"MasterUserPassword": "****"})
    assert "- MasterUserPassword: another one is pending" in text
    assert "****" not in text


@pytest.mark.parametrize(
    ("changed", "pending"),
    [
        (
            change("DBInstanceClass", "db.r6g.xlarge", "db.r6g.2xlarge", "InstanceClass"),
            {"DBInstanceClass": "db.r6g.2xlarge"},
        ),
        (change("EngineVersion", "14", "17"), {"EngineVersion": "17.11"}),
        (change("MultiAZ", "false", "true"), {"MultiAZ": True}),
        (RETENTION, {"PendingCloudwatchLogsExports": {}}),
    ],
)
def test_what_is_pending_and_asked_for_as_well_stops_nothing(changed: Any, pending: Any) -> None:
    done(changed, PendingModifiedValues=pending)


WAITING = [{"DBParameterGroupName": "group", "ParameterApplyStatus": "pending-reboot"}]


def test_parameters_that_wait_for_a_reboot_stop_an_update_that_needs_none() -> None:
    text = refused(RETENTION, DBParameterGroups=WAITING)
    assert "- group: parameters are pending a reboot, and the update would reboot" in text
    assert "aws rds reboot-db-instance --db-instance-identifier database-dev" in text


def test_parameters_that_wait_for_a_reboot_may_get_it_from_an_update_that_restarts() -> None:
    done(change("DBInstanceClass", "db.r6g.xlarge", "db.r6g.large"), DBParameterGroups=WAITING)


def test_a_full_database_gets_its_storage_whatever_is_pending() -> None:
    more = change("AllocatedStorage", 100, 200, "AllocatedStorage")
    pending = {"DBInstanceClass": "db.r6g.2xlarge"}
    done(more, DBInstanceStatus="storage-full", PendingModifiedValues=pending, DBParameterGroups=WAITING)
    assert "DBInstanceClass" in refused(more, PendingModifiedValues=pending)


def test_backups_that_somebody_keeps_for_longer_are_not_given_up_by_an_update_that_does_not_know() -> None:
    text = refused(RETENTION, BackupRetentionPeriod=35)
    assert "- BackupRetentionPeriod: 35 now, set by hand in place of 7; it would become 14." in text
    assert "BackupRetentionDays=35 keeps it" in text


def test_a_protection_that_somebody_switched_on_is_not_switched_off_by_a_product_version() -> None:
    text = refused(change("DeletionProtection", "absent", "false"), DeletionProtection=True)
    assert "- DeletionProtection: true now, set by hand in place of absent; it would become false" in text


OTHER_GROUP = change("DBParameterGroupName", "old", "{{changeSet:KNOWN_AFTER_APPLY}}")


def test_a_parameter_group_that_somebody_chose_is_not_replaced_by_one_that_does_not_exist_yet() -> None:
    text = refused(OTHER_GROUP)
    assert "DBParameterGroupName: parameter-group-postgres14-dev now, set by hand in place of old" in text
    assert "it would become another\n" in text


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        # Another engine version needs another group, whichever there is.
        ({"Details": [*OTHER_GROUP["Details"], *change("EngineVersion", 14, 17)["Details"]]}, {}),
        (change("BackupRetentionPeriod", 7, 35, "BackupRetentionDays"), {"BackupRetentionPeriod": 35}),
        # Nothing of the template changes, so the handler does not send it.
        (RETENTION, {"DeletionProtection": True, "DBInstanceClass": "db.r6g.4xlarge", "Iops": 9000}),
        (change("AllocatedStorage", 100, 300, "AllocatedStorage"), {"AllocatedStorage": 210}),
        (change("EngineVersion", "14", "17"), {}),
        (change("PreferredBackupWindow", "06:00-07:00", "05:00-06:00"), {}),
        (change("DeletionProtection", "False", "True"), {"DeletionProtection": False}),
    ],
)
def test_what_was_set_by_hand_and_stays_or_is_asked_for_stops_nothing(changed: Any, found: Any) -> None:
    done(changed, **found)


def test_a_password_that_somebody_took_over_is_not_replaced() -> None:
    found = database()
    del found["MasterUserSecret"]
    with pytest.raises(UnaskedChangesError, match="ManageMasterUserPassword: false now, set by hand"):
        refuse_unasked(found, RETENTION, names(RETENTION))  # type: ignore[arg-type]


def test_all_of_it_is_said_at_once_and_fits_into_a_reason() -> None:
    pending = {
        "DBInstanceClass": "db.r6g.16xlarge",
        "EngineVersion": "14.23",
        "MultiAZ": False,
        "StorageType": "io2",
        "Iops": 64000,
        "CACertificateIdentifier": "rds-ca-ecc384-g1",
        "MasterUserPassword": "****",
    }
    text = refused(
        RETENTION,
        DBInstanceIdentifier=f"database-{'x' * 20}",
        PendingModifiedValues=pending,
        DBParameterGroups=WAITING,
        BackupRetentionPeriod=35,
    )
    assert [line.split(":")[0] for line in text.splitlines()[1:-1]] == [
        *(f"- {name}" for name in pending),
        "- group",
        "- BackupRetentionPeriod",
    ]
    assert text.endswith("Then update again.")
    assert len(text) < 2048
