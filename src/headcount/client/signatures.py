"""Verification of received webhooks, for those who develop a receiver.

Responsible for checking both forms of signature. Must not know the side that signs: it is written from the two
specifications alone, so that each side checks the other. Pure, except for the clock of `verify_webhook`.
"""

import binascii
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from headcount.errors import BadInput

Ms = int
TOLERANCE_MS: Final[Ms] = 300_000
"""A webhook that was signed longer ago, or further ahead, may be a replay by somebody else."""
_SECONDS_BELOW: Final = 10**11
DAILY: Final = "Daily"
STANDARD: Final = "Standard Webhooks"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one form of signature. `problem` is None if the signature is valid."""

    form: str
    problem: str | None

    @property
    def is_valid(self) -> bool:
        return self.problem is None


def parse_secret(text: str) -> bytes:
    """Return the key of a base64 secret, with or without the prefix `whsec_`. Raise `BadInput`."""
    try:
        key = b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("the secret must be base64, as the hmac of the webhook is shown") from error
    if not key:
        raise BadInput("the secret must not be empty")
    return key


def verify(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> tuple[Verification, Verification]:
    """Verify a body in both forms. Names of headers are in lower case."""
    return (
        Verification(DAILY, _daily_problem(headers, body, key, now)),
        Verification(STANDARD, _standard_problem(headers, body, key, now)),
    )


class InvalidSignature(BadInput):
    """A request that Headcount did not sign with this secret, or that is too old."""


def verify_webhook(
    headers: Mapping[str, str], body: bytes, secret: str | Sequence[str], *, now: Ms | None = None
) -> None:
    """Verify the signature of a received webhook. Raise `InvalidSignature` if it is not valid.

    `body` is the body as it was received, byte for byte. `secret` is the `hmac` of the webhook, or several while it is
    rotated. Names of headers can be in any case. A request that was signed more than 5 minutes ago may be a replay; `now`
    replaces the clock, in ms.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    at = time.time_ns() // 1_000_000 if now is None else now
    problems = []
    for text in [secret] if isinstance(secret, str) else secret:
        found = _standard_problem(lower, body, parse_secret(text), at)
        if found is None:
            return
        problems.append(found)
    raise InvalidSignature(problems[0] if problems else "no secret was given")


def _daily_problem(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> str | None:
    signature, timestamp = headers.get("x-webhook-signature"), headers.get("x-webhook-timestamp")
    if signature is None or timestamp is None:
        return "X-Webhook-Signature or X-Webhook-Timestamp is not there"
    if not _equal(signature, _signature(key, timestamp.encode() + b"." + body)):
        return "X-Webhook-Signature is not that of this body, this time and this key"
    return _timestamp_problem("X-Webhook-Timestamp", timestamp, now)


def _standard_problem(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> str | None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    missing = [name for name in names if name not in headers]
    if missing:
        return f"{missing[0]} is not there"
    message_id, timestamp, signatures = (headers[name] for name in names)
    expected = "v1," + _signature(key, f"{message_id}.{timestamp}.".encode() + body)
    # While a secret is being rotated there are two, with a space between them.
    if not any(_equal(signature, expected) for signature in signatures.split(" ")):
        return "webhook-signature is not that of this body, this id, this time and this key"
    return _timestamp_problem("webhook-timestamp", timestamp, now)


def _signature(key: bytes, content: bytes) -> str:
    return b64encode(digest(key, content, sha256)).decode()


def _equal(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())


def _timestamp_problem(header: str, timestamp: str, now: Ms) -> str | None:
    """Return why a timestamp is not acceptable. Some senders count milliseconds, others seconds."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return f"{header} is no time"
    at = int(timestamp) * (1_000 if int(timestamp) < _SECONDS_BELOW else 1)
    if abs(now - at) > TOLERANCE_MS:
        return f"{header} is {abs(now - at) // 1_000} s {'old' if at < now else 'ahead'}"
    return None
