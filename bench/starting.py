"""Time from start to ready, and memory: `headcount serve` as a separate process.

    python bench/starting.py [--runs 3] [--again] [--stays 1000000]

Ready means that /readyz responds with 200. There are three stores: an empty one, one with a million finished stays, and one
with a million open stays in 100,000 rooms. `headcount import` creates the stores once in bench/data, and
each run uses a copy. A room is loaded at its first event. So each room of the third store gets one more
join before memory is measured. /metrics must report all participants; otherwise the exit code is 1.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest_api import free_port, headcount, made_key, serve
from server_processes import memory_mb
from stores import DATA, stored

PEOPLE_A_ROOM = 10
LINES = 1_000
LOOK_S, PATIENCE_S = 0.005, 120
A_DAY_MS = 86_400_000


class Size(NamedTuple):
    """How large the stores are."""

    stays: int

    @property
    def open_rooms(self) -> int:
        return self.stays // PEOPLE_A_ROOM

    @property
    def live_rooms(self) -> int:
        return self.open_rooms // 100


class Bar(NamedTuple):
    """A maximum, with its unit."""

    most: float
    unit: str


BARS = {
    "start to ready, an empty store": Bar(1.0, "s"),
    "start to ready, 1,000,000 stays last in 100,000 rooms": Bar(10.0, "s"),
    "memory, an empty store": Bar(100, "MB"),
    "memory, 1,000,000 stays stored and 1,000 rooms live": Bar(150, "MB"),
    "memory for each of 1,000,000 stays that last": Bar(1.0, "kB"),
}


class Process:
    """A service that runs: how long it took until it was ready, and what it needs."""

    def __init__(self, pid: int, port: int, key: str, ready_s: float) -> None:
        self.pid = pid
        self.ready_s = ready_s
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=PATIENCE_S,
        )

    def memory_mb(self) -> float:
        """Its memory now, with its processes."""
        return memory_mb(self.pid)

    def join(self, rooms: int, people: int) -> None:
        """Let participants join rooms, and return once all of it is processed."""
        now = time.time()
        lines = [
            json.dumps({"room": room_name(room), "kind": "join", "at": now, "participant_id": f"new-{room}-{n}",
                        "user_id": f"user-{n}", "user_name": "Somebody Or Other"})
            for n in range(people) for room in range(rooms)
        ]  # fmt: skip
        for start in range(0, len(lines), LINES):
            self.post("\n".join(lines[start : start + LINES]))
        self.wait_until_processed(lines[-1])

    def post(self, lines: str) -> None:
        """Send events, a line each."""
        headers = {"Content-Type": "application/x-ndjson"}
        self._http.post("/v1/events", content=lines, headers=headers).raise_for_status()

    def wait_until_processed(self, last: str) -> None:
        """Wait until the engine has come to this event, which may be known already. Waiting ends with 503 after a while."""
        while self._http.post("/v1/events?wait=true", content=last).status_code == 503:
            pass

    def require(self, stays: int) -> None:
        """Wait until the metrics have this number of stays."""
        until = time.monotonic() + PATIENCE_S
        while (there := self._stays()) != stays:
            if time.monotonic() > until:
                raise SystemExit(f"{there:,} stays are open, not {stays:,}: DIFFERENT")
            time.sleep(0.1)

    def _stays(self) -> int:
        metrics = self._http.get("/metrics").raise_for_status().text
        return int(float(re.search(r"^headcount_participants_active ([\d.e+]+)", metrics, re.MULTILINE)[1]))  # type: ignore[index]


@contextmanager
def started(database: Path) -> Iterator[Process]:
    """A service on this store, from when it is ready until it is no longer needed."""
    key, port = made_key(database), free_port()
    began = time.perf_counter()
    with subprocess.Popen(
        serve(database, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield Process(child.pid, port, key, wait_until_ready(port, child) - began)
        finally:
            child.terminate()
            child.wait(PATIENCE_S)


def wait_until_ready(port: int, child: "subprocess.Popen[bytes]") -> float:
    """When it was ready."""
    until = time.monotonic() + PATIENCE_S
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as http:
        while time.monotonic() < until and child.poll() is None:
            try:
                if http.get("/readyz").status_code == 200:
                    return time.perf_counter()
            except httpx2.TransportError:
                pass
            time.sleep(LOOK_S)
    raise SystemExit("the service does not become ready")


@contextmanager
def copied(store: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=DATA) as directory:
        yield Path(shutil.copy(store, directory))


@contextmanager
def empty() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=DATA) as directory:
        yield Path(directory) / "empty.db"


def made(name: str, size: Size, *, again: bool, last: bool) -> Path:
    """A store with a million stays, that last or have ended; made if it is not there."""

    def make(path: Path) -> None:
        events = path.with_suffix(".parquet")
        pq.write_table(stays_that_last(size) if last else stays_that_ended(size), events)
        command = headcount("import", "--database", str(path), "--domain", "bench", "--quiet", str(events))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return stored(f"{name}-{size.stays}", make, again=again)


def stays_that_last(size: Size) -> pa.Table:
    """Ten people in each of 100,000 rooms, who came within the last half hour."""
    who = np.arange(size.stays)
    at = time.time_ns() // 1_000_000 - 1_800_000 + who * 37 % 1_200_000
    return event_table(["join"] * size.stays, who % size.open_rooms, who, at).sort_by("at")


def stays_that_ended(size: Size) -> pa.Table:
    """Meetings of ten in 1,000 rooms, a hundred in each, yesterday and the days before."""
    who = np.arange(size.stays)
    slot = who // (size.live_rooms * PEOPLE_A_ROOM)
    came = time.time_ns() // 1_000_000 - 2 * A_DAY_MS - slot * 3_600_000 + who * 37 % 60_000
    at = np.concatenate([came, came + 2_400_000])
    rooms, all_of_them = np.tile(who % size.live_rooms, 2), np.tile(who, 2)
    return event_table(["join"] * size.stays + ["leave"] * size.stays, rooms, all_of_them, at).sort_by("at")


def event_table(kinds: list[str], rooms: np.ndarray, who: np.ndarray, at: np.ndarray) -> pa.Table:
    return pa.table(
        {
            "room": [room_name(room) for room in rooms],
            "kind": kinds,
            "at": pa.array(at, pa.timestamp("ms", tz="UTC")),
            "participant_id": [f"connection-{one:08}" for one in who],
            "user_id": [f"user-{one % 100_000:06}" for one in who],
            "user_name": ["Somebody Or Other"] * len(who),
        }
    )


def room_name(number: int) -> str:
    return f"room-{number:06}"


def one_run(ended: Path, last: Path, size: Size) -> dict[str, float]:
    with empty() as store, started(store) as service:
        empty_s, idle = service.ready_s, service.memory_mb()
    with copied(ended) as store, started(store) as service:
        service.join(size.live_rooms, PEOPLE_A_ROOM)
        service.require(size.live_rooms * PEOPLE_A_ROOM)
        live = service.memory_mb()
    with copied(last) as store, started(store) as service:
        open_s = service.ready_s
        service.join(size.open_rooms, 1)
        service.require(size.stays + size.open_rooms)
        all_in = service.memory_mb()
    values = (empty_s, open_s, idle, live, (all_in - idle) * 1_000 / (size.stays + size.open_rooms))
    print(
        "  ".join(f"{value:.2f} {bar.unit}" for value, bar in zip(values, BARS.values(), strict=True)),
        flush=True,
    )
    return dict(zip(BARS, values, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stays", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="recreate the stores")
    asked = parser.parse_args()
    size = Size(asked.stays)
    ended = made("stays-that-ended", size, again=asked.again, last=False)
    last = made("stays-that-last", size, again=asked.again, last=True)
    runs = [one_run(ended, last, size) for _ in range(asked.runs)]
    print("\n| measure | Headcount | target | met |\n|---|---|---|---|")
    for name, bar in BARS.items():
        best = min(run[name] for run in runs)
        met = "yes" if best <= bar.most else "**no**"
        print(f"| {name} | {best:.2f} {bar.unit} | ≤ {bar.most:g} {bar.unit} | {met} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
