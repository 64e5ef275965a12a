"""Configuration of sources: from a command or a declaration to a source that can receive requests and be polled.

Responsible for validating options before they are stored. Must not know HTTP or vendors' payloads.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from headcount.errors import BadInput
from headcount.ingest.normalize import SourcePolicy, policy_from_options
from headcount.sources.api import Source
from headcount.sources.polls.api import Poll
from headcount.sources.polls.registry import POLLS
from headcount.sources.registry import get_source
from headcount.store.sources import SourceRow
from headcount.units import InvalidQuantity, parse_duration

POLL_INTERVAL_S: Final = 15
"""Default interval of polls."""
OPTIONS: Final = (
    "include_roles", "exclude_roles", "room_prefix", "mapping", "attributes", "poll", "poll_key", "poll_interval_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PollConfig:
    """How a server is polled. Any of the keys may be valid: there are several while a key is rotated."""

    poll: Poll
    url: str
    keys: tuple[str, ...]
    interval_s: float


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source with what its options mean. `polling` is None if it is not polled."""

    row: SourceRow
    source: Source
    policy: SourcePolicy
    polling: PollConfig | None = None


def configure(row: SourceRow) -> ConfiguredSource:
    """Return a stored source, configured. Raise `BadInput` if its kind or options are invalid."""
    policy = policy_from_options(row.kind, row.domain, row.token, row.options)
    return ConfiguredSource(row, get_source(row.kind, row.options), policy, _poll_config(row))


def _poll_config(row: SourceRow) -> PollConfig | None:
    url, key, interval_s = (row.options.get(name) for name in ("poll", "poll_key", "poll_interval_s"))
    if url is None:
        if key is not None or interval_s is not None:
            raise BadInput("polling needs the address of the server: set --poll URL (in a file: poll)")
        return None
    poll = POLLS.get(row.kind)
    if poll is None:
        raise BadInput(f"Headcount cannot poll a source of kind '{row.kind}'. It polls {', '.join(POLLS)}")
    if not isinstance(url, str) or not _is_http_url(url):
        raise BadInput(f"--poll: expected {poll.url_description}, got {url!r}")
    if poll.key_description and not (isinstance(key, str) and key):
        raise BadInput(f"polling '{row.kind}' needs --poll-key: {poll.key_description}")
    if key is not None and not poll.key_description:
        raise BadInput(f"--poll-key does not apply to '{row.kind}': the source's secret is the key")
    interval_s = POLL_INTERVAL_S if interval_s is None else interval_s
    if isinstance(interval_s, str):
        interval_s = _seconds(interval_s)
    if (
        isinstance(interval_s, bool)
        or not isinstance(interval_s, int | float)
        or not 1 <= interval_s <= 3_600
    ):
        raise BadInput(
            f"the poll interval: expected a duration from 1s to 1h, such as 15s, got {interval_s!r}"
        )
    return PollConfig(
        poll, url, (str(key),) if poll.key_description else tuple(reversed(row.secrets)), float(interval_s)
    )


def _seconds(text: str) -> float | str:
    """Return a duration with its unit in seconds; the text itself if it is none."""
    try:
        return parse_duration(text) / 1_000
    except InvalidQuantity:
        return text


def _is_http_url(url: str) -> bool:
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


def validate(row: SourceRow) -> SourceRow:
    """Return a valid source unchanged. Raise `BadInput` with what is wrong."""
    source = configure(row)
    vendor = source.source
    if vendor.poll_only and source.polling is None:
        where = f", {POLLS[row.kind].url_description}" if row.kind in POLLS else ""
        raise BadInput(f"{vendor.title} sends no events, so Headcount polls it: set --poll{where}")
    if not row.secrets:
        raise BadInput(f"a source of {vendor.title} needs a secret: {vendor.secret_description}")
    if vendor.has_key_pair and not all(all(secret.partition(":")) for secret in row.secrets):
        raise BadInput(f"--secret: expected {vendor.secret_description}")
    return row


def ingest_path(prefix: str, row: SourceRow) -> str:
    """Return the path to which a source sends its requests."""
    return f"{prefix}/ingest/{row.kind}/{row.token}"
