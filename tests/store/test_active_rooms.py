"""Active rooms of a domain: their number and their names."""

from headcount.store.records import BatchChanges, StayRow

T = 1_767_225_600_000


def put(store, epoch, domain, room, who, leave=None):
    row = StayRow(domain, room, T, who, leave, None if leave is None else "reported", None, None)
    store.projections.commit(BatchChanges(0, stays={(domain, room, T, who): row}), epoch)


def test_active_rooms_are_counted_up_to_a_limit_and_found_by_name(store):
    epoch = store.projections.take_over()
    for room in ("a", "b", "c"):
        put(store, epoch, "acme", room, "ann")
        put(store, epoch, "acme", room, "bob")
    put(store, epoch, "acme", "left", "ann", T + 60_000)
    put(store, epoch, "other", "theirs", "ann")
    answers = store.meetings
    assert [answers.count_active_rooms("acme", most) for most in (2, 3, 10)] == [2, 3, 3]
    assert answers.active_among("acme", ["a", "left", "theirs", "c", *(f"none {n}" for n in range(600))]) == {
        "a",
        "c",
    }
    assert answers.active_among("acme", []) == set()


def test_the_secret_of_a_store_stays(store):
    first = store.keys.store_secret()
    assert len(first) == 32
    assert len(set(first)) > 8
    assert store.keys.store_secret() == first
