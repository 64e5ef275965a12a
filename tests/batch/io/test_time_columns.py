"""Times: every valid notation, and those that are refused."""

import re
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.batch.io.event_columns import ColumnMap
from headcount.sources.event_format import time_of
from headcount.timestamps import (
    InvalidTimestamp,
    format_timestamp,
    parse_plausible_timestamp,
    parse_timestamp,
)
from support import ROOT
from support.event_files import (
    HEADER,
    JOIN,
    LEAVE,
    NINE,
    error_of,
    error_with,
    read_all,
    table,
    write_lines,
    write_ndjson,
)

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


FORMS = [
    ("2026-01-31T09:00:00Z", 0),
    ("2026-01-31t09:00:00z", 0),
    ("2026-01-31T09:00Z", 0),
    ("2026-01-31 09:00:00.123+00:00", 123),
    ("2026-01-31T10:30:00.9999999+01:30", 999),
    ("2026-01-31T09:00:00.0000000001Z", 0),
    ("2026-01-31 09:00:00+00", 0),  # PostgreSQL
    ("2026-01-31 05:30:00-0330", 0),
    ("2026-01-31 09:00:00 +0000", 0),  # Git, Ruby
    ("2026-01-31 10:30:00 +01:30", 0),
    ("2026-01-31 05:30:00.5 -0330", 500),
    ("2026-01-31 09:00:00 UTC", 0),  # BigQuery
    ("2026-01-31 09:00:00.123456 utc", 123),
    ("2026-01-31T09:00:00UTC", 0),
    ("2026-01-31 09:00:00 GMT", 0),
    ("2026-01-31 09:00:00 Z", 0),
    ("2026-01-31 09:00:00,123Z", 123),  # Log4j, Python's logging
    ("2026-01-31T10:00:00,123456+0100", 123),
    ("2026-01-31 09:00:00.123 +0000 UTC", 123),  # Go
    ("2026-01-31 10:00:00.123456789 +0100 CET m=+0.000012", 123),
    ("2026-01-31 12:00:00 +0300 +03", 0),
    ("2026-01-31T10:00:00+01:00[Europe/Berlin]", 0),  # Java
    (str(NINE), 0),
]
"""Each accepted form of a time as text, and its milliseconds after nine."""


def read_in_each_way(folder, text):
    """The time in ms as each reader understands it, alone and in a column with another form."""
    pq.write_table(table(JOIN | {"at": text}), folder / "e.parquet")
    record = f'blue,p1,join,"{text}"\n'
    write_lines(folder / "e.csv", HEADER, record)
    write_lines(folder / "slow.csv", "room, participant_id, kind, at\n", record)
    write_ndjson(folder / "e.ndjson", JOIN | {"at": text})
    mixed = table(JOIN | {"at": text}, JOIN | {"at": "2026-01-31T10:00:00+01[Europe/Berlin]"})
    files = ("e.parquet", "e.csv", "slow.csv", "e.ndjson")
    for source in (*(folder / name for name in files), table(JOIN | {"at": text}), mixed):
        yield read_all(source)["at"].to_pylist()[0]
    yield parse_plausible_timestamp(text)


@pytest.mark.parametrize(("text", "after_nine"), FORMS)
def test_every_reader_accepts_every_form_of_a_time(tmp_path, text, after_nine):
    assert {*read_in_each_way(tmp_path, text)} == {NINE + after_nine}


@pytest.mark.parametrize(("text", "after_nine"), FORMS[:-1])
def test_an_event_of_the_api_may_have_every_form_with_a_date(text, after_nine):
    assert time_of(text, "at", "") == NINE + after_nine


def test_the_documented_examples_are_accepted():
    page = (ROOT / "docs/reference/files.md").read_text()
    _, examples, _ = re.split(r"\| variation .*\n|\n\n(?=Headcount refuses a time)", page)
    found = re.findall(r"`(2026-[^`]+)`", examples)
    assert len(found) > len(examples.splitlines())
    assert {parse_plausible_timestamp(text) // 1_000 for text in found} == {
        1_772_442_000
    }  # nine in the morning


EXPECTED = "give RFC 3339 with its zone, like 2026-01-31T09:00:00Z, or whole milliseconds since 1970"
NO_OFFSET = "without an offset: give Z for UTC, or an offset like +02:00"
REFUSED = [
    ("2026-01-31 09:00:00", "has no time zone: add Z for UTC, or an offset like +02:00"),
    ("2026-01-31 09:00:00,5", "has no time zone: add Z for UTC, or an offset like +02:00"),
    ("2026-01-31 09:00:00 CET", f"has the zone CET {NO_OFFSET}"),
    ("2026-01-31T09:00:00[Europe/Berlin]", f"has the zone [EUROPE/BERLIN] {NO_OFFSET}"),
    ("2026-01-31T09:00:00Z ", "has spaces around it: remove them"),
    ("31.01.2026 09:00", f"is not a time: {EXPECTED}"),
    ("2026-01-31T25:00:00Z", f"is not a time: {EXPECTED}"),
    ("2026-01-31T09:00:00+25:00", f"is not a time: {EXPECTED}"),
    ("1769850000,25", "has a decimal comma: write a decimal point"),
    *(
        (text, "has a thousands separator: write the digits only")
        for text in (
            "1,769,850,000,000",
            "1.769.850.000.000",
            "1 769 850 000 000",
            "1\u202f769\u202f850",
            "1'769'850",
        )
    ),
    *(
        (
            text,
            "was rounded by a spreadsheet: format the column as a number without decimals, and save the file again",
        )
        for text in ("1.76985E+12", "1,76985E+12", "1e9")
    ),
    ("0x19C11A0", f"is not a time: {EXPECTED}"),
    ("NaN", f"is not a time: {EXPECTED}"),
]


@pytest.mark.parametrize("unit", [None, "s", "ms", "us", "ns"])
@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_other_forms_are_refused_with_a_reason_whatever_the_unit(text, reason, unit):
    error = error_of(table(JOIN | {"at": text}), mapping=ColumnMap(time_unit=unit))
    assert error == f"the events, row 1: at '{text}' {reason}"


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
