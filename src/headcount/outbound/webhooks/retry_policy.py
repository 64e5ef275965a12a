"""Retry policy of outgoing webhooks: what follows an attempt, for its message and for its endpoint.

Responsible for the number of attempts, the delays between them, and the circuit breaker. Must not know clock, randomness or
network: it is a function of integers.

Only 200 is success, as with Daily. A failed message is attempted again after a growing delay, five times at most, and then
has failed for good with its reason; a request can resend it. An endpoint with a circuit breaker is disabled after three
consecutive failures until a request enables it again. It keeps its messages, which Daily's endpoints lose.

Failures within one second are one failure: several messages are sent at once, and a receiver that restarts refuses all.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.webhooks import EndpointStatus, RetryType

MAX_ATTEMPTS: Final = 5
MAX_CONSECUTIVE_FAILURES: Final = 3
_SAME_FAILURE_MS: Final[Ms] = 1_000
_GROWTH: Final = 4
_SUCCESS: Final = 200


class Backoff(NamedTuple):
    """The delay after the first failure of a message, and the longest delay."""

    initial_ms: Ms
    max_ms: Ms


BACKOFFS: Final = {
    RetryType.CIRCUIT_BREAKER: Backoff(1_000, 60_000),
    RetryType.EXPONENTIAL: Backoff(15_000, 900_000),
}
MAX_DELAY_MS: Final = max(backoff.max_ms for backoff in BACKOFFS.values())
"""No attempt is scheduled further ahead. One that is was scheduled by a wrong clock, and is due."""


class EndpointHealth(NamedTuple):
    """The state of an endpoint, its consecutive failures, and when the last of them was counted."""

    state: EndpointStatus = EndpointStatus.ACTIVE
    failed_count: int = 0
    counted_at: Ms | None = None


class Outcome(StrEnum):
    """What an attempt means for its message."""

    DELIVERED = "delivered"
    RETRY = "retry"
    FAILED = "failed"


class Decision(NamedTuple):
    """What follows an attempt. `retry_at` is the time of the next attempt, if there is one."""

    health: EndpointHealth
    outcome: Outcome
    retry_at: Ms = 0


def is_success(status: int | None) -> bool:
    return status == _SUCCESS


def decide(
    delivered: bool,  # noqa: FBT001 - the one thing that matters
    health: EndpointHealth,
    retry_type: RetryType,
    attempts: int,
    now: Ms,
    chance: float,
    backoff: Backoff | None = None,
) -> Decision:
    """Return what follows the latest of `attempts` of a message. `chance` is random, from [0, 1)."""
    if delivered:
        return Decision(
            health if health.state is EndpointStatus.FAILED else EndpointHealth(), Outcome.DELIVERED
        )
    after = _after_failure(health, retry_type, now)
    if after.state is EndpointStatus.FAILED:
        return Decision(after, Outcome.RETRY, now)
    if attempts >= MAX_ATTEMPTS:
        return Decision(after, Outcome.FAILED)
    return Decision(after, Outcome.RETRY, now + delay_ms(backoff or BACKOFFS[retry_type], attempts, chance))


def delay_ms(backoff: Backoff, attempts: int, chance: float) -> Ms:
    """Return the delay after a number of attempts: from half of it to the whole, so that retries spread out."""
    longest: Ms = min(backoff.max_ms, backoff.initial_ms * int(_GROWTH ** (attempts - 1)))
    return round(longest * (1 + chance) / 2)


def _after_failure(health: EndpointHealth, retry_type: RetryType, now: Ms) -> EndpointHealth:
    if health.state is EndpointStatus.FAILED:
        return health
    if health.counted_at is not None and 0 <= now - health.counted_at < _SAME_FAILURE_MS:
        return health
    failures = health.failed_count + 1
    opens = retry_type is RetryType.CIRCUIT_BREAKER and failures >= MAX_CONSECUTIVE_FAILURES
    return EndpointHealth(EndpointStatus.FAILED if opens else EndpointStatus.ACTIVE, failures, now)
