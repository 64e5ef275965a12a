"""Durations and sizes with their units, in both directions."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headcount.units import (
    InvalidQuantity,
    exact_duration,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0), ("0s", 0), ("250ms", 250), ("10s", 10 * SECOND), ("0.2s", 200), ("5m", 5 * MINUTE), ("5min", 5 * MINUTE),
        ("1h 30m", 90 * MINUTE), ("1h30m", 90 * MINUTE), ("2.5h", 150 * MINUTE), ("30d", 30 * DAY), (" 10 S ", 10 * SECOND),
        ("1d 2h 3m 4s 5ms", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5),
    ],
)  # fmt: skip
def test_a_duration_with_units_is_read(text, ms):
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10x", "-5s", "1m 2h", "5s 5s", "1h,30m", "ten s", "1e3s", "٣s", "10s!"]
)
def test_a_text_that_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(InvalidQuantity, match="must be a duration with its unit, like 10s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MB", 512_000_000),
        ("4GB", 4 * 10**9),
        ("4 gb", 4 * 10**9),
        ("1.5GiB", 1_610_612_736),
        ("8000000B", 8_000_000),
    ],
)
def test_a_size_with_a_unit_is_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4", "4G", "GB", "4GB 5MB", "-1MB", "4XB"])
def test_a_text_that_is_no_size_is_refused_with_examples(text):
    with pytest.raises(InvalidQuantity, match="must be a size with its unit, like 512MB"):
        parse_size(text)


@pytest.mark.parametrize(("parse", "text"), [(parse_duration, "99999999999d"), (parse_size, "99999999TB")])
def test_an_absurd_quantity_is_refused(parse, text):
    with pytest.raises(InvalidQuantity, match="must be smaller"):
        parse(text)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"), (900, "0s"), (16_999, "16s"), (16 * MINUTE, "16m"), (35 * MINUTE + 25_400, "35m 25s"), (HOUR, "1h"),
        (110 * MINUTE + 59_000, "1h 50m"), (HOUR + 5_000, "1h"), (47 * HOUR, "1d 23h"), (-1, "0s"),
    ],
)  # fmt: skip
def test_a_duration_is_shown_in_its_two_largest_units(ms, text):
    assert format_duration(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (200, "0.2s"),
        (10 * MINUTE, "10m"),
        (HOUR + 2 * MINUTE + 3_500, "1h 2m 3.5s"),
        (60_001, "1m 0.001s"),
    ],
)
def test_an_exact_duration_has_all_of_its_units(ms, text):
    assert exact_duration(ms) == text


@given(st.integers(0, 10**12))
def test_an_exact_duration_is_read_as_the_same(ms):
    assert parse_duration(exact_duration(ms).replace(",", "")) == ms


@given(st.integers(0, 10**14))
@example(128_204_100_000)
def test_a_size_is_read_as_the_same(size):
    assert parse_size(format_size(size)) == size
