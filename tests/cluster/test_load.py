"""What a backfill loads into the tables is what one engine has in them after the same entries."""

from dataclasses import replace
from random import Random

import pytest

from headcount import Event, Kind
from headcount.cluster.load import LoadSettings, load_partition
from headcount.cluster.shard import ShardSettings
from headcount.demo.sample import sample_table
from headcount.engine.engine import Engine
from headcount.kernel.events import Inferred
from headcount.kernel.rules import Rules
from headcount.store.archive import Archive, ArchivedEntry
from headcount.store.cell import CellRule
from headcount.store.database import LeadershipLost, StoreError
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import Origin
from headcount.store.replacement import clear_tables, first_difference
from headcount.store.shard_sink import ShardProgress, ShardSink, StateMismatch
from headcount.store.usage.rollup import UsageRollup
from support.archives import archive_of_table, write_archive
from support.engines import NEW_YEAR
from support.stored import entry_of

PARTITIONS = 3
HOUR = 3_600_000
RETENTIONS = (HOUR, 24 * HOUR, 10**12)
FURTHER = (
    "select * from published_meetings order by domain, id",
    "select * from pending_notifications order by domain, id, due_ms",
    "select domain, room, deadline_ms, created_ms from rooms order by domain, room",
    "select * from attribute_keys order by domain, key",
)
"""What else is compared."""


def loaded(folder, archive, retention, store=None):
    store = store or open_store(str(folder / f"loaded-{retention}.db"), durability="off")
    sink = ShardSink(store.database)
    epoch = sink.begin_load(PARTITIONS, replace=False)
    settings = LoadSettings(archive.location, epoch, ShardSettings(retention=retention))
    done = [load_partition(settings, sink, number) for number in range(PARTITIONS)]
    sink.end_load({one.partition: ShardProgress(0, one.next_offset, one.time) for one in done}, epoch)
    UsageRollup(store.database).finish()
    return store, done


def processed(folder, archive):
    """Return the store of one engine that has processed all entries at the time of the last one."""
    store = open_store(str(folder / "processed.db"), durability="off")
    store.log.append([[one.entry for number in range(PARTITIONS) for one in archive.read(number)]])
    engine = Engine(store, Rules(), store.projections.take_over(), batch_size=10**9, stopwatch=None)
    while engine.step(archive.latest(0)):
        pass
    UsageRollup(store.database).finish()
    return store


def assert_same(store, expected):
    """Compare all tables, except for the marks of pasts that are over."""
    with store.database.reading() as connection:
        first = connection.query("select domain, room, min(at_ms) from marks group by domain, room", {})
    with expected.database.writing() as connection:
        connection.write_text("delete from marks where domain = ? and room = ? and at_ms < ?", first)
    assert first_difference(expected.database, store.database) is None
    for text in FURTHER:
        with store.database.reading() as one, expected.database.reading() as other:
            assert one.query(text, {}) == other.query(text, {}), text


@pytest.mark.parametrize("retention", RETENTIONS)
def test_the_tables_are_those_of_an_engine(tmp_path, retention):
    archive = archive_of_table(tmp_path / "archive", sample_table(20_000, ends=0.1), PARTITIONS)
    store, done = loaded(tmp_path, archive, retention)
    assert sum(one.events for one in done) == 20_000
    assert [one.time for one in done] == [archive.latest(number) for number in range(PARTITIONS)]
    assert_same(store, processed(tmp_path, archive))
    with store.database.reading() as connection:
        assert connection.query("select count(*) from messages", {}) == [(0,)], (
            "they were sent when it happened"
        )


def history(seed):
    """Entries of a day and a half: stays open, inferred, repeated and with joins that leaves bring, some with attributes."""
    chance = Random(seed)
    events = []
    for number in range(40):
        at, room = NEW_YEAR + chance.randrange(HOUR), f"room-{number}"
        until = at + chance.choice((2, 12, 35, 36)) * HOUR
        while at < until:
            who, length = chance.choice("abcd"), chance.choice((5_000, 40_000, 700_000, 1_500_000))
            known = {"user_name": who.upper(), "attributes": chance.choice((None, None, '{"role":"host"}'))}
            events.append(Event(Kind.JOIN, room, at, who, **known))
            leave = Event(Kind.LEAVE, room, at + length, who)
            if chance.random() < 0.2:
                leave = replace(leave, joined_at=chance.choice((at, at - 3 * HOUR)))
            if chance.random() < 0.2:
                leave = replace(leave, inferred=chance.choice(tuple(Inferred)))
            if chance.random() < 0.9:
                events.append(leave)
            at += chance.choice((0, 60_000, 900_000, 2 * HOUR))
    return sorted(events, key=lambda event: event.at)


def archived(folder, events):
    """Archive events, all of which were received half an hour before the last one: some are of the future."""
    received = events[-1].at - HOUR // 2
    entries = [
        entry_of(event, received, origin=Origin.LIVE if event.inferred is None else Origin.INFERRED)
        for event in events
    ]
    written = [
        ArchivedEntry(entry, number, entry.origin == Origin.INFERRED) for number, entry in enumerate(entries)
    ]
    archive = write_archive(folder / "archive", written, PARTITIONS)
    ends = dict.fromkeys(range(PARTITIONS), len(entries))
    archive.advance(PARTITIONS, ends, ends)
    return archive


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("retention", RETENTIONS)
def test_open_rooms_unconfirmed_leaves_and_old_joins_are_as_an_engine_has_them(tmp_path, seed, retention):
    archive = archived(tmp_path, history(seed))
    store, done = loaded(tmp_path, archive, retention)
    assert sum(one.recent_rooms for one in done) > 0
    assert_same(store, processed(tmp_path, archive))


def test_entries_that_the_archive_has_not_completed_are_not_loaded(tmp_path):
    archive = archived(tmp_path, history(1))
    archive.advance(PARTITIONS, dict.fromkeys(range(PARTITIONS), 0), dict.fromkeys(range(PARTITIONS), 0))
    store, done = loaded(tmp_path, Archive(archive.location), HOUR)
    assert [(one.events, one.next_offset, one.time) for one in done] == [(0, 0, 0)] * PARTITIONS
    with store.database.reading() as connection:
        assert connection.query("select count(*) from rooms", {}) == [(0,)]


def test_another_process_that_has_taken_over_stops_a_load(tmp_path):
    archive = archived(tmp_path, history(1))
    store = open_store(str(tmp_path / "loaded.db"), durability="off")
    epoch = ShardSink(store.database).begin_load(PARTITIONS, replace=False)
    settings = LoadSettings(archive.location, epoch, ShardSettings())
    store.projections.take_over()
    with pytest.raises(LeadershipLost):
        load_partition(settings, ShardSink(store.database), 0)


def test_tables_that_have_meetings_are_loaded_only_if_they_are_replaced_or_their_load_did_not_end(tmp_path):
    archive = archived(tmp_path, history(1))
    store = open_store(str(tmp_path / "loaded.db"), durability="off")
    sink = ShardSink(store.database)
    epoch = sink.begin_load(PARTITIONS, replace=False)
    settings = LoadSettings(archive.location, epoch, ShardSettings(retention=HOUR))
    load_partition(settings, sink, 0)
    with pytest.raises(StateMismatch, match="has not ended"):
        sink.prepare(PARTITIONS)
    again, done = loaded(tmp_path, archive, HOUR, store)
    assert_same(again, processed(tmp_path, archive))
    before = store.projections.cursor()
    with pytest.raises(StoreError, match="--replace"):
        sink.begin_load(PARTITIONS, replace=False)
    assert store.projections.cursor() == before, "a query that runs is not stopped"
    assert sink.shards() == {one.partition: ShardProgress(0, one.next_offset, one.time) for one in done}
    sink.begin_load(PARTITIONS, replace=True)
    assert store.meetings.page("default", MeetingFilter(), Page(limit=10), 0) == []


def test_a_database_with_a_log_of_its_own_is_refused(tmp_path):
    store = open_store(str(tmp_path / "own.db"), durability="off")
    store.log.append([[entry_of(Event(Kind.JOIN, "r", NEW_YEAR, "a"))]])
    for replace_them in (False, True):
        with pytest.raises(StoreError, match="a log of events of its own"):
            ShardSink(store.database).begin_load(PARTITIONS, replace=replace_them)


def test_only_the_domains_of_the_cell_are_loaded(tmp_path):
    entries = [
        ArchivedEntry(entry_of(Event(kind, "r", at, who), at, domain=domain), offset, is_inferred=False)
        for domain in ("acme", "other")
        for offset, (kind, who, at) in enumerate(
            (kind, who, NEW_YEAR + after)
            for kind, after in ((Kind.JOIN, 0), (Kind.LEAVE, HOUR))
            for who in ("ann", "bob")
        )
    ]
    inferred = Event(Kind.LEAVE, "s", NEW_YEAR, "ann", inferred=Inferred.SNAPSHOT)
    for domain in ("acme", "other"):
        entry = entry_of(inferred, NEW_YEAR, domain=domain, origin=Origin.INFERRED)
        entries.append(ArchivedEntry(entry, len(entries), is_inferred=True))
    archive = write_archive(tmp_path / "archive", entries, PARTITIONS)
    store = open_store(str(tmp_path / "cell.db"), durability="off")
    ShardSink(store.database).assign(CellRule.decode("acme"))
    for retention in (1, 10**12):
        loaded(tmp_path, archive, retention, store)
        assert [
            len(store.meetings.page(name, MeetingFilter(), Page(limit=9), 0)) for name in ("acme", "other")
        ] == [1, 0]
        assert {entry.domain for entry in store.log.after(0, 10)} == {"acme"}
        assert store.meetings.room("other", "r") is None
        with store.database.writing() as connection:
            clear_tables(connection)
