"""Stories: what a room comes to, told by who was in, from when to when, and how that is known.

Seconds since noon, a moment that all stories share.
"""

from datetime import UTC, datetime

from headcount.kernel.replay import meetings_of

NOON = 1_772_449_200
LATE = 7_200


def ms(seconds):
    return round((NOON + seconds) * 1_000)


def iso(seconds):
    """RFC 3339 with milliseconds."""
    when = datetime.fromtimestamp(ms(seconds) / 1_000, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(heard, as_of=LATE):
    """`[(who, from, to, left_by), ...]` of each meeting of one room."""
    meetings = meetings_of([one.event for one in heard], as_of=ms(as_of))
    return [[_entry(entry) for entry in meeting.participants] for meeting in meetings]


def _entry(entry):
    return entry.participant_id, _since_noon(entry.join), _since_noon(entry.leave), entry.left_by


def _since_noon(at):
    return None if at is None else (at - ms(0)) / 1_000
