"""Shared: what a link shows to whoever has it, without signing in: one meeting, or the last meetings of one room.

Nothing is made of entries here that did not go through the share's mask, and nothing leads out of what is shared.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import chain
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from headcount.dashboard import charts
from headcount.dashboard.charts import Timeline
from headcount.dashboard.context import House
from headcount.dashboard.pages.meeting import lines_of, timeline_of
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.redaction import Mask, mask_of
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.kernel.rules import NEVER
from headcount.reporting.attendance import Person, people_in
from headcount.store.credentials import AccessToken, SubjectKind
from headcount.store.meetings import MeetingFilter, Meetings, Page
from headcount.store.records import DAY_MS, MeetingRow

SHOWN_MS: Final[Ms] = 30 * DAY_MS
"""A room is shared with its meetings of so long."""
_MOST: Final = 200
_FEW_ENTRIES: Final = 20_000

Handler = Callable[[Request], Awaitable[Response]]


class Parts(NamedTuple):
    """What is shown of a meeting. All of it is made of `entries`, which are masked if the share is."""

    meeting: MeetingRow
    entries: Sequence[Entry]
    people: Sequence[Person]
    drawn: Timeline


class Row(NamedTuple):
    """A meeting in the list of a room."""

    meeting: MeetingRow
    people: int


class Room(NamedTuple):
    """The last meetings of a room, and how many there are."""

    name: str
    rows: Sequence[Row]
    total: int


def handlers(house: House) -> Mapping[str, Handler]:
    """What is behind links that were shared."""

    async def whole(request: Request) -> Response:
        view = View(house, request, None)
        share = await _share(view)
        if share is None:
            return _gone(view)
        if share.subject_kind is SubjectKind.ROOM:
            room = await asyncio.to_thread(look_at_room, house.store.meetings, share, view.now)
            return _found(view, share, "shared_room.html", room=room, back=None)
        parts = await asyncio.to_thread(_meeting, view, share, share.subject or "")
        return _found(view, share, "shared_meeting.html", parts=parts, back=None)

    async def one_of_room(request: Request) -> Response:
        view = View(house, request, None)
        share = await _share(view)
        if share is None:
            return _gone(view)
        if share.subject_kind is not SubjectKind.ROOM:
            raise NotThere(TEXTS("trouble.nothing"))
        parts = await asyncio.to_thread(_meeting, view, share, request.path_params["id"])
        if parts.meeting.room != share.subject or not _is_recent(parts.meeting, view.now):
            raise NotThere(TEXTS("shares.no_meeting"))
        back = view.url(f"/shared/{request.path_params['token']}", zone=view.query.get("zone"))
        return _found(view, share, "shared_meeting.html", parts=parts, back=back)

    return {"/shared/{token}": whole, "/shared/{token}/meetings/{id}": one_of_room}


def parts_of(view: View, meeting: MeetingRow, mask: Mask) -> Parts:
    """All that is shown of a meeting."""
    entries = mask(view.house.store.meetings.entries([meeting])[meeting.id])
    drawn = timeline_of(meeting, lines_of(meeting, entries, view.now), entries, None, view)
    return Parts(meeting, entries, people_in(entries, view.now), drawn)


def look_at_room(answers: Meetings, share: AccessToken, now: Ms) -> Room:
    """The last meetings of a shared room. Nobody is named."""
    room = share.subject or ""
    wanted = MeetingFilter(room=room, runs_from=now - SHOWN_MS)
    with answers.page_with_participants(share.domain, wanted, Page(limit=_MOST), now, _FEW_ENTRIES) as listed:
        known = listed.entries
        rows = [
            Row(
                meeting,
                len(people_in(chain(*listed.pages(meeting)) if known is None else known[meeting.id], now)),
            )
            for meeting in listed.meetings
        ]
    return Room(room, rows, listed.total)


def _meeting(view: View, share: AccessToken, meeting_id: str) -> Parts:
    """A meeting by its id, or by one that a correction replaced (rule 16). Raises `NotThere`."""
    store = view.house.store
    answers, domain = store.meetings, share.domain
    known = "\0" not in meeting_id
    meeting = answers.meeting(domain, meeting_id) if known else None
    replaced = answers.superseded(domain, meeting_id) if known and meeting is None else None
    if replaced is not None:
        meeting = answers.meeting_at(domain, replaced.room, replaced.start)
    if meeting is None:
        raise NotThere(TEXTS("shares.no_meeting"))
    return parts_of(view, meeting, mask_of(store.access_tokens, share))


def _is_recent(meeting: MeetingRow, now: Ms) -> bool:
    return meeting.end is None or meeting.end > now - SHOWN_MS


async def _share(view: View) -> AccessToken | None:
    token: str = view.request.path_params["token"]
    return await asyncio.to_thread(view.house.store.access_tokens.shared, token, view.now)


def _found(view: View, share: AccessToken, template: str, **values: Any) -> Response:
    base = f"/shared/{view.request.path_params['token']}"
    return _unlisted(shown(view, template, share=share, base=base, never=NEVER, charts=charts, **values))


def _gone(view: View) -> Response:
    return _unlisted(shown(view, "shared_gone.html", HTTPStatus.GONE))


def _unlisted(answer: Response) -> Response:
    """No search engine is to list it."""
    answer.headers["x-robots-tag"] = "noindex, nofollow"
    return answer
