"""Sessionize: events in, meeting sessions out. The whole of the batch side in one function."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa

from headcount.batch.assembling import tables_of
from headcount.batch.columns import Columns, columns_of
from headcount.batch.layout import (
    CANCELLED,
    DELIVERED_TWICE,
    ENDS_OF_NOBODY,
    ORPHAN_LEAVES,
    OUTRANKED,
    OVERTURNED,
    PENDING_STAYS,
    REPEATED_JOINS,
    VOID_STAYS,
)
from headcount.batch.reading import Reading, read
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, Sessions, Summary
from headcount.batch.working import Worked, work_out
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules

Source = str | PathLike[str] | Sequence[str | PathLike[str]] | Any
Progress = Callable[[float, str], None]

_RULES = Rules()


def sessionize(
    events: Source,
    *,
    rules: Rules = _RULES,
    as_of: Ms | None = None,
    domain: str = "default",
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Sessions:
    """The meeting sessions in `events`, by rules 1-16.

    `events`: a path or several (Parquet, NDJSON, CSV), `-` for NDJSON from standard input, or
    anything with the Arrow C-stream interface. Columns: room, participant_id, kind (join, leave
    or end) and at (a timestamp, or integer ms since the epoch); optional id, user_id, user_name,
    domain, source_session, joined_at, inferred. They may be in any order and there twice.

    `as_of` (ms) is the moment that "now" means; later events do not exist (R14). It is the
    latest `at` unless given. `domain` is that of events which name none; it is part of the ids.
    With `skip_bad`, rows that cannot be events are left out and kept in `Sessions.rejects`.
    `progress` is called now and then with a share from 0 to 1 and what is being done.

    Raises `BadInput` for what cannot be read, and for the first bad row unless they are skipped.
    """
    tell = progress or _say_nothing
    reading = read(events, skip_bad=skip_bad)
    pieces = []
    for piece in reading:
        pieces.append(piece)
        tell(0.5 * reading.share, "reading")
    columns = columns_of(pa.concat_tables(pieces, promote_options="default"))
    del pieces
    tell(0.5, "working out")
    sessions = sessions_of(columns, rules, as_of, domain, reading)
    tell(1.0, "done")
    return sessions


def sessions_of(columns: Columns, rules: Rules, as_of: Ms | None, domain: str, reading: Reading) -> Sessions:
    """The sessions of events that are all in memory."""
    now = as_of if as_of is not None else int(columns.at.max(initial=0))
    if not len(columns):
        return _none(now, reading)
    worked = work_out(columns, rules, now)
    meetings, participants = tables_of(worked, columns, domain)
    summary = _summary(worked, columns, now, reading.rejected)
    return Sessions(meetings, participants, now, summary, reading.rejects if reading.rejected else None)


def _none(as_of: Ms, reading: Reading) -> Sessions:
    nothing = Summary(rejected=reading.rejected)
    rejects = reading.rejects if reading.rejected else None
    return Sessions(MEETINGS.empty_table(), PARTICIPANTS.empty_table(), as_of, nothing, rejects)


def _summary(worked: Worked, columns: Columns, as_of: Ms, rejected: int) -> Summary:
    by_room = np.bincount(worked.room, weights=worked.participant_ms, minlength=1)
    busiest = int(by_room.argmax())
    tallies = worked.tallies.tolist()
    return Summary(
        events=len(columns),
        rooms=len(columns.rooms),
        first_at=int(columns.at.min()),
        last_at=int(columns.at.max()),
        meetings=len(worked.start),
        ongoing=int((worked.end == NEVER).sum()),
        entries=len(worked.entries.join),
        participant_ms=int(worked.participant_ms.sum()),
        busiest_room=columns.rooms[busiest].as_py() if by_room[busiest] else None,
        busiest_room_ms=int(by_room[busiest]),
        void_stays=tallies[VOID_STAYS],
        pending_stays=tallies[PENDING_STAYS],
        orphan_leaves=tallies[ORPHAN_LEAVES],
        repeated_joins=tallies[REPEATED_JOINS],
        delivered_twice=tallies[DELIVERED_TWICE],
        cancelled=tallies[CANCELLED],
        outranked=tallies[OUTRANKED],
        overturned=tallies[OVERTURNED],
        ends_of_nobody=tallies[ENDS_OF_NOBODY],
        after_as_of=worked.after_as_of,
        rejected=rejected,
    )


def _say_nothing(share: float, label: str) -> None:
    pass
