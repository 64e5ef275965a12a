"""Meeting: one of them. Who was in it and when, and why it is as it is."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import charts, formats
from headcount.dashboard.charts import Mark, Presence, Timeline
from headcount.dashboard.formats import name_of, names_of
from headcount.dashboard.pages import query
from headcount.dashboard.pages.meetings import GUESSED, Row, row_of
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.dashboard.times import clock
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, people_in
from headcount.reporting.explain import MOST_EVENTS, Why, why
from headcount.store.meetings import MeetingFilter, Meetings, Page
from headcount.store.outbox import Message
from headcount.store.records import MeetingRow
from headcount.store.webhooks import Attempt

TABS: Final = ("people", "events", "decisions", "corrections", "deliveries")
_TELLING: Final = ("events", "decisions", "corrections")
_FEW: Final = 500
"""With no more stays than this the reasons are worked out for the picture, too."""
_MOST_PEOPLE: Final = 200
_MOST_EVENTS: Final = 500
_MOST_MESSAGES: Final = 500


class Line(NamedTuple):
    """A person of the meeting. `share` is of the meeting's length so far, from 0 to 1."""

    name: str
    user_id: str | None
    participant_id: str
    connections: int
    first_join: Ms
    last_leave: Ms | None
    time: Ms
    share: float
    is_inferred: bool


class Sight(NamedTuple):
    """A meeting as its page shows it. `end` is None while it goes on."""

    row: Row
    people: Sequence[Line]
    earlier: str | None
    later: str | None


async def page(view: View) -> Response:
    """GET /dashboard/meetings/ID."""
    meeting, replaced = await asyncio.to_thread(find, view)
    if replaced:
        return RedirectResponse(view.url(f"/meetings/{meeting.id}", was=replaced), 303)
    tab = query.chosen(view.query, "tab", TABS)
    sight, entries = await asyncio.to_thread(look, view, meeting)
    told = await asyncio.to_thread(_why, view, meeting) if tab in _TELLING or len(entries) <= _FEW else None
    values = await asyncio.to_thread(_tab, view, meeting, tab)
    drawn = timeline_of(meeting, sight.people, entries, told, view)
    present = who_at(view, meeting, entries, view.query.get("at", ""))
    return shown(
        view, "meeting.html", meeting=meeting, sight=sight, row=sight.row, tab=tab, tabs=TABS, most=MOST_EVENTS,
        most_people=query.number(view.query, "people") or _MOST_PEOPLE, present=present, was=view.query.get("was", ""),
        told=told, drawn=drawn, charts=charts,
        **values,
    )  # fmt: skip


async def at(view: View) -> Response:
    """GET /dashboard/meetings/ID/at?at=10:05: who was in it then."""
    meeting, _ = await asyncio.to_thread(find, view)
    entries = await asyncio.to_thread(view.house.store.meetings.entries, [meeting])
    present = who_at(view, meeting, entries[meeting.id], view.query.get("at", ""))
    return shown(view, "_at.html", present=present)


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings/ID.json: what the page shows of it."""
    meeting, _ = await asyncio.to_thread(find, view)
    sight, _ = await asyncio.to_thread(look, view, meeting)
    return formats.answer(sight, view.zone)


def find(view: View) -> tuple[MeetingRow, str]:
    """The meeting that the address names, and the id by which it was asked if that was replaced."""
    answers, domain = view.house.store.meetings, view.domain
    asked: str = view.request.path_params["id"]
    found = None if "\0" in asked else answers.meeting(domain, asked)
    if found is not None:
        return found, ""
    gone = None if "\0" in asked else answers.superseded(domain, asked)
    if gone is None:
        raise NotThere(TEXTS("meeting.unknown", id=asked[:50]))
    heir = answers.meeting_at(domain, gone.room, gone.start)
    if heir is None:
        when = local(gone.superseded, view.zone)
        raise NotThere(TEXTS("meeting.gone", at=f"{when:%d %b %Y} {clock(when)}"))
    return heir, asked


def look(view: View, meeting: MeetingRow) -> tuple[Sight, Sequence[Entry]]:
    """What is shown of a meeting, and the entries that it is made of."""
    answers = view.house.store.meetings
    entries = answers.entries([meeting])[meeting.id]
    people = lines_of(meeting, entries, view.now)
    row = row_of(answers, meeting, entries, len(people), view.now)
    return Sight(row, people, *_neighbours(answers, meeting, view.now)), entries


def lines_of(meeting: MeetingRow, entries: Sequence[Entry], now: Ms) -> list[Line]:
    """The people of a meeting, each once, by their first join."""
    lasted = max(1, (now if meeting.end is None else meeting.end) - meeting.start)
    guessed = {
        (entry.user_id or None, entry.user_id or entry.participant_id)
        for entry in entries
        if entry.left_by in GUESSED
    }
    return [_line(person, lasted, guessed) for person in people_in(entries, now)]


def _line(person: Person, lasted: Ms, guessed: set[tuple[str | None, str]]) -> Line:
    return Line(
        name_of(person),
        person.user_id,
        person.participant_id,
        person.connections,
        person.first_join,
        person.last_leave,
        person.time,
        min(1.0, person.time / lasted),
        (person.user_id, person.user_id or person.participant_id) in guessed,
    )


def _neighbours(answers: Meetings, meeting: MeetingRow, now: Ms) -> tuple[str | None, str | None]:
    """The meetings of the room before and after this one."""
    of_room = MeetingFilter(room=meeting.room)
    earlier = answers.page(meeting.domain, of_room, Page(1, after=meeting), now)
    later = answers.page(meeting.domain, of_room, Page(1, after=meeting, ascending=True), now)
    return (earlier[0].id if earlier else None), (later[0].id if later else None)


async def more(view: View) -> Response:
    """GET /dashboard/meetings/ID/rows?from=100: more rows of the picture."""
    meeting, _ = await asyncio.to_thread(find, view)
    sight, entries = await asyncio.to_thread(look, view, meeting)
    first = query.number(view.query, "from") or 0
    drawn = timeline_of(meeting, sight.people, entries, None, view)
    return shown(view, "_chart_rows.html", drawn=drawn, first=first, row=sight.row, charts=charts)


def timeline_of(
    meeting: MeetingRow, people: Sequence[Line], entries: Sequence[Entry], told: Why | None, view: View
) -> Timeline:
    """The picture of a meeting: a row for each of the people, in that order."""
    stays: dict[str, list[Presence]] = {}
    for one in entries:
        bar = Presence(one.join, one.leave, one.left_by, one.left_by in GUESSED)
        stays.setdefault(one.user_id or one.participant_id, []).append(bar)
    names = {who.user_id or who.participant_id: who.name for who in people}
    for void in told.void if told is not None else []:
        who = void.user_id or void.participant_id
        names.setdefault(who, void.user_name or who)
        stays.setdefault(who, []).append(Presence(void.join, void.leave, void.left_by, is_void=True))
    marks = [
        Mark(step.at, TEXTS(f"meeting.{name}"), step.sentence)
        for name, step in (("mark_began", told.began), ("mark_ended", told.ended))
        if step is not None
    ] if told is not None else []  # fmt: skip
    rows = [charts.Person(name, sorted(stays[who])) for who, name in names.items()]
    return Timeline(TEXTS("meeting.chart"), meeting.start, meeting.end, view.now, rows, marks, view.zone)


class Present(NamedTuple):
    """Who was in at a moment that somebody asked about; None if it has not come yet."""

    at: str
    names: Sequence[str] | None


def who_at(view: View, meeting: MeetingRow, entries: Sequence[Entry], asked: str) -> Present | None:
    """Who was in when the clock of the zone showed a time; on the meeting's first such moment."""
    if not asked:
        return None
    moment = _moment(view, meeting, asked)
    if moment > view.now:
        return Present(asked, None)
    there = (
        entry for entry in entries if entry.join <= moment and (entry.leave is None or entry.leave > moment)
    )
    return Present(asked, names_of(there))


def _moment(view: View, meeting: MeetingRow, asked: str) -> Ms:
    """The first moment of the meeting at which the clocks showed that; the minute of its start is its start."""
    began = local(meeting.start, view.zone)
    told = query.time_of_day(asked)
    at = query.begin_of(began.date(), view.zone, told)
    if meeting.start - 60_000 < at < meeting.start and not told.second:
        return meeting.start
    return at if at >= meeting.start else query.begin_of(began.date() + timedelta(days=1), view.zone, told)


def _attempts(view: View, messages: Sequence[Message]) -> dict[str, list[tuple[str, Attempt]]]:
    """The last attempt at each endpoint to tell of each message: the endpoint's address, and what came of it."""
    found: dict[str, list[tuple[str, Attempt]]] = {}
    if not messages:
        return found
    for endpoint in view.house.store.endpoints.all(view.domain):
        made = view.house.store.deliveries.attempts_between(
            endpoint.uuid, messages[0].position, messages[-1].position
        )
        for name, attempt in {one.message_id: one for one in made}.items():
            found.setdefault(name, []).append((endpoint.url, attempt))
    return found


def _tab(view: View, meeting: MeetingRow, tab: str) -> Mapping[str, Any]:
    """What the chosen tab shows besides people."""
    messages: list[Message] = []
    if tab == "deliveries":
        last = view.now if meeting.end is None else meeting.end
        messages = view.house.store.messages.in_room(
            view.domain, meeting.room, meeting.start, last, _MOST_MESSAGES
        )
    return {"messages": messages, "attempts": _attempts(view, messages), "most_events": _MOST_EVENTS}


def _why(view: View, meeting: MeetingRow) -> Why | None:
    store = view.house.store

    def written(moment: Ms) -> str:
        return clock(local(moment, view.zone), seconds=True)

    return why(
        store.meetings, store.sources.excluded_participants, meeting, view.now, view.house.rules, written
    )
