"""One room with 100,000 people, end to end: events over HTTP, in batches, processed as they arrive.

    python bench/large_room.py [--people 100000] [--seconds 15] [--runs 2]

Two servers, one after the other: in one, all people are in one room; in the other, they are in rooms of ten. Then
both get the same load: ten times per second, a hundred leave and a hundred join, in one request. The cost of an event
is the processor time of the whole process, from the first event until all are decided, 12 seconds after the last,
divided by the number of events. The server must report all joins and leaves; otherwise the exit code is 1.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from server_processes import processor_s
from starting import started
from stores import DATA

LINES = 1_000
A_REQUEST, REQUESTS_A_SECOND, DECIDED_S = 200, 10, 12
SMALL = 10
BAR = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=2)
    asked = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    rooms = {"one room": 1, "rooms of ten": asked.people // SMALL}
    best = {
        name: min(one_run(asked, name, number) for _ in range(asked.runs)) for name, number in rooms.items()
    }
    large, small = best.values()
    met = "yes" if large / small <= BAR else "**no**"
    print("\n| measure | large | small | ratio | target | met |\n|---|---|---|---|---|---|")
    cells = f"{large:,.0f} µs | {small:,.0f} µs | {large / small:.2f} | ≤ {BAR:g}"
    print(f"| one event among {asked.people:,} people, end to end, against {SMALL} | {cells} | {met} |")
    return 0


def one_run(asked: argparse.Namespace, name: str, rooms: int) -> float:
    """Microseconds for each event."""
    events = asked.seconds * REQUESTS_A_SECOND * A_REQUEST
    with tempfile.TemporaryDirectory(dir=DATA) as directory, started(Path(directory) / "store.db") as service:
        began = time.perf_counter()
        for first in range(0, asked.people, LINES):
            lines = [event_line("join", who, rooms) for who in range(first, min(first + LINES, asked.people))]
            service.post("\n".join(lines))
        service.wait_until_processed(event_line("join", asked.people, rooms))
        filled = time.perf_counter() - began
        used = processor_s(service.pid)
        began = time.perf_counter()
        for number in range(asked.seconds * REQUESTS_A_SECOND):
            wait_until(began + number / REQUESTS_A_SECOND)
            service.post("\n".join(comings_and_goings(asked.people, number, rooms)))
        took = time.perf_counter() - began
        wait_until(time.perf_counter() + DECIDED_S)
        used = processor_s(service.pid) - used
        service.require(asked.people + 1)
        memory = service.memory_mb()
    print(
        f"{name:>12}: filled in {filled:.1f} s, {events:,} events in {took:.1f} s cost {used:.2f} s, {memory:.0f} MB",
        flush=True,
    )
    return used * 1_000_000 / events


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.perf_counter()))


def event_line(kind: str, who: int, rooms: int) -> str:
    event = {
        "room": f"room-{who % rooms}", "kind": kind, "at": time.time(), "participant_id": f"connection-{who:08}",
        "user_id": f"user-{who}", "user_name": "Somebody Or Other",
    }  # fmt: skip
    return json.dumps(event)


def comings_and_goings(people: int, number: int, rooms: int) -> Iterator[str]:
    """As many go as come; each goes from the room that the next one comes to."""
    for n in range(number * A_REQUEST // 2, (number + 1) * A_REQUEST // 2):
        yield event_line("leave", n, rooms)
        yield event_line("join", people + rooms + n, rooms)


if __name__ == "__main__":
    sys.exit(main())
