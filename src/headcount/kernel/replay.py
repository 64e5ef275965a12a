"""History: the meetings of one room from all its events at once.

The plainest use of the kernel: everything is known, nothing comes late.
"""

from collections.abc import Iterable

from headcount.kernel.changes import Change
from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Ms, facts
from headcount.kernel.journal import DAWN
from headcount.kernel.meetings import Meeting
from headcount.kernel.refold import Stretch
from headcount.kernel.rules import Rules


def meetings_of(
    events: Iterable[Event], *, as_of: Ms, domain: str = "default", rules: Rules | None = None
) -> list[Meeting]:
    """The meetings of the one room that `events` are of, as of `as_of` ms, by start (R13, R14).

    The events may be in any order, and there more than once. Those after `as_of` do not exist.
    """
    stretch = _folded(events, as_of, domain, rules or Rules())
    return stretch.record.apply(stretch.sittings.known_leaves()).meetings(stretch.sittings.state.most)


def changes_of(
    events: Iterable[Event], *, as_of: Ms, domain: str = "default", rules: Rules | None = None
) -> list[Change]:
    """What the room would have told of `events` had all come in time, in the order of the facts."""
    stretch = _folded(events, as_of, domain, rules or Rules())
    return sorted([*stretch.changes, *stretch.sittings.known_leaves()], key=lambda change: change.at)


def _folded(events: Iterable[Event], as_of: Ms, domain: str, rules: Rules) -> Stretch:
    known = [fact for event in events if event.at <= as_of for fact in facts(event)]
    known.sort(key=lambda event: event.at)
    room = known[0].room if known else ""
    return Stretch(domain, room, rules, Start.at_mark(DAWN), known, as_of)
