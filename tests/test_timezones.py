"""The starts of hours, days and months of a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.errors import BadInput
from headcount.timezones import EARLIEST, LATEST, boundaries, format_local, parse_calendar_zone

HOUR = 3_600_000
ZONES = sorted(available_timezones() - {"localtime"})


def at(text):
    return round(datetime.fromisoformat(text).timestamp()) * 1_000


def lengths(group, first, until, zone):
    found = boundaries(group, at(first), at(until), parse_calendar_zone(zone))
    return [(end - start) / HOUR for start, end in zip(found, found[1:], strict=False)]


@pytest.mark.parametrize(
    ("zone", "first", "until", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T00:00+01:00", "2026-03-31T00:00+02:00", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24T00:00+02:00", "2026-10-27T00:00+01:00", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-05T00:00+11:00", "2026-04-06T00:00+10:30", [24.5]),
        ("America/Sao_Paulo", "2018-11-03T00:00-03:00", "2018-11-06T00:00-02:00", [24, 23, 24]),
        ("America/Sao_Paulo", "2018-02-17T00:00-02:00", "2018-02-19T00:00-03:00", [25, 24]),
        ("Pacific/Apia", "2011-12-29T00:00-10:00", "2012-01-01T00:00+14:00", [24, 24]),
        ("Asia/Kathmandu", "2026-01-01T00:00+05:45", "2026-01-02T00:00+05:45", [24]),
        ("UTC", "2026-01-01T12:00+00:00", "2026-01-01T12:00:01+00:00", [24]),
    ],
)
def test_days_start_in_the_zone(zone, first, until, expected):
    assert lengths("day", first, until, zone) == expected


def test_months_start_in_the_zone():
    found = lengths("month", "2026-02-15T00:00+01:00", "2026-04-01T00:00+02:00", "Europe/Berlin")
    assert found == [28 * 24, 31 * 24 - 1]


def test_hours_follow_the_clocks_of_the_zone():
    assert lengths("hour", "2026-03-29T00:00+01:00", "2026-03-29T04:00+02:00", "Europe/Berlin") == [1, 1, 1]
    assert lengths("hour", "2026-04-05T00:00+11:00", "2026-04-05T03:00+10:30", "Australia/Lord_Howe") == [
        1,
        1.5,
        1,
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Africa/Abidjan", "+00:00"])
def test_an_offset_of_zero_is_z(zone):
    assert format_local(at("2026-01-29T01:00+00:00"), parse_calendar_zone(zone)) == "2026-01-29T01:00:00Z"


def test_a_local_time_has_its_offset():
    assert (
        format_local(at("2026-03-29T01:00+00:00"), parse_calendar_zone("Europe/Berlin"))
        == "2026-03-29T03:00:00+02:00"
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(("hour", "day", "month")),
    st.integers(EARLIEST, LATEST - 1),
    st.integers(1, 40 * 24 * HOUR),
)
def test_periods_of_any_zone_are_contiguous_and_start_by_its_clocks(zone, group, first, length):
    until = min(first + length, LATEST)
    found = boundaries(group, first, until, ZoneInfo(zone))
    assert found[0] <= first < found[1]
    assert found[-2] < until <= found[-1]
    assert all(one < other for one, other in zip(found, found[1:], strict=False))
    assert all(moment % 900_000 == 0 for moment in found)
    for moment in found:
        here, before = (datetime.fromtimestamp(ms / 1_000, ZoneInfo(zone)) for ms in (moment, moment - 1))
        parts = {
            "hour": (here.date(), here.hour, here.utcoffset()),
            "day": here.date(),
            "month": (here.year, here.month),
        }
        others = {
            "hour": (before.date(), before.hour, before.utcoffset()),
            "day": before.date(),
            "month": (before.year, before.month),
        }
        assert parts[group] != others[group]


def test_an_unknown_zone_is_refused_with_similar_names():
    with pytest.raises(BadInput, match="Europe/Berlin"):
        parse_calendar_zone("Europe/Berln")
    for name in ("", "right/UTC", "../UTC", "localtime", "+02:07", "Europe", "a" * 5_000, "+99:00"):
        with pytest.raises(BadInput):
            parse_calendar_zone(name)


def test_too_many_periods_are_refused():
    zone = parse_calendar_zone("UTC")
    day = 86_400_000
    assert len(boundaries("day", EARLIEST, EARLIEST + 10_000 * day, zone)) == 10_001
    with pytest.raises(BadInput, match="10,000"):
        boundaries("day", EARLIEST, EARLIEST + 10_001 * day, zone)
    with pytest.raises(BadInput, match="10,000"):
        boundaries("hour", EARLIEST, LATEST, zone)


def test_times_before_the_range_are_utc():
    assert boundaries("day", LATEST - 1, LATEST, UTC)[-1] == LATEST
