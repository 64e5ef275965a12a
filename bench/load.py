"""Load generator: persistent connections, each with one request in flight.

    python bench/load.py http://127.0.0.1:8080/v1/events --key KEY [--connections 64] [--seconds 5]
    python bench/load.py http://127.0.0.1:8080/v1/events --key KEY --connections 8 --batches 500

It runs in its own process and does little per request: it writes prepared bytes, and reads only the status and the end of
a response. `busy` in its output is the part of a processor that it used. Near 1.0, it measures itself.
"""

import argparse
import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import uvloop

ROOMS = 1_000
COHORT, PEOPLE_A_ROOM, MANY_ROOMS, STAYS_S = 500, 8, 50_000, 12.0
FOREVER_S = 3_600.0
LEAVES_AFTER = 60_001  # so many requests after a join comes its leave: seconds later
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Requests = Callable[[int], bytes | None]
"""The bytes of the n-th request; None when there are no more."""


class Result(NamedTuple):
    """`requests` is how many were answered with 2xx; `seconds` lasts until the last answer was in."""

    requests: int
    errors: int
    p50_ms: float
    p99_ms: float
    seconds: float
    busy: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


async def drive(host: str, port: int, requests: Requests, connections: int, seconds: float) -> Result:
    """Send requests for a time, then wait for all answers. A lost connection counts as an error."""
    loop = asyncio.get_running_loop()
    run = Run(requests, time.perf_counter() + seconds)
    made = [await loop.create_connection(lambda: Connection(run), host, port) for _ in range(connections)]
    began, cpu = time.perf_counter(), time.process_time()
    run.until = began + seconds
    for _, connection in made:
        connection.ask()
    await asyncio.gather(*(connection.done for _, connection in made))
    took = time.perf_counter() - began
    busy = (time.process_time() - cpu) / took
    for transport, _ in made:
        transport.close()
    waits = sorted(run.waits) or [0.0]
    p50, p99 = (waits[int(part * (len(waits) - 1))] * 1_000 for part in (0.5, 0.99))
    return Result(len(run.waits), run.errors, p50, p99, took, busy)


class Run:
    """What all connections share."""

    def __init__(self, requests: Requests, until: float) -> None:
        self.requests = requests
        self.until = until
        self.sent = 0
        self.errors = 0
        self.waits: list[float] = []

    def next(self) -> bytes | None:
        if time.perf_counter() >= self.until:
            return None
        request = self.requests(self.sent)
        self.sent += 1
        return request


class Connection(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, run: Run) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run = run
        self._began = 0.0
        self._read = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - lost is lost
        if not self.done.done():
            self._run.errors += 1
            self.done.set_result(None)

    def ask(self) -> None:
        request = self._run.next()
        if request is None:
            self.done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read = read = self._read + data if self._read else data
        head = read.find(b"\r\n\r\n")
        if head < 0:
            return
        length = CONTENT_LENGTH.search(read, 0, head)
        if not (read.endswith(b"0\r\n\r\n") if length is None else len(read) >= head + 4 + int(length[1])):
            return
        self._read = b""
        if read[9:10] == b"2":
            self._run.waits.append(time.perf_counter() - self._began)
        else:
            self._run.errors += 1
        self.ask()


def post(host: str, path: str, key: str, body_length: int, content_type: str = "application/json") -> bytes:
    """The head of a request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {body_length}\r\n\r\n"
    ).encode()


def single_events(host: str, path: str, key: str, first: int = 0) -> Requests:
    """One event a request: people come to a thousand rooms, and later leave them. All are of the same length."""
    form = (
        '{"room":"room-%04d","kind":"%s","at":%.3f,"participant_id":"connection-%010d",'
        '"user_id":"user-%06d","user_name":"Somebody Or Other"%s}'
    )

    def body(n: int) -> bytes:
        leaves = n % 2 == 1 and n >= LEAVES_AFTER
        who = first + (n - LEAVES_AFTER if leaves else n)
        kind, filler = ("leave", "") if leaves else ("join", " ")
        return (form % (who % ROOMS, kind, time.time(), who, who % 100_000, filler)).encode()

    head = post(host, path, key, len(body(0)))
    return lambda n: head + body(n)


class Batches:
    """A thousand events a request, as lines: people come to small meetings, and go when they were there for a while.

    Events are sent in order. Until the first participant may leave, all events are joins.
    """

    def __init__(self, host: str, path: str, key: str, requests: int) -> None:
        self._where = host, path, key
        self._left = requests
        self._came = 0
        self._to_go: deque[tuple[float, int]] = deque()

    def __call__(self, n: int) -> bytes | None:
        if n >= self._left:
            return None
        now = time.time()
        body = self._comes(now) + (self._goes(now) or self._comes(now))
        return post(*self._where, len(body), "application/x-ndjson") + body

    def _comes(self, now: float) -> bytes:
        cohort, self._came = self._came, self._came + 1
        self._to_go.append((now + STAYS_S, cohort))
        return self._told("join", now, cohort)

    def _goes(self, now: float) -> bytes | None:
        if self._to_go[0][0] > now:
            return None
        return self._told("leave", now, self._to_go.popleft()[1])

    @staticmethod
    def _told(kind: str, now: float, cohort: int) -> bytes:
        form = (
            f'{{"room":"room-%05d","kind":"{kind}","at":%.3f,"participant_id":"connection-%010d",'
            '"user_id":"user-%06d","user_name":"Somebody Or Other"}\n'
        )
        people = range(cohort * COHORT, (cohort + 1) * COHORT)
        return "".join(
            form % (who // PEOPLE_A_ROOM % MANY_ROOMS, now - who * 37 % 100 / 1_000, who, who % 100_000)
            for who in people
        ).encode()


def last_of_all(host: str, path: str, key: str) -> Requests:
    """Send one more event, which is answered once all before it are processed. Its id is always the same."""
    body = b'{"id":"last","room":"last","kind":"join","at":%d,"participant_id":"last"}' % time.time()
    request = post(host, f"{path}?wait=true", key, len(body)) + body
    return lambda n: None if n else request


async def send_batches(asked: argparse.Namespace, host: str, port: int, path: str) -> dict[str, float]:
    """The time until everything was answered, and until everything was processed."""
    requests = Batches(host, path, asked.key, asked.batches)
    result = await drive(host, port, requests, asked.connections, FOREVER_S)
    waited, passed = 0.0, False
    last = last_of_all(host, path, asked.key)
    while not passed:
        done = await drive(host, port, last, 1, FOREVER_S)
        waited, passed = waited + done.seconds, done.requests == 1
    return result._asdict() | {"until_processed_s": result.seconds + waited}


async def send_singles(asked: argparse.Namespace, host: str, port: int, path: str) -> dict[str, float]:
    requests = single_events(host, path, asked.key, asked.first)
    result = await drive(host, port, requests, asked.connections, asked.seconds)
    return result._asdict() | {"per_second": result.per_second}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--key", default="none")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first participant")
    parser.add_argument("--batches", type=int, help="number of requests of 1,000 lines, without a time limit")
    asked = parser.parse_args()
    url = urlsplit(asked.url)
    send = send_batches if asked.batches else send_singles
    result = uvloop.run(send(asked, url.hostname or "127.0.0.1", url.port or 80, url.path))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
