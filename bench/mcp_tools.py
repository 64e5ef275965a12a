"""Latency of the MCP tools: a client of the MCP SDK over stdio, a server, and a store with a million meetings.

    python bench/mcp_tools.py [--meetings N] [--calls 200] [--again]

The store is that of bench/query_api.py, with its usage computed. Each call of a tool asks about another room, meeting or
person. The time is that of the client: from the call to the parsed answer, with both processes in between. The store has no
log, so an explanation has the meeting and its certainty, and no steps.
"""

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace, RawTextHelpFormatter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from figures import record
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from ingest_api import Server, free_port, headcount, running
from query_api import NOW, PAST, store_with
from usage import tally

Call = tuple[str, dict[str, Any]]


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=200, help="calls of each tool")
    parser.add_argument("--again", action="store_true", help="create the store again")
    asked = parser.parse_args()
    path = store_with(asked.meetings, again=asked.again)
    store = open_store(str(path))
    tally(store)
    store.close()
    with tempfile.TemporaryDirectory() as directory:
        copy, port = Path(directory) / "store.db", free_port()
        shutil.copy(path, copy)
        create = headcount("key", "create", "--database", str(copy), "--domain", PAST, "--scope", "read")
        key = subprocess.run(create, check=True, capture_output=True, text=True).stdout.split()[-1]
        where = [
            "--database",
            str(copy),
            "--port",
            str(port),
            "--reads-per-5s",
            "0",
            "--log-level",
            "warning",
        ]
        with running(Server("serve", headcount("serve", *where), copy), port):
            asyncio.run(measure(asked, f"http://127.0.0.1:{port}", key, copy))


async def measure(asked: Namespace, url: str, key: str, path: Path) -> None:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "headcount", "mcp", "--url", url, "--show-names"],
        env={**os.environ, "HEADCOUNT_API_KEY": key},
    )
    worst = 0.0
    print(f"{'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}  tool, {asked.calls} calls")
    async with Client(command) as client:
        for tool, calls in questions(path).items():
            taken = [await timed(client, *call) for call in islice(calls, asked.calls + 5)][5:]
            taken.sort()
            p99 = taken[min(len(taken) * 99 // 100, len(taken) - 1)]
            worst = max(worst, p99)
            print(f"{statistics.median(taken):8.1f} {p99:8.1f} {taken[-1]:8.1f}  {tool}")
    record("mcp", worst)


async def timed(client: Client, tool: str, arguments: dict[str, Any]) -> float:
    began = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise SystemExit(f"{tool} {arguments}: {result.content}")
    return (time.perf_counter() - began) * 1_000


def questions(path: Path) -> dict[str, Iterator[Call]]:
    """Return calls without end for each kind of question."""
    store = open_store(str(path), read_only=True)
    rows = store.meetings.page(PAST, MeetingFilter(), Page(limit=5_000), NOW)
    store.close()
    chance = random.Random(1)
    year, day = "2025-01-02", timedelta(days=1)

    def some(make: Any) -> Iterator[Call]:
        while True:
            yield make(chance.choice(rows))

    def moment(at: int) -> str:
        return datetime.fromtimestamp(at / 1_000, UTC).isoformat()

    def a_day(row: Any) -> dict[str, Any]:
        start = datetime.fromtimestamp(row.start / 1_000, UTC)
        return {"start": start.isoformat(), "end": (start + day).isoformat()}

    return {
        "who_is_in_room": some(lambda row: ("who_is_in_room", {"room": row.room})),
        "who_was_in_room_at": some(lambda row: ("who_was_in_room_at", {"room": row.room, "at": moment(row.start)})),
        "who_was_in_room_at, a day": some(
            lambda row: ("who_was_in_room_at", {"room": row.room, "at": a_day(row)["start"], "until": a_day(row)["end"]})
        ),
        "list_meetings of a room": some(lambda row: ("list_meetings", {"room": row.room})),
        "list_meetings of a day": some(lambda row: ("list_meetings", a_day(row))),
        "list_meetings, filtered": some(lambda row: ("list_meetings", {"min_participants": 1 + row.max_participants % 8})),
        "explain_meeting": some(lambda row: ("explain_meeting", {"meeting_id": row.id})),
        "attendance": some(lambda row: ("attendance", {"meeting_id": row.id})),
        "usage of a day": some(lambda row: ("usage", {**a_day(row), "group_by": "hour"})),
        "usage of a year": some(lambda _: ("usage", {"start": year, "end": "2026-01-01", "group_by": "month"})),
        "usage of a year by room": some(lambda _: ("usage", {"start": year, "end": "2026-01-01", "group_by": "room"})),
        "person_history": some(lambda _: ("person_history", {"person": f"user-{chance.randrange(100_000)}"})),
    }  # fmt: skip


if __name__ == "__main__":
    main()
