"""Versions that an administrator publishes by mistake."""

import dataclasses
import json
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from tests.e2e.conftest import Catalog, product_of, reason
from tests.e2e.machinery import stacks_ever

BUCKET = "versions-by-mistake"
OTHER = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})


@pytest.fixture
def publish(cloud: Cloud, catalog: Catalog) -> Iterator[Callable[[str], Catalog]]:
    """Publish a file as a version of the product; the version is gone after the test."""
    service_catalog, s3 = cloud.client("servicecatalog"), cloud.client("s3")
    published: list[str] = []

    def publish(content: str) -> Catalog:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="version", Body=content)
        answer = service_catalog.create_provisioning_artifact(
            ProductId=catalog.product_id,
            Parameters={
                "Name": "mistake",
                "Type": "EXTERNAL",
                "Info": {"LoadTemplateFromURL": f"https://{BUCKET}.s3.us-east-1.amazonaws.com/version"},
                "DisableTemplateValidation": True,
            },
        )
        published.append(answer["ProvisioningArtifactDetail"]["Id"])
        return dataclasses.replace(catalog, version_id=published[-1])

    yield publish
    for version in published:
        service_catalog.delete_provisioning_artifact(
            ProductId=catalog.product_id, ProvisioningArtifactId=version
        )


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
    # GIVEN a file that somebody has published as a version
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
