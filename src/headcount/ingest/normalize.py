"""Normalization of events from sources: parsed events as log entries of one domain.

Responsible for what a vendor's module leaves open: which participants count, the name of the room, the key of an event, and
which events are refused. Must not know HTTP or polling. Everything that a source sends passes here.
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
class SourcePolicy:
    """How the events of a source are normalized. `room_prefix` precedes the names of its rooms."""

    kind: str
    domain: str
    token: str = ""
    counted_roles: frozenset[Role] = COUNTED_ROLES
    room_prefix: str = ""


class Normalized(NamedTuple):
    """Entries to append, and participants who do not count."""

    entries: list[LogEntry]
    excluded: list[ExcludedParticipant]


def policy_from_options(kind: str, domain: str, token: str, options: Mapping[str, Any]) -> SourcePolicy:
    """Return the policy of a source's options: `include_roles` and `exclude_roles` list roles, `room_prefix` is a text."""
    counted = COUNTED_ROLES | parse_roles(options, "include_roles")
    excluded = parse_roles(options, "exclude_roles")
    return SourcePolicy(kind, domain, token, counted - excluded, str(options.get("room_prefix", "")))


def parse_roles(options: Mapping[str, Any], name: str) -> frozenset[Role]:
    """Return the roles that an option lists. Raise `BadInput` for an unknown one."""
    try:
        return frozenset(Role(role) for role in options.get(name, ()))
    except ValueError as error:
        raise BadInput(f"{name}: {error}; there are {', '.join(Role)}") from error


def parse_request(source: Source, request: InboundRequest, limits: Limits) -> list[ParsedEvent]:
    """Return the events of a verified request. Raise `BadInput` if it cannot be parsed or holds too many."""
    events = parse_trusted(source, request)
    require_events(len(events), limits)
    return events


def end_each_room(
    events: list[ParsedEvent], policy: SourcePolicy, rooms_in_use: Callable[[str, str], Iterable[str]]
) -> list[ParsedEvent]:
    """Return the events with the end of a whole server as an end of each of its rooms that is in use.

    `rooms_in_use` is given the domain and the beginning of the rooms' names; it reads the store.
    """

    def rooms(beginning: str) -> Iterable[str]:
        found = rooms_in_use(policy.domain, policy.room_prefix + beginning)
        return (room.removeprefix(policy.room_prefix) for room in found)

    return list(expand_server_ends(events, rooms))


def normalize(
    events: Iterable[ParsedEvent], policy: SourcePolicy, now: Ms, received: Ms, limits: Limits
) -> Normalized:
    """Return entries for participants who count. Raise `BadInput` for an event that is refused.

    `now` is the time by which senders are judged, `received` the service's own time, which orders entries.
    """
    normalized = Normalized([], [])
    for event, role, server_wide in events:
        assert not server_wide, "call end_each_room first"
        renamed = replace(event, room=policy.room_prefix + event.room) if policy.room_prefix else event
        require_time(renamed, now)
        accepted = limit_names(renamed, limits)
        if role in policy.counted_roles or event.kind is Kind.END:
            normalized.entries.append(_entry(accepted, policy, received))
        else:
            normalized.excluded.append(_excluded(accepted, role, policy))
    return normalized


def inferred_entries(
    events: Iterable[Event], policy: SourcePolicy, received: Ms, limits: Limits
) -> list[LogEntry]:
    """Return entries for events that a poll infers. Raise `BadInput` for an event that is refused."""
    entries = []
    for event in events:
        require_time(event, received)
        entries.append(entry_of(limit_names(event, limits), policy.domain, received, Origin.INFERRED))
    return entries


def _entry(event: Event, policy: SourcePolicy, received: Ms) -> LogEntry:
    # Two vendors may use the same event id.
    id_in_kind = f"{policy.kind}:{event.id}:{event.kind}:{event.participant_id or ''}"
    return entry_of(event, policy.domain, received, Origin.LIVE, id_key(id_in_kind) if event.id else None)


def _excluded(event: Event, role: Role, policy: SourcePolicy) -> ExcludedParticipant:
    return ExcludedParticipant(
        policy.domain, event.room, event.at, event.participant_id or "", KIND_CODES[event.kind], str(role), event.user_id,
        event.user_name, policy.token,
    )  # fmt: skip
