"""Commands for webhooks: endpoints and their deliveries, and `listen` for those who develop a receiver."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.cli.serve import audit, store_of, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings, cannot_listen, url_of

if TYPE_CHECKING:
    from headcount.outbound.webhooks.endpoints import EndpointManager
    from headcount.store.open import Store
    from headcount.store.webhooks import Endpoint, MessageDeliveries

T = TypeVar("T")

_MAX_BODY_BYTES: Final = 8_000_000
_REQUEST_TIMEOUT_S: Final = 30


@main.group()
def webhook() -> None:
    """Manage webhooks and inspect their deliveries. ID is a webhook's id, its beginning, or its URL."""


@webhook.command("add")
@with_settings
@click.argument("url")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Event types to send.  [default: all]")
@click.option(
    "--retry", default="circuit-breaker", show_default=True, metavar="HOW", help="Retry type; or exponential."
)
@click.option(
    "--basic-auth", default=None, metavar="USER:PASSWORD", help="Credentials for basic authentication."
)
@click.option("--secret", default=None, metavar="BASE64", help="Signing secret.  [default: a new one]")
@click.option("--no-ping", is_flag=True, help="Do not check that the URL answers.")
def add_webhook(
    *, settings: Settings, url: str, types: tuple[str, ...], retry: str, basic_auth: str | None,
    secret: str | None, no_ping: bool,
) -> None:  # fmt: skip
    """Send events from now on to URL."""
    given = {
        "url": url,
        "eventTypes": list(types),
        "retryType": retry,
        "basicAuth": basic_auth,
        "hmac": secret,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    row = _manage(settings, lambda manager, _: manager.create(settings["domain"], fields, verify=not no_ping))
    echo(
        f"Events of domain '{row.domain}' are sent to {row.url} from now on. Its id:", "", f"  {row.uuid}", ""
    )
    if secret is None:
        echo("The signing secret, base64:", "", f"  {row.secrets[0]}")


@webhook.command("list")
@with_settings
def list_webhooks(*, settings: Settings) -> None:
    """List the webhooks of all domains with their state."""
    from headcount.store.webhooks import DeliveryState  # noqa: PLC0415 - likewise
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    store = store_of(settings, read_only=True)
    rows, counts, end = store.endpoints.all(), store.deliveries.counts(), store.messages.end()
    store.close()
    if not rows:
        echo("No webhooks yet. Create one with 'headcount webhook add URL'.")
    for row in rows:
        pending = counts.get((row.uuid, DeliveryState.PENDING), 0)
        failed = counts.get((row.uuid, DeliveryState.FAILED), 0)
        last = "never" if row.last_pushed is None else format_timestamp(row.last_pushed)
        echo(f"{row.uuid}  {row.state}  {row.url}  (domain {row.domain}, {row.retry_type})")
        echo(f"    last attempt {last}; {row.failed_count} consecutive failures")
        echo(f"    messages     {pending:,} pending, {failed:,} failed; position {row.position:,} of {end:,}")


@webhook.command("remove")
@with_settings
@click.argument("name", metavar="ID")
def remove_webhook(*, settings: Settings, name: str) -> None:
    """Delete a webhook and its pending messages."""

    async def delete(manager: "EndpointManager", store: "Store") -> "Endpoint":
        row = _find(store, settings["domain"], name)
        await manager.delete(row.domain, row.uuid)
        return row

    echo(f"The webhook {_manage(settings, delete).url} is deleted.")


@webhook.command("messages")
@with_settings
@click.argument("name", metavar="ID")
@click.option(
    "--state",
    default=None,
    metavar="STATE",
    help="Only messages in this state: delivered, pending or failed.",
)
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="The most messages to show.",
)
def show_messages(*, settings: Settings, name: str, state: str | None, limit: int) -> None:
    """Show the messages of a webhook with their attempts, newest first."""
    from headcount.store.webhooks import DeliveryState  # noqa: PLC0415 - help does not need it

    if state is not None and state not in list(DeliveryState):
        raise BadInput(f"--state is one of {', '.join(DeliveryState)}, not {state}")
    store = store_of(settings, read_only=True)
    row = _find(store, settings["domain"], name)
    page = store.deliveries.page(row.uuid, None, limit, None if state is None else DeliveryState(state))
    store.close()
    for message in page:
        echo(*_message_lines(message))


def _message_lines(message: "MessageDeliveries") -> list[str]:
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    lines = [f"{message.id}  {message.state}  {message.type}  {message.room}"]
    if message.reason:
        lines.append(f"    {message.reason}")
    if message.next_at is not None:
        lines.append(f"    next attempt {format_timestamp(message.next_at)}")
    for attempt in reversed(message.attempts):
        result = attempt.error or f"answered {attempt.status}"
        lines.append(f"    {format_timestamp(attempt.at)}  {result}  {attempt.latency_ms} ms")
    return lines


@webhook.command("test")
@with_settings
@click.argument("name", metavar="ID")
def test_webhook(*, settings: Settings, name: str) -> None:
    """Send the signed ping, {"test":"test"}, and show the result."""
    result = _manage(settings, lambda manager, store: manager.ping(_find(store, settings["domain"], name)))
    if not result.succeeded:
        raise BadInput(
            f"it does not answer as it should: {result.error or f'status {result.status}, not 200'}"
        )
    echo(f"It answered 200 within {result.latency_ms} ms.")


@webhook.command("replay")
@with_settings
@click.argument("name", metavar="ID")
@click.option("--message", "messages", multiple=True, metavar="ID", help="Id of a message.")
@click.option("--room", default=None, metavar="NAME", help="Messages of this room.")
@click.option(
    "--since", default=None, metavar="TIME", help="Messages created at this time or later (RFC 3339)."
)
@click.option("--until", default=None, metavar="TIME", help="Messages created before this time.")
@click.option("--failed", is_flag=True, help="Messages that failed for good.")
@click.option(
    "--revive", is_flag=True, help="Enable the webhook again; alone, it sends the pending messages only."
)
def replay(
    *, settings: Settings, name: str, messages: tuple[str, ...], room: str | None, since: str | None,
    until: str | None, failed: bool, revive: bool,
) -> None:  # fmt: skip
    """Resend messages under the same ids. Options are combined with "and"."""
    given = {
        "ids": list(messages) or None,
        "room": room,
        "from": since,
        "to": until,
        "failed": failed or None,
    }
    selection = {key: value for key, value in given.items() if value is not None}

    async def resend(manager: "EndpointManager", store: "Store") -> int:
        row = _find(store, settings["domain"], name)
        if revive:
            await manager.update(row.domain, row.uuid, {})
        return await manager.resend(row, selection) if selection or not revive else 0

    number = _manage(settings, resend)
    if revive:
        echo("The webhook answers and is enabled again. Pending messages are sent first.")
    if selection or not revive:
        echo(f"{number:,} message{'' if number == 1 else 's'} will be sent again.")


@webhook.command("secret")
@with_settings
@click.argument("name", metavar="ID")
@click.option("--add", "added", multiple=True, metavar="BASE64", help="Add a secret, as the first.")
@click.option("--drop", "dropped", multiple=True, metavar="BASE64", help="Remove a secret.")
def change_secrets(
    *, settings: Settings, name: str, added: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    """Show or rotate the signing secrets: add a new one, change it at the receiver, drop the old one."""

    async def change(manager: "EndpointManager", store: "Store") -> "Endpoint":
        row = _find(store, settings["domain"], name)
        if any(secret not in row.secrets for secret in dropped):
            raise BadInput("it has no such secret to drop")
        secrets = tuple(secret for secret in dict.fromkeys((*added, *row.secrets)) if secret not in dropped)
        if secrets != row.secrets:
            await manager.set_secrets(row, secrets)
        return replace(row, secrets=secrets)

    echo(*_manage(settings, change).secrets)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8081,
    show_default=True,
    help="The port; 0 selects a free one.",
)
@click.option("--hmac", metavar="SECRET", help="The webhook's hmac, to verify signatures.")
@click.option(
    "--status", type=click.IntRange(200, 599), default=200, show_default=True, help="Status to answer with."
)
@click.option(
    "--delay", type=click.FloatRange(0, 600), default=0.0, metavar="S", help="Delay before the answer."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each request.")
def listen(*, host: str, port: int, hmac: str | None, status: int, delay: float, as_json: bool) -> None:
    """Receive webhooks and print each, with its signatures verified.

    For developers of a receiver: --status and --delay simulate failures.
    """
    from headcount.outbound.webhooks.verify import parse_secret  # noqa: PLC0415 - help does not need it

    key = None if hmac is None else parse_secret(hmac)
    try:
        server = ThreadingHTTPServer((host, port), _handler(key, status, delay, as_json=as_json))
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    server.daemon_threads = True
    echo(f"Listening on {url_of(host, server.server_address[1])}; Ctrl-C stops", err=True)
    with server:
        server.serve_forever()


def _handler(
    key: bytes | None, status: int, delay_s: float, *, as_json: bool
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Prints a request and answers with the configured status."""

        timeout = _REQUEST_TIMEOUT_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit() and int(length) <= _MAX_BODY_BYTES):
                self._answer(411)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = _received(self.path, headers, body, key, round(time.time() * 1_000))
            echo(*([json.dumps(received, ensure_ascii=False)] if as_json else _received_lines(received)))
            time.sleep(delay_s)
            self._answer(status)

        def _answer(self, code: int) -> None:
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The request is printed already."""

    return Handler


def _received(path: str, headers: dict[str, str], body: bytes, key: bytes | None, now: int) -> dict[str, Any]:
    """Return a request as it is printed. For each form, `signatures` has the problem, or None if it is valid."""
    from headcount.outbound.webhooks.verify import verify  # noqa: PLC0415 - help does not need it

    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        decoded = body.decode("utf-8", "replace")
    signatures = None if key is None else {one.form: one.problem for one in verify(headers, body, key, now)}
    return {"received": now, "path": path, "signatures": signatures, "body": decoded}


def _received_lines(received: dict[str, Any]) -> list[str]:
    body, signatures = received["body"], received["signatures"]
    fields = body if isinstance(body, dict) else {}
    kind = fields.get("type", "ping" if "test" in fields else "something else")
    lines = [f"{kind}  {fields.get('id', '')}".rstrip()]
    if signatures is None:
        lines.append("  signatures: not checked; --hmac checks them")
    else:
        lines += [
            f"  {form}: {'good' if problem is None else problem}" for form, problem in signatures.items()
        ]
    payload = json.dumps(fields.get("payload", body), ensure_ascii=False, indent=2)
    return [*lines, *(f"  {line}" for line in payload.split("\n"))]


def _manage(settings: Settings, work: "Callable[[EndpointManager, Store], Awaitable[T]]") -> T:
    """Run an operation on endpoints in an event loop of its own, and return its result."""
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.service.webhooks import endpoint_manager, webhook_transport  # noqa: PLC0415 - likewise

    audit(settings)

    async def run() -> Any:
        store, transport = store_of(settings), webhook_transport(settings)
        try:
            return await work(endpoint_manager(store, transport, new_clock()), store)
        finally:
            transport.close()
            store.close()

    result: T = asyncio.run(run())
    return result


def _find(store: "Store", domain: str, name: str) -> "Endpoint":
    rows = store.endpoints.all(domain)
    found = [row for row in rows if row.url == name or row.uuid.startswith(name)]
    if len(found) == 1:
        return found[0]
    existing = ", ".join(f"{row.uuid} ({row.url})" for row in rows) or "none"
    number = "no webhook" if not found else "more than one webhook"
    raise BadInput(f"the domain '{domain}' has {number} '{name}'; there are: {existing}")
