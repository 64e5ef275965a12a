"""Finding the people of a roster in a meeting."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.kernel.attributes import canonical
from headcount.reporting.attendance import Person
from headcount.reporting.roster import RosterPerson, Schedule, Status
from headcount.reporting.roster_match import compare, name_key

SCHEDULE = Schedule(0, 3_600_000, Fraction(1, 2), 300_000, 300_000, has_started=True)


def person(user_id=None, name=None, *, start=0, end=3_600_000, connection="c", **attributes):
    return Person(user_id, connection, name, 1, start, end, ((start, end),), canonical(attributes))


def listed(*rows):
    return [RosterPerson(line, *row) for line, row in enumerate(rows, 2)]


def result(people, *rows):
    """Statuses of the roster by line, and the names of unexpected people."""
    comparison = compare(people, listed(*rows), SCHEDULE)
    statuses = {one.listed.line: one.status.value for one in comparison.attendees if one.listed}
    statuses |= {
        one.listed.line: [each.participant_id for each in one.candidates] for one in comparison.ambiguous
    }
    return statuses, [one.user_name for one in comparison.attendees if not one.listed]


def test_a_person_is_found_by_user_id_before_their_name():
    assert result([person("u-1", "Annie")], ("u-1", "Ann", None)) == ({2: "present"}, [])


def test_a_person_is_found_by_an_address_that_is_the_user_id_or_the_display_name():
    people = [person("ANN@x.example", "Ann"), person(None, "bob@X.example", connection="d")]
    assert result(people, (None, None, "ann@x.example"), (None, "Robert", "bob@x.example")) == (
        {2: "present", 3: "present"},
        [],
    )


def test_a_person_is_found_by_the_attribute_email_before_names():
    people = [person("z-1", "Ann", email="BOB@x.example"), person("z-2", "Bob", email="ann@x.example")]
    comparison = compare(
        people, listed((None, "Ann", "Ann@x.example"), (None, "Bob", "bob@x.example")), SCHEDULE
    )
    assert [one.person.user_id for one in comparison.attendees] == ["z-2", "z-1"]


def test_a_person_is_found_by_the_attribute_external_id():
    people = [person("z-1", "Ann", external_id="s-1"), person("z-2", "Ann", external_id=7)]
    assert result(people, ("s-1", None, None), ("7", "Ann", None)) == ({2: "present", 3: "present"}, [])


def test_a_person_with_another_external_id_is_another_person():
    people = [person(None, "Ann", external_id="s-1"), person(None, "Bob", external_id="s-2", connection="d")]
    assert result(people, ("s-1", "Ann", None), ("s-3", "Bob", None)) == (
        {2: "present", 3: "absent"},
        ["Bob"],
    )


def test_a_user_id_precedes_an_attribute():
    people = [person("u-1", "Ann", email="bob@x.example"), person("u-2", "Bob", email="ann@x.example")]
    comparison = compare(people, listed(("u-1", None, "ann@x.example")), SCHEDULE)
    assert [one.user_id for one in comparison.attendees] == ["u-1", "u-2"]


def test_connections_with_the_same_address_are_one_person():
    people = [
        person("z-1", None, end=1_200_000, connection="c", email="ann@x.example"),
        person("z-2", "Ann", start=1_500_000, connection="d", email="Ann@x.example"),
    ]
    (attendee,) = compare(people, listed((None, None, "ann@x.example")), SCHEDULE).attendees
    assert (attendee.person.connections, attendee.attended_ms, attendee.user_name) == (2, 3_300_000, "Ann")


def test_a_connection_with_the_address_belongs_to_a_person_found_by_id():
    people = [
        person("u-1", "Ann", end=600_000, connection="c"),
        person(None, "Ann's phone", start=600_000, connection="d", email="ann@x.example"),
        person("u-2", "Eve", connection="e", email="ann@x.example"),
    ]
    comparison = compare(people, listed(("u-1", None, "ann@x.example")), SCHEDULE)
    assert [(one.user_id, one.attended_ms) for one in comparison.attendees] == [
        ("u-1", 3_600_000),
        ("u-2", 3_600_000),
    ]


def test_an_address_of_two_lines_is_ambiguous():
    people = [person("z-1", "Ann", email="team@x.example")]
    rows = ("s-1", "Ann", "team@x.example"), ("s-2", "Bob", "team@x.example")
    assert result(people, *rows) == ({2: ["c"], 3: ["c"]}, [])


@pytest.mark.parametrize("name", ["ann  MÜLLER", "Müller, Ann", "Ann Mu\u0308ller", "Ann Muller"])
def test_a_person_is_found_by_name_whatever_its_case_accents_and_order(name):
    assert result([person(None, "Ann Müller")], (None, name, None)) == ({2: "present"}, [])


def test_an_id_in_a_list_without_a_header_is_found():
    assert result([person("u-17", "Ann")], (None, "u-17", None)) == ({2: "present"}, [])


def test_people_of_no_name_on_the_roster_are_unexpected():
    assert result([person("u-9", "Eve"), person("u-1", "Ann")], ("u-1", None, None)) == (
        {2: "present"},
        ["Eve"],
    )


def test_a_guest_who_connected_twice_is_one_person():
    people = [
        person(None, "Ann", end=1_200_000, connection="c"),
        person(None, "Ann", start=1_500_000, connection="d"),
    ]
    comparison = compare(people, listed((None, "Ann", None)), SCHEDULE)
    (attendee,) = comparison.attendees
    assert (attendee.person.connections, attendee.attended_ms, attendee.status) == (
        2,
        3_300_000,
        Status.PRESENT,
    )


def test_a_guest_who_is_still_connected_has_not_left():
    people = [person(None, "Ann", connection="c"), Person(None, "d", "Ann", 1, 50, None, ((50, 900),))]
    (attendee,) = compare(people, listed((None, "Ann", None)), SCHEDULE).attendees
    assert attendee.person.last_leave is None


@pytest.mark.parametrize(
    ("people", "rows"),
    [
        ([person("u-1", "Ann", connection="c"), person("u-2", "Ann", connection="d")], [(None, "Ann", None)]),
        ([person("u-1", "Ann", connection="c"), person(None, "Ann", connection="d")], [(None, "Ann", None)]),
    ],
)
def test_a_name_of_several_people_is_ambiguous_and_none_of_them_is_unexpected(people, rows):
    assert result(people, *rows) == ({2: ["c", "d"]}, [])


def test_two_lines_of_one_name_are_ambiguous_if_somebody_of_that_name_came():
    assert result([person(None, "Ann")], (None, "Ann", None), (None, "ANN", None)) == (
        {2: ["c"], 3: ["c"]},
        [],
    )
    assert result([], (None, "Ann", None), (None, "ANN", None)) == ({2: "absent", 3: "absent"}, [])


def test_an_id_resolves_what_names_leave_open():
    people = [person("u-1", "Ann", connection="c"), person("u-2", "Ann", connection="d")]
    assert result(people, ("u-1", "Ann", None), ("u-2", "Ann", None)) == ({2: "present", 3: "present"}, [])


def test_another_user_id_is_another_person_if_the_ids_of_the_roster_are_those_of_the_meeting():
    people = [person("u-1", "Ann", connection="c"), person("u-9", "Bob", connection="d")]
    assert result(people, ("u-1", "Ann", None), ("u-2", "Bob", None)) == (
        {2: "present", 3: "absent"},
        ["Bob"],
    )


def test_ids_of_another_system_do_not_prevent_a_match_by_name():
    assert result([person("w_8fa1", "Ann")], ("4711", "Ann", None)) == ({2: "present"}, [])


def test_totals_count_everybody_once():
    people = [person("u-1", "Ann"), person("u-2", "Bob", start=400_000), person("u-9", "Eve")]
    comparison = compare(
        people, listed(("u-1", None, None), ("u-2", None, None), ("u-3", "Cy", None)), SCHEDULE
    )
    assert {status.value: n for status, n in comparison.totals.items() if n} == {
        "present": 1, "late": 1, "absent": 1, "unexpected": 1,
    }  # fmt: skip
    assert comparison.expected == 3


NAMES = st.sampled_from(["Ann", "ann", "Bob", "Cy", None])
IDS = st.sampled_from(["u-1", "u-2", "u-3", None])


EMAILS = st.sampled_from(["a@x.example", "A@x.example", "b@x.example", None])


@given(
    st.lists(st.tuples(IDS, st.one_of(NAMES, EMAILS), EMAILS, IDS), max_size=6),
    st.lists(st.tuples(IDS, NAMES, EMAILS), max_size=6),
)
def test_each_line_and_each_person_is_in_the_result_exactly_once(joined, expected):
    ids = set()
    people = []
    for number, (user_id, name, email, external_id) in enumerate(joined):
        if user_id is None or user_id not in ids:
            ids.add(user_id)
            known = {"email": email, "external_id": external_id}
            people.append(person(user_id, name, connection=f"c-{number}", **known))
    roster = listed(*(row for row in expected if any(row)))
    comparison = compare(people, roster, SCHEDULE)
    lines = [one.listed.line for one in (*comparison.attendees, *comparison.ambiguous) if one.listed]
    assert sorted(lines) == [one.line for one in roster]
    connections = [one.person.connections for one in comparison.attendees if one.person]
    candidates = {each.participant_id for one in comparison.ambiguous for each in one.candidates}
    assert sum(connections) + len(candidates) == len(people)


@pytest.mark.parametrize(
    ("name", "key"),
    [("Søren  Łukasz-Đ", "d lukasz soren"), ("O'Neil, Ann", "ann neil o"), ("?", ""), ("Straße", "strasse")],
)
def test_a_name_key_is_free_of_case_accents_punctuation_and_order(name, key):
    assert name_key(name) == key
