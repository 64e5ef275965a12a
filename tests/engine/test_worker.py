"""The worker: the engine in its own thread, its failures, and processing the log without a service."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from headcount.engine.catch_up import catch_up
from headcount.engine.engine import Engine
from headcount.engine.rules_guard import encode_rules, require_same_rules
from headcount.engine.worker import Worker
from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.database import LeadershipLost, StoreError
from headcount.store.leadership import leadership
from headcount.store.open import open_store
from support.engines import NEW_YEAR
from support.stored import DOMAIN, IN_MEMORY, entry_of

RULES = Rules()
LONG_AFTER = NEW_YEAR + 10**6
PATIENCE_S = 20


@pytest.fixture
def store():
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        opened = open_store(str(Path(folder) / "headcount.db"), durability="off")
        yield opened
        opened.close()


def append(store, *events):
    store.log.append([[entry_of(event, NEW_YEAR) for event in events]])


def join(who, at=0):
    return Event(Kind.JOIN, "r", NEW_YEAR + at, who)


class Running:
    """A worker, and a way to wait for its rounds."""

    def __init__(self, store, make=None, now=LONG_AFTER):
        self.store = store
        self.epochs = []
        self.rounds = threading.Semaphore(0)
        self.lead = leadership(store.database)
        self.worker = Worker(self.lead, make or self.make, lambda: now, self.rounds.release)

    def make(self, epoch):
        self.epochs.append(epoch)
        return Engine(self.store, RULES, epoch)

    def until(self, true):
        """Wait for one round after another until it is true."""
        while not true():
            assert self.rounds.acquire(timeout=PATIENCE_S), "no round came"


@pytest.fixture
def running(store):
    made = Running(store)
    yield made
    made.worker.stop()


@pytest.fixture
def at_once(monkeypatch):
    """Retry the store without a pause."""
    monkeypatch.setattr("headcount.engine.worker._PAUSE_S", 0.01)


def cursor(store):
    return store.projections.cursor()[0]


def test_the_worker_processes_the_log_once_it_leads(store, running):
    append(store, join("a"), join("b"))
    assert not running.worker.alive()
    assert not running.worker.leads()
    running.worker.start()
    running.until(lambda: cursor(store) == 2)
    assert running.worker.alive()
    assert running.worker.leads()
    assert len(running.epochs) == 1
    assert running.worker.failures == 0


def test_hurry_makes_the_worker_process_new_entries(store, running, monkeypatch):
    monkeypatch.setattr("headcount.engine.worker._POLL_S", 600.0)
    monkeypatch.setattr("headcount.engine.worker._PACE_S", 600.0)
    running.worker.start()
    running.until(running.worker.leads)
    for number in range(1, 4):
        append(store, join(f"p{number}"))
        running.worker.hurry()
        running.until(lambda number=number: cursor(store) == number)


def test_wake_makes_the_worker_process_new_entries(store, running, monkeypatch):
    monkeypatch.setattr("headcount.engine.worker._POLL_S", 600.0)
    running.worker.start()
    running.until(running.worker.leads)
    for number in range(1, 4):
        append(store, join(f"p{number}"))
        running.worker.wake()
        running.until(lambda number=number: cursor(store) == number)


def test_the_worker_finds_entries_without_being_woken(store, running):
    running.worker.start()
    running.until(running.worker.leads)
    append(store, join("a"))
    running.until(lambda: cursor(store) == 1)


def test_a_stopped_worker_gives_up_leadership(store, running):
    running.worker.start()
    running.until(running.worker.leads)
    running.worker.stop()
    assert not running.worker.alive()
    assert not running.worker.leads()
    assert not running.lead.still_leads()


def test_a_worker_that_never_started_can_be_stopped(running):
    running.worker.stop()
    assert not running.worker.alive()


@pytest.mark.parametrize(
    ("problem", "failures"),
    [(StoreError("full"), 2), (RuntimeError("a bug"), 2), (LeadershipLost("taken over"), 0)],
)
@pytest.mark.usefixtures("at_once")
def test_after_a_failure_the_engine_starts_again_from_the_store(store, problem, failures):
    problems = [problem, problem]

    def make(epoch):
        if problems:
            raise problems.pop()
        return Engine(store, RULES, epoch)

    append(store, join("a"))
    running = Running(store, make)
    running.worker.start()
    running.until(lambda: cursor(store) == 1)
    assert running.worker.failures == failures
    running.worker.stop()


@pytest.mark.usefixtures("at_once")
def test_a_worker_waits_while_another_one_leads(store):
    class Second:
        """Another process leads at first."""

        def __init__(self, lead):
            self.refusals = 3
            self.lead = lead

        def try_lead(self):
            self.refusals -= 1
            return None if self.refusals > 0 else self.lead.try_lead()

        def still_leads(self):
            return self.lead.still_leads()

        def give_up(self):
            self.lead.give_up()

    running = Running(store)
    second = Second(running.lead)
    worker = Worker(second, running.make, lambda: LONG_AFTER, running.rounds.release)
    append(store, join("a"))
    worker.start()
    running.until(lambda: cursor(store) == 1)
    assert (second.refusals, worker.failures) == (0, 0)
    worker.stop()


def test_a_worker_that_loses_leadership_makes_another_engine(store):
    running = Running(store)

    class Lost:
        """Leads for one round at a time."""

        def try_lead(self):
            return running.lead.try_lead()

        def still_leads(self):
            self.asked = not getattr(self, "asked", False)
            return self.asked

        def give_up(self):
            running.lead.give_up()

    worker = Worker(Lost(), running.make, lambda: LONG_AFTER, running.rounds.release)
    worker.start()
    running.until(lambda: len(running.epochs) >= 3)
    worker.stop()


# Without a service.


def done_with(store, stale_after=None, now=LONG_AFTER):
    reported = []
    worked = catch_up(
        store, lambda: now, RULES, stale_after, lambda done, what: reported.append((done, what))
    )
    return worked, reported


def test_catch_up_processes_the_whole_log_and_reports_progress(store, monkeypatch):
    monkeypatch.setattr("headcount.engine.catch_up._BATCH_SIZE", 2)
    append(store, *(join(f"p{n}", n) for n in range(4)))
    worked, reported = done_with(store)
    assert worked is True
    assert reported[:2] == [(0.75, "working out"), (1.0, "working out")]
    assert cursor(store) == 4


def test_progress_begins_where_the_engine_stands(store, monkeypatch):
    append(store, join("a"), join("b"))
    done_with(store)
    monkeypatch.setattr("headcount.engine.catch_up._BATCH_SIZE", 1)
    append(store, join("c", 1), join("d", 1))
    assert done_with(store)[1][:2] == [(0.75, "working out"), (1.0, "working out")]


def test_catch_up_accepts_an_empty_log(store):
    worked, reported = done_with(store)
    assert worked is True
    assert all(0 <= done <= 1 for done, _ in reported)


def test_catch_up_applies_the_stay_limit(store):
    append(store, join("a"))
    done_with(store, stale_after=1_000)
    assert [entry.at for entry in store.log.after(1, 10)] == [NEW_YEAR + 1_000]
    assert store.meetings.open_stays(DOMAIN) == []


def test_catch_up_gives_up_leadership(store):
    done_with(store)
    other = open_store(store.database.url, durability="off")
    assert done_with(other)[0] is True
    other.close()


def test_catch_up_does_nothing_while_another_process_leads(store):
    append(store, join("a"))
    other = open_store(store.database.url, durability="off")
    lead = leadership(other.database)
    lead.try_lead()
    assert done_with(store) == (False, [])
    assert cursor(store) == 0
    lead.give_up()
    other.close()


# The rules in force.


def test_a_store_accepts_only_the_rules_it_was_built_with(store):
    require_same_rules(store, RULES)
    require_same_rules(store, RULES)
    assert store.projections.rules() == encode_rules(RULES) == "10000,30000,600000"
    require_same_rules(store, Rules(late_grace_ms=1))  # what is waited for changes no meeting
    for other in (Rules(min_stay_ms=1), Rules(start_alone_ms=1), Rules(reset_alone_ms=1)):
        with pytest.raises(BadInput, match=r"10000,30000,600000 ms; now .*headcount rebuild"):
            require_same_rules(store, other)
    assert store.projections.rules() == "10000,30000,600000"
