"""Commands about webhooks: who is told of meetings, what they were told, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.cli.serve import audit, store_of, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.outbound.webhooks.endpoints import EndpointManager
    from headcount.store.open import Store
    from headcount.store.webhooks import Endpoint, MessageDeliveries

T = TypeVar("T")


@main.group()
def webhook() -> None:
    """Tell other systems of meetings, and see how they fare. ID is a webhook's id, its beginning, or its URL."""


@webhook.command("add")
@with_settings
@click.argument("url")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Which messages.  [default: all]")
@click.option("--retry", default="circuit-breaker", show_default=True, metavar="HOW", help="Or: exponential.")
@click.option("--basic-auth", default=None, metavar="USER:PASSWORD", help="What it is to be shown.")
@click.option("--secret", default=None, metavar="BASE64", help="What signs.  [default: one is made]")
@click.option("--no-ping", is_flag=True, help="Do not try whether it answers.")
def add_webhook(
    *, settings: Settings, url: str, types: tuple[str, ...], retry: str, basic_auth: str | None,
    secret: str | None, no_ping: bool,
) -> None:  # fmt: skip
    """Tell URL what happens from now on."""
    given = {
        "url": url,
        "eventTypes": list(types),
        "retryType": retry,
        "basicAuth": basic_auth,
        "hmac": secret,
    }
    said = {name: value for name, value in given.items() if value is not None}
    row = _managing(settings, lambda it, _: it.create(settings["domain"], said, verify=not no_ping))
    echo(
        f"{row.url} is told what happens in domain '{row.domain}' from now on. Its id:",
        "",
        f"  {row.uuid}",
        "",
    )
    if secret is None:
        echo("The secret that signs, base64:", "", f"  {row.secrets[0]}")


@webhook.command("list")
@with_settings
def list_webhooks(*, settings: Settings) -> None:
    """List the webhooks of all domains, and how they fare."""
    from headcount.store.webhooks import DeliveryState  # noqa: PLC0415 - likewise
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    store = store_of(settings, read_only=True)
    rows, counts, end = store.endpoints.all(), store.deliveries.counts(), store.messages.end()
    store.close()
    if not rows:
        echo("There is no webhook yet; 'headcount webhook add URL' makes one.")
    for row in rows:
        waiting, parked = (
            counts.get((row.uuid, fate), 0) for fate in (DeliveryState.PENDING, DeliveryState.FAILED)
        )
        last = "never" if row.last_pushed is None else format_timestamp(row.last_pushed)
        echo(f"{row.uuid}  {row.state}  {row.url}  (domain {row.domain}, {row.retry_type})")
        echo(f"    sent last   {last}; {row.failed_count} failures in a row")
        echo(f"    undelivered {waiting:,} wait, {parked:,} parked; position {row.position:,} of {end:,}")


@webhook.command("remove")
@with_settings
@click.argument("name", metavar="ID")
def remove_webhook(*, settings: Settings, name: str) -> None:
    """Tell it nothing more, and forget what waits for it."""

    async def remove(it: "EndpointManager", store: "Store") -> "Endpoint":
        row = _named(store, settings["domain"], name)
        await it.delete(row.domain, row.uuid)
        return row

    echo(f"{_managing(settings, remove).url} is told nothing more.")


@webhook.command("messages")
@with_settings
@click.argument("name", metavar="ID")
@click.option(
    "--state", default=None, metavar="STATE", help="Only those that are delivered, waiting or parked."
)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="So many at most."
)
def show_messages(*, settings: Settings, name: str, state: str | None, limit: int) -> None:
    """Show what it was told, the newest first, and what came of it."""
    from headcount.store.webhooks import DeliveryState  # noqa: PLC0415 - help does not need it

    if state is not None and state not in list(DeliveryState):
        raise BadInput(f"--state is one of {', '.join(DeliveryState)}, not {state}")
    store = store_of(settings, read_only=True)
    row = _named(store, settings["domain"], name)
    page = store.deliveries.page(row.uuid, None, limit, None if state is None else DeliveryState(state))
    store.close()
    for message in page:
        for line in _lines(message):
            echo(line)


def _lines(message: "MessageDeliveries") -> list[str]:
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    lines = [f"{message.id}  {message.state}  {message.type}  {message.room}"]
    if message.reason:
        lines.append(f"    {message.reason}")
    if message.next_at is not None:
        lines.append(f"    tried again {format_timestamp(message.next_at)}")
    for attempt in reversed(message.attempts):
        came = attempt.error or f"answered {attempt.status}"
        lines.append(f"    {format_timestamp(attempt.at)}  {came}  {attempt.latency_ms} ms")
    return lines


@webhook.command("test")
@with_settings
@click.argument("name", metavar="ID")
def try_webhook(*, settings: Settings, name: str) -> None:
    """Send it the ping, {"test":"test"}, signed, and say what came of it."""
    answered = _managing(settings, lambda it, store: it.ping(_named(store, settings["domain"], name)))
    if not answered.succeeded:
        raise BadInput(
            f"it does not answer as it should: {answered.error or f'status {answered.status}, not 200'}"
        )
    echo(f"It answered 200 within {answered.latency_ms} ms.")


@webhook.command("replay")
@with_settings
@click.argument("name", metavar="ID")
@click.option("--message", "messages", multiple=True, metavar="ID", help="This message.")
@click.option("--room", default=None, metavar="NAME", help="Those of a room.")
@click.option("--since", default=None, metavar="TIME", help="Those told then or later (RFC 3339).")
@click.option("--until", default=None, metavar="TIME", help="Those told before.")
@click.option("--failed", is_flag=True, help="Those that are parked.")
@click.option("--revive", is_flag=True, help="Set it going, if it failed; alone: and send what waits.")
def replay(
    *, settings: Settings, name: str, messages: tuple[str, ...], room: str | None, since: str | None,
    until: str | None, failed: bool, revive: bool,
) -> None:  # fmt: skip
    """Send messages again, under the same ids. What is given must all hold."""
    given = {
        "ids": list(messages) or None,
        "room": room,
        "from": since,
        "to": until,
        "failed": failed or None,
    }
    said = {key: value for key, value in given.items() if value is not None}

    async def again(it: "EndpointManager", store: "Store") -> int:
        row = _named(store, settings["domain"], name)
        if revive:
            await it.update(row.domain, row.uuid, {})
        return await it.replay(row, said) if said or not revive else 0

    number = _managing(settings, again)
    if revive:
        echo("It answers, and is sent to again; what waited for it is sent first.")
    if said or not revive:
        echo(f"{number:,} message{'' if number == 1 else 's'} will be sent again.")


@webhook.command("secret")
@with_settings
@click.argument("name", metavar="ID")
@click.option(
    "--add", "added", multiple=True, metavar="BASE64", help="This one signs, too; it is Daily's from now on."
)
@click.option("--drop", "dropped", multiple=True, metavar="BASE64", help="This one signs no more.")
def change_secrets(
    *, settings: Settings, name: str, added: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    """Show what signs, or change it: add the new one, change it at the receiver, drop the old one."""

    async def change(it: "EndpointManager", store: "Store") -> "Endpoint":
        row = _named(store, settings["domain"], name)
        missing = [one for one in dropped if one not in row.secrets]
        if missing:
            raise BadInput("it has no such secret to drop")
        secrets = tuple(one for one in dict.fromkeys((*added, *row.secrets)) if one not in dropped)
        if secrets != row.secrets:
            await it.set_secrets(row, secrets)
        return replace(row, secrets=secrets)

    for secret in _managing(settings, change).secrets:
        echo(secret)


def _managing(settings: Settings, work: "Callable[[EndpointManager, Store], Awaitable[T]]") -> T:
    """Do something with endpoints, in a loop of its own, on the store that is set."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.service.webhooks import endpoint_manager, webhook_transport  # noqa: PLC0415 - likewise

    audit(settings)

    async def done() -> Any:
        store, transport = store_of(settings), webhook_transport(settings)
        try:
            return await work(endpoint_manager(store, transport, Clock()), store)
        finally:
            transport.close()
            store.close()

    found: T = asyncio.run(done())
    return found


def _named(store: "Store", domain: str, name: str) -> "Endpoint":
    rows = store.endpoints.all(domain)
    found = [row for row in rows if row.url == name or row.uuid.startswith(name)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{row.uuid} ({row.url})" for row in rows) or "none"
    told = "no webhook" if not found else "more than one webhook"
    raise BadInput(f"the domain '{domain}' has {told} '{name}'; there are: {there}")
