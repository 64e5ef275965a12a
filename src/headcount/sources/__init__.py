"""Sources: the events of video servers, parsed into the kernel's events.

Each vendor has one module, which reads bytes and returns events. It must not know the network, the store or the clock.
This package re-exports what a module of another package needs to add a vendor; helpers for signatures are in
`headcount.sources.signatures`.
"""

from headcount.sources.api import (
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    end_before_start,
    room_end,
    verify_and_parse,
)

__all__ = [
    "InboundRequest",
    "ParsedEvent",
    "Role",
    "Source",
    "VerificationFailed",
    "end_before_start",
    "room_end",
    "verify_and_parse",
]
