"""A soak: ten minutes of mixed load on the real service, and what it leaves behind.

    make soak                 # ten minutes
    make soak MINUTES=2

Single events, batches, lists of those present, webhooks of a LiveKit and reads of every kind go on side by
side, well below what the service can take. Every few seconds its memory, its lag, its open files and the
length of its write-ahead log are noted, with how long requests took. At the end everything acknowledged must be
in the log, once; a rebuild must say the same; and what is noted must not grow. Exit code 1 if anything is not so.
"""

import argparse
import asyncio
import json
import re
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx2 as httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from headcount.sources import livekit
from headcount.sources.deliveries import json_delivery
from service.running import Running, headcount

EVERY_S = 5
ROOMS = 400
PEOPLE = 12
SECRET = "soaked:a-secret-that-is-long-enough-for-a-signature"
RATES = {"events": 80, "batches": 2, "snapshots": 2, "webhooks": 20, "reads": 15}
"""So many a second of each."""
MOST_GROWTH = 1.10
"""The last third of the time may need so much more memory than the middle third, at most."""
ALLOWANCE_MB = 8.0
"""Unless it is less than this: what an allocator moves to and fro."""
LAG_S = 5.0


class Noted(NamedTuple):
    """What was seen at one moment, `at` s after the start."""

    at: float
    memory_mb: float
    files: int
    wal_mb: float
    lag_entries: int
    lag_s: float
    p50_ms: float
    p99_ms: float


class Load:
    """What is done to the service. `acknowledged` are the entries that it said it has taken."""

    def __init__(self, client: httpx.AsyncClient, address: str, seed: int) -> None:
        self.client = client
        self.address = address
        self.chance = Random(seed)
        self.inside: dict[str, dict[str, str]] = {f"room-{n}": {} for n in range(ROOMS)}
        self.number = 0
        self.acknowledged = 0
        self.waits: list[float] = []
        self.failed: list[str] = []

    async def keep_on(self, kind: str, until: float) -> None:
        """Do one kind of thing at its rate; what the service is too slow for is not made up for."""
        step = 1 / RATES[kind]
        due = time.monotonic()
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + step, time.monotonic() - 1)
            await getattr(self, kind)()

    async def asked(self, method: str, path: str, **options: Any) -> Any:
        began = time.monotonic()
        try:
            answer = await self.client.request(method, path, **options)
        except httpx.HTTPError as error:
            self.failed.append(f"{method} {path}: {error!r}")
            return {}
        self.waits.append(time.monotonic() - began)
        if answer.status_code != httpx.codes.OK:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return {}
        return answer.json()

    def said(self) -> dict:
        """Somebody comes or goes in a room of any; now and then an event is late by some seconds."""
        room = self.chance.choice(list(self.inside))
        people = self.inside[room]
        self.number += 1
        at = time.time() - (self.chance.random() * 20 if self.chance.random() < 0.02 else 0)
        told = {"room": room, "at": round(at, 3), "id": f"soak-{self.number}"}
        if people and self.chance.random() < len(people) / PEOPLE:
            who = self.chance.choice(list(people))
            del people[who]
            return told | {"kind": "leave", "participant_id": who}
        who = f"p-{self.number}"
        people[who] = f"User {self.number % 500}"
        return told | {
            "kind": "join",
            "participant_id": who,
            "user_id": f"u-{self.number % 500}",
            "user_name": people[who],
        }

    def taken(self, answer: dict[str, Any]) -> None:
        self.acknowledged += answer.get("accepted", 0)

    async def events(self) -> None:
        self.taken(await self.asked("POST", "/v1/events", json=self.said()))

    async def batches(self) -> None:
        lines = "\n".join(json.dumps(self.said()) for _ in range(50))
        kind = {"content-type": "application/x-ndjson"}
        self.taken(await self.asked("POST", "/v1/events", content=lines, headers=kind))

    async def snapshots(self) -> None:
        room = self.chance.choice(list(self.inside))
        listed = [{"participant_id": who, "user_name": name} for who, name in self.inside[room].items()]
        self.taken(await self.asked("POST", f"/v1/rooms/{room}/snapshot", json={"participants": listed}))

    async def webhooks(self) -> None:
        self.number += 1
        now = int(time.time() * 1_000)
        room = f"kit-{self.chance.randrange(20)}"
        who = {
            "sid": f"PA_{self.number // 2}",
            "identity": f"u-{self.number % 50}",
            "joinedAt": str(now // 1_000),
        }
        event = "participant_joined" if self.number % 2 else "participant_left"
        told = {
            "event": event,
            "room": {"sid": f"RM_{room}", "name": room},
            "participant": who,
            "id": f"EV_{self.number}",
            "createdAt": str(now // 1_000),
        }
        signed = livekit.sign(json_delivery(told, now, "application/webhook+json"), SECRET)
        self.taken(await self.asked("POST", self.address, content=signed.body, headers=dict(signed.headers)))

    async def reads(self) -> None:
        room = self.chance.choice(list(self.inside))
        hour_ago = int(time.time()) - 3_600
        path = self.chance.choice(
            [
                "/v1/meetings?limit=20",
                f"/v1/meetings?room={room}&timeframe_start={hour_ago}",
                "/v1/meetings?ongoing=true&limit=50",
                "/v1/presence",
                f"/v1/rooms/{room}/presence",
                f"/v1/rooms/{room}/at?time={int(time.time()) - 30}",
                "/readyz",
                "/metrics",
            ]
        )
        if path.startswith("/v1"):
            await self.asked("GET", path)
        else:
            await self.client.get(path)


async def note(load: Load, service: Running, began: float) -> Noted:
    told = (await load.client.get("/metrics")).text
    return noted_in(load, service, told, time.monotonic() - began)


def noted_in(load: Load, service: Running, told: str, at: float) -> Noted:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1_024
    files = sum(1 for _ in Path(f"/proc/{service.process.pid}/fd").iterdir())
    wal = Path(f"{service.database}-wal")
    lags = [
        float(re.search(rf"^headcount_engine_lag_{of} (\S+)", told, re.MULTILINE)[1])
        for of in ("entries", "seconds")
    ]
    waits, load.waits = sorted(load.waits) or [0.0], []
    quantiles = [waits[int(part * (len(waits) - 1))] * 1_000 for part in (0.5, 0.99)]
    wal_mb = wal.stat().st_size / 1e6 if wal.exists() else 0.0
    return Noted(at, memory, files, wal_mb, int(lags[0]), lags[1], *quantiles)


async def soak(service: Running, address: str, minutes: float, seed: int) -> tuple[Load, list[Noted]]:
    headers = {"Authorization": f"Bearer {service.key}"}
    limits = httpx.Limits(max_connections=40)
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30, limits=limits) as client:
        load, noted = Load(client, address, seed), []
        began = time.monotonic()
        until = began + minutes * 60
        working = [asyncio.create_task(load.keep_on(kind, until)) for kind in RATES]
        while time.monotonic() < until:
            await asyncio.sleep(EVERY_S)
            noted.append(await note(load, service, began))
            if len(noted) % 6 == 0:
                show(noted[-1])
        await asyncio.gather(*working)
        await client.post("/v1/events?wait=true", json={"room": "the end", "kind": "end", "id": "the end"})
        load.acknowledged += 1
    return load, noted


def show(noted: Noted) -> None:
    print(
        f"{noted.at:5.0f} s  {noted.memory_mb:6.1f} MB  {noted.files:3d} files  WAL {noted.wal_mb:5.1f} MB"
        f"  lag {noted.lag_entries:5d} entries {noted.lag_s:4.1f} s  p50 {noted.p50_ms:5.1f} ms  p99 {noted.p99_ms:6.1f} ms",
        flush=True,
    )


def complaints(load: Load, noted: list[Noted], entries: int, rebuilt: str | None) -> list[str]:
    """What is not as it must be."""
    third = len(noted) // 3
    middle, last = noted[third : 2 * third], noted[2 * third :]
    found = load.failed[:5]
    if entries < load.acknowledged:
        found.append(f"{load.acknowledged:,} were acknowledged and {entries:,} are in the log")
    if rebuilt is not None:
        found.append(f"a rebuild says otherwise: {rebuilt}")
    for name, allowed in (("memory_mb", ALLOWANCE_MB), ("files", 10), ("wal_mb", 16.0)):
        before, after = (sum(getattr(one, name) for one in part) / len(part) for part in (middle, last))
        if after > before * MOST_GROWTH and after > before + allowed:
            found.append(f"{name} grows: {before:.1f} in the middle third, {after:.1f} in the last")
    behind = max(one.lag_s for one in noted)
    if behind > LAG_S:
        found.append(f"the engine was {behind:.1f} s behind")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = Running(folder, reads_per_5s=0, events_per_5s=0).start()
        try:
            made = headcount("source", "add", "livekit", "--secret", SECRET, "--database", service.database)
            address = re.search(r"/v1/ingest/livekit/\S+", made.stdout)[0]
            load, noted = asyncio.run(soak(service, address, asked.minutes, asked.seed))
        finally:
            service.stop()
        with closing(sqlite3.connect(service.database)) as database:
            (entries,) = database.execute("select count(*) from entries").fetchone()
        checked = headcount("rebuild", "--check", "--database", service.database, check=False)
        rebuilt = None if checked.returncode == 0 else checked.stdout + checked.stderr
    wrong = complaints(load, noted, entries, rebuilt)
    print(
        f"{load.acknowledged:,} entries acknowledged, {entries:,} in the log; a rebuild agrees: {rebuilt is None}"
    )
    print("\n".join(wrong) or "nothing grows, nothing is lost")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
