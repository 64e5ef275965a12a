"""Pieces of any types yield the same columns as all rows at once."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.batch.passes.collect import Collector
from headcount.batch.sessionize import sessionize

pytestmark = pytest.mark.usefixtures("each_lane")

AT = 1_700_000_000_000
BARE = {"room": ["blue", "green"], "participant_id": ["a", "b"], "kind": ["join", "join"], "at": [AT, AT]}
NAMED = {
    "room": ["green", "blue"],
    "participant_id": ["c", "a" * 20],
    "kind": ["join", "join"],
    "at": [AT + 1, AT + 2],
    "user_name": ["Ada", None],
    "domain": [None, "office"],
}


def coded(table):
    position = table.column_names.index("participant_id")
    return table.set_column(position, "participant_id", table["participant_id"].dictionary_encode())


@pytest.mark.parametrize("first", [pa.table(BARE), coded(pa.table(BARE))])
@pytest.mark.parametrize("second", [pa.table(NAMED), coded(pa.table(NAMED))])
def test_pieces_may_differ_in_columns_and_in_the_type_of_participants(tmp_path, first, second):
    paths = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    pq.write_table(first, paths[0])
    pq.write_table(second, paths[1])
    whole = pa.concat_tables([pa.table(BARE), pa.table(NAMED)], promote_options="default")
    apart, at_once = sessionize(paths, as_of=AT + 100_000), sessionize(whole, as_of=AT + 100_000)
    assert apart.meetings.to_pylist() == at_once.meetings.to_pylist()
    assert apart.participants.to_pylist() == at_once.participants.to_pylist()
    assert {row["user_name"] for row in apart.participants.to_pylist()} == {"Ada", None}


@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_a_wrong_estimate_of_the_remaining_rows_changes_nothing(share):
    collector = Collector("default", 2)
    for number in range(50):
        codes = pa.array([f"room {number}", "blue"]).dictionary_encode()
        piece = {"room": codes, "kind": pa.array([0, 0], pa.int8()), "at": [AT + number, AT]}
        collector.add(pa.table(piece | {"participant_id": [f"p{number}", "q"]}), share)
    columns = collector.columns()
    assert len(columns) == 100
    assert columns.at[::2].tolist() == list(range(AT, AT + 50))
    assert columns.names.text[: columns.names.offsets[4]].tobytes() == b"p0qp1q"
