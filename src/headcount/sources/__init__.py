"""Sources: the events of video servers, parsed into the kernel's events.

Each vendor has one module, which reads bytes and returns events. It must not know the network, the store or the clock.
This package exports all that a module of another package needs to add a vendor; `Event`, `Kind` and `BadInput` are in
`headcount`.
"""

from headcount.sources.api import (
    TEST_ROOM,
    HandshakeResponse,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    end_before_start,
    json_request,
    parse_items,
    room_end,
    verify_and_parse,
)
from headcount.sources.signatures import (
    bearer_token,
    check_signature,
    check_timestamp,
    check_token,
    encode_base64,
    hmac_digest,
    required_header,
    with_bearer_token,
    with_headers,
)

__all__ = [
    "TEST_ROOM",
    "HandshakeResponse",
    "InboundRequest",
    "ParsedEvent",
    "Role",
    "Source",
    "VerificationFailed",
    "bearer_token",
    "check_signature",
    "check_timestamp",
    "check_token",
    "encode_base64",
    "end_before_start",
    "hmac_digest",
    "json_request",
    "parse_items",
    "required_header",
    "room_end",
    "verify_and_parse",
    "with_bearer_token",
    "with_headers",
]
