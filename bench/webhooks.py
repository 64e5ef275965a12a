"""Webhooks: latency after the commit, and throughput, compared with the plain HTTP client.

    python bench/webhooks.py [--seconds 10] [--messages 300] [--runs 3]

The server, the receiver and the plain client are separate processes. Messages enter the outbox in
small commits, as the engine writes them. All of them must arrive; otherwise the exit code is 1.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpcore2
import httpx2 as httpx
import uvloop

from figures import record
from headcount.clock import Clock
from headcount.outbound.payloads import encode
from headcount.outbound.webhooks.endpoint_queue import CONCURRENCY
from headcount.outbound.webhooks.signing import request_headers
from headcount.service.access import create_key
from headcount.store.open import Store, open_store
from headcount.store.webhooks import Endpoint, RetryType

HERE = Path(__file__).parent
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PACE = 500
TICK_S = 0.02
ROOMS = 50
ENDPOINTS = 100
PATIENCE_S = 120


def main() -> int:
    asked = arguments()
    if asked.bare:
        uvloop.run(bare(asked.bare, asked.messages))
        return 0
    with started("webhook_receiver.py") as (port, _):
        soon = [latency(port, asked.seconds) for _ in range(asked.runs)]
        ours = [spread(port, asked.messages) for _ in range(asked.runs)]
        theirs = [of_client(port, asked.messages) for _ in range(asked.runs)]
    p50, p99 = (min(one[place] for one in soon) for place in (0, 1))
    rate, peer = max(ours), max(theirs)
    print("| measure | Headcount | peer | ratio | target | met |")
    print("|---|---|---|---|---|---|")
    print(
        f"| from the commit of a message to its arrival, {PACE}/s: p50, p99 | {p50 * 1_000:.0f} ms, {p99 * 1_000:.0f} ms |  |  | p99 ≤ 250 ms | {met(fine=p99 <= 0.25)} |"
    )
    print(f"| messages to {ENDPOINTS} endpoints, against the bare HTTP client | {rate:,.0f}/s | {peer:,.0f}/s | {rate / peer:.2f} | ≥ 0.8 | {met(fine=rate / peer >= 0.8)} |")  # fmt: skip
    record("webhooks", rate / peer)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def met(*, fine: bool) -> str:
    return "yes" if fine else "**no**"


def latency(port: int, seconds: float) -> tuple[float, float]:
    """p50 and p99 of the seconds from the commit to the arrival, at a steady pace."""
    came(port)
    with serving(port, 1) as store:
        number, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            due = round((time.monotonic() - began) * PACE)
            put(store, range(number, due))
            number = due
            time.sleep(TICK_S)
        latencies = all_of(port, number)
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49], cuts[98]


def spread(port: int, messages: int) -> float:
    """Messages a second that arrive at a hundred endpoints, from the commit to the last arrival."""
    came(port)
    with serving(port, ENDPOINTS) as store:
        began = time.time()
        put(store, range(messages))
        all_of(port, messages * ENDPOINTS)
        return messages * ENDPOINTS / (LAST[0] - began)


def of_client(port: int, messages: int) -> float:
    """The same posts by the HTTP client alone, with connections of their own for each endpoint."""
    command = [sys.executable, __file__, "--bare", str(port), "--messages", str(messages)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout
    return float(output)


async def bare(port: int, messages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "bare.db"))
        put(store, range(messages))
        bodies = [(one.id, encode(one, extensions=False).encode()) for one in store.messages.after(0)]
        store.close()
    rows = [endpoint(f"http://127.0.0.1:{port}/{n}", n) for n in range(ENDPOINTS)]

    async def post_all(row: Endpoint) -> None:
        pool = httpcore2.AsyncConnectionPool(max_connections=CONCURRENCY)
        left = iter(bodies)

        async def some() -> None:
            for name, body in left:
                headers = request_headers(row, name, body, 1)
                await pool.request(
                    "POST",
                    row.url,
                    headers=[(b"host", b"127.0.0.1"), (b"content-length", b"%d" % len(body)), *headers],
                    content=body,
                )

        await asyncio.gather(*(some() for _ in range(CONCURRENCY)))
        await pool.aclose()

    began = time.monotonic()
    await asyncio.gather(*map(post_all, rows))
    print(messages * ENDPOINTS / (time.monotonic() - began))


LAST = [0.0]


def came(port: int) -> list[float]:
    """The latencies of what came since the last time."""
    received = httpx.get(f"http://127.0.0.1:{port}/", timeout=30).json()
    LAST[0] = received["last"]
    return received["latencies"]


def all_of(port: int, number: int) -> list[float]:
    latencies, until = [], time.monotonic() + PATIENCE_S
    while len(latencies) < number:
        if time.monotonic() > until:
            sys.exit(f"only {len(latencies):,} of {number:,} messages came")
        time.sleep(0.25)
        latencies += came(port)
    return latencies


def put(store: Store, numbers: Iterable[int]) -> None:
    """Messages as the engine writes them, in one commit."""
    now = time.time_ns() // 1_000_000
    body = {"id": "0f9f4c1e-1111-4222-8333-444455556666", "start": now}
    rows = [
        ("default", f"met-{n}", "meeting.started", f"room-{n % ROOMS}", now, now, json.dumps(body))
        for n in numbers
    ]
    with store.database.writing() as connection:
        connection.write("insert_message", rows)


def endpoint(url: str, number: int) -> Endpoint:
    types = ("meeting.started",)
    return Endpoint(f"endpoint-{number}", "default", url, (SECRET,), None, RetryType.EXPONENTIAL, types)


@contextmanager
def serving(port: int, endpoints: int) -> Iterator[Store]:
    """A server on its own store with this number of endpoints. Give the store."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ours.db")
        store = open_store(path)
        create_key(store, "default", "bench", ("admin",), Clock())
        for n in range(endpoints):
            store.endpoints.add(endpoint(f"http://127.0.0.1:{port}/{n}", n))
        with started(
            "-m",
            "headcount",
            "serve",
            "--webhook-allowed-networks",
            "127.0.0.0/8",
            "--database",
            path,
            "--port",
            "0",
            "--log-level",
            "warning",
        ):
            warm_up(port, store, endpoints)
            yield store
        store.close()


def warm_up(port: int, store: Store, endpoints: int) -> None:
    """Wait until all lines are open and have connections."""
    now = time.time_ns() // 1_000_000
    with store.database.writing() as connection:
        connection.write(
            "insert_message",
            [("default", "warm", "meeting.started", "warm", now, now, '{"id":"m","start":1000}')],
        )
    all_of(port, endpoints)


@contextmanager
def started(*command: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A process of this benchmark. Give the number that it prints first, if any."""
    path = [str(HERE / command[0])] if command[0].endswith(".py") else list(command)
    process = subprocess.Popen([sys.executable, *path], stdout=subprocess.PIPE, text=True)
    try:
        yield (int(process.stdout.readline()) if path != list(command) else 0), process
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
