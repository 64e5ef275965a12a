"""Parts of a cluster without Spark: one connection of the sink, and the memory of a shard.

    python bench/cluster_parts.py [--events 200000] [--runs 3]

`bench/cluster.py` runs both. The sink: rows per second that one connection writes into PostgreSQL, in rounds of 12,500
events as in a batch of 100,000 in eight shards, best of some runs. A row is one change of a table. Memory: how much
the resident memory of a process grows with the events and the rooms that a shard remembers.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from engine import DOMAIN, traffic  # noqa: E402
from headcount.cluster.shard import Shard, ShardSettings  # noqa: E402
from headcount.cluster.shard_state import Head  # noqa: E402
from headcount.ingest.topic_records import decode_record, encode_record  # noqa: E402
from headcount.kernel.events import Kind  # noqa: E402
from headcount.limits import WIDEST_LIMITS  # noqa: E402
from headcount.store.dedup import log_entry  # noqa: E402
from headcount.store.open import open_store  # noqa: E402
from headcount.store.records import DAY_MS, BatchChanges, LogEntry, Origin  # noqa: E402
from headcount.store.shard_sink import ShardProgress, ShardSink  # noqa: E402
from server_processes import processor_s  # noqa: E402
from support.servers import Postgres  # noqa: E402

_ROUND = 12_500
_DAILY_ROOMS = 5_000
_START = 1_767_225_600_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    written = sink(asked.events, asked.runs)
    print(
        f"sink: {written.rows / written.seconds:,.0f} rows/s, {written.rows / written.cpu_s:,.0f} rows per CPU-s"
    )
    print(f"memory per event: {bytes_per_event():,.0f} bytes, per room: {bytes_per_room():,.0f} bytes")
    print(f"memory per room that is over: {bytes_per_forgotten_room():,.0f} bytes")


# The sink.


class Written(NamedTuple):
    """What one connection has written, and how long that took. `cpu_s` is the processor time of both sides."""

    events: int
    rows: int
    seconds: float
    cpu_s: float


def sink(events: int = 200_000, runs: int = 3) -> Written:
    """Return the fastest of some runs."""
    rounds = list(_rounds(events))
    postgres = Postgres()
    try:
        return min((_write(postgres, events, rounds) for _ in range(runs)), key=lambda one: one.seconds)
    finally:
        postgres.end()


def _rounds(events: int) -> Sequence[list[BatchChanges]]:
    head, chunks = Head(), MemoryChunks()
    shard = Shard(ShardSettings(), head, chunks)
    entries = traffic(events, attributes=False)
    parts = iter(lambda: list(islice(entries, _ROUND)), [])
    return [shard.work(head, chunks, part, part[-1].received) for part in parts]


def _write(postgres: Postgres, events: int, rounds: Sequence[list[BatchChanges]]) -> Written:
    url = postgres.database()
    store = open_store(url)
    epoch = store.projections.take_over()
    ShardSink(store.database).prepare(1)
    sink = ShardSink(store.database)
    began, busy = time.perf_counter(), time.process_time() + processor_s(postgres.process.pid)
    for number, batches in enumerate(rounds, 1):
        sink.write(0, ShardProgress(number), batches, epoch)
    seconds = time.perf_counter() - began
    cpu_s = time.process_time() + processor_s(postgres.process.pid) - busy
    store.close()
    return Written(events, sum(sum(batch.sizes()) for part in rounds for batch in part), seconds, cpu_s)


class MemoryChunks(dict[int, bytes]):
    """Chunks of a shard in memory."""

    def get(self, number: int) -> bytes:  # type: ignore[override]
        return self[number]

    def put(self, number: int, value: bytes) -> None:
        self[number] = value

    def remove(self, number: int) -> None:
        del self[number]


# Memory.


def bytes_per_event() -> float:
    """Return the memory of a shard for one more event in a room that it has, with all that follows from events."""
    small, large = (_resident_after(traffic(events, attributes=False)) for events in (100_000, 400_000))
    return (large - small) / 300_000


def bytes_per_room() -> float:
    """Return the memory of a shard for one more room with one call of two people: four events."""
    small, large = (_resident_after(_quiet_rooms(rooms)) for rooms in (20_000, 60_000))
    return (large - small) / 40_000


def bytes_per_forgotten_room() -> float:
    """Return the memory of a shard for one room that is over for longer than the retention."""
    few, many = (_resident_after(_days_of_rooms(days)) for days in (4, 12))
    return (many - few) / (8 * _DAILY_ROOMS)


def _days_of_rooms(days: int) -> Iterator[LogEntry]:
    """Yield one call in each of DAILY_ROOMS new rooms, every second day."""
    return (
        entry._replace(room=f"day-{day}-{entry.room}", at=entry.at + after, received=entry.received + after)
        for day in range(days)
        for after in [2 * day * DAY_MS]
        for entry in _quiet_rooms(_DAILY_ROOMS)
    )


def _quiet_rooms(rooms: int) -> Iterator[LogEntry]:
    moves = ((Kind.JOIN, "ann", 0), (Kind.JOIN, "ben", 5), (Kind.LEAVE, "ann", 600), (Kind.LEAVE, "ben", 605))
    for kind, who, after in moves:
        for room in range(rooms):
            yield _entry(kind, f"room-{room}", who, _START + after * 1_000)


def _entry(kind: Kind, room: str, who: str, at: int) -> LogEntry:
    return log_entry(
        DOMAIN, at, Origin.LIVE, kind, room, at, f"{room}-{who}", f"user-{who}", "Ann Example", None, None, None,
        None, None,
    )  # fmt: skip


def _resident_after(entries: Iterable[LogEntry]) -> int:
    """Return by how many bytes a new process has grown when a shard in it has processed records of these entries."""
    with tempfile.NamedTemporaryFile("wb") as file:
        file.writelines(b"%d\t%b\t%b\n" % (entry.received, *encode_record(entry)) for entry in entries)
        file.flush()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_growth, file.name).result()


def _growth(path: str) -> int:
    head, chunks = Head(), MemoryChunks()
    shard = Shard(ShardSettings(), head, chunks)
    before = _resident()
    with Path(path).open("rb") as file:
        records = (line.rstrip(b"\n").split(b"\t", 2) for line in file)
        entries = (decode_record(key, value, int(time), WIDEST_LIMITS) for time, key, value in records)
        while part := list(islice(entries, _ROUND)):
            shard.work(head, chunks, part, part[-1].received)
    gc.collect()
    return _resident() - before - sum(map(len, chunks.values()))


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
