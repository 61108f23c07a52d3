"""Whole lives, once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privilege.life import Lives, lives, reason


@pytest.fixture(scope="package")
def lived(assembly: Path) -> Iterator[Lives]:
    """A cloud in which a product was launched in its oldest version, brought to the newest, and terminated."""
    with lives(assembly) as found:
        with found.phase("provision"):
            record = found.provision("lived", version=0, EnvironmentSuffix="lived", OpsEmails="a@example.com")
        assert record["Status"] == "SUCCEEDED", reason(record)
        product = record["ProvisionedProductId"]
        with found.phase("update"):
            record = found.update(product, OpsEmails="b@example.com", BackupRetentionDays="21")
        assert record["Status"] == "SUCCEEDED", reason(record)
        with found.phase("terminate"):
            record = found.terminate(product)
        assert record["Status"] == "SUCCEEDED", reason(record)
        yield found
