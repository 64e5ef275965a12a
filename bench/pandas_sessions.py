"""Peer: meetings in pandas and NumPy, without a loop. Usage: pandas_sessions.py EVENTS OUT_DIR [--times].

Everything is sorted as one column of integers that pack participant or room, time, and join or leave.
A running sum is then the head count of all rooms. Rooms do not affect each other, because open stays end at the
room's horizon, the instant from which on nothing is decided. `end` events are not supported.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

MIN_STAY, START_ALONE, RESET_ALONE = 10_000, 30_000, 600_000
ROOM = 1 << 42  # a packed instant: room * ROOM + milliseconds since the epoch
LONGEST = 1 << 37  # no file spans four years
EVENTS = ["room", "participant_id", "kind", "at", "user_id", "user_name"]


class Stays(NamedTuple):
    """In columns: the first row of the connection in the file, room, join, leave (0 if unknown)."""

    row: np.ndarray
    room: np.ndarray
    join: np.ndarray
    leave: np.ndarray

    def where(self, which: np.ndarray) -> "Stays":
        return Stays(*(column[which] for column in self))


class Spans(NamedTuple):
    """Meetings, and sittings that are none: packed start and end, and what is known of them."""

    start: np.ndarray
    end: np.ndarray
    is_open: np.ndarray
    most: np.ndarray
    stands: np.ndarray


def main(events: str, out: str, *options: str) -> None:
    lap = laps(shown="--times" in options)
    events_table = pd.read_parquet(events, columns=EVENTS)
    rooms = np.sort(events_table["room"].cat.categories.to_numpy(str))
    lap("read")
    stays, horizon, as_of = stays_of(events_table)
    events_table = events_table[["participant_id", "user_id", "user_name"]]
    lap("stays")
    at, n = steps_of(stays, horizon)
    lap("steps")
    spans = spans_of(at, n, horizon)
    del at, n
    lap("spans")
    span, stays = entries_of(stays, spans, as_of)
    lap("entries")
    write(events_table, span, stays, spans, rooms=rooms, as_of=as_of, out=Path(out))
    lap("write")


def laps(*, shown: bool) -> Callable[[str], None]:
    """A function that prints how long it has been since it was last called."""
    last = time.perf_counter()

    def lap(what: str) -> None:
        nonlocal last
        now = time.perf_counter()
        if shown:
            print(f"{now - last:6.2f} s  {what}")
        last = now

    return lap


def stays_of(events_table: pd.DataFrame) -> tuple[Stays, np.ndarray, int]:
    """The stays that count, the horizon of each room, and the last instant there is."""
    t = events_table["at"].to_numpy("datetime64[ms]").view(np.int64)
    is_join = (
        events_table["kind"].cat.codes == events_table["kind"].cat.categories.get_loc("join")
    ).to_numpy()
    names = events_table["room"].cat.categories
    room = np.argsort(np.argsort(names.to_numpy(str)))[events_table["room"].cat.codes]
    connection, row = connections(events_table["participant_id"], room)
    earliest, as_of = int(t.min()), int(t.max())
    packed = np.sort((connection * LONGEST + (t - earliest)) * 2 + is_join)
    owner, t, is_join = changes(packed)
    opens = np.flatnonzero(is_join)
    after = np.minimum(opens + 1, len(owner) - 1)
    closes = (after > opens) & (owner[after] == owner[opens])
    join = t[opens] + earliest
    leave = np.where(closes, t[after] + earliest, 0)
    first = row[owner[opens]]
    stays = Stays(first, room[first], join, leave)
    stays = stays.where((leave == 0) | (leave - join >= MIN_STAY))
    pending = (stays.leave == 0) & (as_of - stays.join < MIN_STAY)
    horizon = np.full(len(names), as_of + 1)
    np.minimum.at(horizon, stays.room[pending], stays.join[pending])
    return stays.where(~pending), horizon, as_of


def connections(participant_id: pd.Series, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A number for each connection, one for each of its events; and the first row of each connection."""
    number, ids = pd.factorize(participant_id)
    first = first_rows(number, len(ids))
    if (room[first][number] != room).any():
        number, pairs = pd.factorize(number * (int(room.max()) + 1) + room)
        first = first_rows(number, len(pairs))
    return number, first


def first_rows(number: np.ndarray, how_many: int) -> np.ndarray:
    first = np.empty(how_many, np.int64)
    first[number[::-1]] = np.arange(len(number) - 1, -1, -1)
    return first


def changes(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the joins and leaves that change something: without duplicates and pairs that cancel."""
    packed = packed[np.append(True, packed[1:] != packed[:-1])]
    cancelled = (packed[:-1] ^ 1 == packed[1:]) & (packed[:-1] & 1 == 0)
    packed = packed[~(np.append(cancelled, False) | np.append(False, cancelled))]
    owner, is_join = packed // (2 * LONGEST), packed & 1 == 1
    was_in = np.append(False, is_join[:-1] & (owner[1:] == owner[:-1]))
    changed = is_join != was_in
    return owner[changed], packed[changed] // 2 % LONGEST, is_join[changed]


def steps_of(stays: Stays, horizon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head counts n: one for each packed instant at which n changes."""
    begin = stays.room * ROOM
    limit = horizon[stays.room]
    leave = np.where(stays.leave == 0, limit, np.minimum(stays.leave, limit))
    moves = np.concatenate([(begin + stays.join) * 2 + 1, (begin + leave) * 2])
    moves.sort()
    n = np.cumsum((moves & 1) * 2 - 1, dtype=np.int32)
    at = moves // 2
    last = np.append(at[1:] != at[:-1], True)
    at, n = at[last], n[last]
    changed = np.append(True, n[1:] != n[:-1])
    return at[changed], n[changed]


def spans_of(at: np.ndarray, n: np.ndarray, horizon: np.ndarray) -> Spans:
    """Meetings: from the first join of a sitting, and from each reset, to the next reset or the end."""
    before, after, next_at = np.append(0, n[:-1]), np.append(n[1:], 0), np.append(at[1:], 0)
    reset_at = at + RESET_ALONE
    is_reset = (n == 1) & (before >= 2) & ((next_at > reset_at) | ((next_at == reset_at) & (after > 0)))
    follows_reset = np.append(False, is_reset[:-1])
    first = np.flatnonzero((before == 0) | follows_reset)
    after_reset = follows_reset[first]
    start = np.where(after_reset, at[first - 1] + RESET_ALONE, at[first])
    last = at[np.append(first[1:], len(at)) - 1]
    end = np.where(np.append(after_reset[1:], False), np.append(start[1:], 0), last)
    most = np.maximum(np.maximum.reduceat(n, first), 1) if len(first) else n
    room = start // ROOM
    is_open = end == room * ROOM + horizon[room]
    stands = after_reset | (most >= 2) | (end - start >= START_ALONE + is_open)
    return Spans(start, end, is_open, most, stands)


def entries_of(stays: Stays, spans: Spans, as_of: int) -> tuple[np.ndarray, Stays]:
    """Each stay in the span of its join, and again in each that a reset begins while it lasts.

    Gives the number of the span of each entry, and the entries as stays, clipped at their joins.
    """
    begin = stays.room * ROOM
    span = np.searchsorted(spans.start, begin + stays.join, "right") - 1
    left_at = begin + np.where(stays.leave == 0, as_of + 1, stays.leave)
    outlasting = np.flatnonzero(~spans.is_open[span] & (left_at > spans.end[span]))
    last = np.searchsorted(spans.start, left_at[outlasting], "left") - 1
    again = last - span[outlasting]
    which = np.repeat(outlasting, again)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(again) - again, again) + 1
    more = span[which] + nth
    repeated = stays.where(which)._replace(join=spans.start[more] - begin[which])
    span = np.concatenate([span, more])
    entries = Stays(*(np.concatenate(pair) for pair in zip(stays, repeated, strict=True)))
    shown = spans.stands[span]
    return span[shown], entries.where(shown)


def write(
    events_table: pd.DataFrame,
    span: np.ndarray,
    entries: Stays,
    spans: Spans,
    *,
    rooms: np.ndarray,
    as_of: int,
    out: Path,
) -> None:
    """Both tables in order: meetings by start and room, entries by meeting, join and participant."""
    end = spans.end[span] - entries.room * ROOM
    is_open = spans.is_open[span]
    goes_on = ~is_open & ((entries.leave == 0) | (entries.leave > end))
    leave = np.where(goes_on, end, entries.leave)
    stays_ms = (np.where(leave == 0, as_of, leave) - entries.join).astype(np.float64)
    participants = np.bincount(span, minlength=len(spans.start))
    participant_ms = np.bincount(span, stays_ms, minlength=len(spans.start))  # exact up to 2**53

    room = spans.start // ROOM
    start = spans.start - room * ROOM
    held = np.flatnonzero(spans.stands)
    held = held[np.lexsort((room[held], start[held]))]
    rank = np.empty(len(spans.start), np.int64)
    rank[held] = np.arange(len(held))
    meetings = pd.DataFrame(
        {
            "room": pd.Categorical.from_codes(room[held], rooms),
            "start": instants(start[held]),
            "end": instants(np.where(spans.is_open, 0, spans.end - room * ROOM)[held]),
            "ongoing": spans.is_open[held],
            "max_participants": spans.most[held].astype(np.int32),
            "participants": participants[held].astype(np.int32),
            "participant_ms": participant_ms[held].astype(np.int64),
        }
    )
    meetings.to_parquet(out / "meetings.parquet", index=False)

    order = in_order(rank[span], entries.join - start[span], events_table["participant_id"], entries.row)
    row, leave = entries.row[order], leave[order]
    pd.DataFrame(
        {
            "start": instants(start[span[order]]),
            "room": pd.Categorical.from_codes(entries.room[order], rooms),
            "participant_id": events_table["participant_id"].array.take(row),
            "user_id": events_table["user_id"].array.take(row),
            "user_name": events_table["user_name"].array.take(row),
            "join": instants(entries.join[order]),
            "leave": instants(leave),
            "left_by": pd.Categorical.from_codes(
                np.where(goes_on[order] | (leave == 0), -1, 0), ["reported"]
            ),
        }
    ).to_parquet(out / "participants.parquet", index=False)


def in_order(rank: np.ndarray, since: np.ndarray, participant_id: pd.Series, row: np.ndarray) -> np.ndarray:
    """The order by meeting, join and participant: by one integer, and by name only where that ties."""
    key = rank * LONGEST + since
    order = np.argsort(key)
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]
    places = np.flatnonzero(np.append(same, False) | np.append(False, same))
    tied = order[places]
    names = participant_id.array.take(row[tied])
    by_name = pd.DataFrame({"row": tied, "key": key[tied], "name": names}).sort_values(["key", "name"])
    order[places] = by_name["row"].to_numpy()
    return order


def instants(ms: np.ndarray) -> pd.Series:
    """A column of times; 0 stands for none."""
    times = ms.astype("datetime64[ms]")
    times[ms == 0] = np.datetime64("NaT")
    return pd.Series(times).dt.tz_localize("UTC")


if __name__ == "__main__":
    main(*sys.argv[1:])
