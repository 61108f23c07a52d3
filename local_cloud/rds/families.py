"""The parameters of RDS's DB parameter group families postgres14 to postgres18.

Where the facts come from:

- **PostgreSQL**: names, types, ranges, units, descriptions and which need a start, read from servers
  (`postgresql_settings.json`; tests/local_cloud/rds/read_settings.py prints it). RDS's list differs from
  that in the tables below.
- **Documented** (RDS user guide, "Working with parameters on your RDS for PostgreSQL DB instance", "Using SSL
  with a PostgreSQL DB instance", "RAM disk for the stats_temp_directory"): what is static, the default of
  rds.force_ssl, which versions have a RAM disk.
- **Observed** in public outputs of describe-db-parameters: of a postgres12 group, every name and value; of an
  Aurora PostgreSQL 14 group, all fields; of postgres11 and postgres14 groups, which can't be modified.
- **Guessed**: that 15 to 18 follow 14 in what they list and refuse; that a parameter newer than 14 is listed
  and modifiable unless `_NOT_LISTED` names it; that TLSv1.3 is allowed from 14 on; that a value of RDS has
  the source "system" and no other has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .offers import ENGINE, MAJORS


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Settings of PostgreSQL that RDS doesn't list: neither observed group of 12 and 14 has them. Those newer than
# 14 are of the same kinds: for developers, recovery, replication by hand, the machine.
_NOT_LISTED = _names(
    """
    allow_alter_system allow_in_place_tablespaces allow_system_table_mods archive_cleanup_command
    archive_library archive_mode bonjour bonjour_name cluster_name createrole_self_grant data_sync_retry
    debug_discard_caches debug_io_direct debug_logical_replication_streaming debug_parallel_query
    default_table_access_method default_text_search_config dynamic_library_path dynamic_shared_memory_type
    event_source event_triggers extension_control_path external_pid_file file_copy_method
    file_extend_method gss_accept_delegation hot_standby huge_page_size icu_validation_level
    ignore_checksum_failure ignore_system_indexes jit_debugging_support jit_dump_bitcode jit_expressions
    jit_profiling_support jit_provider jit_tuple_deforming krb_server_keyfile local_preload_libraries
    lock_timeout log_recovery_conflict_waits log_startup_progress_interval oauth_validator_libraries
    plan_cache_mode post_auth_delay pre_auth_delay primary_conninfo primary_slot_name promote_trigger_file
    recovery_end_command recovery_min_apply_delay recovery_prefetch recovery_target recovery_target_action
    recovery_target_inclusive recovery_target_lsn recovery_target_name recovery_target_time
    recovery_target_timeline recovery_target_xid reserved_connections restore_command
    restrict_nonsystem_relation_kind send_abort_for_crash send_abort_for_kill session_preload_libraries
    shared_memory_type ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_passphrase_command
    ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers synchronous_standby_names
    syslog_ident syslog_sequence_numbers syslog_split_messages tcp_user_timeout timezone_abbreviations
    trace_connection_negotiation trace_notify trace_recovery_messages trace_sort transaction_deferrable
    transaction_isolation transaction_read_only wal_consistency_checking wal_decode_buffer_size
    wal_init_zero wal_level wal_log_hints wal_recycle wal_retrieve_retry_interval wal_skip_threshold
    zero_damaged_pages
    """
)
# Observed of postgres11 and postgres14. What those outputs lack is as in Aurora PostgreSQL 14: a guess.
_NOT_MODIFIABLE = _names(
    """
    archive_command archive_timeout backtrace_functions config_file data_directory db_user_namespace
    exit_on_error fsync full_page_writes hba_file ident_file ignore_invalid_pages listen_addresses
    lo_compat_privileges log_directory log_file_mode log_line_prefix log_timezone log_truncate_on_rotation
    logging_collector port recovery_init_sync_method restart_after_crash ssl ssl_ca_file ssl_cert_file
    ssl_crl_dir ssl_key_file stats_temp_directory superuser_reserved_connections syslog_facility
    unix_socket_directories unix_socket_group unix_socket_permissions update_process_title
    wal_receiver_create_temp_slot wal_sync_method
    """
)
# RDS's values, observed. A parameter without one has PostgreSQL's own default.
_VALUES = {
    "archive_command": "/etc/rds/dbbin/pgscripts/rds_wal_archive %p",
    "archive_timeout": "300",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_max_workers": "GREATEST({DBInstanceClassMemory/64371566592},3)",
    "autovacuum_naptime": "15",
    "autovacuum_vacuum_cost_limit": "GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)",
    "autovacuum_vacuum_scale_factor": "0.1",
    "autovacuum_work_mem": "GREATEST({DBInstanceClassMemory/32768},131072)",
    "checkpoint_completion_target": "0.9",
    "client_encoding": "UTF8",
    "compute_query_id": "auto",
    "config_file": "/rdsdbdata/config/postgresql.conf",
    "data_directory": "/rdsdbdata/db",
    "effective_cache_size": "{DBInstanceClassMemory/16384}",
    "fsync": "1",
    "full_page_writes": "1",
    "hba_file": "/rdsdbdata/config/pg_hba.conf",
    "huge_pages": "on",
    "ident_file": "/rdsdbdata/config/pg_ident.conf",
    "idle_in_transaction_session_timeout": "86400000",
    "krb_caseins_users": "0",
    "listen_addresses": "*",
    "lo_compat_privileges": "0",
    "log_autovacuum_min_duration": "10000",
    "log_checkpoints": "1",
    "log_destination": "stderr",
    "log_directory": "/rdsdbdata/log/error",
    "log_file_mode": "0644",
    "log_filename": "postgresql.log.%Y-%m-%d-%H",
    "log_hostname": "1",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "log_rotation_age": "60",
    "log_timezone": "UTC",
    "log_truncate_on_rotation": "0",
    "logging_collector": "1",
    "maintenance_work_mem": "GREATEST({DBInstanceClassMemory*1024/63963136},65536)",
    "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
    "max_locks_per_transaction": "64",
    "max_parallel_workers": "GREATEST(${DBInstanceVCPU/2},8)",
    "max_prepared_transactions": "0",
    "max_replication_slots": "20",
    "max_stack_depth": "6144",
    "max_wal_senders": "10",
    "max_wal_size": "2048",
    "max_worker_processes": "GREATEST(${DBInstanceVCPU*2},8)",
    "min_wal_size": "192",
    "port": "{EndPointPort}",
    "recovery_init_sync_method": "syncfs",
    "remove_temp_files_after_crash": "0",
    "shared_buffers": "{DBInstanceClassMemory/32768}",
    "shared_preload_libraries": "pg_stat_statements",
    "ssl": "1",
    "ssl_ca_file": "/rdsdbdata/rds-metadata/ca-cert.pem",
    "ssl_cert_file": "/rdsdbdata/rds-metadata/server-cert.pem",
    "ssl_crl_dir": "/rdsdbdata/rds-metadata/ssl_crl_dir/",
    "ssl_key_file": "/rdsdbdata/rds-metadata/server-key.pem",
    "ssl_min_protocol_version": "TLSv1.2",
    "stats_temp_directory": "/rdsdbdata/db/pg_stat_tmp",
    "superuser_reserved_connections": "3",
    "synchronous_commit": "on",
    "temp_file_limit": "-1",
    "timezone": "UTC",
    "track_activity_query_size": "4096",
    "track_functions": "pl",
    "track_io_timing": "1",
    "unix_socket_directories": "/tmp",
    "unix_socket_group": "rdsdb",
    "unix_socket_permissions": "0700",
    "vacuum_failsafe_age": "1200000000",
    "vacuum_multixact_failsafe_age": "1200000000",
    "wal_receiver_create_temp_slot": "0",
    "wal_receiver_timeout": "30000",
    "wal_sender_timeout": "30000",
}
# Allowed values, observed, where RDS is stricter than PostgreSQL or has another notation.
_ALLOWED = {
    "autovacuum_freeze_max_age": "100000000-750000000",
    "autovacuum_multixact_freeze_max_age": "10000000-2000000000",
    "compute_query_id": "auto,on",
    "force_parallel_mode": "0,1",
    "log_destination": "stderr,csvlog",
    "log_filename": "postgresql.log.%Y-%m-%d,postgresql.log.%Y-%m-%d-%H,postgresql.log.%Y-%m-%d-%H%M",
    "log_min_messages": "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal",
    "log_rotation_age": "10-1440",
    "log_rotation_size": "50000-1000000",
    "max_connections": "6-262143",
    "max_replication_slots": "5-262143",
    "max_wal_senders": "5-262143",
    "shared_preload_libraries": "auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,"
    "pg_prewarm,pg_similarity,pg_stat_statements,pg_tle,pg_transport,plprofiler",
    "synchronous_commit": "local,on,off",
    "vacuum_failsafe_age": "0-1200000000",
    "vacuum_multixact_failsafe_age": "0-1200000000",
}
_STATIC, _DYNAMIC = True, False
_LEVELS = "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"
# RDS's own parameters and those of extensions that PostgreSQL's packages lack, observed:
# name -> (value, type, allowed values, static, modifiable, majors).
_OWN: dict[str, tuple[str | None, str, str, bool, bool, tuple[str, ...]]] = {
    "cron.database_name": ("postgres", "string", "", _STATIC, True, MAJORS),
    "cron.log_min_messages": ("fatal", "string", _LEVELS.removeprefix("disabled,"), _DYNAMIC, True, MAJORS),
    "cron.log_run": ("on", "string", "on,off", _STATIC, True, MAJORS),
    "cron.log_statement": ("off", "string", "on,off", _STATIC, True, MAJORS),
    "cron.max_running_jobs": ("5", "integer", "0-100", _STATIC, True, MAJORS),
    "cron.use_background_workers": ("on", "string", "", _STATIC, False, MAJORS),
    "orafce.nls_date_format": (None, "string", "", _DYNAMIC, True, MAJORS),
    "orafce.timezone": (None, "string", "", _DYNAMIC, True, MAJORS),
    "pgaudit.log": (
        None, "list",
        "ddl,function,misc,read,role,write,none,all,-ddl,-function,-misc,-read,-role,-write",
        _DYNAMIC, True, MAJORS,
    ),
    "pgaudit.log_catalog": (None, "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "pgaudit.log_level": (None, "string", _LEVELS.removeprefix("disabled,"), _DYNAMIC, True, MAJORS),
    "pgaudit.log_parameter": (None, "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "pgaudit.log_relation": (None, "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "pgaudit.log_statement_once": (None, "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "pgaudit.role": (None, "string", "", _DYNAMIC, True, MAJORS),
    "rds.accepted_password_auth_method": ("md5+scram", "string", "md5+scram,scram", _DYNAMIC, True, MAJORS),
    "rds.adaptive_autovacuum": ("1", "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "rds.allowed_extensions": (None, "string", "", _DYNAMIC, True, MAJORS),
    "rds.custom_dns_resolution": ("0", "boolean", "0,1", _STATIC, True, MAJORS),
    "rds.force_admin_logging_level": (None, "string", _LEVELS, _DYNAMIC, True, MAJORS),
    "rds.force_autovacuum_logging_level": ("warning", "string", _LEVELS, _DYNAMIC, True, MAJORS),
    # "Requiring an SSL connection to a PostgreSQL DB instance": 1 from PostgreSQL 15 on, 0 before.
    "rds.force_ssl": ("1", "boolean", "0,1", _DYNAMIC, True, MAJORS),
    "rds.log_retention_period": ("4320", "integer", "1440-10080", _DYNAMIC, True, MAJORS),
    "rds.logical_replication": ("0", "boolean", "0,1", _STATIC, True, MAJORS),
    "rds.max_tcp_buffers": ("33554432", "integer", "", _STATIC, False, MAJORS),
    "rds.pg_stat_ramdisk_size": ("0", "integer", "0-8196", _STATIC, True, ("14",)),
    "rds.rds_superuser_reserved_connections": ("2", "integer", "0-262143", _STATIC, True, MAJORS),
    "rds.restrict_password_commands": (None, "boolean", "0,1", _STATIC, True, MAJORS),
    "rds.superuser_variables": ("session_replication_role", "string", "", _STATIC, False, MAJORS),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A parameter of a family.

    Attributes:
        value: its default, which can be a formula; None is PostgreSQL's own default.
        allowed: the allowed values as DescribeDBParameters shows them; "" if there is no limit.
        of_server: whether a PostgreSQL server without further packages knows it.
    """

    name: str
    value: str | None
    description: str
    data_type: str
    allowed: str
    static: bool
    modifiable: bool
    of_server: bool


FAMILIES = tuple(f"{ENGINE}{major}" for major in MAJORS)


@cache
def parameters(family: str) -> dict[str, Parameter]:
    """Return the parameters of a family such as "postgres17" by their names, in order."""
    major = family.removeprefix(ENGINE)
    found = {each.name: each for each in (*_of_postgresql(major), *_of_rds(major))}
    return dict(sorted(found.items()))


def _of_postgresql(major: str) -> Iterator[Parameter]:
    for name, setting in json.loads(Path(__file__).with_name("postgresql_settings.json").read_text()).items():
        if major not in setting["majors"] or name in _NOT_LISTED:
            continue
        *_, allowed = (values for since, values in setting["allowed"].items() if int(since) <= int(major))
        # Some booleans of PostgreSQL have become lists of words in a later version.
        kind = "boolean" if allowed == "0,1" else setting["type"]
        yield Parameter(
            name=name,
            value=_VALUES.get(name),
            description=setting["description"],
            data_type="list" if name == "shared_preload_libraries" else kind,
            allowed=_ALLOWED.get(name, allowed),
            static=major in setting["static"],
            modifiable=name not in _NOT_MODIFIABLE,
            of_server=True,
        )


def _of_rds(major: str) -> Iterator[Parameter]:
    for name, (value, kind, allowed, static, modifiable, majors) in _OWN.items():
        if major in majors:
            yield Parameter(
                name=name,
                value="0" if name == "rds.force_ssl" and major == "14" else value,
                description="",
                data_type=kind,
                allowed=allowed,
                static=static,
                modifiable=modifiable,
                of_server=False,
            )
