"""Outcome of an import: what it leaves open, and what leads to nothing."""

import json

import pytest

from ingest.importers.test_vendor_exports import ANN_AND_BOB, BEGIN, webhook

STAYS = {
    "a stay of 9 s": ([("joined", "ann", 0), ("left", "ann", 9)], (1, 0, 0)),
    "a stay of 10 s, alone": ([("joined", "ann", 0), ("left", "ann", 10)], (0, 1, 0)),
    "a stay of 30 s": ([("joined", "ann", 0), ("left", "ann", 30)], (0, 0, 0)),
    "a stay without duration": ([("joined", "ann", 0), ("left", "ann", 0)], (1, 0, 0)),
    "a stay that is repeated": ([("joined", "ann", 0), ("left", "ann", 9), ("left", "ann", 9)], (1, 0, 0)),
}


def log(*events):
    return "\n".join(webhook(*event) for event in events)


def zoom(event, who, at):
    moment = f"2026-03-02T09:{at // 60:02}:{at % 60:02}Z"
    participant = {
        "user_id": who,
        "user_name": who,
        f"{event[:-2] if event == 'joined' else 'leave'}_time": moment,
    }
    body = {"uuid": "u1", "id": 812, "participant": participant}
    return json.dumps({"event": f"meeting.participant_{event}", "payload": {"object": body}})


@pytest.mark.parametrize(("events", "unused"), STAYS.values(), ids=list(STAYS))
def test_stays_that_lead_to_nothing_are_counted(store, events, unused):
    done = store.import_export("livekit", store.file("log", log(*events)), "--json")
    assert tuple(json.loads(done.stdout)["unused"].values()) == unused


def test_leaves_without_a_join_are_counted(store):
    text = "\n".join(
        [zoom("left", "ann", 0), zoom("joined", "bob", 0), zoom("left", "bob", 60), zoom("left", "bob", 70)]
    )
    done = store.import_export("zoom", store.file("log", text))
    assert (
        "unused: 2 leaves of participants who were not in the room: 'ann' in '812', 'bob' in '812'\n"
        in done.stderr
    )


def test_what_led_to_nothing_is_printed(store):
    done = store.import_export("livekit", store.file("log", log(("joined", "ann", 0), ("left", "ann", 9))))
    assert "unused: 1 stay shorter than 10s: 'Ann' in 'standup'\n" in done.stderr
    alone = log(("joined", "bob", 100), ("left", "bob", 120))
    done = store.import_export(
        "livekit", store.file("log", alone.replace(f'"joinedAt": "{BEGIN}"', f'"joinedAt": "{BEGIN + 100}"'))
    )
    assert (
        "unused: 1 stay in no meeting (one person at a time, for less than 30s): 'Bob' in 'standup'\n"
        in done.stderr
    )


def test_only_the_first_of_many_are_named(store):
    events = [event for n in range(7) for event in (("joined", f"p{n}", 0), ("left", f"p{n}", 9))]
    done = store.import_export("livekit", store.file("log", log(*events)))
    named = ", ".join(f"'P{n}' in 'standup'" for n in range(5))
    assert f"unused: 7 stays shorter than 10s: {named} and 2 more\n" in done.stderr


def test_the_thresholds_of_the_store_decide_what_is_too_short(store):
    text = store.file("log", log(("joined", "ann", 0), ("left", "ann", 9)))
    assert (
        "unused: "
        not in store.import_export("livekit", text, "--min-stay", "5s", "--start-alone", "5s").stderr
    )


CUT_OFF = "\n".join(ANN_AND_BOB.splitlines()[:3])  # Ann is in, Bob left after a minute


def test_a_log_that_is_cut_off_names_what_it_leaves_open(store):
    done = store.import_export("livekit", store.file("log", CUT_OFF))
    assert (
        "open: 1 room has participants without a leave: 'standup' (1), last event 2026-03-02T09:01:00.000Z."
        " Use --close-open to end their stays at the last event of the file\n"
    ) in done.stderr
    assert store.meetings()[-1][2] is None


def test_doctor_warns_of_stays_that_are_open_for_implausibly_long(store):
    file = store.file("log", CUT_OFF)
    store.import_export("livekit", file)
    assert "open stays that may be stale: 1. The oldest began " in store.run("doctor").output
    store.import_export("livekit", file, "--close-open")
    assert "no open stay is implausibly long" in store.run("doctor").output


def test_open_stays_are_closed_on_request(store):
    done = store.import_export("livekit", store.file("log", CUT_OFF), "--close-open")
    assert "closed: 1 open stay, at the last event of the file\n" in done.stderr
    assert "open: " not in done.stderr
    assert ("Ann", "09:00:00", "09:01:00", "timeout") in store.meetings()[0][3]


def test_open_stays_can_be_closed_by_a_second_import(store):
    file = store.file("log", CUT_OFF)
    store.import_export("livekit", file)
    assert "closed: 1 open stay" in store.import_export("livekit", file, "--close-open").stderr
    assert store.meetings()[0][2] == "09:01:00"
    assert "closed: " not in store.import_export("livekit", file, "--close-open").stderr


def test_a_join_at_the_last_moment_is_closed_strictly_after_it(store):
    done = store.import_export(
        "livekit", store.file("log", log(("joined", "ann", 0))), "--close-open", "--json"
    )
    fields = json.loads(done.stdout)
    assert (fields["closed_stays"], fields["open_rooms"], fields["unused"]["too_short"]) == (1, [], 1)


def test_the_rest_of_the_log_replaces_the_inferred_leave(store):
    store.import_export("livekit", store.file("log", CUT_OFF), "--close-open")
    done = store.import_export("livekit", store.file("rest", ANN_AND_BOB.splitlines()[3]), "--close-open")
    assert "closed: " not in done.stderr
    assert ("Ann", "09:00:00", "09:01:30", "reported") in store.meetings()[0][3]


def test_a_stay_that_an_earlier_import_ended_is_not_open(store):
    joins, leaves = ANN_AND_BOB.splitlines()[:2], ANN_AND_BOB.splitlines()[2:]
    bare = [line.replace('"joinedAt"', '"-"') for line in leaves]
    store.import_export("livekit", store.file("leaves", "\n".join(bare)))
    done = store.import_export("livekit", store.file("joins", "\n".join(joins)))
    assert "open: " not in done.stderr


def test_a_stay_that_the_server_would_close_is_not_open(store):
    done = store.import_export("livekit", store.file("log", CUT_OFF), "--stale-after", "1h")
    assert "open: " not in done.stderr


def test_stays_are_closed_at_the_end_of_their_own_file(store):
    later = (
        webhook("joined", "cid", 86_400)
        .replace(f'"joinedAt": "{BEGIN}"', f'"joinedAt": "{BEGIN + 86_400}"')
        .replace("standup", "retro")
    )
    store.import_export("livekit", store.file("a", CUT_OFF), store.file("b", later), "--close-open")
    assert store.meetings()[0][2] == "09:01:00"


def test_many_open_rooms_are_summed_up(store):
    text = "\n".join(webhook("joined", f"p{n}", n).replace("standup", f"room-{n}") for n in range(8))
    done = store.import_export("livekit", store.file("log", text))
    assert "open: 8 rooms have participants without a leave: 'room-0' (1), 'room-1' (1)" in done.stderr
    assert "'room-4' (1) and 3 more, last event 2026-03-02T09:00:00.000Z." in done.stderr
