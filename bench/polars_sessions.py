"""Peer: meetings in Polars expressions. Usage: polars_sessions.py EVENTS OUT_DIR [--times].

The head count of all rooms is one running sum over one sorted column of integers, each of
which packs a room, an instant, and join or leave. Rooms do not affect each other, because open stays end at the
room's horizon, the instant from which on nothing is decided. `end` events are not supported.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from polars import col

MIN_STAY, START_ALONE, RESET_ALONE = 10_000, 30_000, 600_000
ROOM = 1 << 42  # a packed instant: room * ROOM + milliseconds since the epoch
NUMBER = col("room").to_physical().cast(pl.Int64)  # of a room; any numbers will do
LONGEST = 1 << 37  # no meeting lasts four years
KEYS = ["room", "participant_id"]
STAY = [*KEYS, "user_id", "user_name", "join", "leave"]


def main(events: str, out: str, *options: str) -> None:
    lap = laps(shown="--times" in options)
    events_table = read(events)
    rooms = events_table.select(col("room").unique()).with_columns(number=NUMBER)
    as_of = events_table["t"].max()
    lap("read")
    stays, horizons = stays_of(events_table, as_of)
    del events_table
    lap("stays")
    steps = steps_of(stays, horizons, as_of)
    lap("steps")
    spans = spans_of(steps, horizons, as_of)
    del steps
    lap("spans")
    entries = entries_of(stays, spans, as_of)
    del stays
    lap("entries")
    write(entries, spans, rooms, as_of, Path(out))
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


def read(events: str) -> pl.DataFrame:
    """The events, with times as integers. `mark` is the same for all events of a connection."""
    return (
        pl.scan_parquet(events)
        .select(
            *("room", "participant_id", "user_id", "user_name"),
            t=col("at").to_physical(),
            is_join=col("kind") == "join",
            mark=col("participant_id").hash(),
        )
        .collect()
    )


def stays_of(events_table: pl.DataFrame, as_of: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stays that count; and the horizons of the rooms in which somebody is pending.

    Nearly every connection has one join and one leave: these are joined. The others are
    looked at event by event, and so are those that only share a mark with others.
    """
    one_of_each = (1 << 32) + 1
    marks = events_table.group_by("mark").agg(mask=pl.when("is_join").then(1).otherwise(1 << 32).sum())
    others = marks.filter(col("mask") != one_of_each)["mark"]
    is_other = col("mark").is_in(others.implode())
    joins = events_table.lazy().filter(~is_other & col("is_join")).rename({"t": "join"})
    leaves = events_table.lazy().filter(~is_other & ~col("is_join")).select(*KEYS, leave="t")
    plain = (
        joins.join(leaves, on=KEYS, how="left")
        .filter(col("leave").is_null() | (col("leave") != col("join")))
        .with_columns(leave=pl.when(col("leave") > col("join")).then("leave"))
        .select(STAY)
    )
    counts = col("leave").is_null() | (col("leave") - col("join") >= MIN_STAY)
    stays = pl.concat([plain, _paired(events_table.lazy().filter(is_other))]).filter(counts).collect()
    pending = col("leave").is_null() & (as_of - col("join") < MIN_STAY)
    horizons = stays.filter(pending).group_by(number=NUMBER).agg(horizon=col("join").min())
    return stays.filter(~pending), horizons


def _paired(events_table: pl.LazyFrame) -> pl.LazyFrame:
    """Return the stays of participants with more than one join."""
    return (
        events_table.group_by(*KEYS, "t")
        .agg(
            col("user_id", "user_name", "is_join").first(),
            cancelled=col("is_join").any() & ~col("is_join").all(),
        )
        .filter(~col("cancelled"))
        .sort(*KEYS, "t")
        .filter(col("is_join") != col("is_join").shift(fill_value=False).over(KEYS))
        .with_columns(join="t", leave=col("t").shift(-1).over(KEYS))
        .filter("is_join")
        .select(STAY)
    )


def steps_of(stays: pl.DataFrame, horizons: pl.DataFrame, as_of: int) -> pl.DataFrame:
    """The head counts n: one row for each instant at which n changes, by room and time."""
    moved = stays.lazy().select("join", "leave", number=NUMBER)
    leave = col("leave").fill_null(as_of + 1)
    if horizons.height:
        moved = moved.join(horizons.lazy(), on="number", how="left")
        leave = pl.min_horizontal(leave, "horizon")
    comings = moved.select(move=(col("number") * ROOM + col("join")) * 2 + 1)
    goings = moved.select(move=(col("number") * ROOM + leave) * 2)
    return (
        pl.concat([comings, goings])
        .select(col("move").sort())
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
    return (
        steps.lazy()
        .with_columns(
            is_start=before == 0, follows_reset=is_reset.shift(fill_value=False), previous=at.shift()
        )
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
            end=pl.when(col("follows_reset").shift(-1, fill_value=False))
            .then(col("start").shift(-1))
            .otherwise("last"),
            number=at // ROOM,
        )
        .join(horizons.lazy(), on="number", how="left", maintain_order="left")
        .with_columns(is_open=col("end") == col("number") * ROOM + col("horizon").fill_null(as_of + 1))
        .with_columns(
            stands=col("follows_reset")
            | (col("most") >= 2)
            | (col("end") - col("start") >= START_ALONE + col("is_open").cast(pl.Int64))
        )
        .select("number", "start", "end", "is_open", "most", "stands")
        .with_row_index("span")
        .collect()
    )


def entries_of(stays: pl.DataFrame, spans: pl.DataFrame, as_of: int) -> pl.DataFrame:
    """Each stay in the span of its join, and again in each that a reset begins while it lasts."""
    begun = (
        stays.lazy()
        .with_columns(instant=NUMBER * ROOM + col("join"))
        .sort("instant")
        .join_asof(spans.lazy().with_columns(col("start").set_sorted()), left_on="instant", right_on="start")
        .filter("stands")
        .collect()
    )
    begin = col("number") * ROOM
    again = (
        begun.lazy()
        .with_columns(left_at=begin + col("leave").fill_null(as_of + 1))
        .filter(~col("is_open") & (col("left_at") > col("end")))
        .select(*STAY, "number", "instant", "left_at")
        .join(spans.lazy().filter("stands"), on="number")
        .filter((col("start") > col("instant")) & (col("start") < col("left_at")))
        .with_columns(join=col("start") - begin)
    )
    shown = [*STAY, "number", "span", "end", "is_open"]
    end = col("end") - begin
    goes_on = ~col("is_open") & (col("leave").is_null() | (col("leave") > end))
    return (
        pl.concat([begun.lazy().select(shown), again.select(shown)])
        .with_columns(
            leave=pl.when(goes_on).then(end).otherwise("leave"),
            left_by=pl.when(~goes_on & col("leave").is_not_null()).then(pl.lit("reported")),
        )
        .drop("number", "end", "is_open")
        .collect()
    )


def write(entries: pl.DataFrame, spans: pl.DataFrame, rooms: pl.DataFrame, as_of: int, out: Path) -> None:
    """Both tables in order: meetings by start and room, entries by meeting, join and participant."""
    begin = col("number") * ROOM
    counts = entries.group_by("span").agg(
        participants=pl.len().cast(pl.Int32),
        participant_ms=(col("leave").fill_null(as_of) - col("join")).sum(),
    )
    meetings = (
        spans.lazy()
        .filter("stands")
        .join(rooms.lazy(), on="number")
        .join(counts.lazy(), on="span")
        .with_columns(col("start", "end") - begin)
        .sort("start", "room")
        .with_row_index("rank")
        .collect()
    )
    _write(
        meetings.select(
            "room",
            "start",
            pl.when(~col("is_open")).then("end").alias("end"),
            col("is_open").alias("ongoing"),
            col("most").cast(pl.Int32).alias("max_participants"),
            "participants",
            "participant_ms",
        ),
        out / "meetings.parquet",
    )
    known = spans.select("span").join(meetings, on="span", how="left", maintain_order="left")
    by_span = entries["span"]
    entries = entries.with_columns(known["start"].gather(by_span), known["rank"].gather(by_span))
    columns = ["start", *STAY, "left_by"]
    _write(entries.select(columns)[in_order(entries)], out / "participants.parquet")


def in_order(entries: pl.DataFrame) -> pl.Series:
    """The order by meeting, join and participant: by one integer, and by name only where that ties."""
    key = entries.select(key=col("rank").cast(pl.Int64) * LONGEST + col("join") - col("start"))["key"]
    order = key.arg_sort()
    sorted_key = key.gather(order)
    ties = (sorted_key == sorted_key.shift(1)) | (sorted_key == sorted_key.shift(-1))
    places = ties.fill_null(False).arg_true()
    tied = order.gather(places)
    names = pl.DataFrame(
        {"row": tied, "key": key.gather(tied), "name": entries["participant_id"].gather(tied)}
    )
    return order.scatter(places, names.sort("key", "name")["row"])


def _write(table: pl.DataFrame, path: Path) -> None:
    instants = [name for name in ("start", "end", "join", "leave") if name in table.columns]
    table.with_columns(col(instants).cast(pl.Datetime("ms", "UTC"))).write_parquet(path, compression="lz4")


if __name__ == "__main__":
    main(*sys.argv[1:])
