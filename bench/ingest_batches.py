"""Batches of 1,000 events over HTTP, compared with a plain insert of the same rows into the same table.

    python bench/ingest_batches.py [--batches 500] [--runs 2] [--bars '{"append": 0.6}']

One run has two results: the time until all batches are answered, that is stored on disk, while the
engine works; and the time until the engine has processed all of them (`?wait=true`). The peer is a plain
`executemany` of the stored rows, in the same order, into an empty store, with one durable commit per batch.
Both must store as many rows as were sent; otherwise the exit code is 1.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from figures import record
from headcount.kernel.events import Kind
from headcount.store.open import open_store
from headcount.store.records import KIND_CODES, LogEntry
from headcount.store.statements import statement
from ingest_api import HERE, Server, free_port, made_key, running, serve
from load import PEOPLE_A_ROOM

LINES = 1_000
BARS = {"append": 0.6, "end to end": 0.5}
"""Targets: rows per second as a part of a plain executemany."""

COLUMNS = (
    "domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, source_session,"
    " joined_ms, inferred, event_id, event_key, origin, snapshot, attributes, sender, digest, salt"
)
KIND = LogEntry._fields.index("kind")
assert COLUMNS.count(",") == len(LogEntry._fields)


class Rates(NamedTuple):
    """Events per second."""

    append: float
    end_to_end: float
    bare: float


def main() -> int:
    asked = arguments()
    runs = [one_run(asked) for _ in range(asked.runs)]
    best = Rates(*(max(rates) for rates in zip(*runs, strict=True)))
    bars = BARS | json.loads(asked.bars)
    print("\n| batches of 1,000, against a bare executemany | Headcount | peer | ratio | target | met |")
    print("|---|---|---|---|---|---|")
    for what, rate in (("append", best.append), ("end to end", best.end_to_end)):
        ratio = rate / best.bare
        met = "yes" if ratio >= bars[what] else "**no**"
        print(f"| {what} | {rate:,.0f}/s | {best.bare:,.0f}/s | {ratio:.2f} | ≥ {bars[what]:g} | {met} |")
    record("append", best.append / best.bare)
    record("end_to_end", best.end_to_end / best.bare)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batches", type=int, default=500)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--port", type=int, default=free_port())
    parser.add_argument("--directory", help="where the databases are; their disk is part of what is measured")
    parser.add_argument("--bars", default="{}", help='JSON, like {"append": 0.5}')
    return parser.parse_args()


def one_run(asked: argparse.Namespace) -> Rates:
    with tempfile.TemporaryDirectory(dir=asked.directory) as directory:
        database = Path(directory) / "ours.db"
        server = Server("ours", serve(database, asked.port), database, key=made_key(database))
        with running(server, asked.port):
            report = sent(server, asked)
        rows = stored(database)
        events = len(rows) - 1  # one more was sent to wait for all the others
        if report["errors"] or events != report["requests"] * LINES:
            raise SystemExit(
                f"{report['requests'] * LINES:,} events were answered, {events:,} stored: DIFFERENT"
            )
        meetings = meetings_worked_out(database, rows)
        seconds = bare(Path(directory) / "bare.db", rows)
    rates = Rates(events / report["seconds"], events / report["until_processed_s"], len(rows) / seconds)
    print(
        f"{events:,} events, {meetings:,} meetings: append {rates.append:,.0f}/s, end to end {rates.end_to_end:,.0f}/s,"
        f" bare executemany {rates.bare:,.0f}/s; generator busy {report['busy']:.0%}",
        flush=True,
    )
    return rates


def sent(server: Server, asked: argparse.Namespace) -> dict[str, float]:
    url = f"http://127.0.0.1:{asked.port}/v1/events"
    options = ["--key", server.key, "--connections", asked.connections, "--batches", asked.batches]
    command = [sys.executable, str(HERE / "load.py"), url, *map(str, options)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def stored(database: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    rows = connection.execute(f"select {COLUMNS} from entries order by position").fetchall()
    connection.close()
    return rows


def meetings_worked_out(database: Path, rows: list[tuple[Any, ...]]) -> int:
    """How many meetings are stored. Who left had one, together with a few others; the last ones may be undecided."""
    connection = sqlite3.connect(database)
    (meetings,) = connection.execute("select count(*) from meetings").fetchone()
    connection.close()
    if meetings < meetings_expected(rows):
        raise SystemExit(f"of {len(rows):,} events only {meetings:,} meetings are worked out")
    return meetings


def meetings_expected(rows: Sequence[tuple[Any, ...]]) -> float:
    """Return the minimum number of meetings that follow from these rows."""
    left = sum(row[KIND] == KIND_CODES[Kind.LEAVE] for row in rows)
    return 0.9 * left / PEOPLE_A_ROOM


def bare(database: Path, rows: list[tuple[Any, ...]]) -> float:
    """The seconds that the rows alone take, with one durable commit for each batch."""
    open_store(str(database)).close()
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    append = statement("insert_entries")
    began = time.perf_counter()
    for start in range(0, len(rows), LINES):
        connection.execute("begin immediate")
        connection.executemany(append, rows[start : start + LINES])
        connection.execute("commit")
    seconds = time.perf_counter() - began
    (written,) = connection.execute("select count(*) from entries").fetchone()
    connection.close()
    if written != len(rows):
        raise SystemExit(f"{len(rows):,} rows, {written:,} written: DIFFERENT")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
