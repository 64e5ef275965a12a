"""Days of a sample: from day to day more is made up, until there are as many events as were asked for."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import numpy as np

from headcount.demo.sample.people import (
    come_again,
    come_and_go,
    hand_over,
    look_in,
    plans,
    reconnect,
    return_later,
    stay_behind,
)
from headcount.demo.sample.reports import reported
from headcount.demo.sample.world import DAY, EARLIEST, FIRST_DAY, Events, World

DAYS: Final = 91


def delivered(world: World) -> Iterator[Events]:
    """The events of one day after the other, in order of delivery, until there are enough."""
    written = made_up = planned = 0
    waiting = Events.none()
    for day, share in enumerate(chain(_shares(), repeat(1.0))):
        left = world.events - written
        if left == 0:
            return
        per_meeting = made_up / planned if planned > 100 else 17.0
        meetings = int(world.chance.poisson(max(left - len(waiting.at), 0) * share / per_meeting)) + 1
        today = day_of_events(world, FIRST_DAY + day * DAY, meetings)
        planned += meetings
        made_up += len(today.at)
        waiting = Events.concatenated([waiting, today])
        over = waiting.delivered < FIRST_DAY + (day + 1) * DAY - EARLIEST
        heard = waiting.where(over)
        waiting = waiting.where(~over)
        heard = heard.where(np.argsort(heard.delivered, kind="stable")[:left])
        written += len(heard.at)
        yield heard


def _shares() -> list[float]:
    """For each day, how much of all that is still to come happens on it.

    More is planned for the last day than is wanted, so that the file ends in the middle of it,
    with people in the rooms.
    """
    busy = np.array([1.0 if (day + 3) % 7 < 5 else 0.08 for day in range(DAYS)])  # day 0 is a Thursday
    shares = busy / np.cumsum(busy[::-1])[::-1]
    shares[-1] = 1.6
    return [float(share) for share in shares]


def day_of_events(world: World, midnight: int, how_many: int) -> Events:
    meetings = plans(world, midnight, how_many)
    stays = come_and_go(world, meetings)
    stays = look_in(world, stays)
    stays = hand_over(world, stays)
    stays = stay_behind(world, stays)
    stays = come_again(world, stays, 0.07, reconnect)
    stays = come_again(world, stays, 0.03, return_later)
    return reported(world, meetings, stays)
