"""Commands for sources: create, list, test and delete them, and inspect dead letters."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.cli.serve import audit, store_of, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings, url_of

if TYPE_CHECKING:
    from headcount.store.open import Store
    from headcount.store.sources import SourceRow, SourceStat

_WORDS = (
    "events", "duplicates", "ignored", "excluded", "rejected", "malformed", "dead_letters", "polls", "failed_polls",
    "inferred_joins", "inferred_leaves",
)  # fmt: skip


@main.group()
def source() -> None:
    """Manage the video servers that send events, and inspect what arrives."""


@source.command("add")
@with_settings
@click.argument("kind")
@click.option("--name", default=None, metavar="TEXT", help="Name of the source.  [default: KIND]")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="TEXT",
    help="Secret that verifies its requests; several during a rotation.  [default: a new one]",
)
@click.option(
    "--count", multiple=True, metavar="ROLE", help="Also count this role: recorder, stream, screen or hidden."
)
@click.option("--leave-out", multiple=True, metavar="ROLE", help="Exclude this role, like phone or agent.")
@click.option(
    "--room-prefix",
    default="",
    metavar="TEXT",
    help="Prefix of its rooms' names, to distinguish them from another source's.",
)
@click.option("--mapping", default=None, metavar="FILE", help="For 'generic': the field mapping of its JSON.")
@click.option("--poll", default=None, metavar="URL", help="Address of the server to poll for participants.")
@click.option("--poll-key", default=None, metavar="TEXT", help="Key for polling, if it is not --secret.")
@click.option(
    "--every", default=None, type=float, metavar="SECONDS", help="Interval between polls.  [default: 15]"
)
def add_source(
    *, settings: Settings, kind: str, name: str | None, secrets: tuple[str, ...], count: tuple[str, ...],
    leave_out: tuple[str, ...], room_prefix: str, mapping: str | None, poll: str | None, poll_key: str | None,
    every: float | None,
) -> None:  # fmt: skip
    """Create a source for a video server of KIND, and print the address to send events to."""
    from headcount.ingest.source_config import ingest_path, validate  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock, new_token, random_bytes  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import get_source  # noqa: PLC0415 - likewise
    from headcount.sources.signatures import encode_base64  # noqa: PLC0415 - likewise
    from headcount.store.sources import SourceRow  # noqa: PLC0415 - likewise

    given = {
        "count": list(count),
        "leave_out": list(leave_out),
        "prefix": room_prefix,
        "poll": poll,
        "poll_key": poll_key,
    }
    options: dict[str, Any] = {key: value for key, value in given.items() if value}
    if every is not None:
        options["every"] = every
    if mapping is not None:
        options["mapping"] = _json_in(mapping)
    vendor = get_source(kind, options)
    made = () if secrets or kind != "generic" else (f"whsec_{encode_base64(random_bytes(24))}",)
    if not secrets and not made:
        raise BadInput(f"give --secret: {vendor.secret_description}")
    row = validate(
        SourceRow(
            new_token(), kind, settings["domain"], name or kind, secrets or made, options,
            created=new_clock().now(),
        )
    )  # fmt: skip
    store = store_of(settings)
    store.sources.add(row)
    store.close()
    _audit(settings, "source_created", row)
    if not vendor.poll_only:
        echo(f"{vendor.title} may send to domain '{row.domain}'. Its address:", "")
        echo(f"  {_base(settings)}{ingest_path(settings['api_prefix'], row)}", "")
        if made:
            echo("Its secret, shown only once:", "", f"  {made[0]}", "")
        echo("Test it while the server runs: headcount source test " + row.name)
    else:
        echo(f"{vendor.title} sends nothing; a running server polls it for domain '{row.domain}'.")
    if poll:
        echo("Show its participants and what polling would change: headcount source poll " + row.name)


@source.command("list")
@with_settings
@click.option("--addresses", is_flag=True, help="Show the addresses of sources; keep them private.")
def list_sources(*, settings: Settings, addresses: bool) -> None:
    """List the sources with their last request and counters."""
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import POLL_ONLY_SOURCES  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    rows, stats, dead_letters = store.sources.all(), store.sources.stats(), store.sources.count_dead_letters()
    store.close()
    if not rows:
        echo("No sources yet. Create one with 'headcount source add KIND'.")
        return
    now = new_clock().now()
    for row in rows:
        echo(
            f"{row.name}  ({row.kind}, domain {row.domain}{', from the settings file' if row.declared else ''})"
        )
        if addresses:
            echo(f"    address     {_address(settings, row)}")
        for line in _status_lines(
            stats.get(row.token, {}),
            dead_letters.get(row.token, 0),
            now,
            sends=row.kind not in POLL_ONLY_SOURCES,
        ):
            echo(f"    {line}")


def _address(settings: Settings, row: "SourceRow") -> str:
    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import POLL_ONLY_SOURCES  # noqa: PLC0415 - likewise

    if row.kind in POLL_ONLY_SOURCES:
        return f"none: {POLL_ONLY_SOURCES[row.kind].title} is asked at {row.options['poll']}"
    return _base(settings) + ingest_path(settings["api_prefix"], row)


def _status_lines(stats: "dict[str, SourceStat]", dead_letters: int, now: int, *, sends: bool) -> list[str]:
    lines = []
    last = stats.get("requests")
    if sends:
        lines.append("last        " + ("nothing received yet" if last is None else _ago(last.last, now)))
    counted = [f"{stats[word].total:,} {word.replace('_', ' ')}" for word in _WORDS if word in stats]
    if counted:
        lines.append("so far      " + ", ".join(counted))
    polled = stats.get("polls")
    if polled is not None:
        lines.append(f"polled      {_ago(polled.last, now)}: {polled.detail}")
    for word in ("rejected", "malformed", "dead_letters", "clock_ahead", "failed_polls"):
        stat = stats.get(word)
        if stat is not None and stat.detail:
            lines.append(f"{word.replace('_', ' '):<11} {stat.detail} ({_ago(stat.last, now)})")
    if dead_letters:
        lines.append(f"dead letters {dead_letters:,}: 'headcount source letters' lists them")
    return lines


@source.command("remove")
@with_settings
@click.argument("name")
def remove_source(*, settings: Settings, name: str) -> None:
    """Delete a source. Its events stay."""
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    store = store_of(settings)
    row = find_source(store, settings["domain"], name)
    store.sources.remove(row.token, new_clock().now())
    store.close()
    _audit(settings, "source_removed", row)
    echo(f"'{name}' is removed; a running service refuses it within a second.")


@source.command("secret")
@with_settings
@click.argument("name")
@click.option("--add", "added", multiple=True, metavar="TEXT", help="Add a secret.")
@click.option("--drop", "dropped", multiple=True, metavar="TEXT", help="Remove a secret.")
def change_secret(*, settings: Settings, name: str, added: tuple[str, ...], dropped: tuple[str, ...]) -> None:
    """Rotate a source's secrets: add a new one, change it at the vendor, drop the old one."""
    store = store_of(settings)
    row = find_source(store, settings["domain"], name)
    missing = [one for one in dropped if one not in row.secrets]
    if missing:
        raise BadInput(f"'{name}' has no such secret to drop")
    remaining = tuple(one for one in row.secrets if one not in dropped)
    secrets = (*remaining, *(one for one in added if one not in remaining))
    if not secrets:
        raise BadInput(f"'{name}' would have no secret left: add another one first")
    store.sources.change(replace(row, secrets=secrets))
    store.close()
    _audit(settings, "source_secrets_changed", row)
    echo(f"'{name}' has {len(secrets)} secret{'' if len(secrets) == 1 else 's'} now.")


@source.command("test")
@with_settings
@click.argument("name")
@click.option(
    "--url",
    default=None,
    metavar="URL",
    help="Address of the server.  [default: public_url, or host and port]",
)
def test_source(*, settings: Settings, name: str, url: str | None) -> None:
    """Send a signed test event to the running server, as the vendor would.

    A participant joins the room 'headcount-test' and leaves at once, which no list or count includes (rule 4).
    """
    import httpx2 as httpx  # noqa: PLC0415 - help does not need it

    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.sources.registry import get_source  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    row = find_source(store, settings["domain"], name)
    store.close()
    vendor = get_source(row.kind, row.options)
    if vendor.poll_only:
        raise BadInput(
            f"{vendor.title} sends nothing, so there is nothing to test: 'headcount source poll {name}' polls it"
        )
    signed_for = _base(settings) + ingest_path(settings["api_prefix"], row)
    target = (url or _base(settings)) + ingest_path(settings["api_prefix"], row)
    for sample in vendor.samples(new_clock().now()):
        signed = vendor.sign(sample._replace(url=signed_for), row.secrets[-1])
        where = target + signed.url.removeprefix(signed_for)
        try:
            answer = httpx.post(where, content=signed.body, headers=dict(signed.headers), timeout=10)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadInput(
                f"{target} does not answer: {error}: is 'headcount serve' running there?"
            ) from error
        if answer.status_code != 200:
            raise BadInput(f"it was answered {answer.status_code}: {_info(answer.content)}")
        if "dead_letter" in answer.text:
            raise BadInput(f"it arrived, but could not be read: {_info(answer.content)}")
    echo(f"A sample of {vendor.title}, signed with the secret of '{name}', was verified, read and stored.")
    echo("Now let the server send to", "", f"  {signed_for}")


@source.command("letters")
@with_settings
@click.option("--body", is_flag=True, help="Show the bodies.")
def show_dead_letters(*, settings: Settings, body: bool) -> None:
    """List dead letters: verified requests that could not be parsed, with the reason."""
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    store = store_of(settings, read_only=True)
    names = {row.token: row.name for row in store.sources.all()}
    for dead_letter in store.sources.dead_letters():
        name = names.get(dead_letter.token, "a removed source")
        echo(f"{dead_letter.number}  {format_timestamp(dead_letter.received)}  {name}: {dead_letter.reason}")
        if body:
            echo(*dead_letter.body.decode(errors="replace").split("\n"))
    store.close()


@source.command("retry")
@with_settings
def retry_source(*, settings: Settings) -> None:
    """Retry dead letters, after an update or a corrected field mapping.

    No running server is needed: the engine processes the events when it runs.
    """
    from headcount.ingest.dead_letters import retry_dead_letters  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it

    store = store_of(settings)
    done = retry_dead_letters(store, new_clock(store.log.end()[1]).now, settings.limits())
    store.close()
    echo(f"{done.parsed:,} could be read now ({done.accepted:,} new events); {done.remaining:,} are left.")


def _audit(settings: Settings, name: str, row: "SourceRow") -> None:
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - help does not need it

    audit(settings)
    security_event(name, domain=row.domain, source=row.name, kind=row.kind)


def find_source(store: "Store", domain: str, name: str) -> "SourceRow":
    """Return the source of a domain with this name. Raise `BadInput` with the existing ones."""
    rows = store.sources.all()
    for row in rows:
        if (row.domain, row.name) == (domain, name):
            return row
    existing = ", ".join(f"{row.name} (domain {row.domain})" for row in rows) or "none"
    raise BadInput(f"the domain '{domain}' has no source '{name}'; there are: {existing}")


def _base(settings: Settings) -> str:
    return settings["public_url"] or url_of(settings["host"], settings["port"])


def _json_in(file: str) -> Any:
    try:
        return json.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {(error.strerror or str(error)).lower()}", where=file) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is not JSON: {error}", where=file) from error


def _info(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["info"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return answer[:200].decode(errors="replace")


def _ago(at: int, now: int) -> str:
    seconds = max(0, now - at) // 1_000
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return f"{seconds} s ago"
