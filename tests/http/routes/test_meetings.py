"""GET /meetings and /meetings/{id}: what a client of Daily's API relies on."""

import json

import pytest

MEETING = {"id", "room", "start_time", "duration", "ongoing", "max_participants"}
PARTICIPANT = {"user_id", "participant_id", "user_name", "join_time", "duration"}


def test_a_meeting_has_dailys_fields(world):
    world.stay("c-1", 0, 90, user_id="u-17", user_name="Ines")
    world.stay("c-2", 15, 75)
    name = world.meeting(0, 90, most=2)
    assert world.get("/meetings") == {
        "total_count": 1,
        "data": [
            {
                "id": name,
                "room": "blue",
                "start_time": world.t0,
                "duration": 90,
                "ongoing": False,
                "max_participants": 2,
                "participants": [
                    {
                        "user_id": "u-17",
                        "participant_id": "c-1",
                        "user_name": "Ines",
                        "join_time": world.t0,
                        "duration": 90,
                    },
                    {
                        "user_id": None,
                        "participant_id": "c-2",
                        "user_name": None,
                        "join_time": world.t0 + 15,
                        "duration": 60,
                    },
                ],
            }
        ],
    }


def test_a_single_meeting_has_no_participants(world):
    name = world.met(0, 90, "a", "b")
    shown = world.get(f"/meetings/{name}")
    assert set(shown) == MEETING
    assert shown == {key: world.get("/meetings")["data"][0][key] for key in MEETING}


def test_an_ongoing_meeting_lasts_until_now(world):
    world.stay("a", 0)
    world.meeting(0)
    world.now = 42.999
    one = world.get("/meetings")["data"][0]
    assert (one["ongoing"], one["duration"], one["participants"][0]["duration"]) == (True, 42, 42)


def test_no_duration_is_negative(world):
    world.stay("a", 10)
    world.meeting(10)
    world.now = 9
    one = world.get("/meetings")["data"][0]
    assert (one["duration"], one["participants"][0]["duration"]) == (0, 0)


def test_numbers_are_integers(world):
    world.met(0.25, 90.75, "a")
    text = world.ask("/meetings").text
    one = json.loads(text)["data"][0]
    assert "." not in text
    assert (one["start_time"], one["duration"]) == (world.t0, 90)


def test_times_and_durations_are_rounded_down_to_the_granularity(coarse_world):
    world = coarse_world
    world.met(29, 74.9, "a")
    one = world.get("/meetings")["data"][0]
    who = one["participants"][0]
    assert (one["start_time"], one["duration"]) == (world.t0 + 15, 45)
    assert (who["join_time"], who["duration"]) == (world.t0 + 15, 45)


@pytest.mark.parametrize("start", [15, 16, 29])
def test_a_timeframe_applies_to_rounded_times(coarse_world, start):
    world = coarse_world
    world.met(start, 100, "a")
    shown = world.get("/meetings")["data"][0]["start_time"]
    assert world.ids(timeframe_start=shown)
    assert not world.ids(timeframe_start=shown + 1)
    assert not world.ids(timeframe_end=shown)
    assert world.ids(timeframe_end=shown + 1)


def test_an_unknown_name_is_null_and_never_empty(world):
    world.stay("a", 0, 60, user_id="", user_name="")
    world.meeting(0, 60)
    who = world.get("/meetings")["data"][0]["participants"][0]
    assert set(who) == PARTICIPANT
    assert who["user_id"] is None
    assert who["user_name"] is None


def test_a_stay_that_a_reset_carried_on_is_in_both_meetings_clipped(world):
    world.stay("a", 0, 5000)
    world.stay("b", 100, 1000)
    first = world.meeting(0, 1600, most=2)
    second = world.meeting(1600, 5000, carried=(0, "a"))
    data = {one["id"]: one for one in world.get("/meetings")["data"]}
    assert [who["duration"] for who in data[first]["participants"]] == [1600, 900]
    assert [(who["join_time"] - world.t0, who["duration"]) for who in data[second]["participants"]] == [
        (1600, 3400)
    ]


def test_participants_are_in_order_of_join_time_then_id(world):
    for who, join in (("b", 0), ("a", 0), ("d", 20), ("c", 10)):
        world.stay(who, join, 100)
    world.meeting(0, 100, most=4)
    assert [who["participant_id"] for who in world.get("/meetings")["data"][0]["participants"]] == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_the_newest_meeting_comes_first(world):
    names = [world.met(start, start + 60, "a") for start in (100, 300, 200)]
    assert world.ids() == [names[1], names[2], names[0]]
    assert world.ids(order="asc") == [names[0], names[2], names[1]]


def test_of_meetings_of_the_same_second_the_greater_id_comes_first(world):
    names = [world.met(0.1 * n, 60, "a", room=f"room-{n}") for n in range(10)]
    assert world.ids() == sorted(names, reverse=True)
    assert world.ids(order="asc") == sorted(names)


def test_meetings_are_filtered_by_room(world):
    mine = world.met(0, 60, "a", room="blue")
    world.met(0, 60, "a", room="red")
    assert world.ids(room="blue") == [mine]


def test_an_unknown_room_has_no_meetings(world):
    assert world.get("/meetings", room="nowhere") == {"total_count": 0, "data": []}


def test_a_timeframe_includes_its_start_and_excludes_its_end(world):
    names = [world.met(start, start + 30, "a") for start in (100, 200.999, 300)]
    assert world.ids(timeframe_start=world.t0 + 100, timeframe_end=world.t0 + 300) == [names[1], names[0]]
    assert world.ids(timeframe_start=world.t0 + 101, timeframe_end=world.t0 + 301) == [names[2], names[1]]


def test_a_meeting_that_started_before_a_timeframe_only_overlaps_it(world):
    name = world.met(0, 500, "a")
    window = {"timeframe_start": world.t0 + 100, "timeframe_end": world.t0 + 200}
    assert world.ids(**window) == []
    assert world.ids(**{"from": world.t0 + 100, "to": world.t0 + 200}) == [name]
    assert world.ids(**{"from": world.t0 + 499, "to": world.t0 + 600}) == [name]
    assert world.ids(**{"from": world.t0 + 500, "to": world.t0 + 600}) == []
    assert world.ids(**{"from": world.t0 - 100, "to": world.t0}) == []


def test_an_ongoing_meeting_overlaps_the_future(world):
    world.stay("a", 0)
    name = world.meeting(0)
    assert world.ids(**{"from": world.t0 + 10**9}) == [name]


def test_a_meeting_with_participants_is_ongoing(world):
    over = world.met(0, 60, "a")
    world.stay("b", 100)
    on = world.meeting(100)
    assert world.ids(ongoing="true") == [on]
    assert world.ids(ongoing="false") == [over]
    assert world.ids() == [on, over]


@pytest.mark.parametrize("yes", ["true", "True", "1"])
@pytest.mark.parametrize("no", ["false", "False", "0"])
def test_all_spellings_of_a_boolean_are_accepted(world, yes, no):
    world.met(0, 60, "a")
    assert world.get("/meetings", ongoing=yes)["total_count"] == 0
    assert world.get("/meetings", ongoing=no)["total_count"] == 1
    assert "participants" not in world.get("/meetings", no_participants=yes)["data"][0]
    assert "participants" in world.get("/meetings", no_participants=no)["data"][0]


def test_meetings_are_filtered_by_user(world):
    world.stay("a", 0, 60, user_id="ann", room="blue")
    first = world.meeting(0, 60, room="blue")
    world.stay("b", 0, 60, user_id="bob", room="red")
    world.meeting(0, 60, room="red")
    world.stay("c", 200, user_id="ann", room="red")
    on = world.meeting(200, room="red")
    assert world.ids(user_id="ann") == [on, first]
    assert world.get("/meetings", user_id="ann", limit=1)["total_count"] == 2
    assert world.ids(user_id="ann", room="blue") == [first]
    assert world.ids(user_id="nobody") == []


def test_a_user_whose_stay_continues_after_a_reset_is_in_both_meetings(world):
    world.stay("a", 0, 5000, user_id="ann")
    world.stay("b", 100, 1000, user_id="bob")
    first, second = world.meeting(0, 1600), world.meeting(1600, 5000, carried=(0, "a"))
    assert world.ids(user_id="ann") == [second, first]
    assert world.ids(user_id="bob") == [first]


def test_a_user_is_found_where_meetings_follow_each_other_within_a_second(world):
    world.stay("a", 0, 100.1, user_id="ann")
    world.stay("b", 100.2, 200, user_id="bob")
    world.stay("c", 200.3, 300, user_id="cat")
    first, second, third = world.meeting(0, 100.1), world.meeting(100.2, 200), world.meeting(200.3, 300)
    assert [world.ids(user_id=who) for who in ("ann", "bob", "cat")] == [[first], [second], [third]]


def test_meetings_are_filtered_by_peak_participants_and_duration(world):
    alone = world.met(0, 59.9, "a")
    pair = world.met(100, 160, "a", "b")
    assert world.ids(min_participants=2) == [pair]
    assert world.ids(min_participants=0) == [pair, alone]
    assert world.ids(min_duration=59) == [pair, alone]
    assert world.ids(min_duration=60) == [pair]


def test_the_total_is_the_number_of_matches_on_every_page(world):
    for start in range(0, 700, 100):
        world.met(start, start + 60, "a")
    world.stay("b", 900)
    world.meeting(900)
    world.met(0, 60, "a", room="red")
    totals = {
        world.get("/meetings", limit=2, room="blue", starting_after=name)["total_count"]
        for name in world.ids()
    }
    assert totals == {8}
    assert world.get("/meetings", limit=1, room="blue", ongoing="false")["total_count"] == 7


def test_a_page_has_at_most_a_hundred_meetings(world):
    for start in range(0, 10_100, 100):
        world.meeting(start, start + 60)
    assert len(world.ids()) == 100
    assert len(world.ids(limit=100)) == 100
    assert len(world.ids(limit=1_000)) == 100
    assert len(world.ids(limit="1" + "0" * 40)) == 100
    assert world.get("/meetings", limit=7)["total_count"] == 101


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "ten", " 5", "1e-2", "٣"])
@pytest.mark.parametrize("path", ["/meetings", "/rooms/blue/presence"])
def test_an_invalid_limit_is_refused_with_an_explanation(world, path, limit):
    status, word, info = world.refused(path, limit=limit)
    assert (status, word) == (400, "invalid-request-error")
    assert info.startswith('"limit" must be ')


@pytest.mark.parametrize(
    ("query", "info"),
    [
        ({"ongoing": "maybe"}, '"ongoing" must be a boolean: true or false [Received ongoing="maybe"]'),
        (
            {"timeframe_start": "today"},
            '"timeframe_start" must be an integer [Received timeframe_start="today"]',
        ),
        (
            {"min_duration": "-1"},
            '"min_duration" must be greater than or equal to 0 [Received min_duration="-1"]',
        ),
        ({"order": "newest"}, '"order" must be one of [asc, desc] [Received order="newest"]'),
        ({"room": ""}, '"room" is not allowed to be empty: omit the parameter instead'),
        ({"room": "a\0b"}, '"room" must not contain U+0000'),
    ],
)
def test_an_invalid_parameter_is_refused_with_an_explanation(world, query, info):
    assert world.refused("/meetings", **query) == (400, "invalid-request-error", info)


def test_a_timeframe_can_have_fractions_and_bounds_whole_seconds(world):
    early, late = world.met(0, 60, "a"), world.met(100, 160, "b")
    t0 = world.t0
    assert world.ids(timeframe_start=f"{t0}.0", timeframe_end=f"{t0 + 100}.0") == [early]
    assert world.ids(timeframe_start=t0 + 0.001) == [late]
    assert world.ids(timeframe_end=t0 + 100.001) == [late, early]
    assert world.ids(timeframe_end=t0 + 99.5) == [early]
    assert world.ids(min_duration="59.5", limit="5.0") == [late, early]


def test_empty_cursors_and_any_boolean_are_accepted(world):
    name = world.met(0, 60, "a")
    empty = dict.fromkeys(
        ("starting_after", "ending_before", "timeframe_start", "limit", "ongoing", "order"), ""
    )
    assert world.ids(**empty) == [name]
    assert world.ids(ongoing="TRUE") == []
    assert world.ids(ongoing="False") == [name]
    assert world.get(f"/meetings/{name}/participants", joined_after="", joined_before="")["data"]


@pytest.mark.parametrize("second", ["1" + "0" * 30, "-" + "9" * 30, "9223372036854775808"])
def test_a_second_beyond_the_calendar_is_accepted(world, second):
    name = world.met(0, 60, "a")
    for bound in ("timeframe_start", "timeframe_end"):
        asked_for_all = second.startswith("-") is bound.endswith("start")
        assert world.ids(**{bound: second}) == ([name] if asked_for_all else [])


def test_unknown_parameters_a_body_and_a_trailing_slash_are_ignored(world):
    name = world.met(0, 60, "a")
    body = json.dumps({"limit": 0, "room": "red"})
    answer = world.client.request(
        "GET", "/meetings/?active=true&x=", content=body, headers={"content-type": "application/json"}
    )
    assert [one["id"] for one in answer.json()["data"]] == [name]
    assert world.get(f"/meetings/{name}/")["id"] == name
    assert world.get(f"/meetings/{name}/participants/")["data"]
    assert world.get("/presence/") == {}
    assert world.get("/rooms/blue/presence/")["total_count"] == 0


@pytest.mark.parametrize("path", ["", "/participants", "/explain"])
@pytest.mark.parametrize("name", ["3f2c", "0f9f4c1e-1111-4222-8333-444455556666", "%00", "%F0%9F%98%80"])
def test_an_unknown_meeting_is_not_found(world, path, name):
    status, word, _ = world.refused(f"/meetings/{name}{path}")
    assert (status, word) == (404, "not-found")


@pytest.mark.parametrize("path", ["", "/participants", "/explain"])
def test_a_replaced_id_returns_the_meeting_in_its_place(world, path):
    old = world.replaced(10)
    new = world.met(0, 90, "a", "b")
    answer = world.ask(f"/meetings/{old}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-location"] == f"/meetings/{new}{path}"
    assert answer.json() == world.get(f"/meetings/{new}{path}")
    assert "content-location" not in world.ask(f"/meetings/{new}{path}").headers


def test_a_withdrawn_meeting_is_not_found_with_an_explanation(world):
    world.met(0, 60, "a")
    old = world.replaced(70)
    status, word, info = world.refused(f"/meetings/{old}")
    assert (status, word) == (404, "not-found")
    assert "was removed at" in info


def test_another_domain_gets_nothing(world):
    theirs = world.met(0, 60, "a", domain="umbrella", user_id="ann")
    world.stay("b", 100, domain="umbrella")
    on = world.meeting(100, domain="umbrella")
    assert world.get("/meetings") == {"total_count": 0, "data": []}
    assert world.ids(user_id="ann", room="blue") == []
    for name in (theirs, on):
        for path in ("", "/participants", "/explain"):
            assert world.refused(f"/meetings/{name}{path}")[0] == 404
        assert world.refused("/meetings", starting_after=name)[0] == 400
    assert world.get("/presence") == {}
    assert world.get("/rooms/blue/presence")["data"] == []
    assert world.get("/rooms/blue/presence", at=world.t0 + 30)["data"] == []
    assert world.client.get("/meetings", headers={"x-domain": "umbrella"}).json()["total_count"] == 2


def test_other_methods_are_refused_in_the_same_form(world):
    answer = world.client.post("/meetings")
    assert (answer.status_code, answer.json()["error"]) == (405, "method-not-allowed")


@pytest.mark.parametrize("granularity_s", [1, 2, 15, 60])
def test_no_participant_is_shown_beyond_the_end_of_the_meeting(world_of, store, granularity_s):
    world = world_of(store, granularity_s)
    world.stay("a", 0.9, 62.85)
    world.stay("b", 1.0, 62.85, user_id="u")
    world.stay("c", 50.0, 62.85)
    name = world.meeting(0.9, 62.85, most=3)
    (meeting,) = world.get("/meetings")["data"]
    end = meeting["start_time"] + meeting["duration"]
    (mine,) = world.get("/users/u/meetings")["data"]
    shown = [
        *meeting["participants"],
        *mine["participants"],
        *world.get(f"/meetings/{name}/participants")["data"],
        *world.get(f"/meetings/{name}/attendance")["data"],
        mine["attended"],
    ]
    assert len(shown) == 13
    for one in shown:
        assert one["duration"] >= 0
        assert one["join_time"] + one["duration"] <= end
        assert one.get("leave_time", end) <= end
