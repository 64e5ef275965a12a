"""Times of payloads, and the stays that a list of parsed events gives.

Times are seconds since a noon that all tests share.
"""

from datetime import UTC, datetime

from headcount.kernel.replay import meetings_of

NOON = 1_772_449_200
AS_OF = 7_200


def ms(seconds):
    return round((NOON + seconds) * 1_000)


def iso(seconds):
    """Return RFC 3339 with milliseconds."""
    when = datetime.fromtimestamp(ms(seconds) / 1_000, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meeting_stays(events, as_of=AS_OF):
    """Return `[(participant, from, to, left_by), ...]` of each meeting of one room."""
    meetings = meetings_of([one.event for one in events], as_of=ms(as_of))
    return [[_stay(entry) for entry in meeting.participants] for meeting in meetings]


def _stay(entry):
    return entry.participant_id, _since_noon(entry.join), _since_noon(entry.leave), entry.left_by


def _since_noon(at):
    return None if at is None else (at - ms(0)) / 1_000
