"""Signing: the headers by which a receiver knows that it was us, in two forms at once.

Daily's consumers find `X-Webhook-Signature` over "timestamp.body", the timestamp in milliseconds. Everybody
else finds Standard Webhooks (standardwebhooks.com): a signature by each secret that holds, so that one can be
changed without a gap. Pure: the time is an argument.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import digest

from headcount.kernel.events import Ms

Headers = list[tuple[bytes, bytes]]


def signed(secrets: Sequence[str], name: str, body: bytes, now: Ms) -> Headers:
    """The headers for a body that is sent now under a name. `secrets` are base64; Daily's is the first."""
    keys = [b64decode(secret) for secret in secrets]
    moment, second = str(now).encode(), str(now // 1_000).encode()
    standard = b".".join((name.encode(), second, body))
    return [
        (b"x-webhook-timestamp", moment),
        (b"x-webhook-signature", _signature(keys[0], moment + b"." + body)),
        (b"webhook-id", name.encode()),
        (b"webhook-timestamp", second),
        (b"webhook-signature", b" ".join(b"v1," + _signature(key, standard) for key in keys)),
    ]


def is_secret(text: str) -> bool:
    """Whether it is base64 of at least one byte."""
    try:
        return bool(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _signature(key: bytes, text: bytes) -> bytes:
    return b64encode(digest(key, text, "sha256"))
