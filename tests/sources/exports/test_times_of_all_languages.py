"""Times as browsers and servers write them in each language, by the data of the Unicode CLDR: read exactly, or refused."""
# ruff: noqa: RUF001 - digits and letters of other scripts look like others

import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from itertools import product

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from babel.units import format_unit
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.exports.local_times import parse_local_time
from headcount.sources.exports.time_words import parse_duration
from support.languages import LANGUAGES, is_day_first, written

YEARS_FIRST = {"cch", "kaj", "kcg", "ne", "sah"}  # in two digits, so that only --date-order can refuse them
REFUSALS = (
    "expected a time like 2026-03-31",
    "has its year first in some languages",
    "month must be in 1..12",
)
MOMENTS = [
    datetime(2026, 1, day, hour, minute, second, tzinfo=UTC)
    for day, hour, minute, second in [(15, 0, 5, 9), (15, 6, 0, 0), (31, 11, 59, 59), (3, 12, 0, 1), (3, 12, 30, 0), (15, 19, 0, 0), (31, 23, 7, 0)]
]  # fmt: skip


def times_of(locale, date_formats):
    """Return what a locale writes for each moment, and the moment as precise as that."""
    for moment, date_format, glue in product(MOMENTS, date_formats, ("short", "medium")):
        yield written(locale, moment, date_format, "medium", glue), moment
        yield written(locale, moment, date_format, "short", glue), moment.replace(second=0)


def read(locale, text):
    return parse_local_time(text).to_datetime(day_first=is_day_first(locale)).replace(tzinfo=UTC)


@pytest.mark.parametrize("name", LANGUAGES)
def test_short_dates_of_a_language_are_read(name):
    locale = Locale.parse(name)
    for text, moment in times_of(locale, ["short"]):
        assert read(locale, text) == moment, text


def test_dates_of_all_languages_are_read_exactly_or_refused_in_one_sentence():
    read_names = set()
    for name in sorted(locale_identifiers()):
        locale = Locale.parse(name)
        for text, moment in times_of(locale, ["short", "medium"]):
            try:
                assert read(locale, text) == moment, f"{name}: {text}"
            except BadInput as error:
                assert any(refusal in str(error) for refusal in REFUSALS), (name, error)  # noqa: PT017 - it may be read as well
            else:
                read_names.add(name)
    assert len(read_names) > 0.9 * len(locale_identifiers())
    assert not YEARS_FIRST & {name for name in read_names if "_" not in name}


@given(
    st.one_of(
        st.text(max_size=20),
        st.text(alphabet="0123456789/.-:, ()年月日٠١२apmhTZ+юμ下午오후\u200f\u00a0", max_size=30),
        st.from_regex(
            r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d{1,2} ?(am|下午)?( ?[+-]\d\d:\d\d)?",
            fullmatch=True,
        ),
    )
)
def test_any_text_is_a_time_or_is_refused(text):
    parse_duration(text)
    with suppress(BadInput):
        assert 2_000 <= parse_local_time(text).to_datetime(day_first=True).year < 2_100


@pytest.mark.parametrize(("half", "hour"), [("am", 7), ("pm", 19)])
@pytest.mark.parametrize("width", ["abbreviated", "wide"])
def test_a_word_for_a_half_of_the_day_means_the_same_in_all_languages(width, half, hour):
    # Mara writes MD where Albanian writes PD. No program that is translated into Mara is known.
    for name in sorted(name for name in locale_identifiers() if not name.startswith("mrh")):
        word = Locale.parse(name).day_periods["format"][width].get(half, "AM" if half == "am" else "PM")
        for text in (f"2026-01-15 7:00 {word}", f"2026-01-15 {word} 7:00"):
            with suppress(BadInput):  # most words of small languages are unknown
                assert parse_local_time(text).hour == hour, (name, text)


@pytest.mark.parametrize(
    "zero", [chr(code) for code in range(0x110000) if unicodedata.decimal(chr(code), None) == 0]
)
def test_digits_of_every_script_are_read(zero):
    digits = str.maketrans("0123456789", "".join(chr(ord(zero) + value) for value in range(10)))
    time = parse_local_time("2026-01-15 19:08:34".translate(digits))
    assert time.to_datetime(day_first=True) == datetime(2026, 1, 15, 19, 8, 34)  # noqa: DTZ001 - local


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026. 1. 15. 오후 7:00:05", "2026-01-15 19:00:05"),
        ("2026. 1. 15. PM 7:00:05", "2026-01-15 19:00:05"),
        ("26. 1. 15. 오후 7:00:05", "2026-01-15 19:00:05"),
        ("26. 1. 15. PM 7:00:05", "2026-01-15 19:00:05"),
        ("2026년 1월 15일 오후 7시 0분 5초", "2026-01-15 19:00:05"),
        ("2026/1/15 下午7:00:05", "2026-01-15 19:00:05"),
        ("2026/1/15 晚上7:00:05", "2026-01-15 19:00:05"),
        ("2026/1/15 中午12:00:05", "2026-01-15 12:00:05"),
        ("2026/1/15 中午11:30:05", "2026-01-15 11:30:05"),
        ("2026/1/15 凌晨12:00:05", "2026-01-15 00:00:05"),
        ("2026年1月15日 上午7:00:05", "2026-01-15 07:00:05"),
        ("2026年1月15日 19時00分05秒", "2026-01-15 19:00:05"),
        ("26年1月15日 19:00:05", "2026-01-15 19:00:05"),
        ("15/01/26 下午7:00:05", "2026-01-15 19:00:05"),
        ("2026/1/15 午後0:00:05", "2026-01-15 12:00:05"),
        ("15.01.26 г., 19:00:05", "2026-01-15 19:00:05"),
        ("15.01.2026 г., 19:00:05 ч.", "2026-01-15 19:00:05"),
        ("2026. 01. 15. 19:00:05", "2026-01-15 19:00:05"),
        ("2026. 01. 15. du. 7:00:05", "2026-01-15 19:00:05"),
        ("15.1.2026 klo 19.00.05", "2026-01-15 19:00:05"),
        ("15.1.2026 kl. 19.00.05", "2026-01-15 19:00:05"),
        ("15.1.2026 um 19:00:05 Uhr", "2026-01-15 19:00:05"),
        ("15. 01. 2026. 19:00:05", "2026-01-15 19:00:05"),
        ("15. 1. 2026. u 19:00:05", "2026-01-15 19:00:05"),
        ("15. 1. 2026 19:00:05", "2026-01-15 19:00:05"),
        ("15.01.2026. 19:00:05", "2026-01-15 19:00:05"),
        ("١٥\u200f/١\u200f/٢٠٢٦، ٧:٠٠:٠٥ م", "2026-01-15 19:00:05"),
        ("15\u200f/1\u200f/2026، 7:00:05 ص", "2026-01-15 07:00:05"),
        ("١٥/١/٢٠٢٦ ٧:٠٠:٠٥ د.ن", "2026-01-15 19:00:05"),
        ("15/01/2026 à 19:00:05", "2026-01-15 19:00:05"),
        ("2026-01-15 19 h 00 min 05 s", "2026-01-15 19:00:05"),
        ("15/01/2026 19h00", "2026-01-15 19:00:00"),
        ("15/1/2569 19:00:05", "2026-01-15 19:00:05"),
        ("15/1/69 19:00:05", "2026-01-15 19:00:05"),
        ("15/1/26, 7:00:05 μ.μ.", "2026-01-15 19:00:05"),
        ("15/1/2026, 7:00:05 π.μ.", "2026-01-15 07:00:05"),
        ("15/1/26 - 7:00:05 μ.μ.", "2026-01-15 19:00:05"),
        ("15/1/26, 7:00:05 p. m.", "2026-01-15 19:00:05"),
        ("15-01-2026, 7:00:05 a. m.", "2026-01-15 07:00:05"),
        ("15/1/2026 a las 19:00:05", "2026-01-15 19:00:05"),
        ("19:00:05 15/1/2026", "2026-01-15 19:00:05"),
        ("7:00:05 CH 15/1/26", "2026-01-15 19:00:05"),
        ("15/1/26, 7:00:05 PTG", "2026-01-15 19:00:05"),
        ("15.1.26, 7:00:05 m.d.", "2026-01-15 19:00:05"),
        ("15/1/2026, 19.00.05", "2026-01-15 19:00:05"),
        ("26/1/15 (19:00:05)", "2026-01-15 19:00:05"),
        ("२६/१/१५ ७:००:०५ PM", "2015-01-26 19:00:05"),
        ("১৫-১-২০২৬, অপৰাহ্ন ৭.০০.০৫", "2026-01-15 19:00:05"),
        ("15/1/2026 ከሰዓት 7:00:05", "2026-01-15 19:00:05"),
        ("15/1/2026, 19:0:5", "2026-01-15 19:00:05"),
        ("Jan 15, 2026 at 7:00:05 PM", "2026-01-15 19:00:05"),
        ("15 January 2026 19:00:05", "2026-01-15 19:00:05"),
        ("15-Jan-2026 19:00:05", "2026-01-15 19:00:05"),
    ],
)  # fmt: skip
def test_a_time_as_it_is_seen_in_reports_is_read(text, expected):
    assert str(parse_local_time(text).to_datetime(day_first=True)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("۱۴۰۴/۱۰/۲۵, ۱۹:۰۰:۰۵", "has the year 1404, which is neither Gregorian nor Buddhist"),
        ("25/7/1447 7:00:05 م", "has the year 1447, which is neither Gregorian nor Buddhist"),
        ("115/1/15 下午7:00:05", "has the year 115, which is neither Gregorian nor Buddhist"),
        ("२६/१/१५, १९:००:०५", "has its year first in some languages, and last in others"),
        ("26. 1. 15. 19:00:05", "has its year first in some languages, and last in others"),
        ("15 janv. 2026 19:00:05", "with the month in numbers or in English"),
        ("15/1/2026 7:00:05 hwaĩ-inĩ", "with the month in numbers or in English"),
        ("Sa 15.1.2026 12:30:00", "with the month in numbers or in English"),
        ("to 15.1.26 12:30:00", "with the month in numbers or in English"),
        ("15/1/2026 7:00:05 AM PM", "with the month in numbers or in English"),
        ("2026/1/15 晚上12:30:00", "there is no 12 晚上"),
        ("15/1/2026 19:00:05 PM", "there is no 19 pm"),
        ("31/2/2026 19:00", "day is out of range for month"),
        ("15/1/2026 24:00", "hour must be in 0..23"),
        ("15/1/2026", "with the month in numbers or in English"),
        ("19:00", "with the month in numbers or in English"),
    ],
)  # fmt: skip
def test_an_unclear_time_is_refused(text, reason):
    with pytest.raises(BadInput, match=reason.replace(".", r"\.")):
        parse_local_time(text).to_datetime(day_first=True)


DURATIONS = [("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)]
# In their shortest form, these write s for hours, as all others do for seconds. Malay writes saat for seconds, as Turkish does for hours.
HOURS_LIKE_SECONDS = {"so", "tr", "tt"}
DURATION_LANGUAGES = """
    bg bs ca cs da de el en es et eu fi fil fr gl he hi hr hu id is it ja ko lt lv mk nb nl pl pt ro ru sk sl sq sr sv th uk vi zh
    zh_Hant
""".split()  # noqa: SIM905 - a list of words


def duration_in(locale, amounts, length):
    parts = [
        format_unit(amount, f"duration-{unit}", length=length, locale=locale)
        for amount, (unit, _) in zip(amounts, DURATIONS, strict=True)
        if amount
    ]
    return " ".join(parts)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "length"),
    [(name, "short") for name in LANGUAGES]
    + [(name, "narrow") for name in LANGUAGES if name not in HOURS_LIKE_SECONDS],
)
def test_a_duration_is_read_exactly_or_is_unknown(name, length):
    for amounts in product((0, 1, 3, 11), (0, 1, 3, 44), (0, 1, 3, 59)):
        if any(amounts):
            text = duration_in(name, amounts, length)
            exact = (
                sum(amount * ms for amount, (_, ms) in zip(amounts, DURATIONS, strict=True)),
                amounts[2] > 0,
            )
            allowed = {exact} if name in DURATION_LANGUAGES else {exact, None}
            assert parse_duration(text) in allowed, text


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2 h 44 m", 9_840_000),
        ("1 Std. 3 Min.", 3_780_000),
        ("10 Min. 59 Sek.", 659_000),
        ("3h 23m 20s", 12_200_000),
        ("1h7m", 4_020_000),
        ("1時間3分2秒", 3_782_000),
        ("٣ س ٢ د", 10_920_000),
        ("", None),
        ("long", None),
        ("1:07:07", None),
        ("3m 2h", None),
        ("2h 2h", None),
        ("5 days", None),
        ("2h and more", None),
    ],
)
def test_a_duration_in_words_is_read(text, ms):
    assert (parse_duration(text) or [None])[0] == ms
