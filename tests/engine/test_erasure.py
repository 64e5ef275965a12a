"""Erasing people: what is left of them, and that nothing else changes."""

from random import Random

import msgspec
import pytest

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.engine.erasure import new_eraser
from headcount.kernel.rules import Rules
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasures import Mode, State
from headcount.store.records import KIND_CODES, SNAPSHOT
from headcount.store.replacement import copy_log, first_difference
from support.engines import NEW_YEAR
from support.lives import HOUR, MINUTE, lives
from support.stored import DOMAIN, StoredEngine

SINCE, UNTIL = NEW_YEAR, NEW_YEAR + 3 * HOUR
JOIN = KIND_CODES["join"]
USER = Selector(SelectorKind.USER_ID, "user-A")
NUMBERS = {
    "meetings": "domain, id, room, start_ms, end_ms, max_participants, carried_join_ms",
    "stays": "domain, room, join_ms, leave_ms, left_by",
    "pending_stays": "domain, room, join_ms",
    "superseded_meetings": "domain, id, room, start_ms, superseded_ms",
    "published_meetings": "domain, id, room, start_ms, end_ms, max_participants, participants, revisions",
    "domain_quarters": "domain, attribute, value, quarter, meetings, participant_ms, peak_participants, initial_participants",
    "room_quarters": "domain, room, quarter, meetings, participant_ms, peak_participants, steps, parts",
    "room_totals": "domain, attribute, value, scale, period, room, meetings, participant_ms, peak_participants",
    "meeting_counts": "domain, day, meetings",
}
"""What must be the same with and without an erasure."""


class ErasingEngine(StoredEngine):
    """An engine that erases people."""

    erased = None

    def start(self):
        self.engine = Engine(
            self.store, self.rules, self.store.projections.take_over(),
            eraser=new_eraser(self.store.database, self.erased), **self.options,
        )  # fmt: skip


def named(entry):
    """The entry with ids that are found by a search."""
    if entry.kind == SNAPSHOT:
        listed = [
            {**one, "participant_id": long(one["participant_id"])}
            for one in msgspec.json.decode(entry.snapshot)
        ]
        return entry._replace(snapshot=msgspec.json.encode(listed).decode())
    user = entry.user_id and f"user-{entry.user_id}"
    return entry._replace(participant_id=long(entry.participant_id), user_id=user)


def with_user_in_each_room(entries):
    """The same entries. In each room, the first join of the person has the user id, by which the person is found."""
    known = set()
    for entry in entries:
        if entry.kind == JOIN and entry.participant_id == "participant-a" and entry.room not in known:
            known.add(entry.room)
            yield entry._replace(user_id="user-A")
        else:
            yield entry


def long(who):
    return who and f"participant-{who}"


def texts_of(store):
    """All texts of a store, by table."""
    with store.database.reading() as connection:
        tables = [
            name for (name,) in connection.query("select name from sqlite_master where type = 'table'", {})
        ]
        return {
            table: [value for row in connection.query(f"select * from {table}", {}) for value in row]
            for table in tables
            if not table.startswith("sqlite_")
        }


def where(store, *secrets):
    """The tables and values that have one of these texts."""
    return [
        (table, value)
        for table, values in texts_of(store).items()
        for value in values
        for secret in secrets
        if secret in (value.decode("latin-1") if isinstance(value, bytes) else str(value))
    ]


def numbers(store):
    store.usage_rollup.finish()
    with store.database.reading() as connection:
        return {
            table: sorted(map(repr, connection.query(f"select {columns} from {table}", {})))
            for table, columns in NUMBERS.items()
        }


def rounds_of(entries, chance):
    start = 0
    while start < len(entries):
        end = start + chance.choice((1, 5, 30, 100))
        some = entries[start:end]
        yield some[-1].received, some
        start = end


def assert_follows_from_log(stored, folder):
    anew = StoredEngine(folder, stored.rules, **stored.options)
    try:
        copy_log(stored.store.database, anew.store.database)
        end = stored.store.log.end()
        anew.start()
        anew.show(UNTIL + 2 * HOUR)
        anew.store.usage_rollup.finish()
        assert anew.store.log.end() == end, "the rebuild inferred something new"
        assert first_difference(stored.store.database, anew.store.database) is None
    finally:
        anew.close()


def finished(stored):
    return [one.state for one in stored.store.erasures.all()] == [State.DONE] * len(
        stored.store.erasures.all()
    )


@pytest.mark.parametrize("mode", [Mode.ERASE, Mode.PSEUDONYMIZE])
@pytest.mark.parametrize("seed", range(12))
def test_an_erasure_at_any_moment_changes_nothing_but_who_it_was(folder, seed, mode, monkeypatch):
    monkeypatch.setattr("headcount.engine.erasure._REWRITTEN", 1 + seed)
    monkeypatch.setattr("headcount.store.erasure_slices.SCANNED", 3 + 5 * seed)
    chance = Random(seed)
    entries = list(
        with_user_in_each_room(named(one) for one in lives(seed, 5, SINCE, UNTIL, is_truthful=False))
    )
    rounds = list(rounds_of(entries, chance))
    options = {"stale_after": 45 * MINUTE}
    plain, erasing = StoredEngine(folder, Rules(), **options), ErasingEngine(folder, Rules(), **options)
    requested = chance.randrange(len(rounds) // 2, len(rounds))
    try:
        for number, (now, some) in enumerate(rounds):
            if number == requested:
                # Everything that happened or will happen is meant, so that nothing of it may be left at the end.
                erasing.store.erasures.request(DOMAIN, USER, mode, UNTIL + HOUR, now, "test")
            for stored in (plain, erasing):
                stored.append_entries(some)
            plain.show(now - REORDER_WINDOW_MS)
            for _ in range(chance.choice((1, 3, 1_000))):
                if not erasing.engine.step(now):
                    break
            if chance.random() < 0.2:
                erasing.start()
            erasing.show(now - REORDER_WINDOW_MS)
        for stored in (plain, erasing):
            stored.show(UNTIL + 2 * HOUR)
        assert finished(erasing)
        assert where(plain.store, "participant-a", "user-A", "Name of a")
        assert where(erasing.store, "participant-a", "user-A", "Name of a") == []
        assert numbers(plain.store) == numbers(erasing.store)
        assert where(erasing.store, "participant-b")
        assert_follows_from_log(erasing, folder)
    finally:
        plain.close()
        erasing.close()
