"""Usage, on both databases: rolled up or pending, in any time range of a quarter of a year."""

from contextlib import contextmanager
from random import Random

import pytest

from headcount.engine.engine import Engine
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.database import StoreBusy
from headcount.store.domains import remove_domain
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import BatchChanges, MeetingRow, StayRow
from headcount.store.usage.rollup import UsageRollup
from support.engines import NEW_YEAR
from support.stored import entry_of

QUARTER = 900_000
DAYS = 100
FIRST = NEW_YEAR // QUARTER
LAST = FIRST + DAYS * 96
NOW = LAST * QUARTER
ROOMS = ("blue", "green", "red")
TABLES = ("room_quarters", "domain_quarters", "domain_steps", "room_totals", "pending_rollups")


def visits(chance, number):
    """Comings and goings over a quarter of a year, a few of whom have not gone yet."""
    for n in range(number):
        at = NEW_YEAR + chance.randrange(DAYS * 96 * QUARTER - 3 * 3_600_000)
        for k in range(chance.randint(1, 4)):
            who = f"c-{n}-{k}"
            join = at + k * chance.randrange(1, 900_000)
            room = ROOMS[n % 3]
            yield Event(Kind.JOIN, room, join, who)
            if n % 25:
                yield Event(Kind.LEAVE, room, join + chance.randrange(10_000, 3 * 3_600_000), who)


def slow(store, domain, first, until, now):
    """The sum over all meetings: meetings, time and the most at once; of all rooms together, and of each."""
    rows = store.meetings.page(domain, MeetingFilter(), Page(limit=100_000), now)
    entries = {}
    for start in range(0, len(rows), 100):
        entries |= store.meetings.entries(rows[start : start + 100])
    start, end = first * QUARTER, until * QUARTER
    found = {}
    for room in (None, *sorted({row.room for row in rows})):
        theirs = [row for row in rows if room in (None, row.room)]
        spans = [
            (max(start, one.join), min(end, now if one.leave is None else one.leave))
            for row in theirs
            for one in entries[row.id]
        ]
        spans = [(a, b) for a, b in spans if a < b]
        began = sum(start <= row.start < end for row in theirs)
        if began or spans:
            found[room] = (began, sum(b - a for a, b in spans), most_of(spans))
    return found


def most_of(spans):
    count = most = 0
    for _, change in sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans]):
        count += change
        most = max(most, count)
    return most


def fast(store, domain, first, until, now):
    rooms, quarters = store.usage.by_room(domain, None, first, until, now)
    found = {one.room: tuple(one)[1:] for one in rooms}
    if quarters:
        began, time, most, _ = zip(*quarters.values(), strict=True)
        found[None] = (sum(began), sum(time), max(most))
    return found


def ranges(chance):
    yield FIRST, LAST
    yield FIRST, FIRST + 1
    for _ in range(8):
        first, until = sorted(chance.randrange(FIRST, LAST) for _ in "ab")
        yield first, until + 1


def test_usage_of_any_time_range_is_that_of_its_meetings(store):
    chance = Random(8)
    engine = Engine(store, Rules(), store.projections.take_over(), batch_size=100)
    said = list(visits(chance, 250))
    chance.shuffle(said)
    for start in range(0, len(said), 100):
        store.log.append([[entry_of(event, NOW) for event in said[start : start + 100]]])
        while engine.step(NOW):
            pass
        store.usage_rollup.step(chance.randint(1, 20))
    for first, until in ranges(chance):
        assert fast(store, "default", first, until, NOW) == slow(store, "default", first, until, NOW)
    store.usage_rollup.finish()
    assert rows_in(store, "pending_rollups") == 0
    for first, until in ranges(chance):
        assert fast(store, "default", first, until, NOW) == slow(store, "default", first, until, NOW)


def met(number, room="blue", hours=1, domain="acme"):
    """A meeting of two, and what the engine would write of it."""
    start = NEW_YEAR + number * 86_400_000
    end = start + hours * 3_600_000
    stays = {
        (domain, room, start, who): StayRow(domain, room, start, who, end, "reported", None, None)
        for who in "ab"
    }
    row = MeetingRow(domain, f"{room}-{number}", room, start, end, 2)
    return BatchChanges(
        0, stays=stays, meetings={(domain, row.id): row}, pending_rollups={(domain, room): (start, end)}
    )


def rows_in(store, table):
    with store.database.reading() as connection:
        return connection.query(f"select count(*) from {table}", {})[0][0]


def commit(store, *rounds):
    epoch = store.projections.take_over()
    for one in rounds:
        store.projections.commit(one, epoch)


def test_marking_everything_covers_meetings_that_no_rollup_was_pending_for(store):
    for number in range(3):
        one = met(number)
        one.pending_rollups.clear()
        commit(store, one)
    store.usage_rollup.reset()
    assert rows_in(store, "pending_rollups") == 1
    before = fast(store, "acme", FIRST, LAST, NOW)
    store.usage_rollup.finish()
    assert before == fast(store, "acme", FIRST, LAST, NOW) == slow(store, "acme", FIRST, LAST, NOW)
    assert before["blue"] == (3, 3 * 2 * 3_600_000, 2)


def test_a_removed_domain_leaves_no_usage(store):
    commit(store, met(0), met(1, domain="other"))
    store.usage_rollup.step(1)
    remove_domain(store.database, "acme")
    store.usage_rollup.finish()
    remove_domain(store.database, "other")
    assert [rows_in(store, table) for table in TABLES] == [0] * len(TABLES)


class Beaten:
    """A database in which somebody else does the same first, between our reading and our writing."""

    def __init__(self, database, first):
        self._database = database
        self._first = first

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def writing(self):
        self._first()
        with self._database.writing() as connection:
            yield connection


@pytest.mark.parametrize("most", [1, 2, 10])
def test_a_step_of_two_processes_is_applied_once(store, most):
    commit(store, met(0), met(1, "red"), met(2))
    assert UsageRollup(Beaten(store.database, lambda: store.usage_rollup.step(most))).step(2)
    store.usage_rollup.finish()
    assert fast(store, "acme", FIRST, LAST, NOW) == slow(store, "acme", FIRST, LAST, NOW)
    assert rows_in(store, "pending_rollups") == 0


def test_changes_during_a_rollup_are_rolled_up_again(store):
    commit(store, met(0))
    longer = met(0, hours=5)
    assert not UsageRollup(Beaten(store.database, lambda: commit(store, longer))).step()
    assert fast(store, "acme", FIRST, LAST, NOW)["blue"] == (1, 2 * 5 * 3_600_000, 2)
    store.usage_rollup.finish()
    assert fast(store, "acme", FIRST, LAST, NOW)["blue"] == (1, 2 * 5 * 3_600_000, 2)


def test_usage_is_unavailable_while_too_many_rollups_are_pending(store):
    many = BatchChanges(0)
    many.pending_rollups.update({("acme", f"room-{n}"): (NEW_YEAR, NEW_YEAR + 1) for n in range(5_001)})
    commit(store, many)
    with pytest.raises(StoreBusy, match="worked out"):
        store.usage.by_quarter("acme", None, FIRST, LAST, NOW)
    store.usage_rollup.step()
    assert store.usage.by_quarter("acme", None, FIRST, LAST, NOW) == {}
