"""Accesses wait in memory, without one that is lost and not counted."""

import pytest

from headcount.store.access_log import (
    AccessFilter,
    AccessRecord,
    Action,
    Actor,
    ActorType,
    Subject,
    SubjectType,
)
from headcount.store.database import StoreBusy, StoreRejected
from headcount.store.open import open_store
from headcount.telemetry import access_recorder
from headcount.telemetry.access_recorder import AccessRecorder

KEY = Actor(ActorType.KEY, "Xy12AbCd", "billing")


def access(name="m-1", domain="acme"):
    return AccessRecord(domain, KEY, Action.MEETING_READ, Subject(SubjectType.MEETING, name))


@pytest.fixture
def store(tmp_path):
    opened = open_store(str(tmp_path / "headcount.db"), durability="off")
    yield opened
    opened.close()


class Clock:
    at = 0

    def now(self):
        self.at += 1
        return self.at


@pytest.fixture
def recorder(store):
    return AccessRecorder(store.access_log, Clock().now)


def stored(store, domain="acme"):
    """The subject, the time and the number of requests of each entry, the oldest first."""
    page = store.access_log.page(domain, AccessFilter(), 1_000)
    return [
        (entry.access.subject.id if entry.access.subject else entry.access.action, entry.at, entry.requests)
        for entry in reversed(page)
    ]


class Failing:
    """A log that fails some times."""

    def __init__(self, log, *errors):
        self.log = log
        self.errors = [*errors]

    def add(self, entries):
        if self.errors:
            raise self.errors.pop(0)
        self.log.add(entries)


def test_accesses_that_are_alike_become_one_entry(store, recorder):
    for name in ("m-1", "m-2", "m-1", "m-1"):
        recorder.record(access(name))
    assert recorder.has_waiting()
    recorder.flush()
    assert not recorder.has_waiting()
    assert stored(store) == [("m-1", 1, 3), ("m-2", 2, 1)]
    recorder.record(access())
    recorder.flush()
    assert stored(store)[-1] == ("m-1", 5, 1)


def test_many_entries_are_written_in_several_transactions(store, recorder):
    names = [f"m-{n}" for n in range(2_500)]
    for name in names:
        recorder.record(access(name))
    recorder.flush()
    with store.database.reading() as connection:
        ((number,),) = connection.query("select count(*) from access_log", {})
    assert number == 2_500


def test_what_could_not_be_written_is_written_later(store):
    recorder = AccessRecorder(Failing(store.access_log, StoreBusy("locked")), Clock().now)
    recorder.record(access())
    with pytest.raises(StoreBusy):
        recorder.flush()
    recorder.record(access())
    recorder.flush()
    assert stored(store) == [("m-1", 1, 2)]
    assert recorder.dropped == 0


def test_an_access_is_written_at_once_or_soon(store):
    recorder = AccessRecorder(Failing(store.access_log, StoreBusy("locked")), Clock().now)
    recorder.write(access("m-1"))
    assert stored(store) == []
    recorder.write(access("m-2"))
    assert stored(store) == [("m-2", 2, 1)]
    recorder.flush()
    assert sorted(stored(store)) == [("m-1", 1, 1), ("m-2", 2, 1)]


def test_an_overflow_is_an_entry_of_the_log_and_a_metric(store, recorder, monkeypatch):
    monkeypatch.setattr(access_recorder, "MAX_WAITING", 2)
    for name in ("m-1", "m-2", "m-3", "m-4", "m-1"):
        recorder.record(access(name))
    recorder.record(access("m-5", "other"))
    assert recorder.dropped == 3
    recorder.flush()
    assert stored(store) == [("m-1", 1, 2), ("m-2", 2, 1), ("access_log.drop", 7, 2)]
    assert [entry[0] for entry in stored(store, "other")] == ["access_log.drop"]


def test_what_the_database_rejects_is_counted(store):
    recorder = AccessRecorder(Failing(store.access_log, StoreRejected("no")), Clock().now)
    recorder.record(access())
    recorder.record(access())
    recorder.flush()
    assert recorder.dropped == 2
    recorder.flush()
    assert stored(store) == [("access_log.drop", 3, 2)]


def test_a_recorder_that_is_off_records_nothing(store):
    recorder = AccessRecorder(store.access_log, Clock().now, enabled=False)
    recorder.record(access())
    recorder.write(access())
    assert not recorder.has_waiting()
    assert stored(store) == []
