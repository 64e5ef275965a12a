"""Single events over HTTP: Headcount, a simple alternative, and empty responses.

    python bench/ingest_api.py [--seconds 5] [--runs 3] [--bars '{"starlette": 0.5}']

Each server is one process of uvicorn with uvloop and httptools on its own database, and gets the same
requests over 64 connections from another process. The servers alternate, and the best of `--runs` counts, so that
a disturbance of the machine does not affect only one. The number of stored events must equal the number of responses;
otherwise the exit code is 1.
"""

import argparse
import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from figures import record
from headcount.store.open import open_store

HERE = Path(__file__).parent
KEY = "a-key-for-measuring"
FRESH = 10_000_000  # participants of the next run begin so much later
BARS = {"starlette": 0.5, "fastapi": 1.0, "sqlalchemy": 5.0}
"""Targets: requests per second as a multiple of each peer."""


class Server(NamedTuple):
    """How to start a server, where it keeps what it is sent, and the key to it."""

    name: str
    command: Sequence[str]
    database: Path | None = None
    count: str = ""
    key: str = KEY


def main() -> int:
    asked = arguments()
    bars = BARS | json.loads(asked.bars)
    with tempfile.TemporaryDirectory(dir=asked.directory) as directory:
        contenders = servers(Path(directory), asked.port)
        best = dict.fromkeys((server.name for server in contenders), 0.0)
        p99_ms = dict.fromkeys(best, math.inf)
        answered = dict.fromkeys(best, 0)
        for run in range(asked.runs):
            for server in contenders:
                result = measured(server, asked, run)
                answered[server.name] += result["requests"]
                best[server.name] = max(best[server.name], result["per_second"])
                p99_ms[server.name] = min(p99_ms[server.name], result["p99_ms"])
        equal = [is_equal(server, answered[server.name]) for server in contenders if server.database]
    if not all(equal):
        return 1
    show(best, bars)
    record("single", best["ours"] / best["starlette"])
    record("single_p99", p99_ms["ours"])
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=free_port())
    parser.add_argument("--directory", help="where the databases are; their disk is part of what is measured")
    parser.add_argument("--bars", default="{}", help='JSON, like {"starlette": 0.4}')
    return parser.parse_args()


def servers(directory: Path, port: int) -> list[Server]:
    ours, theirs = directory / "ours.db", directory / "theirs.db"
    return [
        Server("starlette", uvicorn("starlette_empty", port)),
        Server("fastapi", uvicorn("fastapi_empty", port)),
        Server("sqlalchemy", uvicorn("fastapi_insert", port), theirs, "select count(*) from events"),
        Server("ours", serve(ours, port), ours, "select count(*) from entries", made_key(ours)),
    ]


def uvicorn(app: str, port: int) -> list[str]:
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", "--factory", f"rival_api:{app}", "--app-dir", str(HERE)]
    return [*command, "--port", str(port), *options]


def headcount(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "headcount", *arguments]


def serve(database: Path, port: int) -> list[str]:
    where = ["--database", str(database), "--port", str(port)]
    return headcount("serve", *where, "--events-per-5s", "0", "--log-level", "warning")


def made_key(database: Path) -> str:
    """Return an API key of a store, which is created if it does not exist."""
    open_store(str(database)).close()
    command = headcount(
        "key", "create", "--database", str(database), "--domain", "bench", "--scope", "ingest"
    )
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def measured(server: Server, asked: argparse.Namespace, run: int) -> Mapping[str, float]:
    """Return the report of the load generator on a server that was started for it, after a short warm-up."""
    with running(server, asked.port):
        warm = load(server, asked, seconds=1.0, first=2 * run * FRESH)
        result = load(server, asked, seconds=asked.seconds, first=(2 * run + 1) * FRESH)
    print(
        f"{server.name:>10}  {result['per_second']:9,.0f} requests/s  p50 {result['p50_ms']:6.1f} ms"
        f"  p99 {result['p99_ms']:6.1f} ms  generator busy {result['busy']:4.0%}  errors {result['errors']}",
        flush=True,
    )
    if warm["errors"] or result["errors"]:
        raise SystemExit(f"{server.name} did not answer all requests")
    return result | {"requests": warm["requests"] + result["requests"]}


@contextmanager
def running(server: Server, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process of its own, until it is no longer needed."""
    environment = os.environ | {"RIVAL_DATABASE": str(server.database), "RIVAL_KEY": server.key}
    with subprocess.Popen(server.command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_it_listens(port, process)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{' '.join(map(str, process.args))} does not listen")


def load(server: Server, asked: argparse.Namespace, *, seconds: float, first: int) -> dict[str, float]:
    command = [sys.executable, str(HERE / "load.py"), f"http://127.0.0.1:{asked.port}/v1/events"]
    options = [
        "--key",
        server.key,
        "--connections",
        asked.connections,
        "--seconds",
        seconds,
        "--first",
        first,
    ]
    done = subprocess.run([*command, *map(str, options)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def is_equal(server: Server, answered: int) -> bool:
    """Whether as many events are stored as requests were answered."""
    assert server.database is not None
    connection = sqlite3.connect(server.database)
    (stored,) = connection.execute(server.count).fetchone()
    connection.close()
    verdict = "equal" if stored == answered else "DIFFERENT"
    print(f"{server.name}: {stored:,} events stored, {answered:,} requests answered: {verdict}")
    return stored == answered


def show(best: Mapping[str, float], bars: Mapping[str, float]) -> None:
    words = {
        "starlette": "an empty response of the same server, without checks",
        "fastapi": "FastAPI's empty response",
        "sqlalchemy": "FastAPI and SQLAlchemy, one insert per request",
    }
    print("\n| single events, against | Headcount | peer | ratio | target | met |\n|---|---|---|---|---|---|")
    for name, what in words.items():
        ratio = best["ours"] / best[name]
        met = "yes" if ratio >= bars[name] else "**no**"
        rates = f"{best['ours']:,.0f}/s | {best[name]:,.0f}/s"
        print(f"| {what} | {rates} | {ratio:.2f} | ≥ {bars[name]:g} | {met} |")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
