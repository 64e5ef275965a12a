"""Now: who is in, everywhere."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import formats
from headcount.dashboard.renderer import View
from headcount.dashboard.renderer import page as shown
from headcount.kernel.events import Ms
from headcount.store.meetings import MeetingFilter, Meetings, Page, Present
from headcount.store.records import MeetingRow

_MOST_ROOMS: Final = 200
_MOST_NAMES: Final = 12
_LONG: Final[Ms] = 12 * 3_600_000
"""Who has been in for longer may be a ghost: somebody whose leaving nobody told."""
_LOOKED_AT: Final = 20


class Head(NamedTuple):
    """Somebody who is in."""

    name: str
    participant_id: str
    user_id: str | None
    join: Ms


class Room(NamedTuple):
    """A room in which somebody is. `since` is when its meeting began, or the first of them joined."""

    name: str
    meeting_id: str | None
    since: Ms
    people: Sequence[Head]
    number: int


class Alone(NamedTuple):
    """Somebody who is the only one in a room, and since when."""

    room: str
    who: Head
    since: Ms


class Now(NamedTuple):
    """All of it, at one moment."""

    rooms: Sequence[Room]
    people: int
    number_of_rooms: int
    meetings: int
    alone: Alone | None
    ghosts: Sequence[tuple[str, Head]]


async def page(view: View) -> Response:
    """GET /dashboard: the whole page."""
    answers = view.house.store.meetings
    found = await asyncio.to_thread(look, answers, view.domain, view.now)
    has_events = bool(found.people) or await asyncio.to_thread(answers.has_events, view.domain)
    return shown(view, "now.html", found=found, has_events=has_events, most_names=_MOST_NAMES)


async def rooms(view: View) -> Response:
    """GET /dashboard/now/rooms: the part of it that changes."""
    found = await asyncio.to_thread(look, view.house.store.meetings, view.domain, view.now)
    return shown(view, "_now.html", found=found, most_names=_MOST_NAMES)


async def as_json(view: View) -> Response:
    """GET /dashboard/now.json: the same as it is now."""
    return formats.answer(
        await asyncio.to_thread(look, view.house.store.meetings, view.domain, view.now), view.zone
    )


async def first(view: View) -> Response:
    """GET /dashboard/now/first: whether the first event has come."""
    arrived = await asyncio.to_thread(view.house.store.meetings.has_events, view.domain)
    return shown(view, "_first.html", arrived=arrived)


def look(answers: Meetings, domain: str, now: Ms) -> Now:
    """Who is in now. Of very many rooms the fullest are shown."""
    present, ids = answers.presence(domain)
    began = {row.id: row.start for row in _ongoing(answers, domain, now)} if ids else {}
    everywhere = [
        _room(name, list(people), ids.get(name), began)
        for name, people in groupby(present, key=itemgetter(0))
    ]
    fullest = sorted(everywhere, key=lambda room: (-room.number, room.since, room.name))[:_MOST_ROOMS]
    ghosts = [(row[0], head_of(row)) for row in present if now - row[1] > _LONG]
    return Now(
        fullest, len(present), len(everywhere), len(ids), _longest_alone(answers, domain, everywhere, now),
        sorted(ghosts, key=lambda ghost: ghost[1].join)[:_LOOKED_AT],
    )  # fmt: skip


def _ongoing(answers: Meetings, domain: str, now: Ms) -> list[MeetingRow]:
    return answers.page(domain, MeetingFilter(ongoing=True), Page(limit=10_000), now)


def _room(name: str, people: Sequence[Present], meeting_id: str | None, began: dict[str, Ms]) -> Room:
    first = people[0][1]
    since = began.get(meeting_id, first) if meeting_id is not None else first
    return Room(name, meeting_id, since, [head_of(row) for row in people[:_MOST_NAMES]], len(people))


def head_of(row: Present) -> Head:
    _, join, participant_id, user_id, name = row
    return Head(name or user_id or participant_id, participant_id, user_id, join)


def _longest_alone(answers: Meetings, domain: str, rooms: Iterable[Room], now: Ms) -> Alone | None:
    """Who has been alone for longest. Nobody is alone for longer than they are in, so few rooms are looked at."""
    single = sorted((room for room in rooms if room.number == 1), key=lambda room: room.people[0].join)
    found: Alone | None = None
    for room in single[:_LOOKED_AT]:
        who = room.people[0]
        if found is not None and who.join >= found.since:
            break
        others = answers.stays_between(domain, room.name, who.join, now)
        left = max((stay.leave for stay in others if stay.leave is not None), default=who.join)
        since = max(who.join, left)
        if found is None or since < found.since:
            found = Alone(room.name, who, since)
    return found
