"""Until when answers are complete: what advances it, and what holds it back."""

import pytest

from headcount.ingest.source_stats import SourceStats
from headcount.kernel.events import Event, Kind
from headcount.maintenance import doctor
from headcount.maintenance.completeness import read_completeness
from headcount.settings import read_settings
from headcount.store.provenance import Sender, SenderKind, sender_of_key
from headcount.store.records import BatchChanges, DeferredRoom
from headcount.store.sources import SourceRow, SourceStat
from headcount.timestamps import format_timestamp
from support.engines import NEW_YEAR
from support.stored import DOMAIN, StoredEngine

GRACE = 15_000
T = NEW_YEAR
LIVEKIT = Sender(SenderKind.SOURCE, "lk", "livekit")
ZOOM = Sender(SenderKind.SOURCE, "zm", "zoom")


@pytest.fixture
def engine(tmp_path):
    engine = StoredEngine(tmp_path)
    yield engine
    engine.close()


@pytest.fixture
def stats():
    return SourceStats()


def completeness(engine, now, stats=None, domain=DOMAIN):
    """Until when, in ms after `T` and without the grace period, and the sender that holds it back."""
    unsaved = [] if stats is None else stats.unwritten()
    found = read_completeness(engine.store, domain, T + now, engine.engine.cursor, GRACE, unsaved)
    assert found.until <= found.processed_until
    assert [one.until for one in found.senders] == sorted(one.until for one in found.senders)
    assert found.until == min([found.processed_until, *(one.until for one in found.senders)])
    return found.until + GRACE - T, found.held_back_by


def add_source(engine, sender=LIVEKIT, domain=DOMAIN, created=0):
    row = SourceRow(
        f"token-{sender.name}", sender.vendor, domain, sender.name, ("word",), created=T + created
    )
    engine.store.sources.add(row)
    return row.token


def join(second, who="a", room="blue"):
    return Event(Kind.JOIN, room, T + second * 1_000, who)


def test_without_senders_everything_is_complete_up_to_the_grace_period(engine):
    assert completeness(engine, 60_000) == (60_000, None)


def test_a_silent_source_holds_it_and_its_next_request_advances_it(engine, stats):
    token = add_source(engine)
    stats.record_request(token, T + 10_000)
    assert completeness(engine, 60_000, stats) == (10_000, LIVEKIT)
    stats.record_request(token, T + 55_000)
    assert completeness(engine, 60_000, stats) == (55_000, LIVEKIT)
    assert completeness(engine, 55_000, stats) == (55_000, None)


def test_a_source_that_was_never_heard_of_is_complete_until_it_was_created(engine):
    add_source(engine, created=20_000)
    assert completeness(engine, 60_000) == (20_000, LIVEKIT)


def test_a_poll_advances_it_and_the_later_of_poll_and_request_counts(engine, stats):
    token = add_source(engine)
    stats.record_request(token, T + 10_000)
    stats.record_poll(token, T + 40_000)
    assert completeness(engine, 60_000, stats) == (40_000, LIVEKIT)
    stats.record_request(token, T + 50_000)
    stats.record_poll(token, T + 45_000)
    assert completeness(engine, 60_000, stats) == (50_000, LIVEKIT)


def test_the_source_with_the_smallest_time_holds_it_until_it_is_removed(engine, stats):
    slow, fast = add_source(engine), add_source(engine, ZOOM)
    stats.record_request(slow, T + 10_000)
    stats.record_request(fast, T + 50_000)
    assert completeness(engine, 60_000, stats) == (10_000, LIVEKIT)
    engine.store.sources.remove(slow, T + 60_000)
    assert completeness(engine, 60_000, stats) == (50_000, ZOOM)


def test_times_in_the_store_and_those_that_are_not_saved_yet_count(engine, stats):
    token = add_source(engine)
    engine.store.sources.add_stats([SourceStat(token, "complete_requests", 0, T + 30_000)])
    assert completeness(engine, 60_000) == (30_000, LIVEKIT)
    stats.record_request(token, T + 20_000)
    assert completeness(engine, 60_000, stats) == (30_000, LIVEKIT)
    stats.record_request(token, T + 40_000)
    assert completeness(engine, 60_000, stats) == (40_000, LIVEKIT)
    engine.store.sources.add_stats(stats.start_writing())
    stats.finish_writing()
    assert completeness(engine, 60_000, stats) == (40_000, LIVEKIT)


def test_api_keys_count_once_they_have_sent_until_they_are_revoked(engine, stats):
    key, _ = engine.store.keys.create(DOMAIN, "The app", ("ingest",), T, "k" * 32)
    assert completeness(engine, 60_000, stats) == (60_000, None)
    stats.record_request(sender_of_key(key.id), T + 10_000)
    app = Sender(SenderKind.API_KEY, "The app")
    assert completeness(engine, 60_000, stats) == (10_000, app)
    engine.store.keys.revoke(key.id, T + 60_000)
    assert completeness(engine, 60_000, stats) == (60_000, None)


def test_senders_of_another_domain_do_not_count(engine, stats):
    add_source(engine, domain="other")
    key, _ = engine.store.keys.create("other", "Theirs", ("ingest",), T, "k" * 32)
    stats.record_request(sender_of_key(key.id), T + 10_000)
    assert completeness(engine, 60_000, stats) == (60_000, None)


def test_lag_of_the_engine_holds_it_and_no_sender_is_the_reason(engine, stats):
    stats.record_request(add_source(engine), T + 50_000)
    engine.append(join(1), received=T + 5_000)
    engine.append(join(2, "b"), received=T + 9_000)
    assert completeness(engine, 60_000, stats) == (5_000, None)
    engine.show(T + 60_000)
    assert completeness(engine, 60_000, stats) == (50_000, LIVEKIT)


def test_an_engine_that_does_not_advance_rooms_holds_it(engine):
    """The only participant has stayed long enough for a meeting, but no entry of the log is unprocessed."""
    engine.append(join(1), received=T + 1_000)
    engine.show(T + 2_000)
    until, _ = completeness(engine, 3_600_000)
    assert 1_000 < until < 60_000
    assert completeness(engine, 3_600_000, domain="other") == (3_600_000, None)
    engine.show(T + 3_600_000)
    assert completeness(engine, 3_600_000) == (3_600_000, None)


def test_doctor_names_the_sender_that_holds_each_domain(engine):
    add_source(engine, created=20_000)
    add_source(engine, ZOOM, domain="other", created=30_000)
    engine.store.keys.create("silent", "", ("ingest",), T, "k" * 32)
    settings = read_settings({"database": str(engine.path)}, {})
    lines = [line for line in doctor.examine(settings, T + 60_000) if line.subject == "completeness"]
    assert [(line.is_ok, line.text) for line in lines] == [
        (
            True,
            f"events of the domain '{domain}' are complete until {format_timestamp(T + at - GRACE)}; waiting for {sender}",
        )
        for domain, at, sender in (("default", 20_000, "livekit 'lk'"), ("other", 30_000, "zoom 'zm'"))
    ]


def test_a_deferred_room_holds_its_own_domain(engine):
    engine.append(join(1), received=T + 1_000)
    engine.append(join(2, room="red"), received=T + 2_000)
    engine.append(join(3, room="green"), received=T + 3_000)
    engine.append(Event(Kind.END, "blue", T + 4_000), received=T + 4_000)
    engine.append(Event(Kind.END, "red", T + 4_000), received=T + 4_000)
    engine.append(Event(Kind.END, "green", T + 4_000), received=T + 4_000)
    engine.show(T + 60_000)
    row = DeferredRoom(DOMAIN, "red", 1, "an error", 1, T, T + 600_000, "1")
    changes = BatchChanges(engine.engine.cursor, deferred={(DOMAIN, "red"): row})
    engine.store.projections.commit(changes, engine.store.projections.take_over())
    assert completeness(engine, 60_000) == (2_000, None)
    assert completeness(engine, 60_000, domain="other") == (60_000, None)
