"""Major upgrades: the checks before them, and the move of everything into a server of the new version.

RDS upgrades with pg_upgrade, which needs programs of the old version that no package has. Here a dump of the
old server goes into the new one. Like after pg_upgrade, roles, passwords and settings are the same, and the
planner's statistics are missing. Unlike after it, extensions have the new server's versions.

Sources: the RDS user guide's "How to perform a major version upgrade for RDS for PostgreSQL" and public
reports (the log's words); PostgreSQL's manual, "pg_upgrade", and its source (check.c).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

from psycopg import Connection
from psycopg.conninfo import make_conninfo

from . import packages, roles
from .server import Server

_REGISTERED = (
    "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc",
    "regprocedure",
)  # fmt: skip
# A column has the type if it is of it, or of a domain, an array, a range or a row that has it inside.
_IS_USED = """
WITH RECURSIVE part (whole, inside) AS (
  SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'
  UNION ALL SELECT oid, typelem FROM pg_type WHERE typelem <> 0
  UNION ALL SELECT rngtypid, rngsubtype FROM pg_range
  UNION ALL SELECT rngmultitypid, rngtypid FROM pg_range
  UNION ALL SELECT row.reltype, field.atttypid FROM pg_class row JOIN pg_attribute field
    ON field.attrelid = row.oid AND field.attnum > 0 AND NOT field.attisdropped WHERE row.reltype <> 0
), found (type) AS (
  SELECT oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY (%s)
  UNION SELECT part.whole FROM found JOIN part ON part.inside = found.type
)
SELECT EXISTS (
  SELECT FROM pg_attribute field JOIN pg_class relation ON relation.oid = field.attrelid
  WHERE field.atttypid IN (SELECT type FROM found) AND field.attnum > 0 AND NOT field.attisdropped
    AND relation.relkind IN ('r', 'm', 'i')
    AND relation.relnamespace::regnamespace::text !~ '^(pg_catalog|information_schema|pg_toast|pg_temp)'
)
"""
_USES_ACTIVITY = """
SELECT EXISTS (
  SELECT FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid
  WHERE pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.refobjid = 'pg_stat_activity'::regclass
    AND pg_rewrite.ev_class <> 'pg_stat_activity'::regclass AND pg_rewrite.ev_class >= 16384
)
"""
_EXTENSIONS = "SELECT extname, extowner::regrole::text FROM pg_extension WHERE oid >= 16384"
# PostgreSQL has no command for it: a dump leaves extensions to the user who restores it.
_OWN_EXTENSION = """
WITH changed AS (UPDATE pg_extension SET extowner = %s::regrole WHERE extname = %s RETURNING oid, extowner)
INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_extension'::regclass, oid, 0,
  'pg_authid'::regclass, extowner, 'o' FROM changed
"""


class NotUpgradedError(Exception):
    """The upgrade failed, and the old server is as it was. The message is for the upgrade's log."""


class PrecheckError(NotUpgradedError):
    """Something in the server can't be upgraded."""


def upgrade(old: Server, new: Server, old_version: str, new_version: str) -> None:
    """Move everything from a stopped server into a new one, which has no folder yet. Both are stopped then.

    Nobody can connect to either of them meanwhile.

    Args:
        old: the server, which keeps its data.
        new: the server of the new major version, on the address of the old one.
        old_version: the versions, as their owner calls them.
        new_version: the other one.

    Raises:
        PrecheckError: something in the old server has no place in the new one.
        NotUpgradedError: the move failed.
    """
    try:
        old.start(private=True)
        if found := list(_precheck(old, int(new_version.partition(".")[0]))):
            raise PrecheckError(_log(found, old_version, new_version))
        new.start(private=True)
        with new.admin("postgres") as admin:
            admin.execute(f"CREATE DATABASE {roles.ADMINISTRATOR}")
        _move(old, new)
    finally:
        old.stop()
        new.stop()


def _log(found: list[str], old_version: str, new_version: str) -> str:
    rule = "-" * 66
    # As in public reports: github.com/ministryofjustice/cloud-platform, issue 7726.
    return "\n".join(
        [
            rule,
            f"Upgrade could not be run on {datetime.now(UTC):%a %b %d %H:%M:%S %Y}",
            rule,
            f"The instance could not be upgraded from {old_version} to {new_version} because of following "
            "reasons. Please take appropriate action on databases that have usages incompatible with "
            "requested major engine version upgrade and try again.",
            *found,
            "",
            "----------------------- END OF LOG ----------------------",
            "",
        ]
    )


def _precheck(old: Server, target: int) -> Iterator[str]:
    with old.admin("postgres") as admin:
        if admin.execute("SELECT FROM pg_prepared_xacts").rowcount:
            yield (
                "- There are uncommitted prepared transactions. Please commit or rollback all prepared "
                "transactions."
            )
        if admin.execute("SELECT FROM pg_replication_slots WHERE slot_type = 'logical'").rowcount:
            yield (
                "- The instance could not be upgraded because it has one or more logical replication slots. "
                "Please drop all logical replication slots and try again."
            )
        for (name,) in admin.execute("SELECT datname FROM pg_database WHERE datconnlimit = -2").fetchall():
            yield f"- The database '{name}' is invalid: its DROP was interrupted. Drop it and try again."
        closed = "SELECT datname FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'"
        for (name,) in admin.execute(closed).fetchall():
            yield f"- The database '{name}' does not allow connections. Allow them and try again."
    for name in _databases(old):
        with old.admin(name) as admin:
            problems = list(_precheck_database(admin, target))
        if problems:
            yield f"- Following usages in database '{name}' need to be corrected before upgrade:"
            yield from problems


def _precheck_database(admin: Connection, target: int) -> Iterator[str]:
    types = {"reg*": list(_REGISTERED)}
    if admin.info.server_version < 160000 and target >= 16:
        types["aclitem"] = ["aclitem"]
    used = [f'"{kind}"' for kind, names in types.items() if _says(admin, _IS_USED, names)]
    if used:
        yield (
            f"-- The [{','.join(used)}] data types are used in user tables. Remove all usage of these data "
            "types."
        )
    if _says(admin, _USES_ACTIVITY):
        yield (
            "-- The database has views or materialized views that depend on 'pg_stat_activity'. Drop the "
            "views."
        )


def _says(admin: Connection, query: str, *parameters: object) -> bool:
    [(answer,)] = admin.execute(query, parameters or None).fetchall()
    return bool(answer)


def _databases(server: Server) -> list[str]:
    """Return the databases that users can enter."""
    ours = "SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2 AND datname <> %s"
    with server.admin("postgres") as admin:
        return [str(name) for (name,) in admin.execute(ours, [roles.ADMINISTRATOR])]


def _move(old: Server, new: Server) -> None:
    # The new server has this role, and RDS's own.
    own = (f"CREATE ROLE {roles.ADMINISTRATOR};", f"ALTER ROLE {roles.ADMINISTRATOR} WITH")
    everyone = _run(old, "pg_dumpall", "--globals-only", database="postgres")
    kept = [line for line in everyone.splitlines() if not line.startswith(own)]
    _run(new, "psql", *_STRICTLY, database="postgres", stdin="\n".join(kept))
    for name in _databases(old):
        # Two databases are in the new server already; their owners, rights and settings are not.
        replaced = ("--clean",) if name in ("postgres", "template1") else ()
        other = "template1" if name == "postgres" else "postgres"
        dump = old.folder / "upgrade.sql"
        _run(old, "pg_dump", "--create", *replaced, f"--file={dump}", database=name)
        try:
            _run(new, "psql", *_STRICTLY, f"--file={dump}", database=other)
        finally:
            dump.unlink()
        with old.admin(name) as admin:
            extensions = admin.execute(_EXTENSIONS).fetchall()
        with new.admin(name) as admin:
            for extension, owner in extensions:
                if owner != roles.ADMINISTRATOR:
                    admin.execute(_OWN_EXTENSION, [owner, extension])


_STRICTLY = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")


def _run(server: Server, program: str, *arguments: str, database: str, stdin: str = "") -> str:
    """Run a client program as the administrator of a server.

    Raises:
        NotUpgradedError: the program failed.
    """
    done = subprocess.run(
        [
            str(packages.client() / program),
            *arguments,
            "--dbname",
            make_conninfo(
                host=str(server.folder / "socket"),
                port=server.port,
                user=roles.ADMINISTRATOR,
                dbname=database,
            ),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        **server.account.options(),
    )
    if done.returncode:
        raise NotUpgradedError(f"{program}: {done.stderr.strip()}")
    return str(done.stdout)
