"""Meetings page: a table of meetings that match the filters in the address.

Responsible for filters, sorting and paging. Must not know how one meeting is shown.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from headcount.dashboard import page_json
from headcount.dashboard.pages import date_ranges, query
from headcount.dashboard.renderer import TEXTS, View, render
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
_MAX_KEYS: Final = 100
"""Keys of attributes that are suggested."""
INFERRED: Final = frozenset({LeftBy.SNAPSHOT, LeftBy.TIMEOUT, LeftBy.ROOM_RESTARTED})
RANGES: Final = ("today", "yesterday", "7d", "30d", "month", "all")
_DEFAULT_RANGE: Final = "7d"
_STATES: Final = {"any": None, "ongoing": True, "ended": False}
_ORDERS: Final = ("desc", "asc")
_FILTERS: Final = ("room", "user", "state", "min_people", "min_minutes", "attributes")
_PARAMETERS: Final = (*_FILTERS, "from", "to", "range", "sort", "order", "timezone")


class TooManyToSort(BadInput):
    """More meetings match than can be sorted by something else than their start."""


class Row(NamedTuple):
    """A meeting as a row of the table. `participant_ms` is the total of all stays, until now."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    people: int
    connections: int
    max_participants: int
    participant_ms: Ms
    is_inferred: bool
    is_corrected: bool
    is_after_reset: bool


_MEETING_KEYS: Final[Mapping[str, Callable[[MeetingRow, Ms], Any]]] = {
    "room": lambda meeting, _: (meeting.room, meeting.start),
    "duration": lambda meeting, now: (now if meeting.end is None else meeting.end) - meeting.start,
    "peak": lambda meeting, _: meeting.max_participants,
}
_ROW_KEYS: Final[Mapping[str, Callable[[Row], Any]]] = {
    "people": lambda row: row.people,
    "time": lambda row: row.participant_ms,
}
SORT_KEYS: Final = ("start", *_MEETING_KEYS, *_ROW_KEYS)


class MeetingTable(NamedTuple):
    """A page of the table. `total` is None where counting would take long.

    `newer` and `older` are cursors of the table by start. In another order, `previous` and `next` are numbers of rows to skip.
    """

    rows: Sequence[Row]
    total: int | None
    newer: str | None
    older: str | None
    previous: int | None = None
    next: int | None = None


async def page(view: View) -> Response:
    """GET /dashboard/meetings."""
    try:
        table, notice = await asyncio.to_thread(load, view), None
    except TooManyToSort as error:
        by_start = {
            name: value for name, value in view.query.items() if name not in ("sort", "order", "skip")
        }
        table, notice = await asyncio.to_thread(load_by_start, view, by_start), str(error)
    days = date_ranges.of_address(view.query, view, _DEFAULT_RANGE)
    first_day = await asyncio.to_thread(date_ranges.first_day_of_data, view)
    stored = view.context.store.meetings
    return render(
        view,
        "_meetings.html" if view.request.headers.get("hx-target") == "meetings" else "meetings.html",
        table=table,
        notice=notice,
        sort="start" if notice else view.query.get("sort") or "start",
        order="desc" if notice else view.query.get("order") or "desc",
        sort_keys=SORT_KEYS,
        ranges=RANGES,
        states=list(_STATES),
        attribute_keys=await asyncio.to_thread(stored.attribute_keys, view.domain, _MAX_KEYS),
        days=days.within_data(first_day),
        has_data=first_day is not None,
        api_query=_api_query(view),
        filters={name: view.query.get(name, "") for name in _PARAMETERS},
        filter_count=(days.name == date_ranges.CUSTOM)
        + sum(view.query.get(name, "") not in ("", "any") for name in _FILTERS),
    )


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings.json: the same page of the table."""
    return page_json.json_response(await asyncio.to_thread(load, view), view.zone)


def load(view: View) -> MeetingTable:
    """Return the page of the table that the address selects. Raise `TooManyToSort`."""
    if query.choice(view.query, "sort", SORT_KEYS) == "start":
        return load_by_start(view, view.query)
    return _load_sorted(view)


def load_by_start(view: View, params: Mapping[str, str]) -> MeetingTable:
    """Return the page of the table by start that these parameters select."""
    meetings, domain = view.context.store.meetings, view.domain
    meeting_filter = filter_of(params, view)
    ascending = query.choice(params, "order", _ORDERS) == "asc"
    after, before = (_cursor(meetings, domain, params, name) for name in ("after", "before"))
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


def _load_sorted(view: View) -> MeetingTable:
    """Return a page of the table in another order than that of start. It reads all meetings, so they are limited."""
    meetings, sort = view.context.store.meetings, view.query["sort"]
    found = meetings.page(view.domain, filter_of(view.query, view), Page(_MAX_SORTED + 1), view.now)
    if len(found) > _MAX_SORTED:
        raise TooManyToSort(
            TEXTS("meetings.too_many", most=f"{_MAX_SORTED:,}", column=TEXTS(f"meetings.{sort}"))
        )
    descending = query.choice(view.query, "order", _ORDERS) == "desc"
    skip = query.number(view.query, "skip") or 0
    selected = slice(skip, skip + _PAGE_SIZE)
    if sort in _MEETING_KEYS:
        key = _MEETING_KEYS[sort]
        found.sort(key=lambda meeting: key(meeting, view.now), reverse=descending)
        rows = rows_of(meetings, found[selected], view.now)
    else:
        rows = sorted(rows_of(meetings, found, view.now), key=_ROW_KEYS[sort], reverse=descending)[selected]
    previous = max(0, skip - _PAGE_SIZE) if skip else None
    return MeetingTable(
        rows, len(found), None, None, previous, selected.stop if selected.stop < len(found) else None
    )


def rows_of(meetings: Meetings, rows: Sequence[MeetingRow], now: Ms) -> list[Row]:
    """Return the rows of these meetings."""
    entries = meetings.entries(rows)
    return [
        row_of(meetings, meeting, entries[meeting.id], len(people_in(entries[meeting.id], now)), now)
        for meeting in rows
    ]


def row_of(meetings: Meetings, meeting: MeetingRow, entries: Sequence[Entry], people: int, now: Ms) -> Row:
    """Return the row of a meeting with these entries of this number of people."""
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
    days = date_ranges.of_address(params, view, _DEFAULT_RANGE)
    minutes = query.number(params, "min_minutes")
    return MeetingFilter(
        room=query.text(params, "room"),
        user_id=query.text(params, "user"),
        ongoing=_STATES[query.choice(params, "state", tuple(_STATES))],
        min_participants=query.number(params, "min_people"),
        min_duration=None if minutes is None else minutes * 60_000,
        runs_from=date_ranges.start_ms(days, view),
        runs_before=date_ranges.end_ms(days, view),
        attributes=query.attributes(params, "attributes"),
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
    parameters: dict[str, Any] = {
        "room": meeting_filter.room,
        "user_id": meeting_filter.user_id,
        "ongoing": None if meeting_filter.ongoing is None else str(meeting_filter.ongoing).lower(),
        "min_participants": meeting_filter.min_participants,
        "order": view.query.get("order") or None,
    }
    parameters |= {name: None if value is None else value // 1_000 for name, value in times_ms.items()}
    parameters |= {f"attribute.{key}": value for key, value in meeting_filter.attributes}
    return urlencode({name: value for name, value in parameters.items() if value is not None})
