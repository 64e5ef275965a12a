"""Commands for the deliveries of a webhook endpoint: list them, and resend messages."""

from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, rfc3339
from headcount.cli.options import existing_store, with_settings
from headcount.cli.param_types import TIME
from headcount.cli.webhooks import SENDING, find_endpoint, manage, webhook
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.outbound.webhooks.endpoints import EndpointManager
    from headcount.store.open import Store
    from headcount.store.webhooks import Endpoint, MessageDeliveries


@webhook.command(
    "deliveries",
    examples=[
        "headcount webhook deliveries 3f2a --state failed",
        "headcount webhook deliveries 3f2a --limit 100 --json",
    ],
)
@click.argument("name", metavar="ID")
@click.option(
    "--state",
    type=click.Choice(["pending", "delivered", "failed"]),
    help="State of the messages to show.  [default: all]",
)
@click.option(
    "--limit",
    default=20,
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Maximum number of messages, from 1 to 10,000.  [default: 20]",
)
@json_option
@with_settings("database", "domain")
def show_deliveries(*, settings: Settings, name: str, state: str | None, limit: int, as_json: bool) -> None:
    """Show the messages of an endpoint and the attempts to deliver them, newest first."""
    from headcount.store.webhooks import DeliveryState  # noqa: PLC0415 - help does not need it

    store = existing_store(settings, read_only=True)
    row = find_endpoint(store, settings["domain"], name)
    page = store.deliveries.page(row.uuid, None, limit, None if state is None else DeliveryState(state))
    store.close()
    if as_json:
        emit([_message_fields(message) for message in page])
        return
    if not page:
        echo("No messages.")
    for message in page:
        echo(*_message_lines(message))


@webhook.command(
    "resend",
    examples=[
        "headcount webhook resend 3f2a --failed",
        "headcount webhook resend 3f2a --room blue --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z",
    ],
)
@click.argument("name", metavar="ID")
@click.option("--message", "messages", multiple=True, metavar="ID", help="ID of a message; repeatable.")
@click.option("--room", metavar="NAME", help="Room of the messages.")
@click.option(
    "--from",
    "since",
    type=TIME,
    metavar="TIME",
    help="Earliest creation time of the messages (RFC 3339), inclusive.",
)
@click.option(
    "--to",
    "until",
    type=TIME,
    metavar="TIME",
    help="Latest creation time of the messages (RFC 3339), exclusive.",
)
@click.option("--failed", is_flag=True, help="Only messages that failed permanently.")
@json_option
@with_settings(*SENDING)
def resend(
    *, settings: Settings, name: str, messages: tuple[str, ...], room: str | None, since: Ms | None,
    until: Ms | None, failed: bool, as_json: bool,
) -> None:  # fmt: skip
    """Resend messages with their original IDs. Messages must match all options that are set."""
    given = {
        "ids": list(messages) or None,
        "room": room,
        "from": rfc3339(since),
        "to": rfc3339(until),
        "failed": failed or None,
    }
    selection = {key: value for key, value in given.items() if value is not None}
    if not selection:
        raise BadInput("set an option that selects messages, such as --failed, --message ID or --from TIME")

    async def resend_(manager: "EndpointManager", store: "Store") -> tuple["Endpoint", int]:
        row = find_endpoint(store, settings["domain"], name)
        return row, await manager.resend(row, selection)

    _, number = manage(settings, resend_, "webhook.send")
    if as_json:
        emit({"messages": number})
    else:
        echo(f"{number:,} message{'' if number == 1 else 's'} will be sent again.")


def _message_fields(message: "MessageDeliveries") -> dict[str, Any]:
    return {
        "id": message.id,
        "type": message.type,
        "room": message.room,
        "state": str(message.state),
        "created_at": rfc3339(message.created),
        "next_attempt_at": rfc3339(message.next_at),
        "reason": message.reason,
        "attempts": [
            {
                "at": rfc3339(attempt.at),
                "status": attempt.status,
                "error": attempt.error,
                "latency_ms": attempt.latency_ms,
            }
            for attempt in message.attempts
        ],
    }


def _message_lines(message: "MessageDeliveries") -> list[str]:
    lines = [f"{message.id}  {message.state}  {message.type}  {message.room}"]
    if message.reason:
        lines.append(f"    {message.reason}")
    if message.next_at is not None:
        lines.append(f"    next attempt {rfc3339(message.next_at)}")
    for attempt in reversed(message.attempts):
        result = attempt.error or f"status {attempt.status}"
        lines.append(f"    {rfc3339(attempt.at)}  {result}  {attempt.latency_ms} ms")
    return lines
