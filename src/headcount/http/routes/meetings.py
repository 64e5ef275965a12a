"""Api: the questions that Daily's API answers, and some that it does not. Reads only.

A question is parsed here, asked in one go in a thread, and told in `wire.py`'s words. What a meeting is
is not known here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.body import read_bytes, require_text
from headcount.http.context import Reading, domain_of
from headcount.http.errors import invalid, not_found
from headcount.http.large_answers import Body, Turns, spooled
from headcount.http.routes import usage as usages
from headcount.http.routes.attendance import Asked, asked_in_body, asked_in_url, attendance_list
from headcount.http.routes.explain import explanation
from headcount.http.schemas import (
    Attendance,
    Meetings,
    Participants,
    QuarantinedRoom,
    QuarantinedRooms,
    RoomPresence,
    UserMeetings,
    Wire,
    in_pieces,
    presence_in_pieces,
    told,
    written,
)
from headcount.kernel.events import Ms
from headcount.store.meetings import MeetingFilter, Page
from headcount.store.records import MeetingRow, StayRow, SupersededMeeting

Answer = tuple[Body, dict[str, str]]
"""A body and headers."""
Query = Any
_MOST_BYTES: Final = 2_097_152
_MOST_QUARANTINED: Final = 1_000
_BODY_S: Final = 30
Question = Callable[[Reading, str, Request], Answer]


class _Name(Convertor[str]):
    """A room's name: anything, even a slash or the end of a line, which arrive percent-encoded."""

    regex = r"(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("name", _Name())


def routes(reading: Reading) -> list[Route]:
    """The routes that answer."""
    questions: dict[str, tuple[str, Question]] = {
        "/meetings": ("meetings", meetings),
        "/meetings/{id}": ("meeting", meeting),
        "/meetings/{id}/participants": ("participants", participants),
        "/meetings/{id}/explain": ("explain", explain),
        "/users/{user:name}/meetings": ("user-meetings", user_meetings),
        "/usage": ("usage", usage),
        "/concurrency": ("concurrency", concurrency),
        "/presence": ("presence", presence),
        "/rooms/{room:name}/presence": ("room-presence", room_presence),
        "/rooms/{room:name}/at": ("room-at", room_at),
        "/health/rooms": ("quarantined-rooms", quarantined_rooms),
    }
    turns = Turns(reading.patience_s)
    asked = [Route(path, _asked(reading, ask, turns), name=name) for path, (name, ask) in questions.items()]
    called = Route(
        "/meetings/{id}/attendance", _called(reading, turns), methods=["GET", "POST"], name="attendance"
    )
    return [*asked, called]


def _asked(reading: Reading, ask: Question, turns: Turns) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        domain = domain_of(request)
        return await turns.answer(domain, partial(ask, reading, domain, request))

    return handler


def _called(reading: Reading, turns: Turns) -> Callable[[Request], Awaitable[Response]]:
    """GET and POST /meetings/{id}/attendance: who was there, and who of those who were expected."""

    async def handler(request: Request) -> Response:
        if request.method == "POST":
            headers = dict(request.scope["headers"])
            require_text(headers)
            asked = asked_in_body(await read_bytes(headers, request.receive, _MOST_BYTES, _BODY_S))
        else:
            asked = asked_in_url(request.query_params)
        domain = domain_of(request)
        return await turns.answer(domain, partial(attendance, reading, domain, request, asked))

    return handler


def attendance(reading: Reading, domain: str, request: Request, asked: Asked) -> Answer:
    """The attendance list of a meeting."""
    row, headers = _meeting(reading, domain, request)
    entries = reading.answers.entries([row])[row.id]
    return told(attendance_list(asked, row, entries, Wire(reading.now(), reading.granularity_s))), headers


def meetings(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /meetings: a page of the meetings, newest first."""
    query = request.query_params
    wire = Wire(reading.now(), reading.granularity_s)
    wanted = _filter(query, wire)
    page = _page(reading, domain, query)
    if params.NO_PARTICIPANTS.of(query):
        total, rows = reading.answers.page_with_total(domain, wanted, page, wire.now)
        return told(Meetings(total, [wire.meeting(row) for row in rows])), {}
    with reading.answers.page_with_participants(
        domain, wanted, page, wire.now, reading.few_entries
    ) as listed:
        entries = listed.entries
        if entries is None:
            pages = (
                (wire.meeting(row, []), map(wire.participants, listed.pages(row))) for row in listed.meetings
            )
            return spooled(in_pieces(listed.total, pages)), {}
    return told(Meetings(listed.total, [wire.meeting(row, entries[row.id]) for row in listed.meetings])), {}


def meeting(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /meetings/{id}: one meeting."""
    row, headers = _meeting(reading, domain, request)
    return told(Wire(reading.now(), reading.granularity_s).meeting(row)), headers


def participants(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /meetings/{id}/participants: who took part, a page at a time; 404 when nobody is left."""
    query = request.query_params
    after, before = params.JOINED_AFTER.of(query), params.JOINED_BEFORE.of(query)
    limit = params.LIMIT.of(query)
    if after is not None and before is not None:
        raise invalid('"joined_after" and "joined_before" cannot be combined: leave one of them out')
    row, headers = _meeting(reading, domain, request)
    entries = reading.answers.participants(row, limit, after=after, before=before)
    if entries is None:
        name, who = ("joined_after", after) if before is None else ("joined_before", before)
        raise invalid(f'"{name}" must be a participant_id of this meeting [Received {name}="{who}"]')
    if not entries:
        raise not_found("no more participants: nobody else was in this meeting")
    wire = Wire(reading.now(), reading.granularity_s)
    return told(Participants(wire.participants(entries))), headers


def explain(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /meetings/{id}/explain: why the meeting is as it is."""
    row, headers = _meeting(reading, domain, request)
    return told(explanation(reading, row)), headers


def user_meetings(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /users/{id}/meetings: a page of the meetings that a user took part in, and what part that was."""
    query = request.query_params
    wire = Wire(reading.now(), reading.granularity_s)
    wanted = replace(_filter(query, wire), user_id=_named(request, "user", "the id of a user"))
    page = _page(reading, domain, query)
    few = 0 if params.NO_PARTICIPANTS.of(query) else reading.few_entries
    with reading.answers.page_with_participants(domain, wanted, page, wire.now, few) as listed:
        entries, own = listed.entries, listed.own
        if entries is None and few:
            pages = (
                (wire.user_meeting(row, [], own[row.id]), map(wire.participants, listed.pages(row)))
                for row in listed.meetings
            )
            return spooled(in_pieces(listed.total, pages)), {}
    data = [
        wire.user_meeting(row, None if entries is None else entries[row.id], own[row.id])
        for row in listed.meetings
    ]
    return told(UserMeetings(listed.total, data)), {}


def usage(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /usage: how much was met, by hours, days, months or rooms."""
    return usages.usage(reading, domain, request.query_params), {}


def concurrency(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /concurrency: how many were in at once, by hours or days."""
    return usages.concurrency(reading, domain, request.query_params), {}


def presence(reading: Reading, domain: str, _: Request) -> Answer:
    """GET /presence: who is in now, by room. A room in which nobody is has no key."""
    wire = Wire(reading.now(), reading.granularity_s)
    with reading.answers.presence_pages(domain, reading.few_entries) as (pages, ids):
        return spooled(presence_in_pieces(wire.present(page, ids) for page in pages)), {}


def room_presence(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /rooms/{name}/presence: who is in a room now."""
    query = request.query_params
    limit = params.PRESENT_LIMIT.of(query)
    user_id, user_name = params.PRESENT_USER_ID.of(query), params.PRESENT_USER_NAME.of(query)
    people, ids = reading.answers.presence(domain, _room(request))
    wanted = [one for one in people if user_id in (None, one[3]) and user_name in (None, one[4])]
    data = Wire(reading.now(), reading.granularity_s).present(wanted[:limit], ids)
    return told(RoomPresence(len(wanted), data)), {}


def quarantined_rooms(reading: Reading, domain: str, _: Request) -> Answer:
    """GET /health/rooms: the rooms whose events could not be processed, and why."""
    rows = reading.answers.quarantined_rooms(domain, _MOST_QUARANTINED)
    rooms = [
        QuarantinedRoom(row.room, row.reason or "", written(row.since), row.attempts, written(row.retry))
        for row in rows
    ]
    return told(QuarantinedRooms(len(rooms), rooms)), {}


def room_at(reading: Reading, domain: str, request: Request) -> Answer:
    """GET /rooms/{name}/at: who was in a room at a moment, or in a time."""
    query = request.query_params
    at, start, until = params.TIME.of(query), params.FROM.of(query), params.TO.of(query)
    wire = Wire(reading.now(), reading.granularity_s)
    room = _room(request)
    if start is None and until is None:
        at = _past(wire.now if at is None else at, wire.now)
        stays = reading.answers.stays_between(domain, room, at, at + 1)
        return told(_attendance(wire, room, stays, time=written(at))), {}
    if at is not None:
        raise invalid('"time" cannot be combined with "from" and "to": ask about a moment or about a time')
    if start is None:
        raise invalid('"from" is required with "to"')
    if until is not None and until <= start:
        raise invalid('"to" must be later than "from"')
    start, until = _past(start, wire.now), _past(wire.now if until is None else until, wire.now)
    stays = reading.answers.stays_between(domain, room, start, until)
    return told(_attendance(wire, room, stays, from_=written(start), to=written(until))), {}


def _attendance(wire: Wire, room: str, stays: list[StayRow], **asked: str) -> Attendance:
    return Attendance(room, len(stays), wire.visits(stays), **asked)


def _past(at: Ms, now: Ms) -> Ms:
    """Nothing is known before 1970, nor of what is to come."""
    return max(0, min(at, now))


def _filter(query: Query, wire: Wire) -> MeetingFilter:
    """Bounds are of what is told: a meeting that is told to begin at a second began then."""
    first = wire.first_second
    started, before = params.TIMEFRAME_START.of(query), params.TIMEFRAME_END.of(query)
    shortest = params.MIN_DURATION.of(query)
    ran_from, ran_before = params.OVERLAPS_START.of(query), params.OVERLAPS_END.of(query)
    return MeetingFilter(
        room=params.ROOM.of(query),
        starts_from=None if started is None else first(started),
        starts_before=None if before is None else first(before),
        ongoing=params.ONGOING.of(query),
        user_id=params.USER_ID.of(query),
        min_participants=params.MIN_PARTICIPANTS.of(query),
        shortest=None if shortest is None else first(shortest),
        runs_from=None if ran_from is None else ran_from * 1_000,
        runs_before=None if ran_before is None else ran_before * 1_000,
    )


def _page(reading: Reading, domain: str, query: Query) -> Page:
    limit = params.LIMIT.of(query)
    ascending = params.ORDER.of(query) == "asc"
    after, before = params.STARTING_AFTER.of(query), params.ENDING_BEFORE.of(query)
    if after is not None and before is not None:
        raise invalid('"starting_after" and "ending_before" cannot be combined: leave one of them out')
    if before == params.OLDEST:
        return Page(limit, oldest=True, ascending=ascending)
    return Page(
        limit,
        after=_cursor(reading, domain, "starting_after", after),
        before=_cursor(reading, domain, "ending_before", before),
        ascending=ascending,
    )


def _cursor(
    reading: Reading, domain: str, name: str, meeting_id: str | None
) -> MeetingRow | SupersededMeeting | None:
    """The place of a meeting in the list. One that a correction replaced keeps its place as a cursor."""
    if meeting_id is None:
        return None
    answers = reading.answers
    found = answers.meeting(domain, meeting_id) or answers.superseded(domain, meeting_id)
    if found is None:
        raise invalid(f'"{name}" must be the id of a meeting [Received {name}="{meeting_id[:50]}"]')
    return found


def _meeting(reading: Reading, domain: str, request: Request) -> tuple[MeetingRow, dict[str, str]]:
    """The meeting with the id in the path, or the one that took its place and where it is (rule 16)."""
    asked: str = request.path_params["id"]
    if "\0" in asked:
        raise not_found("there is no meeting with this id")
    found = reading.answers.meeting(domain, asked)
    if found is not None:
        return found, {}
    gone = reading.answers.superseded(domain, asked)
    if gone is None:
        raise not_found(f"there is no meeting {asked[:50]}")
    heir = reading.answers.meeting_at(domain, gone.room, gone.start)
    if heir is None:
        raise not_found(
            f"a correction withdrew the meeting {asked} at {written(gone.superseded)}:"
            " by what is known now, there was none at its start"
        )
    ahead, _, behind = request.scope["path"].rpartition(f"/meetings/{asked}")
    return heir, {"content-location": f"{ahead}/meetings/{heir.id}{behind}"}


def _room(request: Request) -> str:
    return _named(request, "room", "the name of a room")


def _named(request: Request, part: str, what: str) -> str:
    """What a part of the path names."""
    name: str = request.path_params[part]
    if "\0" in name:
        raise invalid(f"{what} must not contain U+0000")
    return name
