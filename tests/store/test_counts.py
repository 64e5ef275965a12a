"""Counts for health, on both databases: pending messages of an endpoint, and dead letters."""

import json

import pytest

from headcount.store.sources import DeadLetter, SourceRow


@pytest.fixture
def outbox(store):
    said = json.dumps({"id": "m", "start": 1})
    types = ["meeting.started", "meeting.ended"] * 5
    with store.database.writing() as connection:
        rows = [("acme", f"m{n}", type_, "r", n, n, said) for n, type_ in enumerate(types)]
        connection.write("insert_message", [*rows, ("other", "x", "meeting.started", "r", 1, 1, said)])
    return store.messages


def test_messages_after_a_position_are_counted_by_domain_and_types_up_to_a_limit(outbox):
    first = outbox.first()
    both = ("meeting.started", "meeting.ended")
    assert outbox.count_after(0, "acme", both) == 10
    assert outbox.count_after(0, "acme", both, 4) == 4
    assert outbox.count_after(first, "acme", ("meeting.started",)) == 4
    assert outbox.count_after(outbox.end(), "acme", both) == 0


def test_the_latest_dead_letters_of_a_source_show_their_beginning(store):
    store.sources.add(SourceRow("t", "generic", "acme", "own", ("word",)))
    for number in range(5):
        letter = DeadLetter(0, "t", number, "/", {}, b"\xff" + b"%d" % number * 600, f"reason {number}")
        store.sources.add_dead_letter(letter)
    store.sources.add_dead_letter(DeadLetter(0, "another", 9, "/", {}, b"x", "not theirs"))
    newest, second = store.sources.latest_dead_letters("t", 2)
    assert (newest.received, newest.reason, second.reason) == (4, "reason 4", "reason 3")
    assert newest.beginning == (b"\xff" + b"4" * 600)[:500]
