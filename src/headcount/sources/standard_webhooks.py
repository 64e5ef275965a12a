"""Signatures of Standard Webhooks, for which every language has a library.

Responsible for verifying and making them, and for the id of a signed message. Must not know what the body means.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from headcount.sources.api import InboundRequest, VerificationFailed
from headcount.sources.signatures import (
    bearer_token,
    check_any_signature,
    check_timestamp,
    check_token,
    decode_secret,
    encode_base64,
    hmac_digest,
    parse_timestamp,
    required_header,
    with_headers,
)

_BASE64_PREFIX: Final = "whsec_"
_ID_HEADERS: Final = ("webhook-id", "svix-id")


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify a signature of Standard Webhooks, or, if none of its headers is present, a plain Bearer token."""
    prefix = _header_prefix(request)
    if prefix is None:
        token = bearer_token(request)
        if not token:
            raise VerificationFailed(
                "sign it as the Standard Webhooks specification describes, or send the secret as 'Authorization: Bearer'"
            )
        check_token(token, secrets)
        return
    timestamp = required_header(request, f"{prefix}timestamp")
    check_timestamp(parse_timestamp(timestamp), request.received_at)
    message = _message(request.headers[f"{prefix}id"], timestamp, request.body)
    signatures = required_header(request, f"{prefix}signature").split()
    check_any_signature(
        [signature.removeprefix("v1,") for signature in signatures if signature.startswith("v1,")],
        [encode_base64(hmac_digest(secret_key(secret), message)) for secret in secrets],
    )


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request with a signature of Standard Webhooks."""
    timestamp = str(request.received_at // 1_000)
    message_id = f"msg_{hashlib.sha256(request.body).hexdigest()[:24]}"
    message = _message(message_id, timestamp, request.body)
    signature = encode_base64(hmac_digest(secret_key(secret), message))
    return with_headers(
        request, webhook_id=message_id, webhook_timestamp=timestamp, webhook_signature=f"v1,{signature}"
    )


def secret_key(secret: str) -> bytes:
    """Return the key of a secret: the base64 after `whsec_`, or else the bytes of the text."""
    if secret.startswith(_BASE64_PREFIX):
        return decode_secret(secret.removeprefix(_BASE64_PREFIX))
    return secret.encode()


def message_digest(request: InboundRequest) -> str:
    """Return a digest of the signed id, timestamp and body, or '' without the headers of Standard Webhooks.

    A request that is repeated has the same digest, since the signature covers all of it. The timestamp is included because
    senders may give the same id to messages with the same body at different times.
    """
    prefix = _header_prefix(request)
    if prefix is None:
        return ""
    timestamp = request.headers.get(f"{prefix}timestamp", "")
    message = _message(request.headers[f"{prefix}id"], timestamp, request.body)
    return hashlib.sha256(message).hexdigest()[:32]


def _header_prefix(request: InboundRequest) -> str | None:
    """Return the prefix of the headers, `webhook-` or `svix-`; None if there are none."""
    header = next((header for header in _ID_HEADERS if header in request.headers), None)
    return None if header is None else header.removesuffix("id")


def _message(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body
