"""Statements: the SQL texts, each in a file named for what it answers.

They are written once, with `:name` where a value goes, for both databases.
"""

import re
from functools import cache
from importlib.resources import files

_ROW = re.compile(r"values (\((?:\?(?:, )?)+\))")
_INSERT = re.compile(r"insert into (\w+) \(([^)]*)\)")
_VALUE = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@cache
def statement(name: str) -> str:
    """The text of `sql/queries/NAME.sql`, as SQLite reads it."""
    return (files("headcount.store") / "sql" / "queries" / f"{name}.sql").read_text("utf-8")


@cache
def of_many_rows(text: str, rows: int) -> str:
    """An insert of one row as an insert of so many."""
    return _ROW.sub(lambda row: f"values {', '.join([row[1]] * rows)}", text)


@cache
def of_one_list(text: str) -> str:
    """An insert of one row as PostgreSQL's insert of all rows of one value: a JSON list of objects."""
    table, columns = inserted_into(text)
    listed = f"select {columns} from json_populate_recordset(cast(null as {table}), cast(? as json))"  # noqa: S608 - our own
    return _ROW.sub(listed, text)


@cache
def inserted_into(text: str) -> tuple[str, str]:
    """The table that an insert is into, and its columns."""
    found = _INSERT.search(text)
    assert found is not None
    return found[1], " ".join(found[2].split())


def inserts_rows(text: str) -> bool:
    """Whether it is an insert whose values are given by place."""
    return _ROW.search(text) is not None


@cache
def for_postgres(text: str) -> str:
    """The same statement with values as psycopg expects them."""
    return _VALUE.sub(r"%(\1)s", text.replace("%", "%%")).replace("?", "%s")
