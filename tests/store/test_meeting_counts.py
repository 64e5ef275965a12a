"""Totals by size are exact: those of stored counts agree with a plain filter over all meetings."""

import random
from dataclasses import replace

import pytest

from headcount.store.domains import remove_domain
from headcount.store.meeting_counts import MINUTE_MS, PERIOD_MS
from headcount.store.meeting_lists import MeetingFilter, Page, count_meetings, select_page
from headcount.store.open import open_store
from headcount.store.records import BatchChanges, MeetingRow
from headcount.store.statements import statement

T0 = 700 * PERIOD_MS
NOW = T0 + 4 * PERIOD_MS
DURATIONS = (1, 999, 59_999, 60_000, 60_001, 90_500, 119_999, 120_000, 3_600_000, 40 * 86_400_000)


def meeting(number, start, duration, most=1):
    end = None if duration is None else start + duration
    return MeetingRow("acme", f"m-{number:04}", f"room-{number % 7}", start, end, most)


def commit(store, *rows, gone=(), progress=None):
    changes = {("acme", row.id): row for row in rows} | {("acme", name): None for name in gone}
    batch = BatchChanges(0, meetings=changes, progress=progress or {})
    store.projections.commit(batch, store.projections.take_over())


def table(store):
    with store.database.reading() as connection:
        text = (
            "select period, minutes, max_participants, meetings from ended_meeting_counts where meetings <> 0"
        )
        return {tuple(row[:3]): row[3] for row in connection.query(text, {})}


def random_meetings(chance, number):
    edges = [T0 + n * PERIOD_MS + ms for n in range(4) for ms in (-1, 0, 1, 1_000, PERIOD_MS // 2)]
    for n in range(number):
        start = chance.choice([*edges, T0 + chance.randrange(3 * PERIOD_MS)])
        duration = chance.choice([None, *DURATIONS, chance.randrange(1, 300_000)])
        yield meeting(n, start, duration, chance.choice([1, 2, 3, 3, 50]))


def matches(row, wanted, now):
    end = now if row.end is None else row.end
    second = row.start // 1_000
    return (
        (wanted.starts_from is None or second >= -(-wanted.starts_from // 1_000))
        and (wanted.starts_before is None or second < -(-wanted.starts_before // 1_000))
        and wanted.ongoing in (None, row.end is None)
        and row.max_participants >= (wanted.min_participants or 0)
        and end - row.start >= (wanted.min_duration or 0)
        and (wanted.runs_from is None or row.end is None or row.end > wanted.runs_from)
        and (wanted.runs_before is None or row.start < wanted.runs_before)
        and wanted.room in (None, row.room)
    )


def random_filter(chance):
    edges = [None, *(T0 + n * PERIOD_MS + ms for n in range(4) for ms in (-1_000, 0, 1_000, PERIOD_MS // 3))]
    wanted = MeetingFilter(
        min_participants=chance.choice([None, 0, 1, 2, 3, 4, 50, 51]),
        min_duration=chance.choice([None, 0, 1, 60_000, 61_000, 90_000, 119_999, 3_600_000, 5 * 86_400_000]),
        ongoing=chance.choice([None, None, None, False, True]),
    )
    first, until = chance.choice(edges), chance.choice(edges)
    match chance.randrange(4):
        case 0:
            return wanted
        case 1:
            return replace(wanted, runs_from=first, runs_before=until)
        case 2:
            return replace(
                wanted, runs_from=T0 + chance.randrange(PERIOD_MS), room=chance.choice([None, "room-3"])
            )
        case _:
            return replace(wanted, starts_from=first, starts_before=until)


@pytest.mark.parametrize("seed", range(3))
def test_any_filter_by_size_counts_what_its_list_has(store, seed):
    chance = random.Random(seed)
    rows = list(random_meetings(chance, 200))
    commit(store, *rows)
    for _ in range(150):
        wanted, now = random_filter(chance), NOW + chance.choice([0, 1, 59_999, MINUTE_MS])
        found = {row.id for row in store.meetings.page("acme", wanted, Page(limit=1_000), now)}
        assert found == {row.id for row in rows if matches(row, wanted, now)}, wanted
        assert store.meetings.count("acme", wanted, now) == len(found), wanted


def test_pages_by_size_skip_no_meeting_in_either_direction(store):
    rows = list(random_meetings(random.Random(7), 90))
    commit(store, *rows)
    wanted = MeetingFilter(min_participants=2, min_duration=60_000)
    matching = (row for row in rows if matches(row, wanted, NOW))
    oldest_first = sorted(matching, key=lambda row: (row.start // 1_000, row.id))
    for ascending in (False, True):
        found, after = [], None
        while page := store.meetings.page("acme", wanted, Page(7, after=after, ascending=ascending), NOW):
            found, after = found + page, page[-1]
        assert found == oldest_first[:: 1 if ascending else -1]
    back, before = [], None
    while page := store.meetings.page("acme", wanted, Page(7, before=before, oldest=before is None), NOW):
        back, before = page + back, page[0]
    assert back == oldest_first[::-1]


def test_an_ongoing_meeting_grows_into_a_minimum_duration(store):
    commit(store, meeting(1, T0, None))
    wanted = MeetingFilter(min_duration=60_000)
    assert store.meetings.count("acme", wanted, T0 + 59_999) == 0
    assert store.meetings.count("acme", wanted, T0 + 60_000) == 1


def test_a_window_from_within_a_second_counts_a_meeting_that_starts_later_in_it(store):
    commit(store, meeting(1, T0 + 700, 5_000), meeting(2, T0 + 300, 100), meeting(3, T0 + 300, 300))
    assert store.meetings.count("acme", MeetingFilter(runs_from=T0 + 500), NOW) == 2


def test_a_meeting_is_counted_by_its_latest_size(store):
    commit(store, meeting(1, T0, None))
    assert table(store) == {}
    commit(store, progress={("acme", "m-0001"): (None, 4)})
    assert table(store) == {}
    commit(store, progress={("acme", "m-0001"): (T0 + 90_000, 5)})
    assert table(store) == {(700, 1, 5): 1}
    commit(store, meeting(1, T0, 200_000, 6), meeting(2, T0, 200_001, 6))
    assert table(store) == {(700, 3, 6): 2}
    commit(store, progress={("acme", "m-0001"): (None, 6)})
    assert table(store) == {(700, 3, 6): 1}
    commit(store, gone=["m-0001", "m-0002", "m-0003"])
    assert table(store) == {}


def test_many_meetings_of_a_batch_are_each_counted_once(store):
    rows = [meeting(n, T0 + n, 60_000) for n in range(450)]
    commit(store, *rows)
    commit(store, *rows)
    assert table(store) == {(700, 1, 1): 450}


def test_a_removed_domain_has_no_counts(store):
    commit(store, meeting(1, T0, 60_000))
    remove_domain(store.database, "acme")
    assert table(store) == {}


class Explained:
    """A connection that returns nothing, and collects SQLite's plans."""

    def __init__(self, connection):
        self.connection = connection
        self.plans = []

    def query(self, text, values):
        self.plans += [row[3] for row in self.connection.query(f"explain query plan {text}", values)]
        return [("[]",)] if "json_group_array" in text else [(0,)]


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (MeetingFilter(min_participants=9), "meetings_by_start"),
        (MeetingFilter(min_participants=9, ongoing=False), "meetings_by_start"),
        (MeetingFilter(min_duration=90_000, starts_from=T0 + 1_000), "meetings_by_start"),
        (MeetingFilter(min_duration=90_000, ongoing=True), "ongoing_meetings"),
    ],
)
def test_a_filter_by_size_reads_an_index_alone(tmp_path, question, index):
    store = open_store(str(tmp_path / "store.db"))
    with store.database.reading() as connection:
        explained = Explained(connection)
        select_page(explained, "acme", question, Page(), NOW)
    store.close()
    assert any(f"COVERING INDEX {index}" in step for step in explained.plans), explained.plans


def test_ongoing_meetings_have_an_index_of_their_own(tmp_path):
    store = open_store(str(tmp_path / "store.db"))
    with store.database.reading() as connection:
        explained = Explained(connection)
        select_page(explained, "acme", MeetingFilter(ongoing=True), Page(), NOW)
        count_meetings(explained, "acme", MeetingFilter(ongoing=True), NOW)
        explained.query(statement("select_ongoing_meeting_ids"), {"domain": "acme"})
    store.close()
    used = [step for step in explained.plans if "SEARCH" in step]
    assert len(used) == 3
    assert all("INDEX ongoing_meetings" in step for step in used), used
