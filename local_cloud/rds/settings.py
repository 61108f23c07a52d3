"""What an instance's parameters become in the postgresql.conf of a PostgreSQL server on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from .families import Parameter, parameters
from .formulas import evaluate, of_class
from .offers import ENGINE, major_of
from .resources import DBInstance

# Parameters that are not written -> why.
LEFT_OUT = {
    **dict.fromkeys(
        ("config_file", "data_directory", "hba_file", "ident_file", "stats_temp_directory",
         "unix_socket_directories", "unix_socket_group", "unix_socket_permissions"),
        "a path or group of RDS's machines",
    ),
    **dict.fromkeys(
        ("listen_addresses", "port", "ssl", "ssl_ca_file", "ssl_cert_file", "ssl_crl_dir", "ssl_key_file"),
        "the server has an address, a port and a certificate of its own",
    ),
    **dict.fromkeys(
        ("log_destination", "log_directory", "log_file_mode", "log_filename", "log_rotation_age",
         "log_rotation_size", "log_truncate_on_rotation", "logging_collector"),
        "the server's log goes where the local cloud reads it",
    ),
    **dict.fromkeys(
        ("archive_command", "archive_timeout", "fsync", "full_page_writes", "recovery_init_sync_method",
         "wal_sync_method"),
        "whoever runs the server decides how durable it is and where its WAL goes",
    ),
    "huge_pages": "this machine may have none, and the server would not start",
    "log_hostname": "the system may look up an address of 127.0.0.0/8 in the network",
    "max_stack_depth": "this machine's stack limit may be lower, and the server would not start",
    "superuser_reserved_connections": "PostgreSQL's default is RDS's value",
    "syslog_facility": "no log goes to syslog",
    "wal_keep_size": "would fill the disk with WAL that no replica reads",
}  # fmt: skip
_SHARED_BUFFERS = 8192  # pages of 8 KiB: 64 MiB. RDS gives a quarter of the class's memory
# Libraries that PostgreSQL's own packages have. A server with another one would not start.
_LIBRARIES = ("auto_explain", "pg_prewarm", "pg_stat_statements")


def in_force(database: DBInstance) -> dict[str, str]:
    """Return an instance's settings until its next start. Numbers are in PostgreSQL's own units."""
    known, values = _known(database), _values(database)
    variables: dict[str, float] = of_class(database.db_instance_class) | {
        "AllocatedStorage": database.allocated_storage,
        "EndPointPort": int(database.port or 0),
        "TrueIfReplica": 0,
    }
    found = {
        name: str(evaluate(value, variables))
        if "{" in value and known[name].data_type == "integer"
        else value
        for name, value in values.items()
        if known[name].of_server and name not in LEFT_OUT
    }
    if values.get("rds.logical_replication") == "1":
        found["wal_level"] = "logical"  # "Performing logical replication for Amazon RDS for PostgreSQL"
    found["shared_buffers"] = str(min(int(found["shared_buffers"]), _SHARED_BUFFERS))
    wanted = [library.strip() for library in found["shared_preload_libraries"].split(",")]
    found["shared_preload_libraries"] = ",".join(each for each in wanted if each in _LIBRARIES)
    return found


def force_ssl(database: DBInstance) -> bool:
    """Say whether the instance refuses connections without TLS: rds.force_ssl, which is dynamic."""
    return _values(database)["rds.force_ssl"] == "1"


def _known(database: DBInstance) -> Mapping[str, Parameter]:
    return parameters(f"{ENGINE}{major_of(database.engine_version)}")


def _values(database: DBInstance) -> dict[str, str]:
    known = _known(database)
    defaults = {name: each.value for name, each in known.items() if each.value is not None}
    return defaults | {name: value for name, value in database.in_force.items() if name in known}
