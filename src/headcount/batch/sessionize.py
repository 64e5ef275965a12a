"""Sessionize: events in, meeting sessions out. The whole of the batch side in one function."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from headcount.batch.io.readers import PIECE_ROWS, Reading, ahead, read, require_domain
from headcount.batch.passes.collect import Gathering
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.layout import (
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
from headcount.batch.passes.parallel import Worked, work_out
from headcount.batch.passes.spill import DIVISIONS, Divisions, Spilled
from headcount.batch.passes.tables import Assembly, InMemory, Words
from headcount.batch.sessions import MEETINGS, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules

Source = str | PathLike[str] | Sequence[str | PathLike[str]] | Any
Pieces = Iterator[tuple[pa.Table, float]]
"""Tables of events, each with the share of all that has been read by its end."""
Progress = Callable[[float, str], None]

_RULES = Rules()

BYTES_AN_EVENT = 320
"""What the work on an event in memory takes, measured, with its share of what is found."""
IN_MEMORY_PIECE_ROWS = 1 << 20
"""What fits into memory is read as it is mostly written, a million rows at a time."""
ENTRIES_AT_ONCE = 1_000_000
"""So many entries of participants are in one piece."""


def sessionize(
    events: Source,
    *,
    rules: Rules = _RULES,
    as_of: Ms | None = None,
    domain: str = "default",
    skip_bad: bool = False,
    max_memory: int | None = None,
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
    `max_memory` (bytes): events that need more are divided by room among temporary files; it
    bounds the work, and the meetings, but not `Sessions.participants` if you ask for all at once.
    `progress` is called now and then with a share from 0 to 1 and what is being done.

    Raises `BadInput` for what cannot be read, and for the first bad row unless they are skipped.
    """
    require_domain(domain)
    tell = progress or _say_nothing
    limit = max_memory // BYTES_AN_EVENT if max_memory else None
    reading = read(events, skip_bad=skip_bad, piece_rows=_piece_rows(limit))
    pieces = ahead((piece, reading.share) for piece in reading)
    _load_compiled(rules)
    if limit is not None:
        pieces, fits = _if_so_many(pieces, limit)
        if not fits:
            return _in_divisions(pieces, reading, rules, as_of, domain, tell)
    gathering = Gathering()
    for piece, share in pieces:
        gathering.add(piece, share)
        tell(0.5 * share, "reading")
    columns = gathering.columns()
    tell(0.5, "working out")
    sessions = _in_memory(columns, rules, as_of, domain, reading)
    tell(1.0, "done")
    return sessions


def _load_compiled(rules: Rules) -> None:
    """Loading what is compiled takes two tenths of a second, in which the first events can be read."""
    gathering = Gathering()
    gathering.add(pa.table(_SOMEBODY), 1.0)
    columns = gathering.columns()
    InMemory(work_out(columns, rules, NEVER >> 1), columns).listed(0, 1)


_SOMEBODY = {
    "room": pa.array(["blue"]).dictionary_encode(),
    "kind": np.zeros(1, np.int8),
    "at": np.zeros(1, np.int64),
    "participant_id": ["Ada"],
}


def _piece_rows(limit: int | None) -> int:
    return IN_MEMORY_PIECE_ROWS if limit is None else max(1, min(PIECE_ROWS, limit // 4))


def _if_so_many(pieces: Pieces, limit: int) -> tuple[Pieces, bool]:
    """The same pieces, and whether there are at most so many events in them."""
    looked_at, rows = [], 0
    for piece, share in pieces:
        looked_at.append((piece, share))
        rows += len(piece)
        if rows > limit:
            return chain(looked_at, pieces), False
    return iter(looked_at), True


def _in_memory(columns: Columns, rules: Rules, as_of: Ms | None, domain: str, reading: Reading) -> Sessions:
    """The sessions of events that are all in memory."""
    now = as_of if as_of is not None else int(columns.at.max(initial=0))
    rejects = reading.rejects if reading.rejected else None
    if not len(columns):
        nothing = Summary(rejected=reading.rejected)
        return Sessions(MEETINGS.empty_table(), lambda: iter(()), now, nothing, rejects)
    worked = work_out(columns, rules, now)
    words = Words(columns.rooms, _domains(columns, domain), columns.user_ids, columns.user_names)
    assembly = Assembly([InMemory(worked, columns)], words)
    summary = _summary(
        [worked], words, _Said(len(columns), int(columns.at.min()), int(columns.at.max())), reading
    )
    return Sessions(assembly.meetings, partial(assembly.participants, ENTRIES_AT_ONCE), now, summary, rejects)


def _domains(columns: Columns, domain: str) -> pa.Array:
    if columns.domains is None:
        return pa.array([domain] * len(columns.rooms), pa.string())
    return columns.domains.fill_null(domain)


def _in_divisions(
    pieces: Pieces, reading: Reading, rules: Rules, as_of: Ms | None, domain: str, tell: Progress
) -> Sessions:
    """The sessions of events that are not all in memory at once."""
    divisions = Divisions(domain)
    for piece, share in pieces:
        divisions.add(piece)
        tell(0.5 * share, "reading")
    now = as_of if as_of is not None else divisions.last_at or 0
    words, rank, sessions = divisions.words()
    parts = []
    read_back = ((number, divisions.columns(number, words, rank, sessions)) for number in range(DIVISIONS))
    for number, columns in ahead(read_back):
        if columns is not None:
            parts.append(Spilled(work_out(columns, rules, now), columns, divisions.found[number]))
        tell(0.5 + 0.3 * (number + 1) / DIVISIONS, "working out")
    assembly = Assembly(parts, words)
    said = _Said(divisions.rows, divisions.first_at, divisions.last_at)
    summary = _summary([part.worked for part in parts], words, said, reading)
    rejects = reading.rejects if reading.rejected else None

    def participants() -> Iterator[pa.Table]:
        # The divisions live as long as somebody may ask.
        yield from assembly.participants(ENTRIES_AT_ONCE if divisions.rows else 1)

    return Sessions(assembly.meetings, participants, now, summary, rejects)


class _Said(NamedTuple):
    """How many events there were, and from when to when."""

    events: int
    first_at: Ms | None
    last_at: Ms | None


def _summary(parts: Sequence[Worked], words: Words, said: _Said, reading: Reading) -> Summary:
    by_room = np.zeros(len(words.rooms), np.int64)
    for worked in parts:
        np.add.at(by_room, worked.room, worked.participant_ms)
    busiest = int(by_room.argmax())
    tallies = np.sum([worked.tallies for worked in parts], axis=0).tolist()
    return Summary(
        events=said.events,
        rooms=len(words.rooms),
        first_at=said.first_at,
        last_at=said.last_at,
        meetings=sum(len(worked.start) for worked in parts),
        ongoing=sum(int((worked.end == NEVER).sum()) for worked in parts),
        entries=sum(int(worked.bounds[-1]) for worked in parts),
        participant_ms=int(by_room.sum()),
        busiest_room=words.rooms[busiest].as_py() if by_room[busiest] else None,
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
        after_as_of=sum(worked.after_as_of for worked in parts),
        rejected=reading.rejected,
    )


def _say_nothing(share: float, label: str) -> None:
    pass
