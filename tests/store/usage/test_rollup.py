"""The meeting counts of each day agree with the meetings."""

import random
from itertools import product

import pytest

from headcount.store.domains import remove_domain
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import DAY_MS, BatchChanges, MeetingRow

T0 = 20_000 * DAY_MS


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), durability="off")
    yield store
    store.close()


def meeting(number, start, end=None):
    return MeetingRow("acme", f"m-{number}", "blue", start, end, 1)


def commit(store, *rows, gone=()):
    changes = {("acme", row.id): row for row in rows} | {("acme", f"m-{number}"): None for number in gone}
    store.projections.commit(BatchChanges(0, meetings=changes), store.projections.take_over())


def tallied(store):
    with store.database.reading() as connection:
        return dict(connection.query("select day, meetings from meeting_counts where meetings <> 0", {}))


def test_a_meeting_is_counted_once_however_often_it_is_written(store):
    commit(store, meeting(1, T0), meeting(2, T0 + 5), meeting(3, T0 + DAY_MS))
    commit(store, meeting(1, T0, T0 + 60_000))
    commit(store, meeting(1, T0, T0 + 70_000), gone=[3])
    commit(store, gone=[9])
    assert tallied(store) == {20_000: 2}


def test_a_removed_domain_has_no_meeting_counts(store):
    commit(store, meeting(1, T0))
    remove_domain(store.database, "acme")
    assert tallied(store) == {}


def test_any_timeframe_counts_its_meetings(store):
    chance = random.Random(1)
    edges = [T0 + day * DAY_MS + ms for day in range(4) for ms in (-1_000, 0, 1_000, DAY_MS // 2)]
    starts = [*edges, *(T0 + chance.randrange(4 * DAY_MS) for _ in range(100))]
    rows = [meeting(n, start, None if n % 5 == 0 else start + 1) for n, start in enumerate(starts)]
    commit(store, *rows)
    for first, until, ongoing in product([None, *edges], [None, *edges], [None, True, False]):
        wanted = MeetingFilter(starts_from=first, starts_before=until, ongoing=ongoing)
        expected = sum(
            (first is None or row.start >= first)
            and (until is None or row.start < until)
            and ongoing in (None, row.end is None)
            for row in rows
        )
        assert store.meetings.count("acme", wanted, 0) == expected, wanted


def test_any_window_finds_the_meetings_that_overlap_it(store):
    chance = random.Random(2)
    rows = []
    for n in range(200):
        start = T0 + chance.randrange(DAY_MS)
        rows.append(meeting(n, start, None if n % 50 == 0 else start + chance.choice([1, 60_000, 3_600_000])))
    commit(store, *rows)
    for _ in range(400):
        unit = chance.choice([1, 1_000])
        first, until = (
            chance.choice([None, (T0 + chance.randrange(-1000, 2 * DAY_MS)) // unit * unit]) for _ in "ab"
        )
        wanted = MeetingFilter(runs_from=first, runs_before=until)
        found = {row.id for row in store.meetings.page("acme", wanted, Page(limit=1_000), 0)}
        expected = {
            row.id
            for row in rows
            if (first is None or row.end is None or row.end > first) and (until is None or row.start < until)
        }
        assert found == expected
        assert store.meetings.count("acme", wanted, 0) == len(expected)
