"""A thousand streams of one process: the time until an event reaches all of them, and the memory of each.

    python bench/stream.py [--readers N]

The server is a separate process. The clients share another one, in one loop.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from headcount.server.server import raise_connection_limit
from server_processes import memory_mb
from support.running_service import Running
from support.stream_client import Outbox

ROUNDS = 20
MOST_S, MOST_KB = 1.0, 50.0


async def come(host: str, port: int, key: str) -> asyncio.StreamReader:
    """One who listens, once the stream has begun."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /v1/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode())
    await reader.readuntil(b"retry: ")
    await reader.readuntil(b"\n\n")
    OPEN.append(writer)
    return reader


OPEN: list[asyncio.StreamWriter] = []


async def listen(service: Running, readers: int, outbox: Outbox) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    warm = [await come(host, int(port), service.key) for _ in range(20)]
    before = memory_mb(service.process.pid)
    began = time.perf_counter()
    ears = []
    for start in range(0, readers, 50):
        some = (come(host, int(port), service.key) for _ in range(min(50, readers - start)))
        ears += await asyncio.gather(*some)
    joined = time.perf_counter() - began
    took = []
    for n in range(ROUNDS):
        began = time.perf_counter()
        (name,) = await asyncio.to_thread(outbox.publish, f"room-{n}")
        await asyncio.gather(*(ear.readuntil(f'"id":"{name}"'.encode()) for ear in ears))
        took.append(time.perf_counter() - began)
        await asyncio.gather(*(ear.readuntil(b"\n\n") for ear in ears))
    cost = (memory_mb(service.process.pid) - before) * 1_000 / readers
    print(f"{readers:,} streams opened in {joined:.2f} s, {readers / joined:,.0f} per second")
    report("one event to all clients, median", statistics.median(took), MOST_S, "s")
    report(f"one event to all clients, slowest of {ROUNDS}", max(took), MOST_S, "s")
    report("memory per stream", cost, MOST_KB, "kB")
    assert len(warm) == 20


def report(what: str, figure: float, bar: float, unit: str) -> None:
    print(f"{what}: {figure:.3g} {unit} (target: {bar:g} {unit}; {'met' if figure <= bar else 'NOT met'})")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=1_000)
    readers = parser.parse_args().readers
    with TemporaryDirectory() as folder:
        service = Running(folder, reads_per_5s=0).start()
        raise_connection_limit()
        try:
            with closing(Outbox(service.database)) as outbox:
                asyncio.run(listen(service, readers, outbox))
        finally:
            service.stop()


if __name__ == "__main__":
    main()
