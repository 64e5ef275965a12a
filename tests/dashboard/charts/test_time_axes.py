"""Ticks: at round local times, also when clocks change, and legible."""

from datetime import UTC
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.dashboard.charts.axes import TimeScale, count_ticks, time_ticks
from headcount.dashboard.charts.text_width import fitted, width_of
from headcount.dashboard.sanitize import local
from support.chart_samples import BERLIN, HOUR, MINUTE, SECOND, at

ZONES = [
    UTC,
    *map(ZoneInfo, ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Pacific/Apia")),
]  # fmt: skip


def labels(start, end, zone=BERLIN, width=600):
    return [tick.label for tick in time_ticks(TimeScale(start, end, 0, width), zone) if tick.label]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (20 * SECOND, ["09:00:05", "09:00:10", "09:00:15"]),
        (HOUR, ["09:00", "09:10", "09:20", "09:30", "09:40", "09:50", "10:00"]),
        (12 * HOUR, ["10:00", "12:00", "14:00", "16:00", "18:00", "20:00"]),
        (4 * 24 * HOUR, ["12:00", "24 Nov", "12:00", "25 Nov", "12:00", "26 Nov", "12:00", "27 Nov"]),
        (40 * 24 * HOUR, ["30 Nov", "7 Dec", "14 Dec", "21 Dec", "28 Dec"]),
        (400 * 24 * HOUR, ["Dec", "2027", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]),
    ],
)  # fmt: skip
def test_ticks_are_at_round_times_and_dates(length, expected):
    start = at(2026, 11, 23, 9)
    assert labels(start, start + length) == expected


def test_an_hour_that_occurs_twice_has_two_ticks():
    assert labels(at(2026, 10, 25), at(2026, 10, 25, 5), width=900) == [
        "25 Oct", "00:30", "01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30", "04:00", "04:30", "05:00",
    ]  # fmt: skip


def test_a_skipped_hour_has_no_tick():
    assert labels(at(2026, 3, 29), at(2026, 3, 29, 5), width=300) == [
        "29 Mar",
        "01:00",
        "03:00",
        "04:00",
        "05:00",
    ]


def test_a_day_whose_midnight_is_skipped_has_a_tick_at_its_first_time():
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24 starts at 01:00
    ticks = time_ticks(TimeScale(at(2026, 4, 22, zone=cairo), at(2026, 4, 27, zone=cairo), 0, 300), cairo)
    assert [tick.label for tick in ticks] == ["22 Apr", "23 Apr", "24 Apr", "25 Apr", "26 Apr", "27 Apr"]
    assert local(ticks[2].at, cairo).hour == 1


@given(
    st.integers(at(2010, 1, 1), at(2040, 1, 1)),
    st.one_of(st.integers(1, 10_000), st.integers(1, 400 * 24 * HOUR), st.integers(1, 50 * 366 * 24 * HOUR)),
    st.sampled_from(ZONES),
    st.integers(60, 1_600),
)
def test_labels_do_not_overlap_and_ticks_are_few_ordered_and_inside(start, length, zone, width):
    scale = TimeScale(start, start + length, 100, 100 + width)
    ticks = time_ticks(scale, zone)
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    assert all(start <= tick.at <= start + length for tick in ticks)
    assert len(ticks) <= width / 20 + 2
    spans = [
        (tick.x - width_of(tick.label) / 2, tick.x + width_of(tick.label) / 2) for tick in ticks if tick.label
    ]
    assert all(right < left for (_, right), (left, _) in pairwise(spans))


@given(st.integers(at(2010, 1, 1), at(2040, 1, 1)), st.integers(MINUTE, 30 * HOUR), st.sampled_from(ZONES))
def test_ticks_within_a_day_are_at_full_local_minutes(start, length, zone):
    for tick in time_ticks(TimeScale(start, start + length, 0, 100), zone):
        clock = local(tick.at, zone)
        assert (clock.second, clock.microsecond) == (0, 0)


@given(st.integers(0, 10**15))
def test_numbers_of_an_axis_are_whole_round_and_few(largest):
    ticks = count_ticks(largest)
    assert ticks[0] == 0
    assert ticks[-1] <= max(largest, 1)
    assert 1 < len(ticks) <= 6
    assert all(tick == int(tick) for tick in ticks)
    assert str(int(ticks[1])).rstrip("0") in {"1", "2", "5"}


@given(st.floats(0, 1e9))
def test_fractions_have_an_axis_too(largest):
    assert 1 <= len(count_ticks(largest)) <= 6


@given(st.text(st.characters()), st.floats(12, 400))
def test_a_shortened_text_fits_and_is_the_start_of_the_text(text, width):
    short = fitted(text, width)
    assert width_of(short) <= width + 0.01 or short == text
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
