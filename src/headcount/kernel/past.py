"""The past of one room, as far as it can be folded again (R15).

Responsible for choosing the shortest stretch that contains what changed, from a mark or a checkpoint before it, and
for folding it as it was published and as it is known now. Must not change the room.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from headcount.kernel import checkpoints
from headcount.kernel.checkpoints import Checkpoints, Start, start_now
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.journal import JournalProtocol, Mark
from headcount.kernel.people import People
from headcount.kernel.refold import Stretch, fold, stretches
from headcount.kernel.rules import Rules
from headcount.kernel.sittings import Sittings

_at = attrgetter("at")
_END = Kind.END


class Refolded(NamedTuple):
    """A stretch from `start` to `to`, folded as it was published (`old`) and as it is known now (`new`).

    `last` is the mark at its end, or None if it ends now.
    """

    start: Start
    last: Mark | None
    to: Ms
    old: Stretch
    new: Stretch


class Past(NamedTuple):
    """What a room knows of its past: its state, its checkpoints, and the journal of all up to `finalized`."""

    domain: str
    room: str
    rules: Rules
    journal: JournalProtocol
    people: People
    sittings: Sittings
    checkpoints: Checkpoints | None
    finalized: Ms

    def refold(self, late: list[Event], since: Ms, until: Ms, never_left: Sequence[str]) -> Refolded:
        """Fold the stretch that `late` events in [since, until] change, without and with them.

        `never_left` are participants whose inferred leave is overridden by a report after `finalized`. If the
        fold shows that it began too late, it begins again further back.
        """
        room = self.domain, self.room, self.rules
        while True:
            earliest = since
            for start, last, to, known in self._stretches(since, until, late):
                assert start.at < since, "the past is folded from before what is late"
                new = fold(*room, start, sorted([*known, *late], key=_at), to, never_left)
                if new.people.earliest_override <= start.at:
                    earliest = new.people.earliest_override
                    break
                if last is None or new.ends_as(last):
                    return Refolded(start, last, to, Stretch(*room, start, known, to), new)
            assert earliest < since, "each attempt begins further back"
            since = earliest

    def _stretches(
        self, since: Ms, until: Ms, late: list[Event]
    ) -> Iterator[tuple[Start, Mark | None, Ms, Sequence[Event]]]:
        """Yield stretches that contain [since, until], the shortest first: start, mark at the end, end, known events."""
        start, known = self.start_before(since, self.finalized, late)
        if start is not None:
            yield start, None, self.finalized, known
        else:
            for first, last, to in stretches(self.journal, since, until, self.finalized):
                yield first, last, to, self.journal.between(first.at, to)

    def start_before(
        self, since: Ms, to: Ms, others: Sequence[Event]
    ) -> tuple[Start | None, Sequence[Event]]:
        """Return the state before `since` from which to fold `others` and the known events up to `to`, and those.

        There is no such state if the sitting began after `since`.
        """
        participants = {event.participant_id for event in others if event.participant_id is not None}
        everybody = len(self.people.open_stays) <= checkpoints.SMALL_ROOM or any(
            event.kind is _END for event in others
        )
        while (start := self._start(since, participants, everybody=everybody)) is not None:
            known = self.journal.between(start.at, to)
            if not start.other_count or all(event.kind is not _END for event in known):
                return start, known
            everybody = True
        return None, ()

    def _start(self, since: Ms, participants: Iterable[str], *, everybody: bool) -> Start | None:
        if since > self.finalized:
            return start_now(self.finalized, self.people, self.sittings, participants, everybody=everybody)
        if self.checkpoints is None:
            return None
        return self.checkpoints.start_before(since, self.people, participants, everybody=everybody)
