"""Attendance of the people of a meeting."""

from hypothesis import given
from hypothesis import strategies as st

from headcount.kernel.meetings import Entry
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.attendance import merged, people_in, totals_of

NOW = 100
ENTRIES = st.lists(
    st.builds(
        lambda participant_id, user_id, name, join, length, left_by, attributes: Entry(
            participant_id,
            user_id,
            name,
            join,
            None if length is None else join + length,
            left_by,
            attributes,
        ),
        st.sampled_from(["p1", "p2", "p3", "ann"]),
        st.sampled_from([None, "", "ann", "bob"]),
        st.sampled_from([None, "", "Ann", "Bob"]),
        st.integers(0, 60),
        st.one_of(st.none(), st.integers(1, 40)),
        st.sampled_from([None, *LeftBy]),
        st.sampled_from([None, '{"role":"host"}', '{"role":"guest","seat":1}', '{"seat":2}']),
    ),
    max_size=12,
)


@given(ENTRIES)
def test_the_totals_of_a_person_are_those_of_the_spans(entries):
    entries.sort(key=lambda entry: (entry.join, entry.participant_id))
    totals = totals_of(entries, NOW)
    people = people_in(entries, NOW)
    assert [one[:6] for one in totals] == [
        (one.user_id, one.participant_id, one.user_name, one.connections, one.first_join, one.last_leave)
        for one in people
    ]
    assert [one.attended_ms for one in totals] == [one.attended_ms for one in people]
    assert [one.attributes for one in totals] == [one.attributes for one in people]


def test_a_person_with_one_inferred_leave_is_marked():
    entries = [
        Entry("p1", "ann", None, 0, 10, LeftBy.TIMEOUT),
        Entry("p2", "ann", None, 20, 30, LeftBy.REPORTED),
    ]
    assert [one.is_inferred for one in totals_of(entries, NOW)] == [True]
    assert [one.is_inferred for one in totals_of(entries[1:], NOW)] == [False]


def test_the_first_known_value_of_an_attribute_is_that_of_the_person():
    entries = [
        Entry("p1", "ann", None, 0, 10, LeftBy.REPORTED, '{"role":"guest"}'),
        Entry("p2", "ann", None, 20, 30, LeftBy.REPORTED, '{"role":"host","seat":7}'),
    ]
    (person,) = people_in(entries, NOW)
    assert person.attributes == '{"role":"guest","seat":7}'


def test_connections_without_a_user_id_are_merged_with_their_attributes():
    entries = [
        Entry("p1", None, "Ann", 0, 10, LeftBy.REPORTED, '{"seat":7}'),
        Entry("p2", None, "Ann", 20, 30, LeftBy.REPORTED, '{"email":"ann@example.org","seat":8}'),
    ]
    assert merged(people_in(entries, NOW)[::-1]).attributes == '{"email":"ann@example.org","seat":7}'
