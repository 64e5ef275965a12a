"""Settings: who may come in, who is told, by which rules, and in whose hours times are shown.

What lets others in is shown to admins only. What is secret stands on the answer to the form that made it, and
nowhere afterwards.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import formats, times
from headcount.dashboard.pages import endpoints
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.settings import Settings
from headcount.store.credentials import SCOPES, AccessToken, Key, SubjectKind
from headcount.store.open import Store
from headcount.store.records import MeetingRow
from headcount.store.webhooks import OURS, RetryType

_NOTHING_SAID: Final[Mapping[str, str]] = {}


class Made(NamedTuple):
    """What was just made, by which part of the page; its text is shown this once."""

    part: str
    name: str
    text: str


class Wrong(NamedTuple):
    """What a form got wrong, by which part of the page, and what was written in it."""

    part: str
    told: str
    fields: Mapping[str, str] = _NOTHING_SAID


class Shared(NamedTuple):
    """A link that shows a meeting or a room. `meeting` is the one it is about, if it is still there under its id."""

    share: AccessToken
    meeting: MeetingRow | None


class SignIn(NamedTuple):
    """A valid session or sign-in link, the name of the key it comes from, and of the session that created it."""

    made: AccessToken
    key: Key | None
    by: str | None


class Access(NamedTuple):
    """Who may come in: what admins see. `sharing` are the keys and sessions that valid shares come from."""

    keys: Sequence[Key]
    revoked: Sequence[Key]
    shares: Sequence[Shared]
    sign_ins: Sequence[SignIn]
    sharing: frozenset[str]


class Zone(NamedTuple):
    """A zone that may be chosen."""

    name: str
    offset: str


async def page(view: View) -> Response:
    """GET /dashboard/settings."""
    return await shown_with(view)


async def as_json(view: View) -> Response:
    """GET /dashboard/settings.json: the rules in force."""
    return formats.answer({"rules": list(rules_in_words(view.house.settings))}, view.zone)


async def shown_with(view: View, *, made: Made | None = None, wrong: Wrong | None = None) -> Response:
    """The page, with what a form made of it or got wrong."""
    like = view.query.get("like", "").strip()
    return shown(
        view,
        "settings.html",
        HTTPStatus.OK if wrong is None else HTTPStatus.BAD_REQUEST,
        access=await _access(view),
        endpoints=await endpoints.look(view.house, view.domain) if is_admin(view) else None,
        types=OURS,
        retry_types=list(RetryType),
        made=made,
        wrong=wrong,
        done=_done(view),
        rules=rules_in_words(view.house.settings),
        like=like,
        zones=zones_like(like, view.now),
        scopes=SCOPES,
        never=NEVER,
    )


async def choose_zone(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/zone: see times in another zone."""
    zone = fields.get("zone", "")
    if not times.is_zone(zone):
        raise BadInput(TEXTS("settings.zone.unknown", zone=zone[:60]))
    answer = back(view, "zone", "chosen")
    view.keep_zone(answer, zone)
    return answer


def back(view: View, part: str, done: str) -> Response:
    """To the part of the page where something was done, and say so there."""
    return RedirectResponse(f"{view.url('/settings', done=f'{part}.{done}')}#{part}", HTTPStatus.SEE_OTHER)


def rules_in_words(settings: Settings) -> list[str]:
    """What holds here, a sentence each: the numbers of the rules, and what else bears on what is shown."""
    rules = settings.rules()
    max_stay, days = settings.max_stay(), settings["keep_messages_days"]
    return [
        _rule("stay", rules.min_stay_ms),
        _rule("alone", rules.start_alone_ms),
        _rule("reset", rules.reset_alone_ms),
        _rule("late", rules.settling_ms),
        _rule("shown", settings.shown_after()),
        _rule("open") if max_stay is None else _rule("longest", max_stay),
        _rule("granularity", settings["granularity_s"] * 1_000),
        TEXTS("settings.rules.kept", n=days) if days else TEXTS("settings.rules.kept_for_ever"),
        TEXTS("settings.rules.zone", zone=settings["timezone"]),
    ]


def zones_like(like: str, now: Ms) -> list[tuple[str, list[Zone]]]:
    """The zones whose names hold some letters, by continent. None may be left."""
    wanted = like.replace(" ", "_").casefold()
    names = [name for name in times.zone_names() if wanted in name.casefold()]
    return [
        (continent, [Zone(name, times.offset_of(local(now, ZoneInfo(name)))) for name in group])
        for continent, group in groupby(names, key=lambda name: name.partition("/")[0])
    ]


async def _access(view: View) -> Access | None:
    """None for who may only look."""
    if not is_admin(view):
        return None
    return await asyncio.to_thread(look, view.house.store, view.domain, view.now)


def is_admin(view: View) -> bool:
    return view.visitor is not None and view.visitor.is_admin


def look(store: Store, domain: str, now: Ms) -> Access:
    """Who may come in, the newest first."""
    keys = [key for key in reversed(store.keys.all()) if key.domain == domain]
    revoked = sorted((key for key in keys if key.revoked), key=lambda key: -(key.revoked or 0))
    found = store.access_tokens.shares(domain, now)
    shares = [_shared(store, share) for share in found]
    sharing = frozenset(one for share in found for one in (share.key_id, share.parent) if one is not None)
    valid = [key for key in keys if not key.revoked]
    return Access(
        valid, revoked, shares, _sign_ins(store.access_tokens.sign_ins(domain, now), valid), sharing
    )


def _sign_ins(found: Sequence[AccessToken], keys: Sequence[Key]) -> list[SignIn]:
    key_of = {key.id: key for key in keys}
    name_of = {one.digest: one.name for one in found}
    return [SignIn(one, key_of.get(one.key_id or ""), name_of.get(one.parent or "")) for one in found]


def creator_of(view: View) -> tuple[str | None, str | None]:
    """The key and the session of whoever creates a link or a share."""
    visitor = view.visitor
    return (None, None) if visitor is None else (visitor.key_id, visitor.session)


def _shared(store: Store, share: AccessToken) -> Shared:
    is_meeting = share.subject_kind is SubjectKind.MEETING
    return Shared(share, store.meetings.meeting(share.domain, share.subject or "") if is_meeting else None)


def _rule(name: str, length: Ms = 0) -> str:
    return TEXTS(f"settings.rules.{name}", length=times.spelled(length))


def _done(view: View) -> tuple[str, str] | None:
    """The part of the page where something was done, and what it was."""
    name = view.query.get("done", "")
    text = f"settings.done.{name}"
    return (name.partition(".")[0], TEXTS(text)) if TEXTS.has(text) else None
