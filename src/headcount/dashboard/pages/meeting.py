"""Meeting page: people, timeline, explanation and webhook deliveries of one meeting.

Responsible for the content of the page and its tabs. Must not know the rules: `reporting.explain` does.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.formats import clock, display_name
from headcount.dashboard.pages import query
from headcount.dashboard.pages.meeting_people import (
    PEOPLE_PER_PAGE,
    SORTS,
    Attendee,
    attendees_of,
    people_table,
    select,
)
from headcount.dashboard.pages.meeting_timeline import participants_at, time_picker, timeline_of
from headcount.dashboard.pages.meetings import Row, row_of
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Event, Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import PersonTotals, totals_of
from headcount.reporting.explain.meeting import MAX_EVENTS, Explanation, explain_meeting
from headcount.store.access_log import Subject, SubjectType
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings
from headcount.store.outbox import Message
from headcount.store.records import MeetingRow
from headcount.store.webhooks import Attempt
from headcount.telemetry.access_recorder import note_subject

_TABS: Final = ("people", "events", "explanation", "corrections", "deliveries")
_EXPLANATION_TABS: Final = ("events", "explanation", "corrections")
_MAX_EXPLAINED_STAYS: Final = 500
"""With more stays, the explanation is computed only for the tabs that show it, and not for the timeline."""
_MAX_BARS: Final = 25
"""With more people, the timeline is below the tables and loaded when somebody opens it."""
_MAX_EVENTS_SHOWN: Final = 500
_MAX_MESSAGES: Final = 500


class MeetingJson(NamedTuple):
    """The page as JSON: the meeting with all its people, and the ids of the meetings before and after it in the room."""

    row: Row
    people: Sequence[Attendee]
    earlier: str | None
    later: str | None


class LoadedMeeting(NamedTuple):
    """A meeting, its row in a table, its entries, and the totals of its people."""

    meeting: MeetingRow
    row: Row
    entries: Sequence[Entry]
    people: Sequence[PersonTotals]


async def page(view: View) -> Response:
    """GET /dashboard/meetings/ID."""
    meeting, replaced_id = await asyncio.to_thread(find, view)
    if replaced_id:
        return RedirectResponse(view.url(f"/meetings/{meeting.id}", was=replaced_id), 303)
    tab = query.choice(view.query, "tab", _TABS)
    loaded = await asyncio.to_thread(load, view, meeting)
    table = people_table(meeting, loaded.people, view.now, view.query)
    if view.request.headers.get("hx-target") in ("people", "people-rows"):
        return render(view, "_meeting_people.html", row=loaded.row, table=table, page_size=PEOPLE_PER_PAGE)
    is_large = len(loaded.people) > _MAX_BARS
    has_timeline = not is_large or view.query.get("timeline") == "open"
    needs_explanation = tab in _EXPLANATION_TABS or (has_timeline and _is_explained(loaded))
    explanation = await asyncio.to_thread(_explain, view, meeting) if needs_explanation else None
    messages, attempts = (
        await asyncio.to_thread(_deliveries, view, meeting) if tab == "deliveries" else ([], {})
    )
    earlier, later = await asyncio.to_thread(_neighbors, view.context.store.meetings, meeting, view.now)
    shown = participants_at(view, meeting, loaded.entries, view.query.get("at", ""))
    return render(
        view, "meeting.html", meeting=meeting, row=loaded.row, tab=tab, tabs=_TABS, table=table, earlier=earlier,
        later=later, participants_at=shown, picker=time_picker(view, meeting, shown.at if shown else None),
        replaced_id=view.query.get("was", ""), explanation=explanation, messages=messages, attempts=attempts,
        has_archive=bool(view.context.settings["archive"]), is_large=is_large, max_events=_MAX_EVENTS_SHOWN, max_explained_events=MAX_EVENTS, page_size=PEOPLE_PER_PAGE,
        senders=await asyncio.to_thread(view.context.store.sources.senders, view.domain) if explanation else None,
        names=_names_in(entry.event for entry in explanation.events) if explanation else {},
        **(_timeline_values(view, loaded, explanation) if has_timeline else {"timeline": None}),
    )  # fmt: skip


async def at(view: View) -> Response:
    """GET /dashboard/meetings/ID/at?at=10:05: who was in the meeting at a time."""
    meeting, _ = await asyncio.to_thread(find, view)
    entries = await asyncio.to_thread(view.context.store.meetings.entries, [meeting])
    found = participants_at(view, meeting, entries[meeting.id], view.query.get("at", ""))
    return render(view, "_participants_at.html", participants_at=found, is_large=False)


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings/ID.json."""
    meeting, _ = await asyncio.to_thread(find, view)
    row, people = await asyncio.to_thread(load_attendees, view, meeting)
    neighbors = await asyncio.to_thread(_neighbors, view.context.store.meetings, meeting, view.now)
    return page_json.json_response(MeetingJson(row, people, *neighbors), view.zone)


async def timeline(view: View) -> Response:
    """GET /dashboard/meetings/ID/timeline: the timeline of a large meeting, and how to search and sort it."""
    meeting, _ = await asyncio.to_thread(find, view)
    loaded = await asyncio.to_thread(load, view, meeting)
    explanation = await asyncio.to_thread(_explain, view, meeting) if _is_explained(loaded) else None
    values = _timeline_values(view, loaded, explanation)
    return render(view, "_timeline.html", row=loaded.row, is_large=True, **values)


async def more(view: View) -> Response:
    """GET /dashboard/meetings/ID/rows?from=100: more rows of the timeline."""
    meeting, _ = await asyncio.to_thread(find, view)
    loaded = await asyncio.to_thread(load, view, meeting)
    return render(view, "_chart_rows.html", row=loaded.row, **_timeline_values(view, loaded, None))


def _timeline_values(view: View, loaded: LoadedMeeting, explanation: Explanation | None) -> Mapping[str, Any]:
    """The timeline, from the row `from`: all people in it count, and rows are those of the people that match."""
    everybody = timeline_of(loaded.meeting, loaded.people, loaded.entries, explanation, view)
    params = view.query
    rows = everybody
    if len(loaded.people) > _MAX_BARS and (params.get("q") or params.get("sort") or params.get("order")):
        matching = select(loaded.people, params)
        rows = timeline_of(loaded.meeting, matching, loaded.entries, None, view)
    return {
        "timeline": everybody,
        "rows": rows,
        "first": query.number(params, "from") or 0,
        "charts": charts,
        "search": {name: params.get(name, "") for name in ("q", "sort", "order")},
        "sorts": SORTS,
    }


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
    note_subject(view.request.scope, Subject(SubjectType.MEETING, successor.id))
    return successor, meeting_id


def load(view: View, meeting: MeetingRow) -> LoadedMeeting:
    """Return what the page shows of a meeting."""
    meetings = view.context.store.meetings
    entries = meetings.entries([meeting])[meeting.id]
    people = totals_of(entries, view.now)
    return LoadedMeeting(meeting, row_of(meetings, meeting, entries, len(people), view.now), entries, people)


def load_attendees(view: View, meeting: MeetingRow) -> tuple[Row, list[Attendee]]:
    """Return the row of a meeting, and all its people by their first join."""
    meetings = view.context.store.meetings
    entries = meetings.entries([meeting])[meeting.id]
    people = attendees_of(meeting, entries, view.now)
    return row_of(meetings, meeting, entries, len(people), view.now), people


def _neighbors(meetings: Meetings, meeting: MeetingRow, now: Ms) -> tuple[str | None, str | None]:
    """The ids of the meetings of the room before and after this one."""
    same_room = MeetingFilter(room=meeting.room)
    earlier = meetings.page(meeting.domain, same_room, Page(1, after=meeting), now)
    later = meetings.page(meeting.domain, same_room, Page(1, after=meeting, ascending=True), now)
    return (earlier[0].id if earlier else None), (later[0].id if later else None)


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


def _is_explained(loaded: LoadedMeeting) -> bool:
    """Return whether the timeline shows why the meeting starts and ends."""
    return len(loaded.entries) <= _MAX_EXPLAINED_STAYS


def _names_in(events: Iterable[Event]) -> Mapping[str, str]:
    """Return the name of each participant id: often only the join event has it."""
    return {
        event.participant_id: display_name(event.user_name, event.user_id, event.participant_id)
        for event in events
        if event.participant_id and (event.user_name or event.user_id)
    }


def _explain(view: View, meeting: MeetingRow) -> Explanation | None:
    store = view.context.store

    def time_text(at: Ms) -> str:
        return clock(local(at, view.zone), seconds=True)

    rules = view.context.rules
    return explain_meeting(
        store.meetings,
        store.history,
        store.sources.excluded_participants,
        meeting,
        view.now,
        rules,
        time_text,
    )
