"""Taking: from what a source said to entries of the log.

Here is settled what a vendor's module leaves open: who counts, what the room is called here, how an
event is known again, and which times are refused. All that a source delivers passes here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.limits import Limits, limit_names, require_events, require_time
from headcount.sources.api import (
    COUNTED_ROLES,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    expand_server_ends,
    parse_trusted,
)
from headcount.store.dedup import entry_of, id_key
from headcount.store.records import KIND_CODES, LogEntry, Origin
from headcount.store.sources import ExcludedParticipant


@dataclass(frozen=True, slots=True)
class Terms:
    """How a source is to be taken. `prefix` comes before the names of its rooms."""

    kind: str
    domain: str
    token: str = ""
    counted: frozenset[Role] = COUNTED_ROLES
    prefix: str = ""


class Taken(NamedTuple):
    """What is to be appended, and who does not count."""

    entries: list[LogEntry]
    bystanders: list[ExcludedParticipant]


def terms_of(kind: str, domain: str, token: str, options: Mapping[str, Any]) -> Terms:
    """The terms that a source's options say: `count` and `leave_out` list roles, `prefix` is a text."""
    counted = COUNTED_ROLES | roles_in(options, "count")
    return Terms(
        kind, domain, token, counted - roles_in(options, "leave_out"), str(options.get("prefix", ""))
    )


def roles_in(options: Mapping[str, Any], name: str) -> frozenset[Role]:
    """The roles that an option lists. Raises `BadInput` for one that there is not."""
    try:
        return frozenset(Role(role) for role in options.get(name, ()))
    except ValueError as error:
        raise BadInput(f"{name}: {error}; there are {', '.join(Role)}") from error


def read_delivery(source: Source, delivery: InboundRequest, limits: Limits) -> list[ParsedEvent]:
    """Return what a verified delivery says. Raise `BadInput` if it cannot be read or holds too many events."""
    heard = parse_trusted(source, delivery)
    require_events(len(heard), limits)
    return heard


def room_by_room(
    heard: list[ParsedEvent], terms: Terms, in_use: Callable[[str, str], Iterable[str]]
) -> list[ParsedEvent]:
    """What was heard, where the end of a whole server is the end of each of its rooms that is in use.

    `in_use` is given the domain and how the names of rooms begin; it reads the store.
    """

    def here(beginning: str) -> Iterable[str]:
        rooms = in_use(terms.domain, terms.prefix + beginning)
        return (room.removeprefix(terms.prefix) for room in rooms)

    return list(expand_server_ends(heard, here))


def take(heard: Iterable[ParsedEvent], terms: Terms, now: Ms, received: Ms, limits: Limits) -> Taken:
    """Entries for those who count. Raises `BadInput` for an event that cannot be taken, and takes none.

    `now` bounds when something can have happened; `received` is our own time, which orders.
    """
    taken = Taken([], [])
    for event, role, server_wide in heard:
        assert not server_wide, "first room_by_room"
        here = replace(event, room=terms.prefix + event.room) if terms.prefix else event
        require_time(here, now)
        here = limit_names(here, limits)
        if role in terms.counted or event.kind is Kind.END:
            taken.entries.append(_entry(here, terms, received))
        else:
            taken.bystanders.append(_bystander(here, role, terms))
    return taken


def take_inferred(events: Iterable[Event], terms: Terms, received: Ms, limits: Limits) -> list[LogEntry]:
    """Entries for what lists of those present add; rooms are called as they are here. Raises `BadInput`, and takes none."""
    found = []
    for event in events:
        require_time(event, received)
        found.append(entry_of(limit_names(event, limits), terms.domain, received, Origin.INFERRED))
    return found


def _entry(event: Event, terms: Terms, received: Ms) -> LogEntry:
    # Vendors' ids are their own: two vendors may give the same one.
    said = f"{terms.kind}:{event.id}:{event.kind}:{event.participant_id or ''}"
    return entry_of(event, terms.domain, received, Origin.LIVE, id_key(said) if event.id else None)


def _bystander(event: Event, role: Role, terms: Terms) -> ExcludedParticipant:
    return ExcludedParticipant(
        terms.domain, event.room, event.at, event.participant_id or "", KIND_CODES[event.kind], str(role), event.user_id,
        event.user_name, terms.token,
    )  # fmt: skip
