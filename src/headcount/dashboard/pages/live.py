"""Live page: people and rooms in use at this moment.

Responsible for selecting what is worth showing of very many rooms. Must not know how the page is updated.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from shlex import quote
from typing import Any, Final, NamedTuple

import msgspec
from starlette.responses import Response

from headcount.dashboard import page_json
from headcount.dashboard.formats import display_name
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.maintenance.health import STALE_AFTER_MS
from headcount.store.access_log import Subject, SubjectType
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.meetings import Meetings, PresenceRow
from headcount.store.records import MeetingRow
from headcount.telemetry.access_recorder import note_subject
from headcount.telemetry.logging import security_event
from headcount.units import exact_duration

_MAX_ROOMS: Final = 200
_MAX_NAMES: Final = 12
_MAX_MEETINGS: Final = 10_000
_MAX_STALE: Final = 20
_SORTS: Final = ("participants", "room", "duration")
_ORDERS: Final = ("", "asc", "desc")


class Participant(NamedTuple):
    """A participant who is connected now. `name` is the best that is known: name, user id, or participant id."""

    name: str
    participant_id: str
    user_id: str | None
    join_time: Ms
    attributes: Attributes | None = None


class Room(NamedTuple):
    """An active room. `since` is when its meeting started, or its first participant joined. The list may be cut."""

    name: str
    meeting_id: str | None
    since: Ms
    participants: Sequence[Participant]
    participant_count: int


class Alone(NamedTuple):
    """The participant who has been the only one in a room for longest."""

    room: str
    participant: Participant
    since: Ms


class Stale(NamedTuple):
    """A participant who has been connected for very long: the leave event may have been lost."""

    room: str
    participant: Participant


class Live(NamedTuple):
    """The content of the page. `people`, `room_count` and `meetings` are totals."""

    rooms: Sequence[Room]
    people: int
    room_count: int
    meetings: int
    alone: Alone | None
    possibly_stale: Sequence[Stale]


async def page(view: View) -> Response:
    """GET /dashboard."""
    return await _render(view)


async def rooms(view: View) -> Response:
    """GET /dashboard/live/rooms: the part of the page that changes."""
    return render(view, "_live_rooms.html", **await _values(view))


async def as_json(view: View) -> Response:
    """GET /dashboard/live.json."""
    return page_json.json_response((await _values(view))["live"], view.zone)


async def create_ingest_key(view: View, _: Mapping[str, str]) -> Response:
    """POST /dashboard/live/ingest-key: create a key, and show a command that sends an event with it, once."""
    context, name = view.context, TEXTS("first_event.key_name")
    key, text = await asyncio.to_thread(
        context.store.keys.create, view.domain, name, ["ingest"], view.now, context.new_secret()
    )
    note_subject(view.request.scope, Subject(SubjectType.KEY, key.id))
    security_event("key_created", created_key_id=key.id, scopes=["ingest"])
    return await _render(view, first_event_command=_event_command(view, text))


async def first_event(view: View) -> Response:
    """GET /dashboard/live/first-event: whether the first event of the domain has arrived."""
    arrived = await asyncio.to_thread(view.context.store.meetings.has_events, view.domain)
    return render(view, "_first_event.html", arrived=arrived)


async def _render(view: View, first_event_command: str | None = None) -> Response:
    values = await _values(view)
    meetings = view.context.store.meetings
    has_events = bool(values["live"].people) or await asyncio.to_thread(meetings.has_events, view.domain)
    return render(
        view,
        "live.html",
        has_events=has_events,
        first_event_command=first_event_command,
        sample_command=_event_command(view, "KEY"),
        starts_after=exact_duration(view.context.rules.start_alone_ms),
        **values,
    )


def _event_command(view: View, key: str) -> str:
    """A command that sends an event."""
    event = {"room": "my-room", "kind": "join", "participant_id": "me-1", "user_name": "Me"}
    return (
        f"curl {quote(view.api_url + '/events')} -H 'Authorization: Bearer {key}' \\\n"
        f"  -d '{msgspec.json.encode(event).decode()}'"
    )


async def _values(view: View) -> dict[str, Any]:
    """What the table of rooms is rendered from."""
    sort = query.choice(view.query, "sort", _SORTS)
    order = query.choice(view.query, "order", _ORDERS) or ("asc" if sort == "room" else "desc")
    live = await asyncio.to_thread(
        load, view.context.store.meetings, view.domain, view.now, sort, descending=order == "desc"
    )
    return {"live": live, "sort": sort, "order": order, "max_names": _MAX_NAMES}


def load(meetings: Meetings, domain: str, now: Ms, sort: str = _SORTS[0], *, descending: bool = True) -> Live:
    """Return the content of the page. Of very many rooms, the first ones in the order of `sort` are listed."""
    present, ids = meetings.presence(domain)
    starts = {row.id: row.start for row in _ongoing(meetings, domain, now)} if ids else {}
    all_rooms = [
        _room(name, list(people), ids.get(name), starts)
        for name, people in groupby(present, key=itemgetter(0))
    ]
    shown = sorted(all_rooms, key=lambda room: (room.since, room.name))
    shown.sort(key=_SORT_KEYS[sort], reverse=descending)
    stale = [Stale(row[0], participant_of(row)) for row in present if now - row[1] > STALE_AFTER_MS]
    live = Live(
        shown[:_MAX_ROOMS], len(present), len(all_rooms), len(ids), _longest_alone(meetings, domain, all_rooms, now),
        sorted(stale, key=lambda entry: entry.participant.join_time)[:_MAX_STALE],
    )  # fmt: skip
    return _with_attributes(meetings, domain, live)


_SORT_KEYS: Final[Mapping[str, Callable[[Room], Any]]] = {
    "participants": lambda room: room.participant_count,
    "room": lambda room: room.name.casefold(),
    "duration": lambda room: -room.since,
}


def participant_of(row: Sequence[Any]) -> Participant:
    """Return the participant of a row of presence, with attributes if it has them."""
    _, join, participant_id, user_id, name, *attributes = row
    return Participant(
        display_name(name, user_id, participant_id), participant_id, user_id, join, *attributes
    )


def _with_attributes(meetings: Meetings, domain: str, live: Live) -> Live:
    """Return the content with the attributes of the participants who are listed, who may be few of very many."""
    listed = [(room.name, person.participant_id) for room in live.rooms for person in room.participants]
    listed += [(entry.room, entry.participant.participant_id) for entry in live.possibly_stale]
    if live.alone is not None:
        listed.append((live.alone.room, live.alone.participant.participant_id))
    known = meetings.attributes_of_present(domain, listed)

    def complete(room: str, person: Participant) -> Participant:
        return person._replace(attributes=known.get((room, person.participant_id)))

    return live._replace(
        rooms=[
            room._replace(participants=[complete(room.name, person) for person in room.participants])
            for room in live.rooms
        ],
        alone=live.alone
        and live.alone._replace(participant=complete(live.alone.room, live.alone.participant)),
        possibly_stale=[
            entry._replace(participant=complete(entry.room, entry.participant))
            for entry in live.possibly_stale
        ],
    )


def _ongoing(meetings: Meetings, domain: str, now: Ms) -> list[MeetingRow]:
    return meetings.page(domain, MeetingFilter(ongoing=True), Page(limit=_MAX_MEETINGS), now)


def _room(name: str, people: Sequence[PresenceRow], meeting_id: str | None, starts: dict[str, Ms]) -> Room:
    first_join = people[0][1]
    since = starts.get(meeting_id, first_join) if meeting_id is not None else first_join
    return Room(name, meeting_id, since, [participant_of(row) for row in people[:_MAX_NAMES]], len(people))


def _longest_alone(meetings: Meetings, domain: str, rooms: Iterable[Room], now: Ms) -> Alone | None:
    """The longest time alone. Nobody is alone for longer than they are connected, so few rooms are looked at."""
    single = sorted(
        (room for room in rooms if room.participant_count == 1),
        key=lambda room: room.participants[0].join_time,
    )
    longest: Alone | None = None
    for room in single[:_MAX_STALE]:
        participant = room.participants[0]
        if longest is not None and participant.join_time >= longest.since:
            break
        stays = meetings.stays_between(domain, room.name, participant.join_time, now)
        last_leave = max(
            (stay.leave for stay in stays if stay.leave is not None), default=participant.join_time
        )
        since = max(participant.join_time, last_leave)
        if longest is None or since < longest.since:
            longest = Alone(room.name, participant, since)
    return longest
