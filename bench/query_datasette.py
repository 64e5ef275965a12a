"""Meetings over HTTP: Headcount, and Datasette on the same SQLite file.

    python bench/query_datasette.py [--seconds 4] [--runs 2] [--bar 4]

The store is that of `query_api.py`. Both return the newest hundred meetings, with their participants and the
total, and the meetings alone. Datasette gets the SQL, and Headcount's stored counts for
the total. Each is one process with eight connections. They alternate, and the best run of each counts.
Both must return the same meetings and as many people; otherwise the exit code is 1. Datasette has its own
environment, which the first run creates.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx2
import uvloop

from figures import record
from ingest_api import HERE, Server, free_port, headcount, running
from load import Requests, drive
from query_api import PAST, store_with
from stores import DATA

PYTHON = DATA / "datasette" / "bin" / "python"
PAGE = f"""
  select id, room, start_ms / 1000 as start_time, end_ms, (end_ms - start_ms) / 1000 as duration, max_participants,
    (select sum(meetings) from meeting_counts where domain = '{PAST}') as total_count
  from meetings where domain = '{PAST}' order by start_ms / 1000 desc, id desc limit 100
"""
WITH_PEOPLE = f"""
  with page as (select *, start_ms from ({PAGE.replace("end_ms,", "start_ms, end_ms,", 1)}))
  select page.*, s.participant_id, s.user_id, s.user_name, s.join_ms / 1000 as join_time,
    (min(s.leave_ms, page.end_ms) - s.join_ms) / 1000 as time_in
  from page join stays as s on s.domain = '{PAST}' and s.room = page.room
    and s.join_ms >= page.start_ms and s.join_ms < page.end_ms
"""


class Question(NamedTuple):
    """A request to both, and the number of people in an answer of each."""

    name: str
    ours: str
    sql: str
    people: Callable[[Any], int]


QUESTIONS = (
    Question("100 meetings with participants", "/v1/meetings?limit=100", WITH_PEOPLE,
             lambda data: sum(len(one["participants"]) for one in data)),
    Question("100 meetings without participants", "/v1/meetings?limit=100&no_participants=true", PAGE, len),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--meetings", type=int, default=1_000_000)
    parser.add_argument("--bar", type=float, default=4.0)
    asked = parser.parse_args()
    database, port = store_with(asked.meetings), free_port()
    servers = ours(database, port), datasette(database, port)
    best = {(server.name, question.name): 0.0 for server in servers for question in QUESTIONS}
    found: dict[tuple[str, str], tuple[list[str], int]] = {}
    for _ in range(asked.runs):
        for server in servers:
            with running(server, port):
                for question in QUESTIONS:
                    key = server.name, question.name
                    path = path_of(server, question, database)
                    found[key] = meetings_in(server, port, path, question)
                    best[key] = max(best[key], rate(server, port, path, asked))
    print("\n| over HTTP | Headcount | Datasette | ratio | target | met |\n|---|---|---|---|---|---|")
    for question in QUESTIONS:
        own, other = (best[server.name, question.name] for server in servers)
        met = "yes" if own / other >= asked.bar else "**no**"
        print(
            f"| {question.name} | {own:,.0f}/s | {other:,.0f}/s | {own / other:.1f} | ≥ {asked.bar:g} | {met} |"
        )
    name = QUESTIONS[0].name
    record("datasette", best["ours", name] / best["datasette", name])
    equal = all(found["ours", question.name] == found["datasette", question.name] for question in QUESTIONS)
    print("both returned the same" if equal else "DIFFERENT")
    return 0 if equal else 1


def ours(database: Path, port: int) -> Server:
    made = headcount("key", "create", "--database", str(database), "--domain", PAST, "--scope", "read")
    key = subprocess.run(made, check=True, capture_output=True, text=True).stdout.split()[-1]
    where = ["--database", str(database), "--port", str(port)]
    return Server(
        "ours", headcount("serve", *where, "--reads-per-5s", "0", "--log-level", "warning"), key=key
    )


def datasette(database: Path, port: int) -> Server:
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PYTHON.parents[1])], check=True)
        install = [str(PYTHON), "-m", "pip", "install", "--quiet", "-r", str(HERE / "datasette.txt")]
        subprocess.run(install, check=True)
    command = [str(PYTHON), "-m", "datasette", "serve", str(database), "--port", str(port)]
    return Server("datasette", command)


def path_of(server: Server, question: Question, database: Path) -> str:
    if server.name == "ours":
        return question.ours
    return f"/{database.stem}.json?{urlencode({'sql': question.sql, '_shape': 'array'})}"


def meetings_in(server: Server, port: int, path: str, question: Question) -> tuple[list[str], int]:
    """The ids of the meetings in an answer, sorted, and how many rows or people come with them."""
    headers = {"Authorization": f"Bearer {server.key}"}
    answer = (
        httpx2.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=60).raise_for_status().json()
    )
    if server.name == "ours":
        return sorted(one["id"] for one in answer["data"]), question.people(answer["data"])
    return sorted({row["id"] for row in answer}), len(answer)


def rate(server: Server, port: int, path: str, asked: argparse.Namespace) -> float:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.key}\r\n\r\n"
    ).encode()
    result = uvloop.run(drive("127.0.0.1", port, always(request), asked.connections, asked.seconds))
    print(
        f"{server.name:>10}  {result.per_second:7,.0f}/s  p50 {result.p50_ms:6.1f} ms  errors {result.errors}",
        flush=True,
    )
    if result.errors or not result.requests:
        raise SystemExit(f"{server.name} did not answer all requests")
    return result.per_second


def always(request: bytes) -> Requests:
    return lambda _: request


if __name__ == "__main__":
    sys.exit(main())
