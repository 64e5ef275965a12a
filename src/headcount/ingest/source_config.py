"""Configuring: setting sources up, by command or by the settings file, checked before they are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from headcount.errors import BadInput
from headcount.ingest.normalize import Terms, terms_of
from headcount.kernel.events import Ms
from headcount.sources.api import Source
from headcount.sources.polls.api import Poll
from headcount.sources.polls.registry import POLLS
from headcount.sources.registry import get_source
from headcount.store.sources import SourceRow, Sources

EVERY_S: Final = 15
"""A server is asked so often who is in, unless its source says otherwise."""
OPTIONS: Final = ("count", "leave_out", "prefix", "mapping", "poll", "poll_key", "every")
_KEYS: Final = ("kind", "domain", "name", "secrets", "token", *OPTIONS)


@dataclass(frozen=True, slots=True)
class Asking:
    """How a server is asked who is in. One of the keys will do: several may hold while one is changed."""

    poll: Poll
    url: str
    keys: tuple[str, ...]
    every_s: float


@dataclass(frozen=True, slots=True)
class Configured:
    """A source that is set up, ready for deliveries, and to be asked if it polls."""

    row: SourceRow
    source: Source
    terms: Terms
    asking: Asking | None = None


def configured(row: SourceRow) -> Configured:
    """A row of the store, ready for deliveries. Raises `BadInput` if its kind or options are none."""
    terms = terms_of(row.kind, row.domain, row.token, row.options)
    return Configured(row, get_source(row.kind, row.options), terms, _asking(row))


def _asking(row: SourceRow) -> Asking | None:
    url, key, every = (row.options.get(name) for name in ("poll", "poll_key", "every"))
    if url is None:
        if key is not None or every is not None:
            raise BadInput("a key or an interval for polling is of no use without the address to poll")
        return None
    poll = POLLS.get(row.kind)
    if poll is None:
        raise BadInput(f"a source of kind '{row.kind}' cannot be polled; there are {', '.join(POLLS)}")
    if not isinstance(url, str) or not _is_web(url):
        raise BadInput(f"the address to poll is {poll.url_description}, not {url!r}")
    if poll.key_description and not (isinstance(key, str) and key):
        raise BadInput(f"to poll '{row.kind}' give the key, too: {poll.key_description}")
    if key is not None and not poll.key_description:
        raise BadInput(f"to poll '{row.kind}' needs no key: the source's own secret is the key")
    every = EVERY_S if every is None else every
    if isinstance(every, bool) or not isinstance(every, int | float) or not 1 <= every <= 3_600:
        raise BadInput(f"a server may be asked every 1 to 3600 seconds, not every {every!r}")
    return Asking(
        poll, url, (str(key),) if poll.key_description else tuple(reversed(row.secrets)), float(every)
    )


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        return False


def checked(row: SourceRow) -> SourceRow:
    """The row, if deliveries can be taken by it, or its server can be asked. Raises `BadInput` that says what is wrong."""
    inlet = configured(row)
    vendor = inlet.source
    if vendor.poll_only and inlet.asking is None:
        where = f", {POLLS[row.kind].url_description}" if row.kind in POLLS else ""
        raise BadInput(f"{vendor.title} sends nothing, it is asked who is in: give --poll{where}")
    if not row.secrets:
        raise BadInput(f"a source of {vendor.title} needs a secret: {vendor.secret_description}")
    return row


def address(prefix: str, row: SourceRow) -> str:
    """The path that a source's deliveries are sent to."""
    return f"{prefix}/ingest/{row.kind}/{row.token}"


def declare(
    sources: Sources, declared: Sequence[Mapping[str, Any]], default: str, token: Callable[[], str], now: Ms
) -> None:
    """Make the sources what the settings file says of them; those that it declared once and does no more are removed.

    `default` is their domain unless they name one; `token` draws a new random one, for each that is new here.
    Raises `BadInput` for a table that is wrong.
    """
    there = {(row.domain, row.name): row for row in sources.all()}
    wanted = [_declared(table, number, default) for number, table in enumerate(declared, 1)]
    for row in wanted:
        known = there.get((row.domain, row.name))
        if known is None:
            sources.add(replace(row, token=row.token or token(), created=now))
        elif row.token and row.token != known.token:
            sources.remove(known.token, now)
            sources.add(replace(row, created=now))
        elif replace(row, token=known.token, created=known.created) != known:
            sources.change(replace(row, token=known.token))
    names = {(row.domain, row.name) for row in wanted}
    for name, known in there.items():
        if known.declared and name not in names:
            sources.remove(known.token, now)


def _declared(table: Mapping[str, Any], number: int, default: str) -> SourceRow:
    where = f"source {number} of the settings file"
    unknown = sorted(table.keys() - set(_KEYS))
    if unknown:
        raise BadInput(f"knows no '{unknown[0]}'; there are {', '.join(_KEYS)}", where=where)
    kind, secrets = table.get("kind", ""), table.get("secrets", [])
    if not isinstance(secrets, list) or not all(isinstance(secret, str) for secret in secrets):
        raise BadInput('secrets are a list of texts, like ["KEY:SECRET"]', where=where)
    options = {name: table[name] for name in OPTIONS if name in table}
    row = SourceRow(
        str(table.get("token", "")), str(kind), str(table.get("domain", default)), str(table.get("name", kind)),
        tuple(secrets), options, declared=True,
    )  # fmt: skip
    try:
        return checked(row)
    except BadInput as error:
        raise BadInput(error.reason, where=where) from error
