"""GET /users/{id}/meetings: a user's meetings, and their part in each."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import people_in


def attended(world, user="u", **query):
    return [one["attended"] for one in world.get(f"/users/{quote(user, safe='')}/meetings", **query)["data"]]


def test_two_devices_at_once_count_once(world):
    world.stay("phone", 0, 60, user_id="u")
    world.stay("laptop", 40, 100, user_id="u")
    world.stay("phone", 150, 160, user_id="u")
    world.stay("other", 0, 200)
    world.meeting(0, 200, most=3)
    assert attended(world) == [
        {"join_time": world.t0, "leave_time": world.t0 + 160, "duration": 110, "attendance_ratio": 0.55}
    ]


def test_time_is_rounded_once_and_down(world):
    for n in range(10):
        world.stay(f"c-{n}", 10.9 * n, 10.9 * n + 10.1, user_id="u")
    world.stay("other", 0, 300)
    world.meeting(0, 300)
    (part,) = attended(world)
    assert (part["duration"], part["attendance_ratio"]) == (101, 0.3366)


def test_an_ongoing_stay_lasts_until_now_without_a_leave(world):
    world.stay("a", 0, 10, user_id="u")
    world.stay("b", 50, user_id="u")
    world.meeting(0)
    world.now = 100.5
    (part,) = attended(world)
    assert (part["leave_time"], part["duration"], part["attendance_ratio"]) == (None, 60, 0.6019)


def test_a_stay_across_a_reset_is_clipped_to_each_meeting(world):
    world.stay("a", 0, 5_000, user_id="u")
    world.stay("b", 100, 1_000)
    world.meeting(0, 1_600, most=2)
    world.meeting(1_600, 5_000, carried=(0, "a"))
    assert [(one["duration"], one["attendance_ratio"]) for one in attended(world, order="asc")] == [
        (1_600, 1.0),
        (3_400, 1.0),
    ]


def test_the_pages_are_those_of_meetings_filtered_by_user(world):
    for n in range(9):
        world.met(n * 100, n * 100 + 60, "a", user_id="u" if n % 2 else "v", room=f"room-{n % 3}")
    whole = world.get("/meetings", user_id="u")
    mine = world.get("/users/u/meetings")
    assert mine["total_count"] == whole["total_count"] == 4
    assert [{key: one[key] for key in one if key != "attended"} for one in mine["data"]] == whole["data"]
    ids = [one["id"] for one in mine["data"]]
    page = world.get("/users/u/meetings", limit=2, starting_after=ids[0], no_participants="true")["data"]
    assert [one["id"] for one in page] == ids[1:3]
    assert all("participants" not in one for one in page)


def test_the_user_in_the_path_has_priority_over_the_query(world):
    world.met(0, 60, "a", user_id="u")
    assert world.get("/users/v/meetings", user_id="u") == {"total_count": 0, "data": []}


@pytest.mark.parametrize("name", ["a/b", "a/meetings", "ä ö?#&", "100%", "two\nlines", "🎧"])
def test_an_id_can_be_any_text(world, name):
    world.met(0, 60, "a", user_id=name)
    assert len(attended(world, name)) == 1


def test_an_invalid_parameter_is_refused(world):
    assert world.refused("/users/a%00b/meetings")[:2] == (400, "invalid-request-error")
    assert world.refused("/users/u/meetings", limit="many")[0] == 400
    assert world.refused("/users/u/meetings", starting_after="nonsense")[0] == 400


def test_another_domain_gets_nothing(world):
    world.met(0, 60, "a", user_id="u", domain="other")
    assert attended(world) == []


def entries():
    join = st.integers(0, 30)
    return st.builds(
        lambda who, user, join, stayed: Entry(
            who, user, None, join, None if stayed is None else join + stayed, None
        ),
        st.sampled_from("abc"),
        st.sampled_from((None, "", "u", "v", "a")),
        join,
        st.one_of(st.none(), st.integers(1, 20)),
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(entries(), max_size=8))
def test_a_person_is_a_user_or_else_a_connection(entries):
    now = 40
    people = people_in(entries, now)
    assert len(people) == len(
        {("user", e.user_id) if e.user_id else ("connection", e.participant_id) for e in entries}
    )
    for person in people:
        theirs = [
            e
            for e in entries
            if (e.user_id or None) == person.user_id
            and (person.user_id is not None or e.participant_id == person.participant_id)
        ]
        held = {ms for e in theirs for ms in range(e.join, now if e.leave is None else e.leave)}
        assert person.attended_ms == len(held)
        assert person.first_join == min(e.join for e in theirs)
        assert (person.last_leave is None) is any(e.leave is None for e in theirs)
        assert person.connections == len({e.participant_id for e in theirs})
    assert [p.first_join for p in people] == sorted(p.first_join for p in people)
