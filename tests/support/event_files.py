"""Events as tables and files, and what is said of those that cannot be read: for all tests of reading."""

import json

import pyarrow as pa
import pytest

from headcount.batch.io.readers import joined, read
from headcount.errors import BadInput

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
COMES = {"room": "blue", "participant_id": "p1", "kind": "join", "at": NINE}
GOES = {"room": "blue", "participant_id": "p1", "kind": "leave", "at": NINE + 60_000}
CLOSES = {"room": "blue", "participant_id": None, "kind": "end", "at": NINE + 90_000}
HEADER = "room,participant_id,kind,at\n"


def whole(source, **options):
    return joined(list(read(source, **options)))


def table(*events):
    return pa.Table.from_pylist(list(events))


def written(path, *lines):
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def ndjson(path, *events):
    return written(path, *(json.dumps(event) + "\n" for event in events))


def sentence(source, **options):
    with pytest.raises(BadInput) as caught:
        whole(source, **options)
    return str(caught.value)


def about(event, **changed):
    """What is said of a table with this one event, changed so."""
    said = sentence(table(event | changed))
    assert said.startswith("the events, row 1: ")
    return said.removeprefix("the events, row 1: ")
