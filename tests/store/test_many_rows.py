"""Many rows or keys in one statement, on both databases: each value is stored and found as it was given."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.store.database import StoreRejected
from headcount.store.open import open_store
from headcount.store.postgres_arrays import array_of
from headcount.store.records import StayRow
from headcount.store.statements import bulk_target, statement

TEXTS = [
    "", " ", "null", "NULL", "{}", "{a,b}", '"', "\\", '\\"', "\\\\", "\\n", "a\nb", "\t", "\r\n", "\b\f\x1f\x7f",
    "\\u0041", "ä", "\U0001f98a", "'", ",", "a,b", "\u2028", '{"role":"a \\"guest\\""}', "\\x00ff", "%s", ":name", "?",
]  # fmt: skip
LEFT = 2**53 + 1
COLUMNS = "domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name, attributes"
LOOKUP = """
with wanted (room, join_ms) as ({keys})
select s.room, s.join_ms, s.user_name from wanted as w
cross join stays as s
where s.domain = :domain and s.room = w.room and s.join_ms = w.join_ms
"""


def stays(leave=None):
    return [
        StayRow("acme", text, number, text, leave, None, None if number % 3 else text, text, text)
        for number, text in enumerate(TEXTS)
    ]


def stored(connection):
    rows = connection.query(f"select {COLUMNS} from stays order by join_ms", {})
    return [StayRow(*row) for row in rows]


def test_rows_are_inserted_replaced_and_deleted(store):
    with store.database.writing() as connection:
        for leave in (None, LEFT):
            assert connection.write("upsert_stay", stays(leave)) == len(TEXTS)
            assert stored(connection) == stays(leave)
        removed = [row[:4] for row in stays()[::2]]
        assert connection.write("delete_stay", [*removed, ("acme", "none", 0, "none")]) == len(removed)
        assert stored(connection) == stays(LEFT)[1::2]


def test_rows_are_updated(store):
    with store.database.writing() as connection:
        connection.write("upsert_room", [("acme", text, 0, None, None) for text in TEXTS])
        updated = [(None if text == " " else text, "acme", text) for text in TEXTS[:-1]]
        assert connection.write("update_checkpoint", [*updated, ("x", "acme", "none")]) == len(updated)
        found = {room: text for _, room, text in checkpoints(connection)}
    assert found == {room: text for text, _, room in updated} | {TEXTS[-1]: None}


def checkpoints(connection):
    return connection.query("select domain, room, checkpoint from rooms", {})


def test_no_rows_change_nothing(store):
    with store.database.writing() as connection:
        assert connection.write("upsert_stay", []) == 0
        assert connection.lookup(LOOKUP, [], domain="acme") == []


@pytest.mark.parametrize("copies", [1, 6_000])
def test_keys_are_looked_up(store, copies):
    with store.database.writing() as connection:
        connection.write("upsert_stay", stays())
        wanted = [(text, number) for number, text in enumerate(TEXTS) if number % 2]
        missing = [("none", number) for number in range(copies)]
        found = connection.lookup(LOOKUP, [*missing, *wanted], domain="acme")
    assert sorted(found) == sorted((text, number, text) for text, number in wanted)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_text_that_postgresql_cannot_store_is_rejected(postgres, value):
    store = open_store(postgres.database())
    with pytest.raises(StoreRejected), store.database.writing() as connection:
        connection.write("upsert_stay", [stays()[0]._replace(user_name=value)])
    store.close()


def test_statements_about_other_conditions_are_not_converted():
    assert bulk_target(statement("delete_marks")) is None
    assert bulk_target("update rooms\nset room = ?\nwhere room = ?") is None


@pytest.fixture(scope="module")
def server(postgres):
    with psycopg.connect(postgres.database()) as connection:
        yield connection


@given(st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_texts_are_elements_of_an_array(server, texts):
    ((found,),) = server.execute("select cast(%s as text[])", (array_of(texts),)).fetchall()
    assert found == texts


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_any_numbers_are_elements_of_an_array(server, numbers):
    ((found,),) = server.execute("select cast(%s as bigint[])", (array_of(numbers),)).fetchall()
    assert found == numbers
