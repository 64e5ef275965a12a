"""The stays of `sessionize` are the rows that an engine has in its tables, and so are those that continued after a reset."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import Event, Kind, Rules, sessionize
from headcount.batch.io.event_columns import AS_NAMED
from headcount.batch.rows import lists_of
from headcount.batch.sessionize import sessionize_mapped
from support.engines import DAILY_RULES, NEW_YEAR, plain, table_of
from support.lanes import lane
from support.stored import StoredEngine, shifted
from support.strategies import EAGER, asked_as_of, histories, rule_numbers, uncertain_histories

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
STAYS = "domain, room, participant_id, user_id, user_name, join_ms, leave_ms, left_by, attributes"
ROOM = ("room", "first_at", "last_at", "is_closed", "empty_at")
LANES = (("interpreted", None), ("compiled", None), ("compiled", 1))
"""How each is found, and the memory: with one byte, rooms are divided among files."""


def in_tables(folder, order, rules, as_of):
    """Return the stays of an engine, the join and the participant that continued into a meeting, by its id, the time
    of the first event of each room, and when nobody was in a room and nothing was unconfirmed.
    """
    stored = StoredEngine(folder, rules, subscribed=False)
    stored.append(*order)
    stored.show(as_of)
    with stored.store.database.reading() as connection:
        stays = connection.query(f"select {STAYS} from stays order by room, join_ms, participant_id", {})
        carried = connection.query(
            "select id, carried_join_ms, carried_participant_id from meetings where carried_join_ms is not null",
            {},
        )
        rooms = dict(connection.query("select room, created_ms from rooms", {}))
        empty = connection.query("select room, at_ms from marks where unconfirmed is null", {})
    stored.close()
    return stays, sorted(carried), rooms, set(empty)


def in_lane(order, name, max_memory, rules, as_of, empty_before=0):
    with lane(name):
        found = sessionize_mapped(
            table_of(order),
            AS_NAMED,
            rules=rules,
            as_of=as_of,
            max_memory=max_memory,
            empty_before=empty_before,
        )
        stays = [tuple(row.values()) for row in plain(found.stays)]
        ids, carried = found.meetings["id"].to_pylist(), []
        for piece in found.found_stays():
            join, who = lists_of(piece.stays, "join", "participant_id")
            pairs = zip(piece.meetings, piece.carried, strict=True)
            carried += [(ids[meeting], join[stay], who[stay]) for meeting, stay in pairs]
        rooms = [row for piece in found.found_rooms() for row in zip(*lists_of(piece, *ROOM), strict=True)]
    if max_memory:
        stays.sort(key=lambda row: (row[1], row[5], row[2]))
    return stays, sorted(carried), sorted(rooms)


@QUICK
@given(st.data())
def test_stays_are_those_of_an_engine(folder, data):
    rules, history = data.draw(
        st.tuples(st.just(EAGER), uncertain_histories())
        | rule_numbers().flatmap(lambda rules: st.tuples(st.just(rules), histories(rules)))
    )
    as_of = data.draw(asked_as_of([shifted(event) for event in history], rules))
    rooms = data.draw(st.lists(st.sampled_from(["blue", "Grün", "x"]), min_size=1, max_size=3))
    order = [
        replace(shifted(event), room=rooms[number % len(rooms)])
        for number, event in enumerate(data.draw(st.permutations(history)))
    ]
    empty_before = data.draw(st.sampled_from([0, as_of - 40, as_of + 1]))
    stays, carried, created, empty = in_tables(folder, order, rules, as_of)
    lanes = [in_lane(order, *lane, rules, as_of, empty_before) for lane in LANES]
    for lane_stays, lane_carried, lane_rooms in lanes:
        assert (lane_stays, lane_carried) == (stays, carried)
        assert [row[:4] for row in lane_rooms] == [row[:4] for row in lanes[0][2]]
        assert all(at < empty_before and (room, at) in empty for room, *_, at in lane_rooms if at is not None)
    if all(event.at <= as_of for event in order):
        for room, first, last, is_closed, _ in lanes[0][2]:
            assert created[room] == first
            assert is_closed == ((room, last) in empty)


@pytest.mark.parametrize(("name", "max_memory"), LANES)
def test_a_stay_that_resets_divide_is_one_and_a_stay_in_no_meeting_is_listed(folder, name, max_memory):
    order = [
        shifted(replace(event, at=event.at * 1_000))
        for event in (
            Event(Kind.JOIN, "r", 0, "b"),
            Event(Kind.LEAVE, "r", 20, "b"),  # alone for 20 seconds: no meeting
            Event(Kind.JOIN, "r", 100, "a"),
            Event(Kind.JOIN, "r", 200, "b"),
            Event(Kind.LEAVE, "r", 300, "b"),  # alone from here on: the meeting is reset at 900
            Event(Kind.JOIN, "r", 900, "B"),
            Event(Kind.LEAVE, "r", 1_000, "B"),  # and again at 1,600
            Event(Kind.LEAVE, "r", 2_000, "a"),
        )
    ]
    as_of = NEW_YEAR + 3_000_000
    stays, carried, rooms = in_lane(order, name, max_memory, DAILY_RULES, as_of, NEW_YEAR + 1_500_000)
    times = [
        (who, (join - NEW_YEAR) // 1_000, (leave - NEW_YEAR) // 1_000)
        for _, _, who, _, _, join, leave, _, _ in stays
    ]
    assert times == [("b", 0, 20), ("a", 100, 2_000), ("b", 200, 300), ("B", 900, 1_000)]
    assert [((join - NEW_YEAR) // 1_000, who) for _, join, who in carried] == [(100, "a"), (100, "a")]
    assert rooms == [("r", NEW_YEAR, NEW_YEAR + 2_000_000, True, NEW_YEAR + 20_000)]
    assert (stays, carried) == in_tables(folder, order, Rules(), as_of)[:2]


def test_stays_of_no_events_are_an_empty_table(each_lane):
    assert sessionize(table_of([])).stays.num_rows == 0
