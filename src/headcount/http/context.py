"""Context: what the handlers are given. They own nothing and construct nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.answers import Answers


@dataclass(frozen=True, slots=True)
class Reading:
    """What the routes that answer need: the tables, the rules in force, the time (ms), the granularity (s)."""

    answers: Answers
    rules: Rules
    now: Callable[[], Ms]
    granularity_s: int = 1


def domain_of(request: Request) -> str:
    """Whose key it is: every answer is of this domain alone. Set once the key was checked."""
    domain: str = request.state.domain
    return domain
