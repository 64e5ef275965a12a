"""Settings page: API keys, webhooks, shared links, sessions, rules and the time zone.

Responsible for showing credentials to admins only, and a new secret only once: in the response to the form that created it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from headcount.dashboard import page_json
from headcount.dashboard.pages import endpoints
from headcount.dashboard.renderer import (
    TEXTS,
    THEME_COOKIE,
    THEMES,
    TIMEZONE_COOKIE,
    View,
    local_path,
    render,
)
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.settings import Settings
from headcount.store.credentials import SCOPES, AccessToken, Key, SubjectKind
from headcount.store.open import Store
from headcount.store.records import MeetingRow
from headcount.store.webhooks import SENT_EVENT_TYPES, RetryType
from headcount.timezones import is_zone, utc_offset, zone_names
from headcount.units import exact_duration

_NO_FIELDS: Final[Mapping[str, str]] = {}


class CreatedSecret(NamedTuple):
    """A new secret, and the section of the page whose form created it. Its text is shown this once."""

    section: str
    name: str
    text: str


class FormError(NamedTuple):
    """An error in a form, the section of the page that has the form, and the fields as they were sent."""

    section: str
    message: str
    fields: Mapping[str, str] = _NO_FIELDS


class SharedLink(NamedTuple):
    """A shared link. `meeting` is the one that it shows, if that still exists under its id."""

    share: AccessToken
    meeting: MeetingRow | None


class SessionItem(NamedTuple):
    """A valid session or sign-in link, the key that it comes from, and the name of the session that created it."""

    session: AccessToken
    key: Key | None
    created_by: str | None


class Access(NamedTuple):
    """All credentials of a domain, for admins. `sharing` are the keys and sessions that valid shares come from."""

    keys: Sequence[Key]
    revoked: Sequence[Key]
    shares: Sequence[SharedLink]
    sessions: Sequence[SessionItem]
    sharing: frozenset[str]


class Timezone(NamedTuple):
    """A time zone that can be selected."""

    name: str
    offset: str


async def page(view: View) -> Response:
    """GET /dashboard/settings."""
    return await render_settings(view)


async def as_json(view: View) -> Response:
    """GET /dashboard/settings.json: the rules in force."""
    return page_json.json_response({"rules": list(rule_texts(view.context.settings))}, view.zone)


async def render_settings(
    view: View, *, created: CreatedSecret | None = None, error: FormError | None = None
) -> Response:
    """Return the page, with the result of a form."""
    like = view.query.get("like", "").strip()
    return render(
        view,
        "settings.html",
        HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST,
        access=await _access(view),
        endpoints=await endpoints.load(view.context, view.domain) if is_admin(view) else None,
        event_types=SENT_EVENT_TYPES,
        retry_types=list(RetryType),
        created=created,
        error=error,
        done=_done(view),
        rules=rule_texts(view.context.settings),
        like=like,
        timezones=timezones_like(like, view.now),
        scopes=SCOPES,
        never=NEVER,
    )


async def choose_timezone(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/time-zone: show times in another time zone, in this browser."""
    timezone = fields.get("timezone", "")
    if not is_zone(timezone):
        raise BadInput(TEXTS("settings.time_zone.unknown", timezone=timezone[:60]))
    response = redirect_to_section(view, "time-zone", "chosen")
    view.set_preference(response, TIMEZONE_COOKIE, timezone)
    return response


async def choose_theme(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/theme: select light or dark colors in this browser, and return to the page."""
    theme = fields.get("theme", "")
    response = RedirectResponse(view.url(local_path(fields.get("next", ""))), HTTPStatus.SEE_OTHER)
    view.set_preference(response, THEME_COOKIE, theme if theme in THEMES else THEMES[0])
    return response


def redirect_to_section(view: View, section: str, done: str) -> Response:
    """Return a redirect to a section of the page, which confirms what was done."""
    location = f"{view.url('/settings', done=f'{section}.{done}')}#{section}"
    return RedirectResponse(location, HTTPStatus.SEE_OTHER)


def rule_texts(settings: Settings) -> list[str]:
    """Return the rules in force, a sentence each, with their numbers, and other settings that affect the pages."""
    rules = settings.rules()
    stale_after, days = settings.stale_after(), settings["webhook_retention_days"]
    return [
        _rule("stay", rules.min_stay_ms),
        _rule("alone", rules.start_alone_ms),
        _rule("reset", rules.reset_alone_ms),
        _rule("late", rules.late_grace_ms),
        _rule("shown", settings.reorder_window()),
        _rule("open") if stale_after is None else _rule("longest", stale_after),
        _rule("granularity", settings["granularity_s"] * 1_000),
        TEXTS("settings.rules.retention", n=days) if days else TEXTS("settings.rules.retention_forever"),
        TEXTS("settings.rules.timezone", timezone=settings["timezone"]),
    ]


def timezones_like(like: str, now: Ms) -> list[tuple[str, list[Timezone]]]:
    """Return the time zones whose names contain a text, by continent."""
    folded = like.replace(" ", "_").casefold()
    names = [name for name in zone_names() if folded in name.casefold()]
    return [
        (continent, [Timezone(name, utc_offset(local(now, ZoneInfo(name)))) for name in group])
        for continent, group in groupby(names, key=lambda name: name.partition("/")[0])
    ]


def is_admin(view: View) -> bool:
    return view.visitor is not None and view.visitor.is_admin


def creator_of(view: View) -> tuple[str | None, str | None]:
    """Return the key and the session that a new link or share comes from."""
    visitor = view.visitor
    return (None, None) if visitor is None else (visitor.key_id, visitor.session)


async def _access(view: View) -> Access | None:
    """The credentials; None for viewers."""
    if not is_admin(view):
        return None
    return await asyncio.to_thread(_load_access, view.context.store, view.domain, view.now)


def _load_access(store: Store, domain: str, now: Ms) -> Access:
    """The credentials of a domain, the newest first."""
    keys = [key for key in reversed(store.keys.all()) if key.domain == domain]
    revoked = sorted((key for key in keys if key.revoked), key=lambda key: -(key.revoked or 0))
    valid = [key for key in keys if not key.revoked]
    shares = store.access_tokens.shares(domain, now)
    sharing = frozenset(
        parent for share in shares for parent in (share.key_id, share.parent) if parent is not None
    )
    return Access(
        valid,
        revoked,
        [_shared_link(store, share) for share in shares],
        _session_items(store.access_tokens.sessions(domain, now), valid),
        sharing,
    )


def _session_items(sessions: Sequence[AccessToken], keys: Sequence[Key]) -> list[SessionItem]:
    key_of = {key.id: key for key in keys}
    name_of = {session.digest: session.name for session in sessions}
    return [
        SessionItem(session, key_of.get(session.key_id or ""), name_of.get(session.parent or ""))
        for session in sessions
    ]


def _shared_link(store: Store, share: AccessToken) -> SharedLink:
    is_meeting = share.subject_kind is SubjectKind.MEETING
    return SharedLink(
        share, store.meetings.meeting(share.domain, share.subject or "") if is_meeting else None
    )


def _rule(name: str, duration_ms: Ms = 0) -> str:
    return TEXTS(f"settings.rules.{name}", duration=exact_duration(duration_ms))


def _done(view: View) -> tuple[str, str] | None:
    """The section of the page where something was done, and its confirmation."""
    name = view.query.get("done", "")
    text = f"settings.done.{name}"
    return (name.partition(".")[0], TEXTS(text)) if TEXTS.has(text) else None
