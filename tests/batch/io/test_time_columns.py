"""Times: every valid notation, and those that are refused."""

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.batch.io.blocks import ColumnMap
from headcount.timestamps import (
    InvalidTimestamp,
    format_timestamp,
    parse_plausible_timestamp,
    parse_timestamp,
)
from support.event_files import HEADER, JOIN, LEAVE, NINE, error_of, error_with, read_all, table, write_lines

CENTURY = (datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31"))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_timestamps_of_every_unit_and_zone_are_read(unit, zone):
    events = table(JOIN).set_column(
        3, "at", pa.array([NINE], pa.timestamp("ms", zone)).cast(pa.timestamp(unit, zone))
    )
    assert read_all(events)["at"].to_pylist() == [NINE]


def test_times_are_rounded_down_to_milliseconds():
    events = table(JOIN).set_column(3, "at", pa.array([NINE * 1000 + 999], pa.timestamp("us")))
    assert read_all(events)["at"].to_pylist() == [NINE]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-31T09:00:00Z", NINE),
        ("2026-01-31t09:00:00z", NINE),
        ("2026-01-31 09:00:00.123+00:00", NINE + 123),
        ("2026-01-31T10:30:00.9999999+01:30", NINE + 999),
        ("2026-01-31T09:00:00.0000000001Z", NINE),
        (str(NINE), NINE),
    ],
)
def test_rfc_3339_and_milliseconds_are_read_from_text(tmp_path, text, ms):
    file = write_lines(tmp_path / "e.csv", HEADER, f"blue,p1,join,{text}\n")
    assert read_all(file)["at"].to_pylist() == [ms]


@given(st.datetimes(*CENTURY), st.sampled_from([0, 3, 6, 9, 12]))
def test_a_single_time_and_a_column_are_parsed_alike(when, digits):
    text = (
        f"{when:%Y-%m-%dT%H:%M:%S}" + (f".{when.microsecond:06d}000000"[: digits + 1] if digits else "") + "Z"
    )
    assert read_all(table(JOIN | {"at": text}))["at"].to_pylist() == [parse_timestamp(text)]


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_a_formatted_time_can_be_parsed(ms):
    assert parse_timestamp(format_timestamp(ms)) == ms


# Out of time


@pytest.mark.parametrize(
    ("at", "unit", "option"),
    [
        (NINE // 1000, "seconds", "s"),
        (NINE * 1000, "microseconds", "us"),
        (NINE * 1_000_000, "nanoseconds", "ns"),
    ],
)
def test_a_mistaken_unit_is_reported(at, unit, option):
    assert error_with(JOIN, at=at) == (
        f"at {at} is not between the years 2000 and 2100: it looks like {unit}, not milliseconds;"
        f" if so, add --time-unit {option} (in Python: time_unit='{option}')"
    )


@pytest.mark.parametrize(("unit", "per_ms"), [("s", 1 / 1000), ("ms", 1), ("us", 1000), ("ns", 1_000_000)])
@pytest.mark.parametrize("form", [int, float, str, lambda number: f"{float(number):.1f}"])
def test_numbers_of_another_unit_are_milliseconds_rounded_down(unit, per_ms, form):
    at = form(int(NINE * per_ms))
    assert read_all(table(JOIN | {"at": at}), mapping=ColumnMap(time_unit=unit))["at"].to_pylist() == [NINE]


@pytest.mark.parametrize("at", [1_769_850_000.001, "1769850000.001", "1769850000.0019"])
def test_fractions_of_seconds_are_exact_to_the_millisecond(at):
    assert read_all(table(JOIN | {"at": at}), mapping=ColumnMap(time_unit="s"))["at"].to_pylist() == [
        NINE + 1
    ]


def test_numbers_and_rfc3339_may_be_mixed_in_text_of_a_unit():
    rows = table(JOIN | {"at": "1769850000.5"}, LEAVE | {"at": "2026-01-31T09:01:00Z"})
    assert read_all(rows, mapping=ColumnMap(time_unit="s"))["at"].to_pylist() == [NINE + 500, NINE + 60_000]


FIRST, TOO_LATE = 946_684_800_000, 4_102_444_800_000  # 2000-01-01 and 2100-01-01, both T00:00:00Z


def in_each_way(ms):
    """One event at this moment, its time written in each way that there is."""
    number = pa.array([ms], pa.int64())
    yield table(JOIN | {"at": ms})
    yield table(JOIN | {"at": str(ms)})
    yield table(JOIN | {"at": format_timestamp(ms)})
    for unit in ("ms", "us", "ns"):
        yield table(JOIN).set_column(
            3, "at", number.cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp(unit, "UTC"))
        )


@pytest.mark.parametrize("ms", [FIRST, TOO_LATE - 1])
def test_the_first_and_the_last_time_of_the_century_are_valid(ms):
    assert [read_all(events)["at"].to_pylist() for events in in_each_way(ms)] == [[ms]] * 6
    assert parse_plausible_timestamp(str(ms)) == ms


@pytest.mark.parametrize("ms", [FIRST - 1, TOO_LATE])
def test_times_just_outside_the_century_are_refused(ms):
    for events in in_each_way(ms):
        assert error_of(events).endswith(" is not between the years 2000 and 2100")
    with pytest.raises(InvalidTimestamp, match="is not between the years 2000 and 2100"):
        parse_plausible_timestamp(str(ms))


def test_a_fraction_of_a_millisecond_does_not_reach_2100():
    last = pa.array([TOO_LATE * 1_000_000 - 1], pa.timestamp("ns", "UTC"))
    assert read_all(table(JOIN).set_column(3, "at", last))["at"].to_pylist() == [TOO_LATE - 1]


def test_an_implausible_timestamp_is_reported_as_a_date():
    events = table(JOIN).set_column(3, "at", pa.array([NINE // 1000], pa.timestamp("ms", "UTC")))
    assert error_of(events) == (
        "the events, row 1: at 1970-01-21T11:37:30.000Z is not between the years 2000 and 2100:"
        " it looks like seconds, not milliseconds"
    )
