"""Which versions of PostgreSQL an update may take a database to."""

from typing import Any

import pytest
from engine.account import Account
from engine.template import Template
from validate.launch import Launch
from validate.postgresql_rules import major_upgrade, violations

UNASKED: Any = None  # a client that must not be needed
GIB = 1024**3
TARGETS = ("14.23", "14.24", "15.17", "17.6", "17.9")


def running(version: str = "14.22", **more: Any) -> Any:
    """The database of the product."""
    return {
        "DBInstanceIdentifier": "database-dev",
        "DBInstanceStatus": "available",
        "EngineVersion": version,
        "AllocatedStorage": 100,
        "BackupRetentionPeriod": 7,
        "ReadReplicaDBInstanceIdentifiers": [],
        "DBParameterGroups": [{"DBParameterGroupName": "parameter-group-postgres14-dev"}],
        **more,
    }


def update(version: str = "17", consent: str | None = "17") -> Launch:
    """An update to a version of the product; without consent, to one that has no such input."""
    allowed = {"Type": "String", "Default": "none", "AllowedValues": ["none", version]}
    document = {
        "Parameters": {} if consent is None else {"AllowMajorVersionUpgrade": allowed},
        "Resources": {
            "Database": {
                "Type": "AWS::RDS::DBInstance",
                "Properties": {"Engine": "postgres", "EngineVersion": version},
            }
        },
    }
    given = {} if consent is None else {"AllowMajorVersionUpgrade": consent}
    return Launch("TapStack-pp-1", Template.parse(document), given, {}, frozenset({"database-dev"}))


@pytest.fixture
def account(stubbed: Any) -> Any:
    """An account where RDS offers some upgrades, and CloudWatch has seen some free storage."""

    def build(
        targets: Any = TARGETS,
        default: str | None = "17.9",
        free: Any = (30 * GIB, 25 * GIB),
        parameters: Any = (("rds.force_ssl", "1"),),
    ) -> Account:
        rds, offers = stubbed("rds")
        known = {
            "EngineVersion": "14.22",
            "ValidUpgradeTarget": [{"EngineVersion": each} for each in targets],
        }
        asked = {"Engine": "postgres", "EngineVersion": "14.22", "IncludeAll": True}
        offers.add_response("describe_db_engine_versions", {"DBEngineVersions": [known]}, asked)
        found = [] if default is None else [{"EngineVersion": default}]
        offers.add_response("describe_db_engine_versions", {"DBEngineVersions": found}, None)
        listed = [{"ParameterName": name, "ParameterValue": value} for name, value in parameters]
        group = {"DBParameterGroupName": "parameter-group-postgres14-dev", "Source": "user"}
        offers.add_response("describe_db_parameters", {"Parameters": listed}, group)
        cloudwatch, metrics = stubbed("cloudwatch")
        points = {"Datapoints": [{"Minimum": each} for each in free]}
        metrics.add_response("get_metric_statistics", points, None)
        return Account(UNASKED, UNASKED, UNASKED, rds, UNASKED, cloudwatch, UNASKED)

    return build


def broken(account: Account, launch: Launch, database: Any) -> list[str]:
    return [str(violation) for violation in violations(account, launch, database)]


def test_an_upgrade_that_is_offered_and_consented_to_breaks_no_rule(account: Any) -> None:
    assert broken(account(), update(), running()) == []
    assert major_upgrade(update(), running()) == "17"


@pytest.mark.parametrize(
    ("live", "wanted"), [("14.22", "14"), ("17.9", "17"), ("17.9", "17.9"), ("14.24-rds.20270301", "14.24")]
)
def test_rds_is_not_asked_about_the_version_that_runs(live: str, wanted: str) -> None:
    nobody = Account(*[UNASKED] * 7)
    assert broken(nobody, update(wanted, "none"), running(live)) == []
    assert major_upgrade(update(wanted), running(live)) is None


def test_a_launch_upgrades_nothing() -> None:
    assert broken(Account(*[UNASKED] * 7), update(), None) == []
    assert major_upgrade(update(), None) is None


@pytest.mark.parametrize(("live", "wanted"), [("17.6", "14"), ("14.22", "14.20"), ("17.10", "17.9")])
def test_a_downgrade_is_refused_with_what_to_choose_instead(live: str, wanted: str) -> None:
    nobody = Account(*[UNASKED] * 7)
    [line] = broken(nobody, update(wanted, "none"), running(live))
    assert line.startswith(
        f"- Product version: would downgrade the database from PostgreSQL {live} to {wanted}"
    )
    assert f"RDS can't downgrade. Choose a version with PostgreSQL {live.split('.')[0]} or newer" in line
    assert major_upgrade(update(wanted), running(live)) is None


@pytest.mark.parametrize(
    ("targets", "default", "words"),
    [
        (
            TARGETS,
            "17.10",
            "to 17.10, and RDS does not upgrade 14.22 to that. It upgrades to 14.24, 15.17, 17",
        ),
        (("14.24", "15.17"), "17.9", "to 17.9, and RDS does not upgrade 14.22 to that. It upgrades to 14.24"),
        (TARGETS, None, "to 17, and RDS does not upgrade 14.22 to that"),
        ((), "17.9", "It upgrades to none"),
    ],
)
def test_a_target_that_rds_does_not_offer_is_refused_with_what_it_offers(
    account: Any, targets: Any, default: str | None, words: str
) -> None:
    [line] = broken(account(targets, default), update(), running())
    assert line.startswith("- Product version: would upgrade the database from PostgreSQL 14.22 ")
    assert words in line


def test_a_minor_upgrade_needs_an_offer_and_nothing_else(stubbed: Any) -> None:
    rds, offers = stubbed("rds")
    known = {"ValidUpgradeTarget": [{"EngineVersion": "14.24"}]}
    for _ in range(2):
        offers.add_response("describe_db_engine_versions", {"DBEngineVersions": [known]}, None)
    account = Account(UNASKED, UNASKED, UNASKED, rds, UNASKED, UNASKED, UNASKED)
    busy = running(DBInstanceStatus="backing-up")
    assert broken(account, update("14.24", "none"), busy) == []
    assert "It upgrades to 14.24 at most" in broken(account, update("14.23", "none"), busy)[0]


def test_a_major_upgrade_needs_consent_to_that_very_version(account: Any) -> None:
    [line] = broken(account(), update(consent="none"), running())
    assert line.startswith("- AllowMajorVersionUpgrade: must be 17 for this version")
    assert "from PostgreSQL 14.22 to 17" in line
    assert line.endswith('(given: "none")')


def test_a_version_that_can_not_be_consented_to_can_not_be_upgraded_to(account: Any) -> None:
    [line] = broken(account(), update(consent=None), running())
    assert "has no input AllowMajorVersionUpgrade for your consent: choose another version" in line


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (
            {"DBInstanceStatus": "storage-optimization"},
            "is storage-optimization, and RDS upgrades only an available one",
        ),
        ({"BackupRetentionPeriod": 0}, "has no automated backups"),
        ({"ReadReplicaDBInstanceIdentifiers": ["a", "b"]}, "has read replicas (a, b)"),
        ({"ReadReplicaDBClusterIdentifiers": ["cluster"]}, "has read replicas (cluster)"),
    ],
)
def test_a_database_that_is_not_ready_for_a_major_upgrade_is_refused(
    account: Any, database: Any, words: str
) -> None:
    [line] = broken(account(), update(), running(**database))
    assert line.startswith("- Database database-dev: ")
    assert words in line


def test_logical_replication_stands_against_a_major_upgrade(account: Any) -> None:
    replicating = account(parameters=[("rds.logical_replication", "1")])
    [line] = broken(replicating, update(), running())
    assert "has rds.logical_replication on in parameter group parameter-group-postgres14-dev" in line


@pytest.mark.parametrize(
    ("free", "words"),
    [
        ([50 * GIB, 19.9 * GIB], "had only 19.9 GiB of its 100 GiB free within the last hour"),
        ([], "has no FreeStorageSpace in CloudWatch for the last hour"),
    ],
)
def test_a_major_upgrade_needs_a_fifth_of_the_storage_free(account: Any, free: Any, words: str) -> None:
    [line] = broken(account(free=free), update(), running())
    assert words in line


def test_the_fifth_itself_is_enough(account: Any) -> None:
    assert broken(account(free=[20 * GIB]), update(), running()) == []


def test_all_that_stands_against_an_upgrade_is_said_at_once(account: Any) -> None:
    worst = running(DBInstanceStatus="modifying", BackupRetentionPeriod=0)
    lines = broken(account(targets=[], free=[]), update(consent="none"), worst)
    assert [line.split(":")[0] for line in lines] == [
        "- Product version",
        "- AllowMajorVersionUpgrade",
        *["- Database database-dev"] * 3,
    ]
