"""The report of an update has old and new values of the live database."""

from typing import Any

import msgspec
from engine.database import settings
from engine.models import Change, Finished, WaitRequest
from wait.database import with_modified_settings

from tests.support.databases import database

ALARM = Change(logical_id="Alarm", type="AWS::CloudWatch::Alarm", action="Modify", properties=["Threshold"])


def modified(*properties: str, action: str = "Modify") -> Change:
    return Change(
        logical_id="Database", type="AWS::RDS::DBInstance", action=action, properties=list(properties)
    )


def request(request_of: Any, *planned: Change) -> WaitRequest:
    changes = [change.to_json() for change in planned]
    return msgspec.convert(request_of("update", stackId="s", changes=changes), WaitRequest)


def test_old_and_new_values_stand_at_what_was_planned_and_at_what_differs_besides(
    request_of: Any, stubbed: Any
) -> None:
    # GIVEN a database before an update
    planned = msgspec.structs.replace(
        modified("BackupRetentionPeriod", "MultiAZ", "Tags"),
        settings=settings(database(MultiAZ=False)),  # type: ignore[arg-type]
    )
    # WHEN the update has changed it, and RDS has installed a minor version meanwhile
    after = database(
        BackupRetentionPeriod=14,
        MultiAZ=False,
        EngineVersion="14.23",
        Iops=3000,
        EnabledCloudwatchLogsExports=["postgresql"],
    )
    rds, stub = stubbed("rds")
    stub.add_response(
        "describe_db_instances", {"DBInstances": [after]}, {"DBInstanceIdentifier": "database-dev"}
    )
    finished = Finished(changes=[ALARM, modified("BackupRetentionPeriod", "MultiAZ", "Tags")])
    told = with_modified_settings(lambda: rds, request(request_of, planned), finished)
    # THEN the report says so
    assert told.changes[0] == ALARM
    assert told.changes[1].properties == [
        "BackupRetentionPeriod 7 -> 14",
        "EnableCloudwatchLogsExports postgresql, upgrade -> postgresql",
        "EngineVersion 14.22 -> 14.23",
        "Iops none -> 3000",
        "MultiAZ",
        "Tags",
    ]


def test_an_update_that_left_the_database_alone_does_not_ask_for_it(request_of: Any) -> None:
    def rds() -> Any:
        raise AssertionError

    planned = msgspec.structs.replace(modified("MultiAZ"), settings={"DBInstanceIdentifier": "database-dev"})
    for finished in (Finished(), Finished(changes=[ALARM])):
        assert with_modified_settings(rds, request(request_of, planned), finished) == finished
    assert with_modified_settings(
        rds, request(request_of, modified()), Finished(changes=[modified()])
    ).changes == [modified()]
