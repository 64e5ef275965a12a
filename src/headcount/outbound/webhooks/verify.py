"""Listening: whether a delivery is genuine, for those who develop what receives webhooks. Pure.

It is written from the two forms alone and shares nothing with the side that signs, so that each checks the other.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from headcount.errors import BadInput
from headcount.kernel.events import Ms

FRESH_MS: Final[Ms] = 300_000
"""A delivery that was signed longer ago, or is to come, may be somebody else's copy of one."""
_SECONDS_BELOW: Final = 10**11
DAILY: Final = "Daily"
STANDARD: Final = "Standard Webhooks"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be thought of one form of signature. `wrong` says what is wrong with it; None: nothing."""

    form: str
    wrong: str | None

    @property
    def good(self) -> bool:
        return self.wrong is None


def key_of(text: str) -> bytes:
    """The key that a secret in base64 stands for, with `whsec_` before it or not. Raises `BadInput`."""
    try:
        key = b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("--hmac must be base64, as the endpoint's hmac is shown") from error
    if not key:
        raise BadInput("--hmac must not be empty")
    return key


def verdicts(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> tuple[Verdict, Verdict]:
    """Whether a body was signed with `key`, in each of the two forms. The names of headers are in small letters."""
    return (
        Verdict(DAILY, _daily(headers, body, key, now)),
        Verdict(STANDARD, _standard(headers, body, key, now)),
    )


def _daily(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> str | None:
    signature, timestamp = headers.get("x-webhook-signature"), headers.get("x-webhook-timestamp")
    if signature is None or timestamp is None:
        return "X-Webhook-Signature or X-Webhook-Timestamp is not there"
    if not _same(signature, _signed(key, timestamp.encode() + b"." + body)):
        return "X-Webhook-Signature is not that of this body, this time and this key"
    return _stale("X-Webhook-Timestamp", timestamp, now)


def _standard(headers: Mapping[str, str], body: bytes, key: bytes, now: Ms) -> str | None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    missing = [name for name in names if name not in headers]
    if missing:
        return f"{missing[0]} is not there"
    name, timestamp, signatures = (headers[name] for name in names)
    signed = "v1," + _signed(key, f"{name}.{timestamp}.".encode() + body)
    # While a secret is being changed there are two, with a space between them.
    if not any(_same(signature, signed) for signature in signatures.split(" ")):
        return "webhook-signature is not that of this body, this id, this time and this key"
    return _stale("webhook-timestamp", timestamp, now)


def _signed(key: bytes, content: bytes) -> str:
    return b64encode(digest(key, content, sha256)).decode()


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())


def _stale(name: str, timestamp: str, now: Ms) -> str | None:
    """Some senders count milliseconds, others seconds."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return f"{name} is no time"
    at = int(timestamp) * (1_000 if int(timestamp) < _SECONDS_BELOW else 1)
    if abs(now - at) > FRESH_MS:
        return f"{name} is {abs(now - at) // 1_000} s {'old' if at < now else 'ahead'}"
    return None
