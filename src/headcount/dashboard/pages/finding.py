"""Finding: from what somebody typed to the room, person or meeting that they mean."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard.pages import asking
from headcount.dashboard.showing import View
from headcount.dashboard.showing import page as shown

_MOST: Final = 20
_MOST_USERS: Final = 20_000


class Found(NamedTuple):
    """What fits: rooms, and users with their names. `place` is where to go if it is plain what is meant."""

    rooms: Sequence[str]
    users: Sequence[tuple[str, str]]
    place: str | None


async def page(view: View) -> Response:
    """GET /dashboard/find?q=TEXT."""
    asked = (asking.text(view.query, "q") or "").strip()
    found = await asyncio.to_thread(look, view, asked) if asked else Found([], [], view.url())
    if found.place is not None:
        return RedirectResponse(found.place, 303)
    return shown(view, "find.html", found=found, asked=asked)


def look(view: View, asked: str) -> Found:
    """What fits a text: an id of a meeting, the beginning of a room's name, a part of a person's."""
    answers, domain = view.house.store.answers, view.domain
    if answers.meeting(domain, asked) or answers.superseded(domain, asked):
        return Found([], [], view.url(f"/meetings/{asked}"))
    rooms = answers.rooms_beginning(domain, asked, _MOST)
    folded = asked.casefold()
    users = [
        (user, name or user)
        for user, name in answers.users(domain, _MOST_USERS)
        if folded in user.casefold() or folded in (name or "").casefold()
    ][:_MOST]
    place = None
    if rooms == [asked] and not users:
        place = view.url("/room", name=asked)
    elif len(users) == 1 and not rooms:
        place = view.url("/person", id=users[0][0])
    return Found(rooms, users, place)
