"""Checkpoints inside a sitting: a late event costs what it touches, and the outcome is as if there were none."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import Event, Kind, Room, Rules
from headcount.kernel import checkpoints
from headcount.kernel.checkpoints import Start
from headcount.kernel.journal import DAWN, Journal
from headcount.kernel.refold import Stretch
from support.engines import LiveRoom, kernel
from support.strategies import EAGER, ROOM, SCALED, asked_as_of, doubtful_histories, histories

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
CROWD = [f"crowd-{number}" for number in range(4)]
LATEST = 3_000


def among_a_crowd(data, said):
    """The same events in a room in which others are, some of whom come or go meanwhile."""
    crowd = [Event(Kind.JOIN, ROOM, data.draw(st.integers(-40, 5)), who) for who in CROWD]
    leaves = [Event(Kind.LEAVE, ROOM, data.draw(st.integers(5, LATEST)), who) for who in CROWD]
    return [*crowd, *said, *data.draw(st.lists(st.sampled_from(leaves), max_size=2, unique=True))]


@pytest.fixture(autouse=True)
def _many_checkpoints(monkeypatch):
    """A checkpoint after nearly every instant, and nobody restored who need not be."""
    monkeypatch.setattr(checkpoints, "SPACING", 1)
    monkeypatch.setattr(checkpoints, "FEW", 0)


def in_time(said):
    return sorted(said, key=lambda event: event.at)


@SETTINGS
@given(st.data(), st.integers(1, 3))
def test_what_comes_late_in_a_crowd_is_folded_as_if_in_time(data, spacing):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SPACING", spacing)
        agrees(data, data.draw(histories(inferred=data.draw(st.booleans()))), SCALED)


@SETTINGS
@given(st.data())
def test_what_is_overturned_in_a_crowd_is_folded_as_if_in_time(data):
    agrees(data, data.draw(doubtful_histories()), EAGER)


def agrees(data, said, rules):
    said = among_a_crowd(data, said)
    order = data.draw(st.permutations(said))
    ticks = sorted(data.draw(st.lists(st.integers(-50, LATEST), max_size=len(order))))
    as_of = data.draw(asked_as_of(said, rules))
    room = LiveRoom("default", ROOM, rules, ticks, ())
    assert room.tell(order, as_of) == kernel(said, as_of=as_of, rules=rules)


@SETTINGS
@given(st.data())
def test_who_was_in_at_a_moment_is_known_from_any_checkpoint(data):
    """By all that is known so far, whatever of it has settled."""
    said = among_a_crowd(data, data.draw(histories()))
    order = data.draw(st.permutations(said))
    room = Room("default", ROOM, SCALED)
    for number, event in enumerate(order):
        room.handle(event, event.at)
        if data.draw(st.booleans()):
            room.advance(data.draw(st.integers(-50, LATEST)))
        at = data.draw(st.sampled_from([event.at, event.at - 1, event.at + 1]))
        assert room.in_room_at(at) == present_at(at, order[: number + 1])


def present_at(at, said):
    facts = [fact for event in said for fact in split(event) if fact.at <= at]
    folded = Stretch("default", ROOM, SCALED, Start.at_mark(DAWN), in_time(facts), at)
    return {who: stay.user_name for who, stay in folded.people.present.items()}


def split(event):
    if event.joined_at is None:
        return [event]
    return [replace(event, kind=Kind.JOIN, at=event.joined_at, joined_at=None), event]


class CountingJournal(Journal):
    """A journal that counts the events that are folded again."""

    __slots__ = ("folded",)

    def __init__(self):
        super().__init__()
        self.folded = 0

    def between(self, after, to):
        events = super().between(after, to)
        self.folded += len(events)
        return events


def busy_room(count, people, rules=SCALED):
    """A room that is never empty: two stay, and `people` others come and go by turns."""
    journal = CountingJournal()
    room = Room("default", ROOM, rules, journal)
    chance = random.Random(1)
    present = set()
    room.handle(Event(Kind.JOIN, ROOM, 0, "first"), 0)
    room.handle(Event(Kind.JOIN, ROOM, 0, "second"), 0)
    for at in range(1, count):
        who = f"p-{chance.randrange(people)}"
        kind = Kind.LEAVE if who in present else Kind.JOIN
        present ^= {who}
        room.handle(Event(kind, ROOM, 10 * at, who), 10 * at)
        if at % 7 == 0:
            room.advance(10 * at)
    room.advance(10 * count + rules.settling_ms)
    return room, journal


@pytest.mark.parametrize("people", [5, 2_000])
def test_going_back_costs_the_distance_and_not_the_length_of_the_sitting(people, monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 64)
    monkeypatch.setattr(checkpoints, "FEW", 32)
    room, journal = busy_room(20_000, people)
    for distance in (10, 100, 1_000, 5_000):
        for _ in range(20):
            journal.folded = 0
            at = room.settled - 10 * distance - 5
            room.handle(Event(Kind.JOIN, ROOM, at, f"late-{at}"), room.settled)
            assert journal.folded <= 4 * distance + 300
            step = room.settled + SCALED.settling_ms + 20
            room.handle(Event(Kind.JOIN, ROOM, step, f"new-{step}"), step)
            room.advance(step + 10)


def test_checkpoints_grow_with_the_logarithm_of_the_sitting(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 64)
    room, _ = busy_room(20_000, 50)
    assert 3 < len(room.checkpoints()) < 50
    moments = room.checkpoints()
    assert moments == sorted(moments)
    assert room.settled - moments[-1] <= 10 * 80


def test_a_room_that_empties_keeps_no_checkpoints():
    room = Room("default", ROOM, Rules())
    for at in range(3):
        room.handle(Event(Kind.JOIN, ROOM, 20_000 * at, f"p-{at}"), 0)
    room.advance(100_000)
    assert room.checkpoints()
    room.handle(Event(Kind.END, ROOM, 90_000), 100_000)
    room.advance(200_000)
    assert room.checkpoints() == []
    assert room._people.touched is None, "and no states of people"  # noqa: SLF001


def crowded_room(*events, at):
    """A room in which four stay from the beginning, and the record of somebody who believes it."""
    room = LiveRoom("default", ROOM, SCALED, (), ())
    said = [Event(Kind.JOIN, ROOM, 0, who) for who in CROWD] + list(events)
    for event in in_time(said):
        room.record.apply(room.room.handle(event, event.at))
    room.record.apply(room.room.advance(at))
    return room, said


def shown(room):
    return room.record.meetings(room.room.meeting.most)


def test_somebody_who_did_not_leave_after_all_is_in_as_before():
    """A join at the instant of the leave takes it back (R2), for a stay from before the checkpoint."""
    steps = [Event(Kind.JOIN, ROOM, at, f"p-{at}") for at in (20, 40, 60)]
    room, said = crowded_room(*steps, Event(Kind.LEAVE, ROOM, 100, CROWD[0]), at=200)
    assert 60 in room.room.checkpoints()
    late = Event(Kind.JOIN, ROOM, 100, CROWD[0])
    room.record.apply(room.room.handle(late, 300))
    assert shown(room) == kernel([*said, late], as_of=200, rules=SCALED)


def test_a_name_that_comes_with_a_leave_belongs_to_the_join_and_drops_the_checkpoints_after_it():
    steps = [Event(Kind.JOIN, ROOM, at, f"p-{at}") for at in (20, 40, 60, 80)]
    room, _ = crowded_room(*steps, at=150)
    assert room.room.checkpoints()[-4:] == [20, 40, 60, 80]
    room.room.handle(Event(Kind.LEAVE, ROOM, 160, "p-40", user_name="Ann", joined_at=40), 160)
    room.room.advance(200)
    assert [at for at in room.room.checkpoints() if 40 <= at < 160] == []
    assert room.room.checkpoints()[-2:] == [20, 160]
    late = Event(Kind.LEAVE, ROOM, 100, "p-60")
    (revised,) = room.room.handle(late, 300)
    assert [stay.participant_id for stay in revised.stays_after] == ["p-60"]


def test_a_leave_that_teaches_nothing_drops_no_checkpoint():
    room, _ = crowded_room(
        *(Event(Kind.JOIN, ROOM, at, f"p-{at}", user_name="Ann") for at in (20, 40, 60)), at=150
    )
    room.room.handle(Event(Kind.LEAVE, ROOM, 160, "p-40", user_name="Ann", joined_at=40), 160)
    room.room.advance(200)
    assert room.room.checkpoints()[-4:] == [20, 40, 60, 160]


def test_a_stretch_that_is_folded_again_has_checkpoints_again(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 10)
    room, _ = busy_room(400, 50)
    before = room.checkpoints()
    room.handle(Event(Kind.JOIN, ROOM, 2_005, "late"), room.settled)
    after = room.checkpoints()
    assert {at for at in before if at < 2_005} <= set(after)
    assert room.settled - after[-1] <= 10 * 10 + SCALED.settling_ms + 10
    assert len([at for at in after if at > 2_005]) > 3


def test_checkpoints_reach_back_so_far_and_no_further(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 4)
    monkeypatch.setattr(checkpoints, "_REACH", 100)
    room, _ = busy_room(1_000, 50)
    assert 500 <= room.settled - room.checkpoints()[0] <= 10 * 210


def test_the_further_back_the_fewer_checkpoints(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 4)
    room, _ = busy_room(4_000, 50)
    moments = [*room.checkpoints(), room.settled]
    gaps = [(later - earlier) / 10 for earlier, later in zip(moments, moments[1:], strict=False)]
    for index, gap in enumerate(gaps[:-2]):
        assert gap <= max(16, sum(gaps[index + 1 :]))
    assert len(moments) < 40
