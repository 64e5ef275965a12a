"""Why a meeting is as it is: from real events, through the engine."""

import pytest

from headcount.kernel.events import Event, Inferred, Kind
from support.stored import StoredEngine

T0 = 1_767_225_600


@pytest.fixture
def engine(tmp_path, world_of):
    engine = StoredEngine(tmp_path)
    engine.world = world_of(engine.store)
    engine.start()
    yield engine
    engine.close()


def ms(second):
    return round((T0 + second) * 1_000)


def join(who, second, **more):
    return Event(Kind.JOIN, "blue", ms(second), who, **more)


def leave(who, second, **more):
    return Event(Kind.LEAVE, "blue", ms(second), who, **more)


def explained(engine, events, now=10_000, late=()):
    """The explanations of all meetings, oldest first."""
    engine.append(*events)
    engine.show(ms(now))
    if late:
        engine.append(*late, received=ms(now))
        engine.show(ms(now + 60))
    world = engine.world
    world.now = now + 120
    listed = world.ask("/meetings", domain="default", order="asc").json()["data"]
    return world, [world.ask(f"/meetings/{one['id']}/explain", domain="default").json() for one in listed]


def steps(explanation, what):
    return [
        (one["time"][14:19], one["rule"], one["sentence"])
        for one in explanation["steps"]
        if one["what"] == what
    ]


def test_it_says_why_a_meeting_began_and_ended(engine):
    _, (told,) = explained(
        engine, [join("a", 0, user_name="Ann"), join("b", 20), leave("a", 60), leave("b", 90)]
    )
    assert (told["duration"], told["max_participants"], told["superseded_ids"]) == (90, 2, [])
    assert told["began"] == {
        "what": "began",
        "time": "2026-01-01T00:00:00.000Z",
        "rule": "6",
        "because": "company",
        "participant_id": None,
        "sentence": "The meeting began when the first one joined, though that was only sure at"
        " 2026-01-01T00:00:20.000Z, when there were two at once (rule 6).",
    }
    assert told["ended"]["rule"] == "8"
    assert told["ended"]["time"] == "2026-01-01T00:01:30.000Z"
    assert steps(told, "joined") == [
        ("00:00", "4", "Ann (a) joined (rule 4)."),
        ("00:20", "4", "b joined (rule 4)."),
    ]
    assert steps(told, "left") == [
        ("01:00", "1", "Ann (a) left (rule 1)."),
        ("01:30", "1", "b left (rule 1)."),
    ]
    assert [(one["kind"], one["participant_id"]) for one in told["events"]] == [
        ("join", "a"),
        ("join", "b"),
        ("leave", "a"),
        ("leave", "b"),
    ]


def test_it_says_that_somebody_waited_alone(engine):
    _, (told,) = explained(engine, [join("a", 0), leave("a", 60)])
    assert (told["began"]["because"], told["began"]["rule"]) == ("waited alone", "6")


def test_it_says_that_a_meeting_was_reset_and_how_the_next_one_began(engine):
    events = [join("a", 0), join("b", 100), leave("b", 1000), leave("a", 3000)]
    _, (first, second) = explained(engine, events)
    assert (first["ended"]["rule"], first["ended"]["because"]) == ("7", "left alone")
    assert (second["began"]["rule"], second["began"]["because"]) == ("7", "left alone")
    assert first["ended"]["time"] == second["began"]["time"] == "2026-01-01T00:26:40.000Z"
    assert second["ended"]["rule"] == "8"


def test_what_goes_on_has_not_ended(engine):
    _, (told,) = explained(engine, [join("a", 0)], now=100)
    assert told["ongoing"]
    assert told["ended"] is None


def test_it_says_what_was_void_and_what_was_ignored(engine):
    events = [
        join("v", 0),
        join("a", 5),
        leave("v", 9),
        join("a", 20),
        leave("x", 30),
        Event(Kind.END, "blue", ms(60)),
        Event(Kind.END, "blue", ms(60), source_session="again"),
    ]
    _, (told,) = explained(engine, events)
    assert steps(told, "void") == [
        (
            "00:09",
            "4",
            "v left after 9 seconds, less than 10 seconds: void, and in no list and no count (rule 4).",
        )
    ]
    assert [sentence for _, _, sentence in steps(told, "ignored")][:2] == [
        "a was said to join, but was in already: ignored (rule 1).",
        "x was said to leave, but was not in: ignored (rule 1).",
    ]
    assert steps(told, "left") == [("01:00", "1", "a left because the room was ended (rule 1).")]


def test_a_leave_that_knows_its_join_stands_for_both_and_is_no_repetition(engine):
    events = [join("a", 0), leave("a", 60, joined_at=ms(0)), leave("b", 50, joined_at=ms(10))]
    _, (told,) = explained(engine, events)
    assert steps(told, "ignored") == []
    assert [name for _, _, name in steps(told, "joined")] == ["a joined (rule 4).", "b joined (rule 4)."]


def test_a_join_known_only_from_a_leave_after_the_meeting_is_behind_it(engine):
    events = [leave("a", 3000, joined_at=ms(0)), join("b", 100), leave("b", 1000)]
    _, (first, _) = explained(engine, events)
    assert [one["participant_id"] for one in first["steps"] if one["what"] == "joined"] == ["a", "b"]
    assert ("leave", "a") in [(one["kind"], one["participant_id"]) for one in first["events"]]


def test_it_says_how_a_leave_was_inferred(engine):
    events = [join("a", 0), join("b", 0), leave("a", 60, inferred=Inferred.SNAPSHOT), leave("b", 90)]
    _, (told,) = explained(engine, events)
    assert "is inferred to have left, being missing from a list" in steps(told, "left")[0][2]
    assert [one["inferred"] for one in told["events"]] == [None, None, "snapshot", None]


def test_it_says_what_was_corrected_and_knows_the_ids_from_before(engine):
    events = [join("b", 100), leave("b", 200)]
    engine.append(*events)
    engine.show(ms(300))
    before = engine.meetings()[0].id
    world, (told,) = explained(engine, [], now=1000, late=[join("a", 50), leave("a", 150)])
    assert told["superseded_ids"] == [before]
    assert {one["rule"] for one in told["corrections"]} == {"15"}
    first = told["corrections"][0]
    assert first["sentence"].endswith("late, and what it touches was worked out anew (rule 15).")
    assert first["event"]["at"].startswith("2026-01-01T00:0")
    assert before in [
        one["id"] for correction in told["corrections"] for one in correction["meetings_before"]
    ]
    old = world.ask(f"/meetings/{before}/explain", domain="default")
    assert old.json() == told
    assert old.headers["content-location"] == f"/meetings/{told['id']}/explain"


def test_times_are_in_order_and_sentences_end(engine):
    events = [event for n in range(20) for event in (join(f"p-{n}", n * 7), leave(f"p-{n}", 500 - n * 3))]
    _, (told,) = explained(engine, events)
    times = [one["time"] for one in told["steps"]]
    assert times == sorted(times)
    assert all(one["sentence"].endswith(").") for one in told["steps"])
