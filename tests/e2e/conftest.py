"""The unmodified `aws` command against the local cloud, as at a user's terminal."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import deploy
from tests.support.launches import BY_HAND, Aws, Catalog, on_offer
from tests.support.machinery import SWEEP, rule_is
from tests.support.versions import NEWEST, OLDEST


@pytest.fixture(scope="package")
def cloud(assembly: Path) -> Iterator[Cloud]:
    """A cloud with the synthesized catalog deployed into it, and a clock that makes hours of fractions."""
    with Cloud(speed=20_000) as cloud:
        deploy(cloud, assembly, "CatalogStack")
        # With this clock it would run without a pause, and its answers would change the counts of tests.
        with rule_is(cloud, "disabled", SWEEP):
            yield cloud


@pytest.fixture(scope="package")
def aws(cloud: Cloud) -> Aws:
    return Aws(cloud.endpoint)


@pytest.fixture(scope="package")
def guidance(cloud: Cloud) -> dict[str, str]:
    """The guidance of each version right after the catalog was deployed."""
    service_catalog = cloud.client("servicecatalog")
    product_id = service_catalog.search_products()["ProductViewSummaries"][0]["ProductId"]
    versions = service_catalog.describe_product(Id=product_id)["ProvisioningArtifacts"]
    return {version["Name"]: version["Guidance"] for version in versions}


@pytest.fixture(scope="package")
def catalog(cloud: Cloud, guidance: dict[str, str]) -> Catalog:  # noqa: ARG001 - taken before it changes
    """What is on offer: the newest released version with PostgreSQL 14 (R10)."""
    return on_offer(cloud, NEWEST[1])


@pytest.fixture(scope="package")
def oldest(catalog: Catalog) -> Catalog:
    """The catalog with its oldest version chosen, which has fewer resources, for tests about the engine."""
    return catalog.offering(OLDEST)


@pytest.fixture(scope="package")
def postgresql_17(catalog: Catalog) -> Catalog:
    """The catalog with its newest released version with PostgreSQL 17 chosen."""
    return catalog.offering(NEWEST[2])


@pytest.fixture
def publish(cloud: Cloud, catalog: Catalog) -> Iterator[Callable[[str], Catalog]]:
    """Publish a file as a version of the product; the version is gone after the test."""
    service_catalog, s3 = cloud.client("servicecatalog"), cloud.client("s3")
    bucket = "versions-by-hand"
    published: list[str] = []

    def publish(content: str) -> Catalog:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="version", Body=content)
        answer = service_catalog.create_provisioning_artifact(
            ProductId=catalog.product_id,
            Parameters={
                "Name": "by-hand",
                "Type": "EXTERNAL",
                "Info": {"LoadTemplateFromURL": BY_HAND},
                "DisableTemplateValidation": True,
            },
        )
        published.append(answer["ProvisioningArtifactDetail"]["Id"])
        return replace(catalog, version_id=published[-1])

    yield publish
    s3.delete_object(Bucket=bucket, Key="version")
    s3.delete_bucket(Bucket=bucket)
    for version in published:
        service_catalog.delete_provisioning_artifact(
            ProductId=catalog.product_id, ProvisioningArtifactId=version
        )
