"""Usage, on both databases: rolled up or pending, in any time range of a quarter of a year."""

from contextlib import contextmanager
from random import Random

import pytest

from headcount.engine.engine import Engine
from headcount.kernel.attributes import canonical, text_of, values_of
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.database import StoreBusy
from headcount.store.domains import remove_domain
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import BatchChanges, MeetingRow, StayRow
from headcount.store.usage.rollup import UsageRollup
from headcount.store.usage.totals import total_of_value
from support.engines import NEW_YEAR
from support.stored import entry_of

QUARTER = 900_000
DAYS = 100
FIRST = NEW_YEAR // QUARTER
LAST = FIRST + DAYS * 96
NOW = LAST * QUARTER
ROOMS = ("blue", "green", "red")
CUSTOMERS = ("acme", "Zürich & Söhne, 'AG'", "null", "long" * 500, "sha256:short")
ASKED = (
    (("customer", "acme"),),
    (("customer", "long" * 500),),
    (("seat", "2.5"),),
    (("role", "host"), ("customer", "null")),
    (("customer", "nobody"),),
)
"""On attributes of which usage is stored and of which it is not."""
TABLES = (
    "room_quarters", "domain_quarters", "domain_steps", "room_totals", "value_totals", "long_values", "pending_rollups"
)  # fmt: skip


def visits(chance, number):
    """Comings and goings over a quarter of a year, a few of whom have not gone yet."""
    for n in range(number):
        at = NEW_YEAR + chance.randrange(DAYS * 96 * QUARTER - 3 * 3_600_000)
        for k in range(chance.randint(1, 4)):
            who = f"c-{n}-{k}"
            join = at + k * chance.randrange(1, 900_000)
            room = ROOMS[n % 3]
            known = {
                "customer": chance.choice([None, *CUSTOMERS]),
                "role": "guest" if k else "host",
                "seat": chance.choice([None, 1, 2.5, True]),
            }
            yield Event(Kind.JOIN, room, join, who, attributes=canonical(known if n % 10 else {}))
            if n % 80:
                yield Event(Kind.LEAVE, room, join + chance.randrange(10_000, 3 * 3_600_000), who)


def texts(entry):
    return {key: text_of(value) for key, value in values_of(entry.attributes).items()}


def fulfills(conditions):
    return lambda entry: dict(conditions).items() <= texts(entry).items()


def entries_of(store, domain, now):
    """All meetings, and the entries of each by its id."""
    rows = store.meetings.page(domain, MeetingFilter(), Page(limit=100_000), now)
    entries = {}
    for start in range(0, len(rows), 100):
        entries |= store.meetings.entries(rows[start : start + 100])
    return rows, entries


def summed(rows, entries, first, until, now, fits):
    """Meetings, time and the most at once of the entries that fit, or None without usage."""
    start, end = first * QUARTER, until * QUARTER
    fitting = {row.id: [one for one in entries[row.id] if fits(one)] for row in rows}
    spans = [
        (max(start, one.join), min(end, now if one.leave is None else one.leave))
        for some in fitting.values()
        for one in some
    ]
    spans = [(a, b) for a, b in spans if a < b]
    began = sum(start <= row.start < end and bool(fitting[row.id]) for row in rows)
    return (began, sum(b - a for a, b in spans), most_of(spans)) if began or spans else None


def slow(store, domain, first, until, now, conditions=()):
    """The sum over all meetings: meetings, time and the most at once; of all rooms together, and of each."""
    rows, entries = entries_of(store, domain, now)
    rooms = {room: [row for row in rows if room in (None, row.room)] for room in (None, *ROOMS)}
    found = {
        room: summed(some, entries, first, until, now, fulfills(conditions)) for room, some in rooms.items()
    }
    return {room: used for room, used in found.items() if used}


def slow_values(store, key, first, until, now, conditions=()):
    """The same of each value of an attribute, and of those without it."""
    rows, entries = entries_of(store, "default", now)
    fits = fulfills(conditions)
    found = {}
    for value in {texts(one).get(key) for some in entries.values() for one in some}:
        found[value] = summed(
            rows, entries, first, until, now, lambda one, v=value: fits(one) and texts(one).get(key) == v
        )
    return {value: used for value, used in found.items() if used}


def total_of(quarters):
    return total_of_value(None, quarters.values()) if quarters else None


def fast_values(store, key, first, until, now, conditions=()):
    values, quarters = store.usage.by_value("default", key, None, first, until, now, conditions)
    assert sum(one.participant_ms for one in values) == sum(one.participant_ms for one in quarters.values())
    assert [one.participant_ms for one in values] == sorted(
        (one.participant_ms for one in values), reverse=True
    )
    return {one.value: tuple(one)[1:4] for one in values}


def most_of(spans):
    count = most = 0
    for _, change in sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans]):
        count += change
        most = max(most, count)
    return most


def fast(store, domain, first, until, now, conditions=()):
    rooms, quarters = store.usage.by_room(domain, None, first, until, now, conditions)
    sums = store.usage.by_quarter(domain, None, first, until, now, conditions, range(first, until, 50))
    assert total_of(quarters) == total_of(sums)
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
    some_ranges = ranges(Random(9))
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
    for _ in range(3):
        check(store, *next(some_ranges), chance)
    store.usage_rollup.finish()
    assert rows_in(store, "pending_rollups") == 0
    for first, until in ranges(chance):
        assert fast(store, "default", first, until, NOW) == slow(store, "default", first, until, NOW)
    for _ in range(4):
        check(store, *next(some_ranges), chance)
    assert rows_in(store, "value_totals")
    before = {table: all_rows(store, table) for table in TABLES}
    assert not store.usage_rollup.set_attributes(["customer", "role", "kind"])
    assert store.usage_rollup.set_attributes(["seat"])
    check(store, FIRST, LAST, chance)
    store.usage_rollup.step(10)
    check(store, FIRST + 40 * 96, LAST, chance)
    store.usage_rollup.finish()
    check(store, FIRST + 40 * 96 + 5, LAST, chance)
    assert store.usage.attributes("default") == ["seat"]
    store.usage_rollup.set_attributes(["customer", "role", "kind"])
    store.usage_rollup.finish()
    assert before == {table: all_rows(store, table) for table in TABLES}
    assert store.usage.attributes("default") == ["customer", "role"]


def check(store, first, until, chance):
    """Usage of a time, of everybody and by attributes, is that of the meetings."""
    conditions = chance.choice(ASKED)
    for some in ((), conditions):
        assert fast(store, "default", first, until, NOW, some) == slow(
            store, "default", first, until, NOW, some
        )
    for key in ("customer", "seat"):
        assert fast_values(store, key, first, until, NOW) == slow_values(store, key, first, until, NOW)
    by_role = fast_values(store, "role", first, until, NOW, conditions)
    assert by_role == slow_values(store, "role", first, until, NOW, conditions)


def all_rows(store, table):
    with store.database.reading() as connection:
        return sorted(connection.query(f"select * from {table}", {}))


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
