"""Commands for sources: create, list, show, update, delete them, rotate their secrets, and inspect dead letters."""

import json
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, rfc3339
from headcount.cli.group import Group, main
from headcount.cli.options import audit, base_url, existing_store, record_access, with_settings, with_topic
from headcount.cli.param_types import DURATION
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from headcount.store.open import Store
    from headcount.store.sources import DeadLetter, SourceRow, SourceStat

_COUNTERS = (
    "events", "duplicates", "ignored", "excluded", "rejected", "malformed", "dead_letters", "polls", "failed_polls",
    "inferred_joins", "inferred_leaves",
)  # fmt: skip
_ADDRESS = ("database", "domain", "host", "port", "api_prefix", "public_url")


@main.group(cls=Group)
def source() -> None:
    """Manage the video servers that send events, and inspect what arrives."""


def _source_options(command: "Callable[..., None]") -> "Callable[..., None]":
    """Add the options of `create` and `update` to a command."""
    for option in (
        click.option("--poll-interval", type=DURATION, metavar="DURATION", help="Interval between polls, from 1s to 1h.  [default: 15s]"),
        click.option("--poll-key", metavar="TEXT", help="Key for polling, if it differs from --secret."),
        click.option("--poll", metavar="URL", help="Address of the video server, to poll it for participants."),
        click.option("--mapping", metavar="FILE", help="JSON file of the field mapping, for the kind 'generic'."),
        click.option("--attribute", "attributes", multiple=True, metavar="KEY=POINTER", help="Attribute of participants, from the place of the payload at a JSON Pointer; repeatable."),
        click.option("--room-prefix", metavar="TEXT", help="Prefix of room names, to distinguish rooms of several sources."),
        click.option("--exclude-role", "exclude_roles", multiple=True, metavar="ROLE", help="Role to exclude, such as phone or agent; repeatable."),
        click.option("--include-role", "include_roles", multiple=True, metavar="ROLE", help="Role to count as a participant: recorder, stream, screen, hidden, unanswered or test; repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def _given_options(
    *, include_roles: tuple[str, ...], exclude_roles: tuple[str, ...], room_prefix: str | None, mapping: str | None,
    attributes: tuple[str, ...], poll: str | None, poll_key: str | None, poll_interval: Ms | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the options that were given, as they are stored."""
    given = {
        "include_roles": list(include_roles),
        "exclude_roles": list(exclude_roles),
        "room_prefix": room_prefix,
        "mapping": None if mapping is None else _json_in(mapping),
        "attributes": dict(_attribute(option) for option in attributes),
        "poll": poll,
        "poll_key": poll_key,
        "poll_interval_s": None if poll_interval is None else poll_interval / 1_000,
    }
    return {name: value for name, value in given.items() if value not in (None, [], {})}


def _attribute(option: str) -> tuple[str, str]:
    key, separator, pointer = option.partition("=")
    if not separator:
        raise BadInput(
            f"--attribute: expected KEY=POINTER, such as customer=/room/metadata/customer, got {option!r:.100}"
        )
    return key, pointer


@source.command(
    "create",
    examples=[
        "headcount source create livekit --secret KEY:SECRET",
        "headcount source create livekit --secret KEY:SECRET --poll https://livekit.example --poll-interval 30s",
        "headcount source create livekit --secret KEY:SECRET --attribute customer=/room/metadata/customer",
        "headcount source create generic --name my-sfu --domain acme",
    ],
)
@click.argument("kind")
@click.option("--name", metavar="TEXT", help="Name of the source.  [default: KIND]")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="TEXT",
    help="Secret that verifies inbound requests; repeatable for a rotation.  [default for 'generic': generated]",
)
@_source_options
@json_option
@with_settings(*_ADDRESS)
def create_source(
    *, settings: Settings, kind: str, name: str | None, secrets: tuple[str, ...], as_json: bool, **options: Any
) -> None:  # fmt: skip
    """Create a source for a video server of KIND, and print the address to send events to."""
    from headcount.ingest.source_config import validate  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock, new_token, random_bytes  # noqa: PLC0415 - likewise
    from headcount.sources.registry import get_source  # noqa: PLC0415 - likewise
    from headcount.sources.signatures import encode_base64  # noqa: PLC0415 - likewise
    from headcount.store.sources import SourceRow  # noqa: PLC0415 - likewise

    stored = _given_options(**options)
    vendor = get_source(kind, stored)
    generated = () if secrets or kind != "generic" else (f"whsec_{encode_base64(random_bytes(24))}",)
    if not secrets and not generated:
        raise BadInput(f"--secret is required: {vendor.secret_description}")
    row = validate(
        SourceRow(
            new_token(), kind, settings["domain"], name or kind, secrets or generated, stored, created=new_clock().now(),
        )
    )  # fmt: skip
    store = existing_store(settings)
    store.sources.add(row)
    _audit(settings, store, "source_created", "source.create", row)
    store.close()
    if as_json:
        emit({**source_fields(settings, row), "secret": generated[0] if generated else None})
        return
    if vendor.poll_only:
        echo(f"Created the source '{row.name}' in domain '{row.domain}'.")
        echo(f"{vendor.title} sends no events. A running server polls it.", "")
    else:
        echo(f"Created the source '{row.name}' in domain '{row.domain}'. Send events to:", "")
        echo(f"  {_address(settings, row)}", "")
        if generated:
            echo("Secret, shown only once:", "", f"  {generated[0]}", "")
        echo(f"Test it while the server runs: {settings.command(f'source test {row.name}{_domain(row)}')}")
    if row.options.get("poll"):
        echo(f"Show what polling would change: {settings.command(f'source poll {row.name}{_domain(row)}')}")


@source.command("list", examples=["headcount source list", "headcount source list --addresses --json"])
@click.option("--addresses", is_flag=True, help="Show the addresses of the sources. Keep them private.")
@json_option
@with_settings(*_ADDRESS)
def list_sources(*, settings: Settings, addresses: bool, as_json: bool) -> None:
    """List the sources of all domains with their latest request and counters."""
    store = existing_store(settings, read_only=True)
    rows, stats, dead_letters = store.sources.all(), store.sources.stats(), store.sources.count_dead_letters()
    store.close()
    if as_json:
        found = [
            {
                **source_fields(settings, row),
                **_stat_fields(stats.get(row.token, {}), dead_letters.get(row.token, 0)),
            }
            for row in rows
        ]
        emit(found if addresses else [{k: v for k, v in one.items() if k != "address"} for one in found])
        return
    if not rows:
        echo(f"No sources. Create one with '{settings.command('source create KIND')}'.")
    for row in rows:
        _show(settings, row, stats.get(row.token, {}), dead_letters.get(row.token, 0), address=addresses)


@source.command("show", examples=["headcount source show livekit", "headcount source show livekit --json"])
@click.argument("name")
@json_option
@with_settings(*_ADDRESS)
def show_source(*, settings: Settings, name: str, as_json: bool) -> None:
    """Show one source with its address and its counters. Keep the address private."""
    store = existing_store(settings, read_only=True)
    row = find_source(store, settings["domain"], name)
    stats, dead_letters = (
        store.sources.stats().get(row.token, {}),
        store.sources.count_dead_letters().get(row.token, 0),
    )
    store.close()
    if as_json:
        emit({**source_fields(settings, row), **_stat_fields(stats, dead_letters)})
        return
    _show(settings, row, stats, dead_letters, address=True)
    for option, value in row.options.items():
        if option != "poll_key":
            shown = ", ".join(value) if isinstance(value, list) else value
            echo(
                f"    {option.replace('_', ' '):<16} {json.dumps(shown) if isinstance(shown, dict) else shown}"
            )


@source.command(
    "update",
    examples=[
        "headcount source update livekit --poll https://livekit.example --poll-interval 30s",
        "headcount source update livekit --no-poll",
        "headcount source update livekit --no-attributes",
    ],
)
@click.argument("name")
@click.option("--no-poll", is_flag=True, help="Stop polling.")
@click.option("--no-attributes", is_flag=True, help="Map no attributes.")
@_source_options
@json_option
@with_settings(*_ADDRESS)
def update_source(
    *, settings: Settings, name: str, no_poll: bool, no_attributes: bool, as_json: bool, **options: Any
) -> None:
    """Update the options of a source. A running server applies them within a second."""
    from headcount.ingest.source_config import validate  # noqa: PLC0415 - help does not need it

    given = _given_options(**options)
    if not given and not no_poll and not no_attributes:
        raise BadInput("nothing to update: set an option, such as --poll URL or --no-poll")
    removed = {"poll", "poll_key", "poll_interval_s"} if no_poll else set()
    removed |= {"attributes"} if no_attributes else set()
    store = existing_store(settings)
    row = find_source(store, settings["domain"], name)
    unchanged = {key: value for key, value in row.options.items() if key not in removed}
    row = validate(replace(row, options={**unchanged, **given}))
    store.sources.change(row)
    _audit(settings, store, "source_changed", "source.update", row)
    store.close()
    if as_json:
        emit(source_fields(settings, row))
        return
    poll = row.options.get("poll")
    echo(
        f"Updated the source '{name}'. "
        + (f"A running server polls {poll}." if poll else "It is not polled.")
    )


@source.command("delete", examples=["headcount source delete livekit --domain acme"])
@click.argument("name")
@json_option
@with_settings("database", "domain")
def delete_source(*, settings: Settings, name: str, as_json: bool) -> None:
    """Delete a source. Its events and meetings stay."""
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    store = existing_store(settings)
    row = find_source(store, settings["domain"], name)
    store.sources.remove(row.token, new_clock().now())
    _audit(settings, store, "source_deleted", "source.delete", row)
    store.close()
    if as_json:
        emit({"name": name, "domain": row.domain, "deleted": True})
    else:
        echo(f"Deleted the source '{name}'. A running server rejects its requests within a second.")


@source.command(
    "rotate-secret",
    examples=[
        "headcount source rotate-secret livekit --add NEWKEY:NEWSECRET",
        "headcount source rotate-secret livekit --remove OLDKEY:OLDSECRET",
    ],
)
@click.argument("name")
@click.option(
    "--add", "added", multiple=True, metavar="TEXT", help="Secret to add; the others stay valid. Repeatable."
)
@click.option("--remove", "removed", multiple=True, metavar="TEXT", help="Secret to remove; repeatable.")
@json_option
@with_settings("database", "domain")
def rotate_secret(
    *, settings: Settings, name: str, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool
) -> None:
    """Rotate the secret of a source.

    Add the new secret, change it in the video server, then remove the old one.
    """
    if not added and not removed:
        raise BadInput("nothing to rotate: set --add SECRET or --remove SECRET")
    store = existing_store(settings)
    row = find_source(store, settings["domain"], name)
    if any(one not in row.secrets for one in removed):
        raise BadInput(f"--remove: '{name}' has no such secret")
    remaining = tuple(one for one in row.secrets if one not in removed)
    secrets = (*remaining, *(one for one in added if one not in remaining))
    if not secrets:
        raise BadInput(f"'{name}' would have no secret left. Add another one first")
    store.sources.change(replace(row, secrets=secrets))
    _audit(settings, store, "source_secrets_changed", "source.update", row)
    store.close()
    if as_json:
        emit({"name": name, "domain": row.domain, "secrets": len(secrets)})
    else:
        echo(f"The source '{name}' has {len(secrets)} valid secret{'' if len(secrets) == 1 else 's'}.")


@source.group("dead-letters", cls=Group)
def dead_letters() -> None:
    """Inspect and retry dead letters: verified requests that could not be parsed."""


@dead_letters.command(
    "list",
    examples=["headcount source dead-letters list", "headcount source dead-letters list livekit --json"],
)
@click.argument("name", required=False)
@json_option
@with_settings("database", "domain")
def list_dead_letters(*, settings: Settings, name: str | None, as_json: bool) -> None:
    """List dead letters with their reason, the oldest first. NAME selects those of one source."""
    store = existing_store(settings, read_only=True)
    token = None if name is None else find_source(store, settings["domain"], name).token
    names = {row.token: row.name for row in store.sources.all()}
    found, after = [], 0
    while page := store.sources.dead_letters(after):
        found += [one for one in page if token in (None, one.token)]
        after = page[-1].number
    store.close()
    if as_json:
        emit([_dead_letter_fields(one, names) for one in found])
        return
    if not found:
        echo("No dead letters.")
    for one in found:
        echo(
            f"{one.number}  {rfc3339(one.received)}  {names.get(one.token, 'a deleted source')}: {one.reason}"
        )


@dead_letters.command("show", examples=["headcount source dead-letters show 17"])
@click.argument("number", type=int)
@json_option
@with_settings("database")
def show_dead_letter(*, settings: Settings, number: int, as_json: bool) -> None:
    """Show a dead letter with its headers and its body. NUMBER is what 'dead-letters list' shows."""
    store = existing_store(settings, read_only=True)
    names = {row.token: row.name for row in store.sources.all()}
    found = store.sources.dead_letters(number - 1, 1)
    store.close()
    if not found or found[0].number != number:
        raise BadInput(f"there is no dead letter {number}. 'headcount source dead-letters list' shows all")
    body = found[0].body.decode(errors="replace")
    if as_json:
        emit({**_dead_letter_fields(found[0], names), "headers": dict(found[0].headers), "body": body})
        return
    for name, value in _dead_letter_fields(found[0], names).items():
        echo(f"{name:<12} {value}")
    echo("", *body.split("\n"))


@dead_letters.command("retry", examples=["headcount source dead-letters retry"])
@json_option
@with_settings("database", "log", "max_events", "max_name_length")
def retry_all_dead_letters(*, settings: Settings, as_json: bool) -> None:
    """Parse all dead letters again, after an update of Headcount or of a field mapping.

    No running server is needed: the engine processes the events when it runs.
    """
    from headcount.ingest.dead_letters import retry_dead_letters  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    store = with_topic(existing_store(settings), settings)
    done = retry_dead_letters(store, new_clock(store.log.end()[1]).now, settings.limits())
    store.close()
    if as_json:
        emit(done._asdict())
        return
    echo(
        f"Dead letters parsed: {done.parsed:,} (new events: {done.accepted:,}). Remaining: {done.remaining:,}."
    )


def source_fields(settings: Settings, row: "SourceRow") -> dict[str, Any]:
    """Return a source as it is printed in JSON, without secrets."""
    return {
        "name": row.name,
        "kind": row.kind,
        "domain": row.domain,
        "address": _address(settings, row),
        "declared": row.declared,
        "created_at": rfc3339(row.created),
        "options": {name: value for name, value in row.options.items() if name != "poll_key"},
    }


def _domain(row: "SourceRow") -> str:
    """Return the option that selects the domain of a source in a hint."""
    return "" if row.domain == "default" else f" --domain {quote(row.domain)}"


def _stat_fields(stats: "dict[str, SourceStat]", dead_letters: int) -> dict[str, Any]:
    def last(name: str) -> str | None:
        return rfc3339(stats[name].last) if name in stats else None

    return {
        "last_request_at": last("requests"),
        "last_poll_at": last("polls"),
        "counters": {name: stat.total for name, stat in sorted(stats.items()) if stat.total},
        "dead_letters": dead_letters,
    }


def _dead_letter_fields(one: "DeadLetter", names: dict[str, str]) -> dict[str, Any]:
    return {
        "number": one.number,
        "received_at": rfc3339(one.received),
        "source": names.get(one.token),
        "reason": one.reason,
    }


def _address(settings: Settings, row: "SourceRow") -> str | None:
    """Return the address to send events to; None if the source is only polled."""
    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import POLL_ONLY_SOURCES  # noqa: PLC0415 - likewise

    return (
        None
        if row.kind in POLL_ONLY_SOURCES
        else base_url(settings) + ingest_path(settings["api_prefix"], row)
    )


def _show(
    settings: Settings, row: "SourceRow", stats: "dict[str, SourceStat]", dead_letters: int, *, address: bool
) -> None:
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    echo(f"{row.name}  ({row.kind}, domain {row.domain}{', declared' if row.declared else ''})")
    url = _address(settings, row)
    if address:
        echo(f"    address          {url or 'none, it is only polled'}")
    for line in _status_lines(stats, dead_letters, new_clock().now(), sends=url is not None):
        echo(f"    {line}")


def _roles(counter: str, stats: "dict[str, SourceStat]") -> str:
    """Return the roles of the excluded events in parentheses; '' for other counters."""
    prefix = f"{counter}_"
    found = [
        f"{stat.total:,} {name.removeprefix(prefix)}"
        for name, stat in sorted(stats.items())
        if name.startswith(prefix)
    ]
    return f" ({', '.join(found)})" if counter == "excluded" and found else ""


def _status_lines(stats: "dict[str, SourceStat]", dead_letters: int, now: Ms, *, sends: bool) -> list[str]:
    lines = []
    last = stats.get("requests")
    if sends:
        lines.append("last request     " + ("none yet" if last is None else _ago(last.last, now)))
    counted = [
        f"{stats[name].total:,} {name.replace('_', ' ')}{_roles(name, stats)}"
        for name in _COUNTERS
        if name in stats
    ]
    if counted:
        lines.append("counters         " + ", ".join(counted))
    polled = stats.get("polls")
    if polled is not None:
        lines.append(f"last poll        {_ago(polled.last, now)}: {polled.detail}")
    for name in ("rejected", "malformed", "dead_letters", "clock_ahead", "failed_polls"):
        stat = stats.get(name)
        if stat is not None and stat.detail:
            lines.append(f"{name.replace('_', ' '):<16} {stat.detail} ({_ago(stat.last, now)})")
    if dead_letters:
        lines.append(
            f"unresolved       {dead_letters:,} dead letters: 'headcount source dead-letters list' shows them"
        )
    return lines


def _audit(settings: Settings, store: "Store", name: str, action: str, row: "SourceRow") -> None:
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - help does not need it

    audit(settings)
    security_event(name, domain=row.domain, source=row.name, kind=row.kind)
    record_access(store, settings, row.domain, action, ("source", row.name))


def find_source(store: "Store", domain: str, name: str) -> "SourceRow":
    """Return the source of a domain with this name. Raise `BadInput` with the existing ones."""
    rows = store.sources.all()
    for row in rows:
        if (row.domain, row.name) == (domain, name):
            return row
    existing = ", ".join(f"{row.name} (domain {row.domain})" for row in rows) or "none"
    raise BadInput(f"there is no source '{name}' in domain '{domain}'. Sources: {existing}")


def _json_in(file: str) -> Any:
    try:
        return json.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {(error.strerror or str(error)).lower()}", where=file) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is not JSON: {error}", where=file) from error


def _ago(at: Ms, now: Ms) -> str:
    from headcount.units import format_duration  # noqa: PLC0415 - help does not need it

    return f"{format_duration(max(0, now - at))} ago"
