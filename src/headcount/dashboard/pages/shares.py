"""Shares: admins make links by which anybody looks at a meeting or a room, and take them back."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.pages.settings import back, creator_of
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.credentials import AccessToken, AccessTokenKind, Role, SubjectKind, digest_of
from headcount.store.meetings import MeetingFilter, Meetings
from headcount.store.records import DAY_MS
from headcount.telemetry.logging import security_event

LASTS: Final[Mapping[str, Ms | None]] = {"1": DAY_MS, "7": 7 * DAY_MS, "30": 30 * DAY_MS, "never": None}
"""How long a link may hold; None is until it is revoked. `_share.html` offers these."""


class Made(NamedTuple):
    """A link that was just made: its address is shown this once. `back` leads to what it is about."""

    share: AccessToken
    address: str
    back: str


async def make(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/shares: a link to what `about` (meeting or room) and `name` say."""
    about, name = fields.get("about"), fields.get("name", "")
    if about not in list(SubjectKind) or fields.get("lasts") not in LASTS:
        raise BadInput(TEXTS("shares.wrong"))
    kind, house = SubjectKind(about), view.house
    if not await asyncio.to_thread(_is_there, house.store.meetings, view.domain, kind, name, view.now):
        raise NotThere(TEXTS(f"shares.no_{kind}"))
    secret, lasts = house.chance(), LASTS[fields["lasts"]]
    visitor = view.visitor.name if view.visitor is not None else ""
    key_id, parent = creator_of(view)
    share = AccessToken(
        digest_of(secret), AccessTokenKind.SHARE, view.domain, Role.VIEWER, visitor, key_id, view.now,
        NEVER if lasts is None else view.now + lasts, kind, name, "masked" in fields, parent,
    )  # fmt: skip
    await asyncio.to_thread(house.store.access_tokens.share, share)
    security_event("share_created", about=str(kind), masked=share.masked)
    # Whoever gets it sees the hours that its maker saw.
    made = Made(share, view.whole(f"/shared/{secret}", zone=view.zone_name), place_of(view, share))
    return shown(view, "share_made.html", made=made, never=NEVER)


async def revoke(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/shares/revoke: a link shows nothing any more."""
    digest = fields.get("digest", "").replace("\0", "")
    if not await asyncio.to_thread(view.house.store.access_tokens.unshare, view.domain, digest):
        raise NotThere(TEXTS("shares.gone"))
    security_event("share_revoked")
    return back(view, "shares", "revoked")


def place_of(view: View, share: AccessToken) -> str:
    """The page of what a share is about, for those who have signed in."""
    if share.subject_kind is SubjectKind.ROOM:
        return view.url("/room", name=share.subject)
    return view.url(f"/meetings/{share.subject}")


def _is_there(answers: Meetings, domain: str, kind: SubjectKind, name: str, now: Ms) -> bool:
    if "\0" in name:
        return False
    if kind is SubjectKind.MEETING:
        return answers.meeting(domain, name) is not None
    return bool(name) and answers.count(domain, MeetingFilter(room=name), now) > 0
