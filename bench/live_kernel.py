"""Speed of a live room, interpreted, on one core. Prints one JSON object.

    python bench/live_kernel.py [--stays 200000] [--runs 3]

`events_per_s`: `Room.handle` and `advance` over ten thousand rooms, with events in order of time. Each
room advances when its deadline has passed. `few_rooms_events_per_s`: the same
over a hundred rooms, which fit into the processor's cache. `crowd_ratio`: the cost of an event
in a room of 100,000 people, compared with a room of ten. `marathon_ratio`: the cost of an event after a
meeting of 300,000 stays, compared with its beginning.

All results are processor time. The preparation does not slow down the loop. Decoding events a thousand at a time before
use, creating rooms at their first event, or both, was no faster, and up to a tenth slower.
"""

import argparse
import gc
import json
import random
import sys
import time

from figures import record
from headcount import Event, Kind, Room

MINUTE = 60_000
FULL = 200_000


def traffic(rooms: int, stays: int, seed: int = 1) -> list[Event]:
    """Joins and leaves of many rooms, in order of time, made in that order."""
    chance = random.Random(seed)
    moves = []
    for room in range(rooms):
        t = chance.randrange(60 * MINUTE)
        for stay in range(stays // rooms):
            t += chance.randrange(1_000, 10 * MINUTE)
            moves += [
                (t, Kind.JOIN, room, stay),
                (t + chance.randrange(5_000, 33 * MINUTE), Kind.LEAVE, room, stay),
            ]
    moves.sort()
    names = [f"room {room}" for room in range(rooms)]
    return [
        Event(kind, names[room], at, f"c{room}-{stay}", f"u{stay}", "Ann") for at, kind, room, stay in moves
    ]


def events_per_s(rooms: int, stays: int) -> float:
    events = traffic(rooms, stays)
    live = {name: Room("default", name) for name in dict.fromkeys(event.room for event in events)}
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for event in events:
        room = live[event.room]
        at = event.at
        if room.deadline <= at:
            room.advance(at)
        room.handle(event, at)
    for room in live.values():
        room.advance(events[-1].at + 60 * MINUTE)
    return len(events) / (time.process_time() - began)


def crowd(people: int, visits: int) -> float:
    """Seconds an event in a room where so many stay all the while and visitors come and go."""
    room = Room("default", "crowd")
    for number in range(people):
        room.handle(Event(Kind.JOIN, "crowd", number // 100, f"p{number}"), 0)
    t = 10 * MINUTE
    room.advance(t)
    return visited(room, t, visits)


def visited(room: Room, t: int, visits: int) -> float:
    events = []
    for number in range(visits):
        events.append(Event(Kind.JOIN, room.name, t + 100 * number, f"v{number}"))
        events.append(Event(Kind.LEAVE, room.name, t + 100 * number + 30_000, f"v{number}"))
    events.sort(key=lambda event: event.at)
    gc.collect()
    began = time.process_time()
    for event in events:
        if room.deadline <= event.at:
            room.advance(event.at)
        room.handle(event, event.at)
    room.advance(events[-1].at + MINUTE)
    return (time.process_time() - began) / len(events)


def marathon(stays: int) -> float:
    room = Room("default", "marathon")
    room.handle(Event(Kind.JOIN, "marathon", 0, "host"), 0)
    first = visited(room, MINUTE, stays // 10)
    visited(room, 100 * MINUTE, stays)
    return visited(room, 1000 * MINUTE, stays // 10) / first


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stays", type=int, default=FULL, help="stays of all rooms")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    stays, runs = options.stays, range(options.runs)
    small = min(crowd(10, stays // 4) for _ in runs)
    large = min(crowd(stays // 2, stays // 4) for _ in runs)
    figures = {
        "events_per_s": max(events_per_s(stays // 20, stays) for _ in runs),
        "few_rooms_events_per_s": max(events_per_s(100, stays) for _ in runs),
        "crowd_ratio": large / small,
        "marathon_ratio": marathon(3 * stays // 2),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    if stays == FULL:
        record("kernel", figures["events_per_s"])


if __name__ == "__main__":
    main()
