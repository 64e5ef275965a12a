"""Attributes of stays that result from several events, beyond what the properties of `tests/rules` draw."""

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from headcount.batch.passes import attributes
from headcount.batch.passes.layout import NO_ROW
from headcount.batch.sessionize import sessionize
from headcount.kernel.attributes import canonical, merge_instant, merge_later
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.replay import meetings_of
from support.engines import NEW_YEAR, meetings_in, table_of

pytestmark = pytest.mark.usefixtures("compiled_lane")

LATER, INSTANT = attributes.LATER, attributes.INSTANT
WORDS = ['{"role":"host"}', '{"role":"guest"}', '{"customer":"acme"}']


def test_expressions_have_one_number_each_and_are_evaluated_by_the_kernel():
    table = attributes.new_merges(3, 8)
    merged = attributes.merged
    assert [
        merged(0, NO_ROW, LATER, table),
        merged(NO_ROW, 1, LATER, table),
        merged(2, 2, INSTANT, table),
    ] == [0, 1, 2]
    later = merged(0, 1, LATER, table)
    instant = merged(1, 0, INSTANT, table)
    whole = merged(later, 2, LATER, table)
    assert [later, instant, whole] == [3, 4, 5]
    assert [merged(0, 1, LATER, table), merged(0, 1, INSTANT, table), merged(3, 2, LATER, table)] == [3, 4, 5]
    words, (codes,) = attributes.evaluate([table], pa.array(WORDS))
    texts = words.take(pa.array(codes)).to_pylist()
    assert texts == [
        merge_later(WORDS[0], WORDS[1]),
        merge_instant(WORDS[0], WORDS[1]),
        merge_later(WORDS[0], WORDS[2]),
    ]
    assert words.to_pylist() == [*WORDS, '{"customer":"acme","role":"host"}']


def test_a_full_table_says_so_and_a_larger_one_has_the_same_numbers():
    table = attributes.new_merges(100, 4)
    numbers = [attributes.merged(0, other, LATER, table) for other in range(1, 6)]
    assert numbers[:4] == [100, 101, 102, 103]
    assert table.lengths[attributes.IS_FULL]
    larger = attributes.enlarged(table)
    assert not larger.lengths[attributes.IS_FULL]
    assert [attributes.merged(0, other, LATER, larger) for other in range(1, 6)] == [*numbers[:4], 104]


def many_merges(rooms, stays):
    """Events of rooms in which joins, repeated joins and leaves have different attributes."""
    chance = random.Random(rooms)
    events = []
    for room in range(rooms):
        for stay in range(stays):
            at = NEW_YEAR + stay * 1_000
            for step, kind in enumerate([Kind.JOIN, Kind.JOIN, Kind.LEAVE]):
                values = {chance.choice("abcd"): chance.randrange(1_000), "n": stay}
                text = canonical(values)
                events.append(Event(kind, f"r{room}", at + step * 40_000, f"p{stay}", attributes=text))
    return events


@pytest.mark.parametrize(("rooms", "stays"), [(1, 3_000), (40, 100)])
def test_tables_grow_within_a_room_and_from_room_to_room(rooms, stays, monkeypatch):
    monkeypatch.setattr(attributes, "_FIRST_CAPACITY", 16)
    events = many_merges(rooms, stays)
    as_of = NEW_YEAR + 10_000_000
    new_merges = attributes.new_merges
    monkeypatch.setattr(attributes, "new_merges", lambda codes, capacity=16: new_merges(codes, capacity))
    found = meetings_in(sessionize(table_of(events), as_of=as_of))
    expected = []
    for room in sorted({event.room for event in events}):
        expected += meetings_of([event for event in events if event.room == room], as_of=as_of)
    assert found == expected


def test_divided_events_have_one_dictionary_of_attributes():
    table = table_of(many_merges(30, 20))
    whole, divided = (sessionize(table, as_of=NEW_YEAR + 10_000_000, max_memory=limit) for limit in (None, 1))
    assert whole.participants.to_pylist() == divided.participants.to_pylist()
    words = divided.participants["attributes"].chunk(0).dictionary.to_pylist()
    assert len(words) == len(set(words))


def test_all_parts_of_an_overridden_leave_name_the_stay():
    def event(kind, second, inferred=None, **values):
        return Event(
            kind, "r", NEW_YEAR + second * 1_000, "a", inferred=inferred, attributes=canonical(values)
        )

    events = [
        event(Kind.JOIN, 0, role="host"),
        event(Kind.LEAVE, 40, Inferred.SNAPSHOT, seat=1),
        event(Kind.JOIN, 50, Inferred.SNAPSHOT, role="guest", customer="acme"),
        event(Kind.LEAVE, 90, seat=2, rating=5),
    ]
    (meeting,) = meetings_in(sessionize(table_of(events), as_of=NEW_YEAR + 200_000))
    (entry,) = meeting.participants
    assert json.loads(entry.attributes) == {"role": "host", "seat": 1, "customer": "acme", "rating": 5}
    assert [meeting] == meetings_of(events, as_of=NEW_YEAR + 200_000)


def test_an_input_without_attributes_has_none():
    sessions = sessionize(table_of([Event(Kind.JOIN, "r", NEW_YEAR, "a")]), as_of=NEW_YEAR + 60_000)
    assert sessions.participants["attributes"].null_count == len(sessions.participants) == 1
    assert sessions.to_daily(include_attributes=True)[0]["participants"][0]["attributes"] == {}
    assert "attributes" not in sessions.to_daily()[0]["participants"][0]
    assert np.asarray(attributes.new_merges(0).first).size == 0
