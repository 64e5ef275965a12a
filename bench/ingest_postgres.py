"""Batches of 1,000 events over HTTP into PostgreSQL, compared with a plain insert of the same rows.

    python bench/ingest_postgres.py [--batches 400] [--runs 2] [--bars '{"append": 0.5}']

Like `ingest_batches.py`, on a database server that the test support starts. There are two peers, each with
one durable commit per thousand rows: a plain `executemany`, and a plain `copy`, which can neither detect duplicates
nor report which rows are new. The table and its indexes are the same for all.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from figures import record
from headcount.store.open import open_store
from headcount.store.statements import for_postgres, statement
from ingest_api import Server, free_port, made_key, running, serve
from ingest_batches import COLUMNS, LINES, meetings_expected, sent

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.servers import Postgres

BARS = {"append": 0.5, "end to end": 0.3}
"""Targets: rows per second as a part of each peer."""

Rows = Sequence[tuple[Any, ...]]


class Rates(NamedTuple):
    """Events per second."""

    append: float
    end_to_end: float
    executemany: float
    copy: float


def main() -> int:
    asked = arguments()
    with server() as postgres:
        runs = [one_run(postgres, asked) for _ in range(asked.runs)]
    best = Rates(*(max(rates) for rates in zip(*runs, strict=True)))
    bars = BARS | json.loads(asked.bars)
    print(
        "\n| PostgreSQL, batches of 1,000 | Headcount | peer | ratio | target | met |\n|---|---|---|---|---|---|"
    )
    for peer, bare in (("executemany", best.executemany), ("copy", best.copy)):
        for what, rate in (("append", best.append), ("end to end", best.end_to_end)):
            met = "yes" if rate / bare >= bars[what] else "**no**"
            cells = f"{rate:,.0f}/s | {bare:,.0f}/s | {rate / bare:.2f} | ≥ {bars[what]:g}"
            print(f"| {what}, against a bare {peer} | {cells} | {met} |")
    record("pg_append", best.append / best.copy)
    record("pg_end_to_end", best.end_to_end / best.copy)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--bars", default="{}", help='JSON, like {"append": 0.4}')
    return parser.parse_args()


@contextmanager
def server() -> Iterator[Postgres]:
    started = Postgres()
    try:
        yield started
    finally:
        started.end()


def one_run(postgres: Postgres, asked: argparse.Namespace) -> Rates:
    url = postgres.database()
    asked.port = free_port()
    ours = Server("ours", serve(url, asked.port), key=made_key(url))
    with running(ours, asked.port):
        report = sent(ours, asked)
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"select {COLUMNS} from entries order by position").fetchall()
        (meetings,) = connection.execute("select count(*) from meetings").fetchone()
    events = len(rows) - 1  # one more was sent to wait for all the others
    if report["errors"] or events != report["requests"] * LINES or meetings < meetings_expected(rows):
        raise SystemExit(
            f"{report['requests']:,} requests, {events:,} events, {meetings:,} meetings: DIFFERENT"
        )
    bare = (len(rows) / bare_seconds(postgres.database(), rows, write) for write in (by_executemany, by_copy))
    rates = Rates(events / report["seconds"], events / report["until_processed_s"], *bare)
    print(
        f"{events:,} events, {meetings:,} meetings: append {rates.append:,.0f}/s, end to end {rates.end_to_end:,.0f}/s,"
        f" executemany {rates.executemany:,.0f}/s, copy {rates.copy:,.0f}/s; generator busy {report['busy']:.0%}",
        flush=True,
    )
    return rates


def bare_seconds(url: str, rows: Rows, write: Callable[[psycopg.Cursor, Rows], None]) -> float:
    """The seconds that the rows alone take, with one durable commit for each batch."""
    open_store(url).close()
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        for start in range(0, len(rows), LINES):
            with connection.transaction():
                write(cursor, rows[start : start + LINES])
        seconds = time.perf_counter() - began
        (written,) = cursor.execute("select count(*) from entries").fetchone()
    if written != len(rows):
        raise SystemExit(f"{len(rows):,} rows, {written:,} written: DIFFERENT")
    return seconds


def by_executemany(cursor: psycopg.Cursor, rows: Rows) -> None:
    cursor.executemany(for_postgres(statement("insert_entries")).encode(), rows)


def by_copy(cursor: psycopg.Cursor, rows: Rows) -> None:
    with cursor.copy(f"copy entries ({COLUMNS}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


if __name__ == "__main__":
    sys.exit(main())
