"""GET /usage and /concurrency: parameters and answers."""

import pytest

HOUR = 3_600


def usage(world, **query):
    return world.get("/usage", **{"from": "2026-01-01", "to": "2026-01-02", **query})


def crowd(world, **query):
    return world.get("/concurrency", **{"from": "2026-01-01", "to": "2026-01-02", **query})


@pytest.fixture
def busy(world):
    """Two rooms: blue over midnight of Berlin (23:00 UTC of the first of January), red in the morning."""
    world.met(22.5 * HOUR, 23.5 * HOUR, "a", "b")
    world.met(8 * HOUR, 8.25 * HOUR, "c", room="red")
    return world


def test_days_are_those_of_the_zone_and_empty_ones_are_there(busy):
    answer = busy.get("/usage", **{"from": "2026-01-01", "to": "2026-01-04", "timezone": "Europe/Berlin"})
    assert [
        (one["start"], one["meetings"], one["participant_seconds"], one["max_participants"])
        for one in answer["data"]
    ] == [
        ("2026-01-01T00:00:00+01:00", 2, 900 + HOUR, 2),
        ("2026-01-02T00:00:00+01:00", 0, HOUR, 2),
        ("2026-01-03T00:00:00+01:00", 0, 0, 0),
    ]
    assert answer["totals"] == {"meetings": 2, "participant_seconds": 900 + 2 * HOUR, "max_participants": 2}
    assert (answer["from"], answer["to"]) == ("2026-01-01T00:00:00+01:00", "2026-01-04T00:00:00+01:00")


def test_a_day_on_which_clocks_are_set_has_its_length(world):
    answer = world.get("/usage", **{"from": "2026-03-28", "to": "2026-03-31", "timezone": "Europe/Berlin"})
    assert [one["duration"] for one in answer["data"]] == [24 * HOUR, 23 * HOUR, 24 * HOUR]


def test_rooms_are_in_order_of_participant_time(busy):
    answer = usage(busy, group_by="room")
    assert answer["total_count"] == 2
    assert answer["data"] == [
        {"room": "blue", "meetings": 1, "participant_seconds": 2 * HOUR, "max_participants": 2},
        {"room": "red", "meetings": 1, "participant_seconds": 900, "max_participants": 1},
    ]
    assert answer["totals"] == {"meetings": 2, "participant_seconds": 2 * HOUR + 900, "max_participants": 2}
    assert usage(busy, group_by="room", room="red")["total_count"] == 1
    first = usage(busy, group_by="room", limit=1)
    assert (first["data"], first["total_count"], first["totals"]) == (answer["data"][:1], 2, answer["totals"])


def test_usage_is_filtered_by_room(busy):
    answer = usage(busy, group_by="total", room="red")
    assert [(one["meetings"], one["participant_seconds"]) for one in answer["data"]] == [(1, 900)]
    assert usage(busy, room="green")["totals"]["meetings"] == 0


def test_usage_is_grouped_by_hour_and_month(busy):
    hours = usage(busy, group_by="hour")["data"]
    assert len(hours) == 24
    assert [one["participant_seconds"] for one in hours if one["meetings"]] == [900, HOUR]
    (month,) = usage(busy, group_by="month")["data"]
    assert (month["start"], month["duration"], month["meetings"]) == (
        "2026-01-01T00:00:00Z",
        31 * 24 * HOUR,
        2,
    )


def test_a_bucket_counts_completely_wherever_the_query_starts(busy):
    t0 = busy.t0
    (hour,) = busy.get("/usage", group_by="hour", **{"from": t0 + 8 * HOUR + 600, "to": t0 + 8 * HOUR + 601})[
        "data"
    ]
    assert (hour["start_time"], hour["participant_seconds"]) == (t0 + 8 * HOUR, 900)
    (whole,) = busy.get("/usage", group_by="total", **{"from": t0 + 8 * HOUR + 600, "to": t0 + 9 * HOUR - 1})[
        "data"
    ]
    assert (whole["start_time"], whole["duration"]) == (t0 + 8 * HOUR, HOUR)


def test_an_ongoing_meeting_counts_until_now(world):
    world.stay("a", 0)
    world.stay("b", 100, 200)
    world.meeting(0, most=2)
    world.now = 1_000.5
    assert usage(world)["totals"] == {"meetings": 1, "participant_seconds": 1_100, "max_participants": 2}


def test_time_is_rounded_once(world):
    for n in range(10):
        world.met(n * 100, n * 100 + 50.1, "a")
    answer = usage(world)
    assert answer["totals"]["participant_seconds"] == 501
    assert sum(one["participants"][0]["duration"] for one in world.get("/meetings")["data"]) == 500


def test_a_stay_without_a_meeting_does_not_count(world):
    world.stay("a", 0, 20)
    assert usage(world)["totals"]["participant_seconds"] == 0


def test_the_peak_is_of_all_rooms_and_has_its_time(world):
    world.met(0, 100, "a", "b", room="red")
    world.met(50, 150, "c", room="blue")
    world.met(100, 160, "d", "e", room="red")
    answer = crowd(world, group_by="day")
    (day,) = answer["data"]
    assert (day["max_participants"], day["max_participants_at"]) == (3, "2026-01-01T00:00:50.000Z")
    assert answer["totals"] == {
        key: day[key] for key in ("max_participants", "max_participants_at", "avg_participants")
    }
    assert crowd(world, group_by="day", room="blue")["data"][0]["max_participants"] == 1


def test_a_leave_at_the_moment_of_a_join_is_no_overlap(world):
    world.met(0, 900, "a", room="red")
    world.met(900, 1_800, "b", room="blue")
    world.met(1_800, 1_900, "c", room="red")
    assert [one["max_participants"] for one in crowd(world)["data"]][:2] == [1, 0]


def test_the_average_is_of_the_elapsed_time(world):
    world.stay("a", 0)
    world.meeting(0)
    world.now = 1_800
    hours = crowd(world)["data"]
    assert [(one["avg_participants"], one["max_participants_at"]) for one in hours[:2]] == [
        (1.0, "2026-01-01T00:00:00.000Z"),
        (0.0, None),
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"from": None}, "is required"),
        ({"from": "2026-01-03"}, "must be later than"),
        ({"from": "2026-02-30"}, "an existing day, such as 2026-01-31"),
        ({"from": "yesterday"}, "from"),
        ({"from": "1998-01-01"}, "2000 to 2099"),
        ({"from": "0001-01-01"}, "2000 to 2099"),
        ({"to": "9999-12-31"}, "2000 to 2099"),
        ({"from": "2101-01-01", "to": "1000"}, "2000 to 2099"),
        ({"to": "999999999999"}, "2000 to 2099"),
        ({"timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"timezone": "+02:07"}, "multiple of 15 minutes"),
        ({"group_by": "week"}, "one of [day, hour, month, room, total]"),
        ({"group_by": "hour", "from": "2001-01-01"}, "more than 10,000 hours"),
        ({"room": ""}, "is not allowed to be empty"),
    ],
)
def test_an_invalid_parameter_is_refused_with_an_explanation(world, query, sentence):
    asked = {"from": "2026-01-01", "to": "2026-01-02"} | query
    asked = {name: value for name, value in asked.items() if value is not None}
    status, word, info = world.refused("/usage", **asked)
    assert (status, word) == (400, "invalid-request-error")
    assert sentence in info
    if query.get("group_by") is None:
        assert world.refused("/concurrency", **asked) == (status, word, info)


def test_an_unencoded_plus_is_accepted(busy):
    answer = busy.client.get(
        "/usage?from=2026-01-01&to=2026-01-02&timezone=+01:00", headers={"x-domain": "acme"}
    )
    assert answer.json()["from"] == "2026-01-01T00:00:00+01:00"


def test_another_domain_gets_nothing(busy):
    query = {"from": "2026-01-01", "to": "2026-01-02"}
    assert busy.ask("/usage", domain="other", **query).json()["totals"]["meetings"] == 0


@pytest.fixture
def customers(world):
    """Two meetings of acme, which Globex joins once, as does somebody whose customer is unknown, and one of Initech."""
    world.met(0, 3_600, "a", "b", customer="acme", role="host")
    world.stay("c", 600, 1_800, customer="globex", role="guest", seat=7)
    world.stay("d", 600, 1_200, role="guest")
    world.met(2 * HOUR, 2 * HOUR + 900, "e", room="red", customer="initech")
    world.met(3 * HOUR, 3 * HOUR + 60, "f", customer="acme", role="guest")
    return world


def groups(answer):
    return [tuple(one.values()) for one in answer["data"]]


@pytest.mark.parametrize("rolled_up", [False, True])
def test_usage_is_grouped_by_an_attribute(customers, rolled_up):
    if rolled_up:
        customers.store.usage_rollup.finish()
    answer = usage(customers, group_by="attribute.customer")
    assert groups(answer) == [
        ("acme", 2, 2 * HOUR + 60, 2),
        ("globex", 1, 1_200, 1),
        ("initech", 1, 900, 1),
        (None, 1, 600, 1),
    ]
    assert (answer["total_count"], answer["remainder"]) == (4, None)
    assert answer["totals"] == {
        "meetings": 3,
        "participant_seconds": sum(one["participant_seconds"] for one in answer["data"]),
        "max_participants": 4,
    }
    in_red = usage(customers, group_by="attribute.customer", room="red")
    assert groups(in_red) == [("initech", 1, 900, 1)]
    assert in_red["totals"]["participant_seconds"] == 900


def test_values_beyond_the_limit_are_added_up_in_the_remainder(customers):
    answer = usage(customers, group_by="attribute.customer", limit=1)
    assert groups(answer) == [("acme", 2, 2 * HOUR + 60, 2), (None, 1, 600, 1)]
    assert answer["remainder"] == {"groups": 2, "meetings": 2, "participant_seconds": 2_100}
    crowded = crowd(customers, group_by="attribute.customer", limit=1)
    assert groups(crowded) == [
        ("acme", 2, "2026-01-01T00:00:00.000Z", 0.084),
        (None, 1, "2026-01-01T00:10:00.000Z", 0.0069),
    ]
    assert crowded["remainder"] == {"groups": 2, "avg_participants": 0.0243}
    assert crowded["totals"]["max_participants"] == 4


@pytest.mark.parametrize("rolled_up", [False, True])
def test_usage_is_filtered_by_attributes(customers, rolled_up):
    if rolled_up:
        customers.store.usage_rollup.finish()

    def totals(**conditions):
        found = usage(customers, group_by="total", **conditions)["totals"]
        return found["meetings"], found["participant_seconds"], found["max_participants"]

    assert totals(**{"attribute.customer": "acme"}) == (2, 2 * HOUR + 60, 2)
    assert totals(**{"attribute.customer": "acme", "attribute.role": "guest"}) == (1, 60, 1)
    assert totals(**{"attribute.seat": "7"}) == (1, 1_200, 1)
    assert totals(**{"attribute.role": "guest", "room": "red"}) == (0, 0, 0)
    by_room = usage(customers, group_by="room", **{"attribute.customer": "acme"})
    assert [one["room"] for one in by_room["data"]] == ["blue"]
    by_role = usage(customers, group_by="attribute.role", **{"attribute.customer": "acme"})
    assert groups(by_role) == [("host", 1, 2 * HOUR, 2), ("guest", 1, 60, 1)]
    hours = crowd(customers, **{"attribute.customer": "initech"})["data"]
    assert [hour["max_participants"] for hour in hours][:4] == [0, 0, 1, 0]


def test_an_attribute_without_usage_has_one_group_without_a_value(customers):
    everybody = usage(customers, group_by="total")["totals"]
    (group,) = usage(customers, group_by="attribute.plan")["data"]
    assert group == {"value": None, **everybody}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"group_by": "attribute."}, 'must name an attribute like "attribute.customer"'),
        ({"group_by": "attributes.customer"}, 'must name an attribute like "attribute.customer"'),
        ({"attribute.role": ""}, "is not allowed to be empty"),
        ({"group_by": "attribute.role", "limit": "0"}, "greater than or equal to 1"),
    ],
)
def test_an_invalid_condition_or_group_is_refused(world, query, sentence):
    for path in ("/usage", "/concurrency"):
        status, _, info = world.refused(path, **{"from": "2026-01-01"}, **query)
        assert status == 400
        assert sentence in info


def test_too_many_stays_for_one_answer_are_refused(customers, monkeypatch):
    monkeypatch.setattr("headcount.store.usage.scan._MAX_STAYS", 4)
    status, _, info = customers.refused("/usage", **{"from": "2026-01-01", "attribute.seat": "7"})
    assert status == 400
    assert "usage_attributes" in info
