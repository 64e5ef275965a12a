"""Erasing a person with 10,000 stays while the server answers: how long it takes, and how much longer requests take.

    python bench/erasure.py [--stays 10000] [--others 400000] [--seconds 10]

Requests of three kinds are sent at a fixed rate, first without and then with the erasure: lists of meetings, presence, and
events that must be durable before they are acknowledged. The exit code is 1 if the person is found afterwards.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2 as httpx

from figures import record
from headcount.clock import Clock
from headcount.engine.catch_up import catch_up
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.service.access import create_key
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.dedup import entry_of
from headcount.store.erasures import Mode, State
from headcount.store.open import Store, open_store
from headcount.store.records import Origin

ROOMS = 500
MINUTE = 60_000
DOMAIN = "default"
INTERVAL_S = 0.01


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=400_000, help="Stays of other people.")
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-") as folder:
        path = Path(folder) / "headcount.db"
        store = open_store(str(path), durability="off")
        fill(store, asked.stays, asked.others)
        key = create_key(store, DOMAIN, "bench", ("admin",), Clock())[1]
        store.close()
        environment = os.environ | {"HEADCOUNT_READS_PER_5S": "0"}
        server = subprocess.Popen(
            [Path(sys.executable).with_name("headcount"), "serve", "--database", str(path), "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip
        try:
            found = asyncio.run(measure(address(server), key, str(path), asked.seconds))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        left = sum(
            path.read_bytes().count(text)
            for path in Path(folder).iterdir()
            for text in (b"user-person", b"Name of the person")
        )
        store = open_store(str(path))
        store.database.vacuum()
        store.close()
        left_after = sum(
            path.read_bytes().count(text)
            for path in Path(folder).iterdir()
            for text in (b"user-person", b"Name of the person")
        )
    took, counts, before, during = found
    print(f"{counts}; remains before and after vacuum: {left} and {left_after}")
    print("| measure | before | during the erasure | target | met |")
    print("|---|---|---|---|---|")
    print(
        f"| erasure of {asked.stays:,} stays, while serving |  | {took:.1f} s | ≤ 10 s | {'yes' if took <= 10 else 'no'} |"
    )
    for kind in before:
        one, two = (sorted(times[kind]) for times in (before, during))
        print(
            f"| {kind}: p50, p99, longest | {shown(one)} | {shown(two)} | ≤ 100 ms more |"
            f" {'yes' if two[-1] - one[-1] <= 0.1 else 'no'} |"
        )
    record("erasure", took)
    return int(left_after > 0)


def shown(times: list[float]) -> str:
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    return f"{p50 * 1_000:.1f}, {p99 * 1_000:.1f}, {times[-1] * 1_000:.1f} ms"


def fill(store: Store, stays: int, others: int) -> None:
    """Write what happened in many rooms: each stay of the person is under another participant id."""
    now = Clock().now()
    first = now - 300 * 24 * 60 * MINUTE
    share = max(1, (stays + others) // stays)
    entries = []
    for number in range(stays + others):
        is_person = number % share == 0 and number // share < stays
        room = f"room-{(number // share if is_person else number) % ROOMS}"
        at = first + number // ROOMS * 25 * MINUTE + number % 7 * MINUTE
        who = f"PA_person_{number}" if is_person else f"PA_{number}"
        user = (
            ("user-person", "Name of the person")
            if is_person
            else (f"user-{number % 5_000}", f"Name {number % 5_000}")
        )
        for kind, moment in ((Kind.JOIN, at), (Kind.LEAVE, at + 15 * MINUTE)):
            names = user if kind is Kind.JOIN else (None, None)
            event = Event(
                kind,
                room,
                moment,
                who,
                *names,
                attributes='{"email":"person@example.com"}' if is_person and kind is Kind.JOIN else None,
            )
            entries.append(entry_of(event, DOMAIN, now, Origin.IMPORTED))
        if len(entries) >= 50_000:
            store.log.append([entries])
            entries = []
    store.log.append([entries])
    catch_up(store, lambda: now, Rules(), None, lambda *_: None)
    store.usage_rollup.finish()


def address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found[0]
    raise SystemExit("the server did not start")


async def measure(url: str, key: str, path: str, seconds: float):  # noqa: ANN201 - a tuple for main
    store = open_store(path)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url + "/v1", headers=headers, timeout=60) as client:
        await load(client, lambda: False, 3)
        before = await load(client, lambda: False, seconds)
        began, now = time.perf_counter(), Clock().now()
        erasure = store.erasures.request(
            DOMAIN, Selector(SelectorKind.USER_ID, "user-person"), Mode.ERASE, now, now, "bench"
        )
        done: list[float] = []

        def is_done() -> bool:
            found = store.erasures.find(DOMAIN, erasure.number)
            if found is not None and found.state is State.DONE and not done:
                done.append(time.perf_counter() - began)
            return bool(done)

        during = await load(client, is_done, 600)
    counts = store.erasures.find(DOMAIN, erasure.number).counts
    store.close()
    return done[0], counts, before, during


async def load(client: httpx.AsyncClient, is_done, seconds: float) -> dict[str, list[float]]:  # noqa: ANN001
    """Send requests at a fixed rate until something is done or the time is over, and return how long each took."""
    until, number = time.perf_counter() + seconds, 0
    times: dict[str, list[float]] = {"list of meetings": [], "presence": [], "durable event": []}
    pending: set[asyncio.Task[None]] = set()

    async def send(kind: str, number: int) -> None:
        started = time.perf_counter()
        if kind == "durable event":
            event = {
                "kind": "join",
                "room": f"live-{number % 50}",
                "participant_id": f"p-{time.time_ns()}",
                "user_name": "Zoe",
            }
            answer = await client.post("/events", json=[event])
        elif kind == "presence":
            answer = await client.get("/presence")
        else:
            answer = await client.get(f"/meetings?limit=20&room=room-{number % 500}")
        answer.raise_for_status()
        times[kind].append(time.perf_counter() - started)

    while time.perf_counter() < until and not (number % 20 == 0 and is_done()):
        task = asyncio.create_task(send(list(times)[number % 3], number))
        pending.add(task)
        task.add_done_callback(pending.discard)
        number += 1
        await asyncio.sleep(INTERVAL_S)
    await asyncio.gather(*pending)
    return times


if __name__ == "__main__":
    sys.exit(main())
