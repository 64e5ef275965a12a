"""Containment: a room that fails blocks no other, for every kernel call and every statement of its processing.

Whatever fails, the other rooms and domains show what they should, the room is quarantined with the reason, and once
the fault is gone it shows what it should, too: nothing was lost, and nothing is left of half a turn.
"""

import sys
from contextlib import contextmanager

import msgspec
import pytest
import structlog

from headcount.engine.engine import Engine
from headcount.engine.inference import SnapshotParticipant
from headcount.engine.room_turn import RoomTurn
from headcount.kernel.events import Event, Kind
from headcount.kernel.meetings import Meeting
from headcount.kernel.rules import Rules
from headcount.store.database import StoreRejected
from headcount.store.dedup import hash_key
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.migrations import migrate
from headcount.store.open import connect, store_on
from headcount.store.records import SNAPSHOT, LogEntry, Origin
from support.engines import NEW_YEAR, kernel
from support.stored import entry_of

# A fault in a generator that is closed is only a warning: nobody waits for it any more.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

POISON = "poison"
ROOMS = [("default", "calm"), ("default", POISON), ("other", "calm"), ("other", "lively")]
AN_HOUR = 3_600_000
END = NEW_YEAR + 10 * AN_HOUR
CANNOT_BE_CONTAINED = {"upsert_deferred_room", "delete_deferred_room"}
"""How the quarantine itself is written down."""


class InjectedError(Exception):
    """The fault."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "headcount.db")
    return request.getfixturevalue("postgres").database()


class Faulty:
    """A database that rejects one statement whenever it is about the poisoned room."""

    def __init__(self, database):
        self._database = database
        self.rejected = None
        self.seen = set()

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def reading(self):
        with self._database.reading() as connection:
            yield FaultyConnection(connection, self)

    @contextmanager
    def writing(self):
        with self._database.writing() as connection:
            yield FaultyConnection(connection, self)

    def look(self, name, values):
        if POISON in values and name not in CANNOT_BE_CONTAINED:
            self.seen.add(name)
            if name == self.rejected:
                raise StoreRejected(f"{name} is rejected")


class FaultyConnection:
    def __init__(self, connection, database):
        self._connection = connection
        self._look = database.look

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def rows(self, name, /, **values):
        self._look(name, values.values())
        return self._connection.rows(name, **values)

    def row(self, name, /, **values):
        self._look(name, values.values())
        return self._connection.row(name, **values)

    def write(self, name, rows):
        rows = list(rows)
        if name != "insert_entries" or rows[0][13] == Origin.INFERRED:
            self._look(name, [value for row in rows for value in row])
        return self._connection.write(name, rows)


def entries(domain, room):
    """What happens in a room, in three portions: people, a list, a late event, the end of the room, and more people."""

    def event(kind, seconds, who=None, **more):
        return Event(Kind(kind), room, NEW_YEAR + seconds * 1_000, who, **more)

    listed = msgspec.json.encode([SnapshotParticipant("ann")]).decode()
    at = NEW_YEAR + 100_000
    snapshot = LogEntry(
        domain, room, SNAPSHOT, at, at, None, None, None, None, None, None, None,
        hash_key("snapshot", domain, room), snapshot=listed,
    )  # fmt: skip
    portions = [
        [event("join", 0, "ann"), event("join", 5, "bob", user_name="Bob"), event("leave", 8, "bob")],
        [event("join", 20, "cid"), snapshot, event("leave", 200, "dee", joined_at=NEW_YEAR + 150_000)],
        [event("leave", 120, "cid"), event("end", 1_500), event("join", 1_600, "eve", user_name="Eve")],
    ]
    return [
        [one if isinstance(one, LogEntry) else entry_of(one, one.at, domain=domain) for one in portion]
        for portion in portions
    ]


def live(store, clock=None, *, restarts=True):
    """All portions of all rooms, each worked in before the next is there; the engine is started anew between."""
    engine = start(store)
    for portion, seconds in enumerate((30, 400, 2_000)):
        store.log.append([entries(*key)[portion] for key in ROOMS])
        work(engine, NEW_YEAR + seconds * 1_000)
        if restarts:
            engine = start(store)
    work(engine, NEW_YEAR + 2 * AN_HOUR)
    return engine


def start(store):
    return Engine(store, Rules(), store.projections.take_over(), release="1")


def work(engine, moment):
    while engine.step(moment):
        pass


def shown(store, domain):
    rows = store.meetings.page(domain, MeetingFilter(), Page(limit=100), 0)
    people = store.meetings.entries(rows)
    found = [
        Meeting(m.id, m.domain, m.room, m.start, m.end, m.max_participants, tuple(people[m.id])) for m in rows
    ]
    return sorted(found, key=lambda meeting: (meeting.room, meeting.start))


def expected(store, domain, room=None):
    said = [
        entry.event
        for entry in store.log.after(0, 10_000)
        if entry.kind != SNAPSHOT and entry.domain == domain
    ]
    wanted = kernel([event for event in said if room in (None, event.room)], as_of=END, domain=domain)
    return [meeting for meeting in wanted if room in (None, meeting.room)]


def others(store):
    """What the rooms that are not poisoned show."""
    return [m for domain in ("default", "other") for m in shown(store, domain) if m.room != POISON]


def others_expected(store):
    return [*expected(store, "default", "calm"), *expected(store, "other")]


def assert_contained(store, fault):
    rows = store.projections.deferred_rooms()
    assert [(row.domain, row.room) for row in rows] == [("default", POISON)], fault
    assert rows[0].reason, fault
    assert others(store) == others_expected(store), fault


def assert_healed(store, fault):
    engine = start(store)
    work(engine, NEW_YEAR + 9 * AN_HOUR)
    assert store.projections.deferred_rooms() == [], fault
    assert shown(store, "default") == expected(store, "default"), fault
    assert others(store) == others_expected(store), fault
    messages = everything_published(store)
    assert len({message.id for message in messages}) == len(messages), fault


def everything_published(store):
    return [message for domain in ("default", "other") for message in store.messages.after(0, domain=domain)]


@pytest.fixture(autouse=True)
def _quiet():
    """The faults are logged with their tracebacks, which nobody reads here."""
    structlog.configure(processors=[lambda *_: ""], logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def fresh(url):
    database = Faulty(connect(url))
    migrate(database)
    return database, store_on(database)


def emptied(database):
    """The same database with nothing in it, which is quicker than another one."""
    with database.writing() as connection:
        for table in (
            "entries", "rooms", "deferred_rooms", "marks", "stays", "meetings", "meeting_counts", "superseded_meetings",
            "ended_meeting_counts", "corrections", "messages", "pending_notifications", "published_meetings", "pending_rollups",
        ):  # fmt: skip
            connection.run_text(f"delete from {table}")
        connection.run_text("update engine_state set cursor_position = 0")
    return store_on(database)


def test_each_statement_about_a_room_may_be_rejected_and_stops_no_other(url):
    database, store = fresh(url)
    live(store)
    assert others(store) == others_expected(store)
    statements = sorted(database.seen)
    assert len(statements) > 12
    published = 0
    for name in statements:
        store = emptied(database)
        database.rejected = name
        live(store)
        if any(row.reason for row in store.projections.deferred_rooms()):
            assert_contained(store, name)
        else:
            published += 1  # what is published of the room is tried again later
            assert others(store) == others_expected(store), name
        database.rejected = None
        assert_healed(store, name)
    assert published < len(statements) / 2
    database.close()


@contextmanager
def failing_call(number, calls):
    """The `number`-th call of a kernel's function in the work of the poisoned room fails; `calls` counts them."""

    def trace(frame, happens, _):
        if happens == "call" and "/headcount/kernel/" in frame.f_code.co_filename:
            calls[0] += 1
            if calls[0] == number:
                raise InjectedError(frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else "")

    process = RoomTurn.process

    def traced(self, *args):
        if self._cached.room.name != POISON or 0 < number <= calls[0]:
            return process(self, *args)
        sys.settrace(trace)
        try:
            return process(self, *args)
        finally:
            sys.settrace(None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RoomTurn, "process", traced)
        yield


def test_each_call_of_the_kernel_for_a_room_may_fail_and_stops_no_other(url):
    database, store = fresh(url)
    calls = [0]
    with failing_call(0, calls):
        live(store)
    total = calls[0]
    assert total > 300
    step = 3 if "postgresql" not in url else 23
    for number in range(1, total, step):
        store = emptied(database)
        with failing_call(number, [0]):
            live(store)
        if store.projections.deferred_rooms():
            assert_contained(store, number)
        assert_healed(store, number)
    database.close()


def test_a_quarantined_room_is_retried_with_backoff_and_at_once_by_another_release(url):
    database, store = fresh(url)
    database.rejected = "upsert_stay"
    engine = live(store, restarts=False)
    (row,) = store.projections.deferred_rooms()
    assert (row.release, row.position) == ("1", row.position)
    retries = [row.retry]
    for _ in range(12):
        work(engine, row.retry)
        (row,) = store.projections.deferred_rooms()
        retries.append(row.retry)
    waits = [later - earlier for earlier, later in zip(retries, retries[1:], strict=False)]
    assert waits[:4] == sorted(waits[:4])
    assert max(waits) == 6 * AN_HOUR
    database.rejected = None
    moment = row.retry - 1
    work(engine, moment)
    assert [r.reason for r in store.projections.deferred_rooms()] == [row.reason], "it is not its time yet"
    work(Engine(store, Rules(), store.projections.take_over(), release="2"), moment)
    assert store.projections.deferred_rooms() == []
    assert shown(store, "default") == expected(store, "default")
    database.close()


def test_an_invalid_entry_quarantines_its_room_only(url):
    """Nothing that is accepted is like that; a bug, or a hand, may put it into the log."""
    database, store = fresh(url)
    live(store)
    (bad,) = [one for one in entries("default", POISON)[0] if one.participant_id == "ann"]
    store.log.append([[bad._replace(participant_id=None, key=b"bad" * 4)]])
    store.log.append([[entry_of(Event(Kind.JOIN, "new", NEW_YEAR + 7_000_000, "zoe"), 0)]])
    work(start(store), NEW_YEAR + 3 * AN_HOUR)
    assert [row.room for row in store.projections.deferred_rooms()] == [POISON]
    assert [m.room for m in shown(store, "default") if m.start == NEW_YEAR + 7_000_000] == ["new"]
    database.close()


class Stopwatch:
    """Seconds that pass whenever somebody looks."""

    def __init__(self, step):
        self.now = 0.0
        self.step = step

    def __call__(self):
        self.now += self.step
        return self.now


def test_rooms_take_turns_in_a_long_batch_and_all_entries_are_processed(url):
    """However little of it a round gets through, and whenever the engine is started anew."""
    database, store = fresh(url)
    for step, restarts in ((0.05, False), (0.2, True), (10.0, False), (10.0, True)):
        store = emptied(database)
        engine = Engine(store, Rules(), store.projections.take_over(), stopwatch=Stopwatch(step))
        for portion, seconds in enumerate((30, 400, 2_000)):
            store.log.append([entries(*key)[portion] for key in ROOMS])
            moment = NEW_YEAR + seconds * 1_000
            while engine.step(moment):
                if restarts:
                    engine = Engine(store, Rules(), store.projections.take_over(), stopwatch=Stopwatch(step))
        work(engine, NEW_YEAR + 9 * AN_HOUR)
        assert store.projections.deferred_rooms() == []
        for domain in ("default", "other"):
            assert shown(store, domain) == expected(store, domain), (step, restarts)
    database.close()


def test_a_large_backlog_of_one_room_waits_for_the_small_ones_of_others(url):
    """One domain has thousands of events in a room and thousands of rooms; another domain's one event shows first."""
    database, store = fresh(url)
    crowd = [entry_of(Event(Kind.JOIN, "crowd", NEW_YEAR + n, f"p-{n}"), NEW_YEAR + n) for n in range(2_000)]
    rooms = [entry_of(Event(Kind.JOIN, f"room-{n}", NEW_YEAR + n, "ann"), NEW_YEAR + n) for n in range(500)]
    one = [entry_of(Event(Kind.JOIN, "small", NEW_YEAR, who), NEW_YEAR, domain="tiny") for who in ("a", "b")]
    store.log.append([crowd, rooms, one])
    engine = Engine(store, Rules(), store.projections.take_over(), stopwatch=Stopwatch(0.1))
    engine.step(NEW_YEAR + AN_HOUR)
    assert [meeting.room for meeting in shown(store, "tiny")] == ["small"]
    assert len(store.projections.deferred_rooms()) > 400
    work(engine, NEW_YEAR + AN_HOUR)
    assert store.projections.deferred_rooms() == []
    assert store.meetings.count("default", MeetingFilter(), END) == 501
    database.close()


def test_deferred_domains_take_turns(url):
    """One domain has far more to catch up with than another; neither waits for the other to finish."""
    database, store = fresh(url)
    clock = Stopwatch(0.0)
    engine = Engine(store, Rules(), store.projections.take_over(), stopwatch=clock)
    large = [
        entry_of(Event(Kind.JOIN, f"room-{n % 40}", NEW_YEAR + n, f"p-{n}"), NEW_YEAR + n, domain="large")
        for n in range(400)
    ]
    small = [
        entry_of(Event(Kind.JOIN, f"room-{n % 4}", NEW_YEAR + n, f"p-{n}"), NEW_YEAR + n, domain="small")
        for n in range(40)
    ]
    store.log.append([large, small])
    clock.step = 10.0
    rounds = 0
    while any(row.domain == "small" for row in store.projections.deferred_rooms()) or rounds < 2:
        assert engine.step(NEW_YEAR + AN_HOUR), "there is more to do"
        rounds += 1
    assert rounds < 20
    assert len([row for row in store.projections.deferred_rooms() if row.domain == "large"]) > 10
    work(engine, NEW_YEAR + AN_HOUR)
    assert store.projections.deferred_rooms() == []
    assert shown(store, "small") == expected(store, "small")
    assert shown(store, "large") == expected(store, "large")
    database.close()


def test_a_database_that_rejects_everything_quarantines_no_room(url):
    database, store = fresh(url)
    rooms = [entry_of(Event(Kind.JOIN, f"room-{n}", NEW_YEAR, POISON), NEW_YEAR) for n in range(20)]
    store.log.append([rooms])
    database.rejected = "upsert_stay"
    engine = start(store)
    with pytest.raises(StoreRejected):
        work(engine, NEW_YEAR + AN_HOUR)
    assert store.projections.deferred_rooms() == []
    database.rejected = None
    work(engine, NEW_YEAR + AN_HOUR)
    assert shown(store, "default") == expected(store, "default")
    database.close()
