"""An update from any version to the newest keeps what holds data, and replaces nothing that is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from product_template import release

Template = dict[str, Any]

VERSIONS = sorted(
    release.VERSIONS.glob("*.template.json"), key=lambda file: tuple(map(int, file.name.split(".")[:3]))
)
HOLDS_DATA = ("AWS::RDS::DBInstance", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SecretsManager::Secret")


def read(file: Path) -> Template:
    template: Template = json.loads(file.read_text())
    return template


def create_only(resource_type: str) -> list[str]:
    """The properties whose change replaces a resource, by the schema that CloudFormation has of its type."""
    if resource_type.startswith("Custom::"):
        return ["ServiceToken"]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    return [path.split("/")[2] for path in schema.get("createOnlyProperties", [])]


@pytest.mark.parametrize(
    "before", [read(file) for file in VERSIONS[:-1]], ids=[f.name for f in VERSIONS[:-1]]
)
class TestUpdateToTheNewest:
    def test_removes_nothing_that_holds_data(self, product_template: Template, before: Template) -> None:
        for logical_id, resource in before["Resources"].items():
            if resource["Type"] in HOLDS_DATA:
                assert product_template["Resources"][logical_id]["Type"] == resource["Type"]

    def test_replaces_nothing(self, product_template: Template, before: Template) -> None:
        """What has a name of its own cannot even be replaced: the old one has the name."""
        replaced = {
            logical_id: name
            for logical_id, resource in before["Resources"].items()
            if logical_id in product_template["Resources"]
            for name in create_only(resource["Type"])
            if resource["Properties"].get(name)
            != product_template["Resources"][logical_id]["Properties"].get(name)
        }
        assert replaced == {}

    def test_keeps_the_type_of_every_resource(self, product_template: Template, before: Template) -> None:
        for logical_id, resource in before["Resources"].items():
            if logical_id in product_template["Resources"]:
                assert product_template["Resources"][logical_id]["Type"] == resource["Type"]

    def test_keeps_what_others_rely_on(self, product_template: Template, before: Template) -> None:
        assert before["Outputs"].keys() <= product_template["Outputs"].keys()
        assert before["Parameters"].keys() <= product_template["Parameters"].keys()

    def test_needs_no_new_input(self, product_template: Template, before: Template) -> None:
        added = product_template["Parameters"].keys() - before["Parameters"].keys()
        assert all("Default" in product_template["Parameters"][name] for name in added)


def test_replacement_is_noticed(product_template: Template) -> None:
    assert "DBInstanceIdentifier" in create_only("AWS::RDS::DBInstance")
    assert {"Description", "DBParameterGroupName"} <= set(create_only("AWS::RDS::DBParameterGroup"))
    assert "BucketName" in create_only("AWS::S3::Bucket")
    assert product_template["Resources"]["DatabaseParameterGroup"]["Properties"]["Description"]
