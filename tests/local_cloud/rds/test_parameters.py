"""DB parameter groups: what RDS lists, what it refuses, and when a change is in force.

Sources: the RDS API reference; for words and values, the public reports that `local_cloud/rds/parameters.py`
and `families.py` name.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.rds import models, settings
from local_cloud.rds.families import FAMILIES, parameters
from local_cloud.rds.formulas import evaluate, is_formula, of_class
from local_cloud.rds.resources import DBInstance
from tests.support.account import eventually, refusal
from tests.support.rds import available, create, delete, described

NUMBERS = count()
GIB = 2**30


@pytest.fixture(scope="module")
def speed() -> float:
    return 4_000


@pytest.fixture
def group(rds: Any) -> str:
    """The name of a new parameter group of postgres17."""
    return new_group(rds)


def new_group(rds: Any, family: str = "postgres17") -> str:
    name = f"group-{next(NUMBERS)}"
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=family, Description="d")
    return name


def change(rds: Any, group: str, method: str = "immediate", **values: str) -> None:
    rds.modify_db_parameter_group(
        DBParameterGroupName=group,
        Parameters=[
            {"ParameterName": name.replace("__", "."), "ParameterValue": value, "ApplyMethod": method}
            for name, value in values.items()
        ],
    )


def listed(rds: Any, group: str, **request: Any) -> dict[str, dict[str, Any]]:
    pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group, **request)
    return {each["ParameterName"]: each for page in pages for each in page["Parameters"]}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_lists_hundreds_of_parameters(rds: Any, family: str) -> None:
    found = listed(rds, f"default.{family}")
    assert len(found) > 290
    assert found["max_connections"] == {
        "ParameterName": "max_connections",
        "ParameterValue": "LEAST({DBInstanceClassMemory/9531392},5000)",
        "Description": "Sets the maximum number of concurrent connections.",
        "Source": "system",
        "ApplyType": "static",
        "DataType": "integer",
        "AllowedValues": "6-262143",
        "IsModifiable": True,
        "ApplyMethod": "pending-reboot",
    }
    assert found["log_line_prefix"]["IsModifiable"] is False
    assert (found["log_connections"]["DataType"] == "boolean") is (family != "postgres18")
    assert "ParameterValue" not in found["work_mem"]
    assert (found["work_mem"]["Source"], found["work_mem"]["Description"][:5]) == ("engine-default", "(kB) ")
    defaults = rds.describe_engine_default_parameters(DBParameterGroupFamily=family)["EngineDefaults"]
    assert defaults["Parameters"] == list(found.values())[:100]


def test_connections_need_tls_by_default_from_postgresql_15_on() -> None:
    """User guide, "Requiring an SSL connection to a PostgreSQL DB instance"."""
    found = {family: parameters(family)["rds.force_ssl"].value for family in FAMILIES}
    assert found == dict.fromkeys(FAMILIES, "1") | {"postgres14": "0"}


def test_a_list_has_pages_of_at_most_a_hundred(rds: Any, group: str) -> None:
    first = rds.describe_db_parameters(DBParameterGroupName=group)
    second = rds.describe_db_parameters(DBParameterGroupName=group, Marker=first["Marker"], MaxRecords=20)
    assert (len(first["Parameters"]), len(second["Parameters"])) == (100, 20)
    assert first["Parameters"][-1]["ParameterName"] < second["Parameters"][0]["ParameterName"]


def test_a_list_is_of_one_source_or_of_some_names(rds: Any, group: str) -> None:
    change(rds, group, work_mem="8192", rds__force_ssl="0")
    found = listed(rds, group, Source="user")
    assert {name: each["ParameterValue"] for name, each in found.items()} == {
        "rds.force_ssl": "0",
        "work_mem": "8192",
    }
    assert {each["ApplyMethod"] for each in found.values()} == {"immediate"}
    assert "work_mem" not in listed(rds, group, Source="engine-default")
    names = [{"Name": "parameter-name", "Values": ["jit", "port"]}]
    assert listed(rds, group, Filters=names).keys() == {"jit", "port"}


@pytest.mark.parametrize(
    ("method", "values", "words"),
    [
        ("immediate", {"my": "1"}, "Could not find parameter with name: my"),
        ("immediate", {"log_line_prefix": "%m"}, "The parameter log_line_prefix cannot be modified."),
        ("immediate", {"max_connections": "9"}, "cannot use immediate apply method for static parameter"),
        ("pending-reboot", {"max_connections": "5"},
         "Value: 5 is outside of range: 6-262143 for parameter: max_connections"),
        ("immediate", {"jit": "yes"}, "Value: yes is outside of range: 0,1 for parameter: jit"),
        ("immediate", {"autovacuum_vacuum_cost_delay": "-2"}, "is outside of range: -1-100"),
        ("immediate", {"log_min_duration_statement": "1s"}, "Value: 1s is outside of range: -1-2147483647"),
        ("pending-reboot", {"max_connections": "{Memory/2}"}, "invalid parameter value: {Memory/2}"),
        ("pending-reboot", {"shared_preload_libraries": "pg_stat_statements,mine"}, "is outside of range"),
        ("soon", {"work_mem": "64"}, "Invalid apply method: soon"),
    ],
)  # fmt: skip
def test_a_change_that_rds_refuses_changes_nothing(
    rds: Any, group: str, method: str, values: dict[str, str], words: str
) -> None:
    assert words in refusal(lambda: change(rds, group, method, log_disconnections="1", **values))
    assert listed(rds, group, Source="user") == {}


def test_a_request_has_at_most_twenty_parameters(rds: Any, group: str) -> None:
    names = [name for name in parameters("postgres17") if name.startswith("enable_")][:21]
    assert "Cannot modify more than 20 parameters in a single request" in refusal(
        lambda: change(rds, group, **dict.fromkeys(names, "1"))
    )


def test_a_default_group_stays_as_it_is(rds: Any) -> None:
    assert "Cannot modify a default parameter group." in refusal(
        lambda: change(rds, "default.postgres17", work_mem="8192")
    )
    assert "Cannot modify a default parameter group." in refusal(
        lambda: rds.reset_db_parameter_group(
            DBParameterGroupName="default.postgres17", ResetAllParameters=True
        )
    )


def test_a_group_is_of_a_family_that_exists(rds: Any) -> None:
    words = "ParameterGroupFamily postgres9 is not a valid parameter group family"
    assert words in refusal(lambda: new_group(rds, "postgres9"))


def test_a_reset_takes_back_what_was_set(rds: Any, group: str) -> None:
    change(rds, group, work_mem="8192", log_connections="1")
    change(rds, group, "pending-reboot", max_connections="50")
    rds.reset_db_parameter_group(
        DBParameterGroupName=group, Parameters=[{"ParameterName": "work_mem", "ApplyMethod": "immediate"}]
    )
    assert listed(rds, group, Source="user").keys() == {"log_connections", "max_connections"}
    rds.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=True)
    assert listed(rds, group, Source="user") == {}


@pytest.mark.parametrize("family", ["postgres14", "postgres17"])
def test_what_a_database_for_payments_sets_is_modifiable(rds: Any, family: str) -> None:
    """Observed of an Aurora PostgreSQL 14 group, which has the same parameters. No output of 17 is public."""
    group = new_group(rds, family)
    change(
        rds, group, rds__force_ssl="1", ssl_min_protocol_version="TLSv1.2", log_connections="1",
        log_disconnections="1", idle_in_transaction_session_timeout="300000", log_lock_waits="1",
        tcp_keepalives_idle="60", tcp_keepalives_interval="10", tcp_keepalives_count="6",
        client_connection_check_interval="10000", rds__force_autovacuum_logging_level="log",
        log_autovacuum_min_duration="10000", track_io_timing="1", log_parameter_max_length="0",
    )  # fmt: skip
    change(rds, group, "pending-reboot", max_connections="1600")
    assert len(listed(rds, group, Source="user")) == 15


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("LEAST({DBInstanceClassMemory/9531392},5000)", 1802),
        ("{DBInstanceClassMemory/32768}", 524288),
        ("GREATEST({DBInstanceClassMemory*1024/63963136},65536)", 275036),
        ("GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)", 200),
        ("SUM({DBInstanceClassMemory/12038},-50003)", 1377133),
        ("GREATEST(${DBInstanceVCPU*2},8)", 8),
    ],
)
def test_a_formula_is_worked_out_for_the_class(formula: str, value: int) -> None:
    assert evaluate(formula, of_class("db.r6g.large")) == value


@pytest.mark.parametrize(
    "text",
    ["DBInstanceClassMemory/13212024", "{DBInstanceClassMemory", "{x/2}", "MOST(1)", "{2**9}"],
)
def test_what_is_no_formula(text: str) -> None:
    assert not is_formula(text)


@pytest.fixture(scope="module")
def instance(rds: Any) -> Iterator[str]:
    """The parameter group of an instance `db` of 17."""
    group = new_group(rds)
    create(rds, "db", EngineVersion="17.7", DBParameterGroupName=group, DBInstanceClass="db.r6g.large")
    available(rds, "db")
    yield group
    delete(rds, "db")


@pytest.fixture
def database(instance: str, rds: Any) -> Iterator[DBInstance]:
    """That instance, with all its parameters in force."""
    yield models.backend().instance("db")
    rds.reset_db_parameter_group(DBParameterGroupName=instance, ResetAllParameters=True)
    rds.modify_db_instance(DBInstanceIdentifier="db", DBParameterGroupName=instance)
    available(rds, "db")
    reboot(rds)


def reboot(rds: Any) -> None:
    rds.reboot_db_instance(DBInstanceIdentifier="db")
    available(rds, "db")


def apply_status(rds: Any) -> str:
    [group] = described(rds, "db")["DBParameterGroups"]
    return str(group["ParameterApplyStatus"])


def test_a_dynamic_parameter_is_soon_in_force(
    rds: Any, instance: str, database: DBInstance, cloud: Cloud
) -> None:
    cloud.clock.speed, speed = 20, cloud.clock.speed
    change(rds, instance, log_connections="1")
    assert apply_status(rds) == "applying"
    assert "log_connections" not in settings.in_force(database)
    eventually(lambda: apply_status(rds) == "in-sync")
    cloud.clock.speed = speed
    assert settings.in_force(database)["log_connections"] == "1"


def test_a_static_parameter_is_in_force_after_a_reboot(rds: Any, instance: str, database: DBInstance) -> None:
    change(rds, instance, "pending-reboot", max_connections="77")
    assert apply_status(rds) == "pending-reboot"
    assert settings.in_force(database)["max_connections"] == "1802"
    assert database.parameter_values["max_connections"] == "77"
    change(rds, instance, log_connections="1")
    eventually(lambda: settings.in_force(database).get("log_connections") == "1")
    assert apply_status(rds) == "pending-reboot"
    reboot(rds)
    assert apply_status(rds) == "in-sync"
    assert database.in_force == database.parameter_values
    assert settings.in_force(database)["max_connections"] == "77"


def test_a_dynamic_parameter_can_wait_for_the_reboot_too(
    rds: Any, instance: str, database: DBInstance
) -> None:
    change(rds, instance, "pending-reboot", log_connections="1")
    assert apply_status(rds) == "pending-reboot"
    assert "log_connections" not in settings.in_force(database)


def test_a_reset_of_a_static_parameter_needs_a_reboot(rds: Any, instance: str, database: DBInstance) -> None:
    change(rds, instance, "pending-reboot", max_connections="77")
    reboot(rds)
    rds.reset_db_parameter_group(DBParameterGroupName=instance)
    assert apply_status(rds) == "pending-reboot"
    assert settings.in_force(database)["max_connections"] == "77"


def test_another_group_is_in_force_after_a_reboot(rds: Any, database: DBInstance, group: str) -> None:
    """User guide, "Associating a DB parameter group with a DB instance": dynamic ones wait too."""
    change(rds, group, log_connections="1")
    rds.modify_db_instance(DBInstanceIdentifier="db", DBParameterGroupName=group)
    available(rds, "db")
    change(rds, group, log_disconnections="1")
    assert apply_status(rds) == "pending-reboot"
    assert "log_connections" not in settings.in_force(database)
    reboot(rds)
    found = settings.in_force(database)
    assert (found["log_connections"], found["log_disconnections"]) == ("1", "1")


def test_settings_suit_a_server_on_this_machine(rds: Any, instance: str, database: DBInstance) -> None:
    change(rds, instance, "pending-reboot", shared_preload_libraries="pgaudit,pg_stat_statements")
    reboot(rds)
    found = settings.in_force(database)
    assert not found.keys() & settings.LEFT_OUT.keys()
    assert not [name for name, value in found.items() if "{" in value or name.startswith("rds.")]
    assert int(found["shared_buffers"]) * 8192 == GIB // 16
    assert found["shared_preload_libraries"] == "pg_stat_statements"
    assert found["ssl_min_protocol_version"] == "TLSv1.2"
    assert settings.force_ssl(database)
