"""Meetings page: a table of meetings that match the filters in the address.

Responsible for filters, sorting and cursors. Must not know how one meeting is shown.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from headcount.dashboard import page_json
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.attendance import people_in
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings
from headcount.store.records import MeetingRow, SupersededMeeting

_PAGE_SIZE: Final = 50
_MAX_SORTED: Final = 1_000
INFERRED: Final = frozenset({LeftBy.SNAPSHOT, LeftBy.TIMEOUT, LeftBy.ROOM_RESTARTED})
JSON_NAMES: Final = {"participant_ms": "person_time"}
_STATES: Final = {"any": None, "ongoing": True, "over": False}
_ORDERS: Final = ("desc", "asc")
_FILTERS: Final = (
    "room", "user", "from", "to", "state", "min_people", "min_minutes", "sort", "order", "timezone",
)  # fmt: skip


class Row(NamedTuple):
    """A meeting as a row of the table. `participant_ms` is the total of all stays, until now."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    people: int
    connections: int
    peak: int
    participant_ms: Ms
    is_inferred: bool
    is_corrected: bool
    is_after_reset: bool


_SORT_KEYS: Final[dict[str, Callable[[Row, Ms], Any]]] = {
    "start": lambda row, _: row.start,
    "room": lambda row, _: (row.room, row.start),
    "length": lambda row, now: (now if row.end is None else row.end) - row.start,
    "people": lambda row, _: row.people,
    "peak": lambda row, _: row.peak,
    "time": lambda row, _: row.participant_ms,
}


class MeetingTable(NamedTuple):
    """A page of the table. `total` is None where counting would take long. `newer` and `older` are cursors."""

    rows: Sequence[Row]
    total: int | None
    newer: str | None
    older: str | None


async def page(view: View) -> Response:
    """GET /dashboard/meetings."""
    table = await asyncio.to_thread(load, view)
    template = "_meetings.html" if view.request.headers.get("hx-target") == "meetings" else "meetings.html"
    return render(
        view, template, table=table, presets=_date_presets(view), states=list(_STATES), api_query=_api_query(view),
        filters={name: view.query.get(name, "") for name in _FILTERS},
    )  # fmt: skip


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings.json: the same page of the table."""
    return page_json.json_response(await asyncio.to_thread(load, view), view.zone, JSON_NAMES)


def load(view: View) -> MeetingTable:
    """Return the page of the table that the address selects."""
    meetings, domain = view.context.store.meetings, view.domain
    meeting_filter = filter_of(view.query, view)
    if query.choice(view.query, "sort", tuple(_SORT_KEYS)) != "start":
        return _load_sorted(view, meeting_filter)
    ascending = query.choice(view.query, "order", _ORDERS) == "asc"
    after, before = (_cursor(meetings, domain, view.query, name) for name in ("after", "before"))
    if after is not None and before is not None:
        raise BadInput(TEXTS("query.choice", name="after", among="after, before", given="both"))
    selected = Page(_PAGE_SIZE + 1, after=after, before=before, ascending=ascending)
    rows = meetings.page(domain, meeting_filter, selected, view.now)
    has_more = len(rows) > _PAGE_SIZE
    rows = rows[1:] if has_more and before is not None else rows[:_PAGE_SIZE]
    first, last = (rows[0].id, rows[-1].id) if rows else (None, None)
    has_newer = has_more if before is not None else after is not None
    has_older = True if before is not None else has_more
    is_cheap = meeting_filter.min_participants is None and meeting_filter.min_duration is None
    total = meetings.count(domain, meeting_filter, view.now) if is_cheap else None
    return MeetingTable(
        rows_of(meetings, rows, view.now), total, first if has_newer else None, last if has_older else None
    )


def _load_sorted(view: View, meeting_filter: MeetingFilter) -> MeetingTable:
    """The table in another order than that of start times. It needs all rows, so they are limited."""
    meetings = view.context.store.meetings
    found = meetings.page(view.domain, meeting_filter, Page(_MAX_SORTED + 1), view.now)
    if len(found) > _MAX_SORTED:
        raise BadInput(TEXTS("meetings.too_many", most=f"{_MAX_SORTED:,}"))
    key = _SORT_KEYS[view.query["sort"]]
    descending = query.choice(view.query, "order", _ORDERS) == "desc"
    rows = rows_of(meetings, found, view.now)
    rows.sort(key=lambda row: key(row, view.now), reverse=descending)
    return MeetingTable(rows, len(rows), None, None)


def rows_of(meetings: Meetings, rows: Sequence[MeetingRow], now: Ms) -> list[Row]:
    """Return the rows of these meetings."""
    entries = meetings.entries(rows)
    return [
        row_of(meetings, meeting, entries[meeting.id], len(people_in(entries[meeting.id], now)), now)
        for meeting in rows
    ]


def row_of(meetings: Meetings, meeting: MeetingRow, entries: Sequence[Entry], people: int, now: Ms) -> Row:
    """Return the row of a meeting with these entries of so many people."""
    until = NEVER if meeting.end is None else meeting.end
    return Row(
        meeting.id,
        meeting.room,
        meeting.start,
        meeting.end,
        people,
        len({entry.participant_id for entry in entries}),
        meeting.max_participants,
        sum((now if entry.leave is None else entry.leave) - entry.join for entry in entries),
        any(entry.left_by in INFERRED for entry in entries),
        bool(meetings.corrections(meeting.domain, meeting.room, meeting.start, until)),
        meeting.carried_join is not None,
    )


def filter_of(params: Mapping[str, str], view: View) -> MeetingFilter:
    """Return the filter of an address. Its days are in the time zone, both included, and overlap the meeting."""
    first, last = query.day(params, "from"), query.day(params, "to")
    if first is not None and last is not None and last < first:
        raise BadInput(TEXTS("query.day", name="to", given=f"{last}, before {first}"))
    minutes = query.number(params, "min_minutes")
    return MeetingFilter(
        room=query.text(params, "room"),
        user_id=query.text(params, "user"),
        ongoing=_STATES[query.choice(params, "state", tuple(_STATES))],
        min_participants=query.number(params, "min_people"),
        min_duration=None if minutes is None else minutes * 60_000,
        runs_from=None if first is None else query.start_of(first, view.zone),
        runs_before=None if last is None else query.end_of(last, view.zone),
    )


def _cursor(
    meetings: Meetings, domain: str, params: Mapping[str, str], name: str
) -> MeetingRow | SupersededMeeting | None:
    meeting_id = query.text(params, name)
    if meeting_id is None:
        return None
    cursor = meetings.meeting(domain, meeting_id) or meetings.superseded(domain, meeting_id)
    if cursor is None:
        raise BadInput(TEXTS("meeting.unknown", id=meeting_id[:50]))
    return cursor


def _api_query(view: View) -> str:
    """The query of the API request that returns the same meetings."""
    meeting_filter = filter_of(view.query, view)
    times_ms = {
        "from": meeting_filter.runs_from,
        "to": meeting_filter.runs_before,
        "min_duration": meeting_filter.min_duration,
    }
    parameters = {
        "room": meeting_filter.room,
        "user_id": meeting_filter.user_id,
        "ongoing": None if meeting_filter.ongoing is None else str(meeting_filter.ongoing).lower(),
        "min_participants": meeting_filter.min_participants,
        "order": view.query.get("order") or None,
    } | {name: None if value is None else value // 1_000 for name, value in times_ms.items()}
    return urlencode({name: value for name, value in parameters.items() if value is not None})


def _date_presets(view: View) -> list[tuple[str, date | None, date | None]]:
    """Date ranges that are often used: text key, first and last day."""
    today = local(view.now, view.zone).date()
    month_start = today.replace(day=1)
    last_month_end = month_start - timedelta(days=1)
    return [
        ("always", None, None),
        ("today", today, today),
        ("yesterday", today - timedelta(days=1), today - timedelta(days=1)),
        ("week", today - timedelta(days=6), today),
        ("month", month_start, today),
        ("last_month", last_month_end.replace(day=1), last_month_end),
    ]
