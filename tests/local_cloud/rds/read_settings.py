"""Prints local_cloud/rds/postgresql_settings.json, read from the view pg_settings of PostgreSQL servers.

    python tests/local_cloud/rds/read_settings.py 14=BIN/14 15=BIN/15 16=BIN/16 17=BIN/17 18=BIN/18

BIN/14 is a folder with `initdb` and `postgres` of version 14. PostgreSQL refuses to run as root. The file is
as of 14.23, 15.18, 16.14, 17.10 and 18.4. Descriptions are PostgreSQL's own (PostgreSQL License).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

# Of the extensions that RDS and PostgreSQL's own packages both have. In single-user mode 14 loads none: it
# gets what 15 has.
_EXTENSIONS = ("auto_explain", "pg_prewarm", "pg_stat_statements")
_QUERY = (
    "select json_agg(row_to_json(s)) from (select name, unit, short_desc, context, vartype, min_val, "
    "max_val, enumvals from pg_settings where context <> 'internal' order by name) s;\n"
)
_TYPES = {"bool": "boolean", "integer": "integer", "real": "float"}


def _read(folder: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([f"{folder}/initdb", "--no-sync", "-D", data], check=True, stdout=subprocess.DEVNULL)
        libraries = f"shared_preload_libraries={','.join(_EXTENSIONS)}"
        answer = subprocess.run(
            [f"{folder}/postgres", "--single", "-D", data, "-c", libraries, "postgres"],
            input=_QUERY, capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
    rows: list[dict[str, Any]] = json.loads(answer[answer.index('"[{') + 1 : answer.rindex('}]"') + 2])
    return rows


def _allowed(row: dict[str, Any]) -> str:
    if row["vartype"] == "bool":
        return "0,1"
    if row["enumvals"]:
        return ",".join(value for value in row["enumvals"] if value)
    return f"{row['min_val']}-{row['max_val']}" if row["min_val"] else ""


def merged(settings: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return name -> what the newest version says, with `allowed` for each version in which it differs."""
    found: dict[str, dict[str, Any]] = {}
    for major, rows in settings.items():
        for row in rows:
            name = row["name"].lower()
            before = found.get(name, {"majors": [], "allowed": {}})
            unit = f"({row['unit']}) " if row["unit"] else ""
            found[name] = {
                "majors": [*before["majors"], major],
                "type": _TYPES.get(row["vartype"], "string"),
                "static": [*before.get("static", []), *([major] if row["context"] == "postmaster" else [])],
                "allowed": before["allowed"],
                "description": unit + row["short_desc"],
            }
            if list(before["allowed"].values())[-1:] != [_allowed(row)]:
                found[name]["allowed"][major] = _allowed(row)
    for name, setting in found.items():
        if name.startswith(tuple(f"{each}." for each in _EXTENSIONS)) and "14" not in setting["majors"]:
            _extend_to_14(setting)
    return found


def _extend_to_14(setting: dict[str, Any]) -> None:
    if "15" in setting["majors"]:
        setting["majors"].insert(0, "14")
        setting["static"] = ["14", *setting["static"]] if "15" in setting["static"] else setting["static"]
        setting["allowed"] = {"14": setting["allowed"].pop("15"), **setting["allowed"]}


if __name__ == "__main__":
    folders = dict(argument.split("=", 1) for argument in sys.argv[1:])
    read = merged({major: _read(folder) for major, folder in folders.items()})
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(read[name])}" for name in sorted(read))
    print(f"{{\n{lines}\n}}")
