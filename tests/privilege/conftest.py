"""The lives of products, run once for all tests of this folder, and what they proved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privilege.life import NEWEST_OF_LINE_2, Lives, actions_of, lives, reason
from tests.support.versions import EARLIER, OLDEST

LIVED = pytest.StashKey[Lives]()


@pytest.fixture(scope="package")
def lived(assembly: Path, pytestconfig: pytest.Config) -> Iterator[Lives]:
    """A cloud after the life of a product, from the oldest version to the newest of the next release line."""
    with lives(assembly) as found:
        with found.phase("provision"):
            found.form()
            record = found.provision("lived", OLDEST, EnvironmentSuffix="lived", OpsEmails="a@example.com")
            found.confirm_mail()
        assert record["Status"] == "SUCCEEDED", reason(record)
        product = record["ProvisionedProductId"]
        with found.phase("step"):
            # A new static parameter and a change of the instance together make CloudFormation reboot it.
            record = found.update(product, EARLIER, BackupRetentionDays="20")
        assert record["Status"] == "SUCCEEDED", reason(record)
        with found.phase("update"):
            record = found.update(product, OpsEmails="b@example.com", BackupRetentionDays="21")
        assert record["Status"] == "SUCCEEDED", reason(record)
        with found.phase("unchanged"):
            record = found.update(product)
        assert record["Status"] == "SUCCEEDED", reason(record)
        with found.phase("export"):
            assert found.export("lived") == "SUCCEEDED"
        with found.phase("upgrade"):
            record = found.update(product, NEWEST_OF_LINE_2, AllowMajorVersionUpgrade="17")
        assert record["Status"] == "SUCCEEDED", reason(record)
        with found.phase("terminate"):
            record = found.terminate(product)
        assert record["Status"] == "SUCCEEDED", reason(record)
        pytestconfig.stash[LIVED] = found
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was proved."""
    if lived := config.stash.get(LIVED, None):
        unproved = sum(len(terminalreporter.stats.get(kind, [])) for kind in ("failed", "error"))
        granted = sum(len(actions_of(documents)) for documents in lived.policies.values())
        statements = sum(
            len(document["Statement"]) for documents in lived.policies.values() for document in documents
        )
        terminalreporter.write_line(
            f"Permissions: {unproved} proofs failed; {len(lived.requests)} requests judged against "
            f"{len(lived.policies)} roles with {granted} actions, and without each of {statements} statements"
        )
