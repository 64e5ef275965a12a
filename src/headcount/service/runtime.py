"""Clock and randomness of the process, for the service and for commands.

Responsible for constructing them: all other modules are given them. Must not know what they are used for.
"""

import random
import secrets
import uuid

from headcount.clock import Clock
from headcount.kernel.events import Ms


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
