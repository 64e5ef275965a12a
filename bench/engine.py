"""Speed of the engine: from the log to committed rows, on SQLite, in 2,000 rooms.

    python bench/engine.py [--events 200000] [--runs 3] [--step 10]

The events are in the log before the clock starts. The result is events per second of processor time of the whole
process, all of it in `Engine.step`. *Live*: the engine's clock runs with the events, in steps of some seconds. *Backlog*:
all events are older than the clock, as after a restart, so that batches are full: this is the key figure. Both cases also
with a webhook endpoint for all messages, and with attributes. The meetings in the store must be those of `sessionize`, to
the last field; otherwise the exit code is 1.
"""

import argparse
import gc
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from figures import record
from headcount import Rules, sessionize
from headcount.engine.engine import Engine
from headcount.garbage import ENGINE_OBJECTS, collect_rarely
from headcount.kernel.events import Kind
from headcount.store.dedup import log_entry
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import Store, open_store
from headcount.store.outbox import MessageType
from headcount.store.records import KINDS, LogEntry, Origin
from headcount.store.webhooks import Endpoint, EndpointStatus, RetryType

ROOMS = 2_000
START = 1_767_225_600_000
MINUTE = 60_000
DOMAIN = "default"
_GROUP = 1_000
_PAGE = 5_000


class Case(NamedTuple):
    """One way to drive the engine. `step_ms` is None for a backlog."""

    name: str
    step_ms: int | None
    endpoint: bool = False
    attributes: bool = False


def main() -> int:
    asked = arguments()
    print("| engine, log to committed rows | events per CPU-second |\n|---|---|")
    for case in cases(asked.step * 1_000):
        entries = list(traffic(asked.events, attributes=case.attributes))
        expected = sessions(entries)
        best = 0.0
        for _ in range(asked.runs):
            seconds, found = measured(case, entries)
            if found != expected:
                print(f"{case.name}: the meetings are DIFFERENT from those of `sessionize`")
                return 1
            best = max(best, len(entries) / seconds)
        print(f"| {case.name} | {best:,.0f} |", flush=True)
        if case.name == "backlog":
            record("engine", best)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--step", type=int, default=10, help="seconds by which the clock of a live run advances"
    )
    return parser.parse_args()


def cases(step_ms: int) -> tuple[Case, ...]:
    return (
        Case("live", step_ms),
        Case("live, with an endpoint", step_ms, endpoint=True),
        Case("live, with attributes", step_ms, attributes=True),
        Case("backlog", None),
        Case("backlog, with an endpoint", None, endpoint=True),
        Case("backlog, with attributes", None, attributes=True),
    )


# Traffic.


def traffic(events: int, *, attributes: bool) -> Iterator[LogEntry]:
    """Yield meetings of two to eight people in each room, one after the other, in the order of their events."""
    chance = random.Random(1)
    moves: list[tuple[int, Kind, str, int]] = []
    for number in range(ROOMS):
        room = f"room-{number}"
        for participant, (join, leave) in enumerate(_stays(chance, events // (2 * ROOMS))):
            moves += [(join, Kind.JOIN, room, participant), (leave, Kind.LEAVE, room, participant)]
    for at, kind, room, participant in sorted(moves):
        known = f'{{"customer":"c-{participant % 20}","role":"guest"}}' if attributes else None
        yield log_entry(
            DOMAIN, at, Origin.LIVE, kind, room, at, f"{room}-{participant}", f"user-{participant}", "Ann Example",
            None, None, None, None, known,
        )  # fmt: skip


def _stays(chance: random.Random, number: int) -> list[tuple[int, int]]:
    """Return join and leave of the stays in one room: mostly calls of a few people, and some lectures."""
    stays: list[tuple[int, int]] = []
    start = START + chance.randrange(30 * MINUTE)
    while len(stays) < number:
        length = chance.randrange(3 * MINUTE, 50 * MINUTE)
        people = chance.randrange(2, 9) if chance.random() < 0.8 else chance.randrange(10, 60)
        for _ in range(min(people, number - len(stays))):
            join = start + chance.randrange(3 * MINUTE)
            stays.append((join, max(join + 1_000, start + length - chance.randrange(2 * MINUTE))))
        start += length + chance.randrange(20_000, 20 * MINUTE)
    return stays


# The engine.


def measured(case: Case, entries: Sequence[LogEntry]) -> tuple[float, set[Any]]:
    """Return the processor seconds of the engine, and the meetings that it stored."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "engine.db"))
        if case.endpoint:
            store.endpoints.add(_endpoint())
        seconds = _drive(store, entries, case.step_ms)
        found = stored(store)
        store.close()
    return seconds, found


def _drive(store: Store, entries: Sequence[LogEntry], step_ms: int | None) -> float:
    """Append what has happened until each step, and process it. Return the processor seconds of the processing."""
    engine = Engine(store, Rules(), store.projections.take_over(), stopwatch=time.process_time)
    end = entries[-1].at + 30 * MINUTE
    seconds, done = 0.0, 0
    gc.collect()
    collect_rarely(ENGINE_OBJECTS)  # as in the engine process; the entries of this script are no part of it
    for now in (end,) if step_ms is None else range(START, end + step_ms, step_ms):
        until = done
        while until < len(entries) and entries[until].at <= now:
            until += 1
        for start in range(done, until, _GROUP):
            store.log.append([entries[start : min(until, start + _GROUP)]])
        done = until
        began = time.process_time()
        while engine.step(now):
            pass
        seconds += time.process_time() - began
    return seconds


def _endpoint() -> Endpoint:
    types = tuple(str(one) for one in MessageType)
    return Endpoint(
        "endpoint", DOMAIN, "https://example.com", ("",), None, RetryType.CIRCUIT_BREAKER, types,
        state=EndpointStatus.ACTIVE,
    )  # fmt: skip


# The results.


def stored(store: Store) -> set[Any]:
    """Return the meetings in the store and their entries, as tuples."""
    rows = store.meetings.page(DOMAIN, MeetingFilter(), Page(limit=1_000_000), 0)
    found: set[Any] = {(row.id, row.room, row.start, row.end, row.max_participants) for row in rows}
    for start in range(0, len(rows), _PAGE):
        for name, entries in store.meetings.entries(rows[start : start + _PAGE]).items():
            found |= {(name, *entry) for entry in entries}
    return found


def sessions(entries: Sequence[LogEntry]) -> set[Any]:
    """Return the meetings that `sessionize` finds, in the same form."""
    result = sessionize(_table(entries), domain=DOMAIN)
    meetings = result.meetings.select(["id", "room", "start", "end", "max_participants"])
    people = result.participants.select(
        ["meeting_id", "participant_id", "user_id", "user_name", "join", "leave", "left_by", "attributes"]
    )
    return {*_rows(meetings, ("start", "end")), *_rows(people, ("join", "leave"))}


def _table(entries: Iterable[LogEntry]) -> pa.Table:
    names = ("room", "at", "participant_id", "user_id", "user_name", "attributes")
    columns = {name: [getattr(entry, name) for entry in entries] for name in names}
    return pa.table(columns | {"kind": [str(KINDS[entry.kind]) for entry in entries]})


def _rows(table: pa.Table, times: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    columns = {
        name: table[name].cast(pa.int64()) if name in times else table[name] for name in table.column_names
    }
    return zip(*(column.to_pylist() for column in columns.values()), strict=True)


if __name__ == "__main__":
    sys.exit(main())
