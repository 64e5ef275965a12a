"""Lower limit: read the events and write an output of the same size, without any computation.

Usage: copy_baseline.py EVENTS OUT_DIR LIKE_DIR. LIKE_DIR contains `meetings.parquet` and `participants.parquet`. The output
has the same columns and numbers of rows, filled from columns of the events. Polars reads and writes with its defaults.
"""

import sys
from pathlib import Path

import polars as pl

MEETINGS = {"room": "room", "start": "at", "end": "at", "ongoing": "kind"}
PARTICIPANTS = {
    "start": "at",
    "room": "room",
    "participant_id": "participant_id",
    "user_id": "user_id",
    "user_name": "user_name",
    "join": "at",
    "leave": "at",
    "left_by": "kind",
}


def main(events: str, out: str, like: str) -> None:
    source_rows = pl.read_parquet(events)
    for table, columns in (("meetings", MEETINGS), ("participants", PARTICIPANTS)):
        rows = pl.scan_parquet(Path(like) / f"{table}.parquet").select(pl.len()).collect().item()
        copied = source_rows.head(rows).select(pl.col(column).alias(name) for name, column in columns.items())
        copied.write_parquet(Path(out) / f"{table}.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
