"""Topic records: entries of the log as records of a Kafka topic.

A record is an event in Headcount's own format, as `POST /v1/events` receives it, with its domain and what else the log
knows of it. Its time of receipt is the time at which the broker appended it. Other programs may produce records, too,
so each is validated like a request. `docs/reference/topic.md` describes the format.

Responsible for the key and the value of a record. Must not know Kafka.
"""

import zlib
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from headcount.errors import BadInput, MalformedJson
from headcount.ingest.event_json import EventReader, PresentParticipantBody, SnapshotBody
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Inferred, Ms
from headcount.limits import Limits, require_domain, require_label
from headcount.sources.event_format import UNDECODABLE, EventBody, shape_error
from headcount.store.records import KINDS, SNAPSHOT, LogEntry, Origin, Provenance

VERSION: Final = 1
SNAPSHOT_KIND: Final = "snapshot"
PAST_KIND: Final = "past"
_KEY_BYTES: Final = 16
_ORIGINS: Final = {origin.name.lower(): origin for origin in Origin}


class PastRecord(NamedTuple):
    """A record that lets a shard remember the past of a room. `content` is in the encoding of the shard's state."""

    domain: str
    room: str
    content: bytes


class RecordBody(EventBody, kw_only=True):
    """The value of a record. `kind` may also be `snapshot`; then `participants` are those in the room.

    In a record that `headcount cluster repair` sends, it is `past`, with the past of the room in `past`.
    """

    domain: str
    version: Annotated[int, Meta(ge=1)] = VERSION
    participants: list[PresentParticipantBody] | None = None
    past: str | None = None
    origin: str = "live"
    inferred: str | None = None
    key: str | None = None
    """What makes the entry the same as another one, 16 bytes in hexadecimal. Default: it follows from the event."""
    sender: str | None = None
    digest: str | None = None


_RECORD: Final = msgspec.json.Decoder(RecordBody)
_FIELDS: Final = f"; a record has {', '.join(field.name for field in msgspec.structs.fields(RecordBody))}"
_encode: Final = msgspec.json.Encoder().encode


def record_key(domain: str, room: str) -> bytes:
    """Return the key of the records of a room: `DOMAIN/ROOM`, where `/` and `%` in the domain are percent-encoded."""
    return f"{domain.replace('%', '%25').replace('/', '%2F')}/{room}".encode()


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's Java clients choose for a key: its hash by murmur2, without the sign."""
    mask, factor, length = 0xFFFFFFFF, 0x5BD1E995, len(key)
    found = 0x9747B28C ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        part = int.from_bytes(key[start : start + 4], "little") * factor & mask
        part = (part ^ part >> 24) * factor & mask
        found = found * factor & mask ^ part
    if length > whole:
        found = (found ^ int.from_bytes(key[whole:], "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return ((found ^ found >> 15) & 0x7FFFFFFF) % partitions


def require_partition(domain: str, room: str, partition: int, partitions: int) -> None:
    """Raise `BadInput` if a record of a room is in another partition than the others of the room."""
    expected = partition_of(record_key(domain, room), partitions)
    if partition != expected:
        raise BadInput(
            f"the record is in partition {partition}, and its room belongs to partition {expected}: let the producer"
            " choose it by the key with murmur2, as Java clients do; for librdkafka, set partitioner=murmur2_random"
        )


def encode_record(entry: LogEntry) -> tuple[bytes, bytes]:
    """Return the key and the value of the record of an entry."""
    values: dict[str, Any] = {
        "version": VERSION,
        "domain": entry.domain,
        "room": entry.room,
        "kind": SNAPSHOT_KIND if entry.kind == SNAPSHOT else KINDS[entry.kind].value,
        "at": _seconds(entry.at),
        "participant_id": entry.participant_id,
        "id": entry.event_id,
        "user_id": entry.user_id,
        "user_name": entry.user_name,
        "source_session": entry.source_session,
        "joined_at": None if entry.joined_at is None else _seconds(entry.joined_at),
        "attributes": _raw(entry.attributes),
        "participants": _raw(entry.snapshot),
        "origin": None if entry.origin == Origin.LIVE else Origin(entry.origin).name.lower(),
        "inferred": entry.inferred,
        "key": entry.key.hex(),
        "sender": entry.sender,
        "digest": None if entry.digest is None else entry.digest.hex(),
    }
    known = {name: value for name, value in values.items() if value is not None}
    return record_key(entry.domain, entry.room), _encode(known)


def encode_past_record(record: PastRecord) -> tuple[bytes, bytes]:
    """Return the key and the value of a record with the past of a room."""
    content = b64encode(zlib.compress(record.content)).decode()
    values = {
        "version": VERSION, "domain": record.domain, "room": record.room, "kind": PAST_KIND, "past": content
    }  # fmt: skip
    return record_key(record.domain, record.room), _encode(values)


def decode_record(
    key: bytes | None, value: bytes | None, received: Ms, limits: Limits
) -> LogEntry | PastRecord:
    """Return the content of a record that was appended at `received` ms. Raise `BadInput` if it is not valid."""
    if not value:
        raise BadInput("the record has no value; a record is one event as JSON")
    try:
        body = _RECORD.decode(value)
    except msgspec.ValidationError as error:
        raise shape_error(error, _FIELDS) from error
    except UNDECODABLE as error:
        raise MalformedJson(f"the value of the record is not JSON: {error}") from error
    _require_readable(body)
    expected = record_key(body.domain, body.room)
    if key != expected:
        raise BadInput(
            f"the key of the record must be {expected.decode()!r}, the domain and the room, so that all records of a"
            f" room are in one partition [Received {None if key is None else key.decode('utf-8', 'replace')!r}]"
        )
    if body.past is not None:
        return PastRecord(body.domain, body.room, _decompressed(body.past))
    digest = None if body.digest is None else _bytes("digest", body.digest)
    reader = EventReader(body.domain, received, received, limits, Provenance(body.sender, digest))
    if body.kind == SNAPSHOT_KIND:
        entry, _ = reader.snapshot_entry(body.room, SnapshotBody(body.participants or [], body.at))
    else:
        entry = reader.entry(body)
    return entry._replace(
        origin=_origin(body.origin),
        inferred=_inferred(body.inferred),
        key=entry.key if body.key is None else _bytes("key", body.key, _KEY_BYTES),
    )


def _require_readable(body: RecordBody) -> None:
    if body.version > VERSION:
        raise BadInput(
            f"the record has version {body.version}, and this release reads up to {VERSION}: update Headcount"
        )
    require_domain(body.domain)
    if body.kind == SNAPSHOT_KIND and body.participants is None:
        raise BadInput(
            '"participants" is required in a snapshot: list who is in the room, or [] if nobody is'
        )
    if (body.kind == PAST_KIND) != (body.past is not None):
        raise BadInput('"past" belongs to a record of the kind past, and is required in one')
    if body.kind != SNAPSHOT_KIND and body.participants is not None:
        raise BadInput(f'"participants" is not allowed in a {body.kind}; it belongs to a snapshot')
    if body.sender is not None:
        require_label("sender", body.sender)


def _origin(text: str) -> Origin:
    try:
        return _ORIGINS[text]
    except KeyError:
        raise BadInput(f'"origin" must be one of [{", ".join(_ORIGINS)}] [Received "{text[:50]}"]') from None


def _inferred(text: str | None) -> str | None:
    if text is not None and text not in list(Inferred):
        raise BadInput(f'"inferred" must be one of [{", ".join(Inferred)}] [Received "{text[:50]}"]')
    return text


def _bytes(field: str, text: str, length: int | None = None) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise BadInput(f'"{field}" must be hexadecimal [Received "{text[:50]}"]') from None
    if length is not None and len(found) != length:
        raise BadInput(f'"{field}" must have {length} bytes [Received {len(found)}]')
    return found


def _decompressed(text: str) -> bytes:
    try:
        return zlib.decompress(b64decode(text, validate=True))
    except (ValueError, zlib.error):
        raise BadInput('"past" is not the past of a room as "headcount cluster repair" sends it') from None


def _seconds(at: Ms) -> int | float:
    return at // 1_000 if at % 1_000 == 0 else at / 1_000


def _raw(text: Attributes | str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())
