"""Response times of the API: a million meetings with five million stays, and 10,000 rooms with 50,000 people.

Meetings have one to nine people, and last from 1 to 45 minutes.

    python bench/query_api.py [--meetings N] [--again]

The store is created once, with the store's own statements, in bench/data.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from figures import record
from headcount.http.context import QueryContext
from headcount.http.errors import HANDLERS
from headcount.http.routes.queries import routes
from headcount.kernel.attributes import canonical
from headcount.kernel.meetings import meeting_id
from headcount.kernel.rules import Rules
from headcount.maintenance.completeness import read_completeness
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import Store, open_store
from headcount.store.records import BatchChanges, MeetingRow, StayRow
from stores import stored

PAST, LIVE = "past", "live"
MOST_ROOMS, A_YEAR_MS = 10_000, 365 * 86_400_000
NOW = 1_767_225_600_000
PEOPLE_A_MEETING = 5
FIGURES = {"/meetings?min_participants=3": "min_participants", "/meetings?min_duration=60": "min_duration"}
_PLAIN_COUNT = """
select count(*) from meetings
where +domain = :domain and max_participants >= :people and end_ms - start_ms >= :duration
"""


def rooms_of(meetings: int) -> int:
    """Return how many rooms have these meetings: each has at least two."""
    return min(MOST_ROOMS, meetings // 2)


def make(path: Path, meetings: int, *, attributes: bool = False) -> None:
    rooms = rooms_of(meetings)
    store = open_store(str(path), durability="off")
    starts = [(room, start) for room in range(rooms) for start in starts_of(room, meetings // rooms)]
    rows = sorted(meeting_of(room, start) for room, start in starts)
    _put_meetings(store, rows)
    _put(
        store,
        "upsert_stay",
        (stay for room, start in starts for stay in stays_of(room, start, attributes=attributes)),
    )
    _put_meetings(store, sorted(meeting_of(room, None) for room in range(rooms)))
    _put(store, "upsert_stay", (stay for room in range(rooms) for stay in stays_of(room, None)))
    with store.database.writing() as connection:
        connection.run_text("analyze;\n")
    store.close()


def store_with(meetings: int, *, again: bool = False, attributes: bool = False) -> Path:
    """Return the path of a store with this number of meetings, created if it does not exist.

    With `attributes`, each room belongs to one of 1,000 customers, and a tenth of the participants do not state it.
    """
    name = f"reading-{meetings}{'-attributes' if attributes else ''}"
    return stored(name, partial(make, meetings=meetings, attributes=attributes), again=again)


def starts_of(room: int, number: int) -> list[int]:
    chance = random.Random(room)
    slot = A_YEAR_MS // number
    return [NOW - A_YEAR_MS + n * slot + chance.randrange(slot - 3_000_000) for n in range(number)]


def meeting_of(room: int, start: int | None) -> MeetingRow:
    name = f"room-{room:05}"
    if start is None:
        begun = NOW - 600_000 - room
        return MeetingRow(LIVE, meeting_id(LIVE, name, begun), name, begun, None, PEOPLE_A_MEETING)
    people, duration = size_of(room, start)
    return MeetingRow(PAST, meeting_id(PAST, name, start), name, start, start + duration, people)


def size_of(room: int, start: int) -> tuple[int, int]:
    """The number of people and the duration (ms) of a meeting: five and 23 minutes on average."""
    chance = hash((room, start)) & 0xFFFF_FFFF
    return 1 + chance % (2 * PEOPLE_A_MEETING - 1), 1_000 * (60 + chance // 16 % 2_640)


def _attributes(room: int, number: int, chance: random.Random) -> str | None:
    known = {"role": "guest" if number else "host", "kind": "person"}
    if chance.randrange(10):
        known["customer"] = f"customer-{room % 1_000:04}"
    return canonical(known)


def stays_of(room: int, start: int | None, *, attributes: bool = False) -> Iterator[StayRow]:
    chance = random.Random(f"{room} {start}")
    begun = NOW - 600_000 - room if start is None else start
    people, duration = (PEOPLE_A_MEETING, 0) if start is None else size_of(room, start)
    for n in range(people):
        who = str(UUID(int=chance.getrandbits(128)))
        leave = None if start is None else begun + duration - 1_000 * n
        user = chance.randrange(100_000)
        yield StayRow(
            PAST if start is not None else LIVE, f"room-{room:05}", begun + 1_000 * n, who, leave,
            None if leave is None else "reported", f"user-{user}", f"Person {user}",
            _attributes(room, n, chance) if attributes else None,
        )  # fmt: skip


def _put_meetings(store: Store, rows: list[MeetingRow]) -> None:
    epoch = store.projections.take_over()
    for start in range(0, len(rows), 50_000):
        some = rows[start : start + 50_000]
        store.projections.commit(BatchChanges(0, meetings={(row.domain, row.id): row for row in some}), epoch)


def _put(store: Store, name: str, rows: Iterable[Any]) -> None:
    left = iter(rows)
    while chunk := list(islice(left, 50_000)):
        with store.database.writing() as connection:
            connection.write(name, chunk)


class Inside:
    """Lets every request in, as of one domain."""

    def __init__(self, app: ASGIApp, domain: str) -> None:
        self._app = app
        self._domain = domain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["domain"] = self._domain
        await self._app(scope, receive, send)


async def p50(client: httpx2.AsyncClient, url: str, times: int = 50) -> tuple[float, int]:
    """The median in ms, and the size of the answer."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = await client.get(url)
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
    return statistics.median(took) * 1_000, len(answer.content)


def client_of(store: Store, domain: str) -> httpx2.AsyncClient:
    """Return a client of the API about one domain of a store, without a server."""
    context = QueryContext(
        store.meetings,
        store.usage,
        Rules(),
        lambda: NOW,
        history=store.history,
        completeness=lambda domain: read_completeness(store, domain, NOW, 0, 15_000),
    )
    app = Starlette(routes=routes(context), exception_handlers=HANDLERS)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(Inside(app, domain)), base_url="http://bench")


async def measure(store: Store, pages: int) -> None:
    past, live = client_of(store, PAST), client_of(store, LIVE)
    rows = store.meetings.page(PAST, MeetingFilter(), Page(limit=pages * 100), NOW)
    deep = rows[-1].id
    someone = store.meetings.entries(rows[:1])[rows[0].id][0].user_id
    day = NOW // 1_000 - 100 * 86_400
    asked = [
        (past, "/meetings?limit=100"),
        (past, f"/meetings?limit=100&starting_after={deep}"),
        (past, "/meetings?limit=100&no_participants=true"),
        (past, "/meetings?limit=100&ending_before=OLDEST"),
        (past, "/meetings?limit=100&room=room-00042"),
        (past, f"/meetings?timeframe_start={day}&timeframe_end={day + 86_400}"),
        (past, f"/meetings?timeframe_start={day}&timeframe_end={day + 30 * 86_400}"),
        (past, f"/meetings?user_id={someone}"),
        (past, "/meetings?ongoing=true"),
        (past, f"/meetings?from={day}&to={day + 3_600}"),
        (past, "/meetings?min_participants=3"),
        (past, "/meetings?min_duration=60"),
        (past, "/meetings?min_participants=3&min_duration=90"),
        (past, f"/meetings?min_participants=3&from={day}&to={day + 30 * 86_400}"),
        (past, "/meetings?min_participants=9&min_duration=2690"),
        (past, f"/meetings/{deep}"),
        (past, f"/meetings/{deep}/participants"),
        (past, f"/rooms/room-00042/presence?at={day}"),
        (live, "/presence"),
        (live, "/rooms/room-00042/presence"),
    ]
    print(f"{'p50':>9}  {'bytes':>9}  query")
    for client, url in asked:
        ms, size = await p50(client, url, 20)
        print(f"{ms:7.1f} ms  {size:9,}  {url}")
        if url in FIGURES:
            record(FIGURES[url], ms)


async def compare(store: Store) -> None:
    """Compare totals by size with plain counts of all meetings."""
    client = client_of(store, PAST)
    for people, duration in ((3, 0), (0, 60), (3, 90), (9, 2_690), (10, 0)):
        url = f"/meetings?no_participants=true&limit=1&min_participants={people}&min_duration={duration}"
        total = (await client.get(url)).json()["total_count"]
        with store.database.reading() as connection:
            values = {"domain": PAST, "people": people, "duration": 1_000 * duration}
            assert total == connection.query(_PLAIN_COUNT, values)[0][0], url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="recreate the store")
    asked = parser.parse_args()
    path = store_with(asked.meetings, again=asked.again)
    store = open_store(str(path))
    print(
        f"{asked.meetings:,} meetings of {PEOPLE_A_MEETING} participants; {rooms_of(asked.meetings):,} active rooms"
    )
    asyncio.run(compare(store))
    asyncio.run(measure(store, min(5_000, asked.meetings // 200)))
    store.close()


if __name__ == "__main__":
    main()
