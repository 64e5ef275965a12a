"""Every room of up to three stays whose times are boundaries of the rules.

The thresholds are scaled by a thousand, a millisecond for a second, so that the oracle can walk the clock
of every room. The kernel, a live room that receives the events in any order, and the batch side, which
reads all rooms as one table, must agree with it. The same rooms then run by the default rules, with the
same boundaries of one millisecond; and the oracle walks a few of them.
"""

from itertools import combinations_with_replacement
from random import Random

import pytest

from headcount import Event, Kind
from headcount.kernel.meetings import meeting_id
from support.engines import NEW_YEAR, batch, interpreted, kernel, live, oracle
from support.strategies import DEFAULT, SCALED

LETTERS = "abc"

# Joins and leaves whose differences are 9, 10 and 11; 29, 30 and 31; 599, 600 and 601.
JOINS = (0, 1, 10, 20, 29, 30, 31)
LEAVES = (9, 10, 11, 29, 30, 31, 60, 629, 630, 631, 641, 700)
STAYS = [(join, leave) for join in JOINS for leave in LEAVES if leave > join]
END = 720  # all participants have left, and the oracle's clock may stop

# A participant participant stays, one participant leaves, and the stay of a third one.
RESETS = [
    ((0, leave), (5, second_leave), third)
    for leave in (609, 615, 619, 620, 621, 650, 1300)
    for second_leave in (14, 15, 19, 20, 21)
    for third in [
        (join, join + lasts) for join in (605, 610, 615, 619, 620, 621, 640) for lasts in (9, 10, 600, 650)
    ]
]
END_AFTER_RESETS = 1400

# Times at which a stay or a sitting has its minimum duration, or a reset falls due.
BOUNDARIES = (9, 10, 29, 30, 31, 39, 40, 41, 629, 630, 639, 640, 641)


def rooms_of(count):
    return list(combinations_with_replacement(STAYS, count))


def unchanged(ms):
    return ms


def magnified(ms):
    """Return seconds for milliseconds, except for differences of one: 9, 10, 11 become 9,999, 10,000, 10,001."""
    whole = 5 * round(ms / 5)
    return 1000 * whole + (ms - whole)


def events_of(stays, room="room", scale=unchanged):
    return [
        Event(kind, room, NEW_YEAR + scale(at), participant)
        for participant, stay in zip(LETTERS, stays, strict=False)
        for kind, at in zip((Kind.JOIN, Kind.LEAVE), stay, strict=True)
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_all_agree_with_the_oracle_on_one_or_two_stays(count):
    assert_all_agree(rooms_of(count))


@pytest.mark.parametrize("share", range(8))
def test_all_agree_with_the_oracle_on_three_stays(share):
    assert_all_agree(rooms_of(3)[share::8])


def test_all_agree_with_the_oracle_on_resets():
    assert_all_agree(RESETS, END_AFTER_RESETS)


@pytest.mark.parametrize("as_of", BOUNDARIES)
def test_all_agree_with_the_oracle_on_two_stays_at_every_boundary(as_of):
    assert_all_agree(rooms_of(2), as_of)


@pytest.mark.parametrize("as_of", BOUNDARIES)
def test_all_agree_with_the_oracle_on_three_stays_at_one_boundary(as_of):
    assert_all_agree(rooms_of(3)[BOUNDARIES.index(as_of) :: len(BOUNDARIES)], as_of)


@pytest.mark.parametrize("share", range(4))
def test_all_agree_by_the_default_rules(share):
    assert_all_agree_by_the_default_rules([*rooms_of(1), *rooms_of(2), *rooms_of(3)][share::4])


def test_all_agree_on_resets_by_the_default_rules():
    assert_all_agree_by_the_default_rules(RESETS, END_AFTER_RESETS)


@pytest.mark.parametrize("as_of", BOUNDARIES)
def test_all_agree_on_two_stays_at_every_boundary_by_the_default_rules(as_of):
    assert_all_agree_by_the_default_rules(rooms_of(2), as_of)


@pytest.mark.parametrize("stays", [*RESETS[::120], *rooms_of(3)[::4500]])
def test_the_kernel_agrees_with_the_oracle_by_the_default_rules(stays):
    events, as_of = events_of(stays, scale=magnified), NEW_YEAR + magnified(END_AFTER_RESETS)
    assert kernel(events, as_of=as_of) == oracle(events, as_of=as_of)


def assert_all_agree(rooms, as_of=END):
    """Assert that oracle, kernel, a live room and the batch side agree on each room."""
    options = {"as_of": NEW_YEAR + as_of, "rules": SCALED}
    all_events, expected = [], []
    for number, stays in enumerate(rooms):
        events = events_of(stays, f"room {number:06}")
        expected_here = oracle(events, **options)
        assert kernel(events, **options) == expected_here
        assert live_in_any_order(events, number, unchanged, **options) == expected_here
        all_events += events
        expected += expected_here
    assert batch(all_events, **options) == expected
    assert interpreted(all_events, **options) == expected


def assert_all_agree_by_the_default_rules(rooms, as_of=END):
    """Assert that rules and stays a thousand times as long yield meetings a thousand times as long."""
    options = {"as_of": NEW_YEAR + magnified(as_of), "rules": DEFAULT}
    all_events, expected = [], []
    for number, stays in enumerate(rooms):
        name = f"room {number:06}"
        small = kernel(events_of(stays, name), as_of=NEW_YEAR + as_of, rules=SCALED)
        expected_here = [magnified_meeting(meeting) for meeting in small]
        events = events_of(stays, name, magnified)
        assert kernel(events, **options) == expected_here
        assert live_in_any_order(events, number, magnified, **options) == expected_here
        all_events += events
        expected += expected_here
    assert batch(all_events, **options) == expected
    assert interpreted(all_events, **options) == expected


def live_in_any_order(events, seed, scale, **options):
    """Return the meetings of a live room with the events in any order and ticks in between: some arrive in time, some late."""
    chance = Random(seed)
    order = chance.sample(events, len(events))
    ticks = sorted(NEW_YEAR + scale(chance.randrange(END)) for _ in order)
    return live(order, ticks=ticks, **options)


def magnified_meeting(meeting):
    start = magnified_time(meeting.start)
    return meeting._replace(
        id=meeting_id(meeting.domain, meeting.room, start),
        start=start,
        end=magnified_time(meeting.end),
        participants=tuple(
            entry._replace(join=magnified_time(entry.join), leave=magnified_time(entry.leave))
            for entry in meeting.participants
        ),
    )


def magnified_time(at):
    return None if at is None else NEW_YEAR + magnified(at - NEW_YEAR)
