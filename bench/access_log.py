"""Cost of the access log for reads: two servers on copies of one store, one with the access log and one without.

    python bench/access_log.py [--meetings 20000] [--seconds 1] [--rounds 20] [--connections 8]

The servers alternate, and each gets the same requests in a round. A request costs the processor time of all processes of its
server, until the entries are written. The figure is the median of the ratios of the rounds, so that a disturbance of the
machine does not decide. Each read of one meeting is an entry of its own; reads of one list are one entry a second.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import record
from headcount.store.access_log import AccessFilter
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from ingest_api import Server, free_port, headcount, running
from load import Requests, drive
from query_api import NOW, PAST, store_with
from server_processes import processor_s

SETTLE_S = 1.2
"""Entries are written once a second."""
HOST = "127.0.0.1"


class Case(NamedTuple):
    """A kind of reads. `record_as` is the name of its figure, or empty."""

    name: str
    paths: list[str]
    record_as: str = ""


class Target(NamedTuple):
    """A server that runs, and the key to it."""

    pid: int
    port: int
    key: str


class Cost(NamedTuple):
    """What a round has cost: processor time of a request in µs, and requests per second."""

    request_us: float
    per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--meetings", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    store = store_with(asked.meetings)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        without, with_log = (
            stack.enter_context(served(store, Path(directory), setting)) for setting in ("off", "on")
        )
        print(f"{'off':>10} {'on':>10} {'ratio':>7} {'requests/s':>12}  reads")
        for case in cases(store):
            ratio = compared(case, without, with_log, asked)
            if case.record_as:
                record(case.record_as, ratio)
    print("off and on: processor time of a request in µs, median; ratio: median of the rounds")


def cases(path: Path) -> list[Case]:
    store = open_store(str(path), read_only=True)
    rows = store.meetings.page(PAST, MeetingFilter(), Page(limit=10_000), NOW)
    users = [f"user-{number}" for number in range(10_000)]
    store.close()
    random.Random(1).shuffle(rows)
    return [
        Case("one meeting, each another", [f"/v1/meetings/{row.id}" for row in rows], "access_log_meeting"),
        Case("participants of one meeting, each another", [f"/v1/meetings/{row.id}/participants" for row in rows]),
        Case("meetings of a user, each another", [f"/v1/users/{user}/meetings" for user in users]),
        Case("the list of 100 meetings with participants", ["/v1/meetings?limit=100"], "access_log_list"),
    ]  # fmt: skip


@contextmanager
def served(store: Path, directory: Path, setting: str) -> Iterator[Target]:
    """A server on a copy of the store."""
    copy, port = directory / f"{setting}.db", free_port()
    shutil.copy(store, copy)
    create = headcount("key", "create", "--database", str(copy), "--domain", PAST, "--scope", "admin")
    key = subprocess.run(create, check=True, capture_output=True, text=True).stdout.split()[-1]
    where = ["--database", str(copy), "--port", str(port), "--access-log", setting]
    command = headcount("serve", *where, "--reads-per-5s", "0", "--log-level", "warning")
    with running(Server(setting, command, copy), port) as process:
        yield Target(process.pid, port, key)
    written = open_store(str(copy), read_only=True)
    found = written.access_log.page(PAST, AccessFilter(actor=key[3:11]), 1) or []
    written.close()
    if bool(found) != (setting == "on"):
        raise SystemExit(f"the access log is not {setting}")


def compared(case: Case, without: Target, with_log: Target, asked: argparse.Namespace) -> float:
    """Measure both servers in turns, print what a request costs, and return the ratio."""
    rounds: list[tuple[Cost, Cost]] = []
    for number in range(asked.rounds + 1):
        pair = (without, with_log) if number % 2 else (with_log, without)
        cost = {target: measured(case, target, asked, number) for target in pair}
        if number:  # the first round warms up
            rounds.append((cost[without], cost[with_log]))
    ratio = statistics.median(on.request_us / off.request_us for off, on in rounds)
    off_us, on_us = (statistics.median(pair[side].request_us for pair in rounds) for side in (0, 1))
    per_second = statistics.median(on.per_second for _, on in rounds)
    print(f"{off_us:10.1f} {on_us:10.1f} {ratio:7.3f} {per_second:12,.0f}  {case.name}", flush=True)
    return ratio


def measured(case: Case, target: Target, asked: argparse.Namespace, number: int) -> Cost:
    """Return the cost of the reads of a round, until their entries are written."""
    before = processor_s(target.pid)
    requests = reads(case.paths, target, first=number * 100_003)
    result = asyncio.run(drive(HOST, target.port, requests, asked.connections, asked.seconds))
    if result.errors:
        raise SystemExit(f"{result.errors} errors in: {case.name}")
    time.sleep(SETTLE_S)
    return Cost((processor_s(target.pid) - before) / result.requests * 1e6, result.per_second)


def reads(paths: list[str], target: Target, first: int) -> Requests:
    """Requests of these paths in turn."""
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {target.key}\r\n\r\n".encode()
        for path in paths
    ]
    return lambda number: heads[(first + number) % len(heads)]


if __name__ == "__main__":
    main()
