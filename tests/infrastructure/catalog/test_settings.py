"""Settings from CDK context: typed, checked, and refused with a sentence."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from catalog_stack.settings import Settings, SettingsError
from product_template.releasing import released_versions

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "operate" / "configuration.md"


def read(environment: dict[str, str] | None = None, **settings: Any) -> Settings:
    return read_context({f"catalog:{key}": value for key, value in settings.items()}, environment)


def read_context(context: dict[str, Any], environment: dict[str, str] | None = None) -> Settings:
    return Settings.from_context(cdk.App(context=context).node, environment or {})


def test_nothing_has_to_be_set() -> None:
    settings = read()
    assert settings.principals == []
    assert settings.log_retention is logs.RetentionDays.THREE_MONTHS


def test_lists_and_tags_can_be_given_on_the_command_line() -> None:
    settings = read(
        principals="arn:aws:iam::111122223333:role/team/Payments, arn:aws:iam:::role/Team*",
        provisioningAccounts="111122223333",
        tags="team=payments,cost-center=42",
    )
    assert settings.principals == ["arn:aws:iam::111122223333:role/team/Payments", "arn:aws:iam:::role/Team*"]
    assert settings.provisioning_accounts == ["111122223333"]
    assert settings.tags == {"team": "payments", "cost-center": "42"}


A_PRINCIPAL = "must be ARNs of IAM roles, users or groups, or patterns such as arn:aws:iam:::role/Team*"


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("principals", ["arn:aws:iam::111122223333:root"], A_PRINCIPAL),
        ("principals", ["arn:aws:iam::111122223333:role/Team*"], A_PRINCIPAL),
        ("principals", 7, A_PRINCIPAL),
        ("provisioningAccounts", ["12345"], "must be AWS account ids of 12 digits"),
        ("inactiveVersions", 1, "must be versions of the product"),
        ("hubAccount", "hub", "must be an AWS account id of 12 digits"),
        ("owner", "", "must be 1 to 50 characters"),
        ("owner", 7, "must be 1 to 50 characters"),
        ("supportEmail", "nobody", "must be an email address"),
        ("supportEmail", "nobody@example.com\n", "must be an email address"),
        ("supportUrl", "wiki", "must be a URL that starts with http:// or https://"),
        ("supportDescription", "", "must be 1 to 8191 characters"),
        ("alarmEmail", "a@b", "must be an email address"),
        ("logRetention", "90", "must be one of ONE_DAY, THREE_DAYS"),
        ("stepConcurrency", "some", "must be a whole number, 0 or more"),
        ("stepConcurrency", -1, "must be a whole number, 0 or more"),
        ("queuesRefuseAccount", "perhaps", "must be true or false"),
        ("tags", "team", "must be name=value pairs with commas between, or an object"),
        ("tags", {"team": 7}, "must be name=value pairs with commas between, or an object"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key_its_rule_and_its_value(
    key: str, value: Any, rule: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**{key: value})
    [line] = str(refused.value).splitlines()[1:-1]
    assert line.startswith(f"  catalog:{key}: {rule}")
    wrong = value[0] if isinstance(value, list) else value["team"] if isinstance(value, dict) else value
    assert line.endswith(f"; got {wrong!r}")


def test_every_setting_says_what_it_must_be() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_an_inactive_version_that_was_never_released_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"catalog:inactiveVersions: must be versions of .* which are 1\."
    ):
        read(inactiveVersions=["1.0.0", "0.9.0"])


def test_one_version_has_to_stay_active() -> None:
    versions = list(map(str, released_versions.templates()))
    assert read(inactiveVersions=",".join(versions[:-1])).inactive_versions == versions[:-1]
    with pytest.raises(SettingsError, match="catalog:inactiveVersions: must leave a version"):
        read(inactiveVersions=versions)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read({"CDK_DEFAULT_REGION": "eu-west-1"}, hubAccount="hub", supportUrl="wiki")
    heading, *wrong, what_to_do = str(refused.value).splitlines()
    assert heading == "These settings cannot be used:"
    assert [line.split(": must")[0].strip() for line in wrong] == [
        "region",
        "catalog:hubAccount",
        "catalog:supportUrl",
    ]
    assert what_to_do == "Nothing was synthesized. Correct what is listed."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Catalog:alarmEmail", "catalog:alarmEmail"),
        ("CATALOG:ALARMEMAIL", "catalog:alarmEmail"),
        ("catalog:AlarmEmail", "catalog:alarmEmail"),
        ("catalog:alarm_email", "catalog:alarmEmail"),
        ("catalog.principals", "catalog:principals"),
        ("catalog:principal", "catalog:principals"),
        ("catlog:principals", "catalog:principals"),
        ("principals", "catalog:principals"),
        ("hubAccount", "catalog:hubAccount"),
    ],
)
def test_a_key_that_is_nearly_a_settings_is_refused_with_the_one_that_is_meant(
    written: str, meant: str
) -> None:
    with pytest.raises(SettingsError, match=rf"  {re.escape(written)}: must be written {meant}\n"):
        read_context({written: "x"})


@pytest.mark.parametrize("key", ["catalog:colour", "catalog.colour", "Catalog/colour"])
def test_an_unknown_setting_is_refused_and_the_known_ones_are_listed(key: str) -> None:
    with pytest.raises(SettingsError, match=rf"  {key}: must be a setting, which are .*catalog:principals"):
        read_context({key: "blue"})


def test_context_that_is_not_ours_is_left_alone() -> None:
    flags = json.loads((DOCUMENTATION.parents[2] / "cdk.json").read_text())["context"]
    assert read_context(flags | {"environmentSuffix": "dev", "catalogue": "books"}) == Settings()


def test_another_region_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"region: must be us-east-1, .*got 'eu-west-1'"):
        read({"CDK_DEFAULT_REGION": "eu-west-1"})


def test_the_products_own_region_is_accepted() -> None:
    read({"CDK_DEFAULT_REGION": "us-east-1"})


def test_the_documentation_lists_exactly_the_settings_there_are() -> None:
    documented = re.findall(r"^\| `catalog:(\w+)`", DOCUMENTATION.read_text(), flags=re.M)
    assert documented == [field.alias for field in Settings.model_fields.values()]
