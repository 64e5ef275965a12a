"""Checkpoints inside a sitting: a late event costs what it touches, and the result is as if there were none."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import Event, Kind, Room, Rules
from headcount.kernel import checkpoints
from headcount.kernel.checkpoints import Start
from headcount.kernel.journal import FIRST_MARK, Journal
from headcount.kernel.refold import Stretch
from support.engines import LiveRoom, kernel
from support.strategies import EAGER, ROOM, SCALED, asked_as_of, histories, uncertain_histories

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
CROWD = [f"crowd-{number}" for number in range(4)]
LATEST = 3_000


def in_a_crowd(data, events):
    """Return the events with those of other participants, some of whom join or leave meanwhile."""
    crowd = [
        Event(Kind.JOIN, ROOM, data.draw(st.integers(-40, 5)), participant_id) for participant_id in CROWD
    ]
    leaves = [
        Event(Kind.LEAVE, ROOM, data.draw(st.integers(5, LATEST)), participant_id) for participant_id in CROWD
    ]
    return [*crowd, *events, *data.draw(st.lists(st.sampled_from(leaves), max_size=2, unique=True))]


@pytest.fixture(autouse=True)
def _many_checkpoints(monkeypatch):
    """A checkpoint after nearly every instant, and only the participants restored that must be."""
    monkeypatch.setattr(checkpoints, "SPACING", 1)
    monkeypatch.setattr(checkpoints, "SMALL_ROOM", 0)


def in_time(events):
    return sorted(events, key=lambda event: event.at)


@SETTINGS
@given(st.data(), st.integers(1, 3))
def test_late_events_in_a_crowd_change_what_they_would_have_in_time(data, spacing):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SPACING", spacing)
        agrees(data, data.draw(histories(inferred=data.draw(st.booleans()))), SCALED)


@SETTINGS
@given(st.data())
def test_overridden_leaves_in_a_crowd_change_what_they_would_have_in_time(data):
    agrees(data, data.draw(uncertain_histories()), EAGER)


def agrees(data, events, rules):
    events = in_a_crowd(data, events)
    order = data.draw(st.permutations(events))
    ticks = sorted(data.draw(st.lists(st.integers(-50, LATEST), max_size=len(order))))
    as_of = data.draw(asked_as_of(events, rules))
    room = LiveRoom("default", ROOM, rules, ticks, ())
    assert room.replay(order, as_of) == kernel(events, as_of=as_of, rules=rules)


@SETTINGS
@given(st.data())
def test_the_participants_at_a_time_are_known_from_any_checkpoint(data):
    events = in_a_crowd(data, data.draw(histories()))
    order = data.draw(st.permutations(events))
    room = Room("default", ROOM, SCALED)
    for number, event in enumerate(order):
        room.handle(event, event.at)
        if data.draw(st.booleans()):
            room.advance(data.draw(st.integers(-50, LATEST)))
        at = data.draw(st.sampled_from([event.at, event.at - 1, event.at + 1]))
        assert room.participants_at(at) == expected_participants_at(at, order[: number + 1])


def expected_participants_at(at, events):
    facts = [fact for event in events for fact in split(event) if fact.at <= at]
    folded = Stretch("default", ROOM, SCALED, Start.at_mark(FIRST_MARK), in_time(facts), at)
    return {participant_id: stay.user_name for participant_id, stay in folded.people.open_stays.items()}


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
    """Return a room that is never empty: two stay, and `people` others join and leave in turn."""
    journal = CountingJournal()
    room = Room("default", ROOM, rules, journal)
    chance = random.Random(1)
    present = set()
    room.handle(Event(Kind.JOIN, ROOM, 0, "first"), 0)
    room.handle(Event(Kind.JOIN, ROOM, 0, "second"), 0)
    for at in range(1, count):
        participant_id = f"p-{chance.randrange(people)}"
        kind = Kind.LEAVE if participant_id in present else Kind.JOIN
        present ^= {participant_id}
        room.handle(Event(kind, ROOM, 10 * at, participant_id), 10 * at)
        if at % 7 == 0:
            room.advance(10 * at)
    room.advance(10 * count + rules.late_grace_ms)
    return room, journal


@pytest.mark.parametrize("people", [5, 2_000])
def test_the_cost_of_a_late_event_grows_with_its_delay_and_not_with_the_sitting(people, monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 64)
    monkeypatch.setattr(checkpoints, "SMALL_ROOM", 32)
    room, journal = busy_room(20_000, people)
    for distance in (10, 100, 1_000, 5_000):
        for _ in range(20):
            journal.folded = 0
            at = room.finalized - 10 * distance - 5
            room.handle(Event(Kind.JOIN, ROOM, at, f"late-{at}"), room.finalized)
            assert journal.folded <= 4 * distance + 300
            step = room.finalized + SCALED.late_grace_ms + 20
            room.handle(Event(Kind.JOIN, ROOM, step, f"new-{step}"), step)
            room.advance(step + 10)


def test_checkpoints_grow_with_the_logarithm_of_the_sitting(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 64)
    room, _ = busy_room(20_000, 50)
    assert 3 < len(room.checkpoints()) < 50
    times = room.checkpoints()
    assert times == sorted(times)
    assert room.finalized - times[-1] <= 10 * 80


def test_an_empty_room_has_no_checkpoints():
    room = Room("default", ROOM, Rules())
    for at in range(3):
        room.handle(Event(Kind.JOIN, ROOM, 20_000 * at, f"p-{at}"), 0)
    room.advance(100_000)
    assert room.checkpoints()
    room.handle(Event(Kind.END, ROOM, 90_000), 100_000)
    room.advance(200_000)
    assert room.checkpoints() == []
    assert room._people.before_images is None, "no before-images"  # noqa: SLF001


def crowded_room(*events, at):
    """Return a room with four participants from the beginning, and the projection of its changes."""
    room = LiveRoom("default", ROOM, SCALED, (), ())
    events = [Event(Kind.JOIN, ROOM, 0, participant_id) for participant_id in CROWD] + list(events)
    for event in in_time(events):
        room.projection.apply(room.room.handle(event, event.at))
    room.projection.apply(room.room.advance(at))
    return room, events


def meetings_of(room):
    return room.projection.meetings(room.room.meeting.max_participants)


def test_a_cancelled_leave_restores_the_stay_from_before_the_checkpoint():
    """A join at the instant of the leave cancels it (R2)."""
    steps = [Event(Kind.JOIN, ROOM, at, f"p-{at}") for at in (20, 40, 60)]
    room, events = crowded_room(*steps, Event(Kind.LEAVE, ROOM, 100, CROWD[0]), at=200)
    assert 60 in room.room.checkpoints()
    late = Event(Kind.JOIN, ROOM, 100, CROWD[0])
    room.projection.apply(room.room.handle(late, 300))
    assert meetings_of(room) == kernel([*events, late], as_of=200, rules=SCALED)


def test_a_name_in_a_leave_belongs_to_its_join_and_drops_later_checkpoints():
    steps = [Event(Kind.JOIN, ROOM, at, f"p-{at}") for at in (20, 40, 60, 80)]
    room, _ = crowded_room(*steps, at=150)
    assert room.room.checkpoints()[-4:] == [20, 40, 60, 80]
    room.room.handle(Event(Kind.LEAVE, ROOM, 160, "p-40", user_name="Ann", joined_at=40), 160)
    room.room.advance(200)
    assert [at for at in room.room.checkpoints() if 40 <= at < 160] == []
    assert room.room.checkpoints()[-2:] == [20, 160]
    late = Event(Kind.LEAVE, ROOM, 100, "p-60")
    (correction,) = room.room.handle(late, 300)
    assert [stay.participant_id for stay in correction.stays_after] == ["p-60"]


def test_a_leave_without_new_names_drops_no_checkpoint():
    room, _ = crowded_room(
        *(Event(Kind.JOIN, ROOM, at, f"p-{at}", user_name="Ann") for at in (20, 40, 60)), at=150
    )
    room.room.handle(Event(Kind.LEAVE, ROOM, 160, "p-40", user_name="Ann", joined_at=40), 160)
    room.room.advance(200)
    assert room.room.checkpoints()[-4:] == [20, 40, 60, 160]


def test_a_refolded_stretch_has_checkpoints(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 10)
    room, _ = busy_room(400, 50)
    before = room.checkpoints()
    room.handle(Event(Kind.JOIN, ROOM, 2_005, "late"), room.finalized)
    after = room.checkpoints()
    assert {at for at in before if at < 2_005} <= set(after)
    assert room.finalized - after[-1] <= 10 * 10 + SCALED.late_grace_ms + 10
    assert len([at for at in after if at > 2_005]) > 3


def test_checkpoints_reach_back_a_limited_number_of_instants(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 4)
    monkeypatch.setattr(checkpoints, "_REACH", 100)
    room, _ = busy_room(1_000, 50)
    assert 500 <= room.finalized - room.checkpoints()[0] <= 10 * 210


def test_older_checkpoints_are_further_apart(monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACING", 4)
    room, _ = busy_room(4_000, 50)
    times = [*room.checkpoints(), room.finalized]
    gaps = [(later - earlier) / 10 for earlier, later in zip(times, times[1:], strict=False)]
    for index, gap in enumerate(gaps[:-2]):
        assert gap <= max(16, sum(gaps[index + 1 :]))
    assert len(times) < 40
