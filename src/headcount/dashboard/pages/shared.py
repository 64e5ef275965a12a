"""Shared pages: what a shared link shows without signing in: one meeting, or the latest meetings of one room.

Responsible for redacting everything that a masked link shows, and for linking to nothing else. Must not need a session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import chain
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from headcount.dashboard import charts
from headcount.dashboard.auth import read_upload
from headcount.dashboard.charts import Timeline
from headcount.dashboard.context import PageContext
from headcount.dashboard.pages import attendance, query
from headcount.dashboard.pages.meeting_people import Attendee, attendees_of
from headcount.dashboard.pages.meeting_timeline import timeline_of
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.redaction import redaction_of
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.reporting.attendance import people_in, totals_of
from headcount.store.access_log import Actor, ActorType, Subject, SubjectType
from headcount.store.credentials import AccessToken, SubjectKind
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings
from headcount.store.records import DAY_MS, MeetingRow
from headcount.telemetry.access_recorder import note_actor, note_subject

_ROOM_HISTORY_MS: Final[Ms] = 30 * DAY_MS
"""A shared room shows the meetings of this long."""
_MAX_MEETINGS: Final = 200
_MAX_ENTRIES_AT_ONCE: Final = 20_000
_MAX_PEOPLE: Final = 200

FORM_PATHS: Final = ("/shared/{token}/attendance", "/shared/{token}/meetings/{id}/attendance")
"""Pages that a form is sent to."""

Handler = Callable[[Request], Awaitable[Response]]


class SharedMeeting(NamedTuple):
    """A meeting as the link shows it, redacted if the link is masked."""

    meeting: MeetingRow
    people: Sequence[Attendee]
    timeline: Timeline


class RoomRow(NamedTuple):
    """A meeting in the list of a room."""

    meeting: MeetingRow
    people: int


class SharedRoom(NamedTuple):
    """The latest meetings of a room, and how many there are."""

    name: str
    rows: Sequence[RoomRow]
    total: int


def handlers(context: PageContext) -> Mapping[str, Handler]:
    """Return the handlers of shared links by path."""

    async def shared(request: Request) -> Response:
        view = View(context, request, None)
        share = await _find_share(view)
        if share is None:
            return _render_expired(view)
        if share.subject_kind is SubjectKind.ROOM:
            room = await asyncio.to_thread(load_room, context.store.meetings, share, view.now)
            return _render(view, share, "shared_room.html", room=room, back=None)
        found = await asyncio.to_thread(_load_meeting, view, share)
        return _render(view, share, "shared_meeting.html", shared=found, back=None)

    async def meeting_of_room(request: Request) -> Response:
        view = View(context, request, None)
        share = await _find_share(view)
        if share is None:
            return _render_expired(view)
        found = await asyncio.to_thread(_load_meeting, view, share)
        back = view.url(f"/shared/{request.path_params['token']}", timezone=view.query.get("timezone"))
        return _render(view, share, "shared_meeting.html", shared=found, back=back)

    async def shared_attendance(request: Request) -> Response:
        """The Attendance page of a meeting. A link that hides names has none."""
        view = View(context, request, None)
        share = await _find_share(view)
        if share is None:
            return _render_expired(view)
        if share.masked:
            raise NotFound(TEXTS("error.page_not_found"))
        meeting = await asyncio.to_thread(_find_meeting, view, share)
        back = view.url(view.path.removesuffix("/attendance"), timezone=view.query.get("timezone"))
        timeout_s = context.settings["request_timeout_s"]
        upload = await read_upload(request, timeout_s) if request.method == "POST" else None
        return _without_indexing(await attendance.respond(view, meeting, back, upload))

    return {
        "/shared/{token}": shared,
        "/shared/{token}/meetings/{id}": meeting_of_room,
        **dict.fromkeys(FORM_PATHS, shared_attendance),
    }


def load_room(meetings: Meetings, share: AccessToken, now: Ms) -> SharedRoom:
    """Return the latest meetings of a shared room, without names."""
    room = share.subject or ""
    recent = MeetingFilter(room=room, runs_from=now - _ROOM_HISTORY_MS)
    selected = Page(limit=_MAX_MEETINGS)
    with meetings.page_with_participants(share.domain, recent, selected, now, _MAX_ENTRIES_AT_ONCE) as listed:
        known = listed.entries
        rows = [
            RoomRow(
                meeting,
                len(
                    people_in(
                        chain(*listed.entry_pages(meeting)) if known is None else known[meeting.id], now
                    )
                ),
            )
            for meeting in listed.meetings
        ]
    return SharedRoom(room, rows, listed.total)


def _find_meeting(view: View, share: AccessToken) -> MeetingRow:
    """Return the meeting of the link, or the one of the address in the room of the link. Raise `NotFound`.

    The id may be one that a correction replaced (rule 16).
    """
    own_id: str | None = view.request.path_params.get("id")
    is_room = share.subject_kind is SubjectKind.ROOM
    if is_room is (own_id is None):
        raise NotFound(TEXTS("error.page_not_found"))
    meeting_id = share.subject or "" if own_id is None else own_id
    meetings, domain = view.context.store.meetings, share.domain
    is_valid_id = "\0" not in meeting_id
    meeting = meetings.meeting(domain, meeting_id) if is_valid_id else None
    replaced = meetings.superseded(domain, meeting_id) if is_valid_id and meeting is None else None
    if replaced is not None:
        meeting = meetings.meeting_at(domain, replaced.room, replaced.start)
    if meeting is None or (is_room and not (meeting.room == share.subject and _is_recent(meeting, view.now))):
        raise NotFound(TEXTS("shares.no_meeting"))
    note_subject(view.request.scope, Subject(SubjectType.MEETING, meeting.id))
    return meeting


def _load_meeting(view: View, share: AccessToken) -> SharedMeeting:
    """Return the meeting of the link as the link shows it. Raise `NotFound`."""
    store = view.context.store
    meeting = _find_meeting(view, share)
    entries = redaction_of(store.access_tokens, share)(store.meetings.entries([meeting])[meeting.id])
    timeline = timeline_of(meeting, totals_of(entries, view.now), entries, None, view)
    return SharedMeeting(meeting, attendees_of(meeting, entries, view.now), timeline)


def _is_recent(meeting: MeetingRow, now: Ms) -> bool:
    return meeting.end is None or meeting.end > now - _ROOM_HISTORY_MS


async def _find_share(view: View) -> AccessToken | None:
    token: str = view.request.path_params["token"]
    share = await asyncio.to_thread(view.context.store.access_tokens.find_share, token, view.now)
    if share is not None:
        scope = view.request.scope
        note_actor(scope, share.domain, Actor(ActorType.SHARE, share.short_id, share.name))
        if share.subject_kind is not None and share.subject is not None:
            note_subject(scope, Subject(SubjectType(share.subject_kind), share.subject))
    return share


def _render(view: View, share: AccessToken, template: str, **values: Any) -> Response:
    base = f"/shared/{view.request.path_params['token']}"
    max_people = query.number(view.query, "people") or _MAX_PEOPLE
    return _without_indexing(
        render(
            view,
            template,
            share=share,
            base=base,
            never=NEVER,
            charts=charts,
            max_people=max_people,
            **values,
        )
    )


def _render_expired(view: View) -> Response:
    return _without_indexing(render(view, "shared_expired.html", HTTPStatus.GONE))


def _without_indexing(response: Response) -> Response:
    """Exclude the page from search engines."""
    response.headers["x-robots-tag"] = "noindex, nofollow"
    return response
