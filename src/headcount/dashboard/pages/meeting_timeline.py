"""Timeline of a meeting, and who was in the meeting at a time.

Responsible for the values of the chart and for understanding a time that somebody enters: a time of day, a local date
and time, or an exact time with its offset. Must not know how charts are drawn.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from headcount.dashboard import charts
from headcount.dashboard.charts import Mark, Presence, Timeline
from headcount.dashboard.formats import Named, clock, name_of, names_of
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import INFERRED
from headcount.reporting.explain.meeting import Explanation
from headcount.store.records import MeetingRow
from headcount.timezones import instants_of, utc_offset

_MINUTE_MS: Final[Ms] = 60_000
_MAX_NAMES: Final = 200


class ParticipantsAt(NamedTuple):
    """Who was in a meeting at a time, of `count` people some names; None if that is in the future."""

    at: Ms
    time: str
    total: int
    names: Sequence[str] | None


class TimePicker(NamedTuple):
    """The values of the field that selects a time. It has a date if the meeting has several days in the time zone."""

    has_date: bool
    first: str
    last: str
    value: str


def timeline_of(
    meeting: MeetingRow,
    people: Iterable[Named],
    entries: Sequence[Entry],
    explanation: Explanation | None,
    view: View,
) -> Timeline:
    """Return the chart of a meeting: a row for each of these people; with an explanation, also marks and short stays."""
    stays: dict[str, list[Presence]] = {}
    for entry in entries:
        bar = Presence(entry.join, entry.leave, entry.left_by, entry.left_by in INFERRED)
        stays.setdefault(entry.user_id or entry.participant_id, []).append(bar)
    names = {person.user_id or person.participant_id: name_of(person) for person in people}
    marks: list[Mark] = []
    if explanation is not None:
        for stay in explanation.short_stays:
            key = stay.user_id or stay.participant_id
            names.setdefault(key, name_of(stay))
            stays.setdefault(key, []).append(Presence(stay.join, stay.leave, stay.left_by, is_too_short=True))
        marks = [
            Mark(step.at, TEXTS(f"meeting.mark_{step.type}"), step.message)
            for step in (explanation.start, explanation.end)
            if step is not None
        ]
    rows = [charts.Person(name, sorted(stays[key])) for key, name in names.items()]
    return Timeline(TEXTS("meeting.chart"), meeting.start, meeting.end, view.now, rows, marks, view.zone)


def time_picker(view: View, meeting: MeetingRow, selected: Ms | None) -> TimePicker:
    """Return the values of the field. The last time is that of the end, or now."""
    first, last = (local(at, view.zone) for at in (meeting.start, _until(view, meeting)))
    has_date = first.date() != last.date()

    def field_text(at: datetime) -> str:
        return f"{at:%Y-%m-%dT%H:%M:%S}" if has_date else f"{at:%H:%M:%S}"

    value = "" if selected is None else field_text(local(selected, view.zone))
    return TimePicker(has_date, f"{first:%Y-%m-%dT%H:%M}", f"{last:%Y-%m-%dT%H:%M:%S}", value)


def participants_at(
    view: View, meeting: MeetingRow, entries: Sequence[Entry], text: str
) -> ParticipantsAt | None:
    """Return who was in a meeting at a time; None without a time. Raise `BadInput` if it is no time."""
    if not text:
        return None
    at = time_in_meeting(view, meeting, text)
    shown = _time_text(view, meeting, at)
    if at > view.now:
        return ParticipantsAt(at, shown, 0, None)
    present = [entry for entry in entries if entry.join <= at and (entry.leave is None or entry.leave > at)]
    names = names_of(present)
    return ParticipantsAt(at, shown, len(names), names[:_MAX_NAMES])


def time_in_meeting(view: View, meeting: MeetingRow, text: str) -> Ms:
    """Return the time that a text means: the first such time in the meeting. Raise `BadInput`.

    The minute in which the meeting started means its start. When clocks are set back, an hour has two times: the first
    one in the meeting is meant, and a text with an offset can name the other one.
    """
    entered = _parsed(text)
    if entered.tzinfo is not None:
        return round(entered.timestamp() * 1_000)
    candidates = _instants(view, meeting, entered, has_date="T" in text or " " in text.strip())
    has_seconds = text.strip().count(":") > 1
    for at in candidates:
        if meeting.start <= at:
            return at
        if not has_seconds and at > meeting.start - _MINUTE_MS:
            return meeting.start
    return candidates[-1]


def _instants(view: View, meeting: MeetingRow, entered: datetime, *, has_date: bool) -> list[Ms]:
    """The times at which clocks showed the entered time, on the days of the meeting if it has no date."""
    if has_date:
        days = [entered]
    else:
        first = local(meeting.start, view.zone).date()
        days = [datetime.combine(first + timedelta(days=n), entered.time()) for n in range(2)]
    found = [at for day in days for at in instants_of(day, view.zone)]
    # Clocks skip an hour when they are set forward: then the time after the skip is meant.
    return found or [round(days[0].replace(tzinfo=view.zone).timestamp() * 1_000)]


def _parsed(text: str) -> datetime:
    text = text.strip()
    try:
        parsed = datetime.fromisoformat(text if len(text) > 8 else f"2000-01-01T{text}")
    except ValueError:
        parsed = None
    if parsed is None or not 2000 <= parsed.year < 2100:
        raise BadInput(TEXTS("meeting.invalid_time", given=text[:50]))
    return parsed.replace(microsecond=0)


def _time_text(view: View, meeting: MeetingRow, at: Ms) -> str:
    """The time of day, with the date if the meeting has several, and with the offset if the clock shows it twice."""
    when = local(at, view.zone)
    first, last = (local(edge, view.zone).date() for edge in (meeting.start, _until(view, meeting)))
    date = "" if first == last == when.date() else f"{when:%a} {when.day} {when:%b} "
    is_twice = len(instants_of(when.replace(tzinfo=None), view.zone)) > 1
    return f"{date}{clock(when, seconds=bool(when.second))}" + (f" ({utc_offset(when)})" if is_twice else "")


def _until(view: View, meeting: MeetingRow) -> Ms:
    return view.now if meeting.end is None else meeting.end
