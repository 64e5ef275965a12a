"""Erasing people: what is left of them, and that nothing else changes."""

import os
from contextlib import contextmanager
from hashlib import blake2b
from random import Random

import msgspec
import pytest
from structlog.testing import capture_logs

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.engine.erasure import new_eraser
from headcount.errors import BadInput
from headcount.kernel.attributes import canonical, values_of
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasure_list import ErasureList
from headcount.store.erasures import Mode, State
from headcount.store.pseudonyms import commitment, pseudonyms_of
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
    "published_meetings": "domain, id, room, start_ms, end_ms, max_participants, participants",
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
    attributes = values_of(entry.attributes) | ({"email": f"{user}@example.com", "seat": 7} if user else {})
    return entry._replace(
        participant_id=long(entry.participant_id),
        user_id=user,
        attributes=canonical(attributes) if attributes else None,
    )


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
    stored.store.usage_rollup.finish()
    rebuilt = StoredEngine(folder, stored.rules, **stored.options)
    try:
        copy_log(stored.store.database, rebuilt.store.database)
        end = stored.store.log.end()
        rebuilt.start()
        rebuilt.show(UNTIL + 2 * HOUR)
        rebuilt.store.usage_rollup.finish()
        assert rebuilt.store.log.end() == end, "the rebuild inferred something new"
        assert first_difference(stored.store.database, rebuilt.store.database) is None
    finally:
        rebuilt.close()


def finished(stored):
    return [one.state for one in stored.store.erasures.all()] == [State.DONE] * len(
        stored.store.erasures.all()
    )


@pytest.mark.parametrize("mode", [Mode.ERASE, Mode.PSEUDONYMIZE])
@pytest.mark.parametrize("seed", range(12))
def test_an_erasure_at_any_moment_changes_nothing_but_who_it_was(folder, seed, mode, monkeypatch):
    # Everything that happened or will happen is meant, so that nothing of it may be left at the end.
    def requests(chance, count):
        return {chance.randrange(count // 2, count): [(USER, mode, UNTIL + HOUR)]}

    with lived(folder, seed, requests, monkeypatch) as (plain, erasing):
        assert where(plain.store, "participant-a", "user-A", "Name of a")
        assert where(erasing.store, "participant-a", "user-A", "Name of a") == []
        assert where(erasing.store, "participant-b")


@pytest.mark.parametrize("seed", range(100, 120))
def test_erasures_of_several_people_again_and_again_change_nothing_else(folder, seed, monkeypatch):
    def requests(chance, count):
        people = [
            USER,
            USER,
            USER._replace(value="user-B"),
            Selector(SelectorKind.PARTICIPANT_ID, "participant-c"),
        ]
        chosen = [(one, chance.choice(list(Mode)), None) for one in chance.choices(people, k=5)]
        return {index: [one] for index, one in zip(chance.choices(range(count), k=5), chosen, strict=True)}

    with lived(folder, seed, requests, monkeypatch) as (_, erasing):
        assert erasing.store.erasures.all()


@contextmanager
def lived(folder, seed, requests, monkeypatch):
    """Two engines after the same lives, of which the second has erased people in between, and the same numbers."""
    monkeypatch.setattr("headcount.engine.erasure._REWRITTEN", 1 + seed % 12)
    monkeypatch.setattr("headcount.engine.erasure._ROOMS", 1 + seed % 3)
    monkeypatch.setattr("headcount.store.erasure_slices.SCANNED", 3 + 5 * (seed % 12))
    chance = Random(seed)
    entries = list(
        with_user_in_each_room(named(one) for one in lives(seed, 5, SINCE, UNTIL, is_truthful=False))
    )
    rounds = list(rounds_of(entries, chance))
    options = {"stale_after": 45 * MINUTE, "stopwatch": None}
    plain, erasing = StoredEngine(folder, Rules(), **options), ErasingEngine(folder, Rules(), **options)
    requested = requests(chance, len(rounds))
    try:
        for number, (now, some) in enumerate(rounds):
            for selector, mode, until in requested.get(number, ()):
                erasing.store.erasures.request(DOMAIN, selector, mode, until or now, now, "test")
            for stored in (plain, erasing):
                stored.append_entries(some)
            plain.show(now - REORDER_WINDOW_MS)
            # Some steps are enough for the new entries, and not for an erasure, which goes on in the next rounds.
            for _ in range(chance.choice((4, 6, 1_000))):
                if not erasing.engine.step(now):
                    break
            if chance.random() < 0.2:
                erasing.start()
        for stored in (plain, erasing):
            stored.show(UNTIL + 2 * HOUR)
        assert finished(erasing)
        assert numbers(plain.store) == numbers(erasing.store)
        yield plain, erasing
        assert_follows_from_log(erasing, folder)
    finally:
        plain.close()
        erasing.close()


def join(at, who, **more):
    return Event(Kind.JOIN, "r", NEW_YEAR + at, who, **more)


def leave(at, who, **more):
    return Event(Kind.LEAVE, "r", NEW_YEAR + at, who, **more)


def stays(stored):
    """The stays of the room, as (pseudonym or id, user, join, leave), in seconds."""
    with stored.store.database.reading() as connection:
        rows = connection.query(
            "select participant_id, user_id, user_name, join_ms, leave_ms from stays order by join_ms, participant_id",
            {},
        )
    return [
        (
            "?" if who.startswith("anon-") else who,
            user,
            name,
            (at - NEW_YEAR) // 1_000,
            left and (left - NEW_YEAR) // 1_000,
        )
        for who, user, name, at, left in rows
    ]


def erase(stored, at, selector, mode=Mode.ERASE):
    erasure = stored.store.erasures.request(DOMAIN, selector, mode, NEW_YEAR + at, NEW_YEAR + at, "test")
    stored.show(NEW_YEAR + at)
    return stored.store.erasures.find(DOMAIN, erasure.number)


ANNA = {"user_id": "anna", "user_name": "Anna Müller"}
ANNA_ID = Selector(SelectorKind.USER_ID, "anna")


@pytest.fixture
def stored(folder):
    made = ErasingEngine(folder, Rules())
    yield made
    made.close()


def test_a_leave_after_the_erasure_ends_the_erased_stay_and_names_nobody(stored):
    stored.append(join(0, "p-1", **ANNA), join(5_000, "p-2", user_id="bob"))
    stored.show(NEW_YEAR + 60_000)
    assert erase(stored, 70_000, ANNA_ID).state is State.DONE
    stored.append(leave(100_000, "p-1", **ANNA))
    stored.show(NEW_YEAR + 200_000)
    assert stays(stored) == [("?", None, None, 0, 100), ("p-2", "bob", None, 5, None)]
    assert where(stored.store, "anna", "Anna", "p-1") == []


def test_a_visit_after_the_erasure_is_stored(stored):
    stored.append(join(0, "p-1", **ANNA))
    stored.show(NEW_YEAR + 60_000)
    erase(stored, 70_000, ANNA_ID)
    stored.append(leave(100_000, "p-1", **ANNA), join(300_000, "p-1", **ANNA), leave(400_000, "p-1"))
    stored.show(NEW_YEAR + 500_000)
    assert stays(stored) == [("?", None, None, 0, 100), ("p-1", "anna", "Anna Müller", 300, 400)]


def test_a_late_join_that_supplies_the_name_erases_what_was_stored_without_it(stored, folder):
    stored.append(leave(100_000, "p-1"), join(50_000, "p-2", user_id="bob"))
    stored.show(NEW_YEAR + 60_000)
    erase(stored, 3_000_000, ANNA_ID)
    stored.append(join(0, "p-1", **ANNA), received=NEW_YEAR + 4_000_000)
    stored.show(NEW_YEAR + 4_000_000)
    assert stays(stored) == [("?", None, None, 0, 100), ("p-2", "bob", None, 50, None)]
    assert where(stored.store, "anna", "Anna", "p-1") == []
    assert finished(stored)


@pytest.mark.parametrize(
    "selector",
    [
        Selector(SelectorKind.PARTICIPANT_ID, "p-1"),
        Selector(SelectorKind.ATTRIBUTE, "anna@example.com", "email"),
        ANNA_ID,
    ],
    ids=lambda one: one.kind.value,
)
def test_an_import_after_the_erasure_is_erased_too(stored, selector):
    past = [
        join(0, "p-1", **ANNA, attributes='{"device":"phone","email":"anna@example.com","role":"host"}'),
        leave(60_000, "p-1"),
        join(0, "p-2", user_id="bob", attributes='{"email":"bob@example.com"}'),
    ]
    erase(stored, 10_000_000, selector)
    stored.append(*past, received=NEW_YEAR + 10_000_000, origin=1)
    stored.show(NEW_YEAR + 10_100_000)
    assert stays(stored) == [("?", None, None, 0, 60), ("p-2", "bob", None, 0, None)]
    assert where(stored.store, "anna", "Anna", "p-1", "phone") == []
    assert where(stored.store, "host")


def test_a_participant_id_that_others_had_is_erased_without_their_names(stored, folder):
    stored.append(
        join(0, "seat-1", **ANNA), leave(60_000, "seat-1"),
        join(100_000, "seat-1", user_id="bob", user_name="Bob"), leave(200_000, "seat-1", user_id="bob"),
    )  # fmt: skip
    stored.show(NEW_YEAR + 300_000)
    erase(stored, 400_000, ANNA_ID)
    assert stays(stored) == [("?", None, None, 0, 60), ("?", "bob", "Bob", 100, 200)]
    assert where(stored.store, "anna", "Anna", "seat-1") == []
    assert_follows_from_log(stored, folder)


def test_one_pseudonym_stands_for_a_pseudonymized_user_in_all_rooms(stored):
    for room in ("r", "s"):
        stored.append(
            Event(Kind.JOIN, room, NEW_YEAR, f"in {room}", **ANNA),
            Event(Kind.LEAVE, room, NEW_YEAR + 60_000, f"in {room}"),
        )
    stored.show(NEW_YEAR + 100_000)
    erase(stored, 200_000, ANNA_ID, Mode.PSEUDONYMIZE)
    ((user,),) = {tuple({row[1] for row in stays(stored)})}
    assert user.startswith("anon-user-")
    assert where(stored.store, "anna", "Anna") == []
    erase(stored, 300_000, ANNA_ID)
    assert {row[1] for row in stays(stored)} == {None}
    assert where(stored.store, "anon-user-") == []


def test_an_erased_entry_can_be_verified_by_its_commitment(stored):
    stored.append(join(0, "p-1", **ANNA))
    query = "select salt, commitment, event_id from entries"
    with stored.store.database.reading() as connection:
        ((salt, none, event_id),) = connection.query(query, {})
    stored.show(NEW_YEAR + 60_000)
    erase(stored, 70_000, ANNA_ID)
    with stored.store.database.reading() as connection:
        ((erased_salt, made, _),) = connection.query(query, {})
    assert (none, erased_salt) == (None, None)
    assert made == commitment(salt, ["p-1", "anna", "Anna Müller", None, event_id])
    pseudonyms = pseudonyms_of(stored.store.database)
    opening = pseudonyms.opening(DOMAIN, "r", "p-1")
    assert (
        pseudonyms.participant(DOMAIN, "r", "p-1")
        == f"anon-{blake2b(opening + b'p-1', digest_size=12).hexdigest()}"
    )


def test_a_duplicate_of_an_erased_event_is_recognized(stored):
    stored.append(join(0, "p-1", **ANNA))
    stored.show(NEW_YEAR + 60_000)
    erase(stored, 70_000, ANNA_ID)
    assert stored.append(join(0, "p-1", **ANNA)).duplicates == 1


def test_another_store_with_the_list_erases_the_same_people(folder, stored):
    stored.erased = ErasureList(folder / "erased.list")
    stored.append(join(0, "p-1", **ANNA))
    stored.start()
    erase(stored, 70_000, ANNA_ID)
    assert "anna" not in (folder / "erased.list").read_text()
    other = ErasingEngine(folder, Rules())
    other.erased = stored.erased
    try:
        other.append(join(0, "p-1", **ANNA), join(0, "p-2", user_id="bob"))
        other.show(NEW_YEAR + 60_000)
        assert where(other.store, "anna")
        other.start()
        other.append(leave(30_000, "p-1", **ANNA))
        other.show(NEW_YEAR + 80_000)
        assert where(other.store, "anna", "Anna", "p-1") == []
        assert stays(other) == [("?", None, None, 0, 30), ("p-2", "bob", None, 0, None)]
        assert finished(other)
    finally:
        other.close()


def test_a_damaged_list_is_named(folder):
    (folder / "erased.list").write_text("garbage\n")
    stored = ErasingEngine(folder, Rules())
    stored.erased = ErasureList(folder / "erased.list")
    with pytest.raises(BadInput, match=r"erased\.list: is no list of erasures"):
        stored.start()
    stored.close()


def test_an_erasure_waits_for_its_list_and_nothing_else_does(tmp_path, stored):
    stored.erased = ErasureList(tmp_path / "later" / "erased.list")
    stored.start()
    stored.append(join(0, "p-1", **ANNA))
    with capture_logs() as logged:
        waiting = erase(stored, 70_000, ANNA_ID)
    stored.append(join(80_000, "p-2", user_id="bob"))
    stored.show(NEW_YEAR + 100_000)
    assert waiting.state is State.PENDING
    assert stays(stored) == [("p-1", "anna", "Anna Müller", 0, None), ("p-2", "bob", None, 80, None)]
    assert [one["event"] for one in logged] == ["an erasure failed; it will be retried"]
    (tmp_path / "later").mkdir()
    stored.show(NEW_YEAR + 300_000)
    assert finished(stored)
    assert stays(stored) == [("?", None, None, 0, None), ("p-2", "bob", None, 80, None)]
    assert (tmp_path / "later" / "erased.list").exists()


@pytest.mark.parametrize("requests", [[1], [1, 2]])
def test_a_list_on_a_full_disk_stays_readable(tmp_path, stored, monkeypatch, requests):
    """A request that does not fit is not in the list at all. It is complete later."""
    stored.erased = ErasureList(tmp_path / "erased.list")
    stored.start()
    for number in requests[:-1]:
        erase(stored, number, Selector(SelectorKind.USER_ID, f"user-{number}"))
    known = stored.erased.missing([], "key")
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:-7]))
    assert erase(stored, 50, ANNA_ID).state is State.PENDING
    assert stored.erased.missing([], "key") == known
    monkeypatch.undo()
    stored.show(NEW_YEAR + 300_000)
    assert finished(stored)
    assert len(stored.erased.missing([], "key")) == len(requests)
