"""Endpoint: one webhook, what it was told and what it answered; and all that may be done with it. For admins."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from headcount.dashboard.auth import NotAllowed
from headcount.dashboard.pages import endpoints
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.pages.settings import Wrong, back, is_admin, shown_with
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.errors import BadInput
from headcount.outbound.webhooks.client import DeliveryResult
from headcount.store.webhooks import OURS, DeliveryState, Endpoint, MessageDeliveries, RetryType, State

_A_PAGE: Final = 25


class Log(NamedTuple):
    """A page of what it was told. `older` names the message after which the next one begins, if there is one.

    `begun` says whether pages come before it.
    """

    messages: Sequence[MessageDeliveries]
    fate: DeliveryState | None
    older: str | None
    begun: bool


async def add(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/settings/webhooks: one more that is told what happens from now on."""
    try:
        row = await view.house.webhook_endpoints.create(
            view.domain, endpoints.said_in(fields), verify="unasked" not in fields
        )
    except BadInput as error:
        return await shown_with(view, wrong=Wrong("webhooks", str(error), fields))
    return _to(view, row, "added")


async def page(view: View) -> Response:
    """GET /dashboard/settings/webhooks/UUID."""
    if not is_admin(view):
        raise NotAllowed(TEXTS("trouble.viewer"))
    return await _shown(view, await _found(view))


async def test(view: View, _: Mapping[str, str]) -> Response:
    """POST …/test: send it the ping, and show what came of it."""
    row = await _found(view)
    return await _shown(view, row, answered=await view.house.webhook_endpoints.ping(row))


async def change(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/UUID: another address, other types. It is asked whether it answers, and set going."""
    row = await _found(view)
    said = endpoints.said_in(fields)
    said["eventTypes"] += [type_ for type_ in row.event_types if type_ not in OURS]
    return await _changed(view, row, said, "changed")


async def revive(view: View, _: Mapping[str, str]) -> Response:
    """POST …/revive: set going one that failed, if it answers."""
    return await _changed(view, await _found(view), {}, "revived")


async def replay(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/replay: send again one message, or all that were given up."""
    row = await _found(view)
    said = {"id": fields["id"]} if "id" in fields else {"failed": True}
    try:
        await view.house.webhook_endpoints.replay(row, said)
    except BadInput as error:
        return await _shown(view, row, wrong=str(error))
    return _to(view, row, "replayed")


async def add_secret(view: View, _: Mapping[str, str]) -> Response:
    """POST …/secrets: one more secret, with which everything is signed from now on, too."""
    row = await _found(view)
    try:
        await view.house.webhook_endpoints.add_secret(row)
    except BadInput:
        return await _shown(view, row, wrong=TEXTS("endpoint.secrets_full"))
    return _to(view, row, "secret_added", "secrets")


async def drop_secret(view: View, fields: Mapping[str, str]) -> Response:
    """POST …/secrets/drop: nothing is signed with this one any more. The last one stays."""
    row = await _found(view)
    kept = tuple(secret for secret in row.secrets if secret != fields.get("secret"))
    if not kept or kept == row.secrets:
        raise NotThere(TEXTS("endpoint.secret_gone"))
    await view.house.webhook_endpoints.set_secrets(row, kept)
    return _to(view, row, "secret_dropped", "secrets")


async def remove(view: View, _: Mapping[str, str]) -> Response:
    """POST …/remove: tell it nothing more."""
    await view.house.webhook_endpoints.delete(view.domain, (await _found(view)).uuid)
    return back(view, "webhooks", "removed")


async def _changed(view: View, row: Endpoint, said: Mapping[str, Any], done: str) -> Response:
    try:
        changed = await view.house.webhook_endpoints.update(view.domain, row.uuid, said)
    except BadInput as error:
        return await _shown(view, row, wrong=str(error))
    if changed is None:
        raise NotThere(TEXTS("endpoint.gone"))
    return _to(view, changed, done)


async def _found(view: View) -> Endpoint:
    row = await view.house.webhook_endpoints.find(view.domain, view.request.path_params["uuid"])
    if row is None:
        raise NotThere(TEXTS("endpoint.gone"))
    return row


async def _shown(
    view: View, row: Endpoint, *, answered: DeliveryResult | None = None, wrong: str | None = None
) -> Response:
    done = f"endpoint.done.{view.query.get('done', '')}"
    return shown(
        view,
        "endpoint.html",
        HTTPStatus.OK if wrong is None else HTTPStatus.BAD_REQUEST,
        line=await endpoints.look_at(view.house, row),
        log=await _log(view, row),
        answered=answered,
        wrong=wrong,
        done=TEXTS(done) if TEXTS.has(done) else None,
        failed=row.state is State.FAILED,
        most_counted=endpoints.MOST_COUNTED,
        fates=list(DeliveryState),
        types=OURS,
        retry_types=list(RetryType),
        base=f"/settings/webhooks/{row.uuid}",
    )


async def _log(view: View, row: Endpoint) -> Log:
    """The page of the log that the address asks for; the first one, if it asks for what is not there."""
    asked = view.query.get("state")
    fate = DeliveryState(asked) if asked in list(DeliveryState) else None
    after = view.query.get("after")
    list_messages = view.house.webhook_endpoints.list_messages
    found = await list_messages(row, after, _A_PAGE + 1, fate) if after and "\0" not in after else None
    begun = found is not None
    if found is None:
        found = await list_messages(row, None, _A_PAGE + 1, fate) or []
    older = found[_A_PAGE - 1].id if len(found) > _A_PAGE else None
    return Log(found[:_A_PAGE], fate, older, begun)


def _to(view: View, row: Endpoint, done: str, part: str = "") -> Response:
    place = view.url(f"/settings/webhooks/{row.uuid}", done=done)
    return RedirectResponse(place + (f"#{part}" if part else ""), HTTPStatus.SEE_OTHER)
