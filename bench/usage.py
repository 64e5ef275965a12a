"""The speed of usage queries: a year with a million meetings and five million stays, rolled up beforehand.

    python bench/usage.py [--meetings N] [--again] [--attributes]

The store is that of bench/query_api.py. The answer for the year is compared with the slow sum over all meetings.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime

from headcount.store.open import Store, open_store
from query_api import NOW, PAST, PEOPLE_A_MEETING, client_of, p50, store_with

TABLES = ("room_quarters", "domain_quarters", "domain_steps", "room_totals", "value_totals")
_SLOW = """
select count(distinct m.id), sum(min(s.leave_ms, m.end_ms) - max(s.join_ms, m.start_ms))
from meetings as m
join stays as s on s.domain = m.domain and s.room = m.room and s.join_ms < m.end_ms and s.leave_ms > m.start_ms
where m.domain = :domain
"""


def tally(store: Store) -> None:
    """Tally all that there is, if it is not yet."""
    with store.database.reading() as connection:
        done = connection.query("select 1 from room_quarters limit 1", {})
    if not done:
        store.usage_rollup.reset()
    began, cpu = time.perf_counter(), time.process_time()
    longest, steps, more = 0.0, 0, True
    while more:
        step = time.perf_counter()
        more = store.usage_rollup.step()
        longest, steps = max(longest, time.perf_counter() - step), steps + 1
    print(
        f"usage computed in {time.perf_counter() - began:.0f} s and {steps} steps; longest step: {longest:.1f} s; CPU: {time.process_time() - cpu:.1f} s"
    )
    with store.database.reading() as connection:
        for table in TABLES:
            print(f"{connection.query(f'select count(*) from {table}', {})[0][0]:>12,}  rows of {table}")


async def measure(store: Store, *, attributes: bool) -> None:
    client = client_of(store, PAST)
    end = datetime.fromtimestamp(NOW / 1_000, UTC).date()
    start = end.replace(year=end.year - 1)
    year = f"from={start}&to={end}&timezone=Europe/Berlin"
    asked = [
        *(f"/usage?{year}&group_by={group}" for group in ("day", "hour", "month", "total", "room")),
        f"/usage?{year}&room=room-00042",
        *(f"/concurrency?{year}&group_by={group}" for group in ("hour", "day")),
        f"/usage?from={start}&to={start.replace(day=8)}&group_by=room",
    ]
    if attributes:
        week = f"from={start}&to={start.replace(day=8)}"
        asked += [
            f"/usage?{year}&group_by=day&attribute.customer=customer-0042",
            f"/usage?{year}&group_by=day&attribute.role=guest",
            f"/usage?{year}&group_by=room&attribute.role=guest",
            f"/usage?{year}&group_by=attribute.customer",
            f"/usage?{year}&group_by=attribute.customer&limit=10000",
            f"/usage?{year}&group_by=attribute.role",
            f"/usage?{year}&group_by=attribute.role&room=room-00042",
            f"/concurrency?{year}&group_by=hour&attribute.role=guest",
            f"/concurrency?{year}&group_by=attribute.customer",
            f"/usage?{week}&group_by=room&attribute.customer=customer-0042",
            f"/usage?{week}&group_by=attribute.customer",
            f"/usage?{week}&attribute.customer=customer-0042&attribute.role=host",
            f"/usage?{week}&group_by=attribute.role&attribute.customer=customer-0042",
        ]
    print(f"{'p50':>9}  {'bytes':>9}  query")
    for url in asked:
        ms, size = await p50(client, url, 20)
        print(f"{ms:7.1f} ms  {size:9,}  {url}")
    around = f"from={start.replace(year=start.year - 1)}&to={end.replace(year=end.year + 1)}&group_by=total"
    totals = (await client.get(f"/usage?{around}")).json()["totals"]
    compare(store, totals)


def compare(store: Store, totals: dict[str, int]) -> None:
    began = time.perf_counter()
    with store.database.reading() as connection:
        meetings, ms = connection.query(_SLOW, {"domain": PAST})[0]
    assert (totals["meetings"], totals["participant_seconds"]) == (meetings, ms // 1_000), (
        totals,
        meetings,
        ms,
    )
    print(f"the slow sum equals the result, after {time.perf_counter() - began:.0f} s: {totals}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--attributes", action="store_true", help="with roles, kinds and 1,000 customers")
    parser.add_argument("--again", action="store_true", help="recreate the store")
    asked = parser.parse_args()
    path = store_with(asked.meetings, again=asked.again, attributes=asked.attributes)
    store = open_store(str(path), durability="off")
    print(f"{asked.meetings:,} meetings of {PEOPLE_A_MEETING} participants")
    tally(store)
    asyncio.run(measure(store, attributes=asked.attributes))
    store.close()


if __name__ == "__main__":
    main()
