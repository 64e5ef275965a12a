"""Sample events: any number of them, as imperfect as real ones, the same for the same seed.

Responsible for events that look like those of a real company, to measure a pass over ten million events or to try the product
without a vendor: popular rooms and quiet ones, meetings on the hour in several time zones, people who join early, stay for
nine seconds, lose their connection, take over from each other, or stay alone. They are generated a day at a time, so that
memory does not grow with the file.

`people` is about what people do, `reports` about what sources report. Both must not know the rules. Durations are often at
the boundaries of rules (9,999 ms and 10,000 ms, alone for exactly 600 s) because that is where errors are.

All events of a connection have the same user and name, and a connection belongs to one room. Everything else that sources get
wrong is wrong here, too, rarely: lost joins, lost leaves, repeated joins and leaves, exact duplicates.
"""

from collections.abc import Iterator
from os import PathLike
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from headcount.demo.sample.columns import SCHEMA, table_of
from headcount.demo.sample.days import events_by_day
from headcount.demo.sample.world import Events, World

__all__ = ["ROW_GROUP", "SCHEMA", "sample_table", "write_sample"]

ROW_GROUP: Final = 1_000_000


def write_sample(
    path: str | PathLike[str], *, events: int, seed: int = 1, disorder: float = 0.0, ends: float = 0.0
) -> None:
    """Write a Parquet file of `events` generated events, in order of arrival.

    The file is in time order, except that the fraction `disorder` of the events arrives up to 8 s late. The fraction `ends`
    of the meetings is closed by an `end` of the room. Memory does not grow with `events`. Raise `ValueError` for a negative
    number or a fraction above 1.
    """
    world = World(events, seed, disorder, ends)
    with pq.ParquetWriter(
        path,
        SCHEMA,
        use_dictionary=_DICTIONARY_COLUMNS,
        dictionary_pagesize_limit=64 << 20,
        store_schema=True,
    ) as file:
        for group in _row_groups(events_by_day(world)):
            file.write_table(table_of(group, world), row_group_size=ROW_GROUP)


_DICTIONARY_COLUMNS: Final = ["room", "kind", "user_id", "user_name"]


def sample_table(events: int, seed: int = 1, *, disorder: float = 0.0, ends: float = 0.0) -> pa.Table:
    """Return the events that `write_sample` would write as a table."""
    world = World(events, seed, disorder, ends)
    return table_of(Events.concatenated([Events.empty(), *events_by_day(world)]), world)


def _row_groups(parts: Iterator[Events]) -> Iterator[Events]:
    """The events in groups of `ROW_GROUP`; the last group may be smaller."""
    buffered = Events.empty()
    for part in parts:
        buffered = Events.concatenated([buffered, part])
        while len(buffered.at) >= ROW_GROUP:
            yield buffered.where(slice(ROW_GROUP))
            buffered = buffered.where(slice(ROW_GROUP, None))
    if len(buffered.at):
        yield buffered
