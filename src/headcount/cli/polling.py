"""Commands for polling: configure it for a source, and poll once without changes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo
from headcount.cli.serve import store_of, with_settings
from headcount.cli.sources import find_source, source
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.ingest.polling.poller import Observation
    from headcount.ingest.polling.reconcile import Reconciled


@source.command("change")
@with_settings
@click.argument("name")
@click.option("--poll", default=None, metavar="URL", help="Address of the server to poll for participants.")
@click.option("--poll-key", default=None, metavar="TEXT", help="Key for polling, if it is not --secret.")
@click.option(
    "--every", default=None, type=float, metavar="SECONDS", help="Interval between polls.  [default: 15]"
)
@click.option("--no-poll", is_flag=True, help="Stop polling.")
def change_source(
    *,
    settings: Settings,
    name: str,
    poll: str | None,
    poll_key: str | None,
    every: float | None,
    no_poll: bool,
) -> None:
    """Change the polling of a source. A running server follows within a second."""
    from headcount.ingest.source_config import validate  # noqa: PLC0415 - help does not need it

    given = {
        key: value
        for key, value in (("poll", poll), ("poll_key", poll_key), ("every", every))
        if value is not None
    }
    if not given and not no_poll:
        raise BadInput("nothing to change: give --poll URL, --poll-key, --every, or --no-poll")
    store = store_of(settings)
    row = find_source(store, settings["domain"], name)
    unchanged = {
        key: value
        for key, value in row.options.items()
        if not (no_poll and key in ("poll", "poll_key", "every"))
    }
    options: dict[str, Any] = {**unchanged, **given}
    store.sources.change(validate(replace(row, options=options)))
    store.close()
    echo(f"'{name}' polls {options['poll']}." if "poll" in options else f"'{name}' does not poll.")


@source.command("poll")
@with_settings
@click.argument("name")
def poll_source(*, settings: Settings, name: str) -> None:
    """Poll a server once and show what polling would change. Nothing is changed.

    No running server is needed. Events that a running server has not received yet show as changes.
    """
    import asyncio  # noqa: PLC0415 - help does not need it

    from headcount.ingest.polling.client import PollClient  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.poller import active_rooms, compare, observe  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.reconcile import PollMemory  # noqa: PLC0415 - likewise
    from headcount.ingest.source_config import configure  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock, new_nonce  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    configured = configure(find_source(store, settings["domain"], name))
    if configured.polling is None:
        raise BadInput(f"'{name}' does not poll: it was created without --poll")

    rooms = active_rooms(store, configured)

    async def once() -> "Observation":
        async with PollClient() as client:
            return await observe(
                configured, client.poll, new_clock().now, new_nonce, settings.limits(), rooms
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
        connecting = "" if one.has_joined else ", still connecting"
        echo(f"  {one.room}  {one.user_name or one.user_id or one.participant_id}{since}{connecting}")
    echo("", "Polling would add:")
    for event in changes.joins:
        echo(
            f"  {event.room}  {event.user_name or event.user_id or event.participant_id} joined at {format_timestamp(event.at)}"
        )
    for room, who in sorted(changes.memory.missing_since):
        echo(f"  {room}  {who} leaves, if the next list lacks them, too")
    if not changes.joins and not changes.memory.missing_since:
        echo("  nothing")
