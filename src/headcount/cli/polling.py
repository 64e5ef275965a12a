"""Commands that contact something for a source: poll its server once, or send a test event to the running server."""

import json
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, rfc3339
from headcount.cli.options import base_url, existing_store, with_settings
from headcount.cli.sources import find_source, source
from headcount.errors import BadInput
from headcount.kernel.attributes import values_of
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.ingest.polling.poller import Observation
    from headcount.ingest.polling.reconcile import Reconciled
    from headcount.sources.polls.api import PresentParticipant
    from headcount.store.open import Store

_COUNTED_WITHIN_S = 5


@source.command("poll", examples=["headcount source poll livekit", "headcount source poll livekit --json"])
@click.argument("name")
@json_option
@with_settings("database", "domain", "max_events", "max_name_length")
def poll_source(*, settings: Settings, name: str, as_json: bool) -> None:
    """Poll a video server once and show what polling would change. Nothing is changed.

    No running server is needed. Events that a running server has not received yet show as changes.
    """
    import asyncio  # noqa: PLC0415 - help does not need it

    from headcount.ingest.polling.client import PollClient  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.poller import active_rooms, compare, observe  # noqa: PLC0415 - likewise
    from headcount.ingest.polling.reconcile import PollMemory  # noqa: PLC0415 - likewise
    from headcount.ingest.source_config import configure  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock, new_nonce  # noqa: PLC0415 - likewise

    store = existing_store(settings, read_only=True)
    configured = configure(find_source(store, settings["domain"], name))
    if configured.polling is None:
        raise BadInput(
            f"the source '{name}' is not polled. Set the address of its server: {settings.command(f'source update {name} --poll URL')}"
        )
    rooms = active_rooms(store, configured)

    async def once() -> "Observation":
        async with PollClient() as client:
            return await observe(
                configured, client.poll, new_clock().now, new_nonce, settings.limits(), rooms
            )

    observed = asyncio.run(once())
    changes = compare(store, configured, observed, PollMemory(), sorted(observed.rooms))
    store.close()
    if as_json:
        emit(_poll_fields(observed, changes))
    else:
        _show_poll(observed, changes)


def _poll_fields(observed: "Observation", changes: "Reconciled") -> dict[str, Any]:
    return {
        "participants": [
            {
                "room": one.room, "participant_id": one.participant_id, "user_id": one.user_id, "user_name": one.user_name,
                "joined_at": rfc3339(one.joined_at), "connecting": not one.has_joined, "attributes": values_of(one.attributes),
            }
            for one in sorted(observed.participants, key=_room_and_id)
        ],
        "joins": [
            {"room": event.room, "participant_id": event.participant_id, "joined_at": rfc3339(event.at)}
            for event in changes.joins
        ],
        "missing": [
            {"room": room, "participant_id": who} for room, who in sorted(changes.memory.missing_since)
        ],
    }  # fmt: skip


def _room_and_id(participant: "PresentParticipant") -> tuple[str, str]:
    return participant.room, participant.participant_id


def _show_poll(observed: "Observation", changes: "Reconciled") -> None:
    from headcount.ingest.polling.poller import summarize  # noqa: PLC0415 - likewise

    echo(f"{summarize(observed)}:")
    for one in sorted(observed.participants, key=_room_and_id):
        since = "" if one.joined_at is None else f" since {rfc3339(one.joined_at)}"
        connecting = "" if one.has_joined else ", connecting"
        attributes = f"  {one.attributes}" if one.attributes else ""
        echo(
            f"  {one.room}  {one.user_name or one.user_id or one.participant_id}{since}{connecting}{attributes}"
        )
    echo("", "Polling would add:")
    for event in changes.joins:
        who = event.user_name or event.user_id or event.participant_id
        echo(f"  {event.room}  {who} joined at {rfc3339(event.at)}")
    for room, missing in sorted(changes.memory.missing_since):
        echo(f"  {room}  {missing} leaves, if the next poll does not list them either")
    if not changes.joins and not changes.memory.missing_since:
        echo("  nothing")


@source.command(
    "test",
    examples=[
        "headcount source test livekit",
        "headcount source test livekit --url http://127.0.0.1:8080",
    ],
)
@click.argument("name")
@click.option("--url", metavar="URL", help="Address of the server.  [default: public_url, or host and port]")
@json_option
@with_settings("database", "domain", "host", "port", "api_prefix", "public_url")
def test_source(*, settings: Settings, name: str, url: str | None, as_json: bool) -> None:
    """Send a signed test event to the running server, as the video server would.

    A participant joins the room 'headcount-test' and leaves at once. The stay is too short to be listed or counted (rule 4).
    """
    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.sources.registry import get_source  # noqa: PLC0415 - likewise

    store = existing_store(settings, read_only=True)
    row = find_source(store, settings["domain"], name)
    vendor = get_source(row.kind, row.options)
    if vendor.poll_only:
        raise BadInput(
            f"{vendor.title} sends no events. Test its polling instead: {settings.command(f'source poll {name}')}"
        )
    path = ingest_path(settings["api_prefix"], row)
    address, target = base_url(settings) + path, (url or base_url(settings)) + path
    counted = _requests(store, row.token)
    for sample in vendor.samples(new_clock().now()):
        counted += 1
        signed = vendor.sign(sample._replace(url=address), row.secrets[-1])
        _post(target, signed.url.removeprefix(address), signed.body, dict(signed.headers))
    _wait_until_counted(store, row.token, counted)
    store.close()
    if as_json:
        emit({"name": name, "domain": row.domain, "address": address, "accepted": True})
        return
    echo(
        f"The server verified and stored a test event of {vendor.title}, signed with the secret of '{name}'."
    )
    echo("Configure the video server to send to:", "", f"  {address}")


def _post(target: str, query: str, body: bytes, headers: dict[str, str]) -> None:
    """Send a request. Raise `BadInput` unless the server accepts it."""
    import httpx2 as httpx  # noqa: PLC0415 - help does not need it

    try:
        answer = httpx.post(target + query, content=body, headers=headers, timeout=10)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadInput(
            f"no server answers at {target}: {error}. Start it with 'headcount serve', or set its address with --url"
        ) from error
    if answer.status_code != 200:
        raise BadInput(
            f"{target} rejected the test event with status {answer.status_code}: {_info(answer.content)}"
        )
    result = answer.json()
    if result.get("status") == "dead_letter":
        raise BadInput(f"the server could not parse the test event: {_info(answer.content)}")


def _requests(store: "Store", token: str) -> int:
    """Return the number of requests of a source that the store has counted."""
    counter = store.sources.stats().get(token, {}).get("requests")
    return 0 if counter is None else counter.total


def _wait_until_counted(store: "Store", token: str, requests: int) -> None:
    """Wait until the running server has written its counters, which takes a second, so that 'source list' shows them."""
    import time  # noqa: PLC0415 - help does not need it

    until = time.monotonic() + _COUNTED_WITHIN_S
    while _requests(store, token) < requests and time.monotonic() < until:
        time.sleep(0.1)


def _info(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["info"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return answer[:200].decode(errors="replace")
