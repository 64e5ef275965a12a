"""Local times of a zone and the instants at which its clocks showed them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.timezones import instants_of, parse_zone, split_zone, zone_name

BERLIN = parse_zone("Europe/Berlin")
# Half an hour and not a whole one, a day that never was, two offsets of one year, and none at all.
ODD = ["Australia/Lord_Howe", "Pacific/Apia", "Europe/Istanbul", "America/New_York", "Asia/Kathmandu", "UTC"]


def at(text):
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


def shown(text):
    return datetime.fromisoformat(text)


def test_most_local_times_are_one_instant():
    assert instants_of(shown("2026-06-16 15:10:26"), BERLIN) == [at("2026-06-16T13:10:26Z")]


def test_a_skipped_local_time_is_no_instant():
    assert instants_of(shown("2026-03-29 02:30"), BERLIN) == []
    assert instants_of(shown("2026-03-29 03:00"), BERLIN) == [at("2026-03-29T01:00Z")]


def test_a_repeated_local_time_is_two_instants_the_earlier_first():
    assert instants_of(shown("2026-10-25 02:30"), BERLIN) == [
        at("2026-10-25T00:30Z"),
        at("2026-10-25T01:30Z"),
    ]
    assert instants_of(shown("2026-10-25 03:00"), BERLIN) == [at("2026-10-25T02:00Z")]


@given(st.integers(at("2000-01-02T00:00Z"), at("2037-01-01T00:00Z")), st.sampled_from(ODD))
def test_the_local_time_of_an_instant_includes_it(moment, name):
    zone = parse_zone(name)
    second = moment // 1_000
    there = datetime.fromtimestamp(second, UTC).astimezone(zone).replace(tzinfo=None)
    assert second * 1_000 in instants_of(there, zone)


@pytest.mark.parametrize("name", ["+02:00", "+0200", "-05:30", "UTC", "Europe/Berlin"])
def test_a_zone_has_a_name_or_an_offset(name):
    assert instants_of(shown("2026-06-16 15:10"), parse_zone(name))


@pytest.mark.parametrize(
    "name", ["", "Berlin", "+25:00", "2", "../etc/passwd", "Europe/Berlin\0", "/etc/passwd", "CEST "]
)
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(BadInput, match="no zone is called"):
        parse_zone(name)


@pytest.mark.parametrize(
    ("text", "rest", "zone"),
    [
        ("Join Time (UTC)", "Join Time", "UTC"),
        ("Join Time [gmt]", "Join Time", "UTC"),
        ("Join Time UTC", "Join Time", "UTC"),
        ("Join Time (GMT+2)", "Join Time", "+02:00"),
        ("Join Time (UTC \u2212 3:30)", "Join Time (UTC \u2212 3:30)", ""),
        ("Join Time (UTC\u22123:30)", "Join Time", "-03:30"),
        ("Timestamp (UTC+05:30)", "Timestamp", "+05:30"),
        ("Join Time (+0530)", "Join Time", "+05:30"),
        ("Join Time (Europe/Berlin)", "Join Time", "Europe/Berlin"),
        ("Join Time (UTC+15)", "Join Time (UTC+15)", ""),
        ("Join Time (EST)", "Join Time (EST)", ""),
        ("Name (Original Name)", "Name (Original Name)", ""),
        ("Meeting (N/A)", "Meeting (N/A)", ""),
        ("Europe/Berlin", "", "Europe/Berlin"),
        ("UTC", "", "UTC"),
        ("+02:00", "", "+02:00"),
        ("2026-06-16T13:10:26Z", "2026-06-16T13:10:26", "UTC"),
        ("2026-06-16T13:10:26.5+02:00", "2026-06-16T13:10:26.5", "+02:00"),
        ("06/16/2026 03:00:00 PM +0200", "06/16/2026 03:00:00 PM", "+02:00"),
        ("06/16/2026 03:00:00 PM GMT-5", "06/16/2026 03:00:00 PM", "-05:00"),
        ("06/16/2026 15:00 America/New_York", "06/16/2026 15:00", "America/New_York"),
        ("2026-06-16", "2026-06-16", ""),
        ("15:00 16-06-2026", "15:00 16-06-2026", ""),
    ],
)
def test_a_zone_at_the_end_of_a_text_is_split_off(text, rest, zone):
    assert split_zone(text) == (rest, zone)
    assert not zone or zone_name(parse_zone(zone)) == zone
