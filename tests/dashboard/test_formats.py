"""How pages show durations, numbers, spans of time and people without a name."""

from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from headcount.dashboard.formats import age, display_name, duration, names_of, number, span
from headcount.dashboard.texts import Texts

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def at(text):
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (-5 * SECOND, "0s"),
        (200, "0s"),
        (16 * SECOND + 999, "16s"),
        (16 * MINUTE, "16m"),
        (35 * MINUTE + 25 * SECOND, "35m 25s"),
        (HOUR - 1, "59m 59s"),
        (2 * HOUR + 59 * SECOND, "2h"),
        (HOUR + 50 * MINUTE + 59 * SECOND, "1h 50m"),
        (47 * HOUR + 6 * MINUTE, "1d 23h"),
        (1_234 * HOUR + MINUTE, "51d 10h"),
    ],
)
def test_a_duration_has_its_two_largest_units(ms, text):
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (59 * SECOND, "59s"),
        (35 * MINUTE + 25 * SECOND, "35m"),
        (23 * HOUR + 6 * MINUTE, "23h"),
        (49 * HOUR, "2d"),
        (400 * 24 * HOUR, "400d"),
    ],
)
def test_an_age_has_its_largest_unit_only(ms, text):
    assert age(ms) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (5_069, "5,069"), (130_999, "130,999"), (2.0, "2"), (1_234.56, "1,234.6")]
)
def test_a_number_has_commas_between_thousands(value, text):
    assert number(value) == text


def test_a_span_within_a_day_has_one_date():
    start, end = at("2026-11-27T08:59:58+01:00"), at("2026-11-27T10:05:01+01:00")
    assert span(start, end, BERLIN) == "Fri 27 Nov 08:59 – 10:05"
    assert span(start, end, BERLIN, seconds=True) == "Fri 27 Nov 08:59:58 – 10:05:01"


def test_a_span_over_midnight_has_both_dates():
    start, end = at("2026-11-27T08:59:58+01:00"), at("2026-11-29T08:05:48+01:00")
    assert span(start, end, BERLIN) == "Fri 27 Nov 08:59 – Sun 29 Nov 08:05"


def test_the_days_of_a_span_are_those_of_the_time_zone():
    start, end = at("2026-11-27T22:30:00+00:00"), at("2026-11-27T23:30:00+00:00")
    assert span(start, end, ZoneInfo("UTC")) == "Fri 27 Nov 22:30 – 23:30"
    assert span(start, end, BERLIN) == "Fri 27 Nov 23:30 – Sat 28 Nov 00:30"


def test_a_span_over_new_year_has_both_years():
    start, end = at("2026-12-31T23:30:00+01:00"), at("2027-01-01T00:30:00+01:00")
    assert span(start, end, BERLIN) == "Thu 31 Dec 2026 23:30 – Fri 1 Jan 2027 00:30"


def test_a_span_without_an_end_is_still_open():
    assert span(at("2026-11-27T09:00:00+01:00"), None, BERLIN) == "Fri 27 Nov 09:00 – ongoing"


def test_a_span_can_have_its_year():
    start, end = at("2026-11-27T09:00:00+01:00"), at("2026-11-27T10:00:00+01:00")
    assert span(start, end, BERLIN, year=True) == "Fri 27 Nov 2026 09:00 – 10:00"


def test_a_connection_without_a_name_is_a_guest_with_the_end_of_its_id():
    assert display_name("Ana", "u1", "c-1") == "Ana"
    assert display_name(None, "u1", "c-1") == "u1"
    assert display_name(None, None, "5c3f1a2b-90aa-4c1e-8d77-fe0c6e34787d") == "Guest · 34787d"
    assert display_name("", "", "me-1") == "Guest · me-1"


def test_each_person_is_named_once():
    ana, bob = ({"user_id": "u1", "user_name": "Ana"}, {"user_id": None, "user_name": "bob"})
    stays = [SimpleNamespace(participant_id=n, **who) for n, who in (("c", bob), ("a", ana), ("b", ana))]
    assert names_of(stays) == ["Ana", "bob"]


def test_a_text_has_a_singular_and_commas_in_its_numbers():
    texts = Texts()
    texts.by_key |= {"x.one": "{n} room", "x.other": "{n} rooms", "y": "{year}"}
    assert [texts("x", n=n) for n in (0, 1, 1_500)] == ["0 rooms", "1 room", "1,500 rooms"]
    assert texts("y", year="2026") == "2026"
