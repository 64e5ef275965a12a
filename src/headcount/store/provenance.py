"""Provenance: who delivered the entries of the log, and the digest of what they were in.

A sender is the token of a source, an API key or a file. The token of a source is its address, so it is never shown: a
sender is described by its kind and name.

Responsible for senders as texts and for their descriptions. Must not know who asks.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Event, Ms
from headcount.store.database import Database
from headcount.store.records import Provenance, decode_event

KEY_PREFIX: Final = "key:"
FILE_PREFIX: Final = "file:"


def digest_of(body: bytes) -> bytes:
    """Return the SHA-256 of a request's body."""
    return sha256(body).digest()


def sender_of_key(key_id: str) -> str:
    """Return the sender that an API key is."""
    return KEY_PREFIX + key_id


def provenance_of_key(key_id: str, body: bytes) -> Provenance:
    """Return the provenance of what was sent with an API key."""
    return Provenance(KEY_PREFIX + key_id, sha256(body).digest())


class LoggedEvent(NamedTuple):
    """An event with the entry of the log that it is from. `digest` is the SHA-256 of the request or file."""

    event: Event
    position: int
    received: Ms
    event_id: str | None
    sender: str | None
    digest: bytes | None


class SenderKind(StrEnum):
    """The kinds of senders."""

    SOURCE = "source"
    API_KEY = "api_key"
    FILE = "file"


class Sender(NamedTuple):
    """A sender as it is shown. `vendor` is that of a source. `is_removed`: the source or the key is not valid anymore."""

    kind: SenderKind
    name: str
    vendor: str | None = None
    is_removed: bool = False


class Senders:
    """The senders of one domain, by their texts in the log."""

    def __init__(self, known: Mapping[str, Sender]) -> None:
        self._known = known

    def all(self) -> Iterable[tuple[str, Sender]]:
        """Return all sources and API keys of the domain, by their texts in the log."""
        return self._known.items()

    def find(self, sender: str | None) -> Sender | None:
        """Return the sender; None if it is not known, as in a log that another installation began."""
        if sender is None:
            return None
        known = self._known.get(sender)
        if known is None and sender.startswith(FILE_PREFIX):
            return Sender(SenderKind.FILE, sender.removeprefix(FILE_PREFIX))
        return known


def read_senders(database: Database, domain: str) -> Senders:
    """Return the senders of a domain, removed sources and revoked keys included."""
    with database.reading() as connection:
        keys = connection.rows("select_key_senders", domain=domain)
        sources = connection.rows("select_source_senders", domain=domain)
    known = {
        KEY_PREFIX + key_id: Sender(SenderKind.API_KEY, name or key_id, None, revoked is not None)
        for key_id, name, revoked in keys
    }
    return Senders(
        known
        | {
            token: Sender(SenderKind.SOURCE, name, vendor, removed is not None)
            for token, vendor, name, removed in sources
        }
    )


def logged_event(
    room: str, position: int, received: Ms, event_id: str | None, sender: str | None, digest: bytes | None, *event: Any
) -> LoggedEvent:  # fmt: skip
    """Return the event of a row of the log."""
    body = None if digest is None else bytes(digest)
    return LoggedEvent(decode_event(room, *event), position, received, event_id, sender, body)
