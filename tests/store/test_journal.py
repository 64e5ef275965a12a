"""Journal: the events and marks of a room in the store, including uncommitted ones."""

import pytest

from headcount.kernel.events import Event, Kind
from headcount.kernel.journal import FIRST_MARK, Journal, Mark
from headcount.kernel.rules import NEVER
from headcount.store.journal import StoredJournal
from headcount.store.log import events_after
from headcount.store.records import (
    KIND_CODES,
    SNAPSHOT,
    BatchChanges,
    MarkChange,
    Origin,
    encode_unconfirmed,
)
from support.engines import NEW_YEAR
from support.stored import entry_of

T = NEW_YEAR
D = "default"


def join(at, who="a"):
    return Event(Kind.JOIN, "r", T + at, who)


def leave(at, who="a", **more):
    return Event(Kind.LEAVE, "r", T + at, who, **more)


def appended(store, *events):
    return store.log.append([[entry_of(event, T) for event in events]])[0].position


def past(store, settled=NEVER, position=NEVER):
    return StoredJournal(store.projections, D, "r", settled, position)


def commit(store, journal):
    store.projections.commit(
        BatchChanges(0, marks=list(journal.take_changes())), store.projections.cursor()[1]
    )
    journal.committed(T + 10_000, NEVER)


def moments(events):
    return [event.at - T for event in events]


def test_the_journal_has_finalized_and_uncommitted_events(store):
    position = appended(store, join(5), join(50, "b"))
    appended(store, join(7, "c"))
    journal = past(store, T + 40, position)
    assert moments(journal.between(T, T + 100)) == [5]
    journal.record(join(60))
    journal.record(join(60, "b"))
    journal.insert(join(3, "late"))
    assert moments(journal.between(T, T + 100)) == [3, 5, 60, 60]
    assert moments(journal.between(T + 3, T + 60)) == [5, 60, 60]
    assert moments(journal.between(T + 3, T + 59)) == [5]


def test_committed_events_are_read_from_the_store_only(store):
    journal = past(store, T, 0)
    journal.record(join(60))
    journal.mark(Mark(T + 60))
    position = appended(store, join(60))
    journal.committed(T + 60, position)
    assert journal.take_changes() == []
    assert moments(journal.between(T, T + 100)) == [60]
    assert journal.mark_before(T + 100) == FIRST_MARK


def test_each_change_of_the_marks_is_to_be_committed(store):
    journal = past(store)
    journal.mark(Mark(T + 5))
    journal.replace_marks(T, T + 9, [Mark(T + 7), Mark(T + 8)])
    assert journal.take_changes() == [
        MarkChange(D, "r", T + 5, T + 5, (Mark(T + 5),)),
        MarkChange(D, "r", T, T + 9, (Mark(T + 7), Mark(T + 8))),
    ]


@pytest.mark.parametrize("committed", [False, True])
def test_marks_are_those_of_a_journal_in_memory_committed_or_not(store, committed):
    journal, memory = past(store), Journal()
    doubts = (("a", 1, None),)
    for one in (journal, memory):
        for at in (10, 20, 30, 40):
            one.mark(Mark(T + at, doubts if at == 20 else ()))
    if committed:
        commit(store, journal)
    for one in (journal, memory):
        one.replace_marks(T + 20, T + 30, [Mark(T + 25)])
        one.mark(Mark(T + 50))
    for at in (0, 9, 10, 11, 20, 21, 25, 26, 30, 31, 40, 50, 51):
        assert journal.mark_before(T + at) == memory.mark_before(T + at)
        assert list(journal.marks_after(T + at)) == list(memory.marks_after(T + at))
    commit(store, journal)
    for at in (0, 11, 20, 21, 31, 51):
        assert journal.mark_before(T + at) == memory.mark_before(T + at)
        assert list(journal.marks_after(T + at)) == list(memory.marks_after(T + at))


def test_changes_of_marks_are_committed_in_their_order(store):
    journal, memory = past(store), Journal()
    for one in (journal, memory):
        one.mark(Mark(T + 10))
        one.replace_marks(T, T + 10, [])
        one.mark(Mark(T + 20))
        one.replace_marks(T + 15, T + 30, [Mark(T + 20, (("x", 2, None),)), Mark(T + 30)])
        one.mark(Mark(T + 40))
    commit(store, journal)
    assert list(journal.marks_after(T)) == list(memory.marks_after(T))


def test_marks_of_another_room_are_not_touched(store):
    other = StoredJournal(store.projections, D, "s", NEVER, NEVER)
    other.mark(Mark(T + 10))
    commit(store, other)
    journal = past(store)
    journal.mark(Mark(T + 20))
    journal.replace_marks(T, T + 30, [])
    commit(store, journal)
    assert other.marks_after(T) == [Mark(T + 10)]
    assert past(store).marks_after(T) == []


def test_events_after_a_time_are_returned_as_received(store):
    position = appended(store, join(5), leave(60, joined_at=T + 7), join(50, "b"))
    appended(store, join(70, "c"))
    with store.database.reading() as connection:
        found = events_after(connection, D, "r", T + 5, position)
        everything = events_after(connection, D, "r", T + 4, NEVER)
    assert [(event.at - T, event.joined_at) for event in found] == [(50, None), (60, T + 7)]
    assert moments(everything) == [5, 50, 60, 70]


def test_unconfirmed_leaves_of_a_mark_are_stored_as_json():
    assert encode_unconfirmed(Mark(1)) is None
    assert encode_unconfirmed(Mark(1, (("a", None, ("b", 2)),))) == '[["a",null,["b",2]]]'


def test_kinds_and_origins_are_stored_as_these_numbers():
    assert KIND_CODES == {Kind.JOIN: 1, Kind.LEAVE: 2, Kind.END: 3}
    assert SNAPSHOT == 4  # queries leave out what is not less
    assert [int(origin) for origin in (Origin.LIVE, Origin.IMPORTED, Origin.INFERRED)] == [0, 1, 2]
