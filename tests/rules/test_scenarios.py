"""Every scenario in scenarios/ yields its expected meetings, through every engine.

`pytest --rewrite` writes the meetings of the oracle into the files. Read the diff.
"""

from random import Random

import pytest

from headcount.kernel.events import Kind
from headcount.kernel.meetings import Entry, Meeting, meeting_id
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy
from support import engines
from support.scenario import A_DAY, SCENARIOS, ScenarioError, format_meetings, parse, seconds, with_expected
from support.stored import stored
from support.worked_examples import WORKED, stays_said

DOMAIN = "default"
LETTERS = {"A": "Ann", "B": "Bob", "C": "Cid"}


def in_any_order(engine):
    """Return the engine with its events in random order."""

    def ask(events, **asked):
        return engine(Random(0).sample(list(events), len(events)), **asked)

    return ask


# name: callable(events, as_of=, rules=, domain=) -> list of meetings, by room and start
ENGINES = {
    "oracle": engines.in_scenario_time(engines.oracle_in_ticks),
    "kernel": engines.in_scenario_time(engines.kernel),
    "live": engines.in_scenario_time(in_any_order(engines.live)),
    "batch": engines.in_scenario_time(in_any_order(engines.batch)),
    "interpreted": engines.in_scenario_time(in_any_order(engines.interpreted)),
    "store": engines.in_scenario_time(in_any_order(stored)),
}


def asked(engine, story):
    return ENGINES[engine](story.events, as_of=story.as_of, rules=story.rules, domain=DOMAIN)


@pytest.fixture(scope="session", autouse=True)
def _rewritten_if_asked(request):
    if not request.config.getoption("rewrite"):
        return
    for path in SCENARIOS:
        story = parse(path.read_text())
        path.write_text(with_expected(path.read_text(), story.format(asked("oracle", story))))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_scenario_yields_the_expected_meetings(engine, path):
    story = parse(path.read_text())
    meetings = asked(engine, story)
    assert story.format(meetings) == story.expected
    assert [meeting.id for meeting in meetings] == [
        meeting_id(DOMAIN, meeting.room, engines.NEW_YEAR + meeting.start) for meeting in meetings
    ]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_has_expected_meetings(path):
    assert parse(path.read_text()).expected


def test_titles_of_scenarios_are_unique():
    titles = [parse(path.read_text()).title for path in SCENARIOS]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("number", WORKED)
def test_the_first_scenarios_are_the_worked_examples(number):
    (path,) = (path for path in SCENARIOS if path.name.startswith(f"{number:02}-"))
    stays, meetings = WORKED[number]
    story = parse(path.read_text())
    by_name = {LETTERS[letter]: stay for letter, stay in stays.items()}
    assert set(story.events) == set(stays_said(by_name, unit=1000))
    assert story.rules == Rules()
    assert story.expected == format_meetings(as_meetings(meetings, stays))


def as_meetings(table, stays):
    """Return a row of the worked examples as meetings."""
    return [
        Meeting(
            "",
            DOMAIN,
            "room",
            start * 1000,
            end * 1000,
            most,
            tuple(as_entry(who, came, lasted, stays[who][1]) for who, (came, lasted) in shown.items()),
        )
        for (start, end), most, shown in table
    ]


def as_entry(letter, came, lasted, left):
    how = LeftBy.REPORTED if came + lasted == left else None
    return Entry(LETTERS[letter], None, None, came * 1000, (came + lasted) * 1000, how)


STORY = "A title\n\nSome prose.\n\n{}\n\n----\nno meeting\n"


def test_a_line_can_have_all_fields_of_an_event():
    story = parse(
        STORY.format(
            "0.5  Ann leaves, having joined at 0.25, session s1, user u-1, name Ann Smith, in attic\n"
            "60   room ends, inferred from room_restarted"
        )
    )
    leave, end = story.events
    assert (leave.kind, leave.at, leave.joined_at) == (Kind.LEAVE, 500, 250)
    assert (leave.source_session, leave.user_id, leave.user_name) == ("s1", "u-1", "Ann Smith")
    assert (leave.room, end.room) == ("attic", "room")
    assert (end.kind, end.inferred) == (Kind.END, "room_restarted")


def test_a_scenario_without_as_of_is_evaluated_a_day_later():
    story = parse(STORY.format("5  Ann joins"))
    assert (story.as_of, story.has_as_of) == (5_000 + A_DAY, False)
    story = parse(STORY.format("5  Ann joins\nas of 7.5\nrules min_stay 1"))
    assert (story.as_of, story.has_as_of) == (7_500, True)
    assert story.rules == Rules(min_stay_ms=1_000)


@pytest.mark.parametrize("line", ["5 Ann sneezes", "5 Ann ends", "5 room joins", "5 Ann joins, quietly", ""])
def test_an_unknown_line_is_refused(line):
    with pytest.raises(ScenarioError):
        parse(STORY.format(line))


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0"), (30_000, "30"), (29_999, "29.999"), (500, "0.5"), (600_000, "600")]
)
def test_seconds_are_written_as_short_as_they_are(ms, text):
    assert seconds(ms) == text
