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
