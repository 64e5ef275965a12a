"""Meeting page: participants, timeline, explanation and webhook deliveries of one meeting.

Responsible for the content of the page and its tabs. Must not know the rules: `reporting.explain` does.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.charts import Mark, Presence, Timeline
from headcount.dashboard.formats import clock, name_of, names_of
from headcount.dashboard.pages import query
from headcount.dashboard.pages.meetings import INFERRED, Row, row_of
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, people_in
from headcount.reporting.explain.meeting import MAX_EVENTS, Explanation, explain_meeting
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings
from headcount.store.outbox import Message
from headcount.store.records import MeetingRow
from headcount.store.webhooks import Attempt

_TABS: Final = ("people", "events", "explanation", "corrections", "deliveries")
_EXPLANATION_TABS: Final = ("events", "explanation", "corrections")
_MAX_EXPLAINED_STAYS: Final = 500
"""With more stays, the explanation is computed only for the tabs that show it, and not for the timeline."""
_MAX_PEOPLE: Final = 200
_MAX_EVENTS_SHOWN: Final = 500
_MAX_MESSAGES: Final = 500


class Attendee(NamedTuple):
    """A person of the meeting. `share` is the attended part of the meeting's duration so far, from 0 to 1."""

    name: str
    user_id: str | None
    participant_id: str
    connections: int
    first_join: Ms
    last_leave: Ms | None
    time_ms: Ms
    share: float
    is_inferred: bool


class MeetingDetails(NamedTuple):
    """A meeting with its people, and the ids of the meetings before and after it in the room."""

    row: Row
    people: Sequence[Attendee]
    earlier: str | None
    later: str | None


class ParticipantsAt(NamedTuple):
    """The names of those who were in the meeting at a time; None if that is in the future."""

    at: str
    names: Sequence[str] | None


async def page(view: View) -> Response:
    """GET /dashboard/meetings/ID."""
    meeting, replaced_id = await asyncio.to_thread(find, view)
    if replaced_id:
        return RedirectResponse(view.url(f"/meetings/{meeting.id}", was=replaced_id), 303)
    tab = query.choice(view.query, "tab", _TABS)
    details, entries = await asyncio.to_thread(load, view, meeting)
    needs_explanation = tab in _EXPLANATION_TABS or len(entries) <= _MAX_EXPLAINED_STAYS
    explanation = await asyncio.to_thread(_explain, view, meeting) if needs_explanation else None
    messages, attempts = (
        await asyncio.to_thread(_deliveries, view, meeting) if tab == "deliveries" else ([], {})
    )
    return render(
        view, "meeting.html", meeting=meeting, details=details, row=details.row, tab=tab, tabs=_TABS,
        participants_at=participants_at(view, meeting, entries, view.query.get("at", "")),
        replaced_id=view.query.get("was", ""), explanation=explanation, messages=messages, attempts=attempts,
        timeline=timeline_of(meeting, details.people, entries, explanation, view), charts=charts,
        max_people=query.number(view.query, "people") or _MAX_PEOPLE, max_events=_MAX_EVENTS_SHOWN,
        max_explained_events=MAX_EVENTS,
    )  # fmt: skip


async def at(view: View) -> Response:
    """GET /dashboard/meetings/ID/at?at=10:05: who was in the meeting at a time."""
    meeting, _ = await asyncio.to_thread(find, view)
    entries = await asyncio.to_thread(view.context.store.meetings.entries, [meeting])
    found = participants_at(view, meeting, entries[meeting.id], view.query.get("at", ""))
    return render(view, "_participants_at.html", participants_at=found)


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings/ID.json."""
    meeting, _ = await asyncio.to_thread(find, view)
    details, _ = await asyncio.to_thread(load, view, meeting)
    return page_json.json_response(details, view.zone)


async def more(view: View) -> Response:
    """GET /dashboard/meetings/ID/rows?from=100: more rows of the timeline."""
    meeting, _ = await asyncio.to_thread(find, view)
    details, entries = await asyncio.to_thread(load, view, meeting)
    first = query.number(view.query, "from") or 0
    timeline = timeline_of(meeting, details.people, entries, None, view)
    return render(view, "_chart_rows.html", timeline=timeline, first=first, row=details.row, charts=charts)


def find(view: View) -> tuple[MeetingRow, str]:
    """Return the meeting of the address, and the id in the address if that meeting was replaced. Raise `NotFound`."""
    meetings, domain = view.context.store.meetings, view.domain
    meeting_id: str = view.request.path_params["id"]
    meeting = None if "\0" in meeting_id else meetings.meeting(domain, meeting_id)
    if meeting is not None:
        return meeting, ""
    replaced = None if "\0" in meeting_id else meetings.superseded(domain, meeting_id)
    if replaced is None:
        raise NotFound(TEXTS("meeting.unknown", id=meeting_id[:50]))
    successor = meetings.meeting_at(domain, replaced.room, replaced.start)
    if successor is None:
        when = local(replaced.superseded, view.zone)
        raise NotFound(TEXTS("meeting.removed", at=f"{when:%d %b %Y} {clock(when)}"))
    return successor, meeting_id


def load(view: View, meeting: MeetingRow) -> tuple[MeetingDetails, Sequence[Entry]]:
    """Return what is shown of a meeting, and its entries."""
    meetings = view.context.store.meetings
    entries = meetings.entries([meeting])[meeting.id]
    people = attendees_of(meeting, entries, view.now)
    row = row_of(meetings, meeting, entries, len(people), view.now)
    return MeetingDetails(row, people, *_neighbors(meetings, meeting, view.now)), entries


def attendees_of(meeting: MeetingRow, entries: Sequence[Entry], now: Ms) -> list[Attendee]:
    """Return each person of a meeting once, by their first join."""
    duration_ms = max(1, (now if meeting.end is None else meeting.end) - meeting.start)
    inferred = {
        (entry.user_id or None, entry.user_id or entry.participant_id)
        for entry in entries
        if entry.left_by in INFERRED
    }
    return [_attendee(person, duration_ms, inferred) for person in people_in(entries, now)]


def _attendee(person: Person, duration_ms: Ms, inferred: set[tuple[str | None, str]]) -> Attendee:
    return Attendee(
        name_of(person),
        person.user_id,
        person.participant_id,
        person.connections,
        person.first_join,
        person.last_leave,
        person.attended_ms,
        min(1.0, person.attended_ms / duration_ms),
        (person.user_id, person.user_id or person.participant_id) in inferred,
    )


def _neighbors(meetings: Meetings, meeting: MeetingRow, now: Ms) -> tuple[str | None, str | None]:
    """The ids of the meetings of the room before and after this one."""
    same_room = MeetingFilter(room=meeting.room)
    earlier = meetings.page(meeting.domain, same_room, Page(1, after=meeting), now)
    later = meetings.page(meeting.domain, same_room, Page(1, after=meeting, ascending=True), now)
    return (earlier[0].id if earlier else None), (later[0].id if later else None)


def timeline_of(
    meeting: MeetingRow,
    people: Sequence[Attendee],
    entries: Sequence[Entry],
    explanation: Explanation | None,
    view: View,
) -> Timeline:
    """Return the chart of a meeting: a row for each person; with an explanation, also its marks and short stays."""
    stays: dict[str, list[Presence]] = {}
    for entry in entries:
        bar = Presence(entry.join, entry.leave, entry.left_by, entry.left_by in INFERRED)
        stays.setdefault(entry.user_id or entry.participant_id, []).append(bar)
    names = {person.user_id or person.participant_id: person.name for person in people}
    marks: list[Mark] = []
    if explanation is not None:
        for stay in explanation.short_stays:
            key = stay.user_id or stay.participant_id
            names.setdefault(key, stay.user_name or key)
            stays.setdefault(key, []).append(Presence(stay.join, stay.leave, stay.left_by, is_void=True))
        marks = [
            Mark(step.at, TEXTS(f"meeting.mark_{step.type}"), step.message)
            for step in (explanation.start, explanation.end)
            if step is not None
        ]
    rows = [charts.Person(name, sorted(stays[key])) for key, name in names.items()]
    return Timeline(TEXTS("meeting.chart"), meeting.start, meeting.end, view.now, rows, marks, view.zone)


def participants_at(
    view: View, meeting: MeetingRow, entries: Sequence[Entry], time: str
) -> ParticipantsAt | None:
    """Return who was in a meeting at a time of day, at the first such time of the meeting; None without a time."""
    if not time:
        return None
    at = _time_in_meeting(view, meeting, time)
    if at > view.now:
        return ParticipantsAt(time, None)
    present = (entry for entry in entries if entry.join <= at and (entry.leave is None or entry.leave > at))
    return ParticipantsAt(time, names_of(present))


def _time_in_meeting(view: View, meeting: MeetingRow, time: str) -> Ms:
    """The first such time of day in the meeting. The minute in which it started means its start."""
    started = local(meeting.start, view.zone)
    time_of_day = query.time_of_day(time)
    at = query.start_of(started.date(), view.zone, time_of_day)
    if meeting.start - 60_000 < at < meeting.start and not time_of_day.second:
        return meeting.start
    if at >= meeting.start:
        return at
    return query.start_of(started.date() + timedelta(days=1), view.zone, time_of_day)


def _deliveries(
    view: View, meeting: MeetingRow
) -> tuple[list[Message], Mapping[str, list[tuple[str, Attempt]]]]:
    """The messages about a meeting, and by message the URL of each endpoint and its last attempt."""
    store = view.context.store
    end = view.now if meeting.end is None else meeting.end
    messages = store.messages.in_room(view.domain, meeting.room, meeting.start, end, _MAX_MESSAGES)
    attempts: dict[str, list[tuple[str, Attempt]]] = {}
    if not messages:
        return messages, attempts
    for endpoint in store.endpoints.all(view.domain):
        all_attempts = store.deliveries.attempts_between(
            endpoint.uuid, messages[0].position, messages[-1].position
        )
        last_attempts = {attempt.message_id: attempt for attempt in all_attempts}
        for message_id, attempt in last_attempts.items():
            attempts.setdefault(message_id, []).append((endpoint.url, attempt))
    return messages, attempts


def _explain(view: View, meeting: MeetingRow) -> Explanation | None:
    store = view.context.store

    def time_text(at: Ms) -> str:
        return clock(local(at, view.zone), seconds=True)

    rules = view.context.rules
    return explain_meeting(
        store.meetings, store.sources.excluded_participants, meeting, view.now, rules, time_text
    )
