"""Every room of up to three stays whose times are the edges of the rules: no off-by-one is left.

The rules' numbers are scaled by a thousand, a millisecond for a second, so that the oracle can walk
the clock of every single room. Kernel, a live room that hears everything in disorder, and the batch
side, which gets all rooms as one table, must come to what it says. By the true numbers every room is
then worked out once more, with the same edges of one millisecond; and the oracle walks a few of them.
"""

from itertools import combinations_with_replacement
from random import Random

import pytest

from headcount import Event, Kind
from headcount.kernel.meetings import meeting_id
from support.engines import NEW_YEAR, batch, kernel, live, oracle
from support.strategies import SCALED, TRUE

LETTERS = "abc"

# Joins and leaves whose differences are 9, 10 and 11; 29, 30 and 31; 599, 600 and 601.
JOINS = (0, 1, 10, 20, 29, 30, 31)
LEAVES = (9, 10, 11, 29, 30, 31, 60, 629, 630, 631, 641, 700)
STAYS = [(join, leave) for join in JOINS for leave in LEAVES if leave > join]
GONE = 720  # everybody has left, and the oracle's clock need not go on

# Somebody who stays, somebody who goes, and when a third one comes.
RESETS = [
    ((0, leave), (5, gone), third)
    for leave in (609, 615, 619, 620, 621, 650, 1300)
    for gone in (14, 15, 19, 20, 21)
    for third in [
        (join, join + lasts) for join in (605, 610, 615, 619, 620, 621, 640) for lasts in (9, 10, 600, 650)
    ]
]
GONE_AFTER_RESETS = 1400

# Moments at which a stay or a sitting has lasted long enough, or a reset falls due.
EDGES_OF_NOW = (9, 10, 29, 30, 31, 39, 40, 41, 629, 630, 639, 640, 641)


def rooms_of(many):
    return list(combinations_with_replacement(STAYS, many))


def as_it_is(ms):
    return ms


def magnified(ms):
    """Seconds for milliseconds, but for what is one more or one less: 9, 10, 11 are 9,999, 10,000, 10,001."""
    whole = 5 * round(ms / 5)
    return 1000 * whole + (ms - whole)


def said(stays, room="room", scale=as_it_is):
    return [
        Event(kind, room, NEW_YEAR + scale(at), who)
        for who, stay in zip(LETTERS, stays, strict=False)
        for kind, at in zip((Kind.JOIN, Kind.LEAVE), stay, strict=True)
    ]


@pytest.mark.parametrize("many", [1, 2])
def test_every_room_of_one_or_two_stays_is_as_the_oracle_says(many):
    assert_all_agree(rooms_of(many))


@pytest.mark.parametrize("share", range(8))
def test_every_room_of_three_stays_is_as_the_oracle_says(share):
    assert_all_agree(rooms_of(3)[share::8])


def test_every_room_that_may_be_reset_is_as_the_oracle_says():
    assert_all_agree(RESETS, GONE_AFTER_RESETS)


@pytest.mark.parametrize("as_of", EDGES_OF_NOW)
def test_every_room_of_two_stays_is_as_the_oracle_says_at_every_edge(as_of):
    assert_all_agree(rooms_of(2), as_of)


@pytest.mark.parametrize("as_of", EDGES_OF_NOW)
def test_every_room_of_three_stays_is_as_the_oracle_says_at_one_of_the_edges(as_of):
    assert_all_agree(rooms_of(3)[EDGES_OF_NOW.index(as_of) :: len(EDGES_OF_NOW)], as_of)


@pytest.mark.parametrize("share", range(4))
def test_every_room_comes_out_alike_by_the_true_numbers(share):
    assert_alike_by_the_true_numbers([*rooms_of(1), *rooms_of(2), *rooms_of(3)][share::4])


def test_every_room_that_may_be_reset_comes_out_alike_by_the_true_numbers():
    assert_alike_by_the_true_numbers(RESETS, GONE_AFTER_RESETS)


@pytest.mark.parametrize("as_of", EDGES_OF_NOW)
def test_every_room_of_two_stays_comes_out_alike_by_the_true_numbers_at_every_edge(as_of):
    assert_alike_by_the_true_numbers(rooms_of(2), as_of)


@pytest.mark.parametrize("stays", [*RESETS[::120], *rooms_of(3)[::4500]])
def test_a_room_is_as_the_oracle_says_by_the_true_numbers(stays):
    events, as_of = said(stays, scale=magnified), NEW_YEAR + magnified(GONE_AFTER_RESETS)
    assert kernel(events, as_of=as_of) == oracle(events, as_of=as_of)


def assert_all_agree(rooms, as_of=GONE):
    """Oracle, kernel, a live room and the batch side say the same of each of these rooms."""
    asked = {"as_of": NEW_YEAR + as_of, "rules": SCALED}
    everything, expected = [], []
    for number, stays in enumerate(rooms):
        events = said(stays, f"room {number:06}")
        told = oracle(events, **asked)
        assert kernel(events, **asked) == told
        assert in_disorder(events, number, as_it_is, **asked) == told
        everything += events
        expected += told
    assert batch(everything, **asked) == expected


def assert_alike_by_the_true_numbers(rooms, as_of=GONE):
    """By rules a thousand times as long, stays a thousand times as long make meetings a thousand times as long."""
    asked = {"as_of": NEW_YEAR + magnified(as_of), "rules": TRUE}
    everything, expected = [], []
    for number, stays in enumerate(rooms):
        name = f"room {number:06}"
        small = kernel(said(stays, name), as_of=NEW_YEAR + as_of, rules=SCALED)
        told = [magnified_meeting(meeting) for meeting in small]
        events = said(stays, name, magnified)
        assert kernel(events, **asked) == told
        assert in_disorder(events, number, magnified, **asked) == told
        everything += events
        expected += told
    assert batch(everything, **asked) == expected


def in_disorder(events, seed, scale, **asked):
    """A live room that hears of things as they come, its clock moved on in between: some come in time, some late."""
    chance = Random(seed)
    order = chance.sample(events, len(events))
    ticks = sorted(NEW_YEAR + scale(chance.randrange(GONE)) for _ in order)
    return live(order, ticks=ticks, **asked)


def magnified_meeting(meeting):
    start = later(meeting.start)
    return meeting._replace(
        id=meeting_id(meeting.domain, meeting.room, start),
        start=start,
        end=later(meeting.end),
        participants=tuple(
            entry._replace(join=later(entry.join), leave=later(entry.leave)) for entry in meeting.participants
        ),
    )


def later(moment):
    return None if moment is None else NEW_YEAR + magnified(moment - NEW_YEAR)
