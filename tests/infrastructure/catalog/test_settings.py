"""Settings from CDK context: typed, checked, and refused in words."""

import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from catalog_stack.settings import Settings, SettingsError
from product_template.releasing import version as released

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "configuration.md"


def read(environment: dict[str, str] | None = None, **context: Any) -> Settings:
    app = cdk.App(context={f"catalog:{key}": value for key, value in context.items()})
    return Settings.from_context(app.node, environment or {})


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


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("principals", ["arn:aws:iam::111122223333:root"], "must be the ARN of an IAM role, user or group"),
        (
            "principals",
            ["arn:aws:iam::111122223333:role/Team*"],
            "must be the ARN of an IAM role, user or group",
        ),
        ("principals", 7, "list"),
        ("provisioningAccounts", ["12345"], "must be an AWS account id of 12 digits"),
        ("inactiveVersions", ["1.0.0", "0.9.0"], "must be versions of the product, which are 1."),
        ("hubAccount", "hub", "must be an AWS account id of 12 digits"),
        ("owner", "", "at least 1 character"),
        ("supportEmail", "nobody", "must be an email address"),
        ("supportUrl", "wiki", "must be a URL that starts with http:// or https://"),
        ("alarmEmail", "a@b", "must be an email address"),
        ("logRetention", "90", "'THREE_MONTHS'"),
        ("tags", "team", "must be written name=value"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key_its_rule_and_its_value(
    key: str, value: Any, rule: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**{key: value})
    message = str(refused.value)
    assert f"catalog:{key}" in message
    assert rule in message
    assert str(value[0] if isinstance(value, list) else value) in message


def test_one_version_has_to_stay_active() -> None:
    versions = list(map(str, released.templates()))
    assert read(inactiveVersions=",".join(versions[:-1])).inactive_versions == versions[:-1]
    with pytest.raises(SettingsError, match="catalog:inactiveVersions: must leave a version"):
        read(inactiveVersions=versions)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read({"CDK_DEFAULT_REGION": "eu-west-1"}, hubAccount="hub", supportUrl="wiki")
    assert [line.split(":")[0].strip() for line in str(refused.value).splitlines()[1:]] == [
        "region",
        "catalog",
        "catalog",
    ]


def test_an_unknown_setting_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(
        SettingsError, match=r"catalog:principal: no such setting; known are .*catalog:principals"
    ):
        read(principal="arn:aws:iam:::role/Team*")


def test_context_that_is_not_ours_is_left_alone() -> None:
    app = cdk.App(context={"@aws-cdk/core:checkSecretUsage": True, "environmentSuffix": "dev"})
    Settings.from_context(app.node, {})


def test_another_region_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"region: must be us-east-1, .*got 'eu-west-1'"):
        read({"CDK_DEFAULT_REGION": "eu-west-1"})


def test_the_products_own_region_is_accepted() -> None:
    read({"CDK_DEFAULT_REGION": "us-east-1"})


def test_the_documentation_lists_exactly_the_settings_there_are() -> None:
    documented = re.findall(r"^\| `catalog:(\w+)`", DOCUMENTATION.read_text(), flags=re.M)
    assert documented == [field.alias for field in Settings.model_fields.values()]
