"""Log entries behind the changes of a room: which events of the log each change rests on.

Responsible for finding them by participant, kind and time. Must not know where they came from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from headcount.kernel.changes import (
    Change,
    EventIgnored,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Event, Kind, Ms, with_implied_join
from headcount.kernel.meetings import Stay
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy
from headcount.store.provenance import LoggedEvent

LogEntries = tuple[LoggedEvent, ...]
"""Entries of the log, by position."""


class EntryFinder:
    """Finds the log entries of the changes that follow from `events`."""

    def __init__(self, events: Sequence[LoggedEvent], changes: Iterable[Change], rules: Rules) -> None:
        self._reset_alone = rules.reset_alone_ms
        self._facts: defaultdict[tuple[Kind, str | None, Ms], list[LoggedEvent]] = defaultdict(list)
        for entry in events:
            for fact in with_implied_join(entry.event):
                self._facts[fact.kind, fact.participant_id, fact.at].append(entry)
        self._joined: defaultdict[Ms, list[Stay]] = defaultdict(list)
        self._left: defaultdict[Ms, list[Stay]] = defaultdict(list)
        for change in changes:
            if isinstance(change, ParticipantJoined):
                self._joined[change.stay.join].append(change.stay)
            elif isinstance(change, ParticipantLeft) and change.stay.leave is not None:
                self._left[change.stay.leave].append(change.stay)

    def of(self, change: Change) -> LogEntries:
        """Return the entries that a change rests on."""
        match change:
            case ParticipantJoined(_, stay):
                return _ordered(self._joins(stay))
            case ParticipantLeft(_, stay):
                return _ordered(self._leaves(stay))
            case StayIgnored(_, stay):
                return _ordered([*self._joins(stay), *self._leaves(stay)])
            case ParticipantNamed(at, stay):
                return _ordered(self._reports(stay.participant_id, at))
            case EventIgnored(at, participant_id, kind, reason):
                if reason is Reason.CANCELLED_OUT and participant_id is not None:
                    return _ordered(self._reports(participant_id, at))
                return _ordered(self._facts.get((kind, participant_id, at), ()))
            case MeetingStarted(at, _, start, reason):
                if reason is Reason.LEFT_ALONE:
                    return self._leaves_at(start - self._reset_alone)
                moments = {start, at} if reason is Reason.TWO_PARTICIPANTS else {start}
                stays = [stay for moment in moments for stay in self._joined.get(moment, ())]
                return _ordered(entry for stay in stays for entry in self._joins(stay))
            case MeetingEnded(at, reason=reason):
                return self._leaves_at(at - self._reset_alone if reason is Reason.LEFT_ALONE else at)
        return ()

    def of_event(self, kind: Kind, participant_id: str | None, at: Ms) -> LogEntries:
        """Return the entries of an event, by its kind, participant and time."""
        return _ordered(self._facts.get((kind, participant_id, at), ()))

    def has_reasons(self, participant_id: str, join: Ms, leave: Ms | None, left_by: str | None) -> bool:
        """Return whether there are entries behind the join and the leave of a stay."""
        stay = Stay(participant_id, join, leave, None if left_by is None else LeftBy(left_by))
        return bool(self._joins(stay)) and (leave is None or bool(self._leaves(stay)))

    def _joins(self, stay: Stay) -> list[LoggedEvent]:
        return self._facts.get((Kind.JOIN, stay.participant_id, stay.join), [])

    def _leaves(self, stay: Stay) -> list[LoggedEvent]:
        """Return the leaves or ends that closed a stay; an end of another session did not."""
        if stay.leave is None or stay.left_by is None:
            return []
        sessions = {entry.event.source_session for entry in self._joins(stay)} - {None}
        found = [
            *self._facts.get((Kind.LEAVE, stay.participant_id, stay.leave), ()),
            *(
                entry
                for entry in self._facts.get((Kind.END, None, stay.leave), ())
                if not sessions or entry.event.source_session in (None, *sessions)
            ),
        ]
        return [entry for entry in found if _closes(entry.event, stay.left_by)] or found

    def _leaves_at(self, at: Ms) -> LogEntries:
        return _ordered(entry for stay in self._left.get(at, ()) for entry in self._leaves(stay))

    def _reports(self, participant_id: str, at: Ms) -> list[LoggedEvent]:
        return [
            entry
            for kind in (Kind.JOIN, Kind.LEAVE)
            for entry in self._facts.get((kind, participant_id, at), ())
        ]


def _closes(event: Event, left_by: LeftBy) -> bool:
    """Return whether an event closes a stay in this way."""
    if left_by is LeftBy.REPORTED:
        return event.kind is Kind.LEAVE and event.inferred is None
    if left_by is LeftBy.ROOM_ENDED:
        return event.kind is Kind.END and event.inferred is None
    return event.inferred is not None and event.inferred.value == left_by.value


def _ordered(entries: Iterable[LoggedEvent]) -> LogEntries:
    unique: Mapping[int, LoggedEvent] = {entry.position: entry for entry in entries}
    return tuple(unique[position] for position in sorted(unique))
