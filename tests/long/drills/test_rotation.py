"""The rotation's page, typed as written: sessions of a pool go on, and new ones need the new password."""

import psycopg
import pytest

from tests.long.drills.product import Product
from tests.support.account import eventually
from tests.support.documentation import under


def test_a_pool_that_reads_the_secret_when_it_connects_outlives_a_rotation(product: Product) -> None:
    # GIVEN a pool with a session, and the password that a client of yesterday has kept
    kept = product.connection()
    with product.connect() as pooled:
        # WHEN somebody rotates the secret as the page says
        [now, _] = under("docs/runbook/rotate-secret.md", "Rotate the master secret", "sh")
        shown = product.shell(now)
        assert "LastRotatedDate" not in shown  # the query shows the date itself
        eventually(lambda: product.connection()["password"] != kept["password"])

        # THEN the open session goes on, the pool opens new ones, and the old password is refused
        assert pooled.execute("SELECT 1").fetchone() == (1,)
        assert product.ask("SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(**kept)
