"""The presence operations: now, at a moment, and in a period."""

import pytest

PRESENT = {"room", "id", "userId", "userName", "mtgSessionId", "joinTime", "duration"}
STRANGE = [
    "blue/green",
    "a b+c&d=e?f#g",
    "Käse 会議室 😀",
    "100%",
    "line\nend\n",
    "..",
    "presence",
    "x/presence",
    "'; --",
]


def quoted(room):
    return "".join(f"%{byte:02X}" for byte in room.encode())


def test_presence_lists_participants_by_room(world):
    world.stay("a", 0.5, room="blue", user_id="u-17", user_name="Ines")
    world.stay("b", 2, room="blue")
    name = world.meeting(0.5, room="blue", most=2)
    world.stay("c", 20, room="red")
    world.stay("gone", 0, 10, room="green")
    world.now = 42.9
    answer = world.get("/presence")
    assert set(answer) == {"blue", "red"}
    assert answer["blue"] == [
        {
            "room": "blue",
            "id": "a",
            "userId": "u-17",
            "userName": "Ines",
            "mtgSessionId": name,
            "joinTime": "2026-01-01T00:00:00.000Z",
            "duration": 42,
        },
        {
            "room": "blue",
            "id": "b",
            "userId": None,
            "userName": None,
            "mtgSessionId": name,
            "joinTime": "2026-01-01T00:00:02.000Z",
            "duration": 40,
        },
    ]
    assert [one["id"] for one in answer["red"]] == ["c"]


def test_without_participants_there_is_no_room(world):
    world.met(0, 60, "a")
    assert world.get("/presence") == {}


def test_before_a_meeting_starts_its_id_is_absent(world):
    world.met(-100, -50, "a")
    world.stay("a", 0)
    world.pending("b", 1)
    for listed in (world.get("/presence")["blue"], world.get("/rooms/blue/presence")["data"]):
        assert [set(one) for one in listed] == [PRESENT - {"mtgSessionId"}] * 2


def test_presence_lists_pending_participants_among_the_others(world):
    world.stay("a", 0)
    world.stay("c", 2)
    name = world.meeting(0, most=2)
    world.pending("b", 1, user_id="u", user_name="Bob")
    world.pending("d", 3, room="red")
    world.now = 5
    answer = world.get("/presence")
    assert {room: [one["id"] for one in people] for room, people in answer.items()} == {
        "blue": ["a", "b", "c"], "red": ["d"],
    }  # fmt: skip
    assert answer["blue"][1] == {
        "room": "blue",
        "id": "b",
        "userId": "u",
        "userName": "Bob",
        "joinTime": "2026-01-01T00:00:01.000Z",
        "duration": 4,
        "mtgSessionId": name,
    }
    assert world.get("/rooms/blue/presence") == {"total_count": 3, "data": answer["blue"]}
    assert world.get("/rooms/blue/presence", userName="Bob")["data"] == answer["blue"][1:2]
    assert [one["participant_id"] for one in world.get("/meetings")["data"][0]["participants"]] == ["a", "c"]


def test_the_past_contains_those_who_are_pending_now(world):
    world.stay("a", 0, 100)
    world.pending("b", 95)
    world.now = 100
    assert at(world, at=world.t0 + 94) == ["a"]
    assert at(world, at=world.t0 + 95) == ["a", "b"]
    assert at(world, **{"from": world.t0 + 90}) == ["a", "b"]
    (one,) = world.get("/rooms/blue/presence", at=world.t0 + 100)["data"]
    assert (one["participant_id"], one["leave_time"], one["left_by"]) == ("b", None, None)


def test_a_rooms_presence_equals_its_part_of_all_presence(world):
    for who, room in (("a", "blue"), ("b", "blue"), ("c", "red")):
        world.stay(who, 0, room=room)
    world.meeting(0, room="blue", most=2)
    assert world.get("/rooms/blue/presence") == {"total_count": 2, "data": world.get("/presence")["blue"]}


def test_presence_is_rounded_down_to_the_granularity(coarse_world):
    coarse_world.stay("a", 29)
    coarse_world.now = 73
    one = coarse_world.get("/presence")["blue"][0]
    assert (one["joinTime"], one["duration"]) == ("2026-01-01T00:00:15.000Z", 30)


@pytest.mark.parametrize("room", ["blue", "nowhere"])
def test_an_empty_or_unknown_room_has_no_participants(world, room):
    world.met(0, 60, "a", room="blue")
    assert world.get(f"/rooms/{room}/presence") == {"total_count": 0, "data": []}


def test_participants_of_a_room_are_filtered_by_user_id_and_name(world):
    world.stay("a", 0, user_id="u", user_name="Ann")
    world.stay("b", 1, user_id="u", user_name="Ann (phone)")
    world.stay("c", 2, user_name="Ann")

    def found(**query):
        answer = world.get("/rooms/blue/presence", **query)
        assert answer["total_count"] >= len(answer["data"])
        return answer["total_count"], [one["id"] for one in answer["data"]]

    assert found(userId="u") == (2, ["a", "b"])
    assert found(userName="Ann") == (2, ["a", "c"])
    assert found(userId="u", userName="Ann") == (1, ["a"])
    assert found(userId="u", limit=1) == (2, ["a"])
    assert found(userId="nobody") == (0, [])


def test_all_participants_of_a_room_are_listed_unless_there_is_a_limit(world):
    for n in range(150):
        world.stay(f"c-{n:03}", 0)
    assert len(world.get("/rooms/blue/presence")["data"]) == 150
    assert len(world.get("/rooms/blue/presence", limit=120)["data"]) == 120


@pytest.mark.parametrize("room", STRANGE)
def test_a_room_may_have_any_name(world, room):
    world.stay("a", 0, room=room)
    world.meeting(0, room=room)
    answer = world.get(f"/rooms/{quoted(room)}/presence")
    assert [one["room"] for one in answer["data"]] == [room]
    assert world.get(f"/rooms/{quoted(room)}/presence", at=world.t0)["total_count"] == 1
    assert world.get("/meetings", room=room)["total_count"] == 1
    assert set(world.get("/presence")) == {room}


def test_an_empty_or_invalid_name_is_refused(world):
    assert world.refused("/rooms//presence")[0] == 404
    assert world.refused("/rooms/a%00b/presence")[0] == 400


# At a moment.


@pytest.fixture
def past(world):
    world.stay("a", 0, 100, user_id="u", user_name="Ann")
    world.stay("b", 50, 150)
    world.stay("c", 140)
    world.now = 200
    return world


def at(world, **query):
    return [one["participant_id"] for one in world.get("/rooms/blue/presence", **query)["data"]]


def test_participants_at_a_moment_have_their_complete_stay(past):
    assert past.get("/rooms/blue/presence", at=past.t0 + 70) == {
        "room": "blue",
        "total_count": 2,
        "data": [
            {
                "user_id": "u",
                "participant_id": "a",
                "user_name": "Ann",
                "join_time": past.t0,
                "leave_time": past.t0 + 100,
                "duration": 100,
                "left_by": "reported",
            },
            {
                "user_id": None,
                "participant_id": "b",
                "user_name": None,
                "join_time": past.t0 + 50,
                "leave_time": past.t0 + 150,
                "duration": 100,
                "left_by": "reported",
            },
        ],
        "at": "2026-01-01T00:01:10.000Z",
    }


def test_a_stay_includes_its_join_and_excludes_its_leave(past):
    t0 = past.t0
    assert at(past, at=t0) == ["a"]
    assert at(past, at=t0 + 49.999) == ["a"]
    assert at(past, at=t0 + 50) == ["a", "b"]
    assert at(past, at=t0 + 99.999) == ["a", "b"]
    assert at(past, at=t0 + 100) == ["b"]
    assert at(past, at=t0 - 0.001) == []


def test_an_ongoing_stay_has_no_leave_time(past):
    last = past.get("/rooms/blue/presence", at=past.t0 + 160)["data"][0]
    assert (last["leave_time"], last["left_by"], last["duration"]) == (None, None, 60)


def test_a_moment_can_be_rfc_3339(past):
    for text in (
        "2026-01-01T00:01:10Z",
        "2026-01-01T02:01:10+02:00",
        "2026-01-01T00:01:10.500Z",
        str(past.t0 + 70.5),
    ):
        assert at(past, at=text) == ["a", "b"], text
    # A plus sign that was not encoded.
    assert past.client.get("/rooms/blue/presence?at=2026-01-01T02:01:10+02:00").json()["total_count"] == 2


def test_a_time_in_the_future_means_now(past):
    assert past.get("/rooms/blue/presence", at=past.t0 + 9999)["at"] == "2026-01-01T00:03:20.000Z"
    assert at(past, at="-1" + "0" * 14) == []


def test_a_period_lists_everyone_who_was_in_the_room_for_some_of_it(past):
    t0 = past.t0
    answer = past.get("/rooms/blue/presence", **{"from": t0 + 100, "to": t0 + 141})
    assert [one["participant_id"] for one in answer["data"]] == ["b", "c"]
    assert (answer["from"], answer["to"]) == ("2026-01-01T00:01:40.000Z", "2026-01-01T00:02:21.000Z")
    assert at(past, **{"from": t0 + 99.999, "to": t0 + 140}) == ["a", "b"]
    assert at(past, **{"from": t0}) == ["a", "b", "c"]


def test_the_filters_of_daily_apply_to_the_past_too(past):
    answer = past.get("/rooms/blue/presence", at=past.t0 + 70, userName="Ann")
    assert ([one["participant_id"] for one in answer["data"]], answer["total_count"]) == (["a"], 1)
    answer = past.get("/rooms/blue/presence", **{"from": past.t0, "limit": 1})
    assert ([one["participant_id"] for one in answer["data"]], answer["total_count"]) == (["a"], 3)
    assert past.get("/rooms/blue/presence", at=past.t0 + 70, userId="w")["data"] == []


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({"at": "noon"}, '"at" is not a time'),
        ({"at": "2026-01-01T00:00:00"}, '"at" has no time zone'),
        ({"at": "nan"}, '"at" is not a time'),
        ({"at": "1", "from": "1"}, '"at" cannot be combined'),
        ({"to": "1"}, '"from" is required'),
        ({"from": "2", "to": "2"}, '"to" must be later'),
    ],
)
def test_an_invalid_time_is_refused_with_an_explanation(world, query, answer):
    status, word, info = world.refused("/rooms/blue/presence", **query)
    assert (status, word) == (400, "invalid-request-error")
    assert info.startswith(answer)
