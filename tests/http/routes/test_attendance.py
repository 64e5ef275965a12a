"""GET and POST /meetings/{id}/attendance."""

import pytest


@pytest.fixture
def name(world):
    """An hour's lesson: u with two devices, v late, w who left early, and an unknown guest."""
    world.stay("phone", 0, 1_800, user_id="u", user_name="Uma")
    world.stay("laptop", 1_000, 3_600, user_id="u")
    world.stay("c-v", 600.5, 3_600, user_id="v", user_name="Vik")
    world.stay("c-w", 0, 3_000, user_id="w")
    world.stay("guest", 60, 120, user_name="Guest")
    return world.meeting(0, 3_600, most=4)


def post(world, name, body):
    return world.client.post(f"/meetings/{name}/attendance", json=body, headers={"x-domain": "acme"})


def statuses(answer):
    return {one["user_id"] or one["participant_id"]: one["status"] for one in answer["data"]}


def test_without_a_roster_every_person_has_an_entry_and_no_status(world, name):
    answer = world.get(f"/meetings/{name}/attendance")
    assert answer["totals"] == {"people": 4}
    assert [(one["user_id"], one["participant_id"], one["user_name"]) for one in answer["data"]] == [
        ("w", None, None),
        ("u", None, "Uma"),
        (None, "guest", "Guest"),
        ("v", None, "Vik"),
    ]
    assert [(one["connections"], one["duration"], one["attendance_ratio"]) for one in answer["data"]] == [
        (1, 3_000, 0.8333),
        (2, 3_600, 1.0),
        (1, 60, 0.0166),
        (1, 2_999, 0.8331),
    ]
    assert not any("status" in one for one in answer["data"])


@pytest.mark.parametrize("expected", [["u,v,w,x"], ["u", "v", "w,x"], ["u,u,v", "w", "x", "x"]])
def test_a_roster_is_separated_by_commas_or_repeated(world, name, expected):
    answer = world.get(f"/meetings/{name}/attendance", expected=expected)
    assert statuses(answer) == {
        "u": "present",
        "v": "late",
        "w": "left_early",
        "guest": "unexpected",
        "x": "absent",
    }
    assert answer["totals"] == {
        "people": 4, "expected": 4, "present": 1, "late": 1, "left_early": 1, "partial": 0, "absent": 1, "unexpected": 1,
    }  # fmt: skip
    late = next(one for one in answer["data"] if one["user_id"] == "v")
    assert (late["late_by_seconds"], late["left_early_by_seconds"]) == (600, 0)


def test_a_body_gives_the_same_list_and_names_of_absent_users(world, name):
    body = {"expected": [{"user_id": "u", "user_name": "Una"}, "v", {"user_id": "a,b", "user_name": "Abe"}]}
    answer = post(world, name, body).json()
    assert statuses(answer) == {
        "u": "present",
        "v": "late",
        "w": "unexpected",
        "guest": "unexpected",
        "a,b": "absent",
    }
    assert [one["user_name"] for one in answer["data"]] == [None, "Uma", "Guest", "Vik", "Abe"]


def test_the_schedule_and_the_thresholds_are_parameters(world, name):
    asked = {"starts_at": world.t0 + 600, "ends_at": "2026-01-01T02:00:00+01:00", "min_attendance_ratio": 0.9}
    answer = post(world, name, {"expected": ["u", "v", "w"], **asked}).json()
    assert (answer["starts_at"], answer["ends_at"]) == (
        "2026-01-01T00:10:00.000Z",
        "2026-01-01T01:00:00.000Z",
    )
    assert statuses(answer) == {"u": "present", "v": "present", "w": "partial", "guest": "unexpected"}
    in_url = world.get(f"/meetings/{name}/attendance", expected="u,v,w", **asked)
    assert in_url == answer


def test_an_empty_roster_is_a_roster(world, name):
    answer = post(world, name, {"expected": []}).json()
    assert set(statuses(answer).values()) == {"unexpected"}
    assert answer["totals"]["expected"] == 0


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"expected": ""}, "is not allowed to be empty"),
        ({"expected": "a,,b"}, "is not allowed to be empty"),
        ({"min_attendance_ratio": "1.5"}, "a number from 0 to 1"),
        ({"min_attendance_ratio": "half"}, "a number from 0 to 1"),
        ({"late_after_seconds": "-1"}, "greater than or equal to 0"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"starts_at": "2026-01-01T01:00:00Z", "ends_at": "2026-01-01T01:00:00Z"}, "later than the start"),
        ({"starts_at": "2026-01-02T01:00:00Z"}, "before the end of the meeting"),
    ],
)
def test_an_invalid_parameter_is_refused_with_an_explanation(world, name, query, sentence):
    status, word, info = world.refused(f"/meetings/{name}/attendance", **query)
    assert (status, word) == (400, "invalid-request-error")
    assert sentence in info


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"expected": "u"},
        {"expected": [1]},
        {"expected": [""]},
        {"expected": [{"user_name": "Uma"}]},
        {"expected": [], "threshhold": 1},
        {"expected": [], "min_attendance_ratio": 2},
        {"expected": [], "late_after_seconds": -1},
        {"expected": [], "starts_at": None},
        {"expected": [], "ends_at": ""},
        {"expected": ["u"] * 10_001},
    ],
)
def test_an_invalid_body_is_refused(world, name, body):
    answer = post(world, name, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid-request-error")


def test_a_body_that_is_not_json_is_refused(world, name):
    answer = world.client.post(f"/meetings/{name}/attendance", content=b"u,v")
    assert (answer.status_code, answer.json()["error"]) == (400, "json-parsing-error")


def test_a_replaced_id_leads_to_the_meeting_in_its_place(world, name):
    old = world.replaced(100)
    answer = world.ask(f"/meetings/{old}/attendance")
    assert answer.json()["id"] == name
    assert answer.headers["content-location"] == f"/meetings/{name}/attendance"
    assert world.refused("/meetings/nonsense/attendance")[0] == 404


def test_another_domain_gets_nothing(world, name):
    assert world.ask(f"/meetings/{name}/attendance", domain="other").status_code == 404
