"""Provenance and completeness on both databases: what is stored with entries, and what is read back."""

from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import NEVER
from headcount.maintenance.completeness import read_completeness
from headcount.store.dedup import entry_of, snapshot_entry
from headcount.store.history import Span
from headcount.store.provenance import Sender, SenderKind
from headcount.store.records import BatchChanges, DeferredRoom, MeetingRow, Origin, Provenance
from headcount.store.sources import COMPLETE_REQUESTS, SourceRow, SourceStat
from support.engines import NEW_YEAR

T = NEW_YEAR
DIGEST = bytes(range(32))
FIRST, LATER = Provenance("token", DIGEST), Provenance("file:a.csv", DIGEST[::-1])


def logged(kind, at, provenance, **more):
    event = Event(kind, "r", T + at, "ann", **more)
    return entry_of(event, "default", T + at + 1, Origin.LIVE, provenance=provenance)


def test_an_entry_is_read_with_the_provenance_of_its_first_request(store):
    entries = [
        logged(Kind.JOIN, 0, FIRST, id="e-1"),
        logged(Kind.JOIN, 0, LATER, id="e-1"),
        logged(Kind.LEAVE, 90_000, LATER, joined_at=T + 5),
        logged(Kind.LEAVE, 60_000, Provenance()),
    ]
    store.log.append([entries])
    meeting = MeetingRow("default", "m", "r", T, T + 60_000, 1)
    span = Span("default", "r", *store.meetings.source_span(meeting), NEVER)
    found = store.history.in_room(span, 10)
    assert [(one.event.at - T, one.received - T, one.event_id, one.sender, one.digest) for one in found] == [
        (0, 1, "e-1", *FIRST),
        (60_000, 60_001, None, None, None),
        (90_000, 90_001, None, *LATER),
    ]
    assert len({one.position for one in found}) == 3
    assert store.history.in_room(span, 1) is None


def test_the_engine_reads_the_provenance_of_snapshots_only(store):
    snapshot = snapshot_entry("default", T, "r", T, "[]", FIRST)
    store.log.append([[logged(Kind.JOIN, 0, FIRST), snapshot]])
    assert [entry.provenance for entry in store.log.after(0, 10)] == [Provenance(), FIRST]


def test_senders_are_named_also_after_their_removal(store):
    store.sources.add(SourceRow("token", "livekit", "default", "lk", ("word",)))
    store.sources.remove("token", T)
    key, _ = store.keys.create("default", "App", ("ingest",), T, "k" * 32)
    senders = store.sources.senders("default")
    assert senders.find("token") == Sender(SenderKind.SOURCE, "lk", "livekit", is_removed=True)
    assert senders.find(f"key:{key.id}") == Sender(SenderKind.API_KEY, "App")
    assert senders.find("file:a.csv") == Sender(SenderKind.FILE, "a.csv")
    assert senders.find("key:unknown") is senders.find(None) is None
    assert store.sources.senders("other").find("token") is None


def test_completeness_is_read_from_the_store(store):
    store.sources.add(SourceRow("token", "livekit", "default", "lk", ("word",), created=T))
    store.sources.add_stats([SourceStat("token", COMPLETE_REQUESTS, 0, T + 50_000)])
    position = store.log.append([[logged(Kind.JOIN, 0, FIRST), logged(Kind.LEAVE, 30_000, FIRST)]])[
        0
    ].position

    def until(cursor):
        return read_completeness(store, "default", T + 100_000, cursor, 0).until - T

    assert (until(0), until(position - 1), until(position)) == (1, 30_001, 50_000)
    row = DeferredRoom("default", "r", position - 1, None, 0, T, T, "1")
    changes = BatchChanges(position, deferred={("default", "r"): row})
    epoch = store.projections.take_over()
    store.projections.commit(changes, epoch)
    assert until(position) == 30_001
    caught_up = BatchChanges(
        position, deferred={("default", "r"): None}, rooms={("default", "r"): (T, T + 20_000, T)}
    )
    store.projections.commit(caught_up, epoch)
    assert until(position) == 20_000
