"""The SQL files and the code that runs their statements."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest

import headcount.store
from headcount.store.open import open_store
from headcount.store.statements import parse, statement, statements, with_lists

POSTGRES_ONLY = {
    "take_leadership",
    "take_part_of_leadership", "update_heartbeat", "terminate_silent_leader", "try_lock", "release_lock",
}  # fmt: skip
CODE = Path(headcount.store.__file__).parent


def texts_in_code():
    """All string literals of the store's modules."""
    trees = [ast.parse(file.read_text()) for file in CODE.rglob("*.py")]
    constants = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {node.value for node in constants if isinstance(node.value, str)}


def test_each_statement_is_used():
    assert set(statements()) - texts_in_code() == set()


def test_each_statement_that_is_used_exists():
    verbs = {name.partition("_")[0] for name in statements()}
    used = {text for text in texts_in_code() if re.fullmatch(rf"({'|'.join(verbs)})_[a-z_]+", text)}
    assert used - set(statements()) == set()


def test_each_file_is_named_for_a_module():
    modules = {path.stem for path in CODE.rglob("*.py")} | {path.name for path in CODE.iterdir()}
    names = {file.name.removesuffix(".sql") for file in files("headcount.store").joinpath("sql").iterdir()}
    assert names - modules == set()


def test_sqlite_accepts_each_statement(tmp_path):
    store = open_store(str(tmp_path / "headcount.db"))
    with store.database.reading() as connection:
        for name in statements().keys() - POSTGRES_ONLY:
            text = f"explain {statement(name)}"
            places = [None] * text.count("?")
            names = dict.fromkeys(re.findall(r"(?<!:):([a-z_][a-z0-9_]*)", text))
            connection.raw.execute(text, places or names)
    store.close()


def test_a_file_is_parsed_into_its_statements():
    text = "-- About the file.\n\n-- name: one\n-- why\nselect 1\n\n-- name: two\nselect 2\nfrom t\n"
    assert parse(text) == {"one": "-- why\nselect 1", "two": "select 2\nfrom t"}


def test_two_statements_of_one_name_are_an_error():
    with pytest.raises(LookupError, match="two statements"):
        parse("-- name: one\nselect 1\n\n-- name: one\nselect 2\n")


def test_an_unknown_statement_is_an_error():
    with pytest.raises(LookupError, match="'no_such'"):
        statement("no_such")


def test_a_list_becomes_single_values():
    text, values = with_lists("select_messages_by_position", {"positions": [3, 5]})
    assert "in (:positions_0, :positions_1)" in text
    assert values == {"positions_0": 3, "positions_1": 5}
    assert "in (null)" in with_lists("select_messages_by_position", {"positions": []})[0]
