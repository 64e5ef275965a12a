"""Webhook endpoint page: its deliveries, and all actions on it. For admins.

Responsible for the page and its forms. Must not know how messages are delivered.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard.auth import NotAllowed
from headcount.dashboard.pages import endpoints
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.pages.settings import FormError, is_admin, redirect_to_section, render_settings
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.errors import BadInput
from headcount.maintenance.health import MAX_PENDING_COUNTED
from headcount.outbound.webhooks.client import DeliveryResult
from headcount.store.access_log import Subject, SubjectType
from headcount.store.webhooks import (
    SENT_EVENT_TYPES,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    MessageDeliveries,
    RetryType,
)
from headcount.telemetry.access_recorder import note_subject

_PAGE_SIZE: Final = 25


class DeliveryLog(NamedTuple):
    """A page of the endpoint's messages. `older` is the message after which the next page starts, if there is one.

    `state` is the only state of the messages, if any. `has_newer` is whether pages come before it.
    """

    messages: Sequence[MessageDeliveries]
    state: DeliveryState | None
    older: str | None
    has_newer: bool


async def create(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/webhooks: create an endpoint, which receives events from now on."""
    try:
        row = await view.context.webhook_endpoints.create(
            view.domain, endpoints.fields_of_form(fields), verify="skip_ping" not in fields
        )
    except BadInput as error:
        return await render_settings(view, error=FormError("webhooks", str(error), fields))
    note_subject(view.request.scope, Subject(SubjectType.WEBHOOK, row.uuid))
    return _redirect(view, row, "created")


async def page(view: View) -> Response:
    """GET /dashboard/settings/webhooks/UUID."""
    if not is_admin(view):
        raise NotAllowed(TEXTS("error.admins_only"))
    return await _render(view, await _find(view))


async def test(view: View, _: Mapping[str, str]) -> Response:
    """POST …/test: send a ping and show the response."""
    row = await _find(view)
    return await _render(view, row, ping=await view.context.webhook_endpoints.ping(row))


async def update(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/UUID: change address or event types. The endpoint must answer a ping, and is enabled."""
    row = await _find(view)
    changes = endpoints.fields_of_form(fields)
    changes["eventTypes"] += [
        event_type for event_type in row.event_types if event_type not in SENT_EVENT_TYPES
    ]
    return await _update(view, row, changes, "updated")


async def reenable(view: View, _: Mapping[str, str]) -> Response:
    """POST …/enable: re-enable a disabled endpoint if it answers a ping."""
    return await _update(view, await _find(view), {}, "enabled")


async def resend(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/resend: send one message again, or all that failed."""
    row = await _find(view)
    selection = {"id": fields["id"]} if "id" in fields else {"failed": True}
    try:
        await view.context.webhook_endpoints.resend(row, selection)
    except BadInput as error:
        return await _render(view, row, error=str(error))
    return _redirect(view, row, "resent")


async def add_secret(view: View, _: Mapping[str, str]) -> Response:
    """POST …/secrets: add a secret, which signs every message from now on, too."""
    row = await _find(view)
    try:
        await view.context.webhook_endpoints.add_secret(row)
    except BadInput:
        return await _render(view, row, error=TEXTS("endpoint.secrets_full"))
    return _redirect(view, row, "secret_added", "secrets")


async def remove_secret(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/secrets/remove: remove a secret. The last one cannot be removed."""
    row = await _find(view)
    remaining = [secret for secret in row.secrets if secret != fields.get("secret")]
    if len(remaining) not in range(1, len(row.secrets)):
        raise NotFound(TEXTS("endpoint.secret_not_found"))
    await view.context.webhook_endpoints.set_secrets(row, {"secrets": remaining})
    return _redirect(view, row, "secret_removed", "secrets")


async def delete(view: View, _: Mapping[str, str]) -> Response:
    """POST …/delete: delete the endpoint."""
    await view.context.webhook_endpoints.delete(view.domain, (await _find(view)).uuid)
    return redirect_to_section(view, "webhooks", "deleted")


async def _update(view: View, row: Endpoint, changes: Mapping[str, Any], done: str) -> Response:
    try:
        updated = await view.context.webhook_endpoints.update(view.domain, row.uuid, changes)
    except BadInput as error:
        return await _render(view, row, error=str(error))
    if updated is None:
        raise NotFound(TEXTS("endpoint.not_found"))
    return _redirect(view, updated, done)


async def _find(view: View) -> Endpoint:
    row = await view.context.webhook_endpoints.find(view.domain, view.request.path_params["uuid"])
    if row is None:
        raise NotFound(TEXTS("endpoint.not_found"))
    return row


async def _render(
    view: View, row: Endpoint, *, ping: DeliveryResult | None = None, error: str | None = None
) -> Response:
    done = f"endpoint.done.{view.query.get('done', '')}"
    return render(
        view,
        "endpoint.html",
        HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST,
        endpoint=await endpoints.load_one(view.context, row),
        log=await _load_log(view, row),
        ping=ping,
        error=error,
        done=TEXTS(done) if TEXTS.has(done) else None,
        is_disabled=row.state is EndpointStatus.FAILED,
        max_counted=MAX_PENDING_COUNTED,
        states=list(DeliveryState),
        event_types=SENT_EVENT_TYPES,
        retry_types=list(RetryType),
        base=f"/settings/webhooks/{row.uuid}",
    )


async def _load_log(view: View, row: Endpoint) -> DeliveryLog:
    """Return the page of the log that the address selects; the first page, if that does not exist."""
    name = view.query.get("state")
    state = DeliveryState(name) if name in list(DeliveryState) else None
    after = view.query.get("after")
    list_messages = view.context.webhook_endpoints.list_messages
    messages = await list_messages(row, after, _PAGE_SIZE + 1, state) if after and "\0" not in after else None
    has_newer = messages is not None
    if messages is None:
        messages = await list_messages(row, None, _PAGE_SIZE + 1, state) or []
    older = messages[_PAGE_SIZE - 1].id if len(messages) > _PAGE_SIZE else None
    return DeliveryLog(messages[:_PAGE_SIZE], state, older, has_newer)


def _redirect(view: View, row: Endpoint, done: str, section: str = "") -> Response:
    location = view.url(f"/settings/webhooks/{row.uuid}", done=done)
    return RedirectResponse(location + (f"#{section}" if section else ""), HTTPStatus.SEE_OTHER)
