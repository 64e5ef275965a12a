"""Duration of `headcount backup` of a store of 1 GB while events are committed.

    python bench/backup.py [--megabytes 1000] [--rates 0 20 500]

Another process commits single events at each of the given rates per second, or as fast as the disk allows. Each backup
must contain all entries up to one position, and finish within the limit; otherwise the exit code is 1.
"""

import argparse
import multiprocessing
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from itertools import count
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import NamedTuple

from headcount.kernel.events import Event, Kind
from headcount.store.dedup import entry_of
from headcount.store.open import open_store
from headcount.store.records import LogEntry, Origin

NOW = 1_770_000_000_000
ROWS_AT_ONCE = 1_000
MOST_S = 600
LOG = re.compile(r"Event log: ([\d,]+) entries up to position ([\d,]+),")


def entry(number: int) -> LogEntry:
    event = Event(
        Kind.JOIN, f"room-{number % 1_000}", NOW + number, f"participant-{number}", f"user-{number % 50_000}",
        "Somebody With Quite A Long Name " * 8, id=f"event-{number}",
    )  # fmt: skip
    return entry_of(event, "default", NOW + number, Origin.LIVE)


DOUBLED = """
insert into entries (domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name, event_id, event_key, origin)
select domain, room, kind, at_ms + :by, received_ms + :by, participant_id || '-' || :by, user_id, user_name,
  event_id || '-' || :by, randomblob(16), origin
from entries
"""


def fill(database: Path, megabytes: int) -> int:
    """Create a log of about this size in megabytes: a few entries, doubled repeatedly."""
    store = open_store(str(database), durability="normal")
    store.log.append([[entry(n) for n in range(ROWS_AT_ONCE)]])
    rows = ROWS_AT_ONCE
    store.close()
    with closing(sqlite3.connect(database)) as log:
        while database.stat().st_size < megabytes * 700_000:
            with log:
                log.execute(DOUBLED, {"by": rows})
            log.execute("pragma wal_checkpoint(truncate)")
            rows *= 2
    return rows


def write(
    database: Path, first: int, rate: float, stopping: Flag, commits: "multiprocessing.Queue[int]"
) -> None:
    store = open_store(str(database))
    began, done = time.monotonic(), 0
    for number in count(first):
        if stopping.wait(max(0.0, began + done / rate - time.monotonic())):
            break
        store.log.append([[entry(number)]])
        done += 1
    store.close()
    commits.put(done)


def largest(wal: Path, stopping: threading.Event, found: list[int]) -> None:
    while not stopping.wait(0.1):
        with suppress(FileNotFoundError):
            found.append(wal.stat().st_size)


class Measured(NamedTuple):
    """Seconds of a backup, those of the processor in it, commits meanwhile, and the largest write-ahead log."""

    took_s: float
    processor_s: float
    commits: int
    wal_bytes: int


def processor_s() -> float:
    """What the processes that have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(database: Path, first: int, rate: float) -> Measured:
    stopping, commits = multiprocessing.Event(), multiprocessing.Queue()
    writer = multiprocessing.Process(target=write, args=(database, first, rate, stopping, commits))
    sizes, watched = [0], threading.Event()
    watch = threading.Thread(target=largest, args=(Path(f"{database}-wal"), watched, sizes))
    watch.start()
    if rate:
        writer.start()
    target = database.with_name("copy.backup")
    began, used = time.monotonic(), processor_s()
    try:
        command = [
            sys.executable,
            "-m",
            "headcount",
            "backup",
            "-o",
            target,
            "--database",
            database,
            "--quiet",
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=MOST_S)
        took, used = time.monotonic() - began, processor_s() - used
    finally:
        stopping.set()
        watched.set()
        watch.join()
        made = commits.get() if rate else 0
        if rate:
            writer.join()
    found = LOG.search(done.stdout)
    assert found is not None, done.stdout
    assert found[1] == found[2], "no entry before the last one is missing"
    target.unlink()
    return Measured(took, used, made, max(sizes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--rates", type=float, nargs="*", default=[0, 20, 500])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-backup-") as folder:
        database = Path(folder) / "headcount.db"
        rows = fill(database, asked.megabytes)
        print(f"{rows:,} entries, {database.stat().st_size / 1e6:,.0f} MB\n", flush=True)
        print(
            "| commits/s, target | commits/s, actual | backup, s | processor, s | largest write-ahead log, MB |\n"
            "|---|---|---|---|---|"
        )
        for number, rate in enumerate(asked.rates):
            try:
                found = measure(database, rows + number * 10**6, rate)
            except subprocess.TimeoutExpired:
                print(f"| {rate:,.0f} | | **not finished within {MOST_S} s** | | |")
                return 1
            print(
                f"| {rate:,.0f} | {found.commits / found.took_s:,.0f} | {found.took_s:.1f} | {found.processor_s:.1f}"
                f" | {found.wal_bytes / 1e6:,.1f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
