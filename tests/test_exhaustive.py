"""Every room of up to three stays whose times are the edges of the rules: no off-by-one is left.

One tick is a millisecond, and the rules are scaled by a thousand, so that the oracle can walk every
one of them. The stays of all rooms go to the batch side as one table.
"""

from itertools import combinations_with_replacement

import pytest

from engines import NEW_YEAR, batch, kernel
from headcount import Event, Kind
from oracle import oracle
from strategies import SCALED

AS_OF = 1500
LETTERS = "abc"

# Joins and leaves whose differences are 9, 10 and 11; 29, 30 and 31; 599, 600 and 601.
JOINS = (0, 1, 10, 20, 29, 30, 31)
LEAVES = (9, 10, 11, 29, 30, 31, 60, 629, 630, 631, 641, 700)
STAYS = [(join, leave) for join in JOINS for leave in LEAVES if leave > join]

# Somebody who stays, somebody who goes, and when a third one comes.
RESETS = [
    ((0, leave), (5, gone), third)
    for leave in (609, 615, 619, 620, 621, 650, 1300)
    for gone in (14, 15, 19, 20, 21)
    for third in [
        (join, join + lasts) for join in (605, 610, 615, 619, 620, 621, 640) for lasts in (9, 10, 600, 650)
    ]
]


def rooms_of(many):
    return list(combinations_with_replacement(STAYS, many))


def said(stays, room="room"):
    return [
        Event(kind, room, NEW_YEAR + at, who)
        for who, stay in zip(LETTERS, stays, strict=False)
        for kind, at in zip((Kind.JOIN, Kind.LEAVE), stay, strict=True)
    ]


def told(events, as_of):
    return oracle(events, as_of=as_of, rules=SCALED)


@pytest.mark.parametrize("many", [1, 2])
def test_every_room_of_one_or_two_stays_is_as_the_oracle_says(many):
    assert_all_agree(rooms_of(many))


@pytest.mark.parametrize("share", range(4))
def test_every_room_of_three_stays_is_as_the_oracle_says(share):
    assert_all_agree(rooms_of(3)[share::4], oracle_every=12)


def test_every_room_that_may_be_reset_is_as_the_oracle_says():
    assert_all_agree(RESETS)


@pytest.mark.parametrize("as_of", [9, 10, 29, 30, 31, 39, 40, 41, 629, 630, 639, 640, 641])
def test_every_room_of_two_stays_is_as_the_oracle_says_at_every_edge(as_of):
    assert_all_agree(rooms_of(2), as_of=as_of, oracle_every=3)


def assert_all_agree(rooms, *, as_of=AS_OF, oracle_every=1):
    """Kernel and batch agree on all of these rooms, and the oracle on every so many-th of them."""
    as_of += NEW_YEAR
    everything = []
    expected = []
    for number, stays in enumerate(rooms):
        name = f"room {number:06}"
        events = said(stays, name)
        meetings = kernel(events, as_of=as_of, rules=SCALED)
        if number % oracle_every == 0:
            assert meetings == told(events, as_of)
        everything += events
        expected += meetings
    assert batch(everything, as_of=as_of, rules=SCALED) == expected
