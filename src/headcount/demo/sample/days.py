"""Days of a sample: events are generated day by day, until there are enough.

Responsible for the number of meetings on each day. Must not know what happens in them.
"""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import numpy as np

from headcount.demo.sample.people import (
    attend,
    hand_over,
    plan_meetings,
    reconnect,
    return_later,
    split_stays,
    stay_behind,
    visit_briefly,
)
from headcount.demo.sample.reports import reported
from headcount.demo.sample.world import DAY, EARLIEST, FIRST_DAY, Events, World

DAYS: Final = 91


def events_by_day(world: World) -> Iterator[Events]:
    """Yield the events of each day, in order of arrival, until there are enough."""
    written = generated = planned = 0
    in_transit = Events.empty()
    for day, share in enumerate(chain(_shares(), repeat(1.0))):
        left = world.events - written
        if left == 0:
            return
        per_meeting = generated / planned if planned > 100 else 17.0
        meetings = int(world.rng.poisson(max(left - len(in_transit.at), 0) * share / per_meeting)) + 1
        today = day_of_events(world, FIRST_DAY + day * DAY, meetings)
        planned += meetings
        generated += len(today.at)
        in_transit = Events.concatenated([in_transit, today])
        has_arrived = in_transit.arrival < FIRST_DAY + (day + 1) * DAY - EARLIEST
        arrived = in_transit.where(has_arrived)
        in_transit = in_transit.where(~has_arrived)
        arrived = arrived.where(np.argsort(arrived.arrival, kind="stable")[:left])
        written += len(arrived.at)
        yield arrived


def _shares() -> list[float]:
    """The share of each day in all events that are still to come.

    More is planned for the last day than is needed, so that the file ends in the middle of it, with people in the rooms.
    """
    busy = np.array([1.0 if (day + 3) % 7 < 5 else 0.08 for day in range(DAYS)])  # day 0 is a Thursday
    shares = busy / np.cumsum(busy[::-1])[::-1]
    shares[-1] = 1.6
    return [float(share) for share in shares]


def day_of_events(world: World, midnight: int, meeting_count: int) -> Events:
    """Return the events of `meeting_count` meetings on one day."""
    meetings = plan_meetings(world, midnight, meeting_count)
    stays = attend(world, meetings)
    stays = visit_briefly(world, stays)
    stays = hand_over(world, stays)
    stays = stay_behind(world, stays)
    stays = split_stays(world, stays, 0.07, reconnect)
    stays = split_stays(world, stays, 0.03, return_later)
    return reported(world, meetings, stays)
