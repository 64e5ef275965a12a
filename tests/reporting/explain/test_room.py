"""Explanation of a room: what happened, when, and by which rule."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import Event, Inferred, Kind, Rules
from headcount.kernel.replay import meetings_of
from headcount.reporting.explain.room import explain_changes, explain_room
from support import TESTS
from support.scenario import parse
from support.strategies import asked_as_of, histories, rule_numbers

SCENARIOS = sorted((TESTS / "scenarios").glob("*.txt"))
NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
DEFAULT_RULES = Rules()
RULE = re.compile(r"\(rule (1|2|3|3a|4|5|6|7|8|10|14|15)\)")


def join(who, seconds, **more):
    return Event(Kind.JOIN, "blue", NINE + round(seconds * 1000), who, **more)


def leave(who, seconds, **more):
    return Event(Kind.LEAVE, "blue", NINE + round(seconds * 1000), who, **more)


def end(seconds, **more):
    return Event(Kind.END, "blue", NINE + round(seconds * 1000), **more)


def explain(*events, as_of=3_600, rules=DEFAULT_RULES):
    """Return the sentences without headings."""
    lines = list(explain_room(events, "blue", NINE + as_of * 1000, rules=rules))
    return [line.strip() for line in lines if line.startswith("  ")]


def sentences_with(*events, of, **more):
    """Return the sentences that contain a text."""
    return [line for line in explain(*events, **more) if of in line]


# Why meetings start and end


def test_one_person_alone_starts_a_meeting_that_is_decided_later():
    assert sentences_with(join("ann", 0), leave("ann", 60), of="rule 6") == [
        (
            "09:00:30  A meeting started at 09:00:00, when ann joined. It was confirmed at 09:00:30,"
            " after the room had been in use for 30s (rule 6)."
        )
    ]


def test_two_people_start_a_meeting_at_the_first_join():
    events = join("ann", 0), join("bob", 12.5), leave("ann", 60), leave("bob", 60)
    assert sentences_with(*events, of="rule 6") == [
        (
            "09:00:12.500  A meeting started at 09:00:00, when ann joined. It was confirmed at"
            " 09:00:12.500, when a second participant joined (rule 6)."
        )
    ]


def test_two_joins_at_one_instant_start_a_meeting_at_once():
    events = join("ann", 0), join("bob", 0), leave("ann", 60), leave("bob", 60)
    assert sentences_with(*events, of="rule 6") == [
        "09:00:00  A meeting started at 09:00:00, when ann and bob joined (rule 6)."
    ]


def test_a_sitting_that_is_too_short_is_no_meeting():
    assert sentences_with(join("ann", 0), leave("ann", 29.999), of="no meeting") == [
        (
            "09:00:29.999  The room is empty. It was in use for 29.999s, less than 30s,"
            " by one participant at a time: no meeting (rule 6)."
        )
    ]


def test_a_reset_names_who_was_alone_and_since_when():
    events = join("ann", 0), join("bob", 100), leave("bob", 1000), leave("ann", 2000)
    assert sentences_with(*events, of="rule 7") == [
        (
            "09:26:40  Only one participant, ann, had been in the room for 10m, since 09:16:40. The meeting of"
            " 09:00:00 ended after 26m 40s with a peak of 2 participants, and a new one started (rule 7)."
        )
    ]


def test_a_reset_names_all_who_were_alone():
    events = join("ann", 0), join("bob", 100), leave("bob", 1000), leave("ann", 1100), join("cid", 1100)
    assert (
        "Only one participant, ann, then cid, had been in the room" in sentences_with(*events, of="rule 7")[0]
    )


def test_the_last_one_out_ends_the_meeting():
    assert sentences_with(join("ann", 0), leave("ann", 60), of="ended") == [
        "09:01:00  The room is empty. The meeting of 09:00:00 ended after 1m with a peak of 1 participant (rule 8)."
    ]


def test_a_handover_does_not_end_the_sitting():
    events = join("ann", 0), leave("ann", 20), join("bob", 20), leave("bob", 45)
    assert len(sentences_with(*events, of="another joined: the room was not empty (rule 5)")) == 1


# What does not count


def test_a_stay_that_is_too_short_does_not_count():
    assert sentences_with(join("ann", 0), leave("ann", 9.999), of="rule 4") == [
        (
            "09:00:09.999  ann, who joined at 09:00:00, left after 9.999s. Stays shorter than 10s do not count"
            " (rule 4)."
        )
    ]


def test_sentences_have_the_numbers_of_the_rules():
    rules = Rules(min_stay_ms=2_500)
    assert (
        "shorter than 2.5s do not count"
        in sentences_with(join("ann", 0), leave("ann", 2), of="rule 4", rules=rules)[0]
    )


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (
            [join("ann", 0), join("ann", 5)],
            "A join event of ann was ignored: already in the room (rule 1).",
        ),
        ([leave("ann", 5)], "A leave event of ann was ignored: not in the room (rule 1)."),
        ([end(5)], "An end event was ignored: the room was empty (rule 1)."),
        (
            [leave("ann", 5)] * 3,
            "A duplicate leave event of ann was ignored, 2 times (rule 3).",
        ),
        (
            [join("ann", 5), leave("ann", 5)],
            "A join and a leave event of ann at one instant cancel each other out (rule 2).",
        ),
        (
            [join("ann", 0), join("ann", 5), leave("ann", 5, inferred=Inferred.SNAPSHOT)],
            "An inferred leave event of ann was ignored: another event was reported for that instant (rule 3a).",
        ),
    ],
)
def test_an_ignored_event_has_its_reason(events, sentence):
    assert sum(line.endswith(sentence) for line in explain(*events)) == 1


def test_a_leave_that_repeats_its_join_is_not_a_duplicate():
    assert sentences_with(join("ann", 0), leave("ann", 60, joined_at=NINE), of="rule 3") == []


def test_a_repeated_join_is_one_duplicate_also_with_a_leave_that_repeats_it():
    events = join("ann", 0), join("ann", 0), leave("ann", 60, joined_at=NINE)
    assert sentences_with(*events, of="rule 3") == [
        "09:00:00  A duplicate join event of ann was ignored (rule 3)."
    ]


def test_an_inferred_leave_is_called_inferred():
    events = join("ann", 0), leave("ann", 60, inferred=Inferred.TIMEOUT)
    assert (
        len(sentences_with(*events, of="ann left (inferred): no leave event arrived in time (rule 3a)")) == 1
    )


def test_an_overridden_inferred_leave_is_explained_at_the_reported_leave():
    events = join("ann", 0), leave("ann", 60, inferred=Inferred.SNAPSHOT), leave("ann", 90)
    assert sentences_with(*events, of="rule 3a") == [
        (
            "09:01:30  ann was inferred to have left at 09:01:00, but a later leave is reported."
            " The stay lasted until now (rule 3a)."
        )
    ]


def test_the_end_of_the_room_is_the_reason_of_a_leave():
    assert len(sentences_with(join("ann", 0), end(60), of="ann left because the room ended (rule 1)")) == 1


# The situation at the end


def test_an_ongoing_meeting_names_its_participants():
    events = join("ann", 0), join("bob", 10)
    assert explain(*events, as_of=60)[-1] == (
        "09:01:00  The meeting of 09:00:00 is ongoing with ann and bob (rule 10)."
    )


def test_one_person_left_alone_has_the_time_of_the_reset():
    events = join("ann", 0), join("bob", 10), leave("bob", 60)
    assert explain(*events, as_of=120)[-1] == (
        "09:02:00  If nobody joins, a new meeting starts at 09:11:00 (rule 7)."
    )


def test_one_person_alone_for_a_short_time_has_no_meeting_yet():
    assert explain(join("ann", 0), as_of=20)[-1] == (
        "09:00:20  ann in the room. It has been in use for 20s by one participant at a time:"
        " no meeting yet (rule 6)."
    )


def test_a_newcomer_is_pending():
    assert explain(join("ann", 0), join("bob", 51), as_of=60)[-1] == (
        "09:01:00  bob joined at 09:00:51, less than 10s ago. The stay is pending (rule 14)."
    )


def test_events_after_the_time_of_the_explanation_are_not_in_it():
    assert sentences_with(join("ann", 0), leave("ann", 60), as_of=59, of="left") == []


# Form


def test_names_have_their_ids():
    assert sentences_with(join("PA_x", 0), leave("PA_x", 60, user_name="Ann"), of="joined (rule 4)") == [
        "09:00:00  Ann (PA_x) joined (rule 4); 1 in the room."
    ]


def test_a_new_day_has_a_heading():
    lines = list(explain_room([join("ann", 0), leave("ann", 60_000)], "blue", NINE + 60_000_000))
    assert [line.strip() for line in lines if line.startswith("\n")] == ["2026-01-31", "2026-02-01"]


def test_a_time_on_another_day_has_its_date():
    assert "The meeting of 2026-01-31 09:00:00" in sentences_with(
        join("ann", 0), leave("ann", 60_000), as_of=60_000, of="ended"
    )[0]  # fmt: skip


def test_of_many_participants_only_the_first_are_named():
    events = [join(f"p{n:02}", 0) for n in range(100)]
    assert "p00, p01, p02, p03, p04 and 95 others joined" in sentences_with(*events, of="joined (rule 4)")[0]


def test_names_cannot_control_the_terminal():
    assert "\x1b" not in "".join(explain(join("a\x1b[31m", 0, user_name="\x1b[2J")))


def test_a_room_without_events_is_empty():
    assert [line.strip() for line in explain_changes([], "blue", NINE)] == [
        "Room 'blue' as of 2026-01-31 09:00:00 UTC",
        "2026-01-31",
        "09:00:00  The room is empty (rule 8).",
    ]


@given(st.data())
def test_the_explanation_has_every_meeting_and_no_other(data):
    rules = data.draw(rule_numbers())
    events = data.draw(histories(rules))
    as_of = data.draw(asked_as_of(events, rules))
    meetings = meetings_of(events, as_of=as_of, rules=rules)
    text = "\n".join(explain_room(events, "room", as_of, rules=rules))
    assert text.count("A meeting started at") + text.count("and a new one started") == len(meetings)
    assert text.count(" ended after ") == sum(not meeting.ongoing for meeting in meetings)
    assert text.count(" is ongoing with ") == sum(meeting.ongoing for meeting in meetings)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_sentence_of_every_scenario_names_a_rule(path):
    scenario = parse(path.read_text())
    rooms = {event.room for event in scenario.events}
    sentences = [
        line
        for room in rooms
        for line in explain_room(
            [event for event in scenario.events if event.room == room],
            room,
            scenario.as_of,
            rules=scenario.rules,
        )
        if line.startswith("  ")
    ]
    assert [line for line in sentences if not RULE.search(line)] == []
