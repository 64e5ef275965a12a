"""Clock, randomness and garbage collection of the process, for the service and for commands.

Responsible for constructing them: all other modules are given them. Must not know what they are used for.
"""

import gc
import random
import secrets
import uuid
from typing import Final

from headcount.clock import Clock
from headcount.kernel.events import Ms

_COLLECTED_OBJECTS: Final = 20_000
"""New objects that start a collection: an answer creates thousands at once."""
ENGINE_OBJECTS: Final = 200_000
"""The same for an engine, which has ten for each event of a batch. Nearly none of them are in cycles."""


def new_clock(not_before: Ms = 0) -> Clock:
    """Return the clock of the process; its time does not start before `not_before`."""
    return Clock(not_before)


def new_token() -> str:
    """Return a random text that identifies a source in its URL."""
    return secrets.token_urlsafe(18)


def new_nonce() -> str:
    """Return a random text that is used once."""
    return secrets.token_hex(8)


def new_uuid() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def random_bytes(size: int) -> bytes:
    """Return random bytes for a secret."""
    return secrets.token_bytes(size)


def chance() -> float:
    """Return a random number from [0, 1)."""
    return random.random()  # noqa: S311 - spreads retries, protects nothing


def collect_rarely(new_objects: int = _COLLECTED_OBJECTS) -> None:
    """Start collections of garbage less often, and leave what exists now out of them: it stays as long as the process."""
    gc.freeze()
    gc.set_threshold(new_objects)
