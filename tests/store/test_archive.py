"""Archive: entries are read as they were written, of some rooms and days, and a batch that is repeated adds nothing."""

from pathlib import Path

import pytest

from headcount import sessionize
from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.store.archive import Archive, ArchivedEntry, ArchiveState, Compacted
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
    assert archive.has({0: 0})
    assert not archive.has({0: 1})
    with pytest.raises(BadInput, match="it is no archive"):
        archive.require_state()
    archive.advance(2, {0: 1}, {})
    archive.advance(2, {1: 7}, {0: 3})
    assert archive.require_state() == ArchiveState(2, {0: 1, 1: 7}, {0: 3})
    assert archive.has({0: 1, 1: 6})
    assert not archive.has({0: 2})
    assert not archive.has({2: 1})


def test_the_small_files_of_days_that_are_over_are_merged(archive):
    """Repeated rows and a merge that was interrupted add nothing, and other files stay."""
    entries = [archived(number, f"room-{number % 3}", NEW_YEAR + number * DAY // 4) for number in range(10)]
    for one in entries:
        archive.write(0, [one])
    archive.write(0, [archived(3, at=NEW_YEAR, inferred=True)])
    archive.write(0, [archived(4, at=NEW_YEAR, kind=SNAPSHOT, participant_id=None, snapshot="[]")])
    before, unmerged = archive.read(0), min(Path(archive.location).rglob("events-*.parquet"))
    archive.advance(1, {0: 7}, {0: 4})
    (copy := unmerged.with_name("copy")).write_bytes(unmerged.read_bytes())
    assert archive.compact(0, NEW_YEAR + 2 * DAY + 1) == Compacted(9, 4), (
        "entry 7 is of a batch that has not ended"
    )
    assert archive.read(0) == before
    copy.rename(unmerged)
    assert len(archive.read(0)) == len(before) + 1
    assert archive.compact(0, NEW_YEAR + 2 * DAY) == Compacted(5, 4)
    assert archive.read(0) == before
    assert archive.compact(0, NEW_YEAR + 2 * DAY) == Compacted(4, 4)
    archive.advance(1, {0: 10}, {0: 4})
    assert archive.compact(0, NEW_YEAR + 2 * DAY) == Compacted(5, 4)
    assert archive.read(0) == before
    assert len(list(Path(archive.location).glob("partition=0/day=2026-01-03/*"))) == 2
    assert sessionize(archive.location, as_of=NEW_YEAR + 9 * DAY).summary.events == 11


def test_an_unreachable_object_store_is_named():
    with pytest.raises(BadInput, match="cannot be reached"):
        Archive("nonsense://bucket/archive")
