"""GET /meetings/{id}/explain, of real events that the engine processed."""

from dataclasses import replace

import pytest

from headcount.kernel.events import Event, Inferred, Kind
from headcount.store.records import Provenance
from headcount.store.sources import SourceRow
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
        (one["at"][14:19], one["rule"], one["message"]) for one in explanation["steps"] if one["type"] == what
    ]


def test_an_explanation_has_the_reasons_of_start_and_end(engine):
    _, (explanation,) = explained(
        engine, [join("a", 0, user_name="Ann"), join("b", 20), leave("a", 60), leave("b", 90)]
    )
    assert (explanation["duration"], explanation["max_participants"], explanation["previous_ids"]) == (
        90,
        2,
        [],
    )
    assert explanation["start"] | {"log_entries": []} == {
        "type": "start",
        "at": "2026-01-01T00:00:00.000Z",
        "rule": "6",
        "reason": "two_participants",
        "participant_id": None,
        "message": "The meeting started when the first participant joined. It was confirmed at"
        " 2026-01-01T00:00:20.000Z, when a second participant joined (rule 6).",
        "log_entries": [],
    }
    assert explanation["end"]["rule"] == "8"
    assert explanation["end"]["at"] == "2026-01-01T00:01:30.000Z"
    assert steps(explanation, "joined") == [
        ("00:00", "4", "Ann (a) joined (rule 4)."),
        ("00:20", "4", "b joined (rule 4)."),
    ]
    assert steps(explanation, "left") == [
        ("01:00", "1", "Ann (a) left (rule 1)."),
        ("01:30", "1", "b left (rule 1)."),
    ]
    assert [(one["kind"], one["participant_id"]) for one in explanation["events"]] == [
        ("join", "a"),
        ("join", "b"),
        ("leave", "a"),
        ("leave", "b"),
    ]


def test_a_meeting_of_one_person_starts_after_a_wait(engine):
    _, (explanation,) = explained(engine, [join("a", 0), leave("a", 60)])
    assert (explanation["start"]["reason"], explanation["start"]["rule"]) == ("solo_duration_reached", "6")


def test_a_reset_is_the_end_of_one_meeting_and_the_start_of_the_next(engine):
    events = [join("a", 0), join("b", 100), leave("b", 1000), leave("a", 3000)]
    _, (first, second) = explained(engine, events)
    assert (first["end"]["rule"], first["end"]["reason"]) == ("7", "left_alone")
    assert (second["start"]["rule"], second["start"]["reason"]) == ("7", "left_alone")
    assert first["end"]["at"] == second["start"]["at"] == "2026-01-01T00:26:40.000Z"
    assert second["end"]["rule"] == "8"


def test_an_ongoing_meeting_has_no_end(engine):
    _, (explanation,) = explained(engine, [join("a", 0)], now=100)
    assert explanation["ongoing"]
    assert explanation["end"] is None


def test_short_stays_and_ignored_events_are_steps(engine):
    events = [
        join("v", 0),
        join("a", 5),
        leave("v", 9),
        join("a", 20),
        leave("x", 30),
        Event(Kind.END, "blue", ms(60)),
        Event(Kind.END, "blue", ms(60), source_session="again"),
    ]
    _, (explanation,) = explained(engine, events)
    assert steps(explanation, "too_short") == [
        (
            "00:09",
            "4",
            "v left after 9s. Stays shorter than 10s do not count (rule 4).",
        )
    ]
    assert [sentence for _, _, sentence in steps(explanation, "ignored")][:2] == [
        "A join event of a was ignored: already in the room (rule 1).",
        "A leave event of x was ignored: not in the room (rule 1).",
    ]
    assert steps(explanation, "left") == [("01:00", "1", "a left because the room ended (rule 1).")]


def test_a_leave_with_its_join_is_both_and_no_duplicate(engine):
    events = [join("a", 0), leave("a", 60, joined_at=ms(0)), leave("b", 50, joined_at=ms(10))]
    _, (explanation,) = explained(engine, events)
    assert steps(explanation, "ignored") == []
    assert [name for _, _, name in steps(explanation, "joined")] == [
        "a joined (rule 4).",
        "b joined (rule 4).",
    ]


def test_a_join_known_only_from_a_later_leave_is_an_event_of_the_meeting(engine):
    events = [leave("a", 3000, joined_at=ms(0)), join("b", 100), leave("b", 1000)]
    _, (first, _) = explained(engine, events)
    assert [one["participant_id"] for one in first["steps"] if one["type"] == "joined"] == ["a", "b"]
    assert ("leave", "a") in [(one["kind"], one["participant_id"]) for one in first["events"]]


def test_an_inferred_leave_has_its_origin(engine):
    events = [join("a", 0), join("b", 0), leave("a", 60, inferred=Inferred.SNAPSHOT), leave("b", 90)]
    _, (explanation,) = explained(engine, events)
    assert "left (inferred): missing from a list of participants" in steps(explanation, "left")[0][2]
    assert [one["inferred"] for one in explanation["events"]] == [None, None, "snapshot", None]


def test_corrections_have_what_was_before_and_previous_ids(engine):
    events = [join("b", 100), leave("b", 200)]
    engine.append(*events)
    engine.show(ms(300))
    before = engine.meetings()[0].id
    world, (explanation,) = explained(engine, [], now=1000, late=[join("a", 50), leave("a", 150)])
    assert explanation["previous_ids"] == [before]
    assert {one["rule"] for one in explanation["corrections"]} == {"15"}
    first = explanation["corrections"][0]
    assert first["message"].endswith("late. The affected meetings were computed again (rule 15).")
    assert first["event"]["at"].startswith("2026-01-01T00:0")
    assert before in [
        one["id"] for correction in explanation["corrections"] for one in correction["meetings_before"]
    ]
    old = world.ask(f"/meetings/{before}/explain", domain="default")
    assert old.json() == explanation
    assert old.headers["content-location"] == f"/meetings/{explanation['id']}/explain"


def test_steps_are_in_order_of_time_with_complete_sentences(engine):
    events = [event for n in range(20) for event in (join(f"p-{n}", n * 7), leave(f"p-{n}", 500 - n * 3))]
    _, (explanation,) = explained(engine, events)
    times = [one["at"] for one in explanation["steps"]]
    assert times == sorted(times)
    assert all(one["message"].endswith(").") for one in explanation["steps"])


PROVENANCE = Provenance("a-secret-token", bytes(range(32)))


def events_of(explanation, what=None):
    """The events, as `kind participant`, that each step of a type rests on; None is the start and the end."""
    by_position = {
        one["log_entry"]["position"]: f"{one['kind']} {one['participant_id']}"
        for one in explanation["events"]
    }
    assert len(by_position) == len(explanation["events"])
    steps = [explanation["start"], explanation["end"]] if what is None else explanation["steps"]
    return [
        [by_position[entry["position"]] for entry in step["log_entries"]]
        for step in steps
        if what in (None, step["type"])
    ]


def test_steps_name_the_log_entries_that_they_rest_on(engine):
    events = [
        join("v", 0),
        join("a", 5),
        leave("v", 9),
        join("b", 20),
        leave("x", 30),
        join("b", 40),
        join("a", 50, user_name="Ann"),
        leave("b", 60, inferred=Inferred.SNAPSHOT),
        Event(Kind.END, "blue", ms(90), source_session="other"),
        Event(Kind.END, "blue", ms(90)),
    ]
    events[1] = replace(events[1], source_session="this")
    _, (explanation,) = explained(engine, events)
    assert events_of(explanation) == [["join a", "join b"], ["end None"]]
    assert events_of(explanation, "joined") == [["join a"], ["join b"]]
    assert events_of(explanation, "too_short") == [["join v", "leave v"]]
    assert events_of(explanation, "ignored") == [["leave x"], ["join b"], ["join a"]]
    assert events_of(explanation, "left") == [["leave b"], ["end None"]]
    (ended,) = [step for step in explanation["steps"] if "the room ended" in step["message"]]
    assert ended["log_entries"] == [explanation["events"][-1]["log_entry"]]


def test_a_join_that_a_leave_implies_rests_on_the_leave(engine):
    _, (explanation,) = explained(engine, [leave("a", 60, joined_at=ms(0))])
    assert events_of(explanation) == [["leave a"], ["leave a"]]
    assert events_of(explanation, "joined") == events_of(explanation, "left") == [["leave a"]]


def test_a_reset_rests_on_the_leave_that_left_one_participant(engine):
    events = [join("a", 0), join("b", 100), leave("b", 1000), leave("a", 3000)]
    _, (first, second) = explained(engine, events)
    assert events_of(first) == [["join a"], ["leave b"]]
    assert events_of(second) == [["leave b"], ["leave a"]]


def test_events_that_cancel_each_other_out_are_both_named(engine):
    events = [join("a", 0), join("b", 50), leave("b", 50), leave("a", 60)]
    _, (explanation,) = explained(engine, events)
    assert events_of(explanation, "ignored") == [["join b", "leave b"]] * 2


def test_a_correction_names_the_late_event(engine):
    late = [join("a", 50), leave("a", 150)]
    _, (explanation,) = explained(engine, [join("b", 100), leave("b", 200)], now=1000, late=late)
    entry = explanation["corrections"][0]["event"]["log_entries"]
    assert entry == [explanation["events"][0]["log_entry"]]
    assert entry[0]["received_at"] == "2026-01-01T00:16:40.000Z"


def test_a_log_entry_names_its_source_and_never_its_token(engine):
    engine.store.sources.add(SourceRow("a-secret-token", "livekit", "default", "eu-1", ("word",)))
    engine.append(join("a", 0, id="e-1"), received=ms(1), provenance=PROVENANCE)
    world, (explanation,) = explained(engine, [leave("a", 60)])
    entry = explanation["events"][0]["log_entry"]
    source = {"type": "source", "kind": "livekit", "name": "eu-1", "removed": False}
    assert entry | {"position": ""} == {
        "position": "",
        "event_id": "e-1",
        "received_at": "2026-01-01T00:00:01.000Z",
        "source": source,
        "sha256": bytes(range(32)).hex(),
    }
    assert len(entry["position"]) == 22
    unknown = explanation["events"][1]["log_entry"]
    assert (unknown["source"], unknown["sha256"]) == (None, None)
    engine.store.sources.remove("a-secret-token", ms(100))
    answer = world.ask(f"/meetings/{explanation['id']}/explain", domain="default")
    assert answer.json()["events"][0]["log_entry"]["source"] == source | {"removed": True}
    assert "a-secret-token" not in answer.text


def test_a_log_entry_names_an_api_key_and_a_file(engine):
    key, text = engine.store.keys.create("default", "The app", ("ingest",), ms(0), "k" * 32)
    nameless, _ = engine.store.keys.create("default", "", ("ingest",), ms(0), "n" * 32)
    senders = {
        "a": f"key:{key.id}",
        "b": f"key:{nameless.id}",
        "c": "file:März <1>.csv",
        "d": "a-strange-token",
    }
    for who, sender in senders.items():
        engine.append(join(who, 0), provenance=Provenance(sender, None))
    engine.store.keys.revoke(key.id, ms(100))
    world, (explanation,) = explained(engine, [Event(Kind.END, "blue", ms(60))])
    assert [one["log_entry"]["source"] for one in explanation["events"][:4]] == [
        {"type": "api_key", "kind": None, "name": "The app", "removed": True},
        {"type": "api_key", "kind": None, "name": nameless.id, "removed": False},
        {"type": "file", "kind": None, "name": "März <1>.csv", "removed": False},
        None,
    ]
    assert text not in world.ask(f"/meetings/{explanation['id']}/explain", domain="default").text


def test_senders_of_another_domain_are_not_named(engine):
    engine.store.sources.add(SourceRow("t", "livekit", "other", "theirs", ("word",)))
    key, _ = engine.store.keys.create("other", "Theirs", ("ingest",), ms(0), "k" * 32)
    for who, sender in (("a", "t"), ("b", f"key:{key.id}")):
        engine.append(join(who, 0), provenance=Provenance(sender, None))
    _, (explanation,) = explained(engine, [Event(Kind.END, "blue", ms(60))])
    assert [one["log_entry"]["source"] for one in explanation["events"]] == [None] * 3


def test_events_have_their_attributes_on_request(engine):
    events = [join("a", 0, attributes='{"role":"host"}'), join("b", 0), leave("a", 60), leave("b", 60)]
    world, (explanation,) = explained(engine, events)
    assert all("attributes" not in one for one in explanation["events"])
    path = f"/meetings/{explanation['id']}/explain"
    found = world.ask(path, domain="default", include="attributes").json()["events"]
    assert [one["attributes"] for one in found] == [{"role": "host"}, {}, {}, {}]
    assert [{**one, "attributes": None} for one in explanation["events"]] == [
        {**one, "attributes": None} for one in found
    ]
