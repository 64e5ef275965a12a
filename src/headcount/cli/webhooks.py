"""Commands for webhook endpoints: create, list, show, update, delete and test them, and rotate their secrets."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from headcount.cli.console import echo, emit, json_option, rfc3339
from headcount.cli.group import Group, main
from headcount.cli.options import (
    audit,
    existing_store,
    record_access,
    require_store,
    with_settings,
)
from headcount.errors import BadInput
from headcount.settings import Settings, suggest

if TYPE_CHECKING:
    from headcount.outbound.webhooks.endpoints import EndpointManager
    from headcount.store.open import Store
    from headcount.store.webhooks import Endpoint

T = TypeVar("T")

SENDING = ("database", "domain", "webhook_allowed_networks", "webhook_ca_file")
_FLAGS: Final = {
    "url": "URL", "eventTypes": "--type", "retryType": "--retry-type", "basicAuth": "--basic-auth", "hmac": "--secret",
    "secrets": "--add", "id": "--message", "ids": "--message", "from": "--from", "to": "--to",
}  # fmt: skip
"""Options for the fields that errors name."""
_RETRY_TYPES = click.Choice(["circuit-breaker", "exponential"])


@main.group(cls=Group)
def webhook() -> None:
    """Manage webhook endpoints and inspect their deliveries.

    ID is the ID of an endpoint, the beginning of its ID, or its URL.
    """


@webhook.command(
    "create",
    examples=[
        "headcount webhook create https://example.com/hooks",
        "headcount webhook create https://example.com/hooks --type meeting.started --type meeting.ended",
        "headcount webhook create http://127.0.0.1:8081 --webhook-allowed-networks 127.0.0.0/8",
    ],
)
@click.argument("url")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Event type to send; repeatable.  [default: all but meeting.updated]",
)
@click.option(
    "--retry-type",
    type=_RETRY_TYPES,
    default="circuit-breaker",
    help="Retry policy.  [default: circuit-breaker]",
)
@click.option(
    "--basic-auth",
    metavar="USER:PASSWORD",
    help="Credentials for HTTP basic authentication.  [default: none]",
)
@click.option("--extensions", is_flag=True, help="Send Headcount's extra fields in Daily's event types, too.")
@click.option("--secret", metavar="BASE64", help="Signing secret.  [default: generated]")
@click.option("--no-ping", is_flag=True, help="Do not check that the endpoint answers.")
@json_option
@with_settings(*SENDING)
def create_webhook(
    *, settings: Settings, url: str, types: tuple[str, ...], retry_type: str, basic_auth: str | None,
    extensions: bool, secret: str | None, no_ping: bool, as_json: bool,
) -> None:  # fmt: skip
    """Create a webhook endpoint. It gets events from now on."""
    fields = _endpoint_fields(
        url=url, types=types, retry_type=retry_type, basic_auth=basic_auth, extensions=extensions
    )
    if secret is not None:
        fields["hmac"] = secret

    row = manage(
        settings,
        lambda manager, _: manager.create(settings["domain"], fields, verify=not no_ping),
        "webhook.create",
    )
    if as_json:
        emit({**_fields(row), "secrets": list(row.secrets)})
        return
    echo(
        f"Created a webhook endpoint for {row.url} in domain '{row.domain}'. Its ID:", "", f"  {row.uuid}", ""
    )
    if secret is None:
        echo("Signing secret (base64):", "", f"  {row.secrets[0]}")


def _endpoint_fields(**given: Any) -> dict[str, Any]:
    names = {"types": "eventTypes", "retry_type": "retryType", "basic_auth": "basicAuth"}
    _check(given["url"], given["types"])
    fields = {
        names.get(name, name): list(value) if name == "types" else value for name, value in given.items()
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}


def _check(url: str | None, types: tuple[str, ...]) -> None:
    """Raise `BadInput` for what cannot be the URL of an endpoint, or is no event type."""
    from headcount.store.webhooks import EVENT_TYPES, SENT_EVENT_TYPES  # noqa: PLC0415 - help does not need it

    if url is not None and not url.startswith(("https://", "http://")):
        raise BadInput(f"URL: expected an address that starts with https:// or http://, got '{url}'")
    for one in types:
        if one not in EVENT_TYPES:
            hint = suggest(one, EVENT_TYPES)
            raise BadInput(
                f"--type: there is no event type '{one}'{hint}. Headcount sends {', '.join(SENT_EVENT_TYPES)}"
            )


def _no_answer(url: str, error: str | None, status: int | None) -> BadInput:
    """Return the error for an endpoint that does not answer the ping."""
    problem = error or f"it answered with status {status}, not 200"
    if error and "webhook_allowed_networks" in error:
        hint = "Use --webhook-allowed-networks for this command and for the server"
    else:
        hint = "Fix the receiver, or skip this check with --no-ping"
    return BadInput(f"{url}: the endpoint failed the test request: {problem}. {hint}")


@webhook.command("list", examples=["headcount webhook list", "headcount webhook list --json"])
@json_option
@with_settings("database")
def list_webhooks(*, settings: Settings, as_json: bool) -> None:
    """List the webhook endpoints of all domains with their state."""
    store = existing_store(settings, read_only=True)
    rows = [(row, _numbers(store, row)) for row in store.endpoints.all()]
    store.close()
    if as_json:
        emit([{**_fields(row), **numbers} for row, numbers in rows])
        return
    if not rows:
        echo(f"No webhook endpoints. Create one with '{settings.command('webhook create URL')}'.")
    for row, numbers in rows:
        echo(*_lines(row, numbers))


@webhook.command(
    "show",
    examples=["headcount webhook show 3f2a", "headcount webhook show https://example.com/hooks --json"],
)
@click.argument("name", metavar="ID")
@json_option
@with_settings("database", "domain")
def show_webhook(*, settings: Settings, name: str, as_json: bool) -> None:
    """Show a webhook endpoint with its signing secrets."""
    store = existing_store(settings, read_only=True)
    row = find_endpoint(store, settings["domain"], name)
    numbers = _numbers(store, row)
    store.close()
    if as_json:
        emit({**_fields(row), **numbers, "secrets": list(row.secrets)})
        return
    echo(*_lines(row, numbers))
    echo(f"    event types       {', '.join(row.event_types)}")
    echo(f"    extensions        {'yes' if row.extensions else 'no'}")
    for secret in row.secrets:
        echo(f"    signing secret    {secret}")


@webhook.command(
    "update",
    examples=[
        "headcount webhook update 3f2a --enable",
        "headcount webhook update 3f2a --url https://example.com/new --type meeting.ended",
    ],
)
@click.argument("name", metavar="ID")
@click.option("--url", metavar="URL", help="URL to send to.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Event type to send; repeatable. Replaces all types.",
)
@click.option("--retry-type", type=_RETRY_TYPES, help="Retry policy.")
@click.option("--basic-auth", metavar="USER:PASSWORD", help="Credentials for HTTP basic authentication.")
@click.option(
    "--extensions/--no-extensions",
    default=None,
    help="Whether to send Headcount's extra fields in Daily's event types, too.",
)
@click.option(
    "--enable", is_flag=True, help="Re-enable the endpoint after failures. Pending messages are sent first."
)
@json_option
@with_settings(*SENDING)
def update_webhook(
    *, settings: Settings, name: str, url: str | None, types: tuple[str, ...], retry_type: str | None,
    basic_auth: str | None, extensions: bool | None, enable: bool, as_json: bool,
) -> None:  # fmt: skip
    """Update a webhook endpoint, and enable it if it was disabled. The endpoint must answer a test request."""
    fields = _endpoint_fields(
        url=url, types=types, retry_type=retry_type, basic_auth=basic_auth, extensions=extensions
    )
    if not fields and not enable:
        raise BadInput("nothing to update: set an option, such as --url URL or --enable")

    async def update(manager: "EndpointManager", store: "Store") -> "Endpoint":
        row = find_endpoint(store, settings["domain"], name)
        changed = await manager.update(row.domain, row.uuid, fields)
        if changed is None:
            raise BadInput(f"the endpoint {row.uuid} was deleted in the meantime")
        return changed

    row = manage(settings, update, "webhook.update")
    if as_json:
        emit(_fields(row))
    else:
        echo(f"Updated the webhook endpoint {row.url}. It is enabled, and pending messages are sent first.")


@webhook.command("delete", examples=["headcount webhook delete 3f2a"])
@click.argument("name", metavar="ID")
@json_option
@with_settings("database", "domain")
def delete_webhook(*, settings: Settings, name: str, as_json: bool) -> None:
    """Delete a webhook endpoint and its pending messages."""

    async def delete(manager: "EndpointManager", store: "Store") -> "Endpoint":
        row = find_endpoint(store, settings["domain"], name)
        await manager.delete(row.domain, row.uuid)
        return row

    row = manage(settings, delete, "webhook.delete")
    if as_json:
        emit({"uuid": row.uuid, "url": row.url, "deleted": True})
    else:
        echo(f"Deleted the webhook endpoint {row.url}.")


@webhook.command("test", examples=["headcount webhook test 3f2a"])
@click.argument("name", metavar="ID")
@json_option
@with_settings(*SENDING)
def test_webhook(*, settings: Settings, name: str, as_json: bool) -> None:
    """Send the signed test request {"test":"test"}, and show the result."""

    async def ping(manager: "EndpointManager", store: "Store") -> tuple["Endpoint", Any]:
        row = find_endpoint(store, settings["domain"], name)
        return row, await manager.ping(row)

    row, result = manage(settings, ping, "webhook.send")
    if as_json:
        emit(
            {
                "url": row.url,
                "succeeded": result.succeeded,
                "status": result.status,
                "latency_ms": result.latency_ms,
                "error": result.error,
            }
        )
    if not result.succeeded:
        raise _no_answer(row.url, result.error, result.status)
    if not as_json:
        echo(f"{row.url} answered with status 200 in {result.latency_ms} ms.")


@webhook.command(
    "rotate-secret",
    examples=[
        "headcount webhook rotate-secret 3f2a",
        "headcount webhook rotate-secret 3f2a --remove OLDSECRET=",
    ],
)
@click.argument("name", metavar="ID")
@click.option(
    "--add",
    "added",
    multiple=True,
    metavar="BASE64",
    help="Secret to add as the first; repeatable.  [default: generated]",
)
@click.option("--remove", "removed", multiple=True, metavar="BASE64", help="Secret to remove; repeatable.")
@json_option
@with_settings("database", "domain")
def rotate_webhook_secret(
    *, settings: Settings, name: str, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool
) -> None:
    """Rotate the signing secret of a webhook endpoint.

    Without options, it adds a generated secret. Headcount signs with all secrets. Change the secret in the receiver, then
    remove the old one.
    """

    async def change(manager: "EndpointManager", store: "Store") -> "Endpoint":
        row = find_endpoint(store, settings["domain"], name)
        if any(secret not in row.secrets for secret in removed):
            raise BadInput("--remove: the endpoint has no such secret")
        if not added and not removed:
            await manager.add_secret(row)
        else:
            secrets = [secret for secret in dict.fromkeys((*added, *row.secrets)) if secret not in removed]
            if not secrets:
                raise BadInput("the endpoint would have no secret left. Add another one first")
            await manager.set_secrets(row, {"secrets": secrets})
        return await manager.find(row.domain, row.uuid) or row

    row = manage(settings, change, "webhook.update")
    if as_json:
        emit({"uuid": row.uuid, "secrets": list(row.secrets)})
        return
    echo("Valid signing secrets, the newest first:", "", *(f"  {secret}" for secret in row.secrets))


def _numbers(store: "Store", row: "Endpoint") -> dict[str, Any]:
    """Return the numbers of an endpoint's messages."""
    from headcount.maintenance.health import endpoint_states  # noqa: PLC0415 - help does not need it

    (state,) = endpoint_states(store, [row])
    return {"pending": state.pending, "failed": state.failed}


def _fields(row: "Endpoint") -> dict[str, Any]:
    return {
        "uuid": row.uuid,
        "url": row.url,
        "domain": row.domain,
        "state": str(row.state),
        "retry_type": str(row.retry_type),
        "event_types": list(row.event_types),
        "extensions": row.extensions,
        "consecutive_failures": row.failed_count,
        "last_attempt_at": rfc3339(row.last_pushed),
        "created_at": rfc3339(row.created),
        "updated_at": rfc3339(row.updated),
    }


def _lines(row: "Endpoint", numbers: dict[str, Any]) -> list[str]:
    return [
        f"{row.uuid}  {row.state}  {row.url}  (domain {row.domain}, {row.retry_type})",
        f"    last attempt      {rfc3339(row.last_pushed) or 'never'}; {row.failed_count} consecutive failures",
        f"    messages          {numbers['pending']:,} pending, {numbers['failed']:,} failed",
    ]


def manage(settings: Settings, work: "Callable[[EndpointManager, Store], Awaitable[T]]", action: str) -> T:
    """Run an operation on an endpoint in an event loop of its own, record it, and return its result.

    The result is the endpoint, or a tuple that starts with it.
    """
    from headcount.outbound.webhooks.endpoints import EndpointDidNotAnswer  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.service.webhooks import endpoint_manager, webhook_transport  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    audit(settings)
    require_store(settings)

    async def run() -> Any:
        store, transport = (
            open_store(settings["database"], keyring=settings.keyring()),
            webhook_transport(settings),
        )
        try:
            result: Any = await work(endpoint_manager(store, transport, new_clock()), store)
            row: Endpoint = result[0] if isinstance(result, tuple) else result
            record_access(store, settings, row.domain, action, ("webhook", row.uuid))
            return result
        finally:
            transport.close()
            store.close()

    try:
        result: T = asyncio.run(run())
    except EndpointDidNotAnswer as error:
        raise _no_answer(error.url, error.result.error, error.result.status) from error
    except BadInput as error:
        raise BadInput(_in_flags(error.reason)) from error
    return result


def _in_flags(reason: str) -> str:
    """Return an error of the API with the names of this command's options."""
    for field, flag in _FLAGS.items():
        reason = re.sub(rf'"{field}(\[\d+\])?"', flag, reason)
    return reason


def find_endpoint(store: "Store", domain: str, name: str) -> "Endpoint":
    rows = store.endpoints.all(domain)
    found = [row for row in rows if row.url == name or row.uuid.startswith(name)]
    if len(found) == 1:
        return found[0]
    existing = ", ".join(f"{row.uuid} ({row.url})" for row in rows) or "none"
    number = "no webhook endpoint" if not found else "more than one webhook endpoint"
    raise BadInput(f"there is {number} '{name}' in domain '{domain}'. Endpoints: {existing}")
