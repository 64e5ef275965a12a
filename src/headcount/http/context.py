"""Context: what the handlers are given. They own nothing and construct nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.meetings import Meetings
from headcount.store.sources import ExcludedParticipant
from headcount.store.usage.queries import Usage


def _nobody(*_: object) -> list[ExcludedParticipant]:
    """Where there are no sources, there is nobody who does not count."""
    return []


@dataclass(frozen=True, slots=True)
class Reading:
    """What the routes that answer need: the tables, how much was met, the rules in force, the time (ms), the granularity (s).

    `bystanders` tells who came and went and does not count. Lists with more participants than `few_entries` are made
    in pieces. `patience_s` is how long the store is waited for.
    """

    answers: Meetings
    usage: Usage
    rules: Rules
    now: Callable[[], Ms]
    granularity_s: int = 1
    bystanders: Callable[[str, str, Ms, Ms, int], list[ExcludedParticipant]] = _nobody
    patience_s: float = 30
    few_entries: int = 20_000


def domain_of(request: Request) -> str:
    """Whose key it is: every answer is of this domain alone. Set once the key was checked."""
    domain: str = request.state.domain
    return domain
