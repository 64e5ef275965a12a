"""Each form of the attendance report of Teams, in each language: the same stays, whatever the titles and the order of lines are."""

from datetime import UTC, datetime

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput
from headcount.sources.exports.api import ExportFile, ExportOptions, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.timestamps import format_timestamp
from support.languages import LANGUAGES, is_day_first, written

START, END = datetime(2026, 1, 31, 18, 59, 0, tzinfo=UTC), datetime(2026, 1, 31, 20, 5, 0, tzinfo=UTC)
STAYS = [  # name, e-mail, join, leave
    ("Ann", "ann@example.com", datetime(2026, 1, 31, 19, 0, 7, tzinfo=UTC), datetime(2026, 1, 31, 19, 20, 0, tzinfo=UTC)),
    ("Ann", "ann@example.com", datetime(2026, 1, 31, 19, 30, 0, tzinfo=UTC), datetime(2026, 1, 31, 20, 0, 0, tzinfo=UTC)),
    ("Bob, B", "", datetime(2026, 1, 31, 19, 10, 0, tzinfo=UTC), END),
]  # fmt: skip


def words(locale):
    """Return words that a locale does not share with English."""
    return [f"{name} {number}" for number, name in locale.months["format"]["wide"].items()]


def lines_of(*rows):
    return ["\t".join(row) for row in rows]


def stay_rows(locale, between=()):
    for name, email, join, leave in STAYS:
        yield name, *between, written(locale, join), written(locale, leave), "1 m", email, "-"


def newer(locale, between=()):
    total = [
        (name, written(locale, START), written(locale, END), "1 m", email, email)
        for name, email, _, _ in STAYS
    ]
    title = words(locale)
    return lines_of(
        [f"1. {title[0]}"], [title[1], "Weekly"], [title[2], "2"], [title[3], written(locale, START)], [title[4], written(locale, END)], [""],
        [f"2. {title[5]}"], title[:6], *total, [""],
        [f"3. {title[6]}"], title[:6], *stay_rows(locale, between), [""],
        [f"4. {title[7]}"], title[:3], ["Ann", "Applause", written(locale, START)],
    )  # fmt: skip


def of_breakout_rooms(locale):
    return newer(locale, between=["Room 1"])


def with_another_third_part(locale):
    part = [f"3. {words(locale)[8]}", "\t".join(words(locale)[:3]), f"Ann\tYes\t{written(locale, START)}", ""]
    lines = newer(locale)
    at = next(at for at, line in enumerate(lines) if line.startswith("3. "))
    return [*lines[:at], *part, lines[at].replace("3.", "4."), *lines[at + 1 :]]


def of_2021(locale):
    title = words(locale)
    return lines_of(
        [title[0]], [title[1], "2"], [title[2], "Weekly"], [title[3], written(locale, START)], [title[4], written(locale, END)], [""],
        title[:6], *stay_rows(locale),
    )  # fmt: skip


def actions_of_2020(locale):
    before, joined, left = words(locale)[:3]
    first = min(join for _, _, join, _ in STAYS)
    for name, _, join, leave in STAYS:
        yield name, before if join == first else joined, written(locale, join)
        yield name, left, written(locale, leave)


def of_2020(locale):
    return lines_of(words(locale)[:3], *actions_of_2020(locale))


def parse(lines, locale, encoding="utf-16"):
    file = ExportFile("".join(f"{line}\r\n" for line in lines).encode(encoding))
    options = ExportOptions("", UTC, day_first=is_day_first(locale))
    errors = []
    return parse_export(EXPORT_FORMATS["teams-attendance"], file, options, errors.append), errors


def stays(events):
    return [(one.room, one.user_name, one.user_id or "", one.joined_at, one.at) for one, *_ in events]


def expected(room, *, with_email=True):
    return [
        (room, name, email if with_email else "", join.timestamp() * 1_000, leave.timestamp() * 1_000)
        for name, email, join, leave in STAYS
    ]


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("form", [newer, of_breakout_rooms, with_another_third_part, of_2021])
def test_a_report_is_read_in_any_language(form, name):
    locale = Locale.parse(name)
    events, errors = parse(form(locale), locale)
    assert sorted(stays(events)) == sorted(expected("Weekly"))
    assert errors == []


@given(st.permutations(range(2 * len(STAYS))), st.sampled_from(LANGUAGES))
def test_a_list_of_2020_is_read_in_any_language_and_order(order, name):
    locale = Locale.parse(name)
    header, *lines = of_2020(locale)
    options = ExportOptions("class", UTC, day_first=is_day_first(locale))
    file = ExportFile("\n".join([header, *(lines[at] for at in order)]).encode())
    errors = []
    events = parse_export(EXPORT_FORMATS["teams-attendance"], file, options, errors.append)
    assert sorted(stays(events)) == sorted(expected("class", with_email=False))
    assert errors == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["ja", "ar", "ru", "th", "el"])
def test_a_report_in_another_script_is_read_in_each_encoding(name, encoding):
    locale = Locale.parse(name)
    events, _ = parse(of_2021(locale), locale, encoding)
    assert sorted(stays(events)) == sorted(expected("Weekly"))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["A\tdazu\t9:00", "A\tweg\t9:10"],
            "'dazu'",
        ),  # is the first word Joined before, and the second Joined?
        (["A\tdazu\t9:00", "A\tdazu\t9:10", "B\tdazu\t9:20"], "'dazu'"),
        (["A\tda\t9:00", "B\tdazu\t9:10", "C\tweg\t9:20"], "'da'"),  # one of them left before the list begins
        (["A\tdazu\t9:00", "A\tweg\t9:10", "B\tdazu\t9:20", "B\tfort\t9:30"], "'dazu'"),
    ],
)
def test_a_list_of_2020_whose_actions_are_unclear_is_refused(lines, reason):
    day = [line.replace("\t9", "\t13.10.2020 9") for line in lines]
    with pytest.raises(BadInput, match=f"has actions such as {reason}, which are neither Joined nor Left"):
        parse(["Name\tAktion\tZeit", *day], Locale("de"))


def of_2021_with_zone(place):
    """Return a report of 2021 that names a zone in one place."""
    changes = {
        "titles in English": ("February 2\tMarch 3", "Join Time (UTC+2)\tLeave Time (UTC+2)"),
        "titles in another language": ("February 2\tMarch 3", "Beitritt (UTC+2)\tAustritt (UTC+2)"),
        "title of the start": ("April 4\t1", "Meeting start time (UTC+2)\t1"),
        "line of the summary": ("May 5\t1", "Time zone\tUTC+2\nMay 5\t1"),
        "title of the meeting": ("Weekly", "Weekly (UTC+2)"),
    }
    text = "\n".join(of_2021(Locale("en")))
    assert changes[place][0] in text
    return text.replace(*changes[place])


def first_join(text, zone):
    file = ExportFile(text.encode())
    events = parse_export(EXPORT_FORMATS["teams-attendance"], file, ExportOptions("", zone), [].append)
    return format_timestamp(min(event.joined_at for event, *_ in events))


@pytest.mark.parametrize(
    "place", ["titles in English", "titles in another language", "title of the start", "line of the summary"]
)
def test_a_zone_that_the_report_names_applies(place):
    assert first_join(of_2021_with_zone(place), None) == "2026-01-31T17:00:07.000Z"
    with pytest.raises(BadInput, match="contradicts --timezone"):
        first_join(of_2021_with_zone(place), UTC)


def test_a_zone_in_the_title_of_the_meeting_does_not_apply():
    assert first_join(of_2021_with_zone("title of the meeting"), UTC) == "2026-01-31T19:00:07.000Z"
