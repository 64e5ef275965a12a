"""Export of a day's changes of a million meetings, beside the full export and DuckDB's copy of the same rows from the views.

    python bench/export.py [--meetings N] [--days 3]

The store is that of bench/query_api.py, with moments at which nobody was in a room. Each day, the engine processes the meetings
of a day, and 20 late meetings of the last two months. DuckDB is that of tests/install_duckdb.sh; without it, nothing is compared.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from figures import record
from headcount.engine.catch_up import catch_up
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.maintenance.export import export_domain
from headcount.maintenance.incremental_export import LAST, Exported, export_changes
from headcount.store.dedup import entry_of
from headcount.store.open import Store, open_store
from headcount.store.records import Origin
from query_api import NOW, PAST, PEOPLE_A_MEETING, rooms_of, store_with
from stores import DATA

T = TypeVar("T")
DAY = 86_400_000
LATE = 20
DUCKDB = Path(__file__).parents[1] / "build/duckdb"
_MARKS = """
insert into marks (domain, room, at_ms, unconfirmed)
select distinct domain, room, end_ms, null from meetings where domain = 'past' and end_ms is not null
"""
_COPY = """
import duckdb, sys
from pathlib import Path
database, folder, start, end = sys.argv[1:]
extension = next(Path(duckdb.__file__).parents[1].glob("*sqlite_scanner/**/*.duckdb_extension"))
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
connection.execute(f"load '{extension}'")
connection.execute(f"attach '{database}' as headcount (type sqlite, read_only)")
for name in ("meetings", "participants"):
    rows = f"select * from {name}_v1 where domain = ''past'' and start_time >= {start} and start_time < {end}"
    connection.execute(f"copy (from sqlite_query('headcount', '{rows}')) to '{folder}/{name}.parquet'")
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=3)
    asked = parser.parse_args()
    source = store_with(asked.meetings)
    with tempfile.TemporaryDirectory(prefix="headcount-", dir=DATA) as name:
        folder = Path(name)
        path = folder / "headcount.db"
        shutil.copy(source, path)
        store = open_store(str(path), durability="off")
        with store.database.writing() as connection:
            connection.run_text(_MARKS)
        measure(store, path, folder, asked.meetings, asked.days)
        store.close()
    return 0


def measure(store: Store, path: Path, folder: Path, meetings: int, days: int) -> None:
    print(f"{meetings:,} meetings")
    full, _ = timed(lambda: export_domain(store, PAST, str(folder / "full"), "parquet", NOW))
    print(f"{full:8.2f} s  full export")
    peer = copied(path, folder, 0, NOW // 1_000)
    if peer is not None:
        print(f"{peer:8.2f} s  DuckDB copies all rows of the views")
    first, exported = timed(lambda: export_changes(store, PAST, folder / "set", LAST, NOW))
    print(f"{first:8.2f} s  first incremental export: {shown(exported)}")
    chance, seconds = random.Random(1), []
    for day in range(days):
        now = NOW + (day + 1) * DAY
        events = [entry_of(event, PAST, now, Origin.LIVE) for event in a_day(chance, meetings, now - DAY)]
        for start in range(0, len(events), 5_000):
            store.log.append([events[start : start + 5_000]])
        catch_up(store, lambda now=now: now + DAY // 24, Rules(), None, lambda _share, _label: None)
        took, exported = timed(lambda now=now: export_changes(store, PAST, folder / "set", LAST, now))  # type: ignore[misc]
        assert not exported.compared_all
        seconds.append(took)
        print(f"{took:8.2f} s  a day's changes: {shown(exported)}")
        peer = copied(path, folder, (now - DAY) // 1_000, now // 1_000)
        if peer is not None:
            print(f"{peer:8.2f} s  DuckDB copies the day's rows of the views, without late meetings")
    record("export_day", statistics.median(seconds))


def a_day(chance: random.Random, meetings: int, start: int) -> Iterator[Event]:
    """Yield the events of a day's meetings, each in a room of its own while there are enough, and of late ones."""
    rooms = rooms_of(meetings)
    number = max(1, meetings // 365)
    for n in range(number + min(LATE, number)):
        late = chance.randrange(1, 60) * DAY if n >= number else 0
        room = f"room-{chance.randrange(rooms):05}"
        at = start - late + chance.randrange(DAY - 3_600_000)
        for who in range(PEOPLE_A_MEETING):
            name = f"{start}-{n}-{who}"
            join = at + 1_000 * who
            yield Event(Kind.JOIN, room, join, name, user_id=f"user-{who}", user_name=f"Person {who}")
            yield Event(Kind.LEAVE, room, join + chance.randrange(60_000, 2_700_000), name)


def copied(path: Path, folder: Path, start: int, end: int) -> float | None:
    """Return the seconds in which DuckDB copies the rows of a time from the views to Parquet; None if it is not installed."""
    if not DUCKDB.is_dir():
        return None
    command = [sys.executable, "-c", _COPY, str(path), str(folder), str(start), str(end)]
    environment = os.environ | {"PYTHONPATH": str(DUCKDB)}
    took, _ = timed(lambda: subprocess.run(command, env=environment, check=True))
    return took


def shown(exported: Exported) -> str:
    return (
        f"{exported.meetings:,} meetings, {exported.participants:,} participants, {len(exported.files)} files"
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    raise SystemExit(main())
