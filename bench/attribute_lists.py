"""Response times of lists of meetings that are filtered by attributes, each compared with the same list without the filter.

    python bench/attribute_lists.py [--meetings N] [--again]

The store has a million meetings with five million stays. Their attributes are customer, role and, of hosts, email.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx2

from headcount.kernel.attributes import canonical
from headcount.store.open import Store, open_store
from headcount.store.records import BatchChanges, MeetingRow, StayRow
from query_api import NOW, PAST, client_of, meeting_of, p50, rooms_of, starts_of, stays_of
from stores import stored

TABLES = ("meetings", "stays", "meeting_attributes", "meeting_attribute_counts")
_BATCH = 2_000


def meetings(number: int) -> Iterator[tuple[MeetingRow, list[StayRow]]]:
    """Half of the rooms belong to one customer, one in a hundred to another; five meetings are of a rare one."""
    rooms = rooms_of(number)
    for room in range(rooms):
        customer = "half" if room % 2 else "percent" if room % 100 == 0 else f"c{room}"
        for start in starts_of(room, number // rooms):
            rare = room == 42 and start % 20 == 0
            stays = []
            for n, stay in enumerate(stays_of(room, start)):
                known = {"customer": "rare" if rare else customer, "role": "guest" if n else "host"}
                if not n:
                    known["email"] = f"{stay.user_id}@example.com"
                stays.append(stay._replace(attributes=canonical(known)))
            yield meeting_of(room, start), stays


def make(store: Store, number: int) -> None:
    """Write the tables as the engine does, with the index."""
    epoch = store.projections.take_over()
    began, left = time.perf_counter(), meetings(number)
    while some := list(islice(left, _BATCH)):
        rows = {(row.domain, row.id): row for row, _ in some}
        stays = {stay[:4]: stay for _, of_meeting in some for stay in of_meeting}
        store.projections.commit(BatchChanges(0, meetings=rows, stays=stays), epoch)
    with store.database.writing() as connection:
        connection.run_text("analyze")
    print(f"written in {time.perf_counter() - began:.0f} s")


def opened(number: int, *, again: bool) -> Store:
    def fill(path: Path) -> None:
        store = open_store(str(path), durability="off")
        make(store, number)
        store.close()

    return open_store(str(stored(f"attributes-{number}", fill, again=again)))


async def measure(store: Store) -> None:
    client = client_of(store, PAST)
    first = (await client.get("/meetings?limit=1&include=attributes")).json()["data"][0]
    host = first["participants"][0]
    day = NOW // 1_000 - 100 * 86_400
    plain = "limit=100&no_participants=true"
    values = {
        "half": "attribute.customer=half",
        "all": "attribute.role=host",
        "1 %": "attribute.customer=percent",
        "rare": "attribute.customer=rare",
        "email": f"attribute.email={host['attributes']['email']}",
        "1 % and role": "attribute.customer=percent&attribute.role=host",
        "half and role": "attribute.customer=half&attribute.role=host",
    }
    lists = {
        "": ("half", "all", "1 %", "rare", "email", "1 % and role", "half and role"),
        f"timeframe_start={day + 5}&timeframe_end={day + 30 * 86_400}": (
            "half",
            "1 %",
            "rare",
            "half and role",
        ),
        f"from={day}&to={day + 3_600}": ("half", "1 %"),
        "ending_before=OLDEST": ("half", "rare"),
        "room=room-00001": ("half", "rare"),
        f"user_id={host['user_id']}": ("all",),
        "min_participants=3": ("half",),
    }
    print(f"{'p50':>9}  {'ratio':>6}  {'total':>9}  query")
    for name, filters in lists.items():
        url = f"/meetings?{plain}&{name}"
        alone, _ = await p50(client, url, 20)
        print(f"{alone:7.1f} ms  {'':6}  {await _total(client, url):9,}  {name or 'all meetings'}")
        for value in filters:
            filtered = f"{url}&{values[value]}"
            ms, _ = await p50(client, filtered, 20)
            print(f"{ms:7.1f} ms  {ms / alone:6.2f}  {await _total(client, filtered):9,}    {value}")


async def _total(client: httpx2.AsyncClient, url: str) -> int:
    total: int = (await client.get(url)).json()["total_count"]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="recreate the store")
    asked = parser.parse_args()
    store = opened(asked.meetings, again=asked.again)
    with store.database.reading() as connection:
        for table in TABLES:
            print(f"{connection.query(f'select count(*) from {table}', {})[0][0]:>12,}  rows of {table}")
    asyncio.run(measure(store))
    store.close()


if __name__ == "__main__":
    main()
