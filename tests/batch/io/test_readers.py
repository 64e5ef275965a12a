"""The same events from any format, in canonical columns."""

import gzip
import io
import json
import sys
from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.batch.io.readers import read
from support.event_files import END, HEADER, JOIN, LEAVE, NINE, read_all, table, write_lines, write_ndjson


def test_events_are_read_into_canonical_columns():
    found = read_all(table(JOIN, LEAVE, END))
    assert {field.name: str(field.type) for field in found.schema} == {
        "room": "dictionary<values=string, indices=int32, ordered=0>",
        "kind": "int8",
        "at": "int64",
        "participant_id": "string",
    }
    assert found.to_pylist() == [
        {"room": "blue", "kind": 0, "at": NINE, "participant_id": "p1"},
        {"room": "blue", "kind": 1, "at": NINE + 60_000, "participant_id": "p1"},
        {"room": "blue", "kind": 2, "at": NINE + 90_000, "participant_id": None},
    ]


def test_unknown_columns_are_not_read():
    assert "id" not in read_all(table(JOIN | {"id": "e1", "colour": "red"})).column_names


def test_an_empty_text_is_null():
    found = read_all(table(JOIN | {"user_id": "", "user_name": "Ada", "domain": ""}))
    assert found.select(["user_id", "user_name", "domain"]).to_pylist() == [
        {"user_id": None, "user_name": "Ada", "domain": None}
    ]


@pytest.mark.parametrize(
    ("given_", "mark"),
    [
        (None, 0), ("", 0), ("false", 0), ("False", 0), ("reported", 0), ("true", 1), ("TRUE", 1),
        ("snapshot", 1), ("timeout", 2), ("room_restarted", 3), (False, 0), (True, 1),
    ],
)  # fmt: skip
def test_each_value_of_inferred_has_its_number(given_, mark):
    assert read_all(table(LEAVE | {"inferred": given_}))["inferred"].to_pylist() == [mark]


# The same from everywhere

words = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=6)
maybe_words = st.none() | words
moments = st.integers(NINE, NINE + 1000)


@st.composite
def events(draw):
    kind = draw(st.sampled_from(["join", "leave", "end"]))
    at = draw(moments)
    return {
        "room": draw(words),
        "participant_id": None if kind == "end" else draw(words),
        "kind": kind,
        "at": at,
        "user_id": draw(maybe_words),
        "user_name": draw(maybe_words),
        "domain": draw(maybe_words),
        "source_session": draw(maybe_words),
        "joined_at": draw(st.none() | st.integers(NINE - 1000, at)) if kind == "leave" else None,
        "inferred": draw(st.sampled_from([None, "snapshot", "timeout", "room_restarted"])),
    }


def read_back(source, given_):
    found = read_all(source)
    return [{name: row.get(name) for name in given_[0]} for row in found.to_pylist()]


@given(st.lists(events(), min_size=1, max_size=8))
def test_every_format_yields_the_same_events(tmp_path_factory, given_):
    folder = tmp_path_factory.mktemp("same")
    arrow = pa.Table.from_pylist(given_, ARROW)
    pq.write_table(arrow, folder / "e.parquet", row_group_size=3)
    pyarrow.csv.write_csv(arrow, folder / "e.csv")
    lines = write_ndjson(folder / "e.ndjson", *given_)
    (folder / "e.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    expected = read_back(arrow, given_)
    without_marks = [row | {"inferred": row["inferred"] or 0} for row in expected]
    for name in ("e.parquet", "e.csv", "e.ndjson", "e.jsonl.gz"):
        found = [row | {"inferred": row["inferred"] or 0} for row in read_back(folder / name, given_)]
        assert found == without_marks, name


TEXT = pa.string()
ARROW = pa.schema(
    [
        ("room", TEXT), ("participant_id", TEXT), ("kind", TEXT), ("at", pa.int64()), ("user_id", TEXT),
        ("user_name", TEXT), ("domain", TEXT), ("source_session", TEXT), ("joined_at", pa.int64()), ("inferred", TEXT),
    ]
)  # fmt: skip


@pytest.mark.parametrize("of", [pl.from_arrow, pa.Table.to_pandas, duckdb.from_arrow, pa.Table.to_reader])
def test_tables_of_other_libraries_are_read(of):
    expected = read_all(table(JOIN, LEAVE)).to_pylist()
    assert read_all(of(table(JOIN, LEAVE))).to_pylist() == expected


def test_a_pandas_table_may_have_timestamps_and_categories():
    frame = pd.DataFrame([JOIN, LEAVE]).assign(
        at=lambda rows: pd.to_datetime(rows["at"], unit="ms", utc=True)
    )
    frame = frame.astype({"room": "category", "participant_id": "category"})
    assert read_all(frame).select(["room", "at", "participant_id"]).to_pylist() == [
        {"room": "blue", "at": NINE, "participant_id": "p1"},
        {"room": "blue", "at": NINE + 60_000, "participant_id": "p1"},
    ]


def test_a_polars_table_may_have_timestamps_and_categories():
    frame = pl.DataFrame([JOIN]).with_columns(
        pl.col("at").cast(pl.Datetime("us", "Europe/Paris")), pl.col("room").cast(pl.Categorical)
    )
    frame = frame.with_columns(
        pl.lit(datetime(2026, 1, 31, 9, tzinfo=UTC)).dt.cast_time_unit("ns").alias("at")
    )
    assert read_all(frame)["at"].to_pylist() == [NINE]


def test_a_dash_is_ndjson_on_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(JOIN).encode())))
    assert read_all("-").num_rows == 1


def test_files_are_read_one_after_another(tmp_path):
    first = write_ndjson(tmp_path / "1.ndjson", JOIN | {"user_name": "Ada"})
    second = write_lines(tmp_path / "2.csv", HEADER, f"green,p2,join,{NINE}\n")
    found = read_all([first, str(second)])
    assert found["room"].to_pylist() == ["blue", "green"]
    assert found["user_name"].to_pylist() == ["Ada", None]


def test_a_large_file_is_read_in_pieces(tmp_path):
    pq.write_table(table(*[JOIN] * 10), tmp_path / "e.parquet", row_group_size=4)
    assert [piece.num_rows for piece in read(tmp_path / "e.parquet", piece_rows=3)] == [3, 1, 3, 3]
    assert [piece.num_rows for piece in read(tmp_path / "e.parquet", piece_rows=8)] == [8, 2]


def test_codes_of_a_piece_are_one_array():
    chunks = pa.concat_tables([table(JOIN | {"room": room}) for room in ("blue", "green", "blue")])
    (piece,) = read(chunks)
    assert piece["room"].num_chunks == 1
    assert piece["room"].to_pylist() == ["blue", "green", "blue"]


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_without_events_the_table_is_empty(tmp_path, name):
    pq.write_table(table(JOIN).slice(1), tmp_path / "e.parquet")
    write_lines(tmp_path / "e.csv", HEADER)
    write_lines(tmp_path / "e.ndjson", "\n")
    assert [piece.num_rows for piece in read(tmp_path / name)] == [0]


def test_a_byte_order_mark_and_empty_lines_are_ignored(tmp_path):
    mark = b"\xef\xbb\xbf"
    csv = write_lines(tmp_path / "e.csv", mark, HEADER, "\n", f"blue,p1,join,{NINE}\n\n")
    lines = write_lines(tmp_path / "e.ndjson", mark, "\n", json.dumps(JOIN), "\r\n", "\n")
    assert read_all(csv).to_pylist() == read_all(lines).to_pylist()


def test_a_reading_is_returned_unchanged():
    reading = read(table(JOIN))
    assert read(reading) is reading
