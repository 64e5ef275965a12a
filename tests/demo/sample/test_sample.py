"""Sample events: the same for the same seed, in time order, and as imperfect as documented."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from headcount.demo import sample
from headcount.demo.sample import SCHEMA, sample_table, write_sample


@pytest.fixture(scope="module")
def events():
    return sample_table(100_000)


def at(table):
    return table["at"].cast(pa.int64()).to_numpy()


def stays_of(table):
    """Return the durations of stays of connections with one join and one leave."""
    frame = table.set_column(3, "at", table["at"].cast(pa.int64()))
    joined, left = (
        frame.filter(pc.equal(frame["kind"].cast(pa.string()), kind))
        .group_by("participant_id")
        .aggregate([("at", "min"), ("at", "count")])
        for kind in ("join", "leave")
    )
    both = joined.join(left, "participant_id", right_suffix="_left", join_type="inner")
    both = both.filter(pc.and_(pc.equal(both["at_count"], 1), pc.equal(both["at_count_left"], 1)))
    lengths = pc.subtract(both["at_min_left"], both["at_min"]).to_numpy()
    return lengths[lengths > 0]


def test_the_same_seed_gives_the_same_events():
    assert sample_table(5_000, seed=7).equals(sample_table(5_000, seed=7))


def test_another_seed_gives_other_events():
    assert not sample_table(5_000, seed=7).equals(sample_table(5_000, seed=8))


@pytest.mark.parametrize("number", [0, 1, 2, 10, 999, 20_000])
def test_there_are_exactly_as_many_events_as_requested(number):
    assert sample_table(number).num_rows == number


def test_the_columns_are_those_of_the_schema(events):
    assert events.schema == SCHEMA


def test_the_events_are_in_time_order(events):
    assert (np.diff(at(events)) >= 0).all()


def test_the_file_has_the_same_events_as_the_table(tmp_path):
    write_sample(tmp_path / "events.parquet", events=5_000, seed=3, disorder=0.1, ends=0.1)
    written = pq.read_table(tmp_path / "events.parquet")
    assert written.to_pylist() == sample_table(5_000, seed=3, disorder=0.1, ends=0.1).to_pylist()


def test_the_file_is_split_into_row_groups_without_losing_an_event(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ROW_GROUP", 1_000)
    write_sample(tmp_path / "events.parquet", events=3_500)
    written = pq.ParquetFile(tmp_path / "events.parquet")
    assert [written.metadata.row_group(i).num_rows for i in range(4)] == [1_000, 1_000, 1_000, 500]
    assert written.read().to_pylist() == sample_table(3_500).to_pylist()


@pytest.mark.parametrize(("number", "groups"), [(0, 0), (1_000, 1), (2_000, 2)])
def test_no_row_group_is_empty(tmp_path, monkeypatch, number, groups):
    monkeypatch.setattr(sample, "ROW_GROUP", 1_000)
    write_sample(tmp_path / "events.parquet", events=number)
    assert pq.ParquetFile(tmp_path / "events.parquet").num_row_groups == groups


def test_disorder_makes_that_ratio_of_events_late_by_seconds():
    instants = at(sample_table(50_000, disorder=0.2))
    behind = np.maximum.accumulate(instants) - instants
    assert 0.05 < (behind > 0).mean() < 0.2
    assert behind.max() <= 8_000


def test_there_is_no_end_of_a_room_by_default(events):
    assert "end" not in events["kind"].cast(pa.string()).unique().to_pylist()


def test_an_end_has_no_participant():
    table = sample_table(20_000, ends=0.2)
    ends = table.filter(pc.equal(table["kind"].cast(pa.string()), "end"))
    assert ends.num_rows > 50
    assert ends["participant_id"].null_count == ends["user_id"].null_count == ends.num_rows


def test_a_connection_belongs_to_one_room_and_one_user(events):
    columns = ["room", "participant_id", "user_id", "user_name"]
    columns_as_text = pa.table({name: events[name].cast(pa.string()) for name in columns})
    assert columns_as_text.group_by(columns).aggregate([]).num_rows == len(
        pc.unique(columns_as_text["participant_id"])
    )


def test_the_id_of_a_connection_looks_like_those_of_vendors(events):
    assert pc.all(pc.match_substring_regex(events["participant_id"], "^PA_[0-9A-Za-z]{12}$")).as_py()


def test_there_is_about_one_room_for_500_events(events):
    assert 150 <= len(pc.unique(events["room"].cast(pa.string()))) <= 200


def test_some_rooms_are_far_more_popular_than_others(events):
    sizes = np.sort(
        [count["counts"] for count in pc.value_counts(events["room"].cast(pa.string())).to_pylist()]
    )
    assert sizes[-1] > 10 * np.median(sizes)


def test_most_users_have_id_and_name_and_some_do_not(events):
    assert 0 < events["user_id"].null_count < 0.1 * len(events)
    assert 0 < events["user_name"].null_count < 0.2 * len(events)


def test_about_three_in_a_hundred_stays_are_short(events):
    assert 0.02 < (stays_of(events) < 10_000).mean() < 0.06


def test_there_are_stays_on_both_sides_of_the_threshold(events):
    lengths = stays_of(events)
    assert {9_999, 10_000} <= set(lengths.tolist())


def test_less_than_one_percent_of_events_are_duplicates(events):
    columns_as_text = pa.table(
        {name: events[name].cast(pa.string()) for name in ("room", "participant_id", "kind")}
    )
    once = (
        columns_as_text.append_column("at", events["at"])
        .group_by([*columns_as_text.column_names, "at"])
        .aggregate([])
        .num_rows
    )
    assert 0 < len(events) - once < 0.01 * len(events)


def test_some_stays_are_open_at_the_end(events):
    kinds = events["kind"].cast(pa.string())
    assert pc.sum(pc.equal(kinds, "join")).as_py() > pc.sum(pc.equal(kinds, "leave")).as_py()


def test_a_small_sample_is_not_cut_from_a_large_one():
    tracemalloc.start()
    sample_table(1_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2_000_000


@pytest.mark.parametrize(
    "wrong", [{"events": -1}, {"events": 1, "disorder": 1.5}, {"events": 1, "ends": -0.1}]
)
def test_invalid_parameters_are_rejected(wrong):
    with pytest.raises(ValueError, match="cannot generate"):
        sample_table(**wrong)
