"""What users find in Service Catalog."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from catalog_stack.catalog import Catalog
from catalog_stack.encryption import CatalogKey
from catalog_stack.permissions.launch_roles import LaunchRoles
from catalog_stack.settings import Settings
from catalog_stack.version_guidance import guidance
from product_template.releasing import released_versions
from product_template.releasing.version import Version
from tests.support import versions

ON_OFFER = sorted(versions.ALL)


@pytest.fixture(scope="module")
def catalog(catalog_template: Any) -> Template:
    return Template.from_json(catalog_template)


def small_catalog(directory: Path = released_versions.DIRECTORY, **settings: Any) -> Template:
    """A catalog without the engine, which takes longer to synthesize."""
    stack = cdk.Stack(cdk.App(), "Stack")
    roles = LaunchRoles(stack, "LaunchRoles", hub_account=stack.account)
    key = CatalogKey(stack, "Key")
    Catalog(
        stack,
        "Catalog",
        settings=Settings.model_validate(settings, context=directory),
        versions=directory,
        launch_roles=roles,
        key=key,
    )
    return Template.from_stack(stack)


def offered(catalog: Template) -> list[Any]:
    [product] = catalog.find_resources("AWS::ServiceCatalog::CloudFormationProduct").values()
    parameters: list[Any] = product["Properties"]["ProvisioningArtifactParameters"]
    return parameters


def test_the_product_and_each_of_its_versions_are_external(catalog: Template) -> None:
    catalog.has_resource_properties(
        "AWS::ServiceCatalog::CloudFormationProduct", {"Name": "TapStack", "ProductType": "EXTERNAL"}
    )
    assert {version["Type"] for version in offered(catalog)} == {"EXTERNAL"}
    assert all(version["DisableTemplateValidation"] for version in offered(catalog))


def test_each_version_file_is_a_version_with_a_description(catalog: Template) -> None:
    assert [version["Name"] for version in offered(catalog)] == list(map(str, ON_OFFER))
    assert all(version["Description"] for version in offered(catalog))


def test_a_version_is_loaded_from_a_copy_named_by_its_content(catalog: Template, assembly: Path) -> None:
    published = json.loads((assembly / "CatalogStack.assets.json").read_text())["files"]
    for version, name in zip(offered(catalog), ON_OFFER, strict=True):
        url = version["Info"]["LoadTemplateFromURL"]["Fn::Sub"]
        [source] = [asset["source"]["path"] for asset in published.values() if url.endswith(key_of(asset))]
        assert url.startswith("https://s3.us-east-1.")
        assert json.loads((assembly / source).read_text()) == versions.ALL[name]


def key_of(asset: Any) -> str:
    [destination] = asset["destinations"].values()
    return f"/{destination['objectKey']}"


def test_the_launch_constraint_waits_for_the_product_and_for_both_roles(catalog: Template) -> None:
    [constraint] = catalog.find_resources("AWS::ServiceCatalog::LaunchRoleConstraint").values()
    assert constraint["Properties"]["LocalRoleName"] == "SCLaunch-TapStack"
    assert "RoleArn" not in constraint["Properties"]
    needed = {
        logical_id
        for kind in ("AWS::ServiceCatalog::PortfolioProductAssociation", "AWS::IAM::ManagedPolicy")
        for logical_id in catalog.find_resources(kind)
        # The policies of functions have nothing to do with a launch.
        if not logical_id.startswith(("Engine", "CatalogVersionGuidance"))
    } | {
        logical_id
        for logical_id, role in catalog.find_resources("AWS::IAM::Role").items()
        if "RoleName" in role["Properties"]
    }
    assert needed <= set(constraint["DependsOn"])


def test_a_named_principal_may_launch_and_a_pattern_stands_for_many() -> None:
    catalog = small_catalog(
        principals=["arn:aws:iam::111122223333:role/Payments", "arn:aws:iam:::role/Team*"]
    )
    for arn, kind in (
        ("arn:aws:iam::111122223333:role/Payments", "IAM"),
        ("arn:aws:iam:::role/Team*", "IAM_PATTERN"),
    ):
        catalog.has_resource_properties(
            "AWS::ServiceCatalog::PortfolioPrincipalAssociation", {"PrincipalARN": arn, "PrincipalType": kind}
        )


def test_similar_principals_are_different_associations() -> None:
    catalog = small_catalog(
        principals=["arn:aws:iam:::role/a-b", "arn:aws:iam:::role/ab", "arn:aws:iam:::role/a*b"]
    )
    catalog.resource_count_is("AWS::ServiceCatalog::PortfolioPrincipalAssociation", 3)


def test_a_principal_named_twice_is_associated_once() -> None:
    catalog = small_catalog(principals=["arn:aws:iam:::role/Team*"] * 2)
    catalog.resource_count_is("AWS::ServiceCatalog::PortfolioPrincipalAssociation", 1)


def test_nobody_may_launch_until_somebody_is_named() -> None:
    small_catalog().resource_count_is("AWS::ServiceCatalog::PortfolioPrincipalAssociation", 0)


def test_users_see_who_helps_them() -> None:
    small_catalog(
        owner="Databases", supportEmail="db@example.com", supportUrl="https://wiki"
    ).has_resource_properties(
        "AWS::ServiceCatalog::CloudFormationProduct",
        {
            "Owner": "Databases",
            "SupportEmail": "db@example.com",
            "SupportUrl": "https://wiki",
            "SupportDescription": Match.any_value(),
        },
    )


def test_the_outputs_say_how_to_launch_the_newest_version_with_postgresql_14(catalog: Template) -> None:
    [output] = catalog.find_outputs("LaunchCommand").values()
    command = json.dumps(output["Value"])
    assert "aws servicecatalog provision-product --region us-east-1" in command
    newest = str(max(version for version in ON_OFFER if version.major == 1))
    assert f"--provisioning-artifact-name {newest} " in command
    assert [each["Value"] for each in catalog.find_outputs("Version").values()] == [newest]


def marks(catalog: Template) -> dict[str, tuple[str, str]]:
    [resource] = catalog.find_resources("Custom::VersionGuidance").values()
    listed = resource["Properties"]["Versions"]
    return {version["Name"]: (version["Guidance"], version["Active"]) for version in listed}


def test_every_version_is_active_and_has_its_guidance(catalog: Template) -> None:
    expected = guidance(ON_OFFER, [])
    assert marks(catalog) == {version: (guidance, "true") for version, guidance in expected.items()}


def test_the_newest_of_each_major_may_be_launched_and_earlier_ones_are_deprecated() -> None:
    numbers = [Version(1, 0, 0), Version(1, 1, 0), Version(2, 0, 0), Version(2, 0, 1)]
    assert guidance(numbers, []) == {
        "1.0.0": "DEPRECATED",
        "1.1.0": "DEFAULT",
        "2.0.0": "DEPRECATED",
        "2.0.1": "DEFAULT",
    }


def test_the_version_before_takes_the_place_of_one_that_is_inactive(tmp_path: Path) -> None:
    earlier, newest = versions.EARLIER, versions.NEWEST[1]
    versions.shelve(tmp_path, [earlier, newest])
    catalog = small_catalog(tmp_path, inactiveVersions=str(newest))
    assert marks(catalog) == {str(earlier): ("DEFAULT", "true"), str(newest): ("DEPRECATED", "false")}


def test_the_function_behind_the_guidance_may_change_versions_of_this_product_alone(
    catalog: Template,
) -> None:
    [product] = catalog.find_resources("AWS::ServiceCatalog::CloudFormationProduct")
    policies = catalog.find_resources("AWS::IAM::ManagedPolicy").items()
    [policy] = [policy for name, policy in policies if name.startswith("CatalogVersionGuidance")]
    [of_versions, of_log] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert of_versions["Action"] == [
        "servicecatalog:ListProvisioningArtifacts",
        "servicecatalog:UpdateProvisioningArtifact",
    ]
    assert of_versions["Resource"]["Fn::Join"][1][-2:] == [":product/", {"Ref": product}]
    assert of_log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    roles = catalog.find_resources("AWS::IAM::Role").items()
    [role] = [role for name, role in roles if name.startswith("CatalogVersionGuidance")]
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
