"""The log files of DB instances: what RDS tells of them, and their way to CloudWatch Logs.

Sources: the RDS API reference (DescribeDBLogFiles, DownloadDBLogFilePortion); the user guide's "RDS for
PostgreSQL database log files" and "Publishing PostgreSQL logs to Amazon CloudWatch Logs"; public reports
where they are named.
"""

from __future__ import annotations

import io
import itertools
import logging
import re
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.rds.models import DBLogFile

from ..logs.models import backend as logs
from ..moto_seam import TURNS
from .exceptions import Refused
from .resources import DBInstance
from .serving import ServingBackend

log = logging.getLogger(__name__)

_INTERVAL = 5  # AWS seconds between two looks at the files
_SHORTEST = 0.1  # real seconds; the same
_MOST_LINES, _MOST_BYTES = 10_000, 2**20  # of a portion; the lines: rds-pgbadger, pull request 10
_CUT = "\n [Your log message was truncated]\n"
# What PostgreSQL says before its log begins. RDS's name is from public answers of describe-db-log-files.
_NAMES = {"start": "postgres.log"}
# How names of exported files begin -> the kind of log.
_EXPORTED = {"error/postgresql.log.": "postgresql", "error/pg_upgrade_": "upgrade"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})?) UTC")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class LogBackend(ServingBackend):
    """RDS's part that reads the logs of servers. One thread ships those of all."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._shipping = threading.Lock()
        # Resource id of an instance and name of a file -> how many bytes are shipped, or are not to be. A
        # major upgrade gives the files to another server.
        self._shipped: dict[tuple[str, str], int] = {}
        self._shipper = threading.Thread(target=self._ship_all, name="logs of databases", daemon=True)
        if self.databases_run:
            self._shipper.start()

    def stop(self) -> None:
        """End the thread, and then the servers."""
        if self.databases_run:
            self._shipper.join()
        super().stop()

    def remove_server(self, database: DBInstance) -> None:
        """Delete the server of an instance, after its log is shipped to the end."""
        with self._shipping:
            self._ship(database)
            super().remove_server(database)
            gone = [key for key in self._shipped if key[0] == database.dbi_resource_id]
            for key in gone:
                del self._shipped[key]

    def create_log_groups(self, database: DBInstance) -> None:
        """Create the missing log groups of the instance's exported logs, as RDS does."""
        for kind in database.enabled_cloudwatch_logs_exports:
            _create_group(_group(database, kind))

    def describe_db_log_files(
        self,
        db_instance_identifier: str,
        filename_contains: str = "",
        file_last_written: int = 0,
        file_size: int = -1,
        **_: Any,
    ) -> list[DBLogFile]:
        """Return the log files of an instance; none if it has no server.

        Args:
            db_instance_identifier: the instance.
            filename_contains: a part of the names.
            file_last_written: milliseconds; only files that were written since.
            file_size: bytes; only larger files.
        """
        found = [
            _described(name, file) for name, file in _files(self.instance(db_instance_identifier)).items()
        ]
        return [
            file
            for file in found
            if filename_contains in file.log_file_name
            and file.last_written >= file_last_written
            and file.size > file_size
        ]

    def download_db_log_file_portion(
        self,
        db_instance_identifier: str,
        log_file_name: str,
        marker: str | None = None,
        number_of_lines: int = _MOST_LINES,
    ) -> dict[str, Any]:
        """Return lines of a log file, with the marker of those that follow.

        Args:
            db_instance_identifier: the instance.
            log_file_name: a name that DescribeDBLogFiles answers.
            marker: where to begin, "0" for the beginning of the file. Without it, they are the last lines.
            number_of_lines: how many lines. RDS ends a portion at 1 MiB, also in the middle of a line, and
                says so in the text (public reports: aws-sdk-js, issue 1463, and aws-cli, issue 3079).
        """
        file = _files(self.instance(db_instance_identifier)).get(log_file_name)
        if file is None:
            raise Refused(
                "DBLogFileNotFoundFault",
                f"DBLog File: {log_file_name} is not found on the {db_instance_identifier}",
            )
        count = min(number_of_lines, _MOST_LINES)
        with file.open("rb") as content:
            content.seek(_offset(marker) if marker else 0)
            lines = b"".join(itertools.islice(content, count) if marker else deque(content, count))
            end, size = content.tell(), content.seek(0, io.SEEK_END)
        portion = lines[:_MOST_BYTES]
        end -= len(lines) - len(portion)
        if _BINARY.search(portion):
            raise Refused(
                "InvalidParameterValue",
                "This file contains binary data and should be downloaded instead of viewed.",
            )
        return {
            "LogFileData": portion.decode(errors="replace") + (_CUT if portion != lines else ""),
            "Marker": f"{datetime.now(UTC).hour}:{end}",
            "AdditionalDataPending": end < size,
        }

    def _ship_all(self) -> None:
        while not self.clock.stopping.wait(max(self.clock.seconds(_INTERVAL), _SHORTEST)):
            for database in self.instances():
                with self._shipping:
                    self._ship(database)

    def _ship(self, database: DBInstance) -> None:
        try:
            self._ship_new_lines(database)
        except Exception:
            log.exception("the log of %s was not shipped", database.db_instance_identifier)

    def _ship_new_lines(self, database: DBInstance) -> None:
        """Write what is new in the exported logs of an instance into their log groups."""
        for name, file in _files(database).items():
            kind = next((kind for prefix, kind in _EXPORTED.items() if name.startswith(prefix)), None)
            if kind is None:
                continue
            key, size = (database.dbi_resource_id, name), file.stat().st_size
            since = self._shipped.get(key, 0)
            if kind not in database.enabled_cloudwatch_logs_exports:
                self._shipped[key] = size
            elif size > since:
                with file.open("rb") as content:
                    content.seek(since)
                    whole, _, _ = content.read().rpartition(b"\n")
                self._shipped[key] = since + len(whole) + 1 if whole else since
                _write(database, kind, _events(whole.decode(errors="replace")))


def _group(database: DBInstance, kind: str) -> str:
    return f"/aws/rds/instance/{database.db_instance_identifier}/{kind}"


def _create_group(name: str) -> None:
    with TURNS["logs"]:
        if name not in logs().groups:
            logs().create_log_group(name, {})


def _write(database: DBInstance, kind: str, events: list[dict[str, Any]]) -> None:
    """Write events into a log group, which is created if somebody has deleted it."""
    group = _group(database, kind)
    with TURNS["logs"]:
        _create_group(group)
        logs().write(group, f"{database.db_instance_identifier}.0", events)


def _files(database: DBInstance) -> dict[str, Path]:
    """Return the log files of an instance by RDS's names, the oldest first."""
    if database.server is None:
        return {}
    return {
        f"error/{_NAMES.get(file.name, file.name)}": file for file in sorted(database.server.logs.iterdir())
    }


def _described(name: str, file: Path) -> DBLogFile:
    found, status = DBLogFile(name), file.stat()
    found.last_written, found.size = int(status.st_mtime * 1000), status.st_size
    return found


def _offset(marker: str) -> int:
    """Return where a marker points to: "0" or, as RDS's markers look in public reports, "15:1048577"."""
    try:
        return int(marker.rpartition(":")[2])
    except ValueError:
        raise Refused("InvalidParameterValue", f"Invalid marker: {marker}") from None


def _events(text: str) -> list[dict[str, Any]]:
    """Return the log events of some lines, in the order of time that PutLogEvents asks for.

    A line of PostgreSQL's that begins with a tab continues an entry.
    """
    events: list[dict[str, Any]] = []
    now = int(time.time() * 1000)
    for line in filter(None, text.split("\n")):
        if line.startswith("\t") and events:
            events[-1]["message"] += f"\n{line}"
        else:
            events.append({"timestamp": _milliseconds(line) or now, "message": line})
    return sorted(events, key=lambda event: event["timestamp"])


def _milliseconds(line: str) -> int | None:
    """Return the time with which a line begins."""
    found = _TIME.match(line)
    return int(datetime.fromisoformat(f"{found[1]}+00:00").timestamp() * 1000) if found else None
