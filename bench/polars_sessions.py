"""A rival: the meetings by Polars expressions. Usage: polars_sessions.py EVENTS OUT_DIR [--times].

The head count of all rooms is one running sum over one sorted column of integers, each of
which packs a room, an instant and whether somebody comes or goes. Rooms do not disturb
each other, because whoever is still there is made to leave at the room's horizon, the
instant from which on nothing is decided. `end` events are not supported.
"""

import sys
import time
from pathlib import Path

import polars as pl
from polars import col

MIN_STAY, START_ALONE, RESET_ALONE = 10_000, 30_000, 600_000
ROOM = 1 << 42  # a packed instant: room * ROOM + milliseconds since the epoch
KEYS = ["room", "participant_id"]


def main(events: str, out: str, *options: str) -> None:
    lap = _Laps("--times" in options)
    said = read(events)
    lap("read")
    as_of = said["t"].max()
    stays, horizons = stays_of(said, as_of)
    names = said["room"].dtype
    del said
    lap("stays")
    steps = steps_of(stays, horizons)
    lap("steps")
    spans = spans_of(steps)
    del steps
    lap("spans")
    entries = entries_of(stays, spans, as_of)
    del stays
    lap("entries")
    write(entries, spans, names, as_of, Path(out))
    lap("write")


def read(events: str) -> pl.DataFrame:
    """The events, with rooms numbered by name and times as integers."""
    said = pl.scan_parquet(events)
    names = said.select(col("room").unique().cast(pl.String).sort()).collect().to_series()
    return said.select(
        col("room").cast(pl.Enum(names)),
        "participant_id",
        "user_id",
        "user_name",
        t=col("at").to_physical(),
        is_join=col("kind") == "join",
    ).collect()


def stays_of(said: pl.DataFrame, as_of: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stays that count; and the horizons of the rooms in which somebody is pending."""
    connections = (
        said.lazy()
        .with_columns(
            join=pl.when("is_join").then("t"),
            leave=pl.when(~col("is_join")).then("t"),
        )
        .group_by(KEYS)
        .agg(
            col("user_id", "user_name").first(),
            col("join").min(),
            col("leave").max(),
            joins=col("join").count(),
            events=pl.len(),
        )
        .with_columns(
            plain=(col("joins") == 1) & ((col("events") == 1) | ((col("events") == 2) & (col("join") < col("leave"))))
        )
        .collect()
    )
    others = connections.lazy().filter(~col("plain")).select(*KEYS, "user_id", "user_name")
    stays = pl.concat(
        [
            connections.lazy().filter("plain").select(*KEYS, "user_id", "user_name", "join", "leave"),
            _paired(said.lazy().join(others, on=KEYS, how="semi")).join(others, on=KEYS).select(
                *KEYS, "user_id", "user_name", "join", "leave"
            ),
        ]
    ).filter(col("leave").is_null() | (col("leave") - col("join") >= MIN_STAY)).collect()
    pending = col("leave").is_null() & (as_of - col("join") < MIN_STAY)
    horizons = stays.lazy().filter(pending).group_by("room").agg(horizon=col("join").min())
    stays = stays.lazy().filter(~pending).with_columns(col("room").to_physical().cast(pl.Int64))
    horizons = horizons.with_columns(col("room").to_physical().cast(pl.Int64)).collect()
    stays = stays.join(horizons.lazy(), on="room", how="left", maintain_order="left").with_columns(col("horizon").fill_null(as_of + 1))
    return stays.collect(), horizons


def _paired(said: pl.LazyFrame) -> pl.LazyFrame:
    """The stays of those who came more than once, or were said to."""
    return (
        said.group_by(*KEYS, "t")
        .agg(is_join=col("is_join").any(), cancelled=col("is_join").any() & ~col("is_join").all())
        .filter(~col("cancelled"))
        .sort(*KEYS, "t")
        .filter(col("is_join") != col("is_join").shift(fill_value=False).over(KEYS))
        .select(*KEYS, "is_join", join="t", leave=col("t").shift(-1).over(KEYS))
        .filter("is_join")
    )


def steps_of(stays: pl.DataFrame, horizons: pl.DataFrame) -> pl.DataFrame:
    """The head counts n: one row for each instant at which n changes."""
    room = col("room") * ROOM
    leave = pl.min_horizontal("leave", "horizon")
    moves = pl.concat(
        [
            stays.lazy().select(move=(room + col("join")) * 2 + 1),
            stays.lazy().select(move=(room + leave) * 2),
        ]
    )
    return (
        moves.select(col("move").sort())
        .select(at=col("move") // 2, n=((col("move") % 2) * 2 - 1).cum_sum().cast(pl.Int32))
        .filter(col("at") != col("at").shift(-1, fill_value=-1))
        .filter(col("n") != col("n").shift(fill_value=0))
        .collect()
    )


def spans_of(steps: pl.DataFrame, horizons: pl.DataFrame, as_of: int) -> pl.DataFrame:
    """Meetings: from the first join of a sitting, and from each reset, to the next reset or the end."""
    at, n = col("at"), col("n")
    before, after, next_at = n.shift(fill_value=0), n.shift(-1), at.shift(-1)
    reset_at = at + RESET_ALONE
    is_reset = (n == 1) & (before >= 2) & ((next_at > reset_at) | ((next_at == reset_at) & (after > 0)))
    spans = (
        steps.lazy()
        .with_columns(is_start=before == 0, follows_reset=is_reset.shift(fill_value=False), previous=at.shift())
        .with_columns(span=(col("is_start") | col("follows_reset")).cum_sum().set_sorted())
        .group_by("span", maintain_order=True)
        .agg(
            at.first(),
            col("previous", "follows_reset").first(),
            last=at.last(),
            most=n.max().clip(1),
        )
        .with_columns(start=pl.when("follows_reset").then(col("previous") + RESET_ALONE).otherwise(at))
        .with_columns(
            end=pl.when(col("follows_reset").shift(-1, fill_value=False)).then(col("start").shift(-1)).otherwise("last"),
            room=at // ROOM,
        )
        .join(horizons.lazy(), on="room", how="left", maintain_order="left")
        .with_columns(is_open=col("end") == col("room") * ROOM + col("horizon").fill_null(as_of + 1))
        .with_columns(
            stands=col("follows_reset")
            | (col("most") >= 2)
            | (col("end") - col("start") >= START_ALONE + col("is_open").cast(pl.Int64))
        )
        .select("room", "start", "end", "is_open", "most", "stands")
        .with_row_index("span")
        .collect()
    )
    return spans
