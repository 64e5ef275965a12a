"""Forms for shared links: create and revoke links that show a meeting or a room without signing in. For admins."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.pages.settings import creator_of, redirect_to_section
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.access_log import Subject, SubjectType
from headcount.store.credentials import AccessToken, AccessTokenKind, Role, SubjectKind, digest_of, short_id
from headcount.store.meeting_lists import MeetingFilter
from headcount.store.meetings import Meetings
from headcount.store.records import DAY_MS
from headcount.telemetry.access_recorder import note_subject
from headcount.telemetry.logging import security_event

_LIFETIMES: Final[Mapping[str, Ms | None]] = {
    "1": DAY_MS,
    "7": 7 * DAY_MS,
    "30": 30 * DAY_MS,
    "never": None,
}
"""Lifetimes that `_share_form.html` offers. None is until the link is revoked."""


class CreatedShare(NamedTuple):
    """A new link. Its address is shown this once. `back` is the page of what it shows."""

    share: AccessToken
    address: str
    back: str


async def create(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/shares: create a link to the meeting or room `name`, by the type `about`."""
    about, name = fields.get("about"), fields.get("name", "")
    if about not in list(SubjectKind) or fields.get("lasts") not in _LIFETIMES:
        raise BadInput(TEXTS("shares.invalid"))
    kind, context = SubjectKind(about), view.context
    if not await asyncio.to_thread(_exists, context.store.meetings, view.domain, kind, name, view.now):
        raise NotFound(TEXTS(f"shares.no_{kind}"))
    secret, lifetime = context.new_secret(), _LIFETIMES[fields["lasts"]]
    creator = view.visitor.name if view.visitor is not None else ""
    key_id, parent = creator_of(view)
    share = AccessToken(
        digest_of(secret), AccessTokenKind.SHARE, view.domain, Role.VIEWER, creator, key_id, view.now,
        NEVER if lifetime is None else view.now + lifetime, kind, name, "masked" in fields, parent,
    )  # fmt: skip
    await asyncio.to_thread(context.store.access_tokens.add_share, share)
    note_subject(view.request.scope, Subject(SubjectType(kind), name))
    security_event("share_created", about=str(kind), masked=share.masked)
    # The link shows times in the time zone of its creator.
    address = view.absolute_url(f"/shared/{secret}", timezone=view.timezone)
    created = CreatedShare(share, address, _page_of(view, share))
    return render(view, "share_created.html", created=created, never=NEVER)


async def revoke(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/shares/revoke."""
    digest = fields.get("digest", "").replace("\0", "")
    if not await asyncio.to_thread(view.context.store.access_tokens.revoke_share, view.domain, digest):
        raise NotFound(TEXTS("shares.not_found"))
    note_subject(view.request.scope, Subject(SubjectType.SHARE, short_id(digest)))
    security_event("share_revoked")
    return redirect_to_section(view, "shares", "revoked")


def _page_of(view: View, share: AccessToken) -> str:
    """The page of what a share shows, for those who have signed in."""
    if share.subject_kind is SubjectKind.ROOM:
        return view.url("/room", name=share.subject)
    return view.url(f"/meetings/{share.subject}")


def _exists(meetings: Meetings, domain: str, kind: SubjectKind, name: str, now: Ms) -> bool:
    if "\0" in name:
        return False
    if kind is SubjectKind.MEETING:
        return meetings.meeting(domain, name) is not None
    return bool(name) and meetings.count(domain, MeetingFilter(room=name), now) > 0
