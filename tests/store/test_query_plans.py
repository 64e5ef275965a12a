"""Query plans of SQLite."""

import re

import pytest

from headcount.store.open import open_store
from headcount.store.statements import statement, with_lists

GIVEN = {"domain": "d", "room": "r", "after_room": "", "after_join": -1, "after_participant": "", "limit": 10}


@pytest.mark.parametrize("question", ["select_presence", "select_room_presence"])
def test_presence_is_merged_in_order_from_two_indexes_alone(tmp_path, question):
    store = open_store(str(tmp_path / "a.db"))
    with store.database.reading() as connection:
        text = f"explain query plan {statement(question)}"
        way = [step for *_, step in connection.query(text, GIVEN)]
    store.close()
    merge, _, stays, _, pending = way
    assert merge == "MERGE (UNION ALL)"
    assert "COVERING INDEX open_stays" in stays
    assert "pending_stays USING PRIMARY KEY" in pending


@pytest.mark.parametrize(
    ("question", "more"),
    [
        ("select_attributes_of_present", {"rooms": ["r", "s"], "participant_ids": ["p", "q"]}),
        ("select_room_presence_with_attributes", {"room": "r"}),
        ("select_room_open_stays", {"room": "r"}),
    ],
)
def test_only_stays_of_present_participants_are_read_and_not_all_of_the_room(tmp_path, question, more):
    store = open_store(str(tmp_path / "a.db"))
    with store.database.reading() as connection:
        text, values = with_lists(question, {"domain": "d", **more})
        way = [step for *_, step in connection.query(f"explain query plan {text}", values)]
    store.close()
    stays, rows = (step for step in way if " stays " in step or " s " in step)
    assert "COVERING INDEX open_stays" in stays
    assert rows.endswith("PRIMARY KEY (domain=? AND room=? AND join_ms=? AND participant_id=?)")


@pytest.mark.parametrize("question", ["count_rooms", "select_rooms_after", "select_rooms_before"])
def test_rooms_are_read_in_order_from_an_index_alone(tmp_path, question):
    store = open_store(str(tmp_path / "a.db"))
    with store.database.reading() as connection:
        text = f"explain query plan {statement(question)}"
        way = [step for *_, step in connection.query(text, GIVEN | {"created": 0})]
    store.close()
    assert len(way) == 1
    assert "COVERING INDEX rooms_by_creation" in way[0]


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("select_entries_about", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ("select_participants_of_user", "COVERING INDEX stays_by_user (domain=? AND user_id=?)"),
        ("select_participants_entries", "INDEX entries_by_room (domain=? AND room=? AND at_ms>?)"),
        ("select_participants_stays", "PRIMARY KEY (domain=? AND room=? AND (join_ms,participant_id)>(?,?))"),
        ("select_meetings_between", "INDEX meetings_by_room (domain=? AND room=? AND <expr>>? AND <expr><?)"),
        ("select_room_corrections", "INDEX corrections_by_room (domain=? AND room=? AND first_ms>?)"),
    ],
)
def test_what_is_stored_about_a_person_is_found_by_an_index(tmp_path, question, index):
    store = open_store(str(tmp_path / "a.db"))
    with store.database.reading() as connection:
        text, _ = with_lists(question, {"participant_ids": ["p", "q"]})
        values = dict.fromkeys(re.findall(r"(?<!:):(\w+)", text), 0)
        way = [step for *_, step in connection.query(f"explain query plan {text}", values)]
    store.close()
    assert way[0].endswith(f"USING {index}")
    assert not any("TEMP B-TREE" in step for step in way)


WEEK = "domain = 'd' and start_time >= 1767225600 and start_time < 1767830400"


def plan_of(store, text):
    with store.database.reading() as connection:
        return [step for *_, step in connection.query(f"explain query plan {text}", {})]


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        (
            f"select id, participants from meetings_v1 where {WEEK}",
            [
                "SEARCH m USING INDEX meetings_by_start (domain=? AND <expr>>? AND <expr><?)",
                "SEARCH s USING PRIMARY KEY (domain=? AND room=? AND join_ms>? AND join_ms<?)",
            ],
        ),
        (
            f"select * from participants_v1 where {WEEK}",
            ["SEARCH m USING INDEX meetings_by_start (domain=? AND <expr>>? AND <expr><?)"] * 2
            + ["SEARCH s USING PRIMARY KEY (domain=? AND room=? AND join_ms>? AND join_ms<?)"],
        ),
        (
            f"select * from participants_v1 where {WEEK} and room = 'r'",
            ["SEARCH m USING INDEX meetings_by_room (domain=? AND room=? AND <expr>>? AND <expr><?)"] * 2,
        ),
        (
            "select * from participants_v1 where domain = 'd' and meeting_id = 'i'",
            ["SEARCH m USING PRIMARY KEY (domain=? AND id=?)"] * 2,
        ),
        (
            f"select * from usage_hourly_v1 where {WEEK}",
            [
                "SEARCH d USING PRIMARY KEY (domain=? AND attribute=? AND value=?)",
                "SEARCH q USING COVERING INDEX room_quarters_by_quarter (domain=? AND quarter=?)",
            ],
        ),
    ],
)
def test_filtered_views_read_the_rows_of_that_time_alone(tmp_path, question, steps):
    store = open_store(str(tmp_path / "a.db"))
    way = plan_of(store, question)
    store.close()
    for step in set(steps):
        assert way.count(step) >= steps.count(step), way
    assert not {"SCAN s", "SCAN q", "SCAN d"} & set(way)
