"""A server of each major version that the product has, once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from local_cloud.rds.postgresql.packages import NoServerError
from tests.runbooks.scenes import OWNER, made_database
from tests.runbooks.servers import MAJORS, PASSWORD, Server, running


@pytest.fixture(scope="session", params=MAJORS, ids=[f"PostgreSQL {major}" for major in MAJORS])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    try:
        with running(request.param) as server:
            with server.connect("postgres") as master:
                master.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
            yield server
    except NoServerError as without:
        pytest.skip(str(without))


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A database of its own for a test."""
    with made_database(server) as name:
        yield name
