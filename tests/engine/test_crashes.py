"""Crashes: a thousand runs of a service in one thread with a virtual clock, each crashing before and after commits.

Sources send again what was not acknowledged. Afterwards everything acknowledged is in the log
once, and the tables say what the kernel says of it. A life that fails tells its seed.
"""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.meetings import Meeting
from headcount.kernel.rules import Rules
from headcount.store.log import Log
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings
from headcount.store.migrations import migrate
from headcount.store.open import store_on
from headcount.store.outbox import Messages
from headcount.store.sqlite import SqliteDatabase
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.stored import DOMAIN, IN_MEMORY, entry_of

SEEDS = int(os.environ.get("HEADCOUNT_SEEDS", "1000"))
LIVES_A_TEST = 50
RULES = Rules()
PEOPLE = "abcd"
LONG = 3_000_000
"""After this all is decided and published."""
GAPS = (0, 1, 400, 5_000, 9_999, 10_000, 10_001, 29_999, 30_000, 60_000, 599_999, 600_000, 600_001)


class CrashError(Exception):
    """The process died here."""


class Mortal:
    """A database whose commits are where the process may die: before, or just after."""

    def __init__(self, database, chance, likely):
        self._database = database
        self._chance = chance
        self._likely = likely

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def writing(self):
        fate = self._chance.random()
        with self._database.writing() as connection:
            yield connection
            if fate < self._likely:
                raise CrashError("before the commit")
        if fate > 1 - self._likely:
            raise CrashError("after the commit")

    def write_new(self, name, rows):
        fate = self._chance.random()
        if fate < self._likely:
            raise CrashError("before the commit")
        written = self._database.write_new(name, rows)
        if fate > 1 - self._likely:
            raise CrashError("after the commit")
        return written


class Life:
    """One seed: what is said, in which order it arrives, when the process dies."""

    def __init__(self, seed, folder):
        self.chance = Random(seed)
        self.path = Path(folder) / f"{seed}.db"
        self.database = SqliteDatabase(self.path, durability="off")
        migrate(self.database)
        Messages(self.database).stream_opened(DOMAIN, NEW_YEAR)
        self.now = NEW_YEAR
        self.crashes = 0
        self.acknowledged = set()
        self.start()

    def start(self):
        mortal = Mortal(self.database, self.chance, likely=0.06)
        self.store = store_on(mortal)
        while True:
            try:
                self.engine = Engine(
                    self.store,
                    RULES,
                    self.store.projections.take_over(),
                    batch_size=self.chance.choice((1, 3, 50)),
                )
            except CrashError:
                self.crashes += 1
            else:
                return

    def surviving(self, work):
        """Do it until it is done, with a new life after each death."""
        while True:
            try:
                return work()
            except CrashError:
                self.crashes += 1
                self.start()

    def send(self, events):
        entries = [entry_of(event, self.now) for event in events]
        self.surviving(lambda: self.store.log.append([entries]))
        self.acknowledged.update(entry.key for entry in entries)

    def step(self):
        self.surviving(lambda: self.engine.step(self.now))

    def meetings(self):
        answers = Meetings(self.database)
        rows = answers.page(DOMAIN, MeetingFilter(), Page(limit=1_000), 0)
        entries = answers.entries(rows)
        found = [
            Meeting(m.id, m.domain, m.room, m.start, m.end, m.max_participants, tuple(entries[m.id]))
            for m in rows
        ]
        return sorted(found, key=lambda meeting: (meeting.room, meeting.start))

    def end(self):
        self.database.close()
        for file in self.path.parent.glob(f"{self.path.name}*"):
            file.unlink()


def said_by(chance):
    """Some minutes of two rooms, on the edges of the rules, guesses and ends among them."""
    at = NEW_YEAR
    events = []
    for _ in range(chance.randint(4, 24)):
        at += chance.choice(GAPS)
        room = chance.choice(("r", "s"))
        kind = chance.choice((Kind.JOIN, Kind.JOIN, Kind.LEAVE, Kind.LEAVE, Kind.END))
        who = None if kind is Kind.END else chance.choice(PEOPLE)
        guess = chance.choice((None, None, None, None, Inferred.SNAPSHOT))
        event = Event(kind, room, at, who, user_name=who and who.upper(), inferred=guess)
        if kind is Kind.LEAVE and chance.random() < 0.2:
            event = replace(event, joined_at=max(NEW_YEAR, at - chance.choice(GAPS)))
        events.append(event)
    return events


def live_through(life, events):
    """Everything arrives more or less in order, some of it late, some twice; the clock goes on meanwhile."""
    chance = life.chance
    arriving = sorted(
        events, key=lambda event: event.at + chance.choice((0, 0, 0, 300, 3_000, 20_000, 700_000))
    )
    arriving += chance.sample(events, min(2, len(events)))
    while arriving:
        batch = [arriving.pop(0) for _ in range(min(len(arriving), chance.randint(1, 4)))]
        life.now = max(life.now, *(event.at for event in batch)) + chance.choice((0, 100, 1_000, 11_000))
        life.send(batch)
        for _ in range(chance.randint(0, 2)):
            life.step()
    life.now += REORDER_WINDOW_MS + chance.choice((0, 10_000, 30_000, 600_000, 1_300_000))
    while life.surviving(lambda: life.engine.step(life.now)):
        pass


def check(seed, folder):
    life = Life(seed, folder)
    events = said_by(life.chance)
    try:
        live_through(life, events)
        logged = Log(life.database).after(0, 1_000)
        assert len(logged) == len(life.acknowledged) == len(set(events)), (
            f"seed {seed}: the log is not what was taken"
        )
        told = kernel(events, as_of=life.now - REORDER_WINDOW_MS, rules=RULES)
        assert life.meetings() == told, f"seed {seed}: after {life.crashes} crashes the tables differ"
        life.now += LONG
        while life.surviving(lambda: life.engine.step(life.now)):
            pass
        horizon = life.now - RULES.late_grace_ms
        heard = Receiver(Messages(life.database).after(0))
        published = as_received(kernel(events, as_of=horizon, rules=RULES))
        assert heard.meetings == published, f"seed {seed}: what was told is not what is so"
        assert heard.inside == inside(events, RULES, life.now - REORDER_WINDOW_MS), f"seed {seed}: the door"
        return life.crashes
    finally:
        life.end()


@pytest.mark.parametrize("first", range(0, SEEDS, LIVES_A_TEST))
def test_no_crash_loses_or_doubles_anything(first):
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        crashes = [check(seed, folder) for seed in range(first, first + LIVES_A_TEST)]
    assert sum(crashes) > LIVES_A_TEST / 2  # they do die
