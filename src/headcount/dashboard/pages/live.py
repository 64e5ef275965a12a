"""Live page: people and rooms in use at this moment.

Responsible for selecting what is worth showing of very many rooms. Must not know how the page is updated.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import page_json
from headcount.dashboard.formats import display_name
from headcount.dashboard.renderer import View, render
from headcount.kernel.events import Ms
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings, PresenceRow
from headcount.store.records import MeetingRow

_MAX_ROOMS: Final = 200
_MAX_NAMES: Final = 12
_MAX_MEETINGS: Final = 10_000
_STALE_AFTER_MS: Final[Ms] = 12 * 3_600_000
"""Participants who have been connected for longer may be stale: their leave event may have been lost."""
_MAX_STALE: Final = 20
_JSON_NAMES: Final = {"possibly_stale": "ghosts", "room_count": "number_of_rooms", "participant": "who"}


class Participant(NamedTuple):
    """A participant who is connected now. `name` is the best that is known: name, user id, or participant id."""

    name: str
    participant_id: str
    user_id: str | None
    join: Ms


class Room(NamedTuple):
    """A room in use. `since` is when its meeting started, or its first participant joined. `number` is of participants."""

    name: str
    meeting_id: str | None
    since: Ms
    people: Sequence[Participant]
    number: int


class Alone(NamedTuple):
    """The participant who has been the only one in a room for longest."""

    room: str
    participant: Participant
    since: Ms


class Live(NamedTuple):
    """The content of the page. `people`, `room_count` and `meetings` are totals."""

    rooms: Sequence[Room]
    people: int
    room_count: int
    meetings: int
    alone: Alone | None
    possibly_stale: Sequence[tuple[str, Participant]]


async def page(view: View) -> Response:
    """GET /dashboard."""
    meetings = view.context.store.meetings
    live = await _load(view)
    has_events = bool(live.people) or await asyncio.to_thread(meetings.has_events, view.domain)
    return render(view, "live.html", live=live, has_events=has_events, max_names=_MAX_NAMES)


async def rooms(view: View) -> Response:
    """GET /dashboard/live/rooms: the part of the page that changes."""
    return render(view, "_live_rooms.html", live=await _load(view), max_names=_MAX_NAMES)


async def as_json(view: View) -> Response:
    """GET /dashboard/live.json."""
    return page_json.json_response(await _load(view), view.zone, _JSON_NAMES)


async def first_event(view: View) -> Response:
    """GET /dashboard/live/first-event: whether the first event of the domain has arrived."""
    arrived = await asyncio.to_thread(view.context.store.meetings.has_events, view.domain)
    return render(view, "_first_event.html", arrived=arrived)


async def _load(view: View) -> Live:
    return await asyncio.to_thread(load, view.context.store.meetings, view.domain, view.now)


def load(meetings: Meetings, domain: str, now: Ms) -> Live:
    """Return the content of the page. Of very many rooms, those with the most participants are listed."""
    present, ids = meetings.presence(domain)
    starts = {row.id: row.start for row in _ongoing(meetings, domain, now)} if ids else {}
    all_rooms = [
        _room(name, list(people), ids.get(name), starts)
        for name, people in groupby(present, key=itemgetter(0))
    ]
    largest = sorted(all_rooms, key=lambda room: (-room.number, room.since, room.name))[:_MAX_ROOMS]
    stale = [(row[0], participant_of(row)) for row in present if now - row[1] > _STALE_AFTER_MS]
    return Live(
        largest, len(present), len(all_rooms), len(ids), _longest_alone(meetings, domain, all_rooms, now),
        sorted(stale, key=lambda entry: entry[1].join)[:_MAX_STALE],
    )  # fmt: skip


def participant_of(row: PresenceRow) -> Participant:
    _, join, participant_id, user_id, name = row
    return Participant(display_name(name, user_id, participant_id), participant_id, user_id, join)


def _ongoing(meetings: Meetings, domain: str, now: Ms) -> list[MeetingRow]:
    return meetings.page(domain, MeetingFilter(ongoing=True), Page(limit=_MAX_MEETINGS), now)


def _room(name: str, people: Sequence[PresenceRow], meeting_id: str | None, starts: dict[str, Ms]) -> Room:
    first_join = people[0][1]
    since = starts.get(meeting_id, first_join) if meeting_id is not None else first_join
    return Room(name, meeting_id, since, [participant_of(row) for row in people[:_MAX_NAMES]], len(people))


def _longest_alone(meetings: Meetings, domain: str, rooms: Iterable[Room], now: Ms) -> Alone | None:
    """The longest time alone. Nobody is alone for longer than they are connected, so few rooms are looked at."""
    single = sorted((room for room in rooms if room.number == 1), key=lambda room: room.people[0].join)
    longest: Alone | None = None
    for room in single[:_MAX_STALE]:
        participant = room.people[0]
        if longest is not None and participant.join >= longest.since:
            break
        stays = meetings.stays_between(domain, room.name, participant.join, now)
        last_leave = max((stay.leave for stay in stays if stay.leave is not None), default=participant.join)
        since = max(participant.join, last_leave)
        if longest is None or since < longest.since:
            longest = Alone(room.name, participant, since)
    return longest
