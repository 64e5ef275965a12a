"""Signatures of outgoing webhooks, in two forms at once.

Responsible for the headers that prove the sender. Must not know the clock: the time is an argument.

Consumers of Daily find `X-Webhook-Signature` over "timestamp.body", with the timestamp in milliseconds. Everybody else finds
Standard Webhooks (standardwebhooks.com): one signature for each valid secret, so that a secret can be rotated without a gap.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import digest

from headcount.kernel.events import Ms
from headcount.store.webhooks import Endpoint

Headers = list[tuple[bytes, bytes]]


def request_headers(endpoint: Endpoint, message_id: str, body: bytes, now: Ms) -> Headers:
    """Return the headers of a request to an endpoint: signatures, and basic authentication if it has any."""
    headers = sign(endpoint.secrets, message_id, body, now)
    if endpoint.basic_auth is not None:
        headers.append((b"authorization", b"Basic " + endpoint.basic_auth.encode()))
    return headers


def sign(secrets: Sequence[str], message_id: str, body: bytes, now: Ms) -> Headers:
    """Return the headers that sign a body. `secrets` are base64; Daily's signature uses the first."""
    keys = [b64decode(secret) for secret in secrets]
    timestamp_ms, timestamp_s = str(now).encode(), str(now // 1_000).encode()
    content = b".".join((message_id.encode(), timestamp_s, body))
    return [
        (b"x-webhook-timestamp", timestamp_ms),
        (b"x-webhook-signature", _signature(keys[0], timestamp_ms + b"." + body)),
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", timestamp_s),
        (b"webhook-signature", b" ".join(b"v1," + _signature(key, content) for key in keys)),
    ]


def is_secret(text: str) -> bool:
    """Return whether a text is base64 of at least one byte."""
    try:
        return bool(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _signature(key: bytes, content: bytes) -> bytes:
    return b64encode(digest(key, content, "sha256"))
