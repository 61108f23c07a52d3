"""A cloud with servers, and in it a product of each release line."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import deploy
from local_cloud.rds.postgresql import packages
from product_template.release_line import RELEASE_LINES
from tests.long.drills.product import READ, WRITE, Product


@pytest.fixture(scope="package")
def cloud(assembly: Path) -> Iterator[Cloud]:
    """The catalog in a cloud whose minutes are 60 ms long."""
    try:
        for line in RELEASE_LINES.values():
            packages.server(line.postgresql)
        packages.client()
    except packages.NoServerError as without:
        pytest.skip(str(without))
    with Cloud(speed=1000, databases=True) as cloud:
        deploy(cloud, assembly, "CatalogStack")
        yield cloud


@pytest.fixture(scope="package")
def products(cloud: Cloud) -> dict[int, Product]:
    """A product of the newest version of each release line."""
    with ThreadPoolExecutor() as pool:
        launched = pool.map(lambda line: Product.launch(cloud, line), RELEASE_LINES)
        return dict(zip(RELEASE_LINES, launched, strict=True))


@pytest.fixture(
    scope="package",
    params=RELEASE_LINES,
    ids=[f"PostgreSQL {line.postgresql}" for line in RELEASE_LINES.values()],
)
def product(request: pytest.FixtureRequest, products: dict[int, Product]) -> Product:
    return products[request.param]


@pytest.fixture(scope="package")
def written(product: Product) -> str:
    """What READ answers of the rows that WRITE has written through psql."""
    product.psql(WRITE)
    answer = product.psql(READ)
    assert answer.startswith("5000|")
    return answer
