"""Doors: whoever only watches the door knows who is in, whatever the order in which it is told."""

from operator import attrgetter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.events import Event, Kind, facts
from headcount.kernel.checkpoints import Start
from headcount.kernel.journal import Mark
from headcount.kernel.refold import Stretch
from headcount.kernel.room import Room
from strategies import SCALED, doubtful_histories, histories

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
