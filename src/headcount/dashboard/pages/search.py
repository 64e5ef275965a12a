"""Finding: from what somebody typed to the room, person or meeting that they mean."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard.pages import query
from headcount.dashboard.renderer import View
from headcount.dashboard.renderer import page as shown

_MOST: Final = 20
_MOST_USERS: Final = 20_000


class Found(NamedTuple):
    """What fits at once: rooms and ids of users. `place` is where to go if it is plain what is meant."""

    rooms: Sequence[str]
    users: Sequence[str]
    place: str | None


async def page(view: View) -> Response:
    """GET /dashboard/find?q=TEXT."""
    asked = (query.text(view.query, "q") or "").strip()
    found = await asyncio.to_thread(look, view, asked) if asked else Found([], [], view.url())
    if found.place is not None:
        return RedirectResponse(found.place, 303)
    people = await asyncio.to_thread(named, view, asked) if "people" in view.query else None
    return shown(view, "find.html", found=found, asked=asked, people=people)


async def people(view: View) -> Response:
    """GET /dashboard/find/people?q=TEXT: whom a part of a name or of an id means. All names are looked through, which takes a moment."""
    asked = (query.text(view.query, "q") or "").strip()
    return shown(view, "_find_people.html", people=await asyncio.to_thread(named, view, asked), asked=asked)


def look(view: View, asked: str) -> Found:
    """What fits a text: an id of a meeting, the beginning of a room's name, a part of a person's."""
    answers, domain = view.house.store.meetings, view.domain
    if answers.meeting(domain, asked) or answers.superseded(domain, asked):
        return Found([], [], view.url(f"/meetings/{asked}"))
    rooms = answers.rooms_by_prefix(domain, asked, _MOST)
    users = answers.users_by_prefix(domain, asked, _MOST)
    place = None
    if rooms[:1] == [asked]:
        place = view.url("/room", name=asked)
    elif users[:1] == [asked]:
        place = view.url("/person", id=asked)
    return Found(rooms, users, place)


def named(view: View, asked: str) -> list[tuple[str, str]]:
    """Users, with the names that they had last, of whom a part of the name or of the id is that."""
    folded = asked.casefold()
    found = [
        (user, name or user)
        for user, name in view.house.store.meetings.users(view.domain, _MOST_USERS)
        if folded in user.casefold() or folded in (name or "").casefold()
    ]
    return sorted(found, key=lambda one: (not _begins(one[1], folded), one[1].casefold()))[:_MOST]


def _begins(name: str, folded: str) -> bool:
    """Whether the name, or a word of it, begins so: who looks for Ana means her before Banerjee."""
    return f" {folded}" in f" {name.casefold()}"
