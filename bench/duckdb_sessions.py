"""Peer: meetings in DuckDB SQL. Usage: duckdb_sessions.py EVENTS OUT_DIR [--times]."""

import sys
import time
from pathlib import Path

import duckdb

SQL = Path(__file__).with_name("duckdb_sessions.sql")


def main(events: str, out: str, *options: str) -> None:
    connection = duckdb.connect()
    connection.execute("set threads = 2; set preserve_insertion_order = false; set timezone = 'UTC'")
    sql = SQL.read_text().replace("{events}", events)
    for table in ("meetings", "participants"):
        sql = sql.replace(f"{{{table}}}", f"{out}/{table}.parquet")
    for statement in connection.extract_statements(sql):
        began = time.perf_counter()
        connection.execute(statement)
        if "--times" in options:
            line = next(
                line for line in statement.query.strip().splitlines() if line and not line.startswith("--")
            )
            print(f"{time.perf_counter() - began:6.2f} s  {line}")


if __name__ == "__main__":
    main(*sys.argv[1:])
