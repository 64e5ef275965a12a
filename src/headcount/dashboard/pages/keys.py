"""Forms for API keys, sign-in links and sessions, on the settings page. For admins.

Responsible for creating and revoking them within the domain. Must not know how the page is laid out.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.pages.settings import (
    CreatedSecret,
    FormError,
    creator_of,
    redirect_to_section,
    render_settings,
)
from headcount.dashboard.renderer import TEXTS, View
from headcount.errors import BadInput
from headcount.store.access_log import Subject, SubjectType
from headcount.store.credentials import SCOPES, Keys, Role, short_id
from headcount.telemetry.access_recorder import note_subject
from headcount.telemetry.logging import security_event

_MAX_NAME_LENGTH: Final = 100


async def create(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/keys: create a key. The response shows its text once."""
    context = view.context
    try:
        name, scopes = _name(fields), _scopes(fields)
    except BadInput as error:
        return await render_settings(view, error=FormError("keys", str(error), fields))
    key, text = await asyncio.to_thread(
        context.store.keys.create, view.domain, name, scopes, view.now, context.new_secret()
    )
    note_subject(view.request.scope, Subject(SubjectType.KEY, key.id))
    security_event("key_created", created_key_id=key.id, scopes=scopes)
    return await render_settings(view, created=CreatedSecret("keys", name, text))


async def revoke(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/keys/revoke: revoke a key, and the sessions and links created from it."""
    keys, key_id, keep_shares = view.context.store.keys, fields.get("id", ""), "keep_shares" in fields
    if not await asyncio.to_thread(_revoke, keys, view.domain, key_id, view.now, keep_shares=keep_shares):
        raise NotFound(TEXTS("settings.keys.not_found"))
    note_subject(view.request.scope, Subject(SubjectType.KEY, key_id))
    security_event("key_revoked", revoked_key_id=key_id)
    return redirect_to_section(view, "keys", "revoked")


async def revoke_session(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/sign-ins/revoke: revoke a session or link, and everything created from it."""
    digest, keep_shares = fields.get("digest", "").replace("\0", ""), "keep_shares" in fields
    revoke = view.context.store.access_tokens.revoke
    if await asyncio.to_thread(revoke, view.domain, digest, view.now, keep_shares=keep_shares) is None:
        raise NotFound(TEXTS("settings.sign_ins.not_found"))
    note_subject(view.request.scope, Subject(SubjectType.SESSION, short_id(digest)))
    return redirect_to_section(view, "sign-ins", "revoked")


async def create_sign_in_link(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/links: create a one-time sign-in link for a teammate."""
    context, secret = view.context, view.context.new_secret()
    role = Role.ADMIN if fields.get("role") == Role.ADMIN else Role.VIEWER
    try:
        name = _name(fields)
    except BadInput as error:
        return await render_settings(view, error=FormError("links", str(error), fields))
    key_id, parent = creator_of(view)
    await asyncio.to_thread(
        context.store.access_tokens.create_link,
        view.domain,
        role,
        name,
        view.now,
        secret,
        key_id=key_id,
        parent=parent,
    )
    security_event("sign_in_link_created", role=str(role))
    link = view.absolute_url("/sign-in", link=secret)
    return await render_settings(view, created=CreatedSecret("links", name, link))


def _name(fields: Mapping[str, str]) -> str:
    name = fields.get("name", "").strip()
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise BadInput(TEXTS("settings.invalid_name", n=_MAX_NAME_LENGTH))
    return name


def _scopes(fields: Mapping[str, str]) -> list[str]:
    scopes = [scope for scope in SCOPES if f"scope.{scope}" in fields]
    if not scopes:
        raise BadInput(TEXTS("settings.keys.no_scope"))
    return scopes


def _revoke(keys: Keys, domain: str, key_id: str, now: int, *, keep_shares: bool) -> bool:
    """Revoke a key; False if the domain has no such valid key."""
    key = keys.by_id(key_id) if "\0" not in key_id else None
    if key is None or key.domain != domain:
        return False
    return keys.revoke(key_id, now, keep_shares=keep_shares) is not None
