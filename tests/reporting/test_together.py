"""Time together, compared with a search of each moment for a person of each side."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.kernel.attributes import canonical, text_of, values_of
from headcount.kernel.meetings import Entry
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.attendance import INFERRED
from headcount.reporting.together import Side, Span, roles_together, together

NOW = 40
KNOWN = {"role": "host"}, {"role": "guest"}, {"role": "guest", "level": 2}, {}
ENTRIES = st.lists(
    st.builds(
        lambda participant_id, user_id, join, length, left_by, attributes: Entry(
            participant_id,
            user_id,
            None,
            join,
            None if length is None else join + length,
            None if length is None else left_by,
            canonical(attributes),
        ),
        st.sampled_from(["p1", "p2", "p3", "ann"]),
        st.sampled_from([None, "", "ann", "bob"]),
        st.integers(0, 30),
        st.one_of(st.none(), st.integers(1, 10)),
        st.sampled_from([None, *LeftBy]),
        st.sampled_from(KNOWN),
    ),
    max_size=9,
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"attribute.role": frozenset({"host"})},
        {"attribute.role": frozenset({"guest"})},
        {"attribute.role": frozenset({"host", "guest"}), "user_id": frozenset({"ann", "bob"})},
        {"attribute.level": frozenset({"2"})},
        {"participant_id": frozenset({"p1", "p2"})},
    ]
)
SIDES = st.lists(st.builds(Side, CONDITIONS), min_size=2, max_size=4)


def person_of(entry):
    return (entry.user_id,) if entry.user_id else entry.participant_id


def fits(entry, side):
    known = {f"attribute.{key}": text_of(value) for key, value in values_of(entry.attributes).items()}
    known |= {"user_id": entry.user_id, "participant_id": entry.participant_id}
    return all(known.get(name) in accepted for name, accepted in side.conditions.items())


def people_on(entries, sides):
    """The persons of each side among these entries; `entries` are all of a meeting."""

    def of(present):
        named = [side for side in sides if side.conditions]
        others = {person_of(entry) for entry in present} - {
            person_of(entry) for entry in entries for side in named if fits(entry, side)
        }
        return [
            {person_of(entry) for entry in present if fits(entry, side)} if side.conditions else others
            for side in sides
        ]

    return of


def are_together(on_sides):
    everybody = set().union(*on_sides)
    return any(
        all(person in side for person, side in zip(chosen, on_sides, strict=True))
        for chosen in permutations(everybody, len(on_sides))
    )


def until(entry):
    return NOW if entry.leave is None else entry.leave


@settings(max_examples=400, deadline=None)
@given(ENTRIES, SIDES)
def test_sides_are_together_while_each_has_a_person_of_its_own(entries, sides):
    found = together(entries, sides, NOW)
    on = people_on(entries, sides)

    def present(at, also=()):
        return [entry for entry in entries if entry.join <= at < until(entry) or entry in also]

    moments = {at for at in range(60) if are_together(on(present(at)))}
    assert {
        at for span in found.spans for at in range(span.start, NOW if span.end is None else span.end)
    } == moments
    assert found.together_ms == len(moments)
    assert all(one.end < other.start for one, other in zip(found.spans, found.spans[1:], strict=False))
    still_in = [entry for entry in entries if entry.leave is None and entry.join <= NOW]
    for span in found.spans:
        end = NOW if span.end is None else span.end
        open_now = still_in if end == NOW else []
        assert (span.end is None) == (end == NOW and are_together(on(present(end, open_now))))
        left = [entry for entry in entries if until(entry) == end and entry.left_by in INFERRED]
        if span.end is not None:
            assert span.is_inferred == are_together(on(present(end, [*open_now, *left])))
        else:
            assert not span.is_inferred


@settings(max_examples=400, deadline=None)
@given(ENTRIES, SIDES)
def test_a_side_has_its_people_and_their_time(entries, sides):
    found = together(entries, sides, NOW)
    on = people_on(entries, sides)
    for number, (side, time) in enumerate(zip(sides, found.sides, strict=True)):
        people = on(entries)[number]
        own = [
            entry
            for entry in entries
            if person_of(entry) in people and (not side.conditions or fits(entry, side))
        ]
        assert time.people == len(people)
        assert time.first_join == min((entry.join for entry in own), default=None)
        leaves = [entry.leave for entry in own]
        assert time.last_leave == (None if None in leaves or not leaves else max(leaves))
        moments = {at for entry in own for at in range(entry.join, until(entry))}
        assert time.attended_ms == len(moments)
        assert found.together_ms <= time.attended_ms


HOST = Side({"attribute.role": frozenset({"host"})})
GUEST = Side({"attribute.role": frozenset({"guest"})})
OTHERS = Side({})


def entry(who, join, leave=None, *, role=None, user_id=None, left_by=LeftBy.REPORTED):
    return Entry(
        who, user_id, None, join, leave, None if leave is None else left_by, canonical({"role": role})
    )


def test_a_user_with_two_roles_is_not_together_with_themselves():
    alone = [
        entry("laptop", 0, 20, role="host", user_id="ann"),
        entry("phone", 5, 30, role="guest", user_id="ann"),
    ]
    assert together(alone, [HOST, GUEST], NOW).spans == []
    with_bob = [*alone, entry("c-2", 10, 25, role="guest", user_id="bob")]
    assert together(with_bob, [HOST, GUEST], NOW).spans == [Span(10, 20, False)]


def test_the_same_side_twice_needs_two_people():
    entries = [
        entry("a", 0, 20, role="guest"),
        entry("b", 5, 30, role="guest"),
        entry("c", 0, 40, role="host"),
    ]
    assert together(entries, [GUEST, GUEST], NOW).spans == [Span(5, 20, False)]


def test_everybody_else_does_not_include_another_connection_of_a_host():
    entries = [entry("a", 0, 20, role="host", user_id="ann"), entry("b", 5, 30, user_id="ann")]
    found = together(entries, [HOST, OTHERS], NOW)
    assert (found.sides[1].people, found.spans) == (0, [])


def test_a_change_within_a_side_does_not_interrupt_the_time_together():
    entries = [
        entry("h", 0, 40, role="host"),
        entry("g", 10, 20, role="guest"),
        entry("g2", 20, 30, role="guest"),
        entry("g3", 31, 35, role="guest"),
    ]
    assert together(entries, [HOST, GUEST], NOW).spans == [Span(10, 30, False), Span(31, 35, False)]


@pytest.mark.parametrize(
    ("host_left_by", "guest_left_by", "is_inferred"),
    [
        (LeftBy.REPORTED, LeftBy.TIMEOUT, False),
        (LeftBy.TIMEOUT, LeftBy.REPORTED, False),
        (LeftBy.TIMEOUT, LeftBy.SNAPSHOT, True),
        (LeftBy.ROOM_ENDED, LeftBy.ROOM_RESTARTED, False),
    ],
)
def test_an_end_is_inferred_if_it_would_not_be_one_without_inferred_leaves(
    host_left_by, guest_left_by, is_inferred
):
    entries = [
        entry("h", 0, 20, role="host", left_by=host_left_by),
        entry("g", 10, 20, role="guest", left_by=guest_left_by),
    ]
    assert together(entries, [HOST, GUEST], NOW).spans == [Span(10, 20, is_inferred)]


def test_sides_who_are_in_now_are_together_until_now():
    entries = [entry("h", 0, role="host"), entry("g", 10, role="guest"), entry("g2", 0, 5, role="guest")]
    found = together(entries, [HOST, GUEST], NOW)
    assert found.spans == [Span(0, 5, False), Span(10, None, False)]
    assert found.together_ms == 35


def test_each_two_of_the_most_frequent_roles_are_paired():
    entries = [
        entry("a", 0, 20, role="guest"),
        entry("b", 0, 5, role="guest"),
        entry("c", 10, 40, role="host"),
        entry("d", 30, 40, role="bot"),
        entry("e", 0, 40),
    ]
    assert [(pair.roles, pair.people, pair.together_ms) for pair in roles_together(entries, 2, NOW)] == [
        (("guest", "bot"), (2, 1), 0)
    ]
    assert [(pair.roles, pair.people, pair.together_ms) for pair in roles_together(entries, 3, NOW)] == [
        (("guest", "bot"), (2, 1), 0),
        (("guest", "host"), (2, 1), 10),
        (("bot", "host"), (1, 1), 10),
    ]
    assert roles_together(entries[:2], 3, NOW) == []
