"""Policy: what follows an answer. Pure, on integers: no clock, no chance, no network.

Only 200 is success, as with Daily. A message that fails is tried again after a while that grows, five times at
most, and is then parked with its reason, from where it can be sent again. An endpoint with a circuit breaker that
fails three times in a row is sent nothing more until somebody sets it going again; it keeps its messages, which
Daily's lose.

Failures of one second are one failure: several messages are under way at once, and a receiver that starts
anew refuses all of them.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.webhooks import RetryType, State

MOST_TRIES: Final = 5
MOST_FAILURES: Final = 3
_TOGETHER_MS: Final[Ms] = 1_000
_GROWTH: Final = 4


class Pace(NamedTuple):
    """How long is waited after the first failure of a message, and how long at most."""

    first: Ms
    most: Ms


PACES: Final = {
    RetryType.CIRCUIT_BREAKER: Pace(1_000, 60_000),
    RetryType.EXPONENTIAL: Pace(15_000, 900_000),
}


LONGEST_WAIT: Final = max(pace.most for pace in PACES.values())
"""No retry lies further ahead. One that does was set by a clock that was wrong, and is due."""


class Standing(NamedTuple):
    """How an endpoint stands: how often it failed in a row, and when that was counted last."""

    state: State = State.ACTIVE
    failed_count: int = 0
    counted: Ms | None = None


class Next(StrEnum):
    """What becomes of a message."""

    DONE = "done"
    AGAIN = "again"
    PARKED = "parked"


class Verdict(NamedTuple):
    """What follows: how the endpoint stands, and what becomes of the message; `at` when it is tried again."""

    standing: Standing
    next: Next
    at: Ms = 0


def is_success(status: int | None) -> bool:
    return status == 200


def after(
    delivered: bool,  # noqa: FBT001 - the one thing that matters
    standing: Standing,
    retry_type: RetryType,
    tries: int,
    now: Ms,
    chance: float,
    pace: Pace | None = None,
) -> Verdict:
    """What follows a try, the `tries`-th of its message. `chance` is from [0, 1)."""
    if delivered:
        return Verdict(standing if standing.state is State.FAILED else Standing(), Next.DONE)
    failed = _counted(standing, retry_type, now)
    if failed.state is State.FAILED:
        return Verdict(failed, Next.AGAIN, now)
    if tries >= MOST_TRIES:
        return Verdict(failed, Next.PARKED)
    return Verdict(failed, Next.AGAIN, now + backoff(pace or PACES[retry_type], tries, chance))


def backoff(pace: Pace, tries: int, chance: float) -> Ms:
    """How long is waited after so many tries: between half of it and the whole, so that not all come at once."""
    whole: Ms = min(pace.most, pace.first * int(_GROWTH ** (tries - 1)))
    return round(whole * (1 + chance) / 2)


def _counted(standing: Standing, retry_type: RetryType, now: Ms) -> Standing:
    if standing.state is State.FAILED:
        return standing
    if standing.counted is not None and 0 <= now - standing.counted < _TOGETHER_MS:
        return standing
    failures = standing.failed_count + 1
    opens = retry_type is RetryType.CIRCUIT_BREAKER and failures >= MOST_FAILURES
    return Standing(State.FAILED if opens else State.ACTIVE, failures, now)
