"""Archive: entries are read as they were written, of some rooms and days, and a batch that is repeated adds nothing."""

import pytest

from headcount import sessionize
from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.store.archive import Archive, ArchivedEntry, ArchiveState
from headcount.store.records import SNAPSHOT, Origin
from support.engines import NEW_YEAR
from support.stored import entry_of

DAY = 86_400_000


def archived(offset, room="r", at=NEW_YEAR, *, inferred=False, **more):
    entry = entry_of(Event(Kind.JOIN, room, at, f"p{offset}", attributes='{"role":"x"}'), at)
    return ArchivedEntry(entry._replace(**more), offset, inferred)


@pytest.fixture
def archive(tmp_path):
    return Archive(str(tmp_path / "archive"))


def test_what_was_written_is_read_in_order(archive):
    first = [archived(0), archived(1, "s"), archived(2, at=NEW_YEAR + 1)]
    snapshot = archived(
        3, at=NEW_YEAR + 2, kind=SNAPSHOT, participant_id=None, snapshot="[]", digest=b"d" * 32
    )
    left = archived(0, at=NEW_YEAR + 3, inferred=True, origin=Origin.INFERRED)
    archive.write(0, [*first, snapshot])
    archive.write(0, [left])
    archive.write(1, [archived(0, "other")])
    assert archive.read(0) == [*first, snapshot, left]
    assert archive.read(0, [("default", "s")]) == [first[1]]
    assert archive.read(0, []) == archive.read(2) == []


def test_a_batch_that_is_written_again_replaces_its_files(archive):
    entries = [archived(5), archived(6, at=NEW_YEAR + DAY)]
    for _ in range(2):
        archive.write(0, entries)
    assert archive.read(0) == entries
    assert sessionize(archive.location, as_of=NEW_YEAR + 2 * DAY).summary.events == 2


def test_days_are_selected(archive):
    days = [archived(number, at=NEW_YEAR + number * DAY) for number in range(4)]
    archive.write(0, days)
    assert archive.read(0, since=NEW_YEAR + DAY) == days[1:]
    assert archive.read(0, since=NEW_YEAR + DAY, until=NEW_YEAR + 3 * DAY) == days[1:3]


def test_snapshots_are_no_events(archive):
    archive.write(0, [archived(0), archived(1, kind=SNAPSHOT, participant_id=None, snapshot="[]")])
    assert sessionize(archive.location, as_of=NEW_YEAR + DAY).summary.events == 1


def test_its_state_is_that_of_all_batches(archive):
    with pytest.raises(BadInput, match="it is no archive"):
        archive.require_state()
    archive.advance(2, {0: 1}, {})
    archive.advance(2, {1: 7}, {0: 3})
    assert archive.require_state() == ArchiveState(2, {0: 1, 1: 7}, {0: 3})


def test_an_unreachable_object_store_is_named():
    with pytest.raises(BadInput, match="cannot be reached"):
        Archive("nonsense://bucket/archive")
