"""File of generated events. Usage: make_sample.py EVENTS PATH [SAMPLE WHAT]. A path that ends in .ndjson gets NDJSON.

With SAMPLE and a shape, the file has the events of that sample in another shape: `large-rooms` (twenty rooms), `small-rooms` (a room
for each room and day) or `unsorted` (rows in random order).
With SAMPLE and an attribute, the file has the events of that sample, with one more column: `customer`, one of a thousand by the
room, or `email`, one for each user.
"""

import json
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headcount.demo.sample import sample_table, write_sample

ATTRIBUTES = {
    "customer": ("room", lambda room: f"customer-{crc32(room.encode()) % 1_000}"),
    "email": ("user_id", lambda user_id: f"{user_id}@example.org"),
}
"""For each attribute the column that it depends on, and its value."""


SHAPES = ("large-rooms", "small-rooms", "unsorted")
_DAY_MS = 86_400_000
_FEW = 20


def main(events: str, path: str, sample: str = "", what: str = "") -> None:
    unfinished = Path(f"{path}.part")
    unfinished.parent.mkdir(exist_ok=True)
    if what in SHAPES:
        pq.write_table(shaped(pq.read_table(sample), what), unfinished, row_group_size=1_000_000)
    elif sample:
        write_with(sample, what, unfinished)
    elif path.endswith(".ndjson"):
        write_lines(int(events), unfinished)
    else:
        write_sample(unfinished, events=int(events))
    unfinished.rename(path)


def shaped(table: pa.Table, shape: str) -> pa.Table:
    """Return the events of a sample in another shape."""
    if shape == "unsorted":
        return table.take(np.random.default_rng(1).permutation(len(table)))
    rooms = table["room"].combine_chunks().dictionary_encode()
    if isinstance(rooms, pa.ChunkedArray):
        rooms = rooms.unify_dictionaries().combine_chunks().chunk(0)
    names, codes = rooms.dictionary.to_pylist(), rooms.indices.to_numpy()
    if shape == "large-rooms":
        few = np.array([crc32(name.encode()) % _FEW for name in names], np.int32)
        column = pa.DictionaryArray.from_arrays(few[codes], [f"room-{number}" for number in range(_FEW)])
    else:
        day = table["at"].cast(pa.int64()).to_numpy() // _DAY_MS
        both, places = np.unique(codes.astype(np.int64) << 32 | day, return_inverse=True)
        texts = [f"{names[pair >> 32]}-{pair & 0xFFFFFFFF}" for pair in both.tolist()]
        column = pa.DictionaryArray.from_arrays(places.astype(np.int32), texts)
    return table.set_column(table.column_names.index("room"), "room", column)


def write_with(sample: str, attribute: str, path: Path) -> None:
    """Write the events of a sample with a column of one attribute."""
    column, value = ATTRIBUTES[attribute]
    coded = ["room", "kind", "user_id", "user_name"]
    with pq.ParquetFile(sample, read_dictionary=coded) as file:
        name = f"attributes.{attribute}"
        schema = file.schema_arrow.append(pa.field(name, pa.dictionary(pa.int32(), pa.string())))
        with pq.ParquetWriter(
            path, schema, use_dictionary=[*coded, name], dictionary_pagesize_limit=64 << 20
        ) as to:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                codes = pa.chunked_array(
                    [
                        pa.DictionaryArray.from_arrays(
                            chunk.indices, pa.array([value(text) for text in chunk.dictionary.to_pylist()])
                        )
                        for chunk in rows[column].chunks
                    ]
                )
                to.write_table(rows.append_column(schema.field(name), codes), row_group_size=len(rows))


def write_lines(events: int, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in sample_table(events).to_pylist():
            known = {key: value for key, value in row.items() if value is not None}
            file.write(json.dumps(known | {"at": row["at"].isoformat(timespec="milliseconds")}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
