"""Keys: what lets programs send and read, and links that let a colleague look."""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.pages.settings import Made, Wrong, back, creator_of, shown_with
from headcount.dashboard.renderer import TEXTS, View
from headcount.errors import BadInput
from headcount.store.credentials import SCOPES, Keys, Role
from headcount.telemetry.logging import security_event

LONGEST_NAME: Final = 100


async def make(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/keys: a new key, whose text is shown on the answer."""
    house = view.house
    try:
        name, scopes = name_in(fields), _scopes_in(fields)
    except BadInput as error:
        return await shown_with(view, wrong=Wrong("keys", str(error), fields))
    key, text = await asyncio.to_thread(
        house.store.keys.create, view.domain, name, scopes, view.now, house.chance()
    )
    security_event("key_created", created_key_id=key.id, scopes=scopes)
    return await shown_with(view, made=Made("keys", name, text))


async def revoke(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/keys/revoke: a key, and the sessions and links created from it, end."""
    keys, key_id, keep = view.house.store.keys, fields.get("id", ""), "keep_shares" in fields
    if not await asyncio.to_thread(_revoke, keys, view.domain, key_id, view.now, keep_shares=keep):
        raise NotThere(TEXTS("settings.keys.gone"))
    security_event("key_revoked", revoked_key_id=fields.get("id", ""))
    return back(view, "keys", "revoked")


async def revoke_sign_in(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/sign-ins/revoke: a session or link, and everything created from it, end."""
    digest, keep = fields.get("digest", "").replace("\0", ""), "keep_shares" in fields
    passes = view.house.store.access_tokens
    if await asyncio.to_thread(passes.revoke, view.domain, digest, view.now, keep_shares=keep) is None:
        raise NotThere(TEXTS("settings.sign_ins.gone"))
    return back(view, "sign-ins", "revoked")


async def make_link(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/links: an address that signs a colleague in, once."""
    house, secret = view.house, view.house.chance()
    role = Role.ADMIN if fields.get("role") == Role.ADMIN else Role.VIEWER
    try:
        name = name_in(fields)
    except BadInput as error:
        return await shown_with(view, wrong=Wrong("links", str(error), fields))
    key_id, parent = creator_of(view)
    await asyncio.to_thread(
        house.store.access_tokens.make_link,
        view.domain,
        role,
        name,
        view.now,
        secret,
        key_id=key_id,
        parent=parent,
    )
    security_event("sign_in_link_created", role=str(role))
    return await shown_with(view, made=Made("links", name, view.whole("/sign-in", link=secret)))


def name_in(fields: Mapping[str, str]) -> str:
    """What something is to be called. Raises `BadInput`."""
    name = fields.get("name", "").strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(TEXTS("settings.name_wrong", n=LONGEST_NAME))
    return name


def _scopes_in(fields: Mapping[str, str]) -> list[str]:
    scopes = [scope for scope in SCOPES if f"scope.{scope}" in fields]
    if not scopes:
        raise BadInput(TEXTS("settings.keys.no_scope"))
    return scopes


def _revoke(keys: Keys, domain: str, key_id: str, now: int, *, keep_shares: bool) -> bool:
    """False if the domain has no such key that still holds."""
    key = keys.of_id(key_id) if "\0" not in key_id else None
    if key is None or key.domain != domain:
        return False
    return keys.revoke(key_id, now, keep_shares=keep_shares) is not None
