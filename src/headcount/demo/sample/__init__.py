"""Sample events: as many as you like, as messy as the real ones, the same for the same seed.

To measure a pass over ten million events, or to try the product before any vendor is
connected, one needs events that look like those of a real company: popular rooms and
quiet ones, meetings on the hour in several time zones, people who come early, look in for
nine seconds, lose their connection, hand over to each other, stay behind alone. They
are made up a day at a time, so that memory does not grow with the file.

It knows what people do (`people.py`) and what sources report of it (`reports.py`), and nothing
of the rules: what it makes up sits near the rules' boundaries (9,999 ms and 10,000 ms, alone
for 600 s sharp) because that is where errors live, and not because it works out any meeting.

What it promises: all events of one connection carry the same user and name; a connection
belongs to one room. Everything else that sources get wrong, it gets wrong, too, rarely:
lost joins, lost leaves, joins and leaves said twice, exact duplicates.
"""

from collections.abc import Iterator
from os import PathLike
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from headcount.demo.sample.columns import SCHEMA, table_of
from headcount.demo.sample.days import delivered
from headcount.demo.sample.world import Events, World

__all__ = ["ROW_GROUP", "SCHEMA", "sample_table", "write_sample"]

ROW_GROUP: Final = 1_000_000


def write_sample(
    path: str | PathLike[str], *, events: int, seed: int = 1, disorder: float = 0.0, ends: float = 0.0
) -> None:
    """Write a Parquet file of `events` made-up events, in the order in which they are delivered.

    The file is in time order, except that the fraction `disorder` of the events comes up to
    8 s late. The fraction `ends` of the meetings is closed by an `end` of the room. Memory
    does not grow with `events`. Raises `ValueError` for a negative number or a fraction
    beyond 1.
    """
    world = World(events, seed, disorder, ends)
    with pq.ParquetWriter(
        path, SCHEMA, use_dictionary=_ENCODED, dictionary_pagesize_limit=64 << 20, store_schema=True
    ) as file:
        for group in _row_groups(delivered(world)):
            file.write_table(table_of(group, world), row_group_size=ROW_GROUP)


_ENCODED: Final = ["room", "kind", "user_id", "user_name"]


def sample_table(events: int, seed: int = 1, *, disorder: float = 0.0, ends: float = 0.0) -> pa.Table:
    """The same events as `write_sample` would write, in memory."""
    world = World(events, seed, disorder, ends)
    return table_of(Events.concatenated([Events.none(), *delivered(world)]), world)


def _row_groups(parts: Iterator[Events]) -> Iterator[Events]:
    """The same events in groups of `ROW_GROUP`; the last group may be smaller."""
    held = Events.none()
    for part in parts:
        held = Events.concatenated([held, part])
        while len(held.at) >= ROW_GROUP:
            yield held.where(slice(ROW_GROUP))
            held = held.where(slice(ROW_GROUP, None))
    if len(held.at):
        yield held
