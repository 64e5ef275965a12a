"""Render times of dashboard pages: a million meetings with five million stays, and one meeting of 10,000 people.

    python bench/dashboard.py [--meetings N] [--again]

The store is that of bench/query_api.py; its usage is computed first. Pages are requested within the process, without
a network.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx2
from starlette.applications import Starlette

from headcount.command_hints import CommandHints
from headcount.dashboard.app import routes
from headcount.dashboard.auth import COOKIE, Sessions
from headcount.dashboard.context import PageContext
from headcount.kernel.meetings import meeting_id
from headcount.kernel.rules import Rules
from headcount.maintenance.completeness import read_completeness
from headcount.outbound.broadcast import Broadcaster
from headcount.settings import read_settings
from headcount.store.credentials import Role
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import Store, open_store
from headcount.store.records import BatchChanges, MeetingRow, StayRow
from query_api import NOW, PAST, Inside, p50, store_with

CROWD, PEOPLE = "crowd", 10_000
SECRETS = {PAST: "bench-past", CROWD: "bench-crowd"}


def prepare(store: Store) -> None:
    """Tally what is stored, let somebody in, and add a meeting of very many people."""
    with store.database.reading() as connection:
        tallied = connection.query("select 1 from room_quarters limit 1", {})
    if not tallied:
        store.usage_rollup.reset()
    while store.usage_rollup.step():
        pass
    for domain, secret in SECRETS.items():
        store.access_tokens.end_session(secret)
        store.access_tokens.create_session(domain, Role.ADMIN, "bench", None, NOW, secret)
    if store.meetings.meeting(CROWD, crowd().id) is None:
        store.projections.commit(
            BatchChanges(0, meetings={(CROWD, crowd().id): crowd()}), store.projections.take_over()
        )
        with store.database.writing() as connection:
            connection.write("upsert_stay", [_stay(number) for number in range(PEOPLE)])
            # The engine would have made these, had it worked all of it in.
            connection.run_text(
                "insert into rooms (domain, room, finalized_ms) select distinct domain, room, 0 from meetings where true"
                " on conflict do nothing"
            )


def crowd() -> MeetingRow:
    start = NOW - 86_400_000
    return MeetingRow(CROWD, meeting_id(CROWD, "arena", start), "arena", start, start + 7_200_000, PEOPLE)


def _stay(number: int) -> StayRow:
    join = crowd().start + number * 300
    who, leave = str(UUID(int=number)), crowd().start + 7_200_000 - number
    return StayRow(CROWD, "arena", join, who, leave, "reported", f"user-{number}", f"Person {number}")


def app_of(store: Store) -> Starlette:
    context = PageContext(
        store, Rules(), cast("Broadcaster", None), lambda: NOW, lambda: "", "Europe/Berlin", "", "/v1", "bench",
        read_settings({}, {}), *(cast("Any", None) for _ in range(5)), CommandHints(read_settings({}, {})),
        lambda domain: read_completeness(store, domain, NOW, 0, Rules().late_grace_ms), lambda _, position: str(position),
        lambda _, text: int(text),
    )  # fmt: skip
    return Starlette(routes=routes(context, Sessions(context)))


async def measure(store: Store) -> None:
    app = app_of(store)
    clients = {
        domain: httpx2.AsyncClient(
            transport=httpx2.ASGITransport(Inside(app, domain)),
            base_url="http://bench",
            cookies={COOKIE: secret},
        )
        for domain, secret in SECRETS.items()
    }
    newest = store.meetings.page(PAST, MeetingFilter(), Page(1), NOW)[0]
    someone = store.meetings.entries([newest])[newest.id][0].user_id
    end = datetime.fromtimestamp(NOW / 1_000, UTC).date()
    start = end.replace(year=end.year - 1)
    day = end.replace(month=6, year=end.year - 1)
    asked = [
        (PAST, ""),
        (PAST, "/meetings"),
        (PAST, f"/meetings?from={day}&to={day}"),
        (PAST, "/meetings?room=room-00042"),
        (PAST, f"/meetings?user={someone}"),
        (PAST, "/meetings?min_people=5&min_minutes=30"),
        (PAST, f"/meetings/{newest.id}"),
        (PAST, f"/meetings/{newest.id}?tab=explanation"),
        (PAST, "/room?name=room-00042"),
        (PAST, f"/person?id={someone}"),
        (PAST, "/search?q=room-0004"),
        (PAST, f"/usage?from={start}&to={end}"),
        (PAST, f"/usage?from={start}&to={end}&room=room-00042"),
        (CROWD, f"/meetings/{crowd().id}"),
        (CROWD, f"/meetings/{crowd().id}/rows?from=5000"),
        (CROWD, f"/meetings/{crowd().id}/at?at=12:00"),
    ]
    print(f"{'p50':>9}  {'bytes':>9}  page")
    for domain, path in asked:
        ms, size = await p50(clients[domain], f"/dashboard{path}", 10)
        print(f"{ms:7.1f} ms  {size:9,}  {path or '/'}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--meetings", type=int, default=1_000_000)
    asked.add_argument("--again", action="store_true")
    options = asked.parse_args()
    store = open_store(str(store_with(options.meetings, again=options.again)), durability="off")
    prepare(store)
    asyncio.run(measure(store))
    store.close()


if __name__ == "__main__":
    main()
