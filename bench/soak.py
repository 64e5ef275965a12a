"""Soak test: the server under steady mixed load for minutes, to detect growth.

    python bench/soak.py [--minutes 10] [--keep FOLDER]        (or SOAK_MINUTES=1 make soak)

Starts the server on a new store and sends single events, NDJSON, snapshots, source requests, and reads of every kind, at
fixed rates. Every ten seconds it measures the process. At the end, all acknowledged events must be in the log, and the
tables must follow from it. Memory, descriptors, the write-ahead log and the engine's lag must not have grown. Otherwise
the exit code is 1.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import httpx2

from headcount.service.access import access_file
from headcount.store.open import open_store
from server_processes import memory_mb

EVERY_S = 10
STAY_S = 30
GROUP = 10
ROOMS_OF_A_KIND = 1_000
SECRET = "a-secret-for-the-soak-that-is-long-enough"
HEADCOUNT = (sys.executable, "-m", "headcount")
ADDRESS = re.compile(r"/v1/ingest/generic/\S+")
STARTED = re.compile(r"on (http://127\.0\.0\.1:\d+)")
KEY = re.compile(r"hc_[A-Za-z0-9_-]{32}")

GROWTH = 1.10
"""The memory of the last third of the time, against that of the middle third."""
MOST_NEW_FILES = 9
"""Three for a connection to the store; a few more readers at once are no leak."""
MOST_LAG_S = 5.0
MOST_WAL_BYTES = 64_000_000


class Sample(NamedTuple):
    """How the process was at one moment, and how fast it answered since the last one (ms)."""

    at_s: float
    memory_mb: float
    files: int
    wal_mb: float
    lag_entries: float
    lag_s: float
    requests: int
    p50_ms: float
    p99_ms: float


class Load:
    """All that is sent and asked.

    People come in groups to a room, and leave it when they were there for half a minute. There are so many
    rooms that each is empty before the next group comes: meetings end.
    """

    def __init__(self, client: httpx2.AsyncClient, source: str) -> None:
        self._client = client
        self._source = source
        self._groups = count()
        self._reads = count()
        self.waits: list[float] = []
        self.answers: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self._meeting = ""

    async def singles(self) -> None:
        """A group comes, one request for each, and leaves later."""
        group = next(self._groups)
        room = f"single-{group % ROOMS_OF_A_KIND}"
        await asyncio.gather(*(self._event(event) for event in people(room, "join", group)))
        await asyncio.sleep(STAY_S)
        await asyncio.gather(*(self._event(event) for event in people(room, "leave", group)))

    async def batches(self) -> None:
        """Five groups come in one request, and leave in another; a snapshot lies between them."""
        groups = [next(self._groups) for _ in range(5)]
        rooms = {group: f"batch-{group % ROOMS_OF_A_KIND}" for group in groups}
        await self._lines([event for group in groups for event in people(rooms[group], "join", group)])
        await asyncio.sleep(STAY_S / 2)
        present = [{"participant_id": one["participant_id"]} for one in people("", "join", groups[0])]
        room = rooms[groups[0]]
        await self._timed("snapshot", "POST", f"/v1/rooms/{room}/snapshot", json={"participants": present})
        await asyncio.sleep(STAY_S / 2)
        await self._lines([event for group in groups for event in people(rooms[group], "leave", group)])

    async def deliveries(self) -> None:
        """Send the events of a source, one participant at a time."""
        who = next(self._groups)
        for kind, then in (("join", STAY_S), ("leave", 0)):
            (event, *_) = people(f"source-{who % ROOMS_OF_A_KIND}", kind, who)
            bearer = {"authorization": f"Bearer {SECRET}"}
            if await self._timed("delivery", "POST", self._source, json=event, headers=bearer):
                self.acknowledged.add(event["id"])
            await asyncio.sleep(then)

    async def reads(self) -> None:
        """One after the other of all there is to ask."""
        number, now = next(self._reads), int(time.time())
        room = f"batch-{number % ROOMS_OF_A_KIND}"
        paths = [
            f"/v1/rooms/{room}/presence",
            f"/v1/rooms/{room}/presence?at={now - 60}",
            "/v1/meetings?limit=20",
            f"/v1/meetings?room={room}",
            f"/v1/meetings?timeframe_start={now - 600}&timeframe_end={now}&limit=50",
            "/v1/presence?limit=50",
            "/readyz",
            "/openapi.json",
        ]
        if self._meeting:
            paths += [f"/v1/meetings/{self._meeting}{more}" for more in ("", "/participants", "/explain")]
        path = paths[number % len(paths)]
        answer = await self._timed(
            path.partition("?")[0].replace(room, "{room}").replace(self._meeting or "-", "{id}"), "GET", path
        )
        if answer is not None and path.startswith("/v1/meetings?room"):
            found = answer.json()["data"]
            self._meeting = found[-1]["id"] if found else self._meeting

    async def _event(self, event: dict[str, Any]) -> None:
        if await self._timed("event", "POST", "/v1/events", json=event):
            self.acknowledged.add(event["id"])

    async def _lines(self, events: list[dict[str, Any]]) -> None:
        lines = "\n".join(map(json.dumps, events))
        kind = {"content-type": "application/x-ndjson"}
        if await self._timed("batch", "POST", "/v1/events", content=lines, headers=kind):
            self.acknowledged.update(event["id"] for event in events)

    async def _timed(self, what: str, method: str, path: str, **options: Any) -> httpx2.Response | None:
        began = time.perf_counter()
        try:
            answer = await self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            self.answers[f"{what}: {type(error).__name__}"] += 1
            return None
        self.waits.append(time.perf_counter() - began)
        if answer.status_code == 200:
            self.answers["fine"] += 1
            return answer
        self.answers[f"{what}: {answer.status_code} {answer.text[:100]}"] += 1
        return None


def people(room: str, kind: str, group: int) -> list[dict[str, Any]]:
    """A group comes or goes, now."""
    return [
        {
            "room": room, "kind": kind, "id": f"{kind}-{group}-{n}", "participant_id": f"connection-{group}-{n}",
            "user_id": f"user-{(group * GROUP + n) % 5_000}", "user_name": "Somebody Or Other", "at": time.time(),
        }
        for n in range(GROUP)
    ]  # fmt: skip


async def steadily(
    per_second: float, act: Callable[[], Awaitable[None]], until: float, under_way: set[Any]
) -> None:
    """Begin an act so often, whatever those before it are doing."""
    begun, start = 0, time.monotonic()
    while (now := time.monotonic()) < until:
        while begun < (now - start) * per_second:
            task = asyncio.ensure_future(act())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            begun += 1
        await asyncio.sleep(1 / per_second / 2)


class Watch:
    """Looks at the process from outside."""

    def __init__(self, process: int, url: str, database: Path, load: Load) -> None:
        self._pid = process
        self._url = url
        self._wal = Path(f"{database}-wal")
        self._load = load
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    async def go_on(self, until: float) -> None:
        async with httpx2.AsyncClient(timeout=10) as client:
            while time.monotonic() + EVERY_S <= until:
                await asyncio.sleep(EVERY_S)
                metrics = (await client.get(f"{self._url}/metrics")).text
                self.samples.append(self._sample(metrics))
                print(row(self.samples[-1]), flush=True)

    def _sample(self, metrics: str) -> Sample:
        waits, self._load.waits = sorted(self._load.waits), []
        p50, p99 = (waits[int(part * (len(waits) - 1))] * 1_000 if waits else 0.0 for part in (0.5, 0.99))
        return Sample(
            time.monotonic() - self._began,
            memory_mb(self._pid),
            self._files(),
            self._wal.stat().st_size / 1e6 if self._wal.exists() else 0.0,
            metric(metrics, "headcount_engine_lag_entries"),
            metric(metrics, "headcount_engine_lag_seconds"),
            len(waits), p50, p99,
        )  # fmt: skip

    def _files(self) -> int:
        """Return how many descriptors are open, apart from those of the benchmark's connections."""
        found = 0
        for descriptor in Path(f"/proc/{self._pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found += not str(descriptor.readlink()).startswith("socket:")
        return found


def metric(metrics: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def row(sample: Sample) -> str:
    return (
        f"| {sample.at_s:,.0f} | {sample.memory_mb:.1f} | {sample.files} | {sample.wal_mb:.1f} "
        f"| {sample.lag_entries:,.0f} | {sample.lag_s:.2f} | {sample.requests:,} | {sample.p50_ms:.1f} | {sample.p99_ms:.1f} |"
    )


HEAD = (
    "| s | memory MB | open files | WAL MB | lag entries | lag s | requests | p50 ms | p99 ms |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


class Verdict(NamedTuple):
    what: str
    fine: bool
    message: str


def of_samples(samples: list[Sample]) -> Iterator[Verdict]:
    """Whether anything grew: the last third of the time against the middle third."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[-third:]
    before, after = (mean(sample.memory_mb for sample in some) for some in (middle, last))
    yield Verdict(
        "memory",
        after <= GROWTH * before,
        f"{before:.1f} MB, then {after:.1f} MB: {after / before:.3f} times",
    )
    held, holds = (max(sample.files for sample in some) for some in (middle, last))
    yield Verdict("open files", holds <= held + MOST_NEW_FILES, f"at most {held}, then {holds}")
    behind = max(sample.lag_s for sample in last)
    yield Verdict("lag", behind <= MOST_LAG_S, f"at most {behind:.2f} s")
    wal = max(sample.wal_mb for sample in samples)
    yield Verdict("write-ahead log", wal * 1e6 <= MOST_WAL_BYTES, f"at most {wal:.1f} MB")


def of_store(database: Path, acknowledged: set[str], answers: Counter[str]) -> Iterator[Verdict]:
    """Whether all is there. The service has ended."""
    others = {status: number for status, number in answers.items() if status != "fine"}
    yield Verdict("responses", not others, f"{answers['fine']:,} with status 200, others: {others or 'none'}")
    with closing(sqlite3.connect(database)) as store:
        rows = store.execute("select event_id from entries where event_id is not null")
        logged = [name for (name,) in rows]
    missing = len(acknowledged - set(logged))
    twice = len(logged) - len(set(logged))
    message = f"{len(acknowledged):,} acknowledged, {missing:,} of them missing, {twice:,} there twice"
    yield Verdict("events", not missing and not twice, message)
    checked = subprocess.run(
        [*HEADCOUNT, "rebuild", "--check", "--database", database],
        capture_output=True,
        text=True,
        check=False,
    )
    yield Verdict(
        "tables", checked.stdout.startswith("The tables match"), (checked.stdout or checked.stderr).strip()
    )


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str, str, str]]:
    """The service on a fresh store: its process, its address, a key, the address of a source."""
    database, log = folder / "headcount.db", folder / "serve.log"
    flags = ["--database", str(database)]
    open_store(str(database)).close()
    added = subprocess.run(
        [*HEADCOUNT, "source", "create", "generic", "--secret", SECRET, *flags],
        capture_output=True,
        text=True,
        check=True,
    )
    source = ADDRESS.search(added.stdout)
    assert source is not None
    with log.open("wb") as output:
        command = [*HEADCOUNT, "serve", "--port", "0", "--reads-per-5s", "0", "--events-per-5s", "0", *flags]
        process = subprocess.Popen(command, stderr=output, stdout=output)
    try:
        yield (
            process.pid,
            waited_for(STARTED, log)[1],
            waited_for(KEY, access_file(str(database), os.environ))[0],
            source[0],
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def waited_for(pattern: re.Pattern[str], log: Path) -> re.Match[str]:
    until = time.monotonic() + 60
    while (found := pattern.search(log.read_text())) is None:
        if time.monotonic() > until:
            raise SystemExit(log.read_text())
        time.sleep(0.05)
    return found


async def soak(
    seconds: float, process: int, url: str, key: str, source: str, database: Path
) -> tuple[Load, Watch]:
    until = time.monotonic() + seconds
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    authorization = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, headers=authorization, limits=limits, timeout=30) as client:
        load = Load(client, source)
        watch = Watch(process, url, database, load)
        under_way: set[Any] = set()
        await asyncio.gather(
            steadily(4, load.singles, until, under_way),
            steadily(1, load.batches, until, under_way),
            steadily(5, load.deliveries, until, under_way),
            steadily(10, load.reads, until, under_way),
            watch.go_on(until),
        )
        while under_way:  # requests in progress
            await asyncio.wait(under_way)
    return load, watch


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES") or 10))
    parser.add_argument("--keep", help="a folder for the store, which remains")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headcount-soak-") as temporary:
        folder = Path(asked.keep or temporary)
        folder.mkdir(exist_ok=True)
        database = folder / "headcount.db"
        print(HEAD)
        with serving(folder) as running:
            load, watch = asyncio.run(soak(asked.minutes * 60, *running, database))
        verdicts = [*of_samples(watch.samples), *of_store(database, load.acknowledged, load.answers)]
    print("\n| check | result | details |\n|---|---|---|")
    for verdict in verdicts:
        print(f"| {verdict.what} | {'passed' if verdict.fine else '**failed**'} | {verdict.message} |")
    return 0 if all(verdict.fine for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
