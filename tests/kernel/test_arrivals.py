"""Doors: whoever only watches the door knows who is in, whatever the order in which it is told."""

from operator import attrgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.arrivals import came, otherwise, went
from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Kind, facts
from headcount.kernel.journal import Mark
from headcount.kernel.meetings import Stay
from headcount.kernel.refold import Stretch
from headcount.kernel.room import Room
from headcount.kernel.stay_table import LeftBy
from support.strategies import SCALED, doubtful_histories, histories

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
DAWN, LATEST = -(10**6), 10**6


class Watcher:
    """Counts at the door, and knows nothing else."""

    def __init__(self):
        self.inside = set()
        self.seen = []

    def watch(self, room):
        for door in room.take_doors():
            self.seen.append(door)
            (self.inside.add if door.coming else self.inside.discard)(door.stay.participant_id)


def watched(order, ticks, rules=SCALED):
    """What somebody sees at the door of a room that hears events in this order, its clock moving on between."""
    room, watcher = Room("d", "r", rules), Watcher()
    room.watch_doors()
    for number, event in enumerate(order):
        if number < len(ticks):
            room.advance(ticks[number])
            watcher.watch(room)
        room.handle(event, event.at)
        watcher.watch(room)
    room.advance(LATEST)
    watcher.watch(room)
    return watcher


def truth(events):
    """All stays, from everything in the order of its time."""
    said = sorted((fact for event in set(events) for fact in facts(event)), key=attrgetter("at"))
    return Stretch("d", "r", SCALED, Start.at_mark(Mark(DAWN, ())), said, LATEST).visits()


def agrees(data, said):
    order = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said), max_size=3))]))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3_000), max_size=len(order))))
    watcher, stays = watched(order, ticks), truth(said)
    assert watcher.inside == {stay.participant_id for stay in stays if stay.leave is None}
    told = {(door.stay.participant_id, door.at) for door in watcher.seen if not door.coming}
    assert {(stay.participant_id, stay.leave) for stay in stays if stay.leave is not None} <= told
    once = [door for door in watcher.seen if not door.late]
    assert len(once) == len(set(once))


@QUICK
@given(st.data())
def test_the_door_shows_who_is_in_whatever_the_order(data):
    agrees(data, data.draw(histories()))


@QUICK
@given(st.data())
def test_the_door_shows_who_is_in_though_guesses_were_wrong(data):
    agrees(data, data.draw(doubtful_histories()))


def said(kind, at, who="a"):
    return Event(kind, "r", at, who)


def test_a_visit_too_short_to_count_is_seen_at_the_door():
    watcher = watched([said(Kind.JOIN, 0), said(Kind.LEAVE, 5)], [])
    assert [(door.at, door.coming) for door in watcher.seen] == [(0, True), (5, False)]


def test_somebody_is_seen_to_come_before_it_is_known_whether_they_count():
    room = Room("d", "r", SCALED)
    room.watch_doors()
    room.handle(said(Kind.JOIN, 0), 0)
    room.advance(SCALED.settling_ms)
    assert [door.stay.participant_id for door in room.take_doors()] == ["a"]
    assert room.take_doors() == []


def test_a_join_that_comes_late_tells_of_both_doors_once():
    watcher = watched([said(Kind.LEAVE, 50), said(Kind.JOIN, 10)], [0, 2_000])
    assert [(door.at, door.coming) for door in watcher.seen] == [(10, True), (50, False)]


def test_an_earlier_join_of_somebody_who_is_in_is_no_second_coming():
    watcher = watched([said(Kind.JOIN, 50), said(Kind.JOIN, 10)], [0, 2_000])
    assert [(door.at, door.coming) for door in watcher.seen] == [(50, True)]


def stay(join, leave=None, who="a"):
    return Stay(who, join, leave, None if leave is None else LeftBy.REPORTED)


def seen(before, after, inside=()):
    """Return the doors of one correction as (time, is a join, stay)."""
    doors = list(otherwise(before, after, inside))
    assert all(door.late for door in doors)
    return [(door.at, door.coming, door.stay) for door in doors]


@pytest.mark.parametrize(
    ("before", "after", "doors"),
    [
        ([], [stay(5, 9)], [(5, True), (9, False)]),
        ([], [stay(5)], [(5, True)]),
        ([stay(0, 10)], [stay(0, 20)], [(20, False)]),
        ([stay(0, 20)], [stay(0, 10)], [(10, False)]),
        ([stay(0)], [stay(0, 10)], [(10, False)]),
        ([stay(0, 10)], [stay(0)], [(0, True)]),
        # One that begins at another time is the same visit where the two overlap or touch.
        ([stay(5, 10)], [stay(3, 10)], []),
        ([stay(5)], [stay(3)], []),
        ([stay(5, 10)], [stay(3, 12)], [(12, False)]),
        ([stay(0, 10)], [stay(10, 20)], [(20, False)]),
        ([stay(10, 20)], [stay(0, 10)], [(10, False)]),
        ([stay(0, 10)], [stay(11, 20)], [(11, True), (20, False)]),
        ([stay(11, 20)], [stay(0, 10)], [(0, True), (10, False)]),
        # What is left as it was is not told again.
        ([stay(0, 10), stay(20, 30)], [stay(0, 10), stay(20, 40)], [(40, False)]),
        ([stay(0, 10), stay(20, 30)], [stay(0, 12), stay(20, 30)], [(12, False)]),
        ([stay(0, 10)], [stay(0, 10), stay(20)], [(20, True)]),
        ([stay(0, 10)], [stay(0, 10), stay(20, 30)], [(20, True), (30, False)]),
        ([stay(0, 10)], [stay(0, 10), stay(10, 20)], [(10, True), (20, False)]),
        # Whoever was told to be in must be told to be out, if only where they were known last.
        ([stay(7)], [], [(7, False)]),
        ([stay(0, 10), stay(20)], [stay(0, 10)], [(10, False)]),
        # Whoever is in, and was told to leave since, is told to be in again.
        ([stay(0, 10), stay(20)], [stay(0, 12), stay(20)], [(12, False), (20, True)]),
        ([stay(0, 10), stay(20)], [stay(0)], []),
    ],
)
def test_a_correction_reports_only_doors_not_seen_before(before, after, doors):
    assert [(at, coming) for at, coming, _ in seen(before, after)] == doors


def test_a_door_shows_the_stay_as_it_was_there():
    assert seen([], [stay(5, 9)]) == [(5, True, stay(5)), (9, False, stay(5, 9))]


def test_a_visit_that_never_was_ends_where_it_began():
    assert seen([stay(7)], []) == [(7, False, Stay("a", 7, 7))]
    assert seen([stay(1, 2), stay(7)], []) == [(7, False, Stay("a", 7, 7))]


def test_later_joins_stay_present_after_a_correction():
    inside = [stay(50)]
    assert seen([stay(0, 10)], [stay(0, 10)], inside) == []
    assert seen([stay(0, 10)], [stay(0, 12)], inside) == [(12, False, stay(0, 12)), (50, True, stay(50))]
    assert seen([stay(0, 10)], [], inside) == []


def test_corrected_doors_are_ordered_by_participant():
    people = "hcgbfaed"
    before = [stay(0, 10, who) for who in people]
    after = [stay(0, 10 if who == "c" else 12, who) for who in people]
    assert [one.participant_id for _, _, one in seen(before, after, [stay(50, None, "c")])] == list("abdefgh")


def test_a_door_is_not_late_by_default():
    assert (came(stay(3)).late, went(stay(3, 5), 5).late) == (False, False)
    assert came(stay(3, 5)) == (3, stay(3), True, False)
