"""Batches of the engine: their parts, and how their stays are written."""

import random

from headcount.store.records import BatchChanges, StayRow

D = "default"


def stay(number, user, leave=None):
    return StayRow(D, f"room-{number % 7}", number, f"p-{number}", leave, leave and "reported", user, None)


def commit(store, epoch, rows):
    store.projections.commit(BatchChanges(0, stays={row[:4]: row for row in rows}), epoch)


def stored(store):
    text = "select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes from stays"
    with store.database.reading() as connection:
        return {StayRow(*row) for row in connection.query(text, {})}


def of_user(store, user):
    text = "select participant_id from stays where domain = :domain and user_id = :user"
    with store.database.reading() as connection:
        return {name for (name,) in connection.query(text, {"domain": D, "user": user})}


def test_stays_have_the_user_and_the_leave_that_were_written_last(store):
    chance = random.Random(1)
    epoch = store.projections.take_over()
    known = {}
    for _ in range(4):
        rows = [
            stay(number, chance.choice([None, "u", "v"]), chance.choice([None, 10_000]))
            for number in chance.sample(range(1_500), 900)
        ]
        commit(store, epoch, rows)
        known.update((row[:4], row) for row in rows)
        assert stored(store) == set(known.values())
        for user in ("u", "v"):
            assert of_user(store, user) == {
                row.participant_id for row in known.values() if row.user_id == user
            }


def test_a_part_of_a_batch_is_what_was_added_between_two_sizes():
    batch, alone = BatchChanges(9), BatchChanges(9)
    bounds = [batch.sizes()]
    for number in range(3):
        for changes in (batch, alone) if number == 1 else (batch,):
            changes.stays[stay(number, None)[:4]] = stay(number, None)
            changes.rooms[D, f"room-{number}"] = (number, None, None)
            changes.superseded.append(number)
        bounds.append(batch.sizes())
    part = BatchChanges(9)
    part.add(batch, bounds[1], bounds[2])
    assert part == alone
    batch.truncate(bounds[2])
    batch.truncate(bounds[2])
    assert batch.sizes() == bounds[2]
    batch.truncate(bounds[0])
    assert batch == BatchChanges(9)
