"""Explanations and exports from the archive of a cluster are those from the table."""

from contextlib import closing
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.ingest.archive_history import ArchiveHistory
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import NEVER, Rules
from headcount.reporting.explain.meeting import explain_meeting
from headcount.store.archive import ArchivedEntry
from headcount.store.history import Span
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import DAY_MS, Origin
from support.archives import logged_entries, write_archive
from support.engines import NEW_YEAR, to_calendar_time
from support.stored import DOMAIN, IN_MEMORY, StoredEngine, entry_of
from support.strategies import histories

PARTITIONS = 3
LATER = NEW_YEAR + 10**7
DAYS = st.sampled_from([0, 0, 0, 1, 3])


@pytest.fixture(scope="session")
def empty():
    """The table of a cluster that never was one server."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder, closing(open_store(f"{folder}/empty.db")) as store:
        yield store.history


def explained(store, history):
    meetings = store.meetings.page(DOMAIN, MeetingFilter(), Page(limit=1_000), LATER)
    return [
        explain_meeting(store.meetings, history, store.sources.excluded_participants, row, LATER, Rules())
        for row in meetings
    ]


def without_positions(explanation):
    """Positions differ, and are the order of entries of one moment."""

    def plain(entries):
        return sorted(repr(entry._replace(position=0)) for entry in entries)

    def step(one):
        return one and one._replace(entries=plain(one.entries))

    return explanation._replace(
        start=step(explanation.start), end=step(explanation.end), events=plain(explanation.events),
        steps=[step(one) for one in explanation.steps], corrections=[step(one) for one in explanation.corrections],
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(events=histories(with_attributes=True), days=st.lists(DAYS, min_size=1), data=st.data())
def test_explanations_and_exports_from_the_archive_are_those_from_the_table(empty, events, days, data):
    """Events are received some days later, and some files of the archive have the same rows."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        service = StoredEngine(Path(folder), Rules())
        arriving = [
            (event.at + days[number % len(days)] * DAY_MS, number, event)
            for number, event in enumerate(map(to_calendar_time, events))
        ]
        for received, _, event in sorted(arriving, key=itemgetter(0)):
            service.append(event, received=received)
        service.show(LATER)
        entries = logged_entries(service.store)
        again = data.draw(st.lists(st.sampled_from(entries))) if entries else []
        archive = f"{folder}/archive"
        write_archive(archive, entries, PARTITIONS)
        write_archive(archive, [one._replace(offset=one.offset + 1_000) for one in again], PARTITIONS)
        table = service.store.history
        history = ArchiveHistory(archive, empty)
        found = explained(service.store, history)
        assert all(one.is_complete for one in found)
        assert [without_positions(one) for one in found] == [
            without_positions(one) for one in explained(service.store, table)
        ]
        exported = [event for page in history.in_domain(DOMAIN) for event in page]
        assert sorted(map(repr, exported)) == sorted(
            repr(event) for page in table.in_domain(DOMAIN) for event in page
        )
        service.close()


@pytest.fixture
def meeting(tmp_path):
    """A store with a meeting of ten minutes, and the folder of its archive, which is still empty."""
    service = StoredEngine(tmp_path, Rules())
    for at, kind, who in (
        (0, "join", "ann"),
        (0, "join", "bob"),
        (600, "leave", "ann"),
        (600, "leave", "bob"),
    ):
        time = NEW_YEAR + at * 1_000
        service.append(Event(Kind(kind), "r", time, who), received=time)
    service.show(LATER)
    yield service.store, tmp_path / "archive"
    service.close()


def test_an_explanation_says_that_the_archive_does_not_have_all_events_yet(meeting, empty):
    store, archive = meeting
    history = ArchiveHistory(str(archive), empty)
    entries = logged_entries(store)
    (before,) = explained(store, history)
    assert (before.is_complete, before.events) == (False, [])
    write_archive(archive, entries[:3], PARTITIONS)
    (partly,) = explained(store, history)
    assert (partly.is_complete, len(partly.events)) == (False, 3)
    write_archive(archive, entries[3:], PARTITIONS)
    (complete,) = explained(store, history)
    assert (complete.is_complete, len(complete.events)) == (True, 4)
    assert "The last participant left" in complete.end.message


def test_only_files_of_the_partition_and_the_days_of_a_meeting_are_read(meeting, empty):
    store, archive = meeting
    write_archive(archive, logged_entries(store), 1)
    for path in ("partition=0/day=2026-02-01", "partition=1/day=2026-01-01", "partition=0/day=2025-12-29"):
        (archive / path).mkdir(parents=True)
        (archive / path / "broken.parquet").write_text("this is read by nobody")
    (found,) = explained(store, ArchiveHistory(str(archive), empty))
    assert found.is_complete


def test_a_meeting_with_too_many_events_is_not_explained(meeting, empty):
    store, archive = meeting
    write_archive(archive, logged_entries(store), PARTITIONS)
    history = ArchiveHistory(str(archive), empty)
    span = Span(DOMAIN, "r", NEW_YEAR - 1, NEVER, NEVER)
    assert history.in_room(span, 3) is None
    assert len(history.in_room(span, 4)) == 4


def test_what_was_logged_before_the_archive_began_is_in_the_table(meeting):
    store, archive = meeting
    write_archive(archive, [], PARTITIONS)
    history = ArchiveHistory(str(archive), store.history)
    (found,) = explained(store, history)
    assert (found.is_complete, len(found.events)) == (True, 4)
    assert len([event for page in history.in_domain(DOMAIN) for event in page]) == 4


def test_what_a_shard_inferred_is_in_the_table_and_in_the_archive_and_listed_once(meeting):
    """A table has what shards infer, so that a shard can recover. The archive has it for everybody else."""
    store, archive = meeting
    entries = logged_entries(store)
    write_archive(archive, [one._replace(is_inferred=True, offset=0) for one in entries[:1]], PARTITIONS)
    write_archive(archive, entries[1:], PARTITIONS)
    with TemporaryDirectory(dir=IN_MEMORY) as folder, closing(open_store(f"{folder}/table.db")) as table:
        inferred = Event(Kind.LEAVE, "r", NEW_YEAR + 1, "ann", inferred=Inferred.SNAPSHOT)
        entry = entry_of(inferred, NEW_YEAR + 1, origin=Origin.INFERRED)
        table.log.append([[entry]])
        write_archive(archive, [ArchivedEntry(entry, 7, is_inferred=True)], PARTITIONS)
        history = ArchiveHistory(str(archive), table.history)
        exported = [event for page in history.in_domain(DOMAIN) for event in page]
        assert len(exported) == len(entries) + 1
        logged = history.in_room(Span(DOMAIN, "r", 0, LATER, LATER), 100)
        assert [one.event.kind for one in logged].count(Kind.LEAVE) == 3
