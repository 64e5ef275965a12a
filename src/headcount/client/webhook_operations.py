"""Operations on webhooks, which both clients have.

Responsible for their paths, parameters and types of answers. Must not know how requests are sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

from headcount.client import reports
from headcount.client.calls import Call, Operation, PagedOperation, Paging, Time, fields, path, query, to_json
from headcount.client.paging import known_options, pages


class WebhookFields(TypedDict, total=False):
    """Fields of a webhook. `hmac` is its secret, base64; without it, the server generates one."""

    event_types: Sequence[str]
    retry_type: str
    basic_auth: str | None
    hmac: str
    extensions: bool


class WebhookOperations:
    """Operations on webhooks. All need the scope `admin`."""

    @Operation
    def list_webhooks(self) -> Call[list[reports.Webhook]]:
        """Return all webhooks, oldest first."""
        return Call("GET", "/webhooks", list[reports.Webhook], [])

    @Operation
    def create_webhook(self, url: str, **settings: Unpack[WebhookFields]) -> Call[reports.Webhook]:
        """Create a webhook. Its URL must answer the ping, a POST of `{"test":"test"}`, with 200."""
        body = to_json({"url": url, **_webhook_fields(settings)})
        return Call("POST", "/webhooks", reports.Webhook, [], body, repeatable=False)

    @Operation
    def get_webhook(self, uuid: str) -> Call[reports.Webhook]:
        """Return a webhook with its settings and its state."""
        return Call("GET", path("/webhooks/", uuid), reports.Webhook, [])

    @Operation
    def update_webhook(
        self, uuid: str, *, url: str | None = None, **settings: Unpack[WebhookFields]
    ) -> Call[reports.Webhook]:
        """Change fields of a webhook. One that had failed becomes active and gets its pending messages."""
        body = to_json({**fields(url=url), **_webhook_fields(settings)})
        return Call("POST", path("/webhooks/", uuid), reports.Webhook, [], body)

    @Operation
    def delete_webhook(self, uuid: str) -> Call[reports.DeletedWebhook]:
        """Delete a webhook and its pending messages."""
        deleted = reports.DeletedWebhook(deleted=True, uuid=uuid)
        return Call("DELETE", path("/webhooks/", uuid), reports.DeletedWebhook, [], if_absent=deleted)

    @Operation
    def list_webhook_secrets(self, uuid: str) -> Call[reports.WebhookSecrets]:
        """Return all valid secrets of a webhook. Messages are signed with each of them."""
        return Call("GET", path("/webhooks/", uuid, "/secrets"), reports.WebhookSecrets, [])

    @Operation
    def update_webhook_secrets(self, uuid: str, secrets: Sequence[str]) -> Call[reports.WebhookSecrets]:
        """Replace all secrets of a webhook, without a ping."""
        body = to_json({"secrets": list(secrets)})
        return Call("PUT", path("/webhooks/", uuid, "/secrets"), reports.WebhookSecrets, [], body)

    @Operation
    def list_deliveries(
        self,
        uuid: str,
        *,
        limit: int | None = None,
        starting_after: str | None = None,
        state: Literal["delivered", "pending", "failed"] | None = None,
    ) -> Call[reports.Deliveries]:
        """Return a page of messages of a webhook, newest first, with every attempt."""
        return _deliveries(uuid, limit, state, starting_after)

    @PagedOperation
    def iterate_deliveries(
        self,
        uuid: str,
        *,
        limit: int | None = None,
        state: Literal["delivered", "pending", "failed"] | None = None,
    ) -> Paging[reports.MessageDelivery]:
        """Iterate over the messages of a webhook, newest first."""
        return pages(_deliveries(uuid, limit, state), limit, "starting_after", lambda message: message.id)

    @Operation
    def resend_deliveries(
        self,
        uuid: str,
        *,
        id: str | None = None,  # noqa: A002 - the API's word
        ids: Sequence[str] | None = None,
        room: str | None = None,
        failed: bool | None = None,
        from_: Time | None = None,
        to: Time | None = None,
    ) -> Call[reports.Resent]:
        """Send messages again that match all conditions, at most 10,000, oldest first."""
        body = fields(id=id, ids=ids, room=room, failed=failed, from_=from_, to=to)
        place = path("/webhooks/", uuid, "/resend")
        return Call("POST", place, reports.Resent, [], to_json(body), repeatable=False)

    @Operation
    def test_webhook(self, uuid: str) -> Call[reports.WebhookTest]:
        """Send the ping and return its result."""
        return Call("POST", path("/webhooks/", uuid, "/test"), reports.WebhookTest, [], repeatable=False)


def _deliveries(
    uuid: str, limit: int | None, state: str | None, starting_after: str | None = None
) -> Call[reports.Deliveries]:
    parameters = query(limit=limit, state=state, starting_after=starting_after)
    return Call("GET", path("/webhooks/", uuid, "/deliveries"), reports.Deliveries, parameters)


def _webhook_fields(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a webhook in the API's spelling. None is a value: it removes `basic_auth`."""
    found = {}
    for name, value in known_options(settings, WebhookFields).items():
        first, *rest = name.split("_")
        found[first + "".join(map(str.capitalize, rest))] = value
    return found
