"""Rows stay through updates, and through 14 -> 17. The end leaves nothing."""

import socket
from pathlib import Path

from tests.long.drills.product import READ, Product
from tests.support.account import eventually
from tests.support.inventory import left_with
from tests.support.launches import reason
from tests.support.versions import NEWEST


def test_rows_are_there_after_an_update(product: Product, written: str) -> None:
    product.update(BackupRetentionDays="21")
    assert product.described["BackupRetentionPeriod"] == 21
    assert product.psql(READ) == written


def test_rows_are_there_after_the_upgrade_to_17(product: Product, written: str) -> None:
    if product.ask("SHOW server_version").startswith("14."):
        product.update(NEWEST[2], AllowMajorVersionUpgrade="17")
    assert product.ask("SHOW server_version").startswith("17.")
    assert product.psql(READ) == written


def test_nothing_is_left_after_the_termination(product: Product) -> None:
    entry, folder = product.entry(), product.server_folder()
    assert folder.exists()

    ended = product.catalog.terminate(product.id)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)

    eventually(lambda: not Path("/proc", str(entry["pid"])).exists())
    with socket.socket() as port:
        assert port.connect_ex((entry["hostaddr"], entry["port"])) != 0
    assert not folder.exists()
    assert [line for line in left_with(product.cloud, product.suffix) if "RDSOSMetrics" not in line] == []
