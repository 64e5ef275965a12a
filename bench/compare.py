"""Comparison of two results, to the last field and in the same order.

Usage: compare.py A B. Each is a directory with `meetings.parquet` and `participants.parquet`. Meetings are identified by
start and room. If participants refer to meetings by id, the id is looked up in the same result. Times are compared as
milliseconds, whatever their unit in the file.
"""

import sys
from pathlib import Path

import polars as pl

MEETINGS = {
    "start": pl.Int64,
    "room": pl.String,
    "end": pl.Int64,
    "ongoing": pl.Boolean,
    "max_participants": pl.Int64,
    "participants": pl.Int64,
    "participant_ms": pl.Int64,
}
PARTICIPANTS = {
    "start": pl.Int64,
    "room": pl.String,
    "participant_id": pl.String,
    "user_id": pl.String,
    "user_name": pl.String,
    "join": pl.Int64,
    "leave": pl.Int64,
    "left_by": pl.String,
}
SHOWN = 5


def main(a: str, b: str) -> int:
    """0 if the results are equal; else the first differences are printed."""
    differences = compare(Path(a), Path(b))
    print("\n".join(differences) or f"equal: {a} and {b}")
    return bool(differences)


def compare(a: Path, b: Path) -> list[str]:
    """What differs, in words; nothing if the results are equal."""
    return [
        difference
        for table, read in (("meetings", read_meetings), ("participants", read_participants))
        for difference in differences(table, read(a), read(b))
    ]


def read_meetings(directory: Path) -> pl.DataFrame:
    return _alike(pl.scan_parquet(directory / "meetings.parquet"), MEETINGS)


def read_participants(directory: Path) -> pl.DataFrame:
    participants = pl.scan_parquet(directory / "participants.parquet")
    if "start" not in participants.collect_schema():
        meetings = pl.scan_parquet(directory / "meetings.parquet").select("start", meeting_id="id")
        participants = participants.with_columns(pl.col("meeting_id").cast(pl.String))
        participants = participants.join(meetings, on="meeting_id", how="left", maintain_order="left")
    return _alike(participants, PARTICIPANTS)


def _alike(table: pl.LazyFrame, types: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    found = table.collect_schema()
    return table.select(
        pl.col(name).dt.epoch("ms") if isinstance(found[name], pl.Datetime) else pl.col(name).cast(kind)
        for name, kind in types.items()
    ).collect()


def differences(table: str, a: pl.DataFrame, b: pl.DataFrame) -> list[str]:
    if a.equals(b):
        return []
    if a.height == b.height and a.sort(a.columns).equals(b.sort(b.columns)):
        return [f"{table}: the same rows in another order"]
    only_a = a.join(b, on=a.columns, how="anti", nulls_equal=True)
    only_b = b.join(a, on=a.columns, how="anti", nulls_equal=True)
    return [
        f"{table}: {a.height} rows and {b.height}",
        f"  {only_a.height} only in the first: {only_a.head(SHOWN).rows()}",
        f"  {only_b.height} only in the second: {only_b.head(SHOWN).rows()}",
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
