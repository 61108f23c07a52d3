"""What a launch can choose, and how TapStack becomes the file of a version (D1 to D4)."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from product_template import custom_resources
from product_template.releasing import released_versions, tables
from product_template.releasing.released_versions import JsonTemplate
from product_template.tap_stack import TapStack

VERSIONS = sorted(released_versions.DIRECTORY.glob("*.template.json"))


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.name)
def test_d1_a_version_needs_no_bucket_no_bootstrap_and_no_asset(file: Path) -> None:
    template = json.loads(file.read_text())
    assert "Rules" not in template
    assert not {"BootstrapVersion", "CDKMetadata"} & (
        template["Parameters"].keys() | template["Resources"].keys()
    )
    assert not re.search(r"cdk-[a-z0-9]+-assets|AssetParameters|aws:asset", file.read_text())
    assert file.stat().st_size < 1_000_000


def test_d1_the_functions_are_the_tested_file(product_template: JsonTemplate) -> None:
    for function, handler in (("BackupsEmptier", "empty_bucket"), ("NetworkCloser", "close_security_group")):
        properties = product_template["Resources"][function]["Properties"]
        assert properties["Code"] == {"ZipFile": custom_resources.CODE.read_text()}
        assert properties["Handler"] == f"index.{handler}"
        assert f"def {handler}(" in properties["Code"]["ZipFile"]


class TestSuffixGivenInCode:
    """D3: the same class makes the artifact and a direct deployment."""

    def test_it_ends_the_names_and_is_no_parameter(self) -> None:
        app = cdk.App(analytics_reporting=False)
        TapStack(app, "TapStack", environment_suffix="dev", synthesizer=cdk.BootstraplessSynthesizer())
        template = app.synth().get_stack_by_name("TapStack").template
        assert "EnvironmentSuffix" not in template["Parameters"]
        assert (
            template["Resources"]["DatabaseInstance"]["Properties"]["DBInstanceIdentifier"] == "database-dev"
        )

    def test_a_wrong_one_is_refused_in_words(self) -> None:
        with pytest.raises(
            ValueError, match=r"environment_suffix must be 2 to 20 characters .* but is 'Bad_Suffix'"
        ):
            TapStack(cdk.App(), "TapStack", environment_suffix="Bad_Suffix")


class TestUpgradeFromPostgreSQL14:
    @pytest.fixture
    def template(self) -> JsonTemplate:
        return tables.newest()[2]

    def test_brings_the_newest_minor_of_17_and_the_parameter_group_for_it_in_one_update(
        self, template: JsonTemplate
    ) -> None:
        database = template["Resources"]["DatabaseInstance"]["Properties"]
        group = template["Resources"]["DatabaseParameterGroup"]["Properties"]
        assert database["EngineVersion"] == "17"
        assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameterGroup"}
        assert group["Family"] == "postgres17"
        assert group["DBParameterGroupName"]["Fn::Join"][1][0] == "parameter-group-postgres17-"
        assert "PostgreSQL 17" in template["Description"]

    def test_happens_only_with_a_consent_to_17_that_nobody_has_given_before(
        self, template: JsonTemplate
    ) -> None:
        consent = template["Parameters"]["AllowMajorVersionUpgrade"]
        assert (consent["Default"], consent["AllowedValues"]) == ("none", ["none", "17"])
        allowed = template["Resources"]["DatabaseInstance"]["Properties"]["AllowMajorVersionUpgrade"]
        condition, *values = allowed["Fn::If"]
        assert values == [True, False]
        assert template["Conditions"][condition] == {
            "Fn::Equals": [{"Ref": "AllowMajorVersionUpgrade"}, "17"]
        }

    def test_is_nothing_that_the_line_before_can_be_asked_for(self, product_template: JsonTemplate) -> None:
        assert "AllowMajorVersionUpgrade" not in product_template["Parameters"]
        assert (
            "AllowMajorVersionUpgrade" not in product_template["Resources"]["DatabaseInstance"]["Properties"]
        )


class TestParameters:
    def test_all_are_grouped_and_labelled(self, product_template: JsonTemplate) -> None:
        interface = product_template["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
        assert grouped == list(product_template["Parameters"])
        assert interface["ParameterLabels"].keys() == product_template["Parameters"].keys()

    def test_only_suffix_and_emails_have_to_be_given(self, product_template: JsonTemplate) -> None:
        required = {name for name, one in product_template["Parameters"].items() if "Default" not in one}
        assert required == {"EnvironmentSuffix", "OpsEmails"}

    def test_each_says_what_it_is_and_what_it_must_be(self, product_template: JsonTemplate) -> None:
        for name, parameter in product_template["Parameters"].items():
            assert parameter["Description"].startswith("Required. ") == ("Default" not in parameter), name
            assert parameter["Description"].endswith("."), name
            assert parameter["ConstraintDescription"].startswith("must be "), name
            assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), name

    def test_defaults_keep_their_own_rules(self, product_template: JsonTemplate) -> None:
        for name, parameter in product_template["Parameters"].items():
            if "Default" in parameter:
                assert accepts(parameter, parameter["Default"]), name

    @pytest.mark.parametrize(
        ("name", "accepted", "refused"),
        [
            (
                "EnvironmentSuffix",
                ["dev", "pr", "a1", "eu-prod-2", "a" * 20],
                ["", "d", "Dev", "1dev", "-dev", "dev-", "de--v", "de_v", "a" * 21, "dev\n", "dév"],
            ),
            (
                "OpsEmails",
                ["ops@example.com", "o'neil+db@mail.example.co.uk", "a@b.io"],
                [
                    "",
                    "nope",
                    "a@b",
                    "a b@example.com",
                    "a@-b.com",
                    "@example.com",
                    "a@@example.com",
                    "a@b.com,",
                ],
            ),
            (
                "DatabaseName",
                ["payments", "p", "orders_2", "a" * 63, "user_data"],
                ["", "Payments", "1a", "_a", "a-b", "a" * 64, "user", "template1", "rdsadmin"],
            ),
            (
                "VpcCidr",
                ["10.0.0.0/16", "172.16.0.0/20", "172.31.0.0/16", "192.168.4.0/22"],
                [
                    "10.0.0.0/15",
                    "10.0.0.0/23",
                    "11.0.0.0/16",
                    "172.32.0.0/16",
                    "10.0.0.256/16",
                    "10.0.0.0",
                    "10.0.0/16",
                ],
            ),
            ("InstanceClass", ["db.r6g.large", "db.r6g.16xlarge"], ["db.t3.micro", "r6g.xlarge", ""]),
            ("AllocatedStorage", [20, 65536], [19, 65537]),
            ("MaxAllocatedStorage", [22, 65536], [21, 65537]),
            ("BackupRetentionDays", [1, 35], [0, 36]),
            (
                "EngineLifecycleSupport",
                ["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"],
                ["", "none"],
            ),
        ],
    )
    def test_rules(
        self, product_template: JsonTemplate, name: str, accepted: list[Any], refused: list[Any]
    ) -> None:
        parameter = product_template["Parameters"][name]
        assert [value for value in accepted if not accepts(parameter, value)] == []
        assert [value for value in refused if accepts(parameter, value)] == []


def accepts(parameter: dict[str, Any], value: Any) -> bool:
    """Whether CloudFormation would take the value; for a list, one of its items."""
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    if parameter["Type"] == "Number":
        return bool(parameter["MinValue"] <= value <= parameter["MaxValue"])
    return re.fullmatch(parameter["AllowedPattern"], value) is not None
