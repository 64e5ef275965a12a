"""Calendar files as another library reads them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from headcount.dashboard.files import Appointment, as_ics

NOON = 1_782_907_200_000  # 2026-07-01T12:00Z
CREATED = NOON + 86_400_000


def encode(*meetings, name="support"):
    return b"".join(as_ics(name, meetings, CREATED))


def decode(*meetings, name="support"):
    calendar = Calendar.from_ical(encode(*meetings, name=name))
    assert not calendar.errors
    return calendar, calendar.walk("VEVENT")


def meeting(room="support", end=NOON + 1_800_999, people=("Ann", "Bob")):
    return Appointment("7b3c1f0e-0000-5000-8000-000000000000", room, NOON + 1, end, people)


def test_a_meeting_is_an_event_with_id_times_and_people():
    calendar, (event,) = decode(meeting())
    assert str(calendar["X-WR-CALNAME"]) == "support"
    assert str(event["UID"]) == "7b3c1f0e-0000-5000-8000-000000000000"
    assert event["DTSTART"].dt == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
    assert event["DTSTAMP"].dt == datetime(2026, 7, 2, 12, tzinfo=UTC)
    assert (str(event["SUMMARY"]), str(event["DESCRIPTION"])) == ("support", "Ann\nBob")


def test_an_ongoing_meeting_has_no_end():
    _, (event,) = decode(meeting(end=None))
    assert "DTEND" not in event


def test_a_meeting_within_one_second_has_no_end():
    _, (event,) = decode(meeting(end=NOON + 900))
    assert "DTEND" not in event


def test_a_meeting_without_known_people_has_no_description():
    _, (event,) = decode(meeting(people=()))
    assert "DESCRIPTION" not in event


def test_no_meetings_are_an_empty_calendar():
    assert decode()[1] == []


def test_the_name_of_a_room_cannot_add_an_event():
    room = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil"
    _, (event,) = decode(meeting(room=room))
    assert str(event["SUMMARY"]) == room.replace("\r\n", "\n")


@given(st.text(st.characters()), st.lists(st.text(st.characters(), min_size=1), max_size=30))
def test_lines_are_short_and_complete_with_any_names(room, people):
    octets = encode(meeting(room=room, people=tuple(people)), name=room)
    lines = octets.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert lines[-1] == b""
    for line in lines:
        assert line.decode().isprintable() or not set(line) & {*range(9), *range(10, 32), 127}
    _, (event,) = decode(meeting(room=room, people=tuple(people)), name=room)
    plain = room.isascii() and room.isprintable()
    assert not plain or str(event["SUMMARY"]) == room
