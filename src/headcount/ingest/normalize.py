"""Normalization of events from sources: parsed events as log entries of one domain.

Responsible for what a vendor's module leaves open: what one event states about another, which participants count, the name of
the room, the key of an event, and which events are refused. Must not know HTTP or polling. Everything that a source sends
passes here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes, canonical, values_of
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
    raise_error,
)
from headcount.store.dedup import entry_of, id_key
from headcount.store.records import KIND_CODES, LogEntry, Origin, Provenance
from headcount.store.sources import ExcludedParticipant, Sources

StayKey = tuple[str, str | None, Ms]
"""A room, a participant and the time of their join."""
_KINDS: Final = {
    Role.PHONE: "phone",
    Role.UNANSWERED: "phone",
    Role.AGENT: "bot",
    Role.RECORDER: "recorder",
    Role.STREAM: "stream",
    Role.SCREEN: "screen",
    Role.TEST: "test",
}
"""The attribute `kind` of a participant with a technical role. A person's is not stated, and a hidden one may be anything."""
_SESSION_MS: Final[Ms] = 86_400_000
"""Names of a session are looked up in the events of this time before an event without one."""


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """How the events of a source are normalized. `room_prefix` precedes the names of its rooms; `mapped` are mapped attributes."""

    kind: str
    domain: str
    token: str = ""
    counted_roles: frozenset[Role] = COUNTED_ROLES
    room_prefix: str = ""
    mapped: frozenset[str] = frozenset()


class Normalized(NamedTuple):
    """Entries to append, and participants who do not count."""

    entries: list[LogEntry]
    excluded: list[ExcludedParticipant]


def policy_from_options(kind: str, domain: str, token: str, options: Mapping[str, Any]) -> SourcePolicy:
    """Return the policy of a source's options: `include_roles` and `exclude_roles` list roles, `room_prefix` is a text."""
    counted = COUNTED_ROLES | parse_roles(options, "include_roles")
    excluded = parse_roles(options, "exclude_roles")
    prefix, mapped = str(options.get("room_prefix", "")), frozenset(options.get("attributes", ()))
    return SourcePolicy(kind, domain, token, counted - excluded, prefix, mapped)


def parse_roles(options: Mapping[str, Any], name: str) -> frozenset[Role]:
    """Return the roles that an option lists. Raise `BadInput` for an unknown one."""
    try:
        return frozenset(Role(role) for role in options.get(name, ()))
    except ValueError as error:
        raise BadInput(f"{name}: {error}; there are {', '.join(Role)}") from error


def parse_request(
    source: Source,
    request: InboundRequest,
    limits: Limits,
    on_error: Callable[[BadInput], None] = raise_error,
) -> list[ParsedEvent]:
    """Return the events of a verified request. Raise `BadInput` if it cannot be parsed or holds too many.

    The error of each part that cannot be parsed is passed to `on_error`; the default raises the first.
    """
    events = parse_trusted(source, request, on_error)
    require_events(len(events), limits)
    return events


def connect(events: Sequence[ParsedEvent]) -> list[ParsedEvent]:
    """Return the events, each with what the others state about its room and its participant.

    An event that lacks the name of its room has the session instead: the room is that of the session's other events. A
    participant without a role, in one stay, has the role that another event of that stay states.
    """
    named = _with_names(events) if any(_lacks_name(event) for event, _, _, _ in events) else list(events)
    roles = {_stay_key(event): role for event, role, _, _ in named if role is not Role.PERSON}
    return [_with_role(parsed, roles) for parsed in named] if roles else named


def _with_role(parsed: ParsedEvent, roles: Mapping[StayKey, Role]) -> ParsedEvent:
    role = roles.get(_stay_key(parsed.event)) if parsed.role is Role.PERSON else None
    return parsed if role is None else parsed._replace(role=role)


def _with_names(events: Sequence[ParsedEvent]) -> list[ParsedEvent]:
    names: defaultdict[str, set[str]] = defaultdict(set)
    for event, _, _, _ in events:
        if event.source_session and not _lacks_name(event):
            names[event.source_session].add(event.room)
    return [_named(parsed, names.get(parsed.event.source_session or "", set())) for parsed in events]


def _lacks_name(event: Event) -> bool:
    return event.source_session is not None and event.room == event.source_session


def _named(parsed: ParsedEvent, names: set[str]) -> ParsedEvent:
    """Return an event without the name of its room under the only other name of its session."""
    if not _lacks_name(parsed.event) or len(names) != 1:
        return parsed
    return parsed._replace(event=replace(parsed.event, room=next(iter(names))))


def _stay_key(event: Event) -> StayKey:
    return event.room, event.participant_id, event.at if event.joined_at is None else event.joined_at


def needs_lookup(parsed: ParsedEvent, *, is_partial: bool) -> bool:
    """Return whether `resolve` may change an event. `is_partial` is that of its source."""
    event = parsed.event
    if parsed.server_wide or not is_partial:
        return parsed.server_wide
    return (
        _lacks_name(event)
        or _lacks_role(parsed)
        or (event.kind is not Kind.JOIN and event.source_session is not None)
    )


def _lacks_role(parsed: ParsedEvent) -> bool:
    return parsed.role is Role.PERSON and parsed.event.joined_at is not None


def resolve(
    events: Sequence[ParsedEvent], policy: SourcePolicy, sources: Sources, *, is_partial: bool
) -> list[ParsedEvent]:
    """Return the events with what the store has about their rooms and participants.

    The end of a whole server becomes an end of each of its rooms in use. An event of a source that `is_partial` is connected
    with earlier events: see `connect`. A leave or an end applies under each name that its session has.
    """

    def rooms(beginning: str) -> Iterable[str]:
        found = sources.rooms_in_use(policy.domain, policy.room_prefix + beginning)
        return (room.removeprefix(policy.room_prefix) for room in found)

    ended = list(expand_server_ends(events, rooms))
    if not is_partial:
        return ended
    return [resolved for parsed in connect(ended) for resolved in _connect_with_log(parsed, policy, sources)]


def _connect_with_log(parsed: ParsedEvent, policy: SourcePolicy, sources: Sources) -> Iterator[ParsedEvent]:
    event, prefix = parsed.event, policy.room_prefix
    session = event.source_session
    if session is not None and _lacks_name(event):
        found = sources.rooms_of_session(policy.domain, session, event.at - _SESSION_MS)
        others = {room.removeprefix(prefix) for room in found if room.startswith(prefix)} - {session}
        parsed = _named(parsed, others)
    if _lacks_role(parsed):
        stated = _excluded_role(parsed.event, policy, sources)
        parsed = parsed if stated is None else parsed._replace(role=stated)
    yield parsed
    if session is None or event.kind is Kind.JOIN or parsed.event.room == session:
        return
    if sources.has_room(policy.domain, prefix + session):
        key = event.id and f"{event.id}/{session}"  # an id counts once
        yield parsed._replace(event=replace(parsed.event, room=session, joined_at=None, id=key))


def _excluded_role(leave: Event, policy: SourcePolicy, sources: Sources) -> Role | None:
    """Return the role with which the participant's join was excluded, or None."""
    assert leave.joined_at is not None
    role = sources.excluded_role(
        policy.domain, policy.room_prefix + leave.room, leave.joined_at, leave.participant_id or ""
    )
    return None if role is None else Role(role)


def with_kind(attributes: Attributes | None, role: Role, mapped: Collection[str] = ()) -> Attributes | None:
    """Return a participant's attributes with the `kind` that their role states. It precedes any but one that is mapped."""
    if role not in _KINDS:
        return attributes
    kind, known = {"kind": _KINDS[role]}, values_of(attributes)
    return canonical({**kind, **known} if "kind" in mapped else {**known, **kind})


def state_kind(event: Event, role: Role, mapped: Collection[str] = ()) -> Event:
    """Return a participant's event with the attribute `kind` that their role states: see `with_kind`."""
    if role not in _KINDS or event.kind is Kind.END:
        return event
    return replace(event, attributes=with_kind(event.attributes, role, mapped))


def normalize(
    events: Iterable[ParsedEvent],
    policy: SourcePolicy,
    now: Ms,
    received: Ms,
    limits: Limits,
    on_error: Callable[[BadInput], None] = raise_error,
    digest: bytes | None = None,
) -> Normalized:
    """Return entries for participants who count. An event that is refused is passed to `on_error`; the default raises it.

    `now` is the time by which senders are judged, `received` the service's own time, which orders entries. `digest` is the
    SHA-256 of the delivery.
    """
    normalized = Normalized([], [])
    for event, role, server_wide, _ in events:
        assert not server_wide, "call resolve first"
        renamed = replace(event, room=policy.room_prefix + event.room) if policy.room_prefix else event
        stated = renamed if role is Role.PERSON else state_kind(renamed, role, policy.mapped)
        try:
            require_time(stated, now)
            accepted = limit_names(stated, limits, policy.mapped)
        except BadInput as error:
            on_error(error)
            continue
        if role in policy.counted_roles or event.kind is Kind.END:
            normalized.entries.append(_entry(accepted, policy, received, digest))
        else:
            normalized.excluded.append(_excluded(accepted, role, policy))
    return normalized


def inferred_entries(
    events: Iterable[Event], policy: SourcePolicy, received: Ms, limits: Limits, digest: bytes | None = None
) -> list[LogEntry]:
    """Return entries for events that a poll infers. Raise `BadInput` for an event that is refused.

    `digest` is that of the poll's responses.
    """
    entries = []
    for event in events:
        require_time(event, received)
        accepted = limit_names(event, limits, policy.mapped)
        entries.append(
            entry_of(
                accepted,
                policy.domain,
                received,
                Origin.INFERRED,
                provenance=Provenance(policy.token or None, digest),
            )
        )
    return entries


def _entry(event: Event, policy: SourcePolicy, received: Ms, digest: bytes | None) -> LogEntry:
    # Two vendors may use the same event id.
    id_in_kind = f"{policy.kind}:{event.id}:{event.kind}:{event.participant_id or ''}"
    key = id_key(id_in_kind) if event.id else None
    provenance = Provenance(policy.token or None, digest)
    return entry_of(event, policy.domain, received, Origin.LIVE, key, provenance)


def _excluded(event: Event, role: Role, policy: SourcePolicy) -> ExcludedParticipant:
    return ExcludedParticipant(
        policy.domain, event.room, event.at, event.participant_id or "", KIND_CODES[event.kind], str(role), event.user_id,
        event.user_name, policy.token,
    )  # fmt: skip
