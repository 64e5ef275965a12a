"""Cost of a late event in a room that is never empty, by its delay.

    python bench/late_events.py [--events 120000] [--people 100000]

Two rooms: one in use for 90 days with 120,001 events, one that 100,000 people join at 333 per second. A live room
handles a late join. The table shows the time until its past is computed again. For comparison: computing the complete
occupancy once, which is the cost without checkpoints.
"""

import argparse
import random
import time
from collections.abc import Callable
from statistics import median

from headcount import Event, Kind, Room
from headcount.kernel.checkpoints import Start
from headcount.kernel.journal import FIRST_MARK, Journal
from headcount.kernel.refold import Stretch
from headcount.kernel.rules import Rules

RULES = Rules()
TIMES = 7


def marathon(number_of_events: int) -> list[Event]:
    """90 days, two events in about two minutes; somebody stays all the time."""
    chance = random.Random(1)
    events, present = [Event(Kind.JOIN, "r", 0, "keeper")], []
    for number in range(number_of_events):
        at = 1_000 + number * (90 * 86_400_000 // number_of_events)
        if present and chance.random() < 0.5:
            events.append(Event(Kind.LEAVE, "r", at, present.pop(chance.randrange(len(present)))))
        else:
            present.append(f"p-{number}")
            events.append(Event(Kind.JOIN, "r", at, present[-1]))
    return events


def crowd(people: int) -> list[Event]:
    """People who all stay."""
    return [Event(Kind.JOIN, "r", number * 3, f"p-{number}") for number in range(people)]


def live(events: list[Event]) -> Room:
    room = Room("d", "r", RULES, Journal())
    for number, event in enumerate(events):
        room.handle(event, event.at)
        if number % 50 == 0:
            room.advance(event.at)
    room.advance(events[-1].at + RULES.late_grace_ms)
    return room


def took_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1_000 * (time.perf_counter() - began)


def late(room: Room, seconds: int, number: int) -> float:
    at = room.finalized - 1_000 * seconds - number
    event = Event(Kind.JOIN, "r", at, f"late-{seconds}-{number}")
    return took_ms(lambda: room.handle(event, room.finalized))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--people", type=int, default=100_000)
    asked = parser.parse_args()
    minutes = asked.people * 3 / 60_000
    print("| room | late by | median, ms | worst, ms | whole occupancy, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for name, events, distances in (
        (f"90 days, {asked.events + 1:,} events", marathon(asked.events), (1, 60, 3_600, 86_400)),
        (f"{asked.people:,} people in {minutes:.0f} minutes", crowd(asked.people), (1, 10, 60)),
    ):
        room = live(events)
        start = Start.at_mark(FIRST_MARK)
        whole = took_ms(lambda: Stretch("d", "r", RULES, start, events, room.finalized))  # noqa: B023 - called at once
        for seconds in distances:
            found = [late(room, seconds, number) for number in range(TIMES)]
            middle = median(found)
            print(
                f"| {name} | {seconds:,} s | {middle:.1f} | {max(found):.1f} | {whole:,.0f} | {whole / middle:,.0f} |"
            )


if __name__ == "__main__":
    main()
