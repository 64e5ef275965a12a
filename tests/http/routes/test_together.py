"""GET /meetings/{id}/together."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.http.routes.together import TogetherTime, _together_answer
from headcount.http.serializer import Serializer
from headcount.kernel.meetings import Entry
from headcount.reporting.together import Side, together
from headcount.store.records import MeetingRow


@pytest.fixture
def name(world):
    """A consultation: the patient waits, the clinician leaves for a minute, and nobody reports the patient's leave."""
    world.stay("c-1", 0.5, 1_800, user_id="pat", role="guest", customer="acme")
    world.stay("c-2", 300.7, 900, user_id="doc", role="host")
    world.stay("c-3", 960, 2_000, user_id="doc", role="host", left_by="timeout")
    world.stay("c-4", 1_000, 1_100, customer="acme")
    return world.meeting(0.5, 2_000, most=3)


def test_each_condition_is_a_side(world, name):
    answer = world.get(f"/meetings/{name}/together", role=["host", "guest"])
    assert answer == {
        "id": name,
        "room": "blue",
        "start_time": world.t0,
        "duration": 1_999,
        "ongoing": False,
        "max_participants": 3,
        "sides": [
            {
                "name": "host",
                "conditions": {"role": ["host"]},
                "people": 1,
                "join_time": world.t0 + 300,
                "leave_time": world.t0 + 1_999,
                "duration": 1_639,
            },
            {
                "name": "guest",
                "conditions": {"role": ["guest"]},
                "people": 1,
                "join_time": world.t0,
                "leave_time": world.t0 + 1_800,
                "duration": 1_799,
            },
        ],
        "together": {
            "start_time": world.t0 + 300,
            "end_time": world.t0 + 1_800,
            "duration": 1_439,
            "intervals": [
                {"start_time": world.t0 + 300, "end_time": world.t0 + 900, "duration": 599, "end_inferred": False},
                {"start_time": world.t0 + 960, "end_time": world.t0 + 1_800, "duration": 840, "end_inferred": False},
            ],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "names", "people", "duration"),
    [
        ("user_id=pat&user_id=doc", ["pat", "doc"], [1, 1], 1_439),
        ("user_id=pat&role=host", ["pat", "host"], [1, 1], 1_439),
        ("participant_id=c-2&attribute.customer=acme", ["c-2", "acme"], [1, 2], 599),
        ("attribute.role=host&others=true", ["host", "others"], [1, 2], 1_439),
        ("doctor.role=host&all.attribute.customer=acme", ["doctor", "all"], [1, 2], 1_439),
        ("a.role=host&b.role=guest&b.role=host", ["a", "b"], [1, 2], 1_439),
        ("a.role=guest&a.attribute.customer=acme&b.participant_id=c-4", ["a", "b"], [1, 1], 100),
        ("a.role=guest&a.attribute.customer=other&role=host", ["a", "host"], [0, 1], 0),
        ("role=host&role=guest&others=1", ["host", "guest", "others"], [1, 1, 1], 100),
        ("role=host&role=host", ["host", "host"], [1, 1], 0),
        ("role=host&role=moderator", ["host", "moderator"], [1, 0], 0),
    ],
)
def test_sides_have_conditions_and_names(world, name, query, names, people, duration):
    answer = world.get(f"/meetings/{name}/together?{query}")
    assert [side["name"] for side in answer["sides"]] == names
    assert [side["people"] for side in answer["sides"]] == people
    assert answer["together"]["duration"] == duration
    if not duration:
        assert answer["together"] == {"start_time": None, "end_time": None, "duration": 0, "intervals": []}


def test_a_side_without_people_has_no_times(world, name):
    side = world.get(f"/meetings/{name}/together?role=speaker&others=true")["sides"][0]
    assert (side["people"], side["join_time"], side["leave_time"], side["duration"]) == (0, None, None, 0)


def test_an_inferred_end_is_marked(world):
    world.stay("a", 0, 100, role="host", left_by="snapshot")
    world.stay("b", 0, 200, role="guest")
    answer = world.get(f"/meetings/{world.meeting(0, 200, most=2)}/together?role=host&role=guest")
    assert [one["end_inferred"] for one in answer["together"]["intervals"]] == [True]


def test_an_ongoing_meeting_counts_until_now(world):
    world.stay("a", 0, role="host")
    world.stay("b", 50, role="guest")
    meeting = world.meeting(0, most=2)
    world.now = 80.9
    answer = world.get(f"/meetings/{meeting}/together?role=host&role=guest")
    start = world.t0 + 50
    interval = {"start_time": start, "end_time": None, "duration": 30, "end_inferred": False}
    assert answer["together"] == {
        "start_time": start, "end_time": None, "duration": 30, "intervals": [interval],
    }  # fmt: skip
    assert [side["leave_time"] for side in answer["sides"]] == [None, None]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Name 2 to 4 sides, for example role=host&role=guest [Received 0]"),
        ("role=host", "[Received 1]"),
        ("others=true", "[Received 1]"),
        ("a.role=host&a.role=guest", "[Received 1]"),
        ("role=a&role=b&role=c&role=d&role=e", "[Received 5]"),
        ("role=host&role=", '"role" is not allowed to be empty'),
        ("role=host&attribute.customer=", '"attribute.customer" is not allowed to be empty'),
        ("role=host&attribute.=x", '"attribute." must end in one of'),
        ("role=host&a.user=u", '"a.user" must end in one of [role, user_id, participant_id, attribute.KEY]'),
        ("role=host&a.user_id=%00", "must not contain U+0000"),
        ("role=host&others=maybe", '"others" must be a boolean'),
    ],
)
def test_sides_that_make_no_sense_are_refused_with_an_explanation(world, name, query, sentence):
    status, word, info = world.refused(f"/meetings/{name}/together?{query}")
    assert (status, word) == (400, "invalid-request-error")
    assert sentence in info


def test_a_replaced_id_leads_to_the_meeting_in_its_place(world, name):
    old = world.replaced(100)
    answer = world.ask(f"/meetings/{old}/together?role=host&role=guest")
    assert answer.json()["id"] == name
    assert answer.headers["content-location"] == f"/meetings/{name}/together"
    assert world.refused("/meetings/nonsense/together?role=host&role=guest")[0] == 404


def test_another_domain_gets_nothing(world, name):
    assert world.ask(f"/meetings/{name}/together?role=host&role=guest", domain="other").status_code == 404


TIMES = st.tuples(st.integers(0, 60_000), st.integers(1, 30_000))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(TIMES, min_size=1, max_size=6), st.lists(TIMES, min_size=1, max_size=6), st.sampled_from([1, 15])
)
def test_rounding_overstates_nothing_and_stays_within_the_meeting(hosts, guests, granularity_s):
    entries = [
        Entry(who, None, None, join, join + length, None)
        for who, times in (("a", hosts), ("b", guests))
        for join, length in times
    ]
    row = MeetingRow(
        "acme", "m", "blue", min(entry.join for entry in entries), max(entry.leave for entry in entries), 2
    )
    sides = [Side({"participant_id": frozenset({who})}) for who in "ab"]
    serializer = Serializer(100_000, granularity_s)
    found = together(entries, sides, serializer.now)
    shown = _together_answer(found, row, serializer)
    assert isinstance(shown, TogetherTime)
    assert shown.duration * 1_000 <= found.together_ms
    assert sum(one.duration for one in shown.intervals) <= shown.duration
    end = serializer.shown_end(row)
    for one in shown.intervals:
        assert one.start_time <= one.end_time <= end
        assert one.start_time + one.duration <= end
    if shown.intervals:
        assert shown.start_time + shown.duration <= end
