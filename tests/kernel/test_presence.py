"""Presence changes: applied in their order, they yield the participants who are present, in whatever order events arrive."""

from operator import attrgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Kind, with_implied_join
from headcount.kernel.journal import Mark
from headcount.kernel.meetings import Stay
from headcount.kernel.presence import joined, left, presence_corrections, resolved
from headcount.kernel.refold import Stretch
from headcount.kernel.room import Room
from headcount.kernel.stay_table import LeftBy
from support.strategies import SCALED, histories, uncertain_histories

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
BEGINNING, LATEST = -(10**6), 10**6


class Subscriber:
    """A subscriber participant_id sees presence changes only."""

    def __init__(self):
        self.present = set()
        self.seen = []

    def watch(self, room):
        for change in resolved(room.take_presence_changes()):
            self.seen.append(change)
            (self.present.add if change.is_join else self.present.discard)(change.stay.participant_id)


def watched(order, ticks, rules=SCALED):
    """Return a subscriber to a room that receives events in this order, its clock moving on between."""
    room, subscriber = Room("d", "r", rules), Subscriber()
    room.watch_presence()
    for number, event in enumerate(order):
        if number < len(ticks):
            room.advance(ticks[number])
            subscriber.watch(room)
        room.handle(event, event.at)
        subscriber.watch(room)
    room.advance(LATEST)
    subscriber.watch(room)
    return subscriber


def truth(events):
    """Return all stays, from all events in order of time."""
    events = sorted(
        (fact for event in set(events) for fact in with_implied_join(event)), key=attrgetter("at")
    )
    return Stretch("d", "r", SCALED, Start.at_mark(Mark(BEGINNING, ())), events, LATEST).all_stays()


def agrees(data, events):
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3_000), max_size=len(order))))
    subscriber, stays = watched(order, ticks), truth(events)
    assert subscriber.present == {stay.participant_id for stay in stays if stay.leave is None}
    published = {(change.stay.participant_id, change.at) for change in subscriber.seen if not change.is_join}
    assert {(stay.participant_id, stay.leave) for stay in stays if stay.leave is not None} <= published
    once = [change for change in subscriber.seen if not change.late]
    assert len(once) == len(set(once))


@QUICK
@given(st.data())
def test_presence_is_right_in_any_order(data):
    agrees(data, data.draw(histories()))


@QUICK
@given(st.data())
def test_presence_is_right_after_overridden_leaves(data):
    agrees(data, data.draw(uncertain_histories()))


def event(kind, at, participant_id="a"):
    return Event(kind, "r", at, participant_id)


def test_a_stay_too_short_to_count_is_published():
    subscriber = watched([event(Kind.JOIN, 0), event(Kind.LEAVE, 5)], [])
    assert [(change.at, change.is_join) for change in subscriber.seen] == [(0, True), (5, False)]


def test_a_join_is_published_before_it_is_known_whether_the_stay_counts():
    room = Room("d", "r", SCALED)
    room.watch_presence()
    room.handle(event(Kind.JOIN, 0), 0)
    room.advance(SCALED.late_grace_ms)
    assert [change.stay.participant_id for change in resolved(room.take_presence_changes())] == ["a"]
    assert room.take_presence_changes() == []


def test_a_join_is_published_with_what_was_known_then():
    room = Room("d", "r", SCALED)
    room.watch_presence()
    for at, kind, known in (
        (0, Kind.JOIN, {}),
        (1, Kind.JOIN, {"user_name": "Ann"}),
        (2, Kind.LEAVE, {"user_id": "u"}),
    ):
        room.handle(Event(kind, "r", at, "a", **known), at)
    room.advance(2 + SCALED.late_grace_ms)
    published = [(one.stay.user_id, one.stay.user_name) for one in resolved(room.take_presence_changes())]
    assert published == [(None, None), ("u", "Ann")]


def test_a_late_join_publishes_join_and_leave_once():
    subscriber = watched([event(Kind.LEAVE, 50), event(Kind.JOIN, 10)], [0, 2_000])
    assert [(change.at, change.is_join) for change in subscriber.seen] == [(10, True), (50, False)]


def test_an_earlier_join_of_an_open_stay_publishes_no_second_join():
    subscriber = watched([event(Kind.JOIN, 50), event(Kind.JOIN, 10)], [0, 2_000])
    assert [(change.at, change.is_join) for change in subscriber.seen] == [(50, True)]


def stay(join, leave=None, participant_id="a"):
    return Stay(participant_id, join, leave, None if leave is None else LeftBy.REPORTED)


def seen(before, after, open_now=()):
    """Return the presence changes of one correction as (time, is a join, stay)."""
    changes = list(presence_corrections(before, after, open_now))
    assert all(change.late for change in changes)
    return [(change.at, change.is_join, change.stay) for change in changes]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([], [stay(5, 9)], [(5, True), (9, False)]),
        ([], [stay(5)], [(5, True)]),
        ([stay(0, 10)], [stay(0, 20)], [(20, False)]),
        ([stay(0, 20)], [stay(0, 10)], [(10, False)]),
        ([stay(0)], [stay(0, 10)], [(10, False)]),
        ([stay(0, 10)], [stay(0)], [(0, True)]),
        # A stay with another join is the same stay where the two overlap or touch.
        ([stay(5, 10)], [stay(3, 10)], []),
        ([stay(5)], [stay(3)], []),
        ([stay(5, 10)], [stay(3, 12)], [(12, False)]),
        ([stay(0, 10)], [stay(10, 20)], [(20, False)]),
        ([stay(10, 20)], [stay(0, 10)], [(10, False)]),
        ([stay(0, 10)], [stay(11, 20)], [(11, True), (20, False)]),
        ([stay(11, 20)], [stay(0, 10)], [(0, True), (10, False)]),
        # What is unchanged is not published again.
        ([stay(0, 10), stay(20, 30)], [stay(0, 10), stay(20, 40)], [(40, False)]),
        ([stay(0, 10), stay(20, 30)], [stay(0, 12), stay(20, 30)], [(12, False)]),
        ([stay(0, 10)], [stay(0, 10), stay(20)], [(20, True)]),
        ([stay(0, 10)], [stay(0, 10), stay(20, 30)], [(20, True), (30, False)]),
        ([stay(0, 10)], [stay(0, 10), stay(10, 20)], [(10, True), (20, False)]),
        # A published join needs a leave, if only at the time of the join.
        ([stay(7)], [], [(7, False)]),
        ([stay(0, 10), stay(20)], [stay(0, 10)], [(10, False)]),
        # An open stay needs its join again after a published leave.
        ([stay(0, 10), stay(20)], [stay(0, 12), stay(20)], [(12, False), (20, True)]),
        ([stay(0, 10), stay(20)], [stay(0)], []),
    ],
)
def test_a_correction_publishes_only_new_changes(before, after, changes):
    assert [(at, is_join) for at, is_join, _ in seen(before, after)] == changes


def test_a_presence_change_has_the_stay_as_of_its_time():
    assert seen([], [stay(5, 9)]) == [(5, True, stay(5)), (9, False, stay(5, 9))]


def test_a_withdrawn_stay_ends_where_it_began():
    assert seen([stay(7)], []) == [(7, False, Stay("a", 7, 7))]
    assert seen([stay(1, 2), stay(7)], []) == [(7, False, Stay("a", 7, 7))]


def test_later_joins_stay_present_after_a_correction():
    open_now = [stay(50)]
    assert seen([stay(0, 10)], [stay(0, 10)], open_now) == []
    assert seen([stay(0, 10)], [stay(0, 12)], open_now) == [(12, False, stay(0, 12)), (50, True, stay(50))]
    assert seen([stay(0, 10)], [], open_now) == []


def test_corrections_are_ordered_by_participant():
    people = "hcgbfaed"
    before = [stay(0, 10, participant_id) for participant_id in people]
    after = [stay(0, 10 if participant_id == "c" else 12, participant_id) for participant_id in people]
    assert [one.participant_id for _, _, one in seen(before, after, [stay(50, None, "c")])] == list("abdefgh")


def test_a_presence_change_is_not_late_by_default():
    assert (joined(stay(3)).late, left(stay(3, 5), 5).late) == (False, False)
    assert joined(stay(3, 5)) == (3, stay(3), True, False)
