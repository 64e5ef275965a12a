"""Commands about sources: which video servers may send, whether what they send arrives, what could not be read."""

import json
import secrets as chance
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
    "events", "duplicates", "ignored", "left_out", "refused", "malformed", "unreadable", "polls", "poll_failed",
    "healed_joins", "healed_leaves",
)  # fmt: skip


@main.group()
def source() -> None:
    """Set up the video servers that send events, and see how they fare."""


@source.command("add")
@with_settings
@click.argument("kind")
@click.option("--name", default=None, metavar="TEXT", help="What to call it.  [default: KIND]")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="TEXT",
    help="What signs its deliveries; several while one is changed. [default: one is made]",
)
@click.option(
    "--count", multiple=True, metavar="ROLE", help="Count these, too: recorder, stream, screen or hidden."
)
@click.option("--leave-out", multiple=True, metavar="ROLE", help="Do not count these: phone or agent, say.")
@click.option(
    "--room-prefix",
    default="",
    metavar="TEXT",
    help="What its rooms' names begin with here, to tell them from another source's.",
)
@click.option(
    "--mapping", default=None, metavar="FILE", help="For 'generic': where the fields are in its JSON."
)
@click.option("--poll", default=None, metavar="URL", help="Ask the server there who is in, now and again.")
@click.option("--poll-key", default=None, metavar="TEXT", help="What it lets us in by, if not by --secret.")
@click.option("--every", default=None, type=float, metavar="SECONDS", help="How often to ask.  [default: 15]")
def add_source(
    *, settings: Settings, kind: str, name: str | None, secrets: tuple[str, ...], count: tuple[str, ...],
    leave_out: tuple[str, ...], room_prefix: str, mapping: str | None, poll: str | None, poll_key: str | None,
    every: float | None,
) -> None:  # fmt: skip
    """Let a video server of KIND send events, and print the address to send them to."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.ingest.source_config import ingest_path, validate  # noqa: PLC0415 - likewise
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
    made = () if secrets or kind != "generic" else (f"whsec_{encode_base64(chance.token_bytes(24))}",)
    if not secrets and not made:
        raise BadInput(f"give --secret: {vendor.secret_description}")
    row = validate(
        SourceRow(
            chance.token_urlsafe(18), kind, settings["domain"], name or kind, secrets or made, options,
            created=Clock().now(),
        )
    )  # fmt: skip
    store = store_of(settings)
    store.sources.add(row)
    store.close()
    _audit(settings, "source_created", row)
    if not vendor.poll_only:
        echo(f"{vendor.title} may send to domain '{row.domain}'. Its address:", "")
        echo(f"  {_base(settings)}{ingest_path(settings['prefix'], row)}", "")
        if made:
            echo("Its secret, shown this once:", "", f"  {made[0]}", "")
        echo("Try it, while the service runs, with: headcount source test " + row.name)
    else:
        echo(f"{vendor.title} sends nothing; a running service asks it who is in, for domain '{row.domain}'.")
    if poll:
        echo("See who is in, and what polling would change, with: headcount source poll " + row.name)


@source.command("list")
@with_settings
@click.option(
    "--addresses", is_flag=True, help="Show the addresses to send to; who knows one can try to send."
)
def list_sources(*, settings: Settings, addresses: bool) -> None:
    """List the sources, when something last came, and how much of it was what."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import POLL_ONLY_SOURCES  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    rows, tallies, letters = store.sources.all(), store.sources.stats(), store.sources.count_dead_letters()
    store.close()
    if not rows:
        echo("There is no source yet; 'headcount source add KIND' makes one.")
        return
    now = Clock().now()
    for row in rows:
        echo(
            f"{row.name}  ({row.kind}, domain {row.domain}{', from the settings file' if row.declared else ''})"
        )
        if addresses:
            echo(f"    address     {_where(settings, row)}")
        for line in _fare(
            tallies.get(row.token, {}),
            letters.get(row.token, 0),
            now,
            sends=row.kind not in POLL_ONLY_SOURCES,
        ):
            echo(f"    {line}")


def _where(settings: Settings, row: "SourceRow") -> str:
    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - help does not need it
    from headcount.sources.registry import POLL_ONLY_SOURCES  # noqa: PLC0415 - likewise

    if row.kind in POLL_ONLY_SOURCES:
        return f"none: {POLL_ONLY_SOURCES[row.kind].title} is asked at {row.options['poll']}"
    return _base(settings) + ingest_path(settings["prefix"], row)


def _fare(tallies: "dict[str, SourceStat]", letters: int, now: int, *, sends: bool) -> list[str]:
    lines = []
    last = tallies.get("deliveries")
    if sends:
        lines.append("last        " + ("nothing came yet" if last is None else _ago(last.last, now)))
    counted = [f"{tallies[word].number:,} {word.replace('_', ' ')}" for word in _WORDS if word in tallies]
    if counted:
        lines.append("so far      " + ", ".join(counted))
    polled = tallies.get("polls")
    if polled is not None:
        lines.append(f"polled      {_ago(polled.last, now)}: {polled.told}")
    for word in ("refused", "malformed", "unreadable", "ahead", "poll_failed"):
        tally = tallies.get(word)
        if tally is not None and tally.told:
            lines.append(f"{word.replace('_', ' '):<11} {tally.told} ({_ago(tally.last, now)})")
    if letters:
        lines.append(f"kept        {letters:,} that could not be read: 'headcount source letters' shows them")
    return lines


@source.command("remove")
@with_settings
@click.argument("name")
def remove_source(*, settings: Settings, name: str) -> None:
    """Let a source send no more. What it sent stays."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it

    store = store_of(settings)
    row = named(store, settings["domain"], name)
    store.sources.remove(row.token, Clock().now())
    store.close()
    _audit(settings, "source_removed", row)
    echo(f"'{name}' is removed; a running service refuses it within a second.")


@source.command("secret")
@with_settings
@click.argument("name")
@click.option("--add", "added", multiple=True, metavar="TEXT", help="From now on this one holds, too.")
@click.option("--drop", "dropped", multiple=True, metavar="TEXT", help="This one holds no more.")
def change_secret(*, settings: Settings, name: str, added: tuple[str, ...], dropped: tuple[str, ...]) -> None:
    """Change a source's secrets: add the new one, change it at the vendor, drop the old one."""
    store = store_of(settings)
    row = named(store, settings["domain"], name)
    missing = [one for one in dropped if one not in row.secrets]
    if missing:
        raise BadInput(f"'{name}' has no such secret to drop")
    kept = tuple(one for one in row.secrets if one not in dropped)
    secrets = (*kept, *(one for one in added if one not in kept))
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
    help="Where the service is.  [default: public_url, or host and port]",
)
def try_source(*, settings: Settings, name: str, url: str | None) -> None:
    """Send a signed sample through the front door of the running service, as the vendor would.

    Somebody comes to the room 'headcount-test' and goes at once: in no list and no count (rule 4).
    """
    import httpx2 as httpx  # noqa: PLC0415 - help does not need it

    from headcount.clock import Clock  # noqa: PLC0415 - likewise
    from headcount.ingest.source_config import ingest_path  # noqa: PLC0415 - likewise
    from headcount.sources.registry import get_source  # noqa: PLC0415 - likewise

    store = store_of(settings, read_only=True)
    row = named(store, settings["domain"], name)
    store.close()
    vendor = get_source(row.kind, row.options)
    if vendor.poll_only:
        raise BadInput(
            f"{vendor.title} sends nothing, so there is nothing to test: 'headcount source poll {name}' asks it who is in"
        )
    signed_for = _base(settings) + ingest_path(settings["prefix"], row)
    target = (url or _base(settings)) + ingest_path(settings["prefix"], row)
    for sample in vendor.samples(Clock().now()):
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
        if "kept" in answer.text:
            raise BadInput(f"it arrived, but could not be read: {_info(answer.content)}")
    echo(f"A sample of {vendor.title}, signed with the secret of '{name}', was verified, read and stored.")
    echo("Now let the server send to", "", f"  {signed_for}")


@source.command("letters")
@with_settings
@click.option("--body", is_flag=True, help="Show the whole bodies.")
def show_letters(*, settings: Settings, body: bool) -> None:
    """Show deliveries that were genuine and could not be read, with the reason of each."""
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    store = store_of(settings, read_only=True)
    names = {row.token: row.name for row in store.sources.all()}
    for letter in store.sources.dead_letters():
        name = names.get(letter.token, "a removed source")
        echo(f"{letter.number}  {format_timestamp(letter.received)}  {name}: {letter.reason}")
        if body:
            echo(*letter.body.decode(errors="replace").split("\n"))
    store.close()


@source.command("retry")
@with_settings
def retry_letters(*, settings: Settings) -> None:
    """Read again what could not be read, after an update or a mended mapping; what can be read now is taken.

    It needs no running service: the engine works it in when it runs.
    """
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.ingest.dead_letters import retry_dead_letters  # noqa: PLC0415 - likewise

    store = store_of(settings)
    done = retry_dead_letters(store, Clock(store.log.end()[1]).now, settings.limits())
    store.close()
    echo(f"{done.parsed:,} could be read now ({done.accepted:,} new events); {done.remaining:,} are left.")


def _audit(settings: Settings, name: str, row: "SourceRow") -> None:
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - help does not need it

    audit(settings)
    security_event(name, domain=row.domain, source=row.name, kind=row.kind)


def named(store: "Store", domain: str, name: str) -> "SourceRow":
    """The source of a domain that has this name. Raises `BadInput` that lists those there are."""
    rows = store.sources.all()
    for row in rows:
        if (row.domain, row.name) == (domain, name):
            return row
    there = ", ".join(f"{row.name} (domain {row.domain})" for row in rows) or "none"
    raise BadInput(f"the domain '{domain}' has no source '{name}'; there are: {there}")


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
