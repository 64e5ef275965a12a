"""Commands about polling: asking a video server who is in, and whether and how that is done all the time."""

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo
from headcount.cli.serve import store_of, with_settings
from headcount.cli.sources import named, source
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.ingest.polling.poller import Observation
    from headcount.ingest.polling.reconcile import Reconciled


@source.command("change")
@with_settings
@click.argument("name")
@click.option("--poll", default=None, metavar="URL", help="Ask the server there who is in, now and again.")
@click.option("--poll-key", default=None, metavar="TEXT", help="What it lets us in by, if not by --secret.")
@click.option("--every", default=None, type=float, metavar="SECONDS", help="How often to ask.  [default: 15]")
@click.option("--no-poll", is_flag=True, help="Ask no more.")
def change_source(
    *,
    settings: Settings,
    name: str,
    poll: str | None,
    poll_key: str | None,
    every: float | None,
    no_poll: bool,
) -> None:
    """Change whether and how a source polls. A running service follows within a second."""
    from headcount.ingest.source_config import validate  # noqa: PLC0415 - help does not need it

    given = {
        key: value
        for key, value in (("poll", poll), ("poll_key", poll_key), ("every", every))
        if value is not None
    }
    if not given and not no_poll:
        raise BadInput("say what to change: --poll URL, --poll-key, --every, or --no-poll")
    store = store_of(settings)
    row = named(store, settings["domain"], name)
    kept = {
        key: value
        for key, value in row.options.items()
        if not (no_poll and key in ("poll", "poll_key", "every"))
    }
    options: dict[str, Any] = {**kept, **given}
    store.sources.change(validate(replace(row, options=options)))
    store.close()
    echo(f"'{name}' polls {options['poll']}." if "poll" in options else f"'{name}' does not poll.")


@source.command("poll")
@with_settings
@click.argument("name")
def poll_source(*, settings: Settings, name: str) -> None:
    """Ask a server once who is in, and say what polling would change. Nothing is changed.

    It needs no running service; with one, what it has not heard yet shows as a change.
    """
    import asyncio  # noqa: PLC0415 - help does not need it

    from headcount.clock import Clock  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.client import PollClient  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.poller import active_rooms, compare, observe  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.reconcile import PollMemory  # noqa: PLC0415 - likewise
    from headcount.ingest.source_config import configure  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    configured = configure(named(store, settings["domain"], name))
    if configured.polling is None:
        raise BadInput(f"'{name}' does not poll: it was set up without --poll")

    rooms = active_rooms(store, configured)

    async def once() -> "Observation":
        async with PollClient() as client:
            return await observe(
                configured, client.poll, Clock().now, lambda: secrets.token_hex(8), settings.limits(), rooms
            )

    observed = asyncio.run(once())
    changes = compare(store, configured, observed, PollMemory(), sorted(observed.rooms))
    store.close()
    _show_poll(observed, changes)


def _show_poll(observed: "Observation", changes: "Reconciled") -> None:
    from headcount.ingest.polling.poller import summarize  # noqa: PLC0415 - likewise
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    echo(f"{summarize(observed)}:")
    for one in sorted(observed.participants):
        since = "" if one.joined_at is None else f" since {format_timestamp(one.joined_at)}"
        arrives = "" if one.has_joined else ", about to come"
        echo(f"  {one.room}  {one.user_name or one.user_id or one.participant_id}{since}{arrives}")
    echo("", "Polling would add, to what is known:")
    for event in changes.joins:
        echo(
            f"  {event.room}  {event.user_name or event.user_id or event.participant_id} came at {format_timestamp(event.at)}"
        )
    for room, who in sorted(changes.memory.missing_since):
        echo(f"  {room}  {who} has left, if the next list lacks them, too")
    if not changes.joins and not changes.memory.missing_since:
        echo("  nothing")
