"""Meetings: the table of them, by room, person, day, length; all that is asked for stands in the address."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from headcount.dashboard import formats
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.attendance import people_in
from headcount.store.meetings import MeetingFilter, Meetings, Page
from headcount.store.records import MeetingRow, SupersededMeeting

MOST: Final = 50
MOST_SORTED: Final = 1_000
GUESSED: Final = frozenset({LeftBy.SNAPSHOT, LeftBy.TIMEOUT, LeftBy.SUPERSEDED})
_STATES: Final = {"any": None, "ongoing": True, "over": False}


class Row(NamedTuple):
    """A meeting as a line of the table. `person_time` is the sum of all stays in it, ms, until now."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    people: int
    connections: int
    peak: int
    person_time: Ms
    is_inferred: bool
    is_corrected: bool
    is_after_reset: bool


SORTS: Final[dict[str, Callable[[Row, Ms], Any]]] = {
    "start": lambda row, _: row.start,
    "room": lambda row, _: (row.room, row.start),
    "length": lambda row, now: (now if row.end is None else row.end) - row.start,
    "people": lambda row, _: row.people,
    "peak": lambda row, _: row.peak,
    "time": lambda row, _: row.person_time,
}
"""What the table can be sorted by."""


class Listed(NamedTuple):
    """A page of the table. `total` is None where counting would take long; `newer` and `older` are cursors."""

    rows: Sequence[Row]
    total: int | None
    newer: str | None
    older: str | None


async def page(view: View) -> Response:
    """GET /dashboard/meetings."""
    listed = await asyncio.to_thread(look, view)
    template = "_meetings.html" if view.request.headers.get("hx-target") == "meetings" else "meetings.html"
    return shown(
        view, template, listed=listed, days=_days(view), asked=_asked(view.query), states=list(_STATES),
        call=_as_call(view),
    )  # fmt: skip


async def as_json(view: View) -> Response:
    """GET /dashboard/meetings.json: the same page of it."""
    return formats.answer(await asyncio.to_thread(look, view), view.zone)


def look(view: View) -> Listed:
    """The meetings that the address asks for."""
    answers, domain = view.house.store.meetings, view.domain
    wanted = wanted_by(view.query, view)
    if query.chosen(view.query, "sort", tuple(SORTS)) != "start":
        return _sorted(view, wanted)
    ascending = query.chosen(view.query, "order", ("desc", "asc")) == "asc"
    after, before = (_cursor(answers, domain, view.query, name) for name in ("after", "before"))
    if after is not None and before is not None:
        raise BadInput(TEXTS("asking.choice", name="after", among="after, before", given="both"))
    rows = answers.page(
        domain, wanted, Page(MOST + 1, after=after, before=before, ascending=ascending), view.now
    )
    more = len(rows) > MOST
    rows = rows[1:] if more and before is not None else rows[:MOST]
    first, last = (rows[0].id, rows[-1].id) if rows else (None, None)
    has_newer = more if before is not None else after is not None
    has_older = True if before is not None else more
    is_cheap = wanted.min_participants is None and wanted.shortest is None
    total = answers.count(domain, wanted, view.now) if is_cheap else None
    return Listed(
        rows_of(answers, rows, view.now), total, first if has_newer else None, last if has_older else None
    )


def _sorted(view: View, wanted: MeetingFilter) -> Listed:
    """In another order than that of time. All that fit are looked at, so they must not be too many."""
    answers = view.house.store.meetings
    found = answers.page(view.domain, wanted, Page(MOST_SORTED + 1), view.now)
    if len(found) > MOST_SORTED:
        raise BadInput(TEXTS("meetings.too_many", most=f"{MOST_SORTED:,}"))
    key = SORTS[view.query["sort"]]
    downwards = query.chosen(view.query, "order", ("desc", "asc")) == "desc"
    rows = sorted(rows_of(answers, found, view.now), key=lambda row: key(row, view.now), reverse=downwards)
    return Listed(rows, len(rows), None, None)


def rows_of(answers: Meetings, meetings: Sequence[MeetingRow], now: Ms) -> list[Row]:
    """The lines of these meetings."""
    entries = answers.entries(meetings)
    return [
        row_of(answers, one, entries[one.id], len(people_in(entries[one.id], now)), now) for one in meetings
    ]


def row_of(answers: Meetings, meeting: MeetingRow, entries: Sequence[Entry], people: int, now: Ms) -> Row:
    """The line of a meeting with these entries of so many people."""
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
        any(entry.left_by in GUESSED for entry in entries),
        bool(answers.corrections(meeting.domain, meeting.room, meeting.start, until)),
        meeting.carried_join is not None,
    )


def wanted_by(params: Mapping[str, str], view: View) -> MeetingFilter:
    """What the address asks for. Days are those of the zone, both included; a meeting counts that ran in them."""
    first, last = query.day(params, "from"), query.day(params, "to")
    if first is not None and last is not None and last < first:
        raise BadInput(TEXTS("asking.day", name="to", given=f"{last}, before {first}"))
    minutes = query.number(params, "min_minutes")
    return MeetingFilter(
        room=query.text(params, "room"),
        user_id=query.text(params, "user"),
        ongoing=_STATES[query.chosen(params, "state", tuple(_STATES))],
        min_participants=query.number(params, "min_people"),
        shortest=None if minutes is None else minutes * 60_000,
        runs_from=None if first is None else query.begin_of(first, view.zone),
        runs_before=None if last is None else query.end_of(last, view.zone),
    )


def _cursor(
    answers: Meetings, domain: str, params: Mapping[str, str], name: str
) -> MeetingRow | SupersededMeeting | None:
    asked = query.text(params, name)
    if asked is None:
        return None
    found = answers.meeting(domain, asked) or answers.superseded(domain, asked)
    if found is None:
        raise BadInput(TEXTS("meeting.unknown", id=asked[:50]))
    return found


def _asked(params: Mapping[str, str]) -> dict[str, str]:
    names = ("room", "user", "from", "to", "state", "min_people", "min_minutes", "sort", "order", "zone")
    return {name: params.get(name, "") for name in names}


def _as_call(view: View) -> str:
    """The same question for the API."""
    wanted = wanted_by(view.query, view)
    ms = {
        "overlaps_start": wanted.runs_from,
        "overlaps_end": wanted.runs_before,
        "min_duration": wanted.shortest,
    }
    asked = {
        "room": wanted.room,
        "user_id": wanted.user_id,
        "ongoing": None if wanted.ongoing is None else str(wanted.ongoing).lower(),
        "min_participants": wanted.min_participants,
        "order": view.query.get("order") or None,
    } | {name: None if value is None else value // 1_000 for name, value in ms.items()}
    return urlencode({name: value for name, value in asked.items() if value is not None})


def _days(view: View) -> list[tuple[str, date | None, date | None]]:
    """Ranges of days that are often asked for: what they are called, the first and the last."""
    today = local(view.now, view.zone).date()
    begin = today.replace(day=1)
    before = begin - timedelta(days=1)
    return [
        ("always", None, None),
        ("today", today, today),
        ("yesterday", today - timedelta(days=1), today - timedelta(days=1)),
        ("week", today - timedelta(days=6), today),
        ("month", begin, today),
        ("last_month", before.replace(day=1), before),
    ]
