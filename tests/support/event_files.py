"""Events as tables and files, and the errors of those that cannot be read."""

import json

import pyarrow as pa
import pytest

from headcount.batch.io.readers import joined, read
from headcount.errors import BadInput

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
JOIN = {"room": "blue", "participant_id": "p1", "kind": "join", "at": NINE}
LEAVE = {"room": "blue", "participant_id": "p1", "kind": "leave", "at": NINE + 60_000}
END = {"room": "blue", "participant_id": None, "kind": "end", "at": NINE + 90_000}
HEADER = "room,participant_id,kind,at\n"


def read_all(source, **options):
    return joined(list(read(source, **options)))


def table(*events):
    return pa.Table.from_pylist(list(events))


def write_lines(path, *lines):
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def write_ndjson(path, *events):
    return write_lines(path, *(json.dumps(event) + "\n" for event in events))


def error_of(source, **options):
    with pytest.raises(BadInput) as caught:
        read_all(source, **options)
    return str(caught.value)


def error_with(event, **changed):
    """Return the error of a table with this one event after these changes."""
    message = error_of(table(event | changed))
    assert message.startswith("the events, row 1: ")
    return message.removeprefix("the events, row 1: ")
