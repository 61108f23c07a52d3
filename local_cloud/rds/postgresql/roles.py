"""What RDS sets up in a new database server: its own roles, the database rdsadmin, and the master user.

Sources: the RDS user guide, "Understanding PostgreSQL roles and permissions" and "Understanding the
rds_superuser role". Here `rds_replication` gives no right by itself: PostgreSQL ties replication to an
attribute of the user. So the master user has the attribute.
"""

from __future__ import annotations

from psycopg import Connection, sql

ADMINISTRATOR = "rdsadmin"  # RDS's own superuser, and the name of the database that it keeps for itself
_GROUPS = ("rds_superuser", "rds_replication", "rds_password", "rds_iam", "rds_ad")
_OF_SUPERUSER = ("pg_monitor", "pg_signal_backend", "rds_replication", "rds_password")
_SINCE_14 = ("pg_read_all_data", "pg_write_all_data")


def set_up(admin: Connection, master: str, password: str) -> None:
    """Make RDS's roles and the master user in a new server.

    Args:
        admin: a connection of the administrator, in autocommit mode.
        master: the name of the master user.
        password: its password.
    """
    for group in _GROUPS:
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(group)))
    for granted in (*_OF_SUPERUSER, *_SINCE_14):
        admin.execute(sql.SQL("GRANT {} TO rds_superuser WITH ADMIN OPTION").format(sql.Identifier(granted)))
    admin.execute(
        sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD {}").format(
            sql.Identifier(master), sql.Literal(password)
        )
    )
    # From 16 on, only who has the ADMIN option on a role may grant it.
    for granted in ("rds_superuser", "rds_iam"):
        admin.execute(
            sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(
                sql.Identifier(granted), sql.Identifier(master)
            )
        )


def own_databases(admin: Connection, master: str, name: str | None) -> None:
    """Give the master user the database postgres, and a first one of its own if `name` is given."""
    admin.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(sql.Identifier(master)))
    admin.execute(sql.SQL("ALTER DATABASE template1 OWNER TO {}").format(sql.Identifier(master)))
    admin.execute(f"CREATE DATABASE {ADMINISTRATOR}")
    if name and name != "postgres":
        admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(master))
        )


def set_password(admin: Connection, user: str, password: str) -> None:
    """Change the password of a user."""
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password)))
