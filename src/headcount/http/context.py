"""What handlers get with a request.

Responsible for the dependencies of the operations that read, and for the parts of a request that several operations
read. It must not construct anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from headcount.http.cursors import Cursors
from headcount.http.errors import invalid
from headcount.http.large_answers import Body
from headcount.http.params import INCLUDE
from headcount.http.serializer import Serializer
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.maintenance.completeness import ReadCompleteness
from headcount.store.history import History
from headcount.store.meetings import Meetings
from headcount.store.provenance import Senders
from headcount.store.sources import ExcludedParticipant
from headcount.store.usage.queries import Usage


def _no_excluded_participants(*_: object) -> list[ExcludedParticipant]:
    return []


def _no_senders(_: str) -> Senders:
    return Senders({})


_NO_SECRET: Final = Cursors(b"")


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The dependencies of operations that read.

    `now` is the clock (ms). `excluded_participants` lists participants who are excluded from meetings. Lists with more entries
    than `few_entries` are encoded in chunks. `timeout_s` is that of the store. `room_url` is the address of a room with
    `{room}` for its name, or empty. `completeness` reads until when answers are complete. `history` is the log. `senders` has those who sent the events of a domain, and `cursors` makes the positions of
    these events opaque.
    """

    meetings: Meetings
    usage: Usage
    rules: Rules
    now: Callable[[], Ms]
    granularity_s: int = 1
    excluded_participants: Callable[[str, str, Ms, Ms, int], list[ExcludedParticipant]] = (
        _no_excluded_participants
    )
    timeout_s: float = 30
    few_entries: int = 20_000
    room_url: str = ""
    history: History = field(kw_only=True)
    completeness: ReadCompleteness = field(kw_only=True)
    senders: Callable[[str], Senders] = _no_senders
    cursors: Cursors = _NO_SECRET

    def serializer(self, query: Mapping[str, str] | None = None) -> Serializer:
        """Return the serializer of now, for answers with what `include` in a query names."""
        included = INCLUDE.get(query or {}) or ()
        return Serializer(self.now(), self.granularity_s, "attributes" in included)


Answer = tuple[Body, dict[str, str]]
"""A body and headers."""
QueryHandler = Callable[[QueryContext, str, Request], Answer]
"""A handler that runs in a thread, with the domain of the key."""


def domain_of(request: Request) -> str:
    """Return the domain of the key; it is set once the key is valid. Every answer is of this domain alone."""
    domain: str = request.state.domain
    return domain


def name_in_path(request: Request, param: str, description: str) -> str:
    """Return a name in the path. Raise `ApiError` 400 if it contains U+0000."""
    name: str = request.path_params[param]
    if "\0" in name:
        raise invalid(f"{description} must not contain U+0000")
    return name
