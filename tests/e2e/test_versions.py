"""Versions that are deprecated or inactive, and versions that are published by mistake."""

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from tests.support.launches import Catalog, product_of, reason
from tests.support.machinery import release, stacks_ever

OTHER = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})


def test_a_deployment_deprecates_all_but_the_newest_version_of_each_major(guidance: dict[str, str]) -> None:
    newest = {version.partition(".")[0]: version for version in guidance}.values()
    assert guidance == {version: "DEFAULT" if version in newest else "DEPRECATED" for version in guidance}
    assert "DEPRECATED" in guidance.values()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Dear all, the template is attached.", "is not a CloudFormation template in JSON: it is not JSON"),
        (OTHER, "is not a TapStack: it has no parameter EnvironmentSuffix, no parameter OpsEmails"),
    ],
)
def test_a_version_that_is_no_template_of_this_product_is_refused_in_words(
    cloud: Cloud, publish: Callable[[str], Catalog], content: str, words: str
) -> None:
    # GIVEN a file that was released as a version
    release(cloud, content)
    catalog = publish(content)

    # WHEN it is launched
    record = catalog.provision(
        f"of-{catalog.version_id}", EnvironmentSuffix="mistake", OpsEmails="ops@example.com"
    )

    # THEN the user reads what is wrong with it, and nothing was created
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert words in reason(record)
    assert catalog.answers(record) == ["FAILED"]
    assert catalog.status(product_of(record)) == "TAINTED"
    assert stacks_ever(cloud, product_of(record)) == []


def test_the_form_of_a_version_that_is_no_template_says_so(
    cloud: Cloud, publish: Callable[[str], Catalog]
) -> None:
    catalog = publish("Dear all, the template is attached.")
    with pytest.raises(ClientError, match=r"Error occurred during parameter parsing: .*it is not JSON"):
        cloud.client("servicecatalog").describe_provisioning_parameters(
            ProductId=catalog.product_id,
            ProvisioningArtifactId=catalog.version_id,
            PathId=catalog.path_id,
        )


def test_a_version_that_needs_newer_roles_is_refused_before_anything_is_made_and_can_be_terminated(
    cloud: Cloud, catalog: Catalog
) -> None:
    # GIVEN the roles of an account that were deployed before they had a version
    iam = cloud.client("iam")
    tags = iam.list_role_tags(RoleName="SCLaunch-TapStack")["Tags"]
    [version] = [tag for tag in tags if tag["Key"] == "tapstack:roles-version"]
    iam.untag_role(RoleName="SCLaunch-TapStack", TagKeys=[version["Key"]])

    # WHEN a version is launched and its provisioned product terminated
    record = catalog.provision("outdated", EnvironmentSuffix="outdated", OpsEmails="ops@example.com")
    ended = catalog.terminate(product_of(record))
    iam.tag_role(RoleName="SCLaunch-TapStack", Tags=[version])

    # THEN the user reads which roles are missing, nothing was created, and nothing is left
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert "needs version 1 of the roles, and account 123456789012 has older roles that have" in reason(
        record
    )
    assert stacks_ever(cloud, product_of(record)) == []
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED"
