"""Meetings as a calendar: what another library reads from it."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from headcount.dashboard.files import Appointment, as_ics

NOON = 1_782_907_200_000  # 2026-07-01T12:00Z
MADE = NOON + 86_400_000


def written(*meetings, name="support"):
    return b"".join(as_ics(name, meetings, MADE))


def read(*meetings, name="support"):
    calendar = Calendar.from_ical(written(*meetings, name=name))
    assert not calendar.errors
    return calendar, calendar.walk("VEVENT")


def meeting(room="support", end=NOON + 1_800_999, people=("Ann", "Bob")):
    return Appointment("7b3c1f0e-0000-5000-8000-000000000000", room, NOON + 1, end, people)


def test_a_meeting_is_an_entry_with_its_id_its_times_and_its_people():
    calendar, (entry,) = read(meeting())
    assert str(calendar["X-WR-CALNAME"]) == "support"
    assert str(entry["UID"]) == "7b3c1f0e-0000-5000-8000-000000000000"
    assert entry["DTSTART"].dt == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert entry["DTEND"].dt == datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
    assert entry["DTSTAMP"].dt == datetime(2026, 7, 2, 12, tzinfo=UTC)
    assert (str(entry["SUMMARY"]), str(entry["DESCRIPTION"])) == ("support", "Ann\nBob")


def test_an_ongoing_meeting_has_no_end():
    _, (entry,) = read(meeting(end=None))
    assert "DTEND" not in entry


def test_a_meeting_within_one_second_has_no_end_either_since_it_would_not_be_after_its_start():
    _, (entry,) = read(meeting(end=NOON + 900))
    assert "DTEND" not in entry


def test_a_meeting_without_known_people_has_no_description():
    _, (entry,) = read(meeting(people=()))
    assert "DESCRIPTION" not in entry


def test_no_meetings_are_an_empty_calendar():
    assert read()[1] == []


def test_a_room_cannot_bring_an_entry_of_its_own():
    room = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil"
    _, (entry,) = read(meeting(room=room))
    assert str(entry["SUMMARY"]) == room.replace("\r\n", "\n")


@given(st.text(st.characters()), st.lists(st.text(st.characters(), min_size=1), max_size=30))
def test_whatever_rooms_and_people_are_called_lines_are_short_and_nothing_is_lost(room, people):
    octets = written(meeting(room=room, people=tuple(people)), name=room)
    lines = octets.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert lines[-1] == b""
    for line in lines:
        assert line.decode().isprintable() or not set(line) & {*range(9), *range(10, 32), 127}
    _, (entry,) = read(meeting(room=room, people=tuple(people)), name=room)
    plain = room.isascii() and room.isprintable()
    assert not plain or str(entry["SUMMARY"]) == room
