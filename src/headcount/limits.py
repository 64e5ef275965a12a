"""Limits on the size of a request, list or file, and on the length of its texts, the same for every entrance.

Names are parts of indexes. PostgreSQL refuses an index entry of more than 2,704 bytes, and an event that was accepted
and then cannot be stored stops the engine. The widest indexes have a domain, a room and a participant, with about 60
bytes beside them, so these three together stay below that size even if they cannot be compressed.

Responsible for the limits and their messages: identities that are too long are refused, display names are truncated.
Must not know where a text comes from.
"""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from headcount.errors import BadInput, TooLarge
from headcount.kernel.attributes import (
    CACHED_LENGTH,
    RESERVED,
    Attributes,
    InvalidAttribute,
    Value,
    canonical,
    values_of,
)
from headcount.kernel.events import Event, Ms
from headcount.kernel.names import NUL, nul_message
from headcount.timestamps import EARLIEST, format_timestamp

NAME_CHARACTERS: Final = 512
"""The default length of a name, in characters. Operators may change it: `max_name_length`."""
NAME_BYTES: Final = 1_024
"""Maximum length of a name in bytes of UTF-8: room, participant, user, session, event id or display name."""
DOMAIN_BYTES: Final = 256
"""Maximum length in bytes of UTF-8 of a domain, and of the name and the token of a source."""
ATTRIBUTE_KEY_BYTES: Final = 256
"""Maximum length in bytes of UTF-8 of the key of an attribute."""
ATTRIBUTE_VALUE_BYTES: Final = 2_048
"""Maximum length in bytes of UTF-8 of an attribute that is a string."""
INDEXED_BYTES: Final = 512
"""The longest value that is part of an index, in bytes of UTF-8."""
_DIGEST: Final = "sha256:"
AHEAD_MS: Final[Ms] = 5 * 60_000
"""Maximum difference by which a sender's clock may be ahead of the server's."""
REQUIRED_IDS: Final = ("room", "participant_id")
OPTIONAL_IDS: Final = ("user_id", "source_session", "id")
"""The fields of an event that identify something: truncated, they would identify something else."""
_WIDEST_CHARACTER: Final = 4
_CACHED_ATTRIBUTES: Final = 8_192
_MAX_DIGITS: Final = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is accepted at once. The fields are those of the settings."""

    body_bytes: int = 8_000_000
    events: int = 10_000
    name_length: int = NAME_CHARACTERS
    request_timeout_s: float = 30
    attributes: int = 32
    attribute_key_length: int = 64
    attribute_value_length: int = 512


WIDEST_LIMITS: Final = Limits(
    attributes=256, attribute_key_length=ATTRIBUTE_KEY_BYTES, attribute_value_length=ATTRIBUTE_VALUE_BYTES
)
"""The largest limits of attributes that a server can have: files without a server must be readable in any case."""


def length_problem(text: str, characters: int = NAME_CHARACTERS, max_bytes: int = NAME_BYTES) -> str | None:
    """Return how a text exceeds a limit, as the rest of a sentence about it; None if it does not."""
    if len(text) > characters:
        return f"must be at most {characters} characters [Received {len(text):,}]"
    # Most names are so short that their bytes need no counting.
    if len(text) * _WIDEST_CHARACTER > max_bytes and (size := _size(text)) > max_bytes:
        return f"must be at most {max_bytes:,} bytes in UTF-8 [Received {size:,}]"
    return None


def truncate(text: str, characters: int = NAME_CHARACTERS) -> str:
    """Return the start of a display name that is within the limits, in whole characters."""
    text = text[:characters]
    if len(text) * _WIDEST_CHARACTER <= NAME_BYTES or _size(text) <= NAME_BYTES:
        return text
    return text.encode("utf-8", "replace")[:NAME_BYTES].decode("utf-8", "ignore")


def time_problem(at: Ms, now: Ms) -> str | None:
    """Return why an event cannot have happened at `at`, as the rest of a sentence about it; None if it can.

    `now` is the wall time, with which senders are compared.
    """
    if at < EARLIEST:
        return f"must not be before the year 2000 [Received {format_timestamp(at)}]"
    if at > now + AHEAD_MS:
        return (
            f"is more than 5 minutes ahead of the server's clock, {format_timestamp(now)} [Received {format_timestamp(at)}]:"
            " set the source's clock right"
        )
    return None


def require_time(event: Event, now: Ms) -> None:
    """Raise `BadInput` if an event cannot have happened at its times."""
    for field, at in (("at", event.at), ("joined_at", event.joined_at)):
        problem = None if at is None else time_problem(at, now)
        if problem is not None:
            raise BadInput(f"{field} {problem}")


def limit_names(event: Event, limits: Limits, mapped: frozenset[str] = frozenset()) -> Event:
    """Return the event within the limits: a display name is cut, and an optional id or attribute that exceeds them is unknown.

    Of too many attributes, `mapped` keys and reserved ones remain. Raises `BadInput` if the room or the participant exceeds them.
    """
    changes: dict[str, Any] = {}
    for field in (*REQUIRED_IDS, *OPTIONAL_IDS, "user_name"):
        text = getattr(event, field)
        problem = text and length_problem(text, limits.name_length)
        if not problem:
            continue
        if field in REQUIRED_IDS:
            raise BadInput(f"{field} {problem}: {quote_start(text)}")
        changes[field] = truncate(text, limits.name_length) if field == "user_name" else None
    if event.attributes is not None:
        fitting = _fitting if len(event.attributes) <= CACHED_LENGTH else _fitting.__wrapped__
        changes["attributes"] = fitting(event.attributes, limits, mapped)
    return replace(event, **changes) if changes else event


def parse_attributes(text: bytes | str, limits: Limits) -> Attributes | None:
    """Return the attributes in a JSON text in canonical form.

    Raise `BadInput` if it is no JSON object, has a key twice, exceeds the limits, or has a value that cannot be an attribute.
    """
    parse = _parse if len(text) <= CACHED_LENGTH else _parse.__wrapped__
    return parse(text, limits)


@lru_cache(_CACHED_ATTRIBUTES)
def _parse(text: bytes | str, limits: Limits) -> Attributes | None:
    """Parse a text. Many events repeat the same one."""
    try:
        values = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError as error:
        raise BadInput('"attributes" must have string, number or boolean values, not nested ones') from error
    except ValueError as error:
        raise BadInput(f'"attributes" must be a JSON object, like {{"role": "host"}}: {error}') from error
    if not isinstance(values, dict):
        raise BadInput('"attributes" must be an object, like {"role": "host"}')
    return require_attributes(values, limits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise BadInput(f'"attributes" has the key {twice[:64]!r} more than once')
    return found


def _integer(digits: str) -> int | float:
    # Longer ones are refused as they are beyond 64 bits; Python would refuse to read them.
    return int(digits) if len(digits) <= _MAX_DIGITS else float("inf")


@lru_cache(_CACHED_ATTRIBUTES)
def _fitting(attributes: Attributes, limits: Limits, mapped: frozenset[str]) -> Attributes | None:
    """Return the attributes of an event within the limits. Many events have the same ones."""
    values = values_of(attributes)
    if len(values) > limits.attributes:
        first = mapped.union(RESERVED)
        values = dict(sorted(values.items(), key=lambda item: item[0] not in first))
    return fitting_attributes(values, limits)


def require_attributes(values: Mapping[str, Any], limits: Limits) -> Attributes | None:
    """Return attributes in canonical form. Raise `BadInput` if they exceed the limits or a value cannot be an attribute."""
    if len(values) > limits.attributes:
        raise BadInput(
            f'"attributes" must have at most {limits.attributes} keys (max_attributes) [Received {len(values):,}]'
        )
    for key, value in values.items():
        problem = _attribute_problem(key, value, limits)
        if problem is not None:
            raise BadInput(f'"attributes" {problem}')
    try:
        return canonical(values)
    except InvalidAttribute as error:
        raise BadInput(f'"attributes": {error}') from error


def fitting_attributes(values: Mapping[str, Any], limits: Limits) -> Attributes | None:
    """Return those attributes that are within the limits, in canonical form. A vendor's event is never refused for one.

    A value that exceeds a limit is skipped, as truncated it would be another one. Of too many keys, the first remain.
    """
    fitting: dict[str, Value] = {}
    for key, value in values.items():
        if len(fitting) == limits.attributes:
            break
        if _attribute_problem(key, value, limits) is None:
            with suppress(InvalidAttribute):
                canonical({key: value})
                fitting[key] = value
    return canonical(fitting)


def index_text(text: str) -> str:
    """Return a value of an attribute as indexes have it: the text itself, or its digest if it is too long."""
    if len(text.encode()) <= INDEXED_BYTES and not is_digest(text):
        return text
    return _DIGEST + sha256(text.encode()).hexdigest()


def is_digest(text: str) -> bool:
    """Return whether a text of `index_text` stands for a longer one."""
    return text.startswith(_DIGEST)


def _attribute_problem(key: str, value: Any, limits: Limits) -> str | None:
    """Return how an attribute exceeds a limit, as the rest of a sentence; None if it does not."""
    if not key:
        return "must not have an empty key"
    problem = length_problem(key, limits.attribute_key_length, ATTRIBUTE_KEY_BYTES)
    if problem is not None:
        return f"key {quote_start(key)} {problem}"
    if isinstance(value, str):
        problem = length_problem(value, limits.attribute_value_length, ATTRIBUTE_VALUE_BYTES)
        if problem is not None:
            return f"value of {key!r} {problem}: {quote_start(value)}"
    return None


def require_domain(domain: str) -> None:
    """Raise `BadInput` if a domain is empty, too long or contains U+0000."""
    require_label("domain", domain)


def require_label(field: str, text: str) -> None:
    """Raise `BadInput` if a domain, or the name or token of a source, is empty, too long or contains U+0000."""
    if not text:
        raise BadInput(f"{field} must not be empty: give it a name")
    if NUL in text:
        raise BadInput(nul_message(field))
    problem = length_problem(text, DOMAIN_BYTES, DOMAIN_BYTES)
    if problem is not None:
        raise BadInput(f"{field} {problem}: {quote_start(text)}")


def require_events(number: int, limits: Limits) -> None:
    """Raise `TooLarge` if one request or list has more events or participants than are accepted at once."""
    if number > limits.events:
        raise TooLarge(f"{number:,} at once: at most {limits.events:,} are accepted (max_events)")


def quote_start(text: str) -> str:
    """Return the start of a text that is too long, quoted."""
    return f"{text[:40]!r}…"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
