"""Every form of history is complete: once a file is imported, nobody is in its rooms, whatever its last moments are.

An inferred leave or end at the instant of a join would leave that participant in the room for ever (R1-R3a).
"""

import json
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headcount.kernel.room import Room
from headcount.sources.exports.api import ExportFile, ExportOptions, SkippedRow, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from headcount.timezones import parse_zone

START_S = 1_697_111_611
OPTIONS = ExportOptions("room", parse_zone("UTC"), day_first=True)


class Stay(NamedTuple):
    """A stay in seconds after the start; without a leave, the participant was still present."""

    who: str
    join: int
    leave: int | None


class History(NamedTuple):
    """Stays of a room, and its end in seconds after the start if that is known."""

    stays: list[Stay]
    end: int | None


def daily_meetings(history):
    people = [
        {"participant_id": who, "user_id": who, "user_name": who, "join_time": START_S + join}
        | {"duration": 0 if leave is None else leave - join}
        for who, join, leave in history.stays
    ]
    meeting = {"id": "m1", "room": "room", "start_time": START_S, "duration": 0, "participants": people}
    ongoing = any(stay.leave is None for stay in history.stays)
    return json.dumps({"data": [meeting | {"ongoing": ongoing}]})


def daily_meetings_one_each(history):
    meetings = [
        daily_meetings(History([stay], history.end)) for stay in history.stays
    ]  # as after a reset, which makes two meetings of one stay
    return "\n".join(meetings)


def bbb_dashboard(history):
    users = {
        str(number): {"extId": who, "name": who, "intIds": {who: {"sessions": [session(join, leave)]}}}
        for number, (who, join, leave) in enumerate(history.stays)
    }
    return json.dumps({"intId": "s1", "extId": "room", "users": users, "endedOn": ms_or_0(history.end)})


def bbb_dashboard_older(history):
    users = {
        str(number): {"extId": who, "name": who, "intIds": {who: session(join, leave)}}
        for number, (who, join, leave) in enumerate(history.stays)
    }
    return json.dumps({"intId": "s1", "extId": "room", "users": users, "endedOn": ms_or_0(history.end)})


def session(join, leave):
    return {"registeredOn": ms_or_0(join), "leftOn": ms_or_0(leave)}


def ms_or_0(offset):
    return 0 if offset is None else (START_S + offset) * 1_000


def analytics(history):
    def moment(offset):
        return f"2023-10-12T{11 + offset // 3600:02}:{offset // 60 % 60:02}:{offset % 60:02}.000+00:00"

    attendees = [
        {
            "ext_user_id": who, "name": who,
            "sessions": [{"joins": [{"timestamp": moment(join), "userid": who}],
                          "lefts": [] if leave is None else [{"timestamp": moment(leave), "userid": who}]}],
        }
        for who, join, leave in history.stays
    ]  # fmt: skip
    data = {"attendees": attendees, "finish": moment(history.end or 0)}
    return json.dumps({"version": "1.0", "meeting_id": "room", "internal_meeting_id": "s1", "data": data})


def bbb_events(history, clock=lambda offset: f"<timestampUTC>{(START_S + offset) * 1000}</timestampUTC>"):
    def event(offset, name, who=""):
        return (
            f'<event timestamp="{offset * 1000}" module="PARTICIPANT" eventname={quoteattr(name)}>'
            f"<userId>{who}</userId>{clock(offset)}</event>"
        )

    first = (0, event(0, "MeetingStartedEvent"))
    events = [(join, event(join, "ParticipantJoinEvent", who)) for who, join, _ in history.stays]
    events += [
        (leave, event(leave, "ParticipantLeftEvent", who))
        for who, _, leave in history.stays
        if leave is not None
    ]
    if history.end is not None:
        events.append((history.end, event(history.end, "EndAndKickAllEvent")))
    lines = [text for _, text in [first, *sorted(events, key=lambda item: item[0])]]
    return f'<recording meeting_id="s1-{START_S * 1000}">{"".join(lines)}</recording>'


def bbb_events_older(history):
    return bbb_events(history, clock=lambda _: "")


def date_time(offset):
    return (
        ""
        if offset is None
        else f"13/10/2023 {11 + offset // 3600:02}:{offset // 60 % 60:02}:{offset % 60:02}"
    )


def zoom_report(history):
    rows = [f"{who},,{date_time(join)},{date_time(leave)},," for who, join, leave in history.stays]
    return "\n".join(["Name,User Email,Join Time,Leave Time,Duration (Minutes),Guest", *rows])


def teams_of_2021(history):
    rows = [f"{who}\t{date_time(join)}\t{date_time(leave)}\t\t\t" for who, join, leave in history.stays]
    end = f"Meeting End Time\t{date_time(history.end)}"
    return "\n".join([end, "", "Full Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole", *rows])


def teams_of_2020(history):
    # Lines that are identical count once, so nobody joins twice in one second.
    stays = {(who, join): leave for who, join, leave in history.stays}
    rows = [(join, f"{who}\tJoined\t{date_time(join)}") for who, join in stays]
    rows += [
        (leave, f"{who}\tLeft\t{date_time(leave)}") for (who, _), leave in stays.items() if leave is not None
    ]
    lines = [text for _, text in sorted(rows, key=lambda row: row[0])]
    return "\n".join(["Full Name\tUser Action\tTimestamp", *lines])


def teams(history):
    rows = [f"{who}\t{date_time(join)}\t{date_time(leave)}\t\t\t" for who, join, leave in history.stays]
    head = ["1. Summary", "Meeting title\troom", "", "3. In-Meeting Activities", "Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole"]  # fmt: skip
    return "\n".join([*head, *rows])


FORMS = [
    ("daily-meetings", daily_meetings), ("daily-meetings", daily_meetings_one_each), ("bbb-dashboard", bbb_dashboard),
    ("bbb-dashboard", bbb_dashboard_older), ("bbb-dashboard", analytics), ("bbb-events", bbb_events),
    ("bbb-events", bbb_events_older), ("zoom-report", zoom_report), ("teams-attendance", teams),
    ("teams-attendance", teams_of_2021), ("teams-attendance", teams_of_2020),
]  # fmt: skip

offsets = st.integers(0, 12) | st.integers(0, 3_000)


@st.composite
def histories(draw):
    """Draw a history: few participants who come again, and joins at the last moment."""
    stays = []
    for _ in range(draw(st.integers(1, 4))):
        join = draw(offsets)
        leave = draw(st.none() | offsets.map(lambda length, join=join: join + length))
        stays.append(Stay(draw(st.sampled_from("abc")), join, leave))
    return History(stays, draw(st.none() | st.integers(0, 3_000)))


def open_stays(events):
    """Return the participants who are in a room after these events."""
    room = Room("default", "room")
    for parsed in events:
        assert parsed.event.room == "room"
        room.handle(parsed.event, parsed.event.at)
    room.advance((START_S + 40 * 86_400) * 1_000)
    return [stay.participant_id for stay in room.open_stays()]


@pytest.mark.parametrize(("kind", "form"), FORMS, ids=[form.__name__ for _, form in FORMS])
@given(history=histories())
@example(history=History([Stay("a", 0, None)], None))
@example(history=History([Stay("a", 0, 600), Stay("b", 600, None)], None))
@example(history=History([Stay("a", 0, None), Stay("b", 600, None)], 600))
@example(history=History([Stay("a", 0, 600), Stay("a", 600, 600)], 600))
@example(history=History([Stay("a", 0, None), Stay("b", 700, None)], 600))
@example(history=History([Stay("a", 0, 300), Stay("a", 0, 600)], 600))
def test_nobody_is_in_a_room_after_its_history(kind, form, history):
    errors = []
    file = ExportFile(form(history).encode())
    events = parse_export(EXPORT_FORMATS[kind], file, OPTIONS, errors.append)
    assert [error for error in errors if not isinstance(error, SkippedRow)] == []
    assert open_stays(events) == []


def test_every_form_of_history_is_covered():
    assert {kind for kind, _ in FORMS} == EXPORT_FORMATS.keys() - SOURCES.keys()
