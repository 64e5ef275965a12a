"""Search page: rooms, people and meetings that match a text.

Responsible for what a text can match: the id of a meeting, the start of a room's name, a part of a person's name or id.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import formats
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import View, render
from headcount.store.meeting_lists import MeetingFilter, Page

_MAX_RESULTS: Final = 20
_MAX_SUGGESTED: Final = 5
_MAX_LATEST: Final = 3
"""Rooms whose latest meeting is suggested."""
_MAX_USERS_SCANNED: Final = 20_000


class Results(NamedTuple):
    """Rooms and user ids that match. `redirect` is the address of the only exact match, if there is one."""

    rooms: Sequence[str]
    users: Sequence[str]
    redirect: str | None


class Suggestion(NamedTuple):
    """A match while a text is entered. `kind` is room, person or meeting; `detail` distinguishes matches of the same name."""

    kind: str
    name: str
    detail: str
    url: str


async def page(view: View) -> Response:
    """GET /dashboard/search?q=TEXT."""
    text = _text(view)
    results = await asyncio.to_thread(search, view, text) if text else Results([], [], view.url())
    if results.redirect is not None:
        return RedirectResponse(results.redirect, 303)
    people = await asyncio.to_thread(search_people, view, text) if "people" in view.query else None
    return render(view, "search.html", results=results, text=text, people=people)


async def people(view: View) -> Response:
    """GET /dashboard/search/people?q=TEXT: people whose name or id contains a text. It scans all names, which takes a moment."""
    text = _text(view)
    return render(
        view,
        "_search_people.html",
        people=await asyncio.to_thread(search_people, view, text),
        text=text,
    )


async def suggestions(view: View) -> Response:
    """GET /dashboard/search/suggestions?q=TEXT: the first matches, while the text is entered."""
    text = _text(view)
    found = await asyncio.to_thread(suggest, view, text) if text else []
    return render(view, "_search_suggestions.html", suggestions=found, text=text)


def suggest(view: View, text: str) -> list[Suggestion]:
    """Return the first rooms, people and meetings that match a text, in this order."""
    meetings, domain = view.context.store.meetings, view.domain
    rooms = meetings.rooms_by_prefix(domain, text, _MAX_SUGGESTED)
    found = [Suggestion("room", room, "", view.url("/room", name=room)) for room in rooms]
    found += [
        Suggestion("person", name, user if name != user else "", view.url("/person", id=user))
        for user, name in search_people(view, text)[:_MAX_SUGGESTED]
    ]
    exact = meetings.meeting(domain, text)
    latest = [
        meeting
        for room in rooms[:_MAX_LATEST]
        for meeting in meetings.page(domain, MeetingFilter(room=room), Page(limit=1), view.now)
    ]
    found += [
        Suggestion(
            "meeting",
            meeting.room,
            formats.span(meeting.start, meeting.end, view.zone),
            view.url(f"/meetings/{meeting.id}"),
        )
        for meeting in ([exact] if exact else latest)
    ]
    return found


def search(view: View, text: str) -> Results:
    """Return the rooms and users whose names or ids start with a text, or the meeting of that id."""
    meetings, domain = view.context.store.meetings, view.domain
    if meetings.meeting(domain, text) or meetings.superseded(domain, text):
        return Results([], [], view.url(f"/meetings/{text}"))
    rooms = meetings.rooms_by_prefix(domain, text, _MAX_RESULTS)
    users = meetings.users_by_prefix(domain, text, _MAX_RESULTS)
    redirect = None
    if rooms[:1] == [text]:
        redirect = view.url("/room", name=text)
    elif users[:1] == [text]:
        redirect = view.url("/person", id=text)
    return Results(rooms, users, redirect)


def search_people(view: View, text: str) -> list[tuple[str, str]]:
    """Return user ids and latest names of people whose name or id contains a text, in any case."""
    folded = text.casefold()
    matches = [
        (user, name or user)
        for user, name in view.context.store.meetings.users(view.domain, _MAX_USERS_SCANNED)
        if folded in user.casefold() or folded in (name or "").casefold()
    ]
    matches.sort(key=lambda match: (not _has_word_starting_with(folded, match[1]), match[1].casefold()))
    return matches[:_MAX_RESULTS]


def _has_word_starting_with(folded: str, name: str) -> bool:
    """Return whether a word of the name starts with the text: a search for Ana lists her before Banerjee."""
    return f" {folded}" in f" {name.casefold()}"


def _text(view: View) -> str:
    return (query.text(view.query, "q") or "").strip()
