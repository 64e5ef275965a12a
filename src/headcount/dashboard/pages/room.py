"""Room: who is in it, its meetings, and who was in it when."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import plain
from headcount.dashboard.pages import asking
from headcount.dashboard.pages.asking import NotThere
from headcount.dashboard.pages.meetings import Row, rows_of
from headcount.dashboard.pages.now import Head, head_of
from headcount.dashboard.showing import TEXTS, View
from headcount.dashboard.showing import page as shown
from headcount.dashboard.times import local
from headcount.kernel.events import Ms
from headcount.store.answers import MeetingFilter, Page

_LATEST: Final = 20


class Sight(NamedTuple):
    """A room as its page shows it: who is in now, how many meetings it had, the latest of them."""

    room: str
    people: Sequence[Head]
    meetings: int
    latest: Sequence[Row]


class Then(NamedTuple):
    """Who was in at a moment that somebody asked about. `names` is None if it has not come yet."""

    at: Ms
    day: str
    time: str
    names: Sequence[str] | None


async def page(view: View) -> Response:
    """GET /dashboard/room?name=ROOM."""
    sight = await asyncio.to_thread(look, view)
    then = await asyncio.to_thread(_then, view, sight.room)
    today = local(view.now, view.zone).date()
    return shown(view, "room.html", sight=sight, then=then, today=today, rules=view.house.rules)


async def as_json(view: View) -> Response:
    """GET /dashboard/room.json?name=ROOM."""
    return plain.answer(await asyncio.to_thread(look, view), view.zone)


def look(view: View) -> Sight:
    """What is shown of the room that the address names."""
    answers, domain = view.house.store.answers, view.domain
    room = asking.text(view.query, "name")
    if room is None or not answers.knows_room(domain, room):
        raise NotThere(TEXTS("room.unknown"))
    present, _ = answers.presence(domain, room)
    wanted = MeetingFilter(room=room)
    latest = answers.page(domain, wanted, Page(_LATEST), view.now)
    return Sight(
        room,
        [head_of(row) for row in present],
        answers.count(domain, wanted, view.now),
        rows_of(answers, latest, view.now),
    )


def _then(view: View, room: str) -> Then | None:
    """Who was in when the clocks of the zone showed a day and a time."""
    day, time = asking.day(view.query, "day"), view.query.get("at", "")
    if day is None or not time:
        return None
    at = asking.begin_of(day, view.zone, asking.time_of_day(time))
    if at > view.now:
        return Then(at, str(day), time, None)
    stays = view.house.store.answers.in_room(view.domain, room, at, at + 1)
    names = {
        stay.user_id or stay.participant_id: stay.user_name or stay.user_id or stay.participant_id
        for stay in stays
    }
    return Then(at, str(day), time, sorted(names.values(), key=str.casefold))
